// Package measure holds the vocabulary: every measure's name, metric, unit, windows, help and how it is counted.
// It is the same on every platform, so that one dashboard and one rule file serve all of them.
package measure

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Kind says what somebody did. Its name is the singular of the measure that counts it.
type Kind string

// The kinds of event.
const (
	Login               Kind = "login" // somebody signed in; a renewed token is no login
	PageView            Kind = "page_view"
	PageCreated         Kind = "page_created"
	PageEdit            Kind = "page_edit" // a save of an existing page
	Comment             Kind = "comment"
	Reaction            Kind = "reaction"
	Search              Kind = "search"
	SearchWithoutResult Kind = "search_without_result" // also told as Search
)

// Active is told by accounts alone, never by events: the platform's own last-activity time.
const Active Kind = "active"

// EventKinds lists the kinds that an event can have, in the order of the documentation.
var EventKinds = []Kind{Login, PageView, PageCreated, PageEdit, Comment, Reaction, Search, SearchWithoutResult}

// A Basis says what a number rests on.
type Basis string

// The bases.
const (
	Event    Basis = "event"     // counted here from events
	LastSeen Basis = "last_seen" // counted here from the last-seen times which the platform's accounts carry
	Account  Basis = "account"   // counted here from the listing of accounts
	Reported Basis = "reading"   // counted by the platform itself
	Joined   Basis = "joined"    // counted here from the accounts of several platforms
)

// Bases lists all bases.
var Bases = []Basis{Event, LastSeen, Account, Reported, Joined}

// A Window is a rolling, half-open stretch that ends at the data time: [T − window, T).
// Zero stands for a measure of one moment.
type Window time.Duration

const day = 24 * time.Hour

// Windows are what is counted here. 28 days, not 30: always four of each weekday.
var Windows = []Window{Window(day), Window(7 * day), Window(28 * day)}

// Longest is the longest of Windows: how far back facts matter.
const Longest = 28 * day

// String returns the window as labels and the config file write it: "7d", and "" for a moment.
func (w Window) String() string {
	if w == 0 {
		return ""
	}
	return fmt.Sprintf("%dd", time.Duration(w)/day)
}

// ParseWindow reads what String writes. A window of any whole number of days is valid:
// a platform's own reading keeps the window that it has.
func ParseWindow(s string) (Window, error) {
	var n int
	if _, err := fmt.Sscanf(s, "%dd", &n); err != nil || n < 1 || n > 3660 || Window(time.Duration(n)*day).String() != s {
		return 0, errors.New("is not a window; write a number of days such as 7d")
	}
	return Window(time.Duration(n) * day), nil
}

// A Counting says how a measure comes about from facts.
type Counting int

// The ways of counting.
const (
	FromAccounts Counting = iota // state of the listing
	Events                       // number of events in the window
	People                       // distinct accounts in the window
	FromReadings                 // only ever a reading
	Across                       // over all platforms together, and delivered by no single one
)

// A Unit is what one of a measure is.
type Unit string

// The units. A ratio is 0 to 1.
const (
	Ratio Unit = "ratio"
)

// One is the unit of a single one: "page" for "pages", "login per account" for "logins per account". A word of the
// organisation's own that only looks like more than one, such as "status", stays.
func (u Unit) One() Unit {
	many, _, _ := strings.Cut(string(u), " per ")
	one := many
	switch {
	case many == "people":
		one = "person"
	case strings.HasSuffix(many, "ches"):
		one = strings.TrimSuffix(many, "es")
	case !strings.HasSuffix(many, "ss") && !strings.HasSuffix(many, "us"):
		one = strings.TrimSuffix(many, "s")
	}
	return Unit(one) + u[len(many):]
}

// A Measure is one entry of the vocabulary.
type Measure struct {
	Name     string // in the config file, in measure_info; without prefix and unit
	Metric   string
	Help     string
	Unit     Unit
	Windowed bool
	Counting Counting
	Kinds    []Kind // what Events and People count
	Label    string // one more label, besides platform and window: reason, field, site, name; platform, where a measure is Across
	NoKPI    bool   // only for looking
}

