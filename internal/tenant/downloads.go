package tenant

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A download is a report that was asked for; its address needs no token, is good for five minutes, and once.
type download struct {
	body []byte
	tag  string
	name string
	till time.Time
	used bool
}

var reportCall = regexp.MustCompile(`^(\w+)\((?:period='(D7|D30|D90|D180)'|date=(\d{4}-\d\d-\d\d))\)$`)

// report answers with where to download a report.
func (t *Tenant) report(q *request, call string) {
	if !q.roles["Reports.Read.All"] {
		t.refuse(q, 403, "S2SUnauthorized", "Invalid permission.")
		return
	}
	m := reportCall.FindStringSubmatch(call)
	if m == nil {
		t.mistake(q, 400, "BadRequest", "Invalid parameter: "+call)
		return
	}
	of, known := reports[m[1]]
	if !known {
		t.mistake(q, 400, "BadRequest", fmt.Sprintf("Resource not found for the segment '%s', or it is not played.", m[1]))
		return
	}
	if !t.options(q) {
		return
	}
	p := period{refreshed: t.refreshed(m[1])}
	if m[3] != "" {
		d, err := time.Parse(time.DateOnly, m[3])
		if !of.detail || err != nil || d.After(p.refreshed) || d.Before(p.refreshed.Add(-30*day)) {
			t.mistake(q, 400, "BadRequest", "The date is not one that this report has.")
			return
		}
		p.refreshed, p.days = d, 1
	} else {
		p.days, _ = strconv.Atoi(m[2][1:])
	}
	body, tag := t.render(m[1], p)
	q.w.Header().Set("ETag", tag)
	if q.r.Header.Get("If-None-Match") == tag {
		q.w.WriteHeader(http.StatusNotModified)
		return
	}
	t.serial++
	name := hash(fmt.Sprint(t.seed, "download", t.serial))
	t.downloads[name] = &download{body: body, tag: tag, name: m[1], till: t.now().Add(5 * time.Minute)}
	q.w.Header().Set("Location", strings.TrimSuffix(t.o.Download, "/")+"/data/download/"+name)
	q.w.Header().Set("Content-Type", "text/plain")
	q.w.WriteHeader(http.StatusFound)
}

// download is the server of the files, which nobody may tell a secret.
func (t *Tenant) download(w http.ResponseWriter, r *http.Request) {
	t.requests["download"]++
	for header, values := range r.Header {
		value := strings.Join(values, " ")
		if header == "Authorization" || header == "Cookie" || header == "Proxy-Authorization" || t.secretIn(value) {
			t.violate("download: a secret arrived in the header %s", header)
		}
	}
	if t.secretIn(r.URL.RawQuery) {
		t.violate("download: a secret arrived in the query")
	}
	d := t.downloads[strings.TrimPrefix(r.URL.Path, "/data/download/")]
	if refusal, ok := t.s.Refuse["download"]; ok {
		w.WriteHeader(refusal.Status)
		return
	}
	switch {
	case d == nil || r.Method != http.MethodGet:
		t.violate("download: %s %s is no address that was given out", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
		return
	case d.used || t.now().After(d.till):
		w.WriteHeader(http.StatusForbidden)
		return
	}
	d.used = true
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", "attachment; filename="+d.name+".csv")
	w.Header().Set("ETag", d.tag)
	w.Write(d.body) //nolint:errcheck // who went away gets nothing
}

func (t *Tenant) secretIn(s string) bool {
	if s == "" {
		return false
	}
	if strings.Contains(s, t.o.Secret) {
		return true
	}
	for name := range t.tokens {
		if strings.Contains(s, name) {
			return true
		}
	}
	return false
}

// reportSettings tells whether names are concealed.
func (t *Tenant) reportSettings(q *request) {
	if !q.roles["ReportSettings.Read.All"] {
		t.refuse(q, 403, "S2SUnauthorized", "Invalid permission.")
		return
	}
	if !t.options(q, "$select") {
		return
	}
	settings := object{{"id", ""}, {"displayConcealedNames", t.s.ConcealNames}}
	if t.s.WrappedSettings {
		q.checked = false // the sample of the documentation is not of the type that the description names
		settings = object{{"value", append(object{{"@odata.type", "#microsoft.graph.adminReportSettings"}}, settings[1:]...)}}
	}
	t.ok(q, append(object{{"@odata.context", t.o.Graph + "/v1.0/$metadata#admin/reportSettings/$entity"}}, settings...))
}

func sortByName(found []int, pages []page) {
	slices.SortFunc(found, func(a, b int) int { return strings.Compare(pages[a].name, pages[b].name) })
}
