package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/people"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
	"github.com/intranet-exporter/intranet_exporter/internal/tenant"
)

// What is read: usage reports, and the log of sign-ins.
const (
	usersReport  = "getOffice365ServicesUserCounts"
	dailyReport  = "getOffice365ActiveUserCounts"
	viewsReport  = "getSharePointSiteUsagePages"
	visitsReport = "getSharePointActivityPages"
	engageReport = "getYammerActivityCounts"
	signIns      = "signIns"
)

var usageReports = []string{usersReport, dailyReport, viewsReport, visitsReport, engageReport}

const oneDay = 24 * time.Hour

// What happens meanwhile, by hours since the beginning, which is a Monday at 8:00. Reports are up to three days late.
const (
	stalled   = 8 * 24 // reports come no more
	resumed   = 11 * 24
	broken    = 11*24 + 4 // one report is out of order
	mended    = 12*24 + 4
	down      = 15 * 24 // Graph answers 503
	up        = 18 * 24
	revoked   = 18*24 + 14 // consent is taken away
	consented = 19*24 + 10
	lastHour  = 20 * 24
)

var (
	began  = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	maxAge = map[string]time.Duration{"sharepoint": 4 * oneDay, "engage": 4 * oneDay, "intranet": 2 * oneDay, "people": 4 * oneDay}
)

func hour(n int) time.Time { return began.Add(time.Duration(n) * time.Hour) }

// A chain is an exporter with a simulated clock, from its config file to what it exposes of one organisation. Two app
// registrations are used there: one that may read usage reports and nothing else, and one that may read all.
type chain struct {
	*testing.T
	file, state string

	mu    sync.Mutex
	clock time.Time

	reports, directory *tenant.Tenant
	truth              tenant.Truth // of the same organisation, some weeks later

	dir      *storage.Dir
	cfg      *config.Config
	engine   *kpi.Engine
	joiner   people.Joiner
	tallies  []*tally.Tally
	statuses []poll.Status

	refused map[string]bool      // what Microsoft refuses at present: all of a platform, one of its reports, or sign-ins
	listed  map[string]time.Time // when the accounts of a platform were listed last
	through time.Time            // until when sign-ins are known
	known   map[string]fact      // by series; what is too old, too
	aims    []*aim
	working float64 // people on a working day
}

// A fact is what is true of a platform, and until when it is complete.
type fact struct {
	platform string
	basis    measure.Basis
	value    float64
	asOf     time.Time
}

func newChain(t *testing.T) *chain {
	dir := t.TempDir()
	c := &chain{
		T: t, file: filepath.Join(dir, "intranet.yml"), state: filepath.Join(dir, "data"), clock: began,
		refused: map[string]bool{}, listed: map[string]time.Time{}, known: map[string]fact{},
	}
	o := tenant.Options{Users: 150, Start: began}
	later := tenant.New(7, o)
	later.Advance(lastHour * time.Hour)
	c.truth = later.Truth()

	o.Clock = c.now
	var reports, all string
	c.directory, all = serve(t, o)
	o.Roles = []string{"Reports.Read.All"}
	c.reports, reports = serve(t, o)
	c.setAims()
	text := fmt.Sprintf(`
platforms:
  - name: sharepoint
    type: microsoft365
    product: sharepoint
    accounts: report
    %[1]s
  - name: engage
    type: microsoft365
    product: viva_engage
    %[2]s
  - name: intranet
    type: microsoft365
    product: entra
    licensed: false      # so that no licence decides whose sign-ins count
    sign_ins: {source: log, application: %[3]s}
    %[2]s
people:
  workforce: engage
objectives:
  - name: reach
    kpis:
`, reports, all, tenant.SharePointApp)
	for _, g := range c.aims {
		text += g.text()
	}
	for file, content := range map[string]string{c.file: text, filepath.Join(dir, "m365.secret"): c.directory.Secret()} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.open()
	return c
}

