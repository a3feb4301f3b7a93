// Package tenant plays a Microsoft 365 tenant for tests, as the vendor documents it: an organisation with accounts, sites and a history of what people
// did, the reports that the vendor computes from it, and a server for sign-in, Graph and downloads that refuses what the documentation does not allow.
// What really happened is told by Truth, which counts from the history and never from a report.
package tenant

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const day = 24 * time.Hour

// A Product is a part of the tenant that people have a licence for, by its name in the reports.
type Product string

// The products that are played.
const (
	SharePoint Product = "SharePoint"
	Engage     Product = "Yammer"
)

// Options say what a tenant is like from its beginning.
type Options struct {
	Users int              // accounts of all kinds; 100 by default
	Days  int              // of history before Start; 45 by default
	Start time.Time        // 2026-11-23 09:30 UTC by default, a Monday
	Clock func() time.Time // what the clock follows instead of standing still between calls of Advance; takes the place of Start

	TenantID    string // has a default, as all that follows
	Domain      string
	ClientID    string
	Secret      string
	Certificate *x509.Certificate // registered with the application; none by default
	Roles       []string          // consented at the beginning; all that the tenant asks for by default

	Login, Graph, Download string // addresses of the three servers, such as https://graph.microsoft.com

	NullUserTypes bool // some old accounts have no userType
	Redrafts      bool // some published pages are being edited again, so that their newest version is not published

	Check Checker // knows the published description of Graph v1.0
}

// A Checker holds requests to Graph v1.0 and answers of this tenant against the published description.
type Checker interface {
	Request(method, path, rawQuery string) error
	Answer(path string, body []byte) error
}

// Switches are what a test can change while the tenant runs, with Tenant.Set.
type Switches struct {
	Lag           map[string]int // days from a report's refresh date to today, by report
	BlankDays     int            // so many of the newest days have blank cells
	ExtraBlankDay bool           // a day after the refresh date is there, too, with blank cells
	MissingDay    int            // the day so many days before the refresh date is missing
	ExtraColumns  bool           // columns that the documentation does not know
	Reordered     bool           // columns in another order
	Renamed       [2]string      // a column's name, and the one that it has instead
	SiteTypes     []string       // rows of getSharePointSiteUsagePages: any of All, Group, Communication; All by default

	ConcealNames    bool             // in detail reports
	WrappedSettings bool             // reportSettings as the sample in the documentation has it, within a value
	Without         map[Product]bool // the tenant does not have the product

	NoPremium   bool          // no Entra ID P1: neither sign-ins nor signInActivity
	Retention   time.Duration // of sign-ins; 30 days by default
	SignInDelay time.Duration // the longest time until a sign-in is listed; 20 minutes by default

	NestedAnalytics  bool // lastSevenDays within itemAnalytics, as in the sample of the documentation
	AnalyticsTimes   bool // lastSevenDays tells from when to when it is
	Incomplete       bool // lastSevenDays comes with incompleteData
	WithoutAnalytics bool // lastSevenDays has no action
	StrictSelected   bool // Sites.Selected is not enough for analytics, whose documentation does not name it

	PageSize     int  // no page of a list is longer
	RepeatedPage int  // the page of that number is served twice
	EmptyPage    int  // before the page of that number comes one with nothing but a link to it
	DuplicateIDs bool // each page after the first begins with the last entry of the one before
	OddTimes     bool // some accounts and pages are of the year 1, some of 9999

	Unlimited bool // requests may come as often as they like

	Refuse map[string]Refusal // answers to requests of a kind or workload (see Tenant.Requests) instead of the true ones
}

// A Refusal is an error that Graph answers with, or the login server.
type Refusal struct {
	Status        int
	Code, Message string
}

// A Tenant is safe for concurrent use.
type Tenant struct {
	o    Options
	seed uint64

	mu    sync.Mutex
	ahead time.Duration // what Advance added up to
	s     Switches

	accounts []account
	index    map[string]int32 // of accounts, by id
	sites    []site
	pages    []page
	first    time.Time // day of the first history
	days     []history
	nights   []*nightly // what the vendor's nightly runs counted, by day

	secretExpires time.Time
	roles         map[string]bool
	grants        map[string]bool // sites that Sites.Selected was given a grant for
	tokens        map[string]*token
	jtis          map[string]bool
	downloads     map[string]*download
	cursors       map[string]cursor
	stalled       map[string]time.Time // refresh dates
	pauses        map[string]*pause    // by workload or kind
	calls         map[string][]time.Time
	serial        int

	violations []string
	requests   map[string]int
}

