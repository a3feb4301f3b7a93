package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/tenant"
)

// answer has the cloud answer requests whose path has a part with a body of its own.
func (c *cloud) answer(part, body string) {
	c.front.inject(fault{http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
		if !strings.Contains(r.URL.Path, part) {
			platform.ServeHTTP(w, r)
			return false
		}
		_, _ = io.WriteString(w, body)
		return true
	}}, 1, forever)
}

// What an answer says that nobody should give is refused, and what it says about others is left out.
func TestMicrosoft365Answers(t *testing.T) {
	const (
		logged = "accounts: count\nsign_ins: {source: log, application: " + newsApp + "}"
		summed = "accounts: count\nsign_ins: {source: summary}"
		none   = "nothing told"
	)
	at := func(t time.Time) string { return t.Format(time.RFC3339Nano) }
	now := tenant.New(1, tenant.Options{Users: 10}).Now()
	signIn := func(id string, when time.Time, app string) string {
		return fmt.Sprintf(`{"id":%q,"createdDateTime":%q,"userId":"u","appId":%q,"homeTenantId":"T","resourceTenantId":"T","status":{"errorCode":0}}`, id, at(when), app)
	}
	yesterday := now.Add(-oneDay)
	page := func(created, changed, state string) string {
		return fmt.Sprintf(`{"value":[{"id":"p","createdDateTime":%q,"lastModifiedDateTime":%q,"createdBy":{},"lastModifiedBy":{}%s}]}`, created, changed, state)
	}
	for _, test := range []struct{ name, product, keys, part, body, want string }{
		{"a sign-in that was not asked for", entra, logged, "signIns", `{"value":[` + signIn("1", now.Add(-3*oneDay), newsApp) + `]}`, "listed a sign-in that was not asked for"},
		{"a sign-in to come", entra, logged, "signIns", `{"value":[` + signIn("1", now.Add(oneDay), newsApp) + `]}`, "listed a sign-in that was not asked for"},
		{"a sign-in elsewhere", entra, logged, "signIns", `{"value":[` + signIn("1", yesterday, "other") + `]}`, "listed a sign-in that was not asked for"},
		{"a sign-in without id", entra, logged, "signIns", `{"value":[` + signIn("", yesterday, newsApp) + `]}`, "listed a sign-in without id or status"},
		{"a day twice", entra, summed, "Summary", `{"value":[{"activityDateTime":"` + at(yesterday) + `","signInCount":1},{"activityDateTime":"` + at(yesterday) + `","signInCount":1}]}`, "listed a day without number, twice, or with a date that can't be right"},
		{"settings without what is asked", sharePoint, "accounts: report", "reportSettings", `{"id":"x"}`, "the answer has no displayConcealedNames"},
		{"a page without state", sharePoint, "sites", "/pages/", page(at(yesterday), at(yesterday), ""), "listed a page without id or publishingState"},
		{"a page changed before it was created", sharePoint, "sites", "/pages/", page(at(yesterday), at(yesterday.Add(-1)), `,"publishingState":{}`), "listed a page with dates that can't be right"},
		{"a page to come", sharePoint, "sites", "/pages/", page(at(yesterday), at(now.Add(2*oneDay)), `,"publishingState":{}`), "listed a page with dates that can't be right"},
		{"no views", sharePoint, "sites", "lastSevenDays", `{}`, "the answer has no numbers"},
		{"views without number", sharePoint, "sites", "lastSevenDays", `{"access":{"actionCount":1}}`, "told views without their number"},
		{"fewer than no views", sharePoint, "sites", "lastSevenDays", `{"access":{"actionCount":-1,"actorCount":0}}`, "told views without their number"},
		{"views to come", sharePoint, "sites", "lastSevenDays", `{"endDateTime":"` + at(now.Add(2*oneDay)) + `","access":{"actionCount":1,"actorCount":1}}`, "told views with a date that can't be right"},
		{"views in part", sharePoint, "sites", "lastSevenDays", `{"access":{"actionCount":1,"actorCount":1},"incompleteData":{"missingDataBeforeDateTime":"` + at(yesterday) + `"}}`, none},
		{"views, too many to count", sharePoint, "sites", "lastSevenDays", `{"access":{"actionCount":1,"actorCount":1},"incompleteData":{"wasThrottled":true}}`, none},
		{"no address", vivaEngage, "accounts: report", "getYammerActivityCounts", "", "answered no address of a download"},
		{"no number of accounts", entra, "accounts: count", "$count", "many", "answered no whole number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t, 1, tenant.Options{Users: 10})
			keys := test.keys
			if keys == "sites" {
				keys = "accounts: report\n" + c.siteKeys("news")
			}
			m := c.open(t, test.product, keys)
			if _, err := m.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.answer(test.part, strings.ReplaceAll(test.body, `"T"`, `"`+c.TenantID()+`"`))
			views := 0
			err := errors.Join(
				m.Events(t.Context(), now.Add(-2*oneDay), now, func(Event) {}),
				m.Readings(t.Context(), true, func(r Reading) {
					if strings.HasPrefix(r.Measure, "site_") {
						views++
					}
				}),
			)
			if test.want == none {
				if err != nil || views != 0 {
					t.Error(views, err)
				}
			} else if err == nil || !strings.Contains(err.Error()+"\n", ": "+test.want+"\n") {
				t.Error(err)
			}
		})
	}
}

