// Package collector has a file or a few for each intranet platform, the contract between them and the rest of the
// house, and the one table of platform types.
package collector

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// Types is the one table of platform types: what `type:` may be in the config file.
var Types = map[string]New{
	"mediawiki":    newMediawiki,
	"microsoft365": newMicrosoft365,
	"sql":          newSQL,
}

// New makes a collector from its part of the config file, without I/O. decode fills a struct of the
// type's own keys, strictly, and its error already names file, line and key. An error of New itself
// that concerns one key should be made by KeyError, so that it gets file and line as well.
type New func(decode func(any) error, o Options) (Collector, error)

// Options are what a collector gets besides its own keys.
type Options struct {
	Name      string                                     // of the platform in the config file
	UserAgent string                                     // for HTTP
	Dir       string                                     // that relative file names in the config file start from
	Profile   []string                                   // fields that count for profile completion; nil = all that the platform tells
	OnRequest func(code string)                          // called once for each request sent; code is an HTTP status, "error", or "ok"
	Now       func() time.Time                           // nil = time.Now
	Wait      func(context.Context, time.Duration) error // pauses between requests; nil = as long as it is told
}

// A KeyError is a mistake in one key of a platform's part of the config file.
type KeyError struct {
	Key string // path below the platform, such as "events.login"
	Err error
}

func (e *KeyError) Error() string { return fmt.Sprintf("%s: %s", e.Key, e.Err) }
func (e *KeyError) Unwrap() error { return e.Err }

func keyErrorf(key, format string, args ...any) error {
	return &KeyError{Key: key, Err: fmt.Errorf(format, args...)}
}

// A Collector reads one platform and knows its API, and nothing about disk, logs, windows, exclusions or
// Prometheus. Methods are called one at a time. A nil error means that the platform told everything that
// was asked; what was emitted before an error is thrown away, but for readings. Errors carry a cause (package
// cause).
type Collector interface {
	// Describe says what this configuration, not this type, delivers and needs. It does no I/O.
	Describe() Description
	// Probe proves who we are and what we may see. It opens every poll, and closes each part of it:
	// what was read counts only when the rights were still there afterwards. A missing required
	// permission is an error with cause permission, and the Access is returned beside it.
	Probe(ctx context.Context) (Access, error)
	// Accounts emits every account once, the excluded and disabled too. They take effect together.
	Accounts(ctx context.Context, emit func(Account)) error
	// Events emits what was done in [from, to), in any order. It may be asked for the same span again.
	// An event outside the span is an error of the collector or of its configuration.
	Events(ctx context.Context, from, to time.Time, emit func(Event)) error
	// Readings emits the numbers that the platform counts by itself; they take effect one by one, also
	// before an error, so only a number that is whole may be emitted. With
	// full, which comes with the listing of accounts, also those that need a walk.
	Readings(ctx context.Context, full bool, emit func(Reading)) error
}

// A Description is what one configured platform delivers.
type Description struct {
	Events   []EventSource
	Accounts *AccountSource // nil: the platform lists no accounts, and every actor counts
	Readings []ReadingSource

	Permissions []Permission
	Undelivered map[string]string // measures that the platform can't deliver, and why, in one sentence

	Interval time.Duration // between polls, unless configured
	Settle   time.Duration // how late the slowest event source is
	Overlap  time.Duration // how much is read again by each poll, for late and withdrawn events
	Step     time.Duration // longest span of one Events call, at least five minutes
	Lag      time.Duration // normal age of the data beyond Settle; added to max_age
	Reread   bool          // all 28 days may be read again every day, where the platform remembers them

	Definition string // of the source keys (address, queries, namespaces), without secrets: a change starts a re-read
}

// An EventSource says where the events of a kind come from.
type EventSource struct {
	Kind   measure.Kind
	Source string        // such as "list=allrevisions", for measure_info
	Memory time.Duration // how far back the platform remembers; 0 = longer than the longest window
}

// An AccountSource says what the listing tells of an account.
type AccountSource struct {
	Source     string
	Nameless   bool // names are not told, so that no exclusion by name works
	Identity   bool // who somebody is on other platforms too
	LastLogin  bool
	LastActive bool
	Profile    []string // the fields that count, in the order of Account.Filled
}

// A ReadingSource is a number that the platform counts by itself, with the value of the measure's own label where it has
// one. Those of the pseudo-platform people are joined from the accounts of others.
type ReadingSource struct {
	measure.Ref
	Source     string
	Title      string // custom measures only
	Unit       measure.Unit
	Definition string // of this number, where Description.Definition does not have it, as a digest: a change drops the old one
}

// A Permission is a right on the platform.
type Permission struct {
	Name     string
	Required bool     // without it no poll can succeed
	Lost     string   // what is lost without it, for `check --live` and the documentation
	Sources  []string // that are lost without it, as the description names them
}

