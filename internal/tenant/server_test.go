package tenant

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

func (c *client) askToken(form url.Values, status, number int) {
	c.t.Helper()
	resp := c.do("POST", "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token       string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	c.read(resp, status, &answer)
	if status == 200 && answer.Token == "" || status != 200 && (answer.Error == "" || !slices.Equal(answer.Codes, []int{number}) ||
		!strings.HasPrefix(answer.Description, fmt.Sprintf("AADSTS%d: ", number))) {
		c.t.Errorf("%v instead of %d", answer, number)
	}
}

func TestTokenRequest(t *testing.T) {
	tenant := New(1, Options{})
	c := &client{t: t, tenant: tenant}
	good := url.Values{"client_id": {tenant.ClientID()}, "client_secret": {tenant.Secret()}, "grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"}}
	c.askToken(good, 200, 0)
	c.clean()
	for _, tt := range []struct {
		key, value     string
		status, number int
	}{
		{"grant_type", "", 400, 900144},
		{"grant_type", "password", 400, 70003},
		{"client_id", "", 400, 900144},
		{"client_id", nobody, 400, 700016},
		{"scope", "", 400, 900144},
		{"scope", "https://graph.microsoft.com/User.Read.All", 400, 1002012},
		{"scope", "https://management.azure.com/.default", 400, 500011},
		{"client_secret", "", 401, 7000218},
		{"client_secret", "wrong", 401, 7000215},
		{"client_assertion_type", "jwt", 200, 0},
	} {
		form := maps.Clone(good)
		form.Set(tt.key, tt.value)
		c.askToken(form, tt.status, tt.number)
	}
	var answer struct{}
	c.read(c.do("POST", "https://login.microsoftonline.com/fabrikam.example/oauth2/v2.0/token", good.Encode(), "Content-Type", "application/x-www-form-urlencoded"), 400, &answer)
	tenant.ExpireSecret()
	c.askToken(good, 401, 7000222)
	tenant.SetSecret("another")
	c.askToken(good, 401, 7000215)
	good.Set("client_secret", "another")
	c.askToken(good, 200, 0)
	tenant.Set(func(s *Switches) {
		s.Refuse["token"] = Refusal{503, "temporarily_unavailable", "The service is temporarily unavailable."}
	})
	c.askToken(good, 503, 90033)
}

