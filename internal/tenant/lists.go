package tenant

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// top reads $top, which must not be more than most; without it the default holds.
func (t *Tenant) top(q *request, fallback, most int) (int, bool) {
	if !q.query.Has("$top") {
		return fallback, true
	}
	n, err := strconv.Atoi(q.query.Get("$top"))
	if err != nil || n < 1 || n > most {
		t.mistake(q, 400, "Request_BadRequest", fmt.Sprintf("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", q.query.Get("$top"), most))
		return 0, false
	}
	return n, true
}

// A cursor is where a list goes on. Clients only see its name, in $skiptoken.
type cursor struct {
	path     string
	query    string // of the first request, as it was written
	advanced bool   // ConsistencyLevel must be there on each page
	context  string
	count    bool
	length   int
	size     int // of a page
	entry    func(int) object
	offset   int
	page     int  // from 1
	again    bool // the page was served before
}

// resume serves the next page of a list, if that is what was asked for.
func (t *Tenant) resume(q *request) bool {
	if !q.query.Has("$skiptoken") {
		return false
	}
	c, ok := t.cursors[q.query.Get("$skiptoken")]
	switch {
	case !ok || c.path != q.r.URL.Path || !strings.HasPrefix(q.r.URL.RawQuery, c.query):
		t.mistake(q, 400, "Request_BadRequest", "The skip token is not one of this list.")
	case c.advanced && q.r.Header.Get("ConsistencyLevel") != "eventual":
		t.mistake(q, 400, "Request_UnsupportedQuery", "The next page needs the header 'ConsistencyLevel: eventual', too.")
	default:
		t.servePage(q, c)
	}
	return true
}

func (t *Tenant) servePage(q *request, c cursor) {
	size := c.size
	if t.s.PageSize > 0 {
		size = min(size, t.s.PageSize)
	}
	end := min(c.offset+size, c.length)
	next := c
	next.offset, next.page, next.again = end, c.page+1, false
	if !c.again && (c.page == t.s.RepeatedPage || c.page == t.s.EmptyPage) {
		next = c
		next.again = true
	}
	body := object{{"@odata.context", t.o.Graph + "/" + strings.SplitN(c.path, "/", 3)[1] + "/$metadata#" + c.context}}
	if c.count && c.page == 1 {
		body = append(body, member{"@odata.count", c.length})
	}
	values := []object{}
	if c.page != t.s.EmptyPage || c.again {
		if t.s.DuplicateIDs && c.offset > 0 {
			values = append(values, c.entry(c.offset-1))
		}
		for i := c.offset; i < end; i++ {
			values = append(values, c.entry(i))
		}
	}
	if next.offset < next.length {
		t.serial++
		name := hash(fmt.Sprint(t.seed, "skip", t.serial))
		t.cursors[name] = next
		query := c.query
		if query != "" {
			query += "&"
		}
		body = append(body, member{"@odata.nextLink", strings.TrimSuffix(t.o.Graph, "/") + (&url.URL{Path: c.path}).EscapedPath() + "?" + query + "$skiptoken=" + name})
	}
	body = append(body, member{"value", values})
	if c.page%2 == 0 { // the link may come after the entries, too
		slices.Reverse(body[1:])
	}
	t.ok(q, body)
}

// startPage serves the first page of a list.
func (t *Tenant) startPage(q *request, c cursor) {
	c.path, c.query, c.page = q.r.URL.Path, q.r.URL.RawQuery, 1
	t.servePage(q, c)
}

// choose takes the properties that $select names; without it all of them.
func choose(o object, names []string) object {
	if len(names) == 0 {
		return o
	}
	var chosen object
	for _, m := range o {
		if m.name == "id" || slices.Contains(names, m.name) || strings.HasPrefix(m.name, "@") {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

func (q *request) names() []string {
	if q.query.Get("$select") == "" {
		return nil
	}
	names := strings.Split(q.query.Get("$select"), ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// stamp writes a time as Graph does, with as many digits as it takes.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.9999999Z") }

// null is nil for what is empty.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
