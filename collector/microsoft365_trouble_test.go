package collector

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/tenant"
)

// certificate makes a certificate and its key.
func certificate(t *testing.T, serial int64, key, public any) (*x509.Certificate, []byte, []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return made, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func TestMicrosoft365Certificate(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	registered, crt, pemKey := certificate(t, 1, key, key.Public())
	_, otherCrt, otherKey := certificate(t, 2, key, key.Public())
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, curveCrt, curveKey := certificate(t, 3, curve, curve.Public())

	dir := t.TempDir()
	crtFile, keyFile := filepath.Join(dir, "m365.crt"), filepath.Join(dir, "m365.key")
	c := newCloud(t, 1, tenant.Options{Users: 10, Certificate: registered})
	m := c.open(t, vivaEngage, "accounts: report\ncertificate_file: "+crtFile+"\ncertificate_key_file: "+keyFile)
	for _, test := range []struct {
		name     string
		crt, key []byte
		want     string
		cause    cause.Cause
	}{
		{"no files", nil, nil, "open " + crtFile + ": no such file or directory", cause.Other},
		{"no PEM", []byte("secret-of-mine"), pemKey, "certificate_file and certificate_key_file hold no certificate and its private key, as PEM", cause.Other},
		{"another's key", crt, curveKey, "certificate_file and certificate_key_file hold no certificate and its private key, as PEM", cause.Other},
		{"no RSA", curveCrt, curveKey, "the key of certificate_key_file is not RSA, and Microsoft Entra takes no other", cause.Other},
		{"not registered", otherCrt, otherKey, "POST LOGIN: refused with AADSTS700027: the certificate is not registered for the application, or has expired", cause.Auth},
		{"right", crt, pemKey, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for file, content := range map[string][]byte{crtFile: test.crt, keyFile: test.key} {
				if content != nil {
					if err := os.WriteFile(file, content, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			c.mu.Lock()
			c.faulty = true // who is refused did what the documentation does not allow
			c.mu.Unlock()
			_, err := m.Probe(t.Context())
			c.says(t, err, test.want, test.cause, "prove Reports.Read.All: sign in: ")
		})
	}
	for _, v := range c.Violations() {
		if strings.Contains(v, "minutes") { // Entra wants an assertion that is good for ten at most
			t.Error(v)
		}
	}
}

// says compares an error with what it should say, behind a prefix. LOGIN stands for the address of the token endpoint.
func (c *cloud) says(t *testing.T, err error, want string, why cause.Cause, prefix string) {
	t.Helper()
	said := ""
	if err != nil {
		said = strings.TrimPrefix(err.Error(), prefix)
		said = strings.ReplaceAll(said, strings.TrimPrefix(c.login, "http://")+"/"+c.TenantID()+"/oauth2/v2.0/token", "LOGIN")
		said = strings.ReplaceAll(said, strings.TrimPrefix(c.graph, "http://"), "GRAPH")
		said = strings.ReplaceAll(said, strings.TrimPrefix(c.downloads, "http://"), "DOWNLOADS")
	}
	if said != want || cause.Of(err) != why {
		t.Errorf("%q, cause %q; want %q, %q", said, cause.Of(err), want, why)
	}
}

// What is wrong with the sign-in is told in words, and without what was sent.
func TestMicrosoft365SignIn(t *testing.T) {
	wrong := func(c *cloud) { c.SetSecret("another") }
	for _, test := range []struct {
		name, keys string
		change     func(*cloud)
		want       string
	}{
		{"wrong secret", "", wrong, "refused with AADSTS7000215: the client secret is not valid; client_secret_file must hold its value, not its id"},
		{"expired secret", "", func(c *cloud) { c.ExpireSecret() }, "refused with AADSTS7000222: the client secret has expired; make a new one for the app registration"},
		{"another tenant", "tenant: 11111111-1111-1111-1111-111111111111", nil, "refused with AADSTS90002: there is no such tenant"},
		{"another application", "client_id: 11111111-1111-1111-1111-111111111111", nil, "refused with AADSTS700016: the tenant has no application with this client_id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t, 1, tenant.Options{Users: 10})
			c.faulty = true
			keys := "accounts: report"
			m := c.openWith(t, vivaEngage, keys, test.keys)
			if test.change != nil {
				test.change(c)
			}
			_, err := m.Probe(t.Context())
			if cause.Of(err) != cause.Auth || !strings.HasSuffix(err.Error(), test.want) {
				t.Error(err)
			}
			for _, secret := range []string{c.Secret(), "another"} {
				if strings.Contains(err.Error(), secret) {
					t.Error("it shows the secret:", err)
				}
			}
		})
	}
}

// A token is kept until shortly before its end, and one that is refused is renewed once.
func TestMicrosoft365Token(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10, Roles: []string{reportsRead}})
	m := c.open(t, entra, "accounts: count")
	tokens := func() int { return c.Requests()["token"] }
	probe := func(want cause.Cause, more int) {
		t.Helper()
		before := tokens()
		if _, err := m.Probe(t.Context()); cause.Of(err) != want {
			t.Error(err)
		}
		if got := tokens() - before; got != more {
			t.Errorf("%d tokens, want %d", got, more)
		}
	}
	probe(cause.Permission, 1)
	probe(cause.Permission, 0) // a new token would be the same
	c.Consent(usersRead)
	probe(cause.Permission, 0) // which shows in the next token only
	c.Advance(oldToken)
	probe("", 1)
	c.Advance(50 * time.Minute)
	probe("", 0)
	c.Advance(6 * time.Minute) // 4 minutes before its end
	probe("", 1)
	c.Advance(30 * time.Minute)
	c.ExpireTokens() // sooner than it was told
	probe("", 1)
	c.Revoke(usersRead)
	c.ExpireTokens()
	c.Advance(oldToken)
	probe(cause.Permission, 1)
}