// serve plays a tenant, and returns the keys by which a platform of the config file finds it.
func serve(t *testing.T, o tenant.Options) (played *tenant.Tenant, keys string) {
	played = tenant.New(7, o)
	var addresses []string
	for range 3 {
		server := httptest.NewServer(played.Handler())
		t.Cleanup(server.Close)
		addresses = append(addresses, server.URL)
	}
	played.SetAddresses(addresses[0], addresses[1], addresses[2])
	t.Cleanup(func() {
		for _, v := range played.Violations() {
			t.Error("the documentation does not allow it:", v)
		}
	})
	return played, fmt.Sprintf(`tenant: %s
    client_id: %s
    client_secret_file: m365.secret
    login_url: %s
    graph_url: %s
    download_domains: [127.0.0.1]
    requests_per_second: 1e6`, played.TenantID(), played.ClientID(), addresses[0], addresses[1])
}

func (c *chain) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock
}

// wait lets time pass, and none here.
func (c *chain) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = c.clock.Add(d)
	return ctx.Err()
}

// open starts the exporter.
func (c *chain) open() {
	var err error
	if c.cfg, err = config.Load(c.file, collector.Types, func(string) collector.Options {
		return collector.Options{UserAgent: "intranet_exporter/test", Now: c.now, Wait: c.wait}
	}); err != nil {
		c.Fatal(err)
	}
	if c.dir, err = storage.Open(c.state); err != nil {
		c.Fatal(err)
	}
	key, err := c.dir.Key()
	if err != nil {
		c.Fatal(err)
	}
	warning := ""
	if c.engine, warning, err = kpi.Open(c.dir); err != nil || warning != "" {
		c.Fatal(warning, err)
	}
	c.engine.Configure(c.cfg.KPIs())
	c.joiner, c.tallies, c.statuses = people.Joiner{}, nil, nil
	for _, p := range c.cfg.Platforms {
		opened, warning, err := tally.Open(c.dir, key, p)
		if err != nil || warning != "" {
			c.Fatal(warning, err)
		}
		status := poll.Status{Platform: p, Snapshot: opened.Snapshot(), Errors: map[cause.Cause]uint64{}}
		status.Success, status.LastSuccess = opened.Health()
		c.tallies, c.statuses = append(c.tallies, opened), append(c.statuses, status)
	}
}

// poll polls all platforms, and learns what should be known then.
func (c *chain) poll() {
	for i, t := range c.tallies {
		s, now := &c.statuses[i], c.now()
		report := t.Update(c.Context(), now)
		if report.Storage != nil {
			c.Fatal(report.Storage)
		}
		s.Snapshot = t.Snapshot()
		s.Success, s.LastSuccess = t.Health()
		if report.Access.Granted != nil {
			s.Granted = report.Access.Granted
		}
		for _, err := range report.Errors {
			s.Errors[cause.Of(err)]++
		}
		if !c.refused[s.Platform.Name] {
			c.learn(s.Platform.Name, now)
		}
	}
}

// exposed returns the series that are exposed at present.
func (c *chain) exposed() map[string]float64 {
	now := c.now()
	snapshots := poll.Snapshots(c.statuses)
	together := c.joiner.Snapshot(now, c.cfg, snapshots)
	states := c.engine.Update(now, kpi.Sources(c.cfg, snapshots, together))
	if err := c.engine.Save(); err != nil {
		c.Fatal(err)
	}
	var text bytes.Buffer
	for _, family := range exposition.Build(now, c.statuses, together, states, c.cfg, &url.URL{}) {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			c.Fatal(err)
		}
	}
	all := map[string]float64{}
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			c.Fatal(err)
		}
		all[line[:at]] = value
	}
	return all
}

// series writes a series as it is exposed. Labels are pairs of name and value.
func series(metric string, labels ...string) string {
	var pairs []string
	for pair := range slices.Chunk(labels, 2) {
		if pair[1] != "" {
			pairs = append(pairs, fmt.Sprintf("%s=%q", pair[0], pair[1]))
		}
	}
	if pairs == nil {
		return metric
	}
	slices.Sort(pairs)
	return metric + "{" + strings.Join(pairs, ",") + "}"
}

