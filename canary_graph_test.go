package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	graphTenant = "aaaaaaaa-0000-4000-8000-000000000001"
	graphApp    = "aaaaaaaa-0000-4000-8000-000000000002"
)

// A fakeGraph signs in, answers as Microsoft Graph does and serves downloads below /well/, and goes wrong below
// /<mood>/, telling all it knows in each answer.
type fakeGraph struct {
	*httptest.Server

	mu    sync.Mutex
	asked map[string]bool // moods
}

func newFakeGraph(t *testing.T) *fakeGraph {
	g := &fakeGraph{asked: map[string]bool{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
	})
	return g
}

func (g *fakeGraph) saw(mood string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[mood]
}

func (g *fakeGraph) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	mood, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	part := map[bool]string{true: "login", false: "graph"}[strings.HasSuffix(path, "/token")]
	if strings.HasPrefix(path, "download/") {
		part = "download"
	}
	rw.Header().Set("X-Person", told)
	if spoil := graphMoods[mood]; spoil != nil && strings.HasPrefix(mood, part+"-") && spoil(rw, r, part) {
		g.mu.Lock()
		g.asked[mood] = true
		g.mu.Unlock()
		return
	}
	if !strings.HasPrefix(path, "v1.0/reports/") {
		g.answer(rw, r, path)
		return
	}
	rw.Header().Set("ETag", quoted(people[7]))
	rw.Header().Set("Location", g.URL+"/"+mood+"/download/"+url.PathEscape(people[7])+"?token="+url.QueryEscape(telltale))
	rw.WriteHeader(http.StatusFound)
}

// bounds are the times of a filter.
var bounds = regexp.MustCompile(`createdDateTime ge (\S+)`)

// answer is that of a tenant in good order.
func (g *fakeGraph) answer(rw http.ResponseWriter, r *http.Request, path string) {
	type row = map[string]any
	list := func(rows ...any) row {
		return row{"@odata.context": telltale, "value": append([]any{}, rows...)}
	}
	somebody := row{"user": row{"email": people[2], "displayName": people[0]}}
	yesterday := time.Now().UTC().Add(-24 * time.Hour)
	var said any
	switch {
	case strings.HasPrefix(path, "download/"):
		day := yesterday.Format(time.DateOnly)
		_, _ = fmt.Fprintf(rw, "\ufeffReport Refresh Date,User Principal Name,SharePoint Active,SharePoint Inactive,SharePoint,Page View Count,Visited Page Count,Report Date\r\n"+
			"%s,%q,1,1,1,5,2,%[1]s\r\n", day, people[2])
		return
	case strings.HasSuffix(path, "/token"):
		said = row{"token_type": "Bearer", "expires_in": 3599, "access_token": serverSecrets[0]}
	case path == "v1.0/users":
		said = list(
			row{"id": people[7], "displayName": people[0], "userPrincipalName": people[3], "mail": people[2], "userType": "Member", "accountEnabled": true, "assignedLicenses": []any{row{"skuId": people[7]}}, "department": people[5]},
			row{"id": people[4], "displayName": people[1], "userPrincipalName": people[1], "mail": nil, "userType": nil, "accountEnabled": true, "assignedLicenses": []any{row{}}, "jobTitle": people[6]})
	case path == "v1.0/auditLogs/signIns":
		said = list()
		if m := bounds.FindStringSubmatch(r.URL.Query().Get("$filter")); m != nil {
			said = list(row{"id": people[7], "createdDateTime": m[1], "userId": people[7], "userDisplayName": people[0], "userPrincipalName": people[3], "appId": graphApp,
				"homeTenantId": graphTenant, "resourceTenantId": graphTenant, "status": row{"errorCode": 0, "failureReason": telltale}})
		}
	case path == "v1.0/admin/reportSettings":
		said = row{"displayConcealedNames": true, "by": telltale}
	case strings.HasSuffix(path, "/lastSevenDays"):
		said = row{"access": row{"actionCount": 5, "actorCount": 2, "actors": telltale}}
	case strings.HasSuffix(path, "/microsoft.graph.sitePage"):
		said = list(row{"id": people[7], "title": people[5], "createdBy": somebody, "lastModifiedBy": somebody, "createdDateTime": yesterday.Add(-time.Hour), "lastModifiedDateTime": yesterday,
			"publishingState": row{"level": "published", "versionId": "2.0", "checkedOutBy": people[0]}})
	default:
		said = row{"id": "site-1", "displayName": people[5], "webUrl": telltale}
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(said)
}

// refusal answers text with a status.
func refusal(code int, text string) spoiler {
	return func(rw http.ResponseWriter, _ *http.Request, _ string) bool {
		rw.Header().Set("WWW-Authenticate", "Bearer realm="+quoted(told))
		rw.WriteHeader(code)
		_, _ = io.WriteString(rw, text)
		return true
	}
}

// graphMoods are the ways to go wrong. They begin with the part that does.
var graphMoods = map[string]spoiler{
	"login-refuses":   refusal(400, `{"error":`+quoted(telltale)+`,"error_description":`+quoted("AADSTS7000215: "+telltale)+`,"error_codes":[7000215],"trace_id":`+quoted(telltale)+`}`),
	"login-odd":       refusal(400, `{"error":`+quoted(telltale)+`,"error_codes":[`+quoted(telltale)+`]}`),
	"login-forbids":   refusal(401, telltale),
	"login-token":     body("", `{"token_type":`+quoted(telltale)+`,"expires_in":3599,"access_token":`+quoted(serverSecrets[0])+`}`),
	"login-expires":   body("", `{"token_type":"Bearer","expires_in":`+quoted(telltale)+`,"access_token":`+quoted(serverSecrets[0])+`}`),
	"login-html":      body("", "<html><body>"+telltale+"</body></html>"),
	"login-elsewhere": moods["elsewhere"],

	"graph-refuses":   refusal(403, `{"error":{"code":`+quoted(telltale)+`,"message":`+quoted(telltale)+`}}`),
	"graph-forbids":   refusal(401, `{"error":{"code":"InvalidAuthenticationToken","message":`+quoted(telltale)+`}}`),
	"graph-nojson":    body("", telltale),
	"graph-twice":     body("", `{"value":[],`+quoted(telltale)+`:1,`+quoted(telltale)+`:2}`),
	"graph-shape":     body("", `{"value":`+quoted(telltale)+`}`),
	"graph-account":   body("", `{"value":[{"id":{`+quoted(telltale)+`:1},"accountEnabled":`+quoted(telltale)+`}]}`),
	"graph-paging":    body("", `{"value":[{"id":`+quoted(people[7])+`,"userPrincipalName":`+quoted(people[3])+`,"accountEnabled":true}],"@odata.nextLink":`+quoted("http://elsewhere.example/?skip="+url.QueryEscape(telltale))+`}`),
	"graph-elsewhere": moods["elsewhere"],

	"download-refuses":   refusal(403, telltale),
	"download-nocsv":     body("", telltale),
	"download-quotes":    body("", "\""+telltale),
	"download-date":      body("", "Report Refresh Date\r\n\""+telltale+"\"\r\n"),
	"download-number":    body("", "Report Refresh Date,SharePoint Active,SharePoint,Page View Count,Visited Page Count,Report Date\r\n"+strings.Join([]string{time.Now().UTC().Format(time.DateOnly), `"` + telltale + `"`, people[0], people[0], people[0], people[0]}, ",")+"\r\n"),
	"download-elsewhere": moods["elsewhere"],
}