// A lesser permission lists accounts without what makes them count.
func TestMicrosoft365Basic(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10, Roles: []string{"User.ReadBasic.All"}})
	m := c.open(t, entra, "")
	want := "GET GRAPH/v1.0/users: told accounts without accountEnabled; the application has not User.Read.All, but perhaps User.ReadBasic.All"
	access, err := m.Probe(t.Context())
	c.says(t, err, strings.TrimPrefix(want, "GET GRAPH/v1.0/users: "), cause.Permission, "prove User.Read.All: ")
	if access.Granted[usersRead] {
		t.Error(access)
	}
	c.says(t, m.Accounts(t.Context(), func(Account) { t.Error("an account was told") }), want, cause.Permission, "")
}

// Without a licence for sign-ins all else is told.
func TestMicrosoft365NoPremium(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	c.Set(func(s *tenant.Switches) { s.NoPremium = true })
	m := c.open(t, entra, "accounts: count\nsign_ins: {source: log, application: "+newsApp+"}")
	access, err := m.Probe(t.Context())
	if err != nil || access.Granted[auditLogRead] || !access.Granted[usersRead] {
		t.Error(access, err)
	}
	err = m.Events(t.Context(), c.now().Add(-oneDay), c.now(), func(Event) {})
	c.says(t, err, "GET GRAPH/v1.0/auditLogs/signIns: answered 403: the tenant has no licence for it; sign-ins need Microsoft Entra ID P1", cause.Permission, "list sign-ins: ")
}