// tell notes a fact. A number of days is its window.
func (c *chain) tell(platform string, basis measure.Basis, name, label string, days int, value float64, asOf time.Time) {
	m, _ := measure.Lookup(name)
	window := ""
	if days > 0 {
		window = fmt.Sprintf("%dd", days)
	}
	of := platform
	if m.Counting == measure.Across {
		of = ""
	}
	c.known[series(m.Metric, "platform", of, "window", window, m.Label, label)] = fact{platform, basis, value, asOf}
}

// learn notes what a platform can tell at a time, as it happened.
func (c *chain) learn(platform string, at time.Time) {
	switch platform {
	case "sharepoint":
		end := func(report string) time.Time { return c.reports.RefreshDate(report).Add(oneDay) }
		c.learnUsers(platform, tenant.SharePoint, end)
		asOf := end(usersReport)
		c.tell(platform, measure.Reported, "accounts", "", 0, float64(c.truth.ReportedUsers(tenant.SharePoint, asOf, 30)), asOf)
		for _, days := range []int{1, 7, 28} {
			if c.refused[viewsReport] {
				break
			}
			asOf := end(viewsReport)
			c.tell(platform, measure.Reported, "page_views", "", days, float64(c.truth.PageViews(asOf, days)), asOf)
		}
		asOf = end(visitsReport)
		c.tell(platform, measure.Reported, "pages_visited", "", 1, float64(c.truth.PagesVisited(asOf, 1)), asOf)
	case "engage":
		end := func(report string) time.Time { return c.directory.RefreshDate(report).Add(oneDay) }
		c.learnUsers(platform, tenant.Engage, end)
		for name, count := range map[string]func(time.Time, int) int{"comments": c.truth.Posted, "reactions": c.truth.Liked, "page_views": c.truth.Read} {
			for _, days := range []int{1, 7, 28} {
				asOf := end(engageReport)
				c.tell(platform, measure.Reported, name, "", days, float64(count(asOf, days)), asOf)
			}
		}
		c.tell(platform, measure.Reported, measure.Custom, "usage_names_concealed", 0, 0, at)
		c.learnAccounts(platform, at)
	case "intranet":
		c.learnAccounts(platform, at)
		if c.refused[signIns] {
			return
		}
		c.through = at.Add(-2 * time.Hour).Truncate(5 * time.Minute)
		for _, days := range []int{1, 7, 28} {
			n, _ := c.truth.Logins(tenant.SharePointApp, c.through.AddDate(0, 0, -days), c.through)
			c.tell(platform, measure.Event, "logins", "", days, float64(n), c.through)
			c.tell(platform, measure.Event, "logged_in_users", "", days, float64(len(c.signedIn(days))), c.through)
		}
	}
}

func (c *chain) learnUsers(platform string, product tenant.Product, end func(report string) time.Time) {
	for days, report := range map[int]string{1: dailyReport, 7: usersReport, 30: usersReport} {
		c.tell(platform, measure.Reported, "active_users", "", days, float64(c.truth.ActiveUsers(product, end(report), days)), end(report))
	}
}

// counted are the accounts that were counted when a platform was listed last, by id, and why the others were not.
func (c *chain) counted(platform string) (counted map[string]tenant.Account, excluded map[string]int) {
	counted, excluded = map[string]tenant.Account{}, map[string]int{"own": 0, "service": 0, "guest": 0, "pattern": 0, "disabled": 0}
	for _, a := range c.truth.Directory(c.listed[platform]) {
		a.Licensed = a.Licensed || platform == "intranet"
		if kind := a.Kind(); kind == "person" {
			counted[a.ID] = a
		} else {
			excluded[kind]++
		}
	}
	return counted, excluded
}

