package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// The permissions of the app registration, as Microsoft names them.
const (
	reportsRead  = "Reports.Read.All"
	usersRead    = "User.Read.All"
	auditLogRead = "AuditLog.Read.All"
	sitesRead    = "Sites.Read.All"
	settingsRead = "ReportSettings.Read.All"
)

const (
	freshFor  = 30 * time.Minute // a number that changes once a day is not asked for again
	provenFor = 2 * time.Minute  // what a token may do hardly changes before the next one
)

// A microsoft365 reads one product of a tenant through Microsoft Graph.
type microsoft365 struct {
	description Description
	probes      []microsoft365Probe
	numbers     []*microsoft365Number
	users       *microsoft365Users   // nil = accounts are not listed
	signIns     *microsoft365SignIns // nil = no log of them is read
	sites       *microsoft365Sites   // nil = none
	now         func() time.Time

	access Access    // as it was proven
	proven time.Time // when
	seed   maphash.Seed
	ids    map[uint64]string // of listed accounts, by a hash of each of their addresses; nil = not listed yet
}

// A microsoft365Probe proves one permission: without it, ask returns an error with cause permission.
type microsoft365Probe struct {
	Permission
	ask func(context.Context) error
}

// A microsoft365Number is what readings come from. What it told holds until it tells something newer.
type microsoft365Number struct {
	sources []ReadingSource
	full    bool // it is counted for us, and read as often as accounts are listed
	// read returns errUnchanged where what was told last still holds, which it can find out by what it kept then. Asked
	// for all, it has everything sent anew.
	read  func(ctx context.Context, all bool) ([]Reading, error)
	needs string // a permission that may be missing: then it tells nothing

	told []Reading
	at   time.Time
}

func newMicrosoft365(decode func(any) error, o Options) (Collector, error) {
	cfg := microsoft365Config{
		Cloud: "global", Accounts: accountsListed, Licensed: true, StaleAfter: model.Duration(365 * 24 * time.Hour),
		DownloadDomains: []string{"office.com", "office.net"}, Config: fetch.DefaultConfig(),
	}
	if err := decode(&cfg); err != nil {
		return nil, err
	}
	if err := errors.Join(cfg.check(), cfg.checkParts(o.Profile)); err != nil {
		return nil, err
	}
	m := &microsoft365{now: o.Now, seed: maphash.MakeSeed()}
	if m.now == nil {
		m.now = time.Now
	}
	connect, err := cfg.connect(o, m.now)
	if err != nil {
		return nil, err
	}
	m.description = Description{
		Interval:   time.Hour,
		Step:       measure.Longest,
		Definition: cfg.definition(),
	}
	if err := errors.Join(m.addReports(cfg, o, connect), m.addUsers(cfg, o.Profile, connect), m.addSignIns(cfg, o, connect), m.addSites(cfg, connect)); err != nil {
		return nil, err
	}
	for _, p := range m.probes {
		m.description.Permissions = append(m.description.Permissions, p.Permission)
	}
	for _, n := range m.numbers {
		m.description.Readings = append(m.description.Readings, n.sources...)
	}
	m.description.Undelivered = cfg.undelivered(m.description)
	return m, nil
}

// require adds a permission, with what proves it and the sources that need it, unless everything does.
func (m *microsoft365) require(required bool, name, lost string, ask func(context.Context) error, sources ...string) {
	m.probes = append(m.probes, microsoft365Probe{Permission{Name: name, Required: required, Lost: lost, Sources: sources}, ask})
}

// microsoft365Sources returns what readings of these numbers are from.
func microsoft365Sources(source string, refs ...measure.Ref) []ReadingSource {
	var all []ReadingSource
	for _, ref := range refs {
		m, _ := measure.Lookup(ref.Measure)
		all = append(all, ReadingSource{Ref: ref, Source: source, Unit: m.Unit})
	}
	return all
}

