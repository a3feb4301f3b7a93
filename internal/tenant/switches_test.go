package tenant

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSameSeedSameTenant(t *testing.T) {
	tell := func(seed uint64, steps ...time.Duration) string {
		tenant := New(seed, Options{})
		for _, step := range steps {
			tenant.Advance(step)
		}
		truth, now := tenant.Truth(), tenant.Now()
		return fmt.Sprint(truth.Accounts(now), truth.ActiveUsers(SharePoint, now, 30), truth.PageViews(now, 60), truth.SignIns(now.Add(-60*day), now)[100:110], truth.PagesOf("news", now))
	}
	once := tell(7, 40*day)
	if again := tell(7, 3*time.Hour, 20*day, 20*day-3*time.Hour); again != once {
		t.Errorf("another history by other steps:\n%s\n%s", once, again)
	}
	if other := tell(8, 40*day); other == once {
		t.Error("the seed does not matter")
	}
}

func TestClockIsFollowed(t *testing.T) {
	at := time.Date(2027, 2, 3, 4, 5, 6, 0, time.UTC)
	tenant := New(1, Options{Clock: func() time.Time { return at }})
	c := newClient(t, tenant)
	if got := tenant.RefreshDate("getYammerActivityCounts"); at.Sub(got) > 4*day || tenant.Truth().PageViews(at, 7) == 0 {
		t.Error(got)
	}
	if want := midnight(at).Add(-45 * day); !tenant.first.Equal(want) {
		t.Errorf("history begins on %v instead of %v", tenant.first, want)
	}
	at = at.Add(time.Hour)
	c.refused(401, "InvalidAuthenticationToken", "/v1.0/users")
	tenant.Advance(time.Minute)
	if got := tenant.Now(); !got.Equal(at.Add(time.Minute)) {
		t.Error(got)
	}
}

// TestDetail looks who is in a report of users: those who are there and have a licence or had one in the period, and nobody who has been deleted.
func TestDetail(t *testing.T) {
	deleted, unlicensed := 0, 0
	for seed := range uint64(histories) {
		tenant := New(seed, Options{Users: 150})
		c := newClient(t, tenant)
		end := tenant.RefreshDate("getSharePointActivityUserDetail").Add(day)
		want := map[string]string{}
		for i := range tenant.accounts {
			a := &tenant.accounts[i]
			active := tenant.Truth().active(SharePoint, end, 30)[a.id]
			switch {
			case !a.deleted.IsZero() && !a.deleted.After(end):
				if active {
					deleted++
				}
			case a.licensed(SharePoint, end):
				want[a.upn] = "False"
			case active:
				want[a.upn] = "True"
				unlicensed++
			}
		}
		rows := c.report("getSharePointActivityUserDetail(period='D30')")
		c.equal("rows", len(rows), len(want))
		visits := 0
		for _, row := range rows {
			if want[row["User Principal Name"]] != row["Is Deleted"] {
				t.Errorf("%v instead of %q", row, want[row["User Principal Name"]])
			}
			if row["Last Activity Date"] != "" {
				visits++
			}
		}
		if visits < 10 {
			t.Errorf("%d did something", visits)
		}
		sites := c.report("getSharePointSiteUsageDetail(period='D7')")
		c.equal("sites", len(sites), 4)
		at := tenant.RefreshDate("getSharePointSiteUsageDetail").Add(day)
		c.equal("views of news", sites[1]["Page View Count"], tenant.Truth().SiteViews("news", at))
		c.clean()
	}
	if deleted == 0 || unlicensed == 0 {
		t.Errorf("in all histories %d were deleted and %d lost the licence", deleted, unlicensed)
	}
}

func TestAnalyticsAndSettings(t *testing.T) {
	tenant := New(1, Options{})
	c := newClient(t, tenant)
	const week = "/v1.0/sites/contoso.sharepoint.com:/sites/news:/analytics/lastSevenDays"
	get := func(address string, change func(*Switches)) string {
		t.Helper()
		tenant.Set(change)
		var body string
		c.read(c.get(address), 200, &body)
		tenant.Set(func(s *Switches) {
			*s = Switches{Lag: s.Lag, Without: s.Without, SiteTypes: s.SiteTypes, Retention: s.Retention, SignInDelay: s.SignInDelay}
		})
		return body
	}
	for _, tt := range []struct {
		address string
		change  func(*Switches)
		has     []string
		not     string
	}{
		{week, func(*Switches) {}, []string{`,"access":{"actionCount":`}, "DateTime"},
		{week, func(s *Switches) { s.NestedAnalytics = true }, []string{`,"lastSevenDays":{"access":{"actionCount":`}, "DateTime"},
		{week, func(s *Switches) { s.AnalyticsTimes = true }, []string{`"startDateTime":"2026-11-16T00:00:00Z","endDateTime":"2026-11-23T00:00:00Z"`, "access"}, "incomplete"},
		{week, func(s *Switches) { s.Incomplete = true }, []string{`"incompleteData":{"missingDataBeforeDateTime":"2026-11-21T00:00:00Z","wasThrottled":true}`, "access"}, "startDateTime"},
		{week, func(s *Switches) { s.WithoutAnalytics = true }, nil, "access"},
		{"/v1.0/admin/reportSettings", func(*Switches) {}, []string{`"displayConcealedNames":false`}, "value"},
		{"/v1.0/admin/reportSettings", func(s *Switches) { s.ConcealNames, s.WrappedSettings = true, true }, []string{`"value":{`, `"displayConcealedNames":true`}, `"id"`},
	} {
		body := get(tt.address, tt.change)
		for _, has := range tt.has {
			if !strings.Contains(body, has) {
				t.Errorf("%s has no %s", body, has)
			}
		}
		if strings.Contains(body, tt.not) {
			t.Errorf("%s has %s", body, tt.not)
		}
	}
	tenant.Revoke("Sites.Read.All")
	tenant.Consent("Sites.Selected")
	tenant.GrantSite("news")
	c.signIn()
	c.read(c.get(week), 200, nil)
	tenant.Set(func(s *Switches) { s.StrictSelected = true })
	c.refused(403, "accessDenied", week)
	c.clean()
}