// The bounds of a span are kept to the fraction of a second, though Graph takes none, and what is listed again, or failed, is not
// told.
func TestMicrosoft365SignInSpan(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	m := c.open(t, entra, "accounts: count\nsign_ins: {source: log, application: "+newsApp+"}")
	from := c.now().Add(-oneDay).Truncate(time.Second).Add(500 * time.Millisecond)
	to := from.Add(2 * time.Second)
	var rows []string
	add := func(after time.Duration, id string, code int) {
		rows = append(rows, fmt.Sprintf(`{"id":%q,"createdDateTime":%q,"userId":%q,"appId":%q,"homeTenantId":%q,"resourceTenantId":%q,"status":{"errorCode":%d}}`,
			id, from.Add(after).Format(time.RFC3339Nano), id, newsApp, c.TenantID(), c.TenantID(), code))
	}
	add(-time.Nanosecond, "before", 0)
	add(0, "first", 0)
	add(0, "first", 0)
	add(time.Second, "failed", 50126)
	add(2*time.Second-1, "last", 0)
	add(2*time.Second, "after", 0)
	filter := ""
	c.front.inject(fault{http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
		if !strings.Contains(r.URL.Path, "signIns") {
			platform.ServeHTTP(w, r)
			return false
		}
		filter = r.URL.Query().Get("$filter")
		_, _ = io.WriteString(w, `{"value":[`+strings.Join(rows, ",")+`]}`)
		return true
	}}, 1, forever)
	var who []string
	for _, e := range events(t, m, from, to) {
		who = append(who, e.Actor)
	}
	if !slices.Equal(who, []string{"first", "last"}) {
		t.Error(who)
	}
	second := func(d time.Duration) string { return from.Truncate(time.Second).Add(d).UTC().Format(time.RFC3339) }
	want := "createdDateTime ge " + second(0) + " and createdDateTime le " + second(3*time.Second) + " and appId eq '" + newsApp + "' and status/errorCode eq 0"
	if filter != want {
		t.Errorf("asked for %s, want %s", filter, want)
	}
}

