package collector

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// How late sign-ins are told: within minutes mostly, and within hours always.
const (
	signInSettle  = 2 * time.Hour
	signInOverlap = 6 * time.Hour
)

// signInEvery is the pace of requests for sign-ins: the platform's limit is 5 in 10 s.
const signInEvery = 2500 * time.Millisecond

// microsoft365Fields are the profile fields that Graph lists and counts, by their names in the config file.
var microsoft365Fields = map[string]string{
	"city": "city", "company_name": "companyName", "country": "country", "department": "department", "job_title": "jobTitle",
	"mobile_phone": "mobilePhone", "office_location": "officeLocation", "postal_code": "postalCode", "state": "state", "street_address": "streetAddress",
}

// microsoft365Profile are those that count unless configured.
var microsoft365Profile = []string{"job_title", "department", "office_location", "mobile_phone"}

// errBasic says that the listing has not what only the whole permission gives.
var errBasic = cause.Errorf(cause.Permission, "told accounts without accountEnabled; the application has not %s, but perhaps User.ReadBasic.All", usersRead)

// A microsoft365Users reads the directory, Microsoft Entra ID.
type microsoft365Users struct {
	graph    *microsoft365Graph
	fields   []string // of a profile, by their names in the config file
	columns  []string // the same by Graph's names
	licensed bool     // who has no licence is no person
	now      func() time.Time
}

// A microsoft365User is a row of the directory.
type microsoft365User struct {
	id, name, mail, kind string
	enabled              *bool
	licensed             bool
	filled               []bool // by the fields that count
}

// row reads a row: the fields of the profile are those that are configured.
func (u *microsoft365Users) row(dec *jsontext.Decoder) (row microsoft365User, err error) {
	row.filled = make([]bool, len(u.fields))
	err = fetch.Object(dec, func(name string) error {
		switch name {
		case "id":
			return json.UnmarshalDecode(dec, &row.id)
		case "userPrincipalName":
			return json.UnmarshalDecode(dec, &row.name)
		case "mail":
			return json.UnmarshalDecode(dec, &row.mail)
		case "userType":
			return json.UnmarshalDecode(dec, &row.kind)
		case "accountEnabled":
			return json.UnmarshalDecode(dec, &row.enabled)
		case "assignedLicenses":
			return fetch.Array(dec, func() error {
				row.licensed = true
				return dec.SkipValue()
			})
		}
		i := slices.Index(u.columns, name)
		if i < 0 {
			return dec.SkipValue()
		}
		text := ""
		err := json.UnmarshalDecode(dec, &text)
		row.filled[i] = strings.TrimSpace(text) != ""
		return err
	})
	return row, err
}

// probe proves that the directory is told whole: what a lesser permission does not give is simply not there.
func (u *microsoft365Users) probe(ctx context.Context) error {
	query := url.Values{"$select": {"id,accountEnabled"}, "$top": {"1"}}
	var page struct {
		Users []struct {
			Enabled *bool `json:"accountEnabled"`
		} `json:"value"`
	}
	err := u.graph.get(ctx, fetch.Request{Path: "users", Query: query}, &page)
	switch {
	case err != nil:
		return err
	case len(page.Users) == 0:
		return cause.Errorf(cause.BadResponse, "the directory has no accounts")
	case page.Users[0].Enabled == nil:
		return errBasic
	}
	return nil
}

// list tells each account of the directory.
// https://learn.microsoft.com/graph/api/user-list
func (u *microsoft365Users) list(ctx context.Context, tell func(Account)) error {
	columns := append([]string{"id", "userPrincipalName", "mail", "userType", "accountEnabled", "assignedLicenses"}, u.columns...)
	seen := newHashed()
	query := url.Values{"$select": {strings.Join(columns, ",")}, "$top": {"999"}}
	return u.graph.list(ctx, fetch.Request{Path: "users", Query: query}, func(dec *jsontext.Decoder) error {
		row, err := u.row(dec)
		switch {
		case err != nil:
			return err
		case row.id == "" || row.name == "":
			return cause.Errorf(cause.BadResponse, "listed an account without id or userPrincipalName")
		case row.enabled == nil:
			return errBasic
		case !seen.add(row.id):
			return cause.Errorf(cause.BadResponse, "listed an account twice")
		}
		a := Account{ID: row.id, Name: row.name, Identity: cmp.Or(row.mail, row.name), Kind: Person, Enabled: *row.enabled, Filled: row.filled}
		switch {
		case row.kind == "Guest":
			a.Kind = Guest
		case u.licensed && !row.licensed:
			a.Kind = Service
		}
		tell(a)
		return nil
	})
}

