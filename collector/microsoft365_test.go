package collector

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/intranet-exporter/intranet_exporter/internal/csdl"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
	"github.com/intranet-exporter/intranet_exporter/internal/tenant"
)

const (
	week         = 7 * 24 * time.Hour
	newsApp      = "00000003-0000-0ff1-ce00-000000000000" // SharePoint Online
	tenantSecret = "client.secret"
)

// A cloud is a tenant behind three servers, as the real one: for sign-in, Graph and downloads.
type cloud struct {
	*tenant.Tenant
	front                   *front
	login, graph, downloads string // addresses

	faulty bool // faults happen, which make a client do what the documentation does not allow, and nothing else does meanwhile

	mu   sync.Mutex
	skew time.Duration // by which the clock of the collector is ahead
}

func newCloud(t testing.TB, seed uint64, o tenant.Options) *cloud {
	c := &cloud{Tenant: tenant.New(seed, o)}
	c.front = before(c.Handler())
	serve := func() string {
		server := httptest.NewServer(c.front)
		t.Cleanup(server.Close)
		return server.URL
	}
	c.login, c.graph, c.downloads = serve(), serve(), serve()
	c.SetAddresses(c.login, c.graph, c.downloads)
	t.Cleanup(func() {
		for _, v := range c.Violations() {
			if !c.faulty {
				t.Error("the documentation does not allow it:", v)
			}
		}
	})
	return c
}

// now is the time of the collector.
func (c *cloud) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Now().Add(c.skew)
}

// wait lets time pass on the tenant, and none here.
func (c *cloud) wait(ctx context.Context, d time.Duration) error {
	if !c.faulty {
		c.Advance(d)
	}
	return ctx.Err()
}

// open returns a collector for a product with more keys.
func (c *cloud) open(t testing.TB, product, more string, profile ...string) *microsoft365 {
	t.Helper()
	return c.openWith(t, product, more, "", profile...)
}

// openWith does the same, with other values of keys that all platforms have.
func (c *cloud) openWith(t testing.TB, product, more, others string, profile ...string) *microsoft365 {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, tenantSecret), []byte(c.Secret()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "product: " + product + "\nrequests_per_second: 1e6\n" + more + "\n" + others + "\n"
	for key, value := range map[string]string{
		"tenant": c.TenantID(), "client_id": c.ClientID(), "login_url": c.login, "graph_url": c.graph, "download_domains": "[127.0.0.1]",
	} {
		if !strings.Contains(others, key+":") {
			text += key + ": " + value + "\n"
		}
	}
	if !strings.Contains(more, "certificate_file") {
		text += "client_secret_file: " + tenantSecret + "\n"
	}
	m, err := newMicrosoft365(strictly(text), Options{Dir: dir, Now: c.now, Wait: c.wait, Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	return m.(*microsoft365)
}

// siteKeys names sites of the tenant.
func (c *cloud) siteKeys(names ...string) string {
	text := "sites:\n"
	for _, name := range names {
		text += fmt.Sprintf("  - {name: %s, url: %q}\n", name, c.SiteAddress(name))
	}
	return text
}

// readings returns what a collector tells, by reference.
func readings(t *testing.T, c Collector, full bool) map[string]Reading {
	t.Helper()
	if _, err := c.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := map[string]Reading{}
	if err := c.Readings(t.Context(), full, func(r Reading) { told[r.String()] = r }); err != nil {
		t.Fatal(err)
	}
	return told
}

// TestMicrosoft365Truth compares what is told with what happened, for random histories: nobody who wrote the one
// looked at the other.
func TestMicrosoft365Truth(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o := tenant.Options{NullUserTypes: seed%2 == 0, Redrafts: seed%3 == 0}
			c := newCloud(t, seed, o)
			c.Set(func(s *tenant.Switches) {
				s.ExtraBlankDay = seed%2 == 1
				s.ExtraColumns, s.Reordered = seed%3 == 1, seed%5 == 2
				s.SiteTypes = [][]string{{"All"}, {"All", "Group", "Communication"}, {"Group", "Communication"}}[seed%3]
				s.WrappedSettings, s.NestedAnalytics, s.AnalyticsTimes = seed%2 == 0, seed%4 == 1, seed%3 == 0
				s.PageSize = []int{0, 7, 1}[seed%3]
				s.ConcealNames = seed%2 == 0
			})
			for range 3 {
				c.trueReports(t)
				c.trueDirectory(t)
				c.trueSites(t)
				c.trueSignIns(t)
				c.Advance(29*time.Hour + 7*time.Minute)
			}
		})
	}
}