// Sites that were granted one by one can be read, and another can't.
func TestMicrosoft365SelectedSites(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30, Roles: []string{reportsRead, "Sites.Selected"}})
	c.GrantSite("news")
	m := c.open(t, sharePoint, "accounts: report\n"+c.siteKeys("news"))
	got := readings(t, m, true)
	if _, ok := got["site_page_views.news over 7d"]; !ok || got["pages"].Value == 0 || !m.access.Granted[sitesRead] {
		t.Error(got, m.access)
	}
	other := c.open(t, sharePoint, "accounts: report\n"+c.siteKeys("news", "people"))
	access, err := other.Probe(t.Context())
	if err != nil || access.Granted[sitesRead] || !access.Granted[reportsRead] {
		t.Error(access, err)
	}
	err = other.Events(t.Context(), c.now().Add(-oneDay), c.now(), func(Event) {})
	c.says(t, err, "GET GRAPH/v1.0/sites/people: answered 403", cause.Permission, "list pages: ")
}

// A site that may not be read takes nothing from the numbers of the others, wherever it stands among them.
func TestMicrosoft365OneSite(t *testing.T) {
	for _, names := range [][]string{{"people", "news"}, {"news", "people"}} {
		c := newCloud(t, 1, tenant.Options{Users: 30, Roles: []string{reportsRead, "Sites.Selected"}})
		c.GrantSite("news")
		m := c.open(t, sharePoint, "accounts: report\n"+c.siteKeys(names...))
		if _, err := m.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := map[string]Reading{}
		err := m.Readings(t.Context(), true, func(r Reading) { got[r.String()] = r })
		for _, name := range []string{"site_page_views", "site_visitors"} {
			if _, ok := got[name+".news over 7d"]; !ok {
				t.Errorf("%v: there is no %s of the site that may be read", names, name)
			}
			if _, ok := got[name+".people over 7d"]; ok {
				t.Errorf("%v: there is %s of the site that may not be read", names, name)
			}
		}
		if _, ok := got["pages"]; ok || err == nil {
			t.Error("pages are counted without those of a site:", err)
		}
	}
}

// What is in trouble stops nothing that needs another permission, and fails when it is read.
func TestMicrosoft365Apart(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	whole := readings(t, c.open(t, sharePoint, c.siteKeys("news")), true)
	c.Throttle("admin/reportSettings", 5*time.Minute)
	c.Set(func(s *tenant.Switches) {
		s.Refuse = map[string]tenant.Refusal{"sites": {Status: 404, Code: "itemNotFound"}, "users": {Status: 409, Code: "Conflict"}}
	})
	m := c.open(t, sharePoint, c.siteKeys("news"))
	if access, err := m.Probe(t.Context()); err != nil || !access.Granted[reportsRead] {
		t.Fatal(access, err)
	}
	got := map[string]Reading{}
	err := m.Readings(t.Context(), true, func(r Reading) { got[r.String()] = r })
	want := maps.Clone(whole)
	for _, name := range []string{"pages", "pages_stale", "site_page_views.news over 7d", "site_visitors.news over 7d", "custom.usage_names_concealed"} {
		delete(want, name)
	}
	equal(t, want, got)
	if err == nil || strings.Count(err.Error(), "read ") != 3 { // the settings, the pages and the views
		t.Error(err)
	}
	if err := m.Accounts(t.Context(), func(Account) {}); cause.Of(err) != cause.BadResponse {
		t.Error(err)
	}
	_, err = c.open(t, entra, "").Probe(t.Context())
	c.says(t, err, "GET GRAPH/v1.0/users: answered 409", cause.BadResponse, "prove User.Read.All: ")
}