// addReports adds what the usage reports of the product tell.
func (m *microsoft365) addReports(cfg microsoft365Config, o Options, connect microsoft365Connect) error {
	if cfg.Product == entra {
		return nil
	}
	settings, err := connect("v1.0", false)
	if err != nil {
		return err
	}
	bare := cfg.Config
	bare.HTTPClient.HTTPHeaders = nil // which may be secrets
	r := &microsoft365Reports{
		connect:  func() (*microsoft365Graph, error) { return connect("v1.0", true) },
		settings: settings, domains: cfg.DownloadDomains, plain: strings.HasPrefix(cfg.GraphURL, "http:"), now: m.now, named: map[string]*microsoft365Endpoint{},
		download: func(origin string) (*fetch.Client, error) {
			client, _, err := fetch.New(origin, bare, fetch.Options{UserAgent: o.UserAgent, Dir: o.Dir, OnRequest: o.OnRequest, Wait: o.Wait})
			return client, err
		},
	}
	m.require(true, reportsRead, "everything", r.probe)
	product := map[string]string{sharePoint: "SharePoint", vivaEngage: "Yammer"}[cfg.Product]
	m.numbers = append(m.numbers,
		r.sums("getOffice365ActiveUserCounts", "D7", microsoft365Column{product, "active_users", measure.Windows[:1]}),
		r.users(product, "D7", false),
		r.users(product, "D30", cfg.Accounts == accountsReported),
	)
	if cfg.Product == sharePoint {
		m.numbers = append(m.numbers,
			r.sums("getSharePointSiteUsagePages", "D30", microsoft365Column{"Page View Count", "page_views", measure.Windows}),
			r.sums("getSharePointActivityPages", "D7", microsoft365Column{"Visited Page Count", "pages_visited", measure.Windows[:1]}),
		)
	} else {
		m.numbers = append(m.numbers, r.sums("getYammerActivityCounts", "D30",
			microsoft365Column{"Posted", "comments", measure.Windows},
			microsoft365Column{"Liked", "reactions", measure.Windows},
			microsoft365Column{"Read", "page_views", measure.Windows},
		))
	}
	m.require(false, settingsRead, "only whether names are concealed in usage reports, which this exporter does not read", r.probeSettings, "admin/reportSettings")
	concealed := []ReadingSource{{Ref: measure.Ref{Measure: measure.Custom, Label: "usage_names_concealed"}, Source: "admin/reportSettings",
		Title: "Names are concealed in the usage reports of the tenant (1 = yes, as recommended)", Unit: "flag"}}
	m.numbers = append(m.numbers, &microsoft365Number{sources: concealed, needs: settingsRead, read: r.concealed})
	m.description.Lag = 2 * 24 * time.Hour
	return nil
}

// addUsers adds the accounts of the directory.
func (m *microsoft365) addUsers(cfg microsoft365Config, profile []string, connect microsoft365Connect) error {
	if cfg.Accounts == accountsReported {
		return nil
	}
	graph, err := connect("v1.0", false)
	if err != nil {
		return err
	}
	if profile == nil {
		profile = microsoft365Profile
	}
	u := &microsoft365Users{graph: graph, fields: profile, licensed: cfg.Licensed, now: m.now}
	for _, f := range profile {
		u.columns = append(u.columns, microsoft365Fields[f])
	}
	source, lost := "users", "accounts and profiles"
	if cfg.Accounts == accountsListed {
		if len(cfg.Sites) > 0 {
			lost += ", and what is done with pages, because nobody knows by whom"
		}
		m.users = u
		m.description.Accounts = &AccountSource{Source: source, Identity: true, Profile: profile}
	} else {
		source = "users/$count"
		m.numbers = append(m.numbers, &microsoft365Number{sources: microsoft365Sources(source, u.refs()...), full: true, read: func(ctx context.Context, _ bool) ([]Reading, error) { return u.counted(ctx) }})
	}
	m.require(cfg.Product == entra, usersRead, lost, u.probe, source)
	return nil
}

// addSignIns adds who signs in.
func (m *microsoft365) addSignIns(cfg microsoft365Config, o Options, connect microsoft365Connect) error {
	if cfg.SignIns.Source == "" {
		return nil
	}
	version := map[string]string{signInLog: "v1.0", signInSummary: "beta"}[cfg.SignIns.Source]
	graph, err := connect(version, false)
	if err != nil {
		return err
	}
	graph.pace = newPace(signInEvery, o.Wait, m.now)
	s := &microsoft365SignIns{graph: graph, application: cfg.SignIns.Application, tenant: cfg.Tenant, guests: cfg.Accounts == accountsListed, now: m.now}
	d := &m.description
	if cfg.SignIns.Source == signInLog {
		m.signIns = s
		d.Events = []EventSource{{Kind: measure.Login, Source: s.path(), Memory: time.Duration(cfg.SignIns.Retention)}}
		d.Settle, d.Overlap, d.Step = signInSettle, signInOverlap, 24*time.Hour
	} else {
		var refs []measure.Ref
		for _, w := range measure.Windows {
			refs = append(refs, measure.Ref{Measure: "logins", Window: w})
		}
		m.numbers = append(m.numbers, &microsoft365Number{
			sources: microsoft365Sources(s.path(), refs...), read: func(ctx context.Context, _ bool) ([]Reading, error) { return s.summary(ctx) },
		})
		d.Lag = 24 * time.Hour
	}
	m.require(false, auditLogRead, "logins and logged-in users", s.probe, s.path())
	return nil
}

// addSites adds the sites that are named.
func (m *microsoft365) addSites(cfg microsoft365Config, connect microsoft365Connect) error {
	if len(cfg.Sites) == 0 {
		return nil
	}
	graph, err := connect("v1.0", false)
	if err != nil {
		return err
	}
	s := &microsoft365Sites{graph: graph, stale: time.Duration(cfg.StaleAfter), now: m.now}
	counts := microsoft365Sources("sitePage", measure.Ref{Measure: "pages"}, measure.Ref{Measure: "pages_stale"})
	m.numbers = append(m.numbers, &microsoft365Number{sources: counts, read: func(ctx context.Context, _ bool) ([]Reading, error) { return s.counts(ctx) }})
	for _, k := range cfg.Sites {
		path, err := microsoft365SitePath(k.URL)
		if err != nil {
			return err
		}
		site := &microsoft365Site{name: k.Name, path: path}
		s.sites = append(s.sites, site)
		views := microsoft365Sources("analytics/lastSevenDays", site.refs()...)
		m.numbers = append(m.numbers, &microsoft365Number{sources: views, read: func(ctx context.Context, _ bool) ([]Reading, error) { return s.views(ctx, site) }})
	}
	m.sites = s
	d := &m.description
	d.Events = []EventSource{{Kind: measure.PageCreated, Source: "sitePage"}, {Kind: measure.PageEdit, Source: "sitePage"}}
	// Only the last change of a page is told. All that windows hold is read in each poll, at the price of one list, so
	// that it makes no difference to what is counted how often that was; nor to people once they are read anew.
	d.Settle, d.Overlap, d.Reread = siteSettle, measure.Longest, true
	m.require(false, sitesRead, "pages, and what is done with them, on the sites that are named", s.probe, "sitePage", "analytics/lastSevenDays")
	return nil
}