// New makes a tenant; the same seed and options make the same tenant, whatever is asked of it and however its clock moves.
func New(seed uint64, o Options) *Tenant {
	setDefault(&o.Users, 100)
	setDefault(&o.Days, 45)
	setDefault(&o.TenantID, "5d1a7c2e-0b43-4f0e-9d55-8a3f1f6c2b10")
	setDefault(&o.Domain, "contoso.onmicrosoft.com")
	setDefault(&o.ClientID, "c0ffee00-1111-4222-8333-444455556666")
	setDefault(&o.Secret, "s3~cr+t/&=value of the application")
	setDefault(&o.Login, "https://login.microsoftonline.com")
	setDefault(&o.Graph, "https://graph.microsoft.com")
	setDefault(&o.Download, "https://reports.office.com")
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	}
	if o.Clock == nil {
		start := o.Start
		o.Clock = func() time.Time { return start }
	}
	if o.Roles == nil {
		o.Roles = []string{"Reports.Read.All", "User.Read.All", "AuditLog.Read.All", "Sites.Read.All", "ReportSettings.Read.All"}
	}
	t := &Tenant{
		o: o, seed: seed, roles: map[string]bool{}, grants: map[string]bool{}, tokens: map[string]*token{}, jtis: map[string]bool{},
		downloads: map[string]*download{}, cursors: map[string]cursor{}, stalled: map[string]time.Time{}, pauses: map[string]*pause{},
		calls: map[string][]time.Time{}, requests: map[string]int{},
		s: Switches{
			Lag: map[string]int{}, Without: map[Product]bool{}, Refuse: map[string]Refusal{}, SiteTypes: []string{"All"},
			Retention: 30 * day, SignInDelay: 20 * time.Minute,
		},
	}
	for i, name := range slices.Sorted(maps.Keys(reports)) {
		t.s.Lag[name] = 1 + i%3
	}
	for _, role := range o.Roles {
		t.roles[role] = true
	}
	t.first = midnight(o.Clock()).Add(-time.Duration(o.Days) * day)
	t.populate()
	t.play()
	return t
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

func midnight(at time.Time) time.Time { return at.UTC().Truncate(day) }

// Now is the tenant's time.
func (t *Tenant) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now()
}

func (t *Tenant) now() time.Time { return t.o.Clock().Add(t.ahead).UTC() }

// Advance moves the clock; history goes on meanwhile.
func (t *Tenant) Advance(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ahead += d
	t.play()
}

// Set changes switches; change must not ask the tenant for anything.
func (t *Tenant) Set(change func(*Switches)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.s)
}

// SetAddresses says where the three servers are, as some tests only know when these have been started.
func (t *Tenant) SetAddresses(login, graph, download string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.o.Login, t.o.Graph, t.o.Download = login, graph, download
}

// TenantID is the id of the directory.
func (t *Tenant) TenantID() string { return t.o.TenantID }

// ClientID is the id of the application's registration.
func (t *Tenant) ClientID() string { return t.o.ClientID }

// Secret is the secret of the application.
func (t *Tenant) Secret() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.o.Secret
}

// SetSecret gives the application another secret, in place of the one before.
func (t *Tenant) SetSecret(secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.o.Secret, t.secretExpires = secret, time.Time{}
}

// ExpireSecret lets the secret expire now.
func (t *Tenant) ExpireSecret() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.secretExpires = t.now()
}

// Consent grants roles to the application. Tokens that were issued before do not have them.
func (t *Tenant) Consent(roles ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, role := range roles {
		t.roles[role] = true
	}
}

// Revoke takes roles away. Tokens that were issued before still have them.
func (t *Tenant) Revoke(roles ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, role := range roles {
		delete(t.roles, role)
	}
}

// GrantSite lets an application with Sites.Selected read the site of that name; RevokeSite takes that back.
func (t *Tenant) GrantSite(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.grants[name] = true
}

// RevokeSite takes a grant back.
func (t *Tenant) RevokeSite(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.grants, name)
}

// ExpireTokens lets all tokens that were issued expire now.
func (t *Tenant) ExpireTokens() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, token := range t.tokens {
		token.expires = t.now()
	}
}

// Throttle answers requests of a workload of Graph with 429 for a while; see Requests for the workloads.
func (t *Tenant) Throttle(workload string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pauses[workload] = &pause{until: t.now().Add(d)}
}

// A pause is when a workload answers nothing but 429.
type pause struct {
	until time.Time
	told  bool // a client knows of it
}

// Stall keeps a report at its refresh date, until Resume.
func (t *Tenant) Stall(report string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stalled[report] = t.refreshed(report)
}

// Resume lets a report go on.
func (t *Tenant) Resume(report string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.stalled, report)
}

// RefreshDate is the last day that a report has.
func (t *Tenant) RefreshDate(report string) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refreshed(report)
}

func (t *Tenant) refreshed(report string) time.Time {
	if date, ok := t.stalled[report]; ok {
		return date
	}
	return midnight(t.now()).Add(-time.Duration(t.s.Lag[report]) * day)
}

// Violations are all that clients did wrong by the documentation, and what did not fit the published description.
func (t *Tenant) Violations() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.violations)
}

func (t *Tenant) violate(format string, a ...any) {
	t.violations = append(t.violations, fmt.Sprintf(format, a...))
}

// Requests counts the requests by kind: token, download, users, users/$count, reports/<name>, auditLogs/signIns, auditLogs/signInEventsSummary,
// admin/reportSettings, sites, sites/pages, sites/analytics and other. What is before the slash is the workload.
func (t *Tenant) Requests() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.requests)
}

func workload(kind string) string {
	name, _, _ := strings.Cut(kind, "/")
	return name
}