// The accounts of the directory, as filters. Guests are who is marked as one: old accounts have no type.
const (
	members  = "userType ne 'Guest'"
	guests   = "userType eq 'Guest'"
	licences = "assignedLicenses/$count ne 0"
	none     = "assignedLicenses/$count eq 0"
	enabled  = "accountEnabled eq true"
	disabled = "accountEnabled eq false"
)

// refs are the numbers that the directory counts by itself.
func (u *microsoft365Users) refs() []measure.Ref {
	reasons := []string{"guest", "disabled"}
	if u.licensed {
		reasons = append(reasons, "service")
	}
	refs := []measure.Ref{{Measure: "accounts"}, {Measure: "profile_completion"}}
	for _, reason := range reasons {
		refs = append(refs, measure.Ref{Measure: "accounts_excluded", Label: reason})
	}
	for _, f := range u.fields {
		refs = append(refs, measure.Ref{Measure: "profile_field_filled", Label: f})
	}
	return refs
}

// counted has the directory count: one request for each number, however many accounts there are.
func (u *microsoft365Users) counted(ctx context.Context) ([]Reading, error) {
	persons := []string{members}
	if u.licensed {
		persons = append(persons, licences)
	}
	var told []Reading
	var failed error
	count := func(conditions ...string) float64 {
		if failed != nil {
			return 0
		}
		var n float64
		n, failed = u.count(ctx, strings.Join(conditions, " and "))
		return n
	}
	tell := func(name, label string, value float64) {
		told = append(told, Reading{Ref: measure.Ref{Measure: name, Label: label}, Value: value, AsOf: u.now()})
	}
	of := func(more string) []string { return append(slices.Clone(persons), more) }

	all := count(of(enabled)...)
	tell("accounts", "", all)
	tell("accounts_excluded", "guest", count(guests))
	tell("accounts_excluded", "disabled", count(of(disabled)...))
	if u.licensed {
		tell("accounts_excluded", "service", count(members, none))
	}
	if all > 0 {
		sum := 0.0
		for i, f := range u.fields {
			// Somebody may join or leave between two counts.
			missing := min(all, count(append(of(enabled), u.columns[i]+" eq null")...))
			tell("profile_field_filled", f, 1-missing/all)
			sum += 1 - missing/all
		}
		tell("profile_completion", "", sum/float64(len(u.fields)))
	}
	if failed != nil {
		return nil, failed
	}
	return told, nil
}

// count asks how many accounts a filter leaves. https://learn.microsoft.com/graph/aad-advanced-queries
func (u *microsoft365Users) count(ctx context.Context, filter string) (float64, error) {
	text := ""
	r := fetch.Request{
		Path: "users/$count", Query: url.Values{"$filter": {filter}},
		Header: http.Header{"Consistencylevel": {"eventual"}, "Accept": {"text/plain"}},
	}
	err := u.graph.ask(ctx, r, func(a *fetch.Answer) (err error) {
		text, err = a.Text()
		return err
	})
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 53)
	if err != nil { // which quotes the text
		return 0, cause.Errorf(cause.BadResponse, "answered no whole number")
	}
	return float64(n), nil
}

// A microsoft365SignIns reads who signed in to an application.
type microsoft365SignIns struct {
	graph       *microsoft365Graph
	application string // "" = all of them, of which only the number is told
	tenant      string
	guests      bool // are told too: the listing knows who they are
	now         func() time.Time
}