// An address is whose principal name it is, though an account of an administrator has it as its mail address too.
func TestMicrosoft365Address(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	m := c.open(t, sharePoint, c.siteKeys("news"))
	accounts, err := told(t.Context(), &platform{collector: m}, "accounts")
	if err != nil {
		t.Fatal(err)
	}
	for i, owner := range accounts.Accounts {
		other := accounts.Accounts[len(accounts.Accounts)-1-i] // listed before it, or after it
		if owner.ID == other.ID || owner.Kind == Guest || other.Kind == Guest {
			continue
		}
		c.front.inject(replaced("", `"mail":"`+other.Identity+`"`, `"mail":"`+strings.ToUpper(owner.Name)+`"`), 1, forever)
		if err := m.Accounts(t.Context(), func(Account) {}); err != nil {
			t.Fatal(err)
		}
		if got := m.actor(somebody("", strings.ToUpper(owner.Name))); got != owner.ID {
			t.Errorf("%s is taken for %s", owner.ID, got)
		}
	}
	listed := accounts.Accounts[0]
	if m.actor(somebody(listed.ID, "")) != listed.ID || m.actor(somebody("another", listed.Name)) != "another" {
		t.Error("an id is another account")
	}
	if got := m.actor(somebody("", "Nobody@Example.org")); got != "nobody@example.org" || m.actor(somebody("", "")) != "" {
		t.Errorf("who is not listed is %q", got)
	}
	// Some pages tell an id and an address, and others of the same person an address only.
	m = c.open(t, sharePoint, "accounts: report\n"+c.siteKeys("news"))
	if m.actor(somebody("7", "Ann@Example.org")) != m.actor(somebody("", "ann@example.org")) || m.actor(somebody("7", "")) != "7" {
		t.Error("one author is two where nobody is listed")
	}
}

// somebody is who a page tells of.
func somebody(id, mail string) (who microsoft365Identity) {
	who.User.ID, who.User.Mail = id, mail
	return who
}

// A report is asked for again after half an hour at the earliest, and fetched again only when it has changed.
func TestMicrosoft365Unchanged(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	m := c.open(t, vivaEngage, "accounts: report")
	first := readings(t, m, false)
	var reports, downloads int
	poll := func(wantReports, wantDownloads int) map[string]Reading {
		t.Helper()
		before := c.Requests()
		got := readings(t, m, false)
		reports, downloads = 0, c.Requests()["download"]-before["download"]
		for kind, n := range c.Requests() {
			if strings.HasPrefix(kind, "reports/") {
				reports += n - before[kind]
			}
		}
		if reports != wantReports || downloads != wantDownloads {
			t.Errorf("%d requests for reports, %d downloads; want %d, %d", reports, downloads, wantReports, wantDownloads)
		}
		return got
	}
	same := func(got map[string]Reading) {
		t.Helper()
		delete(first, "custom.usage_names_concealed") // of its own time
		delete(got, "custom.usage_names_concealed")
		equal(t, first, got)
	}
	same(poll(0, 0))
	c.Advance(20 * time.Minute)
	same(poll(1, 0)) // which proves the permission
	c.Advance(20 * time.Minute)
	same(poll(5, 0))
	c.Advance(20 * time.Minute)
	same(poll(1, 0))
	c.Advance(24 * time.Hour)
	if got := poll(5, 4); len(got) != len(first)+1 || got["active_users over 7d"].AsOf != first["active_users over 7d"].AsOf.Add(oneDay) {
		t.Error(got)
	}
}