func (m *microsoft365) Describe() Description { return m.description }

// Probe asks for a little of everything, which Graph refuses where a permission is missing.
func (m *microsoft365) Probe(ctx context.Context) (Access, error) {
	now := m.now()
	if age := now.Sub(m.proven); m.access.Granted != nil && age >= 0 && age < provenFor {
		return m.access, nil
	}
	access := Access{Granted: map[string]bool{}}
	var missing error
	for _, p := range m.probes {
		err := p.ask(ctx)
		denied := cause.Of(err) == cause.Permission
		if err == nil || denied {
			access.Granted[p.Name] = !denied
		}
		switch {
		case err == nil:
		case denied && p.Required:
			missing = fmt.Errorf("prove %s: %w", p.Name, err)
		case !p.Required && ctx.Err() == nil && cause.Of(err) != cause.Auth:
			// What is not there, or wants to be left alone, fails alone, when it is read.
		default:
			return Access{}, fmt.Errorf("prove %s: %w", p.Name, err)
		}
	}
	if missing == nil {
		m.access, m.proven = access, now
	}
	return access, missing
}

// Accounts lists the directory.
func (m *microsoft365) Accounts(ctx context.Context, emit func(Account)) error {
	if m.users == nil {
		return nil
	}
	ids := map[uint64]string{}
	err := m.users.list(ctx, func(a Account) {
		if m.sites != nil {
			mail := m.hash(a.Identity)
			if _, known := ids[mail]; !known { // the mail address of one may be the principal name of another
				ids[mail] = a.ID
			}
			ids[m.hash(a.Name)] = a.ID
		}
		emit(a)
	})
	if err == nil {
		m.ids = ids
	}
	return err
}

// hash stands for an address, of which case does not matter.
func (m *microsoft365) hash(address string) uint64 {
	return maphash.String(m.seed, strings.ToLower(address))
}

// Events tells sign-ins, or what was done on sites.
func (m *microsoft365) Events(ctx context.Context, from, to time.Time, emit func(Event)) error {
	switch {
	case m.signIns != nil:
		if err := m.signIns.log(ctx, from, to, emit); err != nil {
			return fmt.Errorf("list sign-ins: %w", err)
		}
	case m.sites != nil:
		if m.users != nil && m.ids == nil { // pages tell addresses only
			if err := m.Accounts(ctx, func(Account) {}); err != nil {
				return fmt.Errorf("list accounts: %w", err)
			}
		}
		if err := m.sites.events(ctx, from, to, m.actor, emit); err != nil {
			return fmt.Errorf("list pages: %w", err)
		}
	}
	return nil
}

// actor returns the account of somebody: the id, the one that is listed with their address, or else the address. Where
// nobody is listed the address is taken before the id, which is not told with every page.
func (m *microsoft365) actor(who microsoft365Identity) string {
	mail := strings.ToLower(who.User.Mail)
	if m.users == nil {
		return cmp.Or(mail, who.User.ID)
	}
	return cmp.Or(who.User.ID, m.ids[m.hash(mail)], mail)
}

// Readings tells all numbers, each with its own time.
func (m *microsoft365) Readings(ctx context.Context, full bool, emit func(Reading)) error {
	var failed []error
	for _, n := range m.numbers {
		granted, known := m.access.Granted[n.needs]
		if n.full && !full || known && !granted {
			continue
		}
		err := n.tell(ctx, m.now(), full, emit)
		if err != nil {
			failed = append(failed, fmt.Errorf("read %s: %w", n.sources[0].Source, err))
		}
		if ctx.Err() != nil || cause.Of(err) == cause.Auth {
			break // the others would fail in the same way
		}
	}
	return errors.Join(failed...)
}

// tell tells what the number is by now, or was last where nothing newer can be had.
func (n *microsoft365Number) tell(ctx context.Context, now time.Time, all bool, emit func(Reading)) error {
	var err error
	if all || n.told == nil || now.Sub(n.at) >= freshFor || now.Before(n.at) {
		var told []Reading
		if told, err = n.read(ctx, all); err == nil {
			n.told, n.at = told, now
		} else if errors.Is(err, errUnchanged) {
			n.at, err = now, nil
		}
	}
	for _, r := range n.told {
		emit(r)
	}
	return err
}