// learnAccounts notes the accounts, which are listed once a day.
func (c *chain) learnAccounts(platform string, at time.Time) {
	if at.Sub(c.listed[platform]) < oneDay {
		return
	}
	c.listed[platform] = at
	counted, excluded := c.counted(platform)
	tell := func(name, label string, value float64) { c.tell(platform, measure.Account, name, label, 0, value, at) }
	tell("accounts", "", float64(len(counted)))
	for reason, n := range excluded {
		tell("accounts_excluded", reason, float64(n))
	}
	fields := map[string]string{"job_title": "jobTitle", "department": "department", "office_location": "officeLocation", "mobile_phone": "mobilePhone"}
	complete, all := 0, 0
	for name, field := range fields {
		filled := 0
		for _, a := range counted {
			if a.Fields[field] != "" {
				filled++
			}
		}
		all += filled
		tell("profile_field_filled", name, float64(filled)/float64(len(counted)))
	}
	for _, a := range counted {
		if a.Fields["jobTitle"] != "" && a.Fields["department"] != "" && a.Fields["officeLocation"] != "" && a.Fields["mobilePhone"] != "" {
			complete++
		}
	}
	tell("profiles_complete", "", float64(complete))
	tell("profile_completion", "", float64(all)/float64(len(fields)*len(counted)))
}

// signedIn are the counted accounts that signed in to the intranet.
func (c *chain) signedIn(days int) map[string]tenant.Account {
	counted, _ := c.counted("intranet")
	who := map[string]tenant.Account{}
	for _, s := range c.truth.SignIns(c.through.AddDate(0, 0, -days), c.through) {
		if a, ok := counted[s.UserID]; ok && s.App == tenant.SharePointApp && s.Succeeded && !s.Guest && !s.Abroad {
			who[a.ID] = a
		}
	}
	return who
}