// An Access is what Probe found.
type Access struct {
	Account string          // our own account's id, "" where we have none; it is never counted
	Granted map[string]bool // by permission name
}

// A KindOfAccount says who is behind an account.
type KindOfAccount string

// The kinds of account.
const (
	Person  KindOfAccount = "person"
	Service KindOfAccount = "service" // bots, integrations, system accounts
	Guest   KindOfAccount = "guest"
)

// An Account is one account as the platform describes it. Zero times mean never or unknown.
type Account struct {
	ID         string // as in Event.Actor
	Name       string // matched with exclude.accounts and then forgotten
	Identity   string // e-mail address or principal name that the person has on other platforms too; "" = unknown
	Kind       KindOfAccount
	Enabled    bool
	LastLogin  time.Time
	LastActive time.Time
	Filled     []bool // profile fields, in the order of AccountSource.Profile
}

// An Event is something that somebody did.
type Event struct {
	Kind  measure.Kind
	At    time.Time
	Actor string // account id; "" = nobody known, counted as an event only
}

// A Reading is a number that the platform counted by itself.
type Reading struct {
	measure.Ref
	Value float64
	AsOf  time.Time
}

// Delivered is one measure that a configured platform delivers.
type Delivered struct {
	measure.Ref
	Basis  measure.Basis
	Source string
	Unit   measure.Unit
	Title  string // custom measures only
}

// Measures lists what follows from d, in the order of the vocabulary. It is the one place that decides
// which measures a platform has; the label is left out where it only divides up a measure.
func (d Description) Measures() []Delivered {
	var all []Delivered
	for _, m := range measure.All {
		reported := map[measure.Ref]bool{} // a platform's own number is taken before one counted here
		for _, r := range d.Readings {
			if !m.Named() {
				r.Label = ""
			}
			if r.Measure == m.Name && !reported[r.Ref] {
				reported[r.Ref] = true
				unit, basis := m.Unit, measure.Reported
				switch {
				case m.Name == measure.Custom:
					unit = r.Unit
				case m.Counting == measure.Across:
					basis = measure.Joined
				}
				all = append(all, Delivered{Ref: r.Ref, Basis: basis, Source: r.Source, Unit: unit, Title: r.Title})
			}
		}
		basis, source := d.counted(m)
		if basis == "" {
			continue
		}
		windows := []measure.Window{0}
		if m.Windowed {
			windows = measure.Windows
		}
		for _, w := range windows {
			if ref := (measure.Ref{Measure: m.Name, Window: w}); !reported[ref] {
				all = append(all, Delivered{Ref: ref, Basis: basis, Source: source, Unit: m.Unit})
			}
		}
	}
	return all
}

// Remembers tells whether the platform can answer for all of a window that ends at the data time.
func (d Description) Remembers(window time.Duration) bool {
	return !slices.ContainsFunc(d.Events, func(e EventSource) bool {
		return e.Memory != 0 && e.Memory < d.Settle+window+10*time.Minute // by so much rounding moves both ends
	})
}

// counted says what m is counted from here, or "" if it can't be.
func (d Description) counted(m measure.Measure) (measure.Basis, string) {
	a := d.Accounts
	switch m.Counting {
	case measure.FromAccounts:
		ok := a != nil
		switch m.Name {
		case "activated_accounts":
			ok = ok && a.LastLogin
		case "profiles_complete", "profile_completion", "profile_field_filled":
			ok = ok && len(a.Profile) > 0
		}
		if ok {
			return measure.Account, a.Source
		}
	case measure.Events, measure.People:
		kinds := m.Kinds
		if m.Name == "active_users" {
			// Who only reads is part of it, so without readers there is no such number.
			kinds = []measure.Kind{measure.PageView}
		}
		for _, e := range d.Events {
			if slices.Contains(kinds, e.Kind) {
				return measure.Event, e.Source
			}
		}
		// Where a platform has both events and last-seen times, events win.
		if a != nil && (m.Name == "logged_in_users" && a.LastLogin || m.Name == "active_users" && a.LastActive) {
			return measure.LastSeen, a.Source
		}
	}
	return "", ""
}

// readingName is how the config file names a number of which a platform has several: a KPI writes it behind the measure.
var readingName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// listed writes names for a message.
func listed[S ~string](names []S) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}

// digest stands for texts of the config file in the state on disk: a query or an address may name people.
func digest(texts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", texts))
	return hex.EncodeToString(sum[:])
}

// secret returns what the config file says, or the present content of a file.
func secret(value, file string) func() (string, error) {
	return func() (string, error) {
		if file == "" {
			return value, nil
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return "", cause.Errorf(cause.Other, "%w", err)
		}
		return strings.TrimSpace(string(content)), nil
	}
}