// TestMicrosoft365Description holds every request against the published description of Graph: each path, parameter and
// property is there. The answers of the tenant are held against it too.
func TestMicrosoft365Description(t *testing.T) {
	description, err := csdl.Open(need.Contract(t, "microsoft-graph-v1.0.csdl.xml"))
	if err != nil {
		t.Fatal(err)
	}
	c := newCloud(t, 7, tenant.Options{Check: description, Redrafts: true, NullUserTypes: true})
	c.Set(func(s *tenant.Switches) { s.PageSize, s.AnalyticsTimes = 7, true })
	c.trueReports(t)
	c.trueDirectory(t)
	c.trueSites(t)
	c.trueSignIns(t)
	for _, kind := range []string{"users", "users/$count", "reports/getYammerActivityCounts", "auditLogs/signIns", "admin/reportSettings", "sites", "sites/pages", "sites/analytics"} {
		if c.Requests()[kind] == 0 {
			t.Error("nothing asked for", kind)
		}
	}
	for _, name := range microsoft365Fields { // some of which the tenant does not play
		query := url.Values{"$select": {name}, "$filter": {name + " eq null"}}
		if err := description.Request("GET", "/v1.0/users", query.Encode()); err != nil {
			t.Error(err)
		}
	}
}

// equal compares values and times.
func equal(t *testing.T, want truth, got map[string]Reading) {
	t.Helper()
	if diff := gocmp.Diff(map[string]Reading(want), got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Error("truth and what is told differ (-truth +told):\n", diff)
	}
}

// truth collects what should be told.
type truth map[string]Reading

func (tr truth) add(name, label string, window time.Duration, value int, asOf time.Time) {
	tr.ratio(name, label, window, float64(value), asOf)
}

func (tr truth) ratio(name, label string, window time.Duration, value float64, asOf time.Time) {
	ref := measure.Ref{Measure: name, Window: measure.Window(window), Label: label}
	tr[ref.String()] = Reading{Ref: ref, Value: value, AsOf: asOf}
}

const (
	oneDay   = 24 * time.Hour
	oneMonth = 30 * oneDay
)

func (c *cloud) trueReports(t *testing.T) {
	actual := c.Truth()
	for name, product := range map[string]tenant.Product{sharePoint: tenant.SharePoint, vivaEngage: tenant.Engage} {
		told := readings(t, c.open(t, name, "accounts: report"), true)
		want := truth{}
		end := c.RefreshDate("getOffice365ServicesUserCounts").Add(oneDay)
		want.add("active_users", "", week, actual.ActiveUsers(product, end, 7), end)
		want.add("active_users", "", oneMonth, actual.ActiveUsers(product, end, 30), end)
		want.add("accounts", "", 0, actual.ReportedUsers(product, end, 30), end)
		daily := c.RefreshDate("getOffice365ActiveUserCounts").Add(oneDay)
		want.add("active_users", "", oneDay, actual.ActiveUsers(product, daily, 1), daily)
		concealed := 0
		c.Set(func(s *tenant.Switches) {
			if s.ConcealNames {
				concealed = 1
			}
		})
		want.add(measure.Custom, "usage_names_concealed", 0, concealed, c.now())
		counts := map[string]func(time.Time, int) int{"comments": actual.Posted, "reactions": actual.Liked, "page_views": actual.Read}
		report := "getYammerActivityCounts"
		if name == sharePoint {
			visited := c.RefreshDate("getSharePointActivityPages").Add(oneDay)
			want.add("pages_visited", "", oneDay, actual.PagesVisited(visited, 1), visited)
			counts, report = map[string]func(time.Time, int) int{"page_views": actual.PageViews}, "getSharePointSiteUsagePages"
		}
		end = c.RefreshDate(report).Add(oneDay)
		for name, count := range counts {
			for _, days := range []int{1, 7, 28} {
				want.add(name, "", time.Duration(days)*oneDay, count(end, days), end)
			}
		}
		equal(t, want, told)
	}
}

// fieldsOfTenant are the profile fields that the tenant plays.
var fieldsOfTenant = []string{"city", "company_name", "department", "job_title", "mobile_phone", "office_location"}