// learnPeople notes who is who across the platforms, where each that it takes is fresh.
func (c *chain) learnPeople(now time.Time) {
	maps.DeleteFunc(c.known, func(_ string, f fact) bool { return f.platform == "people" })
	tell := func(name, label string, days, value int, asOf time.Time) {
		c.tell("people", measure.Joined, name, label, days, float64(value), asOf)
	}
	fresh := func(platform string, asOf time.Time) bool { return now.Sub(asOf) <= maxAge[platform] }
	if !fresh("engage", c.listed["engage"]) {
		return
	}
	workforce, _ := c.counted("engage")
	persons := map[string]bool{}
	name := func(a tenant.Account) string { return strings.ToLower(cmp.Or(a.Mail, a.UserPrincipalName)) }
	for _, a := range workforce {
		persons[name(a)] = true
	}
	tell("people", "", 0, len(persons), c.listed["engage"])
	tell("accounts_unjoined", "engage", 0, 0, c.listed["engage"])
	if fresh("intranet", c.listed["intranet"]) {
		strangers := 0
		accounts, _ := c.counted("intranet")
		for _, a := range accounts {
			if !persons[name(a)] {
				strangers++
			}
		}
		tell("accounts_unjoined", "intranet", 0, strangers, earlier(c.listed["engage"], c.listed["intranet"]))
	}
	if fresh("intranet", c.through) {
		for _, days := range []int{1, 7, 28} {
			who := map[string]bool{}
			for _, a := range c.signedIn(days) {
				if persons[name(a)] {
					who[name(a)] = true
				}
			}
			tell("people_logged_in", "", days, len(who), c.through)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// expected are the measures and KPIs that should be exposed.
func (c *chain) expected(now time.Time) map[string]float64 {
	c.learnPeople(now)
	all := map[string]float64{}
	for name, f := range c.known {
		if now.Sub(f.asOf) <= maxAge[f.platform] {
			all[name] = f.value
		}
		if f.platform != "people" {
			data := series("intranet_collector_data_timestamp_seconds", "platform", f.platform, "basis", string(f.basis))
			if at, ok := all[data]; !ok || float64(f.asOf.Unix()) < at {
				all[data] = float64(f.asOf.Unix())
			}
		}
	}
	for _, s := range c.statuses {
		platform := s.Platform.Name
		all[series("intranet_collector_success", "platform", platform)] = 1
		if c.refused[platform] || platform == "sharepoint" && c.refused[viewsReport] || platform == "intranet" && c.refused[signIns] {
			all[series("intranet_collector_success", "platform", platform)] = 0
		}
		all[series("intranet_collector_max_age_seconds", "platform", platform)] = maxAge[platform].Seconds()
	}
	for _, g := range c.aims {
		g.expect(c, now, all)
	}
	return all
}

// An aim is a KPI over seven days, and what should be known of it.
type aim struct {
	name, platform, measure, per string
	limit                        float64
	direction                    config.Direction // "" = it has no limit, and is for looking, at one day
	sustain                      time.Duration

	data   time.Time
	points []point
}

// A point is one data time at which a goal was known.
type point struct {
	at    time.Time
	wrong bool
}

// setAims chooses limits that are crossed when it matters.
func (c *chain) setAims() {
	share := func(end time.Time) float64 {
		return float64(c.truth.ActiveUsers(tenant.SharePoint, end, 7)) / float64(c.truth.ReportedUsers(tenant.SharePoint, end, 30))
	}
	views := func(end time.Time) float64 { return float64(c.truth.PageViews(end, 7)) }
	comments := func(end time.Time) float64 { return float64(c.truth.Posted(end, 7)) }
	logins := func(end time.Time) float64 {
		n, _ := c.truth.Logins(tenant.SharePointApp, end.AddDate(0, 0, -7), end)
		return float64(n)
	}
	// last is the data time of a report just before something happens.
	last := func(report string, before int) time.Time {
		return c.reports.RefreshDate(report).Add(oneDay + hour(before-1).Truncate(oneDay).Sub(began.Truncate(oneDay)))
	}
	least := math.Inf(1)
	for end := last(engageReport, 1); end.Before(hour(lastHour)); end = end.Add(oneDay) {
		least = min(least, float64(c.truth.Read(end, 7)))
	}
	c.aims = []*aim{
		{name: "daily", platform: "sharepoint", measure: "active_users"},
		c.crossed("active", "sharepoint", "active_users", "accounts", 3*oneDay, share, last(usersReport, stalled), oneDay),
		c.lasting("views", "sharepoint", "page_views", oneDay, views, last(viewsReport, stalled)),
		{name: "enough_read", platform: "engage", measure: "page_views", limit: 0.9 * least, direction: config.Higher},
		c.crossed("comments", "engage", "comments", "", 3*oneDay, comments, last(engageReport, down), oneDay),
		c.crossed("logins", "intranet", "logins", "", oneDay, logins, hour(down-3), time.Hour),
		{name: "people_in", platform: "people", measure: "people_logged_in", per: "people", limit: 0.55, direction: config.Higher, sustain: oneDay},
	}
}

// crossed returns a goal that is on the wrong side at a data time, and was not a step earlier.
func (c *chain) crossed(name, platform, measure, per string, sustain time.Duration, value func(time.Time) float64, at time.Time, step time.Duration) *aim {
	before := at.Add(-step)
	for value(before) == value(at) {
		before = before.Add(-step)
	}
	g := &aim{name: name, platform: platform, measure: measure, per: per, limit: (value(before) + value(at)) / 2, direction: config.Higher, sustain: sustain}
	if value(at) > value(before) {
		g.direction = config.Lower
	}
	return g
}

// lasting returns a goal that is on the wrong side for more than two days up to a data time.
func (c *chain) lasting(name, platform, measure string, sustain time.Duration, value func(time.Time) float64, at time.Time) *aim {
	least, most := math.Inf(1), math.Inf(-1)
	for from := at; from.After(at.AddDate(0, 0, -10)); from = from.AddDate(0, 0, -1) {
		least, most = min(least, value(from)), max(most, value(from))
		g := &aim{name: name, platform: platform, measure: measure, sustain: sustain}
		switch before := value(from.AddDate(0, 0, -1)); {
		case at.Sub(from) < 2*oneDay:
		case before > most:
			g.limit, g.direction = (before+most)/2, config.Higher
			return g
		case before < least:
			g.limit, g.direction = (before+least)/2, config.Lower
			return g
		}
	}
	c.Fatal("nothing lasts")
	return nil
}

// text is the goal as the config file has it.
func (g *aim) text() string {
	if g.direction == "" {
		return fmt.Sprintf("      - {name: %s, measure: %s, window: 1d, platform: %s, status: context, owner: communications, review: 2099-01-15}\n", g.name, g.measure, g.platform)
	}
	per := ""
	if g.per != "" {
		per = "per: " + g.per + ", "
	}
	return fmt.Sprintf("      - {name: %s, measure: %s, window: 7d, platform: %s, %sdirection: %s, owner: communications, review: 2099-01-15, warning: {at: %v, sustain: %s, action: Ask why.}}\n",
		g.name, g.measure, g.platform, per, g.direction, g.limit, model.Duration(g.sustain))
}

// wrong tells whether a value is on the wrong side.
func (g *aim) wrong(value float64) bool {
	return g.direction == config.Higher && value < g.limit || g.direction == config.Lower && value > g.limit
}

// expect adds what should be exposed of the goal.
func (g *aim) expect(c *chain, now time.Time, all map[string]float64) {
	find := func(name, window string) (fact, bool) {
		m, _ := measure.Lookup(name)
		of := g.platform
		if m.Counting == measure.Across {
			of = ""
		}
		f, ok := c.known[series(m.Metric, "platform", of, "window", window)]
		return f, ok
	}
	window := "7d"
	if g.direction == "" {
		window = "1d"
	}
	of, ok := find(g.measure, window)
	per, value := of, of.value
	if g.per != "" {
		var also bool
		per, also = find(g.per, "")
		ok, value = ok && also, of.value/per.value
	}
	if ok {
		g.data = earlier(of.asOf, per.asOf)
	}
	add := func(metric string, value float64) { all[series(metric, "kpi", g.name)] = value }
	if ok && now.Sub(g.data) <= maxAge[g.platform] {
		add("intranet_kpi_value", value)
		if g.per != "" {
			add("intranet_kpi_numerator", of.value)
			add("intranet_kpi_denominator", per.value)
		}
		p := point{of.asOf, g.wrong(value)}
		if n := len(g.points); n > 0 && g.points[n-1].at.Equal(p.at) {
			p.wrong = p.wrong && g.points[n-1].wrong
			g.points = g.points[:n-1]
		}
		g.points = append(g.points, p)
	}
	if !g.data.IsZero() {
		add("intranet_kpi_data_timestamp_seconds", float64(g.data.Unix()))
	}
	if g.direction == "" {
		return
	}
	start, breached := g.verdict()
	condition := map[config.Direction]string{config.Higher: "below", config.Lower: "above"}[g.direction]
	if !start.IsZero() {
		all[series("intranet_kpi_breach_start_timestamp_seconds", "kpi", g.name, "severity", "warning", "condition", condition)] = float64(start.Unix())
	}
	all[g.breached(condition)] = 0
	if breached {
		all[g.breached(condition)] = 1
	}
}

func (g *aim) breached(condition string) string {
	return series("intranet_kpi_breached", "kpi", g.name, "severity", "warning", "condition", condition, "objective", "reach", "kpi_owner", "communications", "platform", g.platform)
}

// verdict is since when the goal is on the wrong side, zero = it is not, and whether that is as long as agreed: in data
// time, of which more than max_age and sustain together must not lie between two of its points.
func (g *aim) verdict() (start time.Time, breached bool) {
	for i, p := range slices.Backward(g.points) {
		if !p.wrong || i+1 < len(g.points) && g.points[i+1].at.Sub(p.at) > maxAge[g.platform]+max(g.sustain, time.Hour) {
			break
		}
		start = p.at
	}
	return start, !start.IsZero() && g.points[len(g.points)-1].at.Sub(start) >= g.sustain
}

// compared are the metrics that expected tells all series of.
func compared() map[string]bool {
	metrics := map[string]bool{}
	for _, m := range measure.All {
		metrics[m.Metric] = true
	}
	for _, name := range []string{"success", "max_age_seconds", "data_timestamp_seconds"} {
		metrics["intranet_collector_"+name] = true
	}
	for _, name := range []string{"value", "numerator", "denominator", "data_timestamp_seconds", "breached", "breach_start_timestamp_seconds"} {
		metrics["intranet_kpi_"+name] = true
	}
	return metrics
}

// happen lets happen what happens at an hour.
func (c *chain) happen(n int) {
	refuse := func(refusals map[string]tenant.Refusal, platforms ...string) {
		for _, t := range []*tenant.Tenant{c.reports, c.directory} {
			t.Set(func(s *tenant.Switches) { s.Refuse = refusals })
		}
		clear(c.refused)
		for _, p := range platforms {
			c.refused[p] = true
		}
	}
	out := tenant.Refusal{Status: 503, Code: "serviceNotAvailable", Message: "The service is temporarily unavailable."}
	switch n {
	case stalled:
		for _, name := range usageReports {
			c.reports.Stall(name)
			c.directory.Stall(name)
		}
	case resumed:
		for _, name := range usageReports {
			c.reports.Resume(name)
			c.directory.Resume(name)
		}
	case broken:
		refuse(map[string]tenant.Refusal{"reports/" + viewsReport: out}, viewsReport)
	case down:
		refuse(map[string]tenant.Refusal{"users": out, "reports": out, "auditLogs": out, "admin": out}, "sharepoint", "engage", "intranet")
	case mended, up, consented:
		refuse(nil)
		c.reports.Consent("Reports.Read.All")
		c.directory.Consent("AuditLog.Read.All")
	case revoked:
		refuse(nil, "sharepoint", signIns)
		c.reports.Revoke("Reports.Read.All")
		c.directory.Revoke("AuditLog.Read.All")
	}
}

// restart ends the exporter and starts it again, which changes nothing but what is counted since the start.
func (c *chain) restart() {
	lasting := func() map[string]float64 {
		all := c.exposed()
		maps.DeleteFunc(all, func(name string, _ float64) bool {
			return strings.HasPrefix(name, "intranet_collector_errors_total") || strings.HasPrefix(name, "intranet_collector_permission_granted")
		})
		return all
	}
	before := lasting()
	if err := c.dir.Close(); err != nil {
		c.Fatal(err)
	}
	c.open()
	if diff := gocmp.Diff(before, lasting()); diff != "" {
		c.Errorf("%s: a restart makes a difference (-before +after):\n%s", c.now(), diff)
	}
}

// TestMicrosoft365 lets an exporter run for weeks in which reports come late, come no more, Graph is out of order and
// consent is taken away. At each hour it exposes what happened until the data time, and no more than that.
func TestMicrosoft365(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	defer func() {
		if err := c.dir.Close(); err != nil {
			t.Error(err)
		}
	}()
	metrics := compared()
	begun, ended := 0, 0 // breaches
	var before map[string]float64
	for n := range lastHour {
		c.clock = hour(n)
		c.happen(n)
		c.poll()
		exposed := c.exposed()
		got := maps.Clone(exposed)
		maps.DeleteFunc(got, func(name string, _ float64) bool {
			metric, _, _ := strings.Cut(name, "{")
			return !metrics[metric]
		})
		if diff := gocmp.Diff(c.expected(c.now()), got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Fatalf("hour %d, %s: what should be exposed and what is differ (-truth +exposed):\n%s", n, c.now(), diff)
		}
		c.story(n, exposed)
		for name, value := range exposed {
			if was, ok := before[name]; ok && strings.HasPrefix(name, "intranet_kpi_breached") && value != was {
				begun, ended = begun+int(value), ended+int(was)
			}
		}
		before = exposed
		switch n {
		case 3 * 24, stalled + 36, resumed + 2, down + 60, up, revoked + 5:
			c.restart()
		}
	}
	if begun == 0 || ended == 0 {
		t.Errorf("%d breaches began, %d ended", begun, ended)
	}
}

// story holds that what the weeks are for does happen in them.
func (c *chain) story(n int, exposed map[string]float64) {
	is := func(want float64, metric string, labels ...string) {
		if got, ok := exposed[series(metric, labels...)]; !ok || got != want {
			c.Errorf("hour %d: %s is %v (%t), want %v", n, series(metric, labels...), got, ok, want)
		}
	}
	// overdue holds that a KPI has no value, though it was on the wrong side when it had one last, longer ago than agreed.
	overdue := func(name string, breached bool) {
		g := c.aims[slices.IndexFunc(c.aims, func(g *aim) bool { return g.name == name })]
		start, _ := g.verdict()
		_, known := exposed[series("intranet_kpi_value", "kpi", name)]
		if start.IsZero() || c.now().Sub(start) <= g.sustain || known || (exposed[g.breached("below")]+exposed[g.breached("above")] == 1) != breached {
			c.Errorf("hour %d: %s is wrong since %s; a value %t, want breached %t", n, name, start, known, breached)
		}
	}
	for _, condition := range []string{"below", "above"} {
		if _, ok := exposed[series("intranet_kpi_breach_start_timestamp_seconds", "kpi", "enough_read", "severity", "warning", "condition", condition)]; ok {
			c.Errorf("hour %d: enough was read", n)
		}
	}
	failures := func(platform string, why cause.Cause) float64 {
		return exposed[series("intranet_collector_errors_total", "platform", platform, "cause", string(why))]
	}
	daily := func() float64 { return exposed[series("intranet_kpi_value", "kpi", "daily")] }
	switch n {
	case 4 * 24: // Thursday is known
		c.working = daily()
	case 6 * 24: // Saturday
		if daily() >= c.working/2 {
			c.Errorf("%v people on Saturday, %v on Thursday", daily(), c.working)
		}
	case resumed - 1:
		overdue("active", false)
		overdue("views", true)
	case up - 1:
		overdue("comments", false)
		overdue("logins", false)
		for _, s := range c.statuses {
			if failures(s.Platform.Name, cause.Unavailable) < 11 { // since the restart
				c.Errorf("%s: %v failures", s.Platform.Name, s.Errors)
			}
		}
	case revoked + 1:
		is(0, "intranet_collector_permission_granted", "platform", "sharepoint", "permission", "Reports.Read.All")
		is(0, "intranet_collector_permission_granted", "platform", "intranet", "permission", "AuditLog.Read.All")
		is(2, "intranet_collector_errors_total", "platform", "sharepoint", "cause", string(cause.Permission))
		is(2, "intranet_collector_errors_total", "platform", "intranet", "cause", string(cause.Permission))
	case consented, lastHour - 1:
		is(1, "intranet_collector_permission_granted", "platform", "sharepoint", "permission", "Reports.Read.All")
		is(1, "intranet_collector_permission_granted", "platform", "intranet", "permission", "AuditLog.Read.All")
		is(0, "intranet_collector_permission_granted", "platform", "sharepoint", "permission", "ReportSettings.Read.All")
		for _, g := range c.aims {
			if _, ok := exposed[series("intranet_kpi_value", "kpi", g.name)]; !ok {
				c.Errorf("hour %d: %s is not there", n, g.name)
			}
		}
	}
}

// TestMicrosoft365People checks the config file of the chain: who is read by usage reports alone is not joined.
func TestMicrosoft365People(t *testing.T) {
	c := newChain(t)
	if err := c.dir.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	console := Console{Types: collector.Types, Out: &out, Err: &out, Width: columns, Logger: log.NewNopLogger()}
	if err := console.Check(t.Context(), c.file, CheckOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nwarning: " + c.file + ":3: platforms[0]: takes no part in the people across platforms: it lists no accounts\n",
		"\npeople             engage: accounts\n",
		"\npeople_logged_in   engage: accounts, intranet: logged_in_users\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "people_active") {
		t.Errorf("it speaks of what there is not:\n%s", out.String())
	}
	if n := strings.Count(out.String(), "warning: "); n != 1 {
		t.Errorf("%d warnings:\n%s", n, out.String())
	}
}
