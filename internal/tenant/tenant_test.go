package tenant

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// A client is one that does what the documentation says, and no more.
type client struct {
	t      *testing.T
	tenant *Tenant
	token  string
}

func newClient(t *testing.T, tenant *Tenant) *client {
	t.Helper()
	c := &client{t: t, tenant: tenant}
	c.signIn()
	return c
}

func (c *client) do(method, address, body string, header ...string) *http.Response {
	c.t.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.tenant.Handler().ServeHTTP(w, r)
	return w.Result()
}

func (c *client) signIn() {
	c.t.Helper()
	form := url.Values{"client_id": {c.tenant.ClientID()}, "client_secret": {c.tenant.Secret()}, "grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"}}
	resp := c.do("POST", "https://login.microsoftonline.com/"+c.tenant.TenantID()+"/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	c.read(resp, 200, &answer)
	if answer.Expires != 3599 {
		c.t.Fatalf("token for %d s", answer.Expires)
	}
	c.token = answer.Token
}

func (c *client) read(resp *http.Response, status int, to any) {
	c.t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		c.t.Fatalf("status %d instead of %d: %v %s", resp.StatusCode, status, err, b)
	}
	switch to := to.(type) {
	case nil:
	case *string:
		*to = string(b)
	default:
		if err := json.Unmarshal(b, to); err != nil {
			c.t.Fatal(err, string(b))
		}
	}
}

func (c *client) get(address string, header ...string) *http.Response {
	c.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = "https://graph.microsoft.com" + strings.ReplaceAll(address, " ", "%20")
	}
	return c.do("GET", address, "", append([]string{"Authorization", "Bearer " + c.token}, header...)...)
}

// refused expects an error of Graph.
func (c *client) refused(status int, code, address string, header ...string) {
	c.t.Helper()
	var answer struct {
		Error struct {
			Code  string            `json:"code"`
			Inner map[string]string `json:"innerError"`
		} `json:"error"`
	}
	c.read(c.get(address, header...), status, &answer)
	if answer.Error.Code != code || answer.Error.Inner["request-id"] == "" {
		c.t.Errorf("%s: %+v instead of %s", address, answer, code)
	}
}

func (c *client) report(call string) []map[string]string {
	c.t.Helper()
	resp := c.get("/v1.0/reports/" + call)
	if resp.StatusCode != 302 {
		c.t.Fatalf("%s: status %d", call, resp.StatusCode)
	}
	var body string
	c.read(c.do("GET", resp.Header.Get("Location"), ""), 200, &body)
	if !strings.HasPrefix(body, "\ufeffReport Refresh Date,") || !strings.HasSuffix(body, "\r\n") {
		c.t.Fatalf("%s: %.40q", call, body)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(body, "\ufeff"))).ReadAll()
	if err != nil {
		c.t.Fatal(err)
	}
	var named []map[string]string
	for _, row := range rows[1:] {
		cells := map[string]string{}
		for i, name := range rows[0] {
			cells[name] = row[i]
		}
		named = append(named, cells)
	}
	return named
}

func (c *client) list(address string, header ...string) (all []map[string]any, pages int) {
	c.t.Helper()
	for address != "" {
		var answer struct {
			Next  string           `json:"@odata.nextLink"`
			Value []map[string]any `json:"value"`
		}
		c.read(c.get(address, header...), 200, &answer)
		all = append(all, answer.Value...)
		address = answer.Next
		pages++
	}
	return all, pages
}

// clean ends a test in which nobody did anything wrong.
func (c *client) clean() {
	c.t.Helper()
	for _, v := range c.tenant.Violations() {
		c.t.Error(v)
	}
}

func (c *client) equal(what string, got any, want int) {
	c.t.Helper()
	if fmt.Sprint(got) != strconv.Itoa(want) {
		c.t.Errorf("%s: %v instead of %d", what, got, want)
	}
}

// histories is how many random ones hold the reports against the truth, which counts in another way.
const histories = 20

func TestReportsAreTrue(t *testing.T) {
	for seed := range uint64(histories) {
		tenant := New(seed, Options{Users: 150})
		for range 3 { // two months in all
			c := newClient(t, tenant)
			checkReports(c)
			c.clean()
			tenant.Advance(10*day + 7*time.Hour)
		}
	}
}