func (c *cloud) trueDirectory(t *testing.T) {
	for _, licensed := range []bool{true, false} {
		keys := fmt.Sprintf("licensed: %t\n", licensed)
		kinds, filled := map[string]int{}, map[string]int{}
		var accounts []Account
		for _, a := range c.Truth().Directory(c.Now()) {
			account := Account{ID: a.ID, Name: a.UserPrincipalName, Identity: cmp.Or(a.Mail, a.UserPrincipalName), Kind: Person, Enabled: a.Enabled}
			reason := "person"
			switch {
			case a.Guest:
				account.Kind, reason = Guest, "guest"
			case licensed && !a.Licensed:
				account.Kind, reason = Service, "service"
			case !a.Enabled:
				reason = "disabled"
			}
			kinds[reason]++
			for _, f := range fieldsOfTenant {
				has := a.Fields[microsoft365Fields[f]] != ""
				account.Filled = append(account.Filled, has)
				if has && reason == "person" {
					filled[f]++
				}
			}
			accounts = append(accounts, account)
		}
		want := truth{}
		want.add("accounts", "", 0, kinds["person"], c.now())
		reasons := []string{"guest", "disabled", "service"}
		if !licensed {
			reasons = reasons[:2]
		}
		for _, reason := range reasons {
			want.add("accounts_excluded", reason, 0, kinds[reason], c.now())
		}
		sum := 0.0
		for _, f := range fieldsOfTenant {
			share := float64(filled[f]) / float64(kinds["person"])
			sum += share
			want.ratio("profile_field_filled", f, 0, share, c.now())
		}
		want.ratio("profile_completion", "", 0, sum/float64(len(fieldsOfTenant)), c.now())
		equal(t, want, readings(t, c.open(t, entra, keys+"accounts: count", fieldsOfTenant...), true))

		m := c.open(t, entra, keys, fieldsOfTenant...)
		got, err := told(t.Context(), &platform{collector: m}, "accounts")
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(accounts, func(a, b Account) int { return strings.Compare(a.ID, b.ID) })
		if diff := gocmp.Diff(accounts, got.Accounts); diff != "" {
			t.Error("accounts differ (-truth +told):\n", diff)
		}
	}
}

func (c *cloud) trueSites(t *testing.T) {
	actual, names := c.Truth(), []string{"news", "people"}
	m := c.open(t, sharePoint, "stale_after: 20d\n"+c.siteKeys(names...))
	now := c.now()
	want := truth{}
	want.add("pages", "", 0, actual.Pages(now, names...), now)
	want.add("pages_stale", "", 0, actual.PagesStale(now, 20*oneDay, names...), now)
	for _, name := range names {
		end := c.AnalyticsEnd()
		if views := actual.SiteViews(name, end); views > 0 {
			want.add("site_page_views", name, week, views, end)
			want.add("site_visitors", name, week, actual.SiteVisitors(name, end), end)
		}
	}
	got := readings(t, m, true)
	maps.DeleteFunc(got, func(_ string, r Reading) bool {
		return !slices.Contains([]string{"pages", "pages_stale", "site_page_views", "site_visitors"}, r.Measure)
	})
	equal(t, want, got)

	// Pages tell addresses, most often without an id: who is not listed any more, or has no address, stays unknown.
	known := map[string]bool{}
	for _, a := range actual.Directory(now) {
		known[a.ID] = a.Mail != ""
	}
	for _, days := range []int{1, 7, 28} {
		from, to := now.Add(-time.Duration(days)*oneDay), now.Add(-siteSettle)
		count := map[measure.Kind]int{}
		authors := map[string]bool{}
		for _, e := range events(t, m, from, to) {
			count[e.Kind]++
			if e.Kind == measure.PageCreated && known[e.Actor] {
				authors[e.Actor] = true
			}
		}
		creators := map[string]bool{}
		for _, name := range names {
			for _, p := range actual.PagesOf(name, now) {
				if p.Published && !p.Created.Before(from) && p.Created.Before(to) && known[p.AuthorID] {
					creators[p.AuthorID] = true
				}
			}
		}
		created, edited := actual.PagesCreated(now, from, to, names...), actual.PagesEdited(now, from, to, names...)
		if count[measure.PageCreated] != created || count[measure.PageEdit] != edited || !maps.Equal(authors, creators) {
			t.Errorf("%dd: told %v by %v, but there were %d pages created and %d edited, by %v", days, count, authors, created, edited, creators)
		}
	}
}

func (c *cloud) trueSignIns(t *testing.T) {
	actual := c.Truth()
	today := c.now().Truncate(oneDay)
	want := truth{}
	for _, days := range []int{1, 7, 28} {
		want.add("logins", "", time.Duration(days)*oneDay, actual.SignInEvents(today, days), today)
	}
	got := readings(t, c.open(t, entra, "sign_ins: {source: summary}"), true)
	equal(t, want, got)

	m := c.open(t, entra, "accounts: count\nsign_ins: {source: log, application: "+newsApp+"}")
	to := c.now().Add(-signInSettle)
	for _, days := range []int{1, 7, 28} {
		from := to.Add(-time.Duration(days) * oneDay)
		users := map[string]bool{}
		logins := events(t, m, from, to)
		for _, e := range logins {
			users[e.Actor] = true
		}
		if events, people := actual.Logins(newsApp, from, to); len(logins) != events || len(users) != people {
			t.Errorf("%dd: told %d logins by %d, but there were %d by %d", days, len(logins), len(users), events, people)
		}
	}
}