func TestSiteTypes(t *testing.T) {
	tenant := New(1, Options{})
	c := newClient(t, tenant)
	tenant.Set(func(s *Switches) { s.SiteTypes = []string{"All", "Group", "Communication"} })
	rows := c.report("getSharePointSiteUsagePages(period='D7')")
	c.equal("rows", len(rows), 21)
	var all, group, communication int
	for i := 0; i < len(rows); i += 3 {
		for j, n := range []*int{&all, &group, &communication} {
			var views int
			if _, err := fmt.Sscan(rows[i+j]["Page View Count"], &views); err != nil {
				t.Fatal(err)
			}
			*n += views
		}
	}
	if all != group+communication || group == 0 || communication == 0 {
		t.Error(all, group, communication)
	}
	tenant.Set(func(s *Switches) { s.Reordered = true })
	body, _ := tenant.render("getSharePointSiteUsagePages", period{tenant.RefreshDate("getSharePointSiteUsagePages"), 7})
	if !strings.HasPrefix(string(body), "\ufeffReport Period,Report Date,Page View Count,Site Type,Report Refresh Date\r\n7,") {
		t.Errorf("%.120q", body)
	}
}

func TestOptions(t *testing.T) {
	tenant := New(1, Options{Users: 300, NullUserTypes: true, Redrafts: true})
	c := newClient(t, tenant)
	untyped := 0
	users, _ := c.list("/v1.0/users?$select=userType")
	for _, u := range users {
		if u["userType"] == nil {
			untyped++
		}
	}
	versions := map[any]int{}
	for _, name := range []string{"root", "news", "people"} {
		address := "/v1.0/sites/" + tenant.sites[tenant.named(name)].id + "/pages/microsoft.graph.sitePage"
		pages, _ := c.list(address)
		for _, p := range pages {
			state, _ := p["publishingState"].(map[string]any)
			versions[fmt.Sprint(state["level"], " ", state["versionId"])]++
		}
	}
	if untyped == 0 || versions["published 1.0"] == 0 || versions["checkout 0.1"] == 0 || versions["checkout 1.1"] == 0 {
		t.Error(untyped, versions)
	}
	published := 0
	for version, n := range versions {
		if version != "checkout 0.1" { // nobody sees a page before it was published first
			published += n
		}
	}
	c.equal("published", published, tenant.Truth().Pages(tenant.Now(), "root", "news", "people"))
	c.clean()
}

func TestSignInActivity(t *testing.T) {
	tenant := New(1, Options{Users: 1100})
	c := newClient(t, tenant)
	users, pages := c.list("/v1.0/users?$select=id,signInActivity&$top=999")
	c.equal("pages", pages, 3)
	last := map[string]string{}
	now := tenant.Now()
	for _, s := range tenant.Truth().SignIns(now.Add(-100*day), now) {
		if s.Interactive {
			last[s.UserID] = stamp(s.At)
		}
	}
	since := now.Add(-7 * day).Truncate(time.Second)
	recent := 0
	for _, u := range users {
		id, _ := u["id"].(string)
		seen, _ := u["signInActivity"].(map[string]any)
		at, _ := seen["lastSignInDateTime"].(string)
		if last[id] > at {
			t.Errorf("last seen at %s instead of %s", at, last[id])
		}
		if success, _ := seen["lastSuccessfulSignInDateTime"].(string); success >= since.Format(time.RFC3339) {
			recent++
		}
	}
	found, _ := c.list("/v1.0/users?$filter=signInActivity/lastSuccessfulSignInDateTime ge " + since.Format(time.RFC3339))
	c.equal("recent", len(found), recent)
	if recent < 10 || recent > len(users)-50 {
		t.Error(recent)
	}
	c.clean()
	c.refused(400, "BadRequest", "/v1.0/users?$filter=signInActivity/lastSignInDateTime ge 2026-11-16T00:00:00Z and userType eq 'Guest'")
}