// Named tells whether each value of the measure's own label is a number by itself, which the configuration names and a
// KPI may stand on. Values of other labels divide up one number.
func (m Measure) Named() bool { return m.Counting == FromReadings && m.Label != "" }

// Written is how the config file writes the measure: "pages", "custom.<name>".
func (m Measure) Written() string {
	if m.Named() {
		return m.Name + ".<" + m.Label + ">"
	}
	return m.Name
}

// Custom is the measure of an organisation's own numbers.
const Custom = "custom"

var (
	contributing = []Kind{PageCreated, PageEdit, Comment, Reaction}
	acting       = append([]Kind{PageView, Search}, contributing...)
)

// All is the vocabulary, in the order of the documentation.
var All = []Measure{
	{Name: "accounts", Metric: "intranet_accounts", Unit: "accounts", Counting: FromAccounts,
		Help: "Accounts of persons that are enabled and not excluded, from the last listing."},
	{Name: "accounts_excluded", Metric: "intranet_accounts_excluded", Unit: "accounts", Counting: FromAccounts, Label: "reason", NoKPI: true,
		Help: "Listed accounts that are not counted, by the first reason that applies; with intranet_accounts they add up to all listed accounts."},
	{Name: "activated_accounts", Metric: "intranet_activated_accounts", Unit: "accounts", Counting: FromAccounts,
		Help: "Of intranet_accounts, those that ever signed in."},
	{Name: "active_users", Metric: "intranet_active_users", Unit: "users", Windowed: true, Counting: People, Kinds: acting,
		Help: "Distinct people who viewed, searched, created, edited, commented or reacted in the window that ends at the data time; signing in is not enough."},
	{Name: "contributors", Metric: "intranet_contributors", Unit: "users", Windowed: true, Counting: People, Kinds: contributing,
		Help: "Distinct people who created, edited, commented or reacted in the window that ends at the data time."},
	{Name: "authors", Metric: "intranet_authors", Unit: "users", Windowed: true, Counting: People, Kinds: []Kind{PageCreated, PageEdit},
		Help: "Distinct people who created or edited a page in the window that ends at the data time."},
	{Name: "logged_in_users", Metric: "intranet_logged_in_users", Unit: "users", Windowed: true, Counting: People, Kinds: []Kind{Login},
		Help: "Distinct people who signed in in the window that ends at the data time."},
	{Name: "logins", Metric: "intranet_logins", Unit: "logins", Windowed: true, Counting: Events, Kinds: []Kind{Login},
		Help: "Times that people signed in in the window that ends at the data time."},
	{Name: "page_views", Metric: "intranet_page_views", Unit: "views", Windowed: true, Counting: Events, Kinds: []Kind{PageView},
		Help: "Views of pages in the window that ends at the data time."},
	{Name: "pages_visited", Metric: "intranet_pages_visited", Unit: "pages", Windowed: true, Counting: FromReadings,
		Help: "Distinct pages that somebody viewed in the window that ends at the data time."},
	{Name: "site_page_views", Metric: "intranet_site_page_views", Unit: "views", Windowed: true, Counting: FromReadings, Label: "site",
		Help: "Views of pages of one site in the window that ends at the data time, for the sites that the configuration names."},
	{Name: "site_visitors", Metric: "intranet_site_visitors", Unit: "users", Windowed: true, Counting: FromReadings, Label: "site",
		Help: "Distinct people who viewed a page of one site in the window that ends at the data time, for the sites that the configuration names."},
	{Name: "pages", Metric: "intranet_pages", Unit: "pages", Counting: FromReadings,
		Help: "Pages that are there, counted by the platform."},
	{Name: "pages_stale", Metric: "intranet_pages_stale", Unit: "pages", Counting: FromReadings,
		Help: "Pages that nobody touched for longer than configured."},
	{Name: "pages_created", Metric: "intranet_pages_created", Unit: "pages", Windowed: true, Counting: Events, Kinds: []Kind{PageCreated},
		Help: "Pages created in the window that ends at the data time and still there."},
	{Name: "page_edits", Metric: "intranet_page_edits", Unit: "edits", Windowed: true, Counting: Events, Kinds: []Kind{PageEdit},
		Help: "Saves of existing pages in the window that ends at the data time; the creation of a page is none."},
	{Name: "comments", Metric: "intranet_comments", Unit: "comments", Windowed: true, Counting: Events, Kinds: []Kind{Comment},
		Help: "Comments in the window that ends at the data time."},
	{Name: "reactions", Metric: "intranet_reactions", Unit: "reactions", Windowed: true, Counting: Events, Kinds: []Kind{Reaction},
		Help: "Reactions such as likes in the window that ends at the data time."},
	{Name: "searches", Metric: "intranet_searches", Unit: "searches", Windowed: true, Counting: Events, Kinds: []Kind{Search},
		Help: "Searches in the window that ends at the data time."},
	{Name: "searches_without_result", Metric: "intranet_searches_without_result", Unit: "searches", Windowed: true, Counting: Events, Kinds: []Kind{SearchWithoutResult},
		Help: "Searches that found nothing in the window that ends at the data time."},
	{Name: "profiles_complete", Metric: "intranet_profiles_complete", Unit: "accounts", Counting: FromAccounts,
		Help: "Of intranet_accounts, those whose profile has at least the configured share of its fields filled in."},
	{Name: "profile_completion", Metric: "intranet_profile_completion_ratio", Unit: Ratio, Counting: FromAccounts,
		Help: "Mean share of the profile fields that are filled in, over intranet_accounts, 0 to 1."},
	{Name: "profile_field_filled", Metric: "intranet_profile_field_filled_ratio", Unit: Ratio, Counting: FromAccounts, Label: "field", NoKPI: true,
		Help: "Share of intranet_accounts that have the profile field filled in, 0 to 1."},
	{Name: "people", Metric: "intranet_people", Unit: "people", Counting: Across,
		Help: "Persons with a counted account on a platform that takes part, each of them once; with a workforce, those that it has."},
	{Name: "people_active", Metric: "intranet_people_active", Unit: "people", Windowed: true, Counting: Across,
		Help: "Of intranet_people, those that were active on at least one platform, in the window that ends at the data time of that platform."},
	{Name: "people_logged_in", Metric: "intranet_people_logged_in", Unit: "people", Windowed: true, Counting: Across,
		Help: "Of intranet_people, those that signed in to at least one platform, in the window that ends at the data time of that platform."},
	{Name: "accounts_unjoined", Metric: "intranet_accounts_unjoined", Unit: "accounts", Counting: Across, Label: "platform", NoKPI: true,
		Help: "Counted accounts of the platform that belong to nobody in intranet_people: without identity, or with one that the workforce does not have."},
	{Name: Custom, Metric: "intranet_custom_value", Counting: FromReadings, Label: "name",
		Help: "A number of the organisation's own, in the unit that its configuration gives."},
}

// Lookup finds a measure by name.
func Lookup(name string) (Measure, bool) {
	i := slices.IndexFunc(All, func(m Measure) bool { return m.Name == name })
	if i < 0 {
		return Measure{}, false
	}
	return All[i], true
}

// Names lists the names of all measures that a platform can deliver, for messages.
func Names() string {
	var names []string
	for _, m := range All {
		if m.Counting != Across {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, ", ")
}

// A Ref names one series of a platform: a measure, its window, and the value of its own label where it has one.
type Ref struct {
	Measure string
	Window  Window
	Label   string
}

// String returns the reference as messages show it, such as "logins over 7d" or "custom.survey_score".
func (r Ref) String() string {
	s := r.Measure
	if r.Label != "" {
		s += "." + r.Label
	}
	if r.Window != 0 {
		s += " over " + r.Window.String()
	}
	return s
}