// Of a report that has not changed nothing is lost that could not be used, and what is asked for anew is fetched anew.
func TestMicrosoft365Tag(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	m := c.open(t, vivaEngage, "accounts: report")
	if _, err := m.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.front.inject(replaced(cause.BadResponse, "Posted", "Messages"), 1, forever)
	if err := m.Readings(t.Context(), false, func(Reading) {}); cause.Of(err) != cause.BadResponse {
		t.Error(err)
	}
	c.front.mend()
	c.Advance(freshFor)
	if got := readings(t, m, false); got["comments over 1d"].AsOf.IsZero() {
		t.Error("what could not be used is not asked for again:", got)
	}
	before := c.Requests()["download"]
	c.Advance(freshFor)
	readings(t, m, true)
	if n := c.Requests()["download"] - before; n != 4 {
		t.Errorf("%d downloads, want all 4", n)
	}
}

// Pages are listed once in a poll, and again where the list is older than what is asked for.
func TestMicrosoft365PagesOnce(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	m := c.open(t, sharePoint, "accounts: report\n"+c.siteKeys("news"))
	lists := func(want int) {
		t.Helper()
		if n := c.Requests()["sites/pages"]; n != want {
			t.Errorf("%d lists, want %d", n, want)
		}
	}
	from := c.now().Add(-oneDay)
	events(t, m, from, c.now().Add(-siteSettle))
	readings(t, m, false)
	lists(1)
	c.Advance(time.Minute)
	events(t, m, from, c.now())
	lists(2)
	events(t, m, from, c.now())
	lists(2)
	c.Advance(siteSettle)
	events(t, m, from, c.now().Add(-2*siteSettle))
	lists(3)
}

// No two requests for sign-ins are closer to each other than their pace.
func TestMicrosoft365Pace(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	c.Set(func(s *tenant.Switches) { s.PageSize = 5 })
	m := c.open(t, entra, "accounts: count\nsign_ins: {source: log, application: "+newsApp+"}")
	began := c.now()
	events(t, m, began.Add(-7*oneDay), began.Add(-signInSettle))
	n := c.Requests()["auditLogs/signIns"]
	if took := c.now().Sub(began); n < 3 || took < time.Duration(n-1)*signInEvery {
		t.Errorf("%d requests in %s", n, took)
	}
}

// Somebody may join or leave between two counts, or nobody be there.
func TestMicrosoft365Counts(t *testing.T) {
	for _, test := range []struct {
		persons, missing string
		want             map[string]float64
	}{
		{"5", "7", map[string]float64{"accounts": 5, "profile_completion": 0, "profile_field_filled.city": 0}},
		{"5", "1", map[string]float64{"accounts": 5, "profile_completion": 0.8, "profile_field_filled.city": 0.8}},
		{"0", "0", map[string]float64{"accounts": 0}},
	} {
		c := newCloud(t, 1, tenant.Options{Users: 10})
		m := c.open(t, entra, "accounts: count", "city")
		c.front.inject(fault{http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
			switch filter := r.URL.Query().Get("$filter"); {
			case filter == "":
				platform.ServeHTTP(w, r)
			case strings.HasSuffix(filter, "city eq null"):
				_, _ = io.WriteString(w, test.missing)
			default:
				_, _ = io.WriteString(w, test.persons)
			}
			return true
		}}, 1, forever)
		got := map[string]float64{}
		for name, r := range readings(t, m, true) {
			if r.Measure != "accounts_excluded" {
				got[name] = r.Value
			}
		}
		if !maps.Equal(got, test.want) {
			t.Errorf("%s persons, %s without city: %v", test.persons, test.missing, got)
		}
	}
}

// What is blank is not filled in.
func TestMicrosoft365Blank(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	m := c.open(t, entra, "", "city", "state")
	c.answer("/users", `{"value":[{"id":"1","userPrincipalName":"a","accountEnabled":true,"city":" \t","state":" x "}]}`)
	got, err := told(t.Context(), &platform{collector: m}, "accounts")
	if err != nil || len(got.Accounts) != 1 || !slices.Equal(got.Accounts[0].Filled, []bool{false, true}) {
		t.Error(got.Accounts, err)
	}
	if len(m.ids) != 0 {
		t.Error("addresses are kept where no page tells any")
	}
	for _, nobody := range []string{`"id":"1"`, `"userPrincipalName":"a"`} {
		c.answer("/users", `{"value":[{`+nobody+`,"accountEnabled":true}]}`)
		_, err := told(t.Context(), &platform{collector: m}, "accounts")
		c.says(t, err, "GET GRAPH/v1.0/users: listed an account without id or userPrincipalName", cause.BadResponse, "list accounts: ")
	}
}