// certificate is one that is good on the tenant's first day.
func certificate(t *testing.T) (*x509.Certificate, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "intranet_exporter"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func sign(t *testing.T, key *rsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	content := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(content))
	var signature []byte
	var err error
	if header["alg"] == "RS256" {
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	} else {
		signature, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	if err != nil {
		t.Fatal(err)
	}
	return content + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestAssertion(t *testing.T) {
	cert, key := certificate(t)
	_, otherKey := certificate(t)
	tenant := New(1, Options{Certificate: cert})
	c := &client{t: t, tenant: tenant}
	now, serial := tenant.Now(), 0
	ask := func(key *rsa.PrivateKey, part, name string, value any, status, number int) {
		t.Helper()
		serial++
		header := map[string]any{"alg": "PS256", "typ": "JWT", "x5t#S256": fingerprint(cert)}
		claims := map[string]any{
			"aud": "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token", "iss": tenant.ClientID(), "sub": tenant.ClientID(),
			"jti": fmt.Sprint(serial), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		}
		if part == "header" {
			header[name] = value
		} else {
			claims[name] = value
		}
		c.askToken(url.Values{
			"client_id": {tenant.ClientID()}, "grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {sign(t, key, header, claims)},
		}, status, number)
	}
	ask(key, "header", "alg", "PS256", 200, 0)
	ask(key, "header", "alg", "RS256", 200, 0)
	c.clean()
	ask(otherKey, "header", "alg", "PS256", 401, 700027)
	ask(key, "header", "alg", "none", 401, 700027)
	ask(key, "header", "typ", "JWS", 401, 50027)
	ask(key, "header", "x5t#S256", "abc", 401, 700027)
	ask(key, "claims", "aud", "https://login.microsoftonline.com", 401, 700023)
	ask(key, "claims", "iss", nobody, 401, 700021)
	ask(key, "claims", "sub", nobody, 401, 700021)
	ask(key, "claims", "jti", "1", 401, 50027)
	ask(key, "claims", "jti", "", 401, 50027)
	ask(key, "claims", "nbf", now.Add(time.Hour).Unix(), 401, 700024)
	ask(key, "claims", "exp", now.Add(-time.Hour).Unix(), 401, 700024)
	ask(key, "claims", "exp", 0, 401, 700024)
	ask(key, "claims", "nbf", 0, 401, 700024)
	violations := len(tenant.Violations())
	ask(key, "claims", "exp", now.Add(time.Hour).Unix(), 200, 0)
	c.equal("violations of an assertion that is good for an hour", len(tenant.Violations())-violations, 1)
}

func TestTokensAndRoles(t *testing.T) {
	tenant := New(1, Options{Roles: []string{"Reports.Read.All"}})
	c := newClient(t, tenant)
	c.refused(403, "Authorization_RequestDenied", "/v1.0/users")
	tenant.Consent("User.Read.All")
	c.refused(403, "Authorization_RequestDenied", "/v1.0/users")
	c.signIn()
	c.read(c.get("/v1.0/users"), 200, nil)
	tenant.Revoke("User.Read.All")
	c.read(c.get("/v1.0/users"), 200, nil)
	c.refused(403, "Authentication_MSGraphPermissionMissing", "/v1.0/auditLogs/signIns")
	c.refused(403, "accessDenied", "/v1.0/sites/root")
	c.refused(403, "S2SUnauthorized", "/v1.0/admin/reportSettings")
	tenant.Advance(time.Hour)
	c.refused(401, "InvalidAuthenticationToken", "/v1.0/users")
	c.signIn()
	c.refused(403, "Authorization_RequestDenied", "/v1.0/users")
	tenant.ExpireTokens()
	c.refused(401, "InvalidAuthenticationToken", "/v1.0/users")
	c.clean()
	c.token = "invented"
	c.refused(401, "InvalidAuthenticationToken", "/v1.0/users")
	c.equal("violations", len(tenant.Violations()), 1)
}

func TestReportsServer(t *testing.T) {
	tenant := New(1, Options{})
	c := newClient(t, tenant)
	const address = "/v1.0/reports/getYammerActivityCounts(period='D7')"
	resp := c.get(address)
	location, tag := resp.Header.Get("Location"), resp.Header.Get("ETag")
	if resp.StatusCode != 302 || !strings.HasPrefix(location, "https://reports.office.com/") || tag == "" {
		t.Fatal(resp)
	}
	c.read(c.do("GET", location, ""), 200, nil)
	c.read(c.do("GET", location, ""), 403, nil)
	c.read(c.get(address, "If-None-Match", tag), 304, nil)
	tenant.Advance(day)
	c.signIn()
	resp = c.get(address, "If-None-Match", tag)
	if resp.StatusCode != 302 || resp.Header.Get("ETag") == tag {
		t.Error("not another report the day after", resp)
	}
	tenant.Advance(6 * time.Minute)
	c.read(c.do("GET", resp.Header.Get("Location"), ""), 403, nil)
	c.clean()

	tenant.Advance(10 * time.Minute)
	for range 14 {
		c.read(c.get(address), 302, nil)
	}
	resp = c.get(address)
	c.equal("Retry-After", resp.Header.Get("Retry-After"), 600)
	c.read(resp, 429, nil)
	c.read(c.get("/v1.0/reports/getYammerActivityUserCounts(period='D7')"), 302, nil)
	c.clean()
	c.refused(429, "TooManyRequests", address)
	c.equal("violations", len(tenant.Violations()), 1)
	tenant.Advance(10 * time.Minute)
	c.read(c.get(address), 302, nil)

	location = c.get(address).Header.Get("Location")
	c.read(c.do("GET", location, "", "Authorization", "Bearer "+c.token, "X-Other", c.token, "Cookie", "a=b"), 200, nil)
	c.equal("violations", len(tenant.Violations()), 4)
	c.refused(400, "BadRequest", "/v1.0/reports/getYammerActivityCounts(period='D14')")
	c.refused(400, "BadRequest", "/v1.0/reports/getYammerActivityCounts(date=2026-11-20)")
	c.refused(400, "BadRequest", "/v1.0/reports/getYammerActivityCounts(period='D7')?$top=3")
	if n := len(c.report("getSharePointActivityUserDetail(date=2026-11-20)")); n == 0 {
		t.Error("no detail of a day")
	}
}

func TestReportFaults(t *testing.T) {
	tenant := New(1, Options{})
	c := newClient(t, tenant)
	const call = "getYammerActivityCounts(period='D7')"
	set := func(change func(*Switches)) []map[string]string {
		t.Helper()
		tenant.Set(change)
		rows := c.report(call)
		tenant.Set(func(s *Switches) {
			*s = Switches{Lag: s.Lag, Without: map[Product]bool{}, SiteTypes: s.SiteTypes, Retention: s.Retention, SignInDelay: s.SignInDelay}
		})
		return rows
	}
	want := c.report(call)
	if rows := set(func(s *Switches) { s.BlankDays = 2 }); rows[0]["Read"] != "" || rows[1]["Liked"] != "" || rows[2]["Read"] == "" || rows[0]["Report Date"] == "" {
		t.Error(rows)
	}
	if rows := set(func(s *Switches) { s.ExtraBlankDay = true }); len(rows) != 8 || rows[0]["Read"] != "" || rows[0]["Report Date"] <= rows[0]["Report Refresh Date"] {
		t.Error(rows)
	}
	if rows := set(func(s *Switches) { s.MissingDay = 3 }); len(rows) != 6 || rows[3]["Report Date"] != want[4]["Report Date"] {
		t.Error(rows)
	}
	if rows := set(func(s *Switches) { s.ExtraColumns, s.Renamed = true, [2]string{"Liked", "Reacted"} }); rows[0]["Link Count, Anyone"] != "7" || rows[0]["Reacted"] != want[0]["Liked"] {
		t.Error(rows)
	}
	if rows := set(func(s *Switches) { s.Without[Engage] = true }); len(rows) != 0 {
		t.Error(rows)
	}
	tenant.Stall("getYammerActivityCounts")
	tenant.Advance(3 * day)
	c.signIn()
	if rows := c.report(call); rows[0]["Report Refresh Date"] != want[0]["Report Refresh Date"] || rows[0]["Read"] != want[0]["Read"] {
		t.Error(rows)
	}
	tenant.Resume("getYammerActivityCounts")
	if rows := c.report(call); rows[3]["Report Date"] != want[0]["Report Date"] || rows[3]["Read"] != want[0]["Read"] {
		t.Error(rows)
	}
	tenant.Set(func(s *Switches) { s.Lag["getYammerActivityCounts"] = 0 })
	for range 2 { // the day is not over yet
		c.equal("read today", c.report(call)[0]["Read"], tenant.Truth().Read(midnight(tenant.Now()).Add(day), 1))
		tenant.Advance(5 * time.Hour)
		c.signIn()
	}
	named := c.report("getSharePointActivityUserDetail(period='D7')")
	tenant.Set(func(s *Switches) { s.ConcealNames = true })
	if rows := c.report("getSharePointActivityUserDetail(period='D7')"); len(rows) != len(named) || !strings.Contains(named[0]["User Principal Name"], "@") ||
		strings.Contains(rows[0]["User Principal Name"], "@") {
		t.Error(rows[0])
	}
	c.clean()
}

func TestUsersServer(t *testing.T) {
	tenant := New(3, Options{Users: 200})
	c := newClient(t, tenant)
	truth, now := tenant.Truth(), tenant.Now()
	count := func(filter string) string {
		t.Helper()
		var body string
		address := "/v1.0/users/$count"
		if filter != "" {
			address += "?$filter=" + filter
		}
		c.read(c.get(address, "ConsistencyLevel", "eventual"), 200, &body)
		return strings.TrimPrefix(body, "\ufeff")
	}
	all := truth.Directory(now)
	number := func(counts func(Account) bool) (n int) {
		for _, a := range all {
			if counts(a) {
				n++
			}
		}
		return n
	}
	c.equal("all", count(""), len(all))
	c.equal("persons", count("accountEnabled eq true and userType eq 'Member' and assignedLicenses/$count ne 0"), truth.Accounts(now)["person"])
	c.equal("guests", count("userType eq 'Guest'"), truth.Accounts(now)["guest"])
	for _, f := range []string{"jobTitle", "department", "officeLocation", "mobilePhone", "companyName", "city"} {
		n := truth.FieldFilled(now, f)
		c.equal(f, count("accountEnabled eq true and userType eq 'Member' and assignedLicenses/$count ne 0 and "+f+" ne null"), n)
		if n == 0 || n == truth.Accounts(now)["person"] {
			t.Errorf("%s of %d", f, n)
		}
	}
	c.equal("not in", count("not (department in ('Care','Board')) and (city eq 'Utrecht' or city eq 'den haag')"),
		number(func(a Account) bool {
			return a.Fields["department"] != "Care" && a.Fields["department"] != "Board" && (a.Fields["city"] == "Utrecht" || a.Fields["city"] == "Den Haag")
		}))
	c.equal("quotes", count("surname eq 'O''Neill'"), number(func(a Account) bool { return strings.Contains(a.Name, "O'Neill") }))
	c.equal("functions", count("startsWith(displayName,'a') and endsWith(userPrincipalName,'.onmicrosoft.com')"), number(func(a Account) bool { return strings.HasPrefix(a.Name, "A") }))
	c.equal("order", count("department ge 'D' and department le 'J'"),
		number(func(a Account) bool { return a.Fields["department"] >= "D" && a.Fields["department"] <= "J" }))
	c.equal("times", count("createdDateTime ge 2026-01-01T00:00:00Z"), number(func(a Account) bool { return a.Created.Year() >= 2026 }))

	var page struct {
		Count int              `json:"@odata.count"`
		Next  string           `json:"@odata.nextLink"`
		Value []map[string]any `json:"value"`
	}
	c.read(c.get("/v1.0/users?$count=true&$filter=companyName ne null&$select=companyName", "ConsistencyLevel", "eventual"), 200, &page)
	c.equal("@odata.count", page.Count, number(func(a Account) bool { return a.Fields["companyName"] != "" }))
	c.clean()
	c.refused(400, "Request_UnsupportedQuery", page.Next)
	next := page.Next
	page.Count, page.Next, page.Value = 0, "", nil
	c.read(c.get(next, "ConsistencyLevel", "eventual"), 200, &page)
	c.equal("@odata.count of the second page", page.Count, 0)

	c.refused(400, "Request_BadRequest", "/v1.0/users/$count")
	c.refused(400, "Request_UnsupportedQuery", "/v1.0/users?$filter=jobTitle eq null")
	c.refused(400, "Request_UnsupportedQuery", "/v1.0/users?$filter=jobTitle eq null", "ConsistencyLevel", "eventual")
	for _, bad := range []string{
		"mail eq null", "jobTitle gt 'a'", "accountEnabled eq 'true'", "userType eq Member", "assignedLicenses/$count gt 0", "assignedLicenses/$count ne 2", "endsWith(displayName,'a')",
		"not (jobTitle eq 'a')", "(jobTitle eq 'a'", "jobTitle eq 'a')", "jobTitle eq", "aboutMe eq 'a'", "businessPhones eq null", "jobTitle ge null", "'a' eq jobTitle", "contains(mail,'a')",
	} {
		c.refused(400, "Request_UnsupportedQuery", "/v1.0/users/$count?$filter="+url.QueryEscape(bad), "ConsistencyLevel", "eventual")
	}
	c.refused(501, "NotImplemented", "/v1.0/users?$select=id,aboutMe")
	c.refused(400, "BadRequest", "/v1.0/users?$select=id,nickname")
	c.refused(400, "BadRequest", "/v1.0/users?$skip=10")
	c.refused(400, "Request_BadRequest", "/v1.0/users?$top=1000")
	c.refused(400, "Request_BadRequest", "/v1.0/users?$skiptoken=abc")
	c.refused(400, "Request_BadRequest", strings.Replace(next, "companyName", "city", 1), "ConsistencyLevel", "eventual")

	tenant.Revoke("User.Read.All")
	tenant.Consent("User.ReadBasic.All")
	c.signIn()
	users, _ := c.list("/v1.0/users?$select=id,displayName,accountEnabled,department")
	if _, there := users[0]["accountEnabled"]; there || users[0]["displayName"] == "" || len(users) != len(all) {
		t.Error(users[0])
	}
	c.refused(403, "Authorization_RequestDenied", "/v1.0/users?$filter=accountEnabled eq true")
}

func TestListFaults(t *testing.T) {
	tenant := New(1, Options{Users: 300})
	c := newClient(t, tenant)
	all, _ := c.list("/v1.0/users?$top=100")
	tenant.Set(func(s *Switches) { s.RepeatedPage = 2 })
	if again, pages := c.list("/v1.0/users?$top=100"); len(again) != len(all)+100 || pages != 4 {
		t.Error("a page is not repeated", len(again), pages)
	}
	tenant.Set(func(s *Switches) { s.RepeatedPage, s.DuplicateIDs = 0, true })
	if again, _ := c.list("/v1.0/users?$top=100"); len(again) != len(all)+2 || again[99]["id"] != again[100]["id"] {
		t.Error("no duplicates", len(again))
	}
	tenant.Set(func(s *Switches) { s.DuplicateIDs, s.EmptyPage = false, 2 })
	if again, pages := c.list("/v1.0/users?$top=100"); len(again) != len(all) || pages != 4 {
		t.Error("no page is empty", len(again), pages)
	}
	tenant.Set(func(s *Switches) { s.EmptyPage, s.PageSize = 0, 30 })
	if again, pages := c.list("/v1.0/users?$top=100"); len(again) != len(all) || pages != 10 {
		t.Error("pages are not shorter", pages)
	}
	tenant.Set(func(s *Switches) { s.OddTimes = true })
	var b strings.Builder
	users, _ := c.list("/v1.0/users?$select=id,createdDateTime")
	for _, u := range users {
		fmt.Fprintln(&b, u["createdDateTime"])
	}
	if s := b.String(); !strings.Contains(s, "0001-01-01T00:00:00Z") || !strings.Contains(s, "9999-12-31") {
		t.Error("no odd times")
	}
	tenant.Throttle("users", time.Minute)
	c.refused(429, "TooManyRequests", "/v1.0/users")
	tenant.Advance(time.Minute)
	tenant.Set(func(s *Switches) {
		s.Refuse["users"] = Refusal{503, "serviceNotAvailable", "The service is not available."}
	})
	c.refused(503, "serviceNotAvailable", "/v1.0/users")
	c.clean()
}

func TestSignIns(t *testing.T) {
	for seed := range uint64(histories) {
		tenant := New(seed, Options{Users: 150})
		c := newClient(t, tenant)
		from, to := tenant.Now().Add(-20*day), tenant.Now().Add(-time.Hour)
		list, _ := c.list(fmt.Sprintf("/v1.0/auditLogs/signIns?$filter=createdDateTime ge %s and createdDateTime le %s and appId eq '%s' and status/errorCode eq 0&$top=300",
			from.Format(time.RFC3339), to.Add(-time.Nanosecond).Format(time.RFC3339Nano), SharePointApp))
		events, who, before := 0, map[any]bool{}, "9"
		for _, s := range list {
			if at, _ := s["createdDateTime"].(string); len(at) < 20 || at[:19] > before[:min(19, len(before))] {
				t.Fatalf("%s after %s", at, before)
			} else {
				before = at
			}
			if s["homeTenantId"] == s["resourceTenantId"] {
				events++
				who[s["userId"]] = true
			}
		}
		wantEvents, wantUsers := tenant.Truth().Logins(SharePointApp, from, to)
		c.equal("logins", events, wantEvents)
		c.equal("people", len(who), wantUsers)
		tried, _ := c.list("/v1.0/auditLogs/signIns?$filter=createdDateTime ge " + from.Format(time.RFC3339) + " and createdDateTime le " + to.Add(-time.Nanosecond).Format(time.RFC3339Nano))
		c.equal("attempts", len(tried), len(tenant.Truth().SignIns(from, to)))
		failed := map[any]bool{}
		for _, s := range tried {
			if status, _ := s["status"].(map[string]any); status["errorCode"] != 0.0 {
				failed[s["userId"]] = true
			}
		}
		if events == len(list) || wantUsers < 10 || len(failed) < 10 || !failed[nobody] {
			t.Errorf("%d sign-ins, %d of ours, %d people", len(list), events, wantUsers)
		}
		days, _ := c.list("/beta/auditLogs/signInEventsSummary")
		for i, d := range days[2:] {
			c.equal("summary", d["signInCount"], tenant.Truth().SignInEvents(midnight(tenant.Now()).Add(-time.Duration(i+1)*day), 1))
		}
		c.clean()
	}
}

func TestSignInsServer(t *testing.T) {
	tenant := New(1, Options{})
	c := newClient(t, tenant)
	for _, bad := range []string{
		"?$filter=createdDateTime lt 2026-11-22T10:00:00Z", "?$filter=createdDateTime ge '2026-11-22T10:00:00Z'", "?$filter=status/errorCode ne 0", "?$select=id", "?$top=1001",
	} {
		c.read(c.get("/v1.0/auditLogs/signIns"+bad), 400, nil)
	}
	c.equal("violations", len(tenant.Violations()), 5)
	c.refused(429, "TooManyRequests", "/v1.0/auditLogs/signIns")
	tenant.Advance(10 * time.Second)
	tenant.Set(func(s *Switches) { s.Retention = 7 * day })
	list, _ := c.list("/v1.0/auditLogs/signIns")
	if first, _ := list[len(list)-1]["createdDateTime"].(string); first < tenant.Now().Add(-7*day).Format(time.RFC3339) {
		t.Error("too old", first)
	}
	tenant.Set(func(s *Switches) { s.SignInDelay = 24 * time.Hour })
	if late, _ := c.list("/v1.0/auditLogs/signIns"); len(late) >= len(list) {
		t.Error("nothing is late")
	}
	tenant.Set(func(s *Switches) { s.NoPremium = true })
	c.refused(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "/v1.0/auditLogs/signIns")
	c.refused(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "/v1.0/users?$select=signInActivity")
}

func TestSites(t *testing.T) {
	for seed := range uint64(histories) {
		tenant := New(seed, Options{})
		truth := tenant.Truth()
		for range 2 {
			c := newClient(t, tenant)
			pages, now := 0, tenant.Now()
			var names []string
			for _, name := range []string{"root", "news", "people", "archive"} {
				u, err := url.Parse(tenant.SiteAddress(name))
				if err != nil {
					t.Fatal(err)
				}
				address := "/v1.0/sites/" + u.Host
				if u.Path != "" {
					address += ":" + u.Path
				}
				var site struct {
					ID      string `json:"id"`
					Address string `json:"webUrl"`
				}
				c.read(c.get(address), 200, &site)
				list, _ := c.list("/v1.0/sites/" + site.ID + "/pages/microsoft.graph.sitePage?$top=10&$select=id,publishingState")
				for _, p := range list {
					if state, _ := p["publishingState"].(map[string]any); state["level"] == "published" {
						pages++
					}
				}
				c.equal(name, len(list), len(truth.PagesOf(name, now)))
				if site.Address != tenant.SiteAddress(name) {
					t.Errorf("found %s", site.Address)
				}
				var week struct {
					Access struct {
						Actions int `json:"actionCount"`
						Actors  int `json:"actorCount"`
					} `json:"access"`
				}
				c.read(c.get("/v1.0/sites/"+site.ID+"/analytics/lastSevenDays"), 200, &week)
				c.equal(name+" views", week.Access.Actions, truth.SiteViews(name, tenant.AnalyticsEnd()))
				c.equal(name+" visitors", week.Access.Actors, truth.SiteVisitors(name, tenant.AnalyticsEnd()))
				names = append(names, name)
			}
			c.equal("pages", pages, truth.Pages(now, names...))
			if n := truth.PagesCreated(now, now.Add(-28*day), now, "news"); n == 0 || n == truth.Pages(now, "news") {
				t.Errorf("%d of the pages are new", n)
			}
			if n := truth.PagesStale(now, 365*day, names...); n == 0 || n == truth.Pages(now, names...) {
				t.Errorf("%d of the pages are stale", n)
			}
			c.clean()
			tenant.Advance(30 * day)
		}
	}
}

func TestSitesSelected(t *testing.T) {
	tenant := New(1, Options{Roles: []string{"Sites.Selected"}})
	c := newClient(t, tenant)
	c.refused(403, "accessDenied", "/v1.0/sites/contoso.sharepoint.com:/sites/news")
	c.refused(404, "itemNotFound", "/v1.0/sites/contoso.sharepoint.com:/sites/nothing")
	tenant.GrantSite("news")
	c.read(c.get("/v1.0/sites/contoso.sharepoint.com:/sites/news"), 200, nil)
	c.refused(403, "accessDenied", "/v1.0/sites/contoso.sharepoint.com")
	tenant.RevokeSite("news")
	c.refused(403, "accessDenied", "/v1.0/sites/contoso.sharepoint.com:/sites/news")
	c.clean()
}

// A strict checker finds fault with one request and one answer.
type strict struct{ requests, answers int }

func (s *strict) Request(_, path, rawQuery string) error {
	s.requests++
	if strings.Contains(rawQuery, "surname") {
		return errors.New("surname is private in " + path)
	}
	return nil
}

func (s *strict) Answer(path string, body []byte) error {
	s.answers++
	if strings.Contains(string(body), "displayConcealedNames") {
		return errors.New("concealed at " + path)
	}
	return nil
}

func TestChecker(t *testing.T) {
	check := &strict{}
	tenant := New(1, Options{Check: check})
	c := newClient(t, tenant)
	c.read(c.get("/v1.0/users"), 200, nil)
	c.read(c.get("/beta/auditLogs/signInEventsSummary"), 200, nil)
	c.clean()
	c.read(c.get("/v1.0/users?$select=surname"), 200, nil)
	c.read(c.get("/v1.0/admin/reportSettings"), 200, nil)
	c.equal("violations", len(tenant.Violations()), 2)
	c.equal("requests", check.requests, 3)
	c.equal("answers", check.answers, 3)
	if got := fmt.Sprint(tenant.Requests()); got != "map[admin/reportSettings:1 auditLogs/signInEventsSummary:1 token:1 users:2]" {
		t.Error(got)
	}
}

// TestThreeHosts follows the redirection as Go's client does, from one host to another.
func TestThreeHosts(t *testing.T) {
	tenant := New(1, Options{})
	server := httptest.NewServer(tenant.Handler())
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	tenant.SetAddresses("http://login.localhost:"+port, "http://127.0.0.1:"+port, "http://localhost:"+port)
	c := &client{t: t, tenant: tenant}
	resp := c.do("POST", "http://login.localhost:"+port+"/"+tenant.TenantID()+"/oauth2/v2.0/token", url.Values{
		"client_id": {tenant.ClientID()}, "client_secret": {tenant.Secret()}, "grant_type": {"client_credentials"}, "scope": {"http://127.0.0.1:" + port + "/.default"},
	}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	c.read(resp, 200, &answer)
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:"+port+"/v1.0/reports/getYammerActivityCounts(period='D7')", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+answer.Token)
	resp, err = http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	c.read(resp, 200, nil)
	c.clean()
}

func TestSmallTenants(t *testing.T) {
	for users := range 25 {
		c := newClient(t, New(1, Options{Users: 1 + users}))
		for name := range reports {
			c.report(name + "(period='D180')")
		}
		if list, _ := c.list("/v1.0/users"); len(list) > 1+users {
			t.Errorf("%d of %d accounts", len(list), 1+users)
		}
		c.clean()
	}
}

func TestLargeTenant(t *testing.T) {
	c := newClient(t, New(1, Options{Users: 100_000}))
	users, pages := c.list("/v1.0/users?$select=id,userType,accountEnabled,assignedLicenses,displayName,mail,userPrincipalName,department,jobTitle&$top=999")
	if len(users) < 95_000 || pages != (len(users)+998)/999 {
		t.Error(len(users), pages)
	}
	c.report("getOffice365ServicesUserCounts(period='D30')")
	c.clean()
}