// A report in trouble says nothing, or what it said last; the others go on.
func TestMicrosoft365Reports(t *testing.T) {
	weeks := []string{"comments over 28d", "reactions over 28d", "page_views over 28d", "comments over 7d", "reactions over 7d", "page_views over 7d"}
	for _, test := range []struct {
		name    string
		change  func(*tenant.Switches)
		missing []string // of what is told
		fails   string   // "" = no error
	}{
		{"nothing is wrong", func(*tenant.Switches) {}, nil, ""},
		{"not a product of the tenant", func(s *tenant.Switches) { s.Without = map[tenant.Product]bool{tenant.Engage: true} },
			[]string{"active_users over 7d", "active_users over 30d", "accounts", "active_users over 1d", "comments", "reactions", "page_views"}, ""},
		{"a day is missing", func(s *tenant.Switches) { s.MissingDay = 3 }, weeks[:6], ""},
		{"blank days at the end", func(s *tenant.Switches) { s.BlankDays = 2 }, nil, ""},
		{"so many that they are not enough", func(s *tenant.Switches) { s.BlankDays = 3 }, weeks[:3], ""},
		{"another column", func(s *tenant.Switches) { s.Renamed = [2]string{"Posted", "Messages"} }, []string{"comments", "reactions", "page_views"},
			`read getYammerActivityCounts: the report has no column "Posted"`},
		{"out of order", func(s *tenant.Switches) {
			s.Refuse = map[string]tenant.Refusal{"reports/getYammerActivityCounts": {Status: 403, Code: "MissingCredentials", Message: "Valid Authorization header is needed"}}
		}, []string{"comments", "reactions", "page_views"},
			`read getYammerActivityCounts: GET GRAPH/v1.0/reports/getYammerActivityCounts(period='D30'): answered 403: the report is out of order`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t, 1, tenant.Options{Users: 30})
			m := c.open(t, vivaEngage, "accounts: report")
			before := readings(t, m, true)
			c.Set(test.change)
			fresh := c.open(t, vivaEngage, "accounts: report")
			for _, m := range []*microsoft365{fresh, m} {
				if _, err := m.Probe(t.Context()); err != nil {
					t.Fatal(err)
				}
				got := map[string]Reading{}
				err := m.Readings(t.Context(), true, func(r Reading) { got[r.String()] = r })
				said := ""
				if err != nil {
					said = strings.ReplaceAll(err.Error(), strings.TrimPrefix(c.graph, "http://"), "GRAPH")
				}
				if said != test.fails {
					t.Error(err)
				}
				for name := range before {
					missing := false
					for _, m := range test.missing {
						missing = missing || name == m || strings.HasPrefix(name, m+" ")
					}
					if _, ok := got[name]; ok == missing && (m == fresh || test.fails == "") {
						t.Errorf("%s: told %t", name, ok)
					}
				}
			}
		})
	}
}

// Limits of the platform are kept, and a workload that wants to be left alone does not stop the others.
func TestMicrosoft365Throttling(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 30})
	m := c.open(t, sharePoint, "accounts: count\n"+c.siteKeys("news"))
	before := readings(t, m, true)
	for range 40 { // far too often; the tenant complains of more than 14 in ten minutes
		c.Advance(time.Minute)
		if err := m.Readings(t.Context(), true, func(Reading) {}); err != nil && cause.Of(err) != cause.RateLimited {
			t.Error(err)
		}
	}

	c.Advance(time.Hour)
	c.Throttle("reports/getSharePointActivityPages", 5*time.Minute)
	got := map[string]Reading{}
	err := m.Readings(t.Context(), true, func(r Reading) { got[r.String()] = r })
	c.says(t, err, "read getSharePointActivityPages: GET GRAPH/v1.0/reports/getSharePointActivityPages(period='D7'): answered 429, and asks to be left alone for 5m0s", cause.RateLimited, "")
	if len(got) != len(before) { // what was told before is told again
		t.Error(got)
	}
	for range 3 {
		if err := m.Readings(t.Context(), false, func(Reading) {}); cause.Of(err) != cause.RateLimited && err != nil {
			t.Error(err)
		}
	}
}

// What is not whole is not told.
func TestMicrosoft365Analytics(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*tenant.Switches)
		told   bool
	}{
		{"whole", func(*tenant.Switches) {}, true},
		{"with times", func(s *tenant.Switches) { s.AnalyticsTimes = true }, true},
		{"incomplete", func(s *tenant.Switches) { s.Incomplete = true }, false},
		{"without numbers", func(s *tenant.Switches) { s.WithoutAnalytics = true }, false},
	} {
		c := newCloud(t, 1, tenant.Options{Users: 30})
		c.Set(test.change)
		got := readings(t, c.open(t, sharePoint, "accounts: report\n"+c.siteKeys("news")), true)
		if _, ok := got["site_visitors.news over 7d"]; ok != test.told {
			t.Errorf("%s: told %t", test.name, ok)
		}
	}
}