// TestDeletedAreForgotten looks at those who were deleted more than 30 days before: not even the totals have them any more.
func TestDeletedAreForgotten(t *testing.T) {
	forgotten := 0
	for seed := range uint64(histories) {
		tenant := New(seed, Options{Users: 150})
		tenant.Advance(30 * day)
		c := newClient(t, tenant)
		row := c.report("getOffice365ServicesUserCounts(period='D90')")[0]
		end := tenant.RefreshDate("getOffice365ServicesUserCounts").Add(day)
		active := tenant.Truth().active(SharePoint, end, 90)
		for i := range tenant.accounts {
			if a := &tenant.accounts[i]; active[a.id] && !a.deleted.IsZero() && !a.deleted.After(end.Add(-30*day)) {
				forgotten++
				delete(active, a.id)
			}
		}
		c.equal("active", row["SharePoint Active"], len(active))
		c.clean()
	}
	if forgotten == 0 {
		t.Error("nobody was deleted long ago")
	}
}

func checkReports(c *client) {
	c.t.Helper()
	truth := c.tenant.Truth()
	end := func(report string) time.Time { return c.tenant.RefreshDate(report).Add(day) }
	trend := func(report string, days int, check func(row map[string]string, end time.Time)) {
		c.t.Helper()
		rows := c.report(fmt.Sprintf("%s(period='D%d')", report, days))
		c.equal(report+" rows", len(rows), days)
		for i, row := range rows {
			dayEnd := end(report).Add(-time.Duration(i) * day)
			if want := dayEnd.Add(-day).Format(time.DateOnly); row["Report Date"] != want || row["Report Period"] != strconv.Itoa(days) ||
				row["Report Refresh Date"] != c.tenant.RefreshDate(report).Format(time.DateOnly) {
				c.t.Fatalf("%s: row %d is %v", report, i, row)
			}
			check(row, dayEnd)
		}
	}
	for _, days := range []int{7, 30} {
		row := c.report(fmt.Sprintf("getOffice365ServicesUserCounts(period='D%d')", days))[0]
		at := end("getOffice365ServicesUserCounts")
		for _, p := range []Product{SharePoint, Engage} {
			active, _ := strconv.Atoi(row[string(p)+" Active"])
			inactive, _ := strconv.Atoi(row[string(p)+" Inactive"])
			c.equal(string(p)+" active", active, truth.ActiveUsers(p, at, days))
			c.equal(string(p)+" all", active+inactive, truth.ReportedUsers(p, at, days))
			if active < 5 || inactive < 5 {
				c.t.Errorf("only %d active and %d inactive users of %s", active, inactive, p)
			}
		}
	}
	trend("getOffice365ActiveUserCounts", 7, func(row map[string]string, end time.Time) {
		c.equal("SharePoint", row["SharePoint"], truth.ActiveUsers(SharePoint, end, 1))
		c.equal("Yammer", row["Yammer"], truth.ActiveUsers(Engage, end, 1))
	})
	views := 0
	trend("getSharePointSiteUsagePages", 30, func(row map[string]string, end time.Time) {
		c.equal("views", row["Page View Count"], truth.PageViews(end, 1))
		n, _ := strconv.Atoi(row["Page View Count"])
		views += n
	})
	c.equal("views of 30 days", views, truth.PageViews(end("getSharePointSiteUsagePages"), 30))
	trend("getSharePointActivityPages", 7, func(row map[string]string, end time.Time) {
		c.equal("pages", row["Visited Page Count"], truth.PagesVisited(end, 1))
	})
	trend("getYammerActivityCounts", 30, func(row map[string]string, end time.Time) {
		c.equal("posted", row["Posted"], truth.Posted(end, 1))
		c.equal("read", row["Read"], truth.Read(end, 1))
		c.equal("liked", row["Liked"], truth.Liked(end, 1))
	})
}

func TestListingIsComplete(t *testing.T) {
	for seed := range uint64(5) {
		tenant := New(seed, Options{Users: 300})
		c := newClient(t, tenant)
		users, pages := c.list("/v1.0/users?$select=id,userType,accountEnabled,assignedLicenses,jobTitle&$top=47")
		truth := map[string]Account{}
		for _, a := range tenant.Truth().Directory(tenant.Now()) {
			truth[a.ID] = a
		}
		c.equal("users", len(users), len(truth))
		c.equal("pages", pages, (len(truth)+46)/47)
		for _, u := range users {
			id, _ := u["id"].(string)
			a, ok := truth[id]
			if licences, _ := u["assignedLicenses"].([]any); !ok || (len(licences) > 0) != a.Licensed || u["accountEnabled"] != a.Enabled || (u["userType"] == "Guest") != a.Guest ||
				(u["jobTitle"] != nil) != (a.Fields["jobTitle"] != "") {
				t.Errorf("listed %v, and there is %v", u, a)
			}
			delete(truth, id)
		}
		for _, kind := range []string{"person", "service", "guest", "disabled"} {
			if tenant.Truth().Accounts(tenant.Now())[kind] == 0 {
				t.Errorf("seed %d has no account of kind %s", seed, kind)
			}
		}
		c.clean()
	}
}
