package tenant

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An object is a JSON object with its members in order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSONTo writes the members.
func (o object) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range o {
		if err := enc.WriteToken(jsontext.String(m.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, m.value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// Handler serves sign-in, Graph and downloads, by the host that is asked for.
func (t *Tenant) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.play()
		w.Header().Set("Date", t.now().Format(http.TimeFormat))
		w.Header().Set("Cache-Control", "no-store")
		switch r.Host {
		case host(t.o.Login):
			t.login(w, r)
		case host(t.o.Graph):
			t.graph(w, r)
		case host(t.o.Download):
			t.download(w, r)
		default:
			t.violate("nobody is called %s", r.Host)
			w.WriteHeader(http.StatusMisdirectedRequest)
		}
	})
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

func (t *Tenant) answer(w http.ResponseWriter, status int, contentType string, body any) []byte {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // all bodies are made here
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(b) //nolint:errcheck // who went away gets nothing
	return b
}

// requestID is another one for each request.
func (t *Tenant) requestID() string {
	t.serial++
	return guid(rand.New(rand.NewPCG(t.seed, uint64(t.serial)<<32)))
}

// A request is one to Graph.
type request struct {
	w       http.ResponseWriter
	r       *http.Request
	kind    string // as in Tenant.Requests
	roles   map[string]bool
	query   url.Values
	checked bool // answers fit the published description
}

// ok answers with what was asked for.
func (t *Tenant) ok(q *request, body object) {
	b := t.answer(q.w, 200, "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8", body)
	if q.checked && t.o.Check != nil {
		if err := t.o.Check.Answer(q.r.URL.Path, b); err != nil {
			t.violate("the tenant's own answer to %s: %v", q.r.URL.Path, err)
		}
	}
}

// refuse answers with an error as Graph writes it.
func (t *Tenant) refuse(q *request, status int, code, message string) {
	id := q.w.Header().Get("request-id")
	client := q.r.Header.Get("client-request-id")
	if client == "" {
		client = id
	}
	t.answer(q.w, status, "application/json", object{{"error", object{
		{"code", code}, {"message", message},
		{"innerError", object{{"date", t.now().Format("2006-01-02T15:04:05")}, {"request-id", id}, {"client-request-id", client}}},
	}}})
}

// mistake refuses what the documentation does not allow.
func (t *Tenant) mistake(q *request, status int, code, message string) {
	t.violate("%s %s: %s", q.r.Method, q.r.URL.RequestURI(), message)
	t.refuse(q, status, code, message)
}

// graph looks who asks, and whether that may be asked at all.
func (t *Tenant) graph(w http.ResponseWriter, r *http.Request) {
	version, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := &request{w: w, r: r, kind: kindOf(path), checked: version == "v1.0"}
	t.requests[q.kind]++
	w.Header().Set("request-id", t.requestID())
	if id := r.Header.Get("client-request-id"); id != "" {
		w.Header().Set("client-request-id", id)
	}
	if r.Header.Get("Cookie") != "" {
		t.violate("%s: a cookie", r.URL.Path)
	}
	scheme, name, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	held := t.tokens[name]
	switch {
	case name == "" || scheme != "Bearer":
		t.violate("%s: without a token", r.URL.Path)
		t.unauthorised(q, "Access token is empty.")
		return
	case held == nil:
		t.violate("%s: a token that was never issued", r.URL.Path)
		t.unauthorised(q, "IDX14100: JWT is not well formed, there are no dots (.).")
		return
	case !t.now().Before(held.expires):
		t.unauthorised(q, "Lifetime validation failed, the token is expired.")
		return
	}
	q.roles = held.roles
	var err error
	if q.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		t.mistake(q, 400, "BadRequest", "The query is malformed.")
		return
	}
	for option, values := range q.query {
		if len(values) > 1 {
			t.mistake(q, 400, "BadRequest", "Query option '"+option+"' was specified more than once, but it must be specified at most once.")
			return
		}
	}
	if r.Method != http.MethodGet {
		t.mistake(q, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
		return
	}
	if t.o.Check != nil && q.checked {
		if err := t.o.Check.Request(r.Method, r.URL.Path, r.URL.RawQuery); err != nil {
			t.violate("%s %s: %v", r.Method, r.URL.RequestURI(), err)
		}
	}
	if t.busy(q) || t.switchedOff(q) {
		return
	}
	t.route(q, version, path)
}

func kindOf(path string) string {
	first, rest, _ := strings.Cut(path, "/")
	switch first {
	case "users":
		return strings.TrimSuffix("users/"+rest, "/")
	case "reports":
		name, _, _ := strings.Cut(rest, "(")
		return "reports/" + name
	case "auditLogs", "admin":
		return path
	case "sites":
		switch {
		case strings.Contains(rest, "/pages"):
			return "sites/pages"
		case strings.Contains(rest, "/analytics"):
			return "sites/analytics"
		}
		return "sites"
	}
	return "other"
}

func (t *Tenant) unauthorised(q *request, message string) {
	q.w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`)
	t.refuse(q, 401, "InvalidAuthenticationToken", message)
}

// busy throttles: what a test asked for, 14 calls in 10 minutes of each report, and 5 in 10 seconds of the sign-in reports.
func (t *Tenant) busy(q *request) bool {
	now := t.now()
	bucket := q.kind
	limit, span := 0, time.Duration(0)
	switch workload(q.kind) {
	case "reports":
		limit, span = 14, 10*time.Minute
	case "auditLogs":
		bucket, limit, span = "auditLogs", 5, 10*time.Second
	}
	for _, name := range []string{workload(q.kind), q.kind} {
		if p := t.pauses[name]; p != nil && now.Before(p.until) {
			t.tooMany(q, p)
			return true
		}
	}
	if limit == 0 {
		return false
	}
	if t.s.Unlimited {
		return false
	}
	calls := slices.DeleteFunc(t.calls[bucket], func(at time.Time) bool { return !at.After(now.Add(-span)) })
	if len(calls) >= limit {
		t.pauses[bucket] = &pause{until: calls[0].Add(span)}
		t.tooMany(q, t.pauses[bucket])
		return true
	}
	t.calls[bucket] = append(calls, now)
	return false
}

func (t *Tenant) tooMany(q *request, p *pause) {
	if p.told {
		t.violate("%s: asked again before Retry-After", q.kind)
	}
	p.told = true
	q.w.Header().Set("Retry-After", strconv.Itoa(int((p.until.Sub(t.now())+time.Second-1)/time.Second)))
	t.refuse(q, 429, "TooManyRequests", "Too many requests, please retry later.")
}

func (t *Tenant) switchedOff(q *request) bool {
	for _, name := range []string{q.kind, workload(q.kind)} {
		if refusal, ok := t.s.Refuse[name]; ok {
			t.refuse(q, refusal.Status, refusal.Code, refusal.Message)
			return true
		}
	}
	return false
}

func (t *Tenant) route(q *request, version, path string) {
	switch {
	case version == "beta" && path == "auditLogs/signInEventsSummary":
		t.signInSummary(q)
	case version != "v1.0":
		t.mistake(q, 400, "BadRequest", "Not played: "+version)
	case path == "users":
		t.listUsers(q)
	case path == "users/$count":
		t.countUsers(q)
	case path == "auditLogs/signIns":
		t.listSignIns(q)
	case path == "admin/reportSettings":
		t.reportSettings(q)
	case strings.HasPrefix(path, "reports/"):
		t.report(q, strings.TrimPrefix(path, "reports/"))
	case strings.HasPrefix(path, "sites/"):
		t.site(q, strings.TrimPrefix(path, "sites/"))
	default:
		segment, _, _ := strings.Cut(path, "/")
		t.mistake(q, 400, "BadRequest", fmt.Sprintf("Resource not found for the segment '%s'.", segment))
	}
}

// options says whether no other query options were sent than those that are documented.
func (t *Tenant) options(q *request, known ...string) bool {
	for name := range q.query {
		if !slices.Contains(known, name) {
			t.mistake(q, 400, "BadRequest", fmt.Sprintf("The query option '%s' is not documented.", name))
			return false
		}
	}
	return true
}