// A microsoft365Login is a row of the sign-in log.
type microsoft365Login struct {
	ID          string    `json:"id"`
	At          time.Time `json:"createdDateTime"`
	User        string    `json:"userId"`
	Application string    `json:"appId"`
	Home        string    `json:"homeTenantId"`
	Resource    string    `json:"resourceTenantId"`
	Status      *struct {
		Code int64 `json:"errorCode"` // 0 = success
	} `json:"status"`
}

// log tells the sign-ins in [from, to). Graph takes bounds of whole seconds, both inclusive.
// https://learn.microsoft.com/graph/api/signin-list
func (s *microsoft365SignIns) log(ctx context.Context, from, to time.Time, emit func(Event)) error {
	first, last := from.UTC().Truncate(time.Second), to.UTC().Add(time.Second-1).Truncate(time.Second)
	filter := fmt.Sprintf("createdDateTime ge %s and createdDateTime le %s and appId eq '%s' and status/errorCode eq 0",
		first.Format(time.RFC3339), last.Format(time.RFC3339), s.application)
	seen := newHashed()
	r := fetch.Request{Path: s.path(), Query: url.Values{"$filter": {filter}, "$top": {"1000"}}}
	return s.graph.list(ctx, r, func(dec *jsontext.Decoder) error {
		var row microsoft365Login
		if err := json.UnmarshalDecode(dec, &row); err != nil {
			return err
		}
		switch {
		case row.ID == "" || row.Status == nil:
			return cause.Errorf(cause.BadResponse, "listed a sign-in without id or status")
		case row.At.Before(first) || row.At.After(last) || !strings.EqualFold(row.Application, s.application):
			return cause.Errorf(cause.BadResponse, "listed a sign-in that was not asked for")
		case !seen.add(row.ID), row.Status.Code != 0, row.At.Before(from), !row.At.Before(to):
			return nil
		case !strings.EqualFold(row.Resource, s.tenant), !s.guests && !strings.EqualFold(row.Home, s.tenant):
			return nil // of us elsewhere, of others here
		}
		emit(Event{Kind: measure.Login, At: row.At, Actor: row.User})
		return nil
	})
}

// path is where sign-ins are told.
func (s *microsoft365SignIns) path() string {
	if s.application == "" {
		return "auditLogs/signInEventsSummary"
	}
	return "auditLogs/signIns"
}

// probe proves that sign-ins may be read.
func (s *microsoft365SignIns) probe(ctx context.Context) error {
	var page struct {
		Rows []jsontext.Value `json:"value"`
	}
	if err := s.graph.get(ctx, fetch.Request{Path: s.path(), Query: url.Values{"$top": {"1"}}}, &page); err != nil || page.Rows != nil {
		return err
	}
	return cause.Errorf(cause.BadResponse, "the answer has no list")
}

// A microsoft365Day is a row of the summary.
type microsoft365Day struct {
	Day   time.Time `json:"activityDateTime"`
	Count *int64    `json:"signInCount"`
}

// summary adds up the sign-ins of each day that is over, to all applications.
// https://learn.microsoft.com/graph/api/auditlogroot-list-signineventssummary
func (s *microsoft365SignIns) summary(ctx context.Context) ([]Reading, error) {
	days := series{}
	today := s.now().UTC().Truncate(24 * time.Hour)
	err := s.graph.list(ctx, fetch.Request{Path: s.path()}, func(dec *jsontext.Decoder) error {
		var row microsoft365Day
		if err := json.UnmarshalDecode(dec, &row); err != nil {
			return err
		}
		day := row.Day.UTC().Truncate(24 * time.Hour)
		_, again := days[day]
		switch {
		case row.Count == nil || *row.Count < 0 || again || day.Before(today.AddDate(-1, 0, 0)) || day.After(today.AddDate(0, 0, 1)):
			return cause.Errorf(cause.BadResponse, "listed a day without number, twice, or with a date that can't be right")
		case day.Before(today):
			days[day] = float64(*row.Count)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return days.readings("logins", measure.Windows), nil
}

// microsoft365FieldNames lists the profile fields.
func microsoft365FieldNames() string {
	return strings.Join(slices.Sorted(maps.Keys(microsoft365Fields)), ", ")
}