// What Microsoft Entra says of itself passes, what it says of us does not.
func TestMicrosoft365SignInCodes(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   cause.Cause
	}{
		{400, `{"error_codes":[90033]}`, cause.Unavailable},
		{400, `{"error_codes":[90055,7000215]}`, cause.Unavailable},
		{401, `{"error_codes":[7000112]}`, cause.Auth},
		{400, `{"error_codes":[53003]}`, cause.Auth},
		{400, `{"error_codes":[1]}`, cause.Auth},
		{500, `{"error_codes":[7000112]}`, ""}, // goes by its status
		{400, `{"error_codes":[]}`, ""},
	} {
		err := refusedSignIn(test.status, jsontext.NewDecoder(strings.NewReader(test.body)))
		if got := cause.Of(err); err == nil && test.want != "" || err != nil && got != test.want {
			t.Errorf("%d %s: %v", test.status, test.body, err)
		}
	}
}

// Downloads come from a domain and what is below it, and by TLS.
func TestMicrosoft365Origin(t *testing.T) {
	r := &microsoft365Reports{domains: []string{"office.com"}}
	for address, want := range map[string]string{
		"https://office.com/x?key=hunter2":        "https://office.com",
		"https://reports.Office.com:8443/x":       "https://reports.Office.com:8443",
		"http://reports.office.com/hunter2":       "",
		"https://hunter2-office.com/":             "",
		"https://office.com.hunter2.example/":     "",
		"https://office.com@hunter2.example/":     "",
		"//office.com/hunter2":                    "",
		"https://hunter2.example/?x=office.com":   "",
		"https://hunter2.example/#x.office.com/":  "",
		"https://reports.office.com:hunter2/%zz/": "",
	} {
		got, err := r.origin(address)
		if got != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}

// A day counts that is known whole, and that the report covers.
func TestMicrosoft365Days(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, test := range []struct{ name, text, want string }{
		{"at the end of a month, in any order", "2026-02-27,All,1,2026-02-27\n2026-02-28,All,2,2026-02-28\n2026-02-27,All,3,2026-02-26", "26: 3, 27: 1, 28: 2, "},
		{"after the last day", "2026-02-27,All,1,2026-02-27\n2026-02-27,All,9,2026-02-28", "27: 1, "},
		{"kinds", "2026-02-27,Group,1,2026-02-27\n2026-02-27,Team,2,2026-02-27", "27: 3, "},
		{"kinds, and one of them is blank", "2026-02-27,Group,1,2026-02-27\n2026-02-27,Team,,2026-02-27", ""},
		{"all kinds, and one is blank", "2026-02-27,Group,,2026-02-27\n2026-02-27,all,7,2026-02-27", "27: 7, "},
		{"more than a year ago", "2025-02-28,All,1,2025-02-28", "error"},
		{"the day after tomorrow", "2026-03-03,All,1,2026-02-27", "error"},
	} {
		report, err := parseMicrosoft365Report("Report Refresh Date,Site Type, Page View Count ,Report Date\n"+test.text, now)
		got := ""
		if err == nil {
			var days series
			if days, err = report.daily("Page View Count", now); err == nil {
				for _, day := range slices.SortedFunc(maps.Keys(days), time.Time.Compare) {
					got += fmt.Sprintf("%d: %g, ", day.Day(), days[day])
				}
			}
		}
		if err != nil {
			got = "error"
		}
		if got != test.want {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

// Headers that are configured may be secrets, and are for Graph alone, as the token is.
func TestMicrosoft365DownloadHeaders(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	m := c.open(t, vivaEngage, "accounts: report\nhttp_client: {http_headers: {X-Key: {secrets: [hunter2]}}}")
	met := map[bool]int{}
	c.front.inject(fault{http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
		download := "http://"+r.Host == c.downloads
		met[download]++
		if (r.Header.Get("X-Key") == "") != download || download && r.Header.Get("Authorization") != "" {
			t.Errorf("%s: %v", r.URL.Path, r.Header)
		}
		platform.ServeHTTP(w, r)
		return true
	}}, 1, forever)
	readings(t, m, true)
	if met[true] == 0 || met[false] == 0 {
		t.Error(met)
	}
}

// Where nobody can sign in any more, or nobody waits, the other numbers are not asked for.
func TestMicrosoft365Ends(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	m := c.open(t, vivaEngage, "accounts: report")
	readings(t, m, true)
	c.Advance(time.Hour)
	c.SetSecret("another")
	c.faulty = true
	before := c.Requests()["token"]
	if err := m.Readings(t.Context(), true, func(Reading) {}); cause.Of(err) != cause.Auth || strings.Count(err.Error(), "AADSTS") != 1 {
		t.Error(err)
	}
	if n := c.Requests()["token"] - before; n != 1 {
		t.Errorf("%d attempts to sign in", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Readings(ctx, true, func(Reading) {}); !errors.Is(err, context.Canceled) || strings.Count(err.Error(), "read ") != 1 {
		t.Error(err)
	}
}

// How late each source is, and how far back it reaches.
func TestMicrosoft365Times(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	log := "sign_ins: {source: log, application: " + newsApp + "}"
	for _, test := range []struct {
		product, keys string
		want          Description
		memory        time.Duration
	}{
		{sharePoint, "", Description{Lag: 2 * oneDay, Step: 4 * week}, 0},
		{sharePoint, c.siteKeys("news"), Description{Lag: 2 * oneDay, Settle: 5 * time.Minute, Overlap: 4 * week, Step: 4 * week, Reread: true}, 0},
		{entra, "", Description{Step: 4 * week}, 0},
		{entra, log, Description{Settle: 2 * time.Hour, Overlap: 6 * time.Hour, Step: oneDay}, 30 * oneDay},
		{entra, "sign_ins: {source: log, retention: 7d, application: " + newsApp + "}", Description{Settle: 2 * time.Hour, Overlap: 6 * time.Hour, Step: oneDay}, week},
		{entra, "sign_ins: {source: summary}", Description{Lag: oneDay, Step: 4 * week}, 0},
	} {
		d := c.open(t, test.product, test.keys).Describe()
		got := Description{Lag: d.Lag, Settle: d.Settle, Overlap: d.Overlap, Step: d.Step, Reread: d.Reread}
		if diff := gocmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %s: (-want +got)\n%s", test.product, test.keys, diff)
		}
		for _, e := range d.Events {
			if e.Memory != test.memory {
				t.Errorf("%s %s: memory %s", test.product, test.keys, e.Memory)
			}
		}
	}
}

// What changes whose events are told, or what they mean, is another definition, and nothing else is.
func TestMicrosoft365Definition(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	define := func(product, keys, others string) string {
		return c.openWith(t, product, keys, others).Describe().Definition
	}
	log := "sign_ins: {source: log, application: " + newsApp + "}"
	same := define(entra, log, "")
	for _, keys := range []string{log + "\nrequest_timeout: 7s", strings.Replace(log, "}", ", retention: 7d}", 1)} {
		if define(entra, keys, "") != same {
			t.Errorf("another definition with %s", keys)
		}
	}
	if define(entra, log, "tenant: "+strings.ToUpper(c.TenantID())) != same || define(entra, log, "login_url: http://127.0.0.1:1") != same {
		t.Error("another definition of the same tenant")
	}
	seen := map[string]bool{same: true}
	for _, test := range [][3]string{
		{entra, log, "tenant: 11111111-1111-1111-1111-111111111111"},
		{entra, log, "graph_url: http://127.0.0.1:1"},
		{entra, log + "\naccounts: count", ""},
		{entra, log + "\nlicensed: false", ""},
		{entra, strings.Replace(log, newsApp, "11111111-1111-1111-1111-111111111111", 1), ""},
		{sharePoint, "", ""},
		{sharePoint, c.siteKeys("news"), ""},
		{sharePoint, c.siteKeys("people"), ""},
		{sharePoint, c.siteKeys("news", "people"), ""},
	} {
		d := define(test[0], test[1], test[2])
		if seen[d] {
			t.Errorf("the same definition with %q", test)
		}
		seen[d] = true
	}
}

// A listing goes on behind a token that ends, and a limit, in the middle of it; where it can't, whose the addresses are
// stays as it was.
func TestMicrosoft365HalfWay(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	c.Set(func(s *tenant.Switches) { s.PageSize = 5 })
	m := c.open(t, sharePoint, c.siteKeys("news"))
	whole, err := told(t.Context(), &platform{collector: m}, "accounts")
	if err != nil {
		t.Fatal(err)
	}
	known := maps.Clone(m.ids)
	for _, test := range []struct {
		name    string
		trouble func()
		want    cause.Cause
	}{
		{"the token ends", func() { c.Advance(oldToken); c.ExpireTokens() }, ""},
		{"a limit", func() { c.Throttle("users", 30*time.Second) }, ""},
		{"a limit for long", func() { c.Throttle("users", 10*time.Minute) }, cause.RateLimited},
	} {
		pages := 0
		c.front.inject(fault{http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
			if strings.HasSuffix(r.URL.Path, "/users") {
				if pages++; pages == 3 {
					test.trouble()
				}
			}
			platform.ServeHTTP(w, r)
			return true
		}}, 1, forever)
		got, err := told(t.Context(), &platform{collector: m}, "accounts")
		if cause.Of(err) != test.want || err == nil && !slices.EqualFunc(got.Accounts, whole.Accounts, func(a, b Account) bool { return a.ID == b.ID }) {
			t.Errorf("%s: %d accounts, %v", test.name, len(got.Accounts), err)
		}
		if !maps.Equal(m.ids, known) {
			t.Errorf("%s: other addresses are known", test.name)
		}
	}
}

// A token that can't be used is none, and shows nowhere.
func TestMicrosoft365NoToken(t *testing.T) {
	for _, body := range []string{
		`{"access_token":"","token_type":"Bearer","expires_in":3599}`,
		`{"access_token":"hunter2","token_type":"pop","expires_in":3599}`,
		`{"access_token":"hunter2","expires_in":3599}`,
		`{"access_token":"hunter2","token_type":"Bearer"}`,
		`{"access_token":"hunter2","token_type":"Bearer","expires_in":-1}`,
		`{"access_token":"hunter2","token_type":"Bearer","expires_in":9223372036854775807}`,
	} {
		c := newCloud(t, 1, tenant.Options{Users: 10})
		m := c.open(t, entra, "accounts: count")
		c.answer("/token", body)
		_, err := m.Probe(t.Context())
		c.says(t, err, "the answer has no token that can be used", cause.BadResponse, "prove User.Read.All: sign in: ")
	}
}

// That nothing has changed is believed only where that was the question.
func TestMicrosoft365UnaskedFor(t *testing.T) {
	for _, code := range []int{http.StatusNotModified, http.StatusFound, http.StatusOK} {
		c := newCloud(t, 1, tenant.Options{Users: 10})
		m := c.open(t, vivaEngage, "accounts: report")
		if _, err := m.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.front.inject(status(code, ""), 1, forever)
		err := m.Readings(t.Context(), false, func(Reading) { t.Error("a number was told") })
		if err == nil || strings.Count(err.Error(), "answered no address of a download") != 4 {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// A server that lags behind may answer with the report of a day before: what was told last holds.
func TestMicrosoft365OlderReport(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	m := c.open(t, vivaEngage, "accounts: report")
	first := readings(t, m, true)
	c.Set(func(s *tenant.Switches) {
		for name := range s.Lag {
			s.Lag[name]++
		}
	})
	for _, full := range []bool{false, true} {
		c.Advance(freshFor)
		got := readings(t, m, full)
		delete(first, "custom.usage_names_concealed") // of its own time
		delete(got, "custom.usage_names_concealed")
		equal(t, first, got)
	}
}

// Numbers have bounds too: a report of more rows than one, or with more than can be counted, is none, and half of a sum is no sum.
func TestMicrosoft365Users(t *testing.T) {
	for _, test := range []struct {
		rows  string
		told  int
		wrong string
	}{
		{"2026-11-20,3,4,7\r\n", 2, ""},
		{"2026-11-20,3,,7\r\n", 0, ""},
		{"2026-11-20,,4,7\r\n", 0, ""},
		{"", 0, ""},
		{"2026-11-20,3,4,7\r\n2026-11-20,3,4,7\r\n", 0, "the report has more than one row"},
		{"2026-11-20,9007199254740993,4,7\r\n", 0, `the report has no whole number under "Yammer Active"`},
	} {
		c := newCloud(t, 1, tenant.Options{Users: 10})
		m := c.open(t, vivaEngage, "accounts: report")
		if _, err := m.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.answer("/download", "\ufeffReport Refresh Date,Yammer Active,Yammer Inactive,Report Period\r\n"+test.rows)
		i := slices.IndexFunc(m.numbers, func(n *microsoft365Number) bool { return len(n.sources) == 2 })
		told, err := m.numbers[i].read(t.Context(), true)
		if len(told) != test.told || test.wrong == "" && err != nil || test.wrong != "" && (err == nil || err.Error() != test.wrong) {
			t.Errorf("%q: %v, %v", test.rows, told, err)
		}
	}
}

// What was done at the beginning of a span is in it, what was done at its end is in the next.
func TestMicrosoft365PageSpan(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	created := c.now().Add(-2 * oneDay).Truncate(time.Second)
	changed := created.Add(oneDay)
	for _, test := range []struct {
		level, version string
		changed        time.Time
		want           []Event
	}{
		{"published", "2.0", changed, []Event{{measure.PageCreated, created, "a@example.org"}, {measure.PageEdit, changed, "b@example.org"}}},
		{"checkout", "1.1", changed, []Event{{measure.PageCreated, created, "a@example.org"}, {measure.PageEdit, changed, "b@example.org"}}},
		{"published", "1.0", changed, []Event{{measure.PageCreated, created, "a@example.org"}}},
		{"published", "", created, []Event{{measure.PageCreated, created, "a@example.org"}}},
		{"checkout", "0.2", changed, nil},
	} {
		m := c.open(t, sharePoint, "accounts: report\n"+c.siteKeys("news"))
		c.answer("/pages/", fmt.Sprintf(`{"value":[{"id":"p","createdDateTime":%q,"lastModifiedDateTime":%q,"createdBy":{"user":{"id":"ID-1","email":"a@example.org"}},`+
			`"lastModifiedBy":{"user":{"email":"B@example.org"}},"publishingState":{"level":%q,"versionId":%q}}]}`,
			created.Format(time.RFC3339), test.changed.Format(time.RFC3339), test.level, test.version))
		var got []Event
		for _, span := range [][2]time.Time{{created.Add(-oneDay), created}, {created, changed}, {changed, changed.Add(1)}} {
			for _, e := range events(t, m, span[0], span[1]) {
				if e.At.Before(span[0]) || !e.At.Before(span[1]) {
					t.Errorf("%v is not in %v", e, span)
				}
				got = append(got, e)
			}
		}
		if diff := gocmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %s: (-want +got)\n%s", test.level, test.version, diff)
		}
	}
}