// The address of a download is a key, and goes to no other host than those that are configured.
func TestMicrosoft365Downloads(t *testing.T) {
	c := newCloud(t, 1, tenant.Options{Users: 10})
	m := c.openWith(t, vivaEngage, "accounts: report", "download_domains: [office.com]")
	_, err := m.Probe(t.Context())
	c.says(t, err, "GET GRAPH/v1.0/reports/getOffice365ActiveUserCounts(period='D7'): redirects to a host that is not in download_domains", cause.BadResponse, "prove Reports.Read.All: ")
	if c.Requests()["download"] != 0 {
		t.Error("it was downloaded")
	}

	m = c.open(t, vivaEngage, "accounts: report")
	if _, err := m.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Set(func(s *tenant.Switches) {
		s.Refuse = map[string]tenant.Refusal{"download": {Status: 404, Code: "Gone"}}
	})
	err = m.Readings(t.Context(), true, func(Reading) {})
	first, _, _ := strings.Cut(err.Error(), "\n")
	if first = strings.ReplaceAll(first, strings.TrimPrefix(c.downloads, "http://"), "DOWNLOADS"); first != "read getOffice365ActiveUserCounts: GET DOWNLOADS: answered 404; is the address right?" {
		t.Error(first)
	}
}

func TestMicrosoft365Report(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	const header = "Report Refresh Date,Site Type,Page View Count,Report Date,Report Period\r\n"
	for _, test := range []struct{ name, text, err string }{
		{"whole", header + "2026-11-21,All,4312,2026-11-21,7\r\n2026-11-21,All,5120,2026-11-20,7\r\n", ""},
		{"header only", header, ""},
		{"empty", "", "answered no report with columns"},
		{"quotes", header + "2026-11-21,\"All\",\"5\",2026-11-21,7\r\n", ""},
		{"broken quotes", header + "2026-11-21,\"All", "answered no report with columns"},
		{"half a row", header + "2026-11-21,All,4312", "the report ends in the middle of a row"},
		{"negative", header + "2026-11-21,All,-1,2026-11-21,7\r\n", `the report has no whole number under "Page View Count"`},
		{"a share", header + "2026-11-21,All,0.5,2026-11-21,7\r\n", `the report has no whole number under "Page View Count"`},
		{"no date", header + "secret,All,5,2026-11-21,7\r\n", `the report has a date that can't be right under "Report Refresh Date"`},
		{"a date to come", header + "2026-11-21,All,5,2026-12-21,7\r\n", `the report has a date that can't be right under "Report Date"`},
		{"twice", header + "2026-11-21,All,5,2026-11-21,7\r\n2026-11-21,All,6,2026-11-21,7\r\n", "the report has a day twice"},
	} {
		report, err := parseMicrosoft365Report(test.text, now)
		if err == nil {
			_, err = report.daily("Page View Count", now)
		}
		if test.err == "" && err != nil || test.err != "" && (cause.Of(err) != cause.BadResponse || err.Error() != test.err) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// FuzzMicrosoft365Report holds that no report does harm, and that no text of it comes out.
func FuzzMicrosoft365Report(f *testing.F) {
	f.Add([]byte("Report Refresh Date,Page View Count,Report Date\r\n2026-11-21,4312,2026-11-20\r\n"))
	f.Add([]byte("Report Refresh Date,Site Type,Page View Count,Report Date\n2026-11-21,hunter2,1,2026-11-20\n2026-11-21,\"All\n\",,2026-11-20"))
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := parseMicrosoft365Report(string(text), now)
		var days series
		if err == nil {
			days, err = report.daily("Page View Count", now)
		}
		if err != nil && (cause.Of(err) != cause.BadResponse || bytes.Contains(text, []byte("hunter2")) && strings.Contains(err.Error(), "hunter2")) {
			t.Error(err)
		}
		for day, n := range days {
			if n < 0 || day.After(report.refresh) {
				t.Error(day, n)
			}
		}
	})
}
