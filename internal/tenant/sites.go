package tenant

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// site answers what begins with sites/: a site by its address or id, its pages, its analytics.
func (t *Tenant) site(q *request, rest string) {
	s, rest := t.findSite(rest)
	if !q.roles["Sites.Read.All"] && !q.roles["Sites.Selected"] {
		t.refuse(q, 403, "accessDenied", "Access denied")
		return
	}
	if s == nil {
		t.refuse(q, 404, "itemNotFound", "Requested site could not be found")
		return
	}
	if !q.roles["Sites.Read.All"] && (!t.grants[s.name] || t.s.StrictSelected && strings.HasPrefix(rest, "analytics")) {
		t.refuse(q, 403, "accessDenied", "Access denied")
		return
	}
	switch rest {
	case "":
		t.siteEntry(q, s)
	case "pages/microsoft.graph.sitePage":
		t.listPages(q, s)
	case "analytics/lastSevenDays":
		t.lastSevenDays(q, s)
	default:
		t.mistake(q, 400, "BadRequest", fmt.Sprintf("Not played: '%s'.", rest))
	}
}

// findSite finds a site by {hostname}, {hostname}:/{path}, root or an id, and tells what comes after that.
func (t *Tenant) findSite(rest string) (*site, string) {
	address, after, byPath := strings.Cut(rest, ":/")
	hostname := strings.Split(t.sites[0].id, ",")[0]
	if byPath {
		path, after, _ := strings.Cut(after, ":")
		for i := range t.sites {
			if strings.EqualFold(address, hostname) && strings.EqualFold(strings.Trim(path, "/"), t.sites[i].path) {
				return &t.sites[i], strings.Trim(after, "/")
			}
		}
		return nil, ""
	}
	first, after, _ := strings.Cut(rest, "/")
	for i := range t.sites {
		s := &t.sites[i]
		if first == s.id || s.path == "" && (first == "root" || strings.EqualFold(first, hostname)) {
			return s, after
		}
	}
	return nil, ""
}

// address is where a browser finds a site.
func (s *site) address() string {
	hostname, _, _ := strings.Cut(s.id, ",")
	return strings.TrimSuffix("https://"+hostname+"/"+s.path, "/")
}

// SiteAddress is where a browser finds the site of that name: root, news, people or archive.
func (t *Tenant) SiteAddress(name string) string {
	return t.sites[t.named(name)].address()
}

// named finds a site, which must be there.
func (t *Tenant) named(name string) int {
	for i := range t.sites {
		if t.sites[i].name == name {
			return i
		}
	}
	panic("there is no site " + name)
}

func (t *Tenant) siteEntry(q *request, s *site) {
	if !t.options(q, "$select") {
		return
	}
	t.ok(q, choose(object{
		{"@odata.context", t.o.Graph + "/v1.0/$metadata#sites/$entity"},
		{"createdDateTime", stamp(t.first.Add(-900 * day))},
		{"description", ""},
		{"id", s.id},
		{"lastModifiedDateTime", stamp(t.first)},
		{"name", s.path[strings.LastIndex(s.path, "/")+1:]},
		{"webUrl", s.address()},
		{"displayName", s.title},
		{"root", object{}},
		{"siteCollection", object{{"hostname", strings.Split(s.id, ",")[0]}}},
	}, q.names()))
}

// listPages lists all pages of a site by name, with drafts.
func (t *Tenant) listPages(q *request, s *site) {
	if !t.options(q, "$select", "$top", "$filter", "$orderby", "$count", "$expand", "$skiptoken") || t.resume(q) {
		return
	}
	for _, option := range []string{"$filter", "$orderby", "$expand"} {
		if q.query.Has(option) {
			t.mistake(q, 400, "invalidRequest", "The documentation does not say for which properties "+option+" works.")
			return
		}
	}
	size, ok := t.top(q, 200, 1000)
	if !ok {
		return
	}
	now := t.now()
	var found []int
	for i := range t.pages {
		if &t.sites[t.pages[i].site] == s && t.pages[i].exists(now) {
			found = append(found, i)
		}
	}
	sortByName(found, t.pages)
	names := q.names()
	t.startPage(q, cursor{
		context: "sites('" + url.PathEscape(s.id) + "')/pages/microsoft.graph.sitePage", length: len(found), size: size, count: q.query.Get("$count") == "true",
		entry: func(i int) object { return choose(t.pageEntry(found[i], now), names) },
	})
}

func (t *Tenant) pageEntry(i int, at time.Time) object {
	p := &t.pages[i]
	level, version, promotion := "published", fmt.Sprintf("%d.0", p.editions(at)), "page"
	switch {
	case !p.open(at):
		level, version = "checkout", "0.1"
	case p.redrafted(at):
		level, version = "checkout", fmt.Sprintf("%d.1", p.editions(at)-1)
	}
	if p.news {
		promotion = "newsPost"
	}
	created, modified := p.created, p.modified(at)
	if t.s.OddTimes && i%3 > 0 {
		created, modified = oddTime(i), oddTime(i+1)
	}
	return object{
		{"@odata.type", "#microsoft.graph.sitePage"},
		{"eTag", fmt.Sprintf(`"{%s},%d"`, p.id, 1+len(p.changed))},
		{"id", p.id},
		{"createdDateTime", stamp(created)},
		{"lastModifiedDateTime", stamp(modified)},
		{"name", p.name},
		{"webUrl", t.sites[p.site].address() + "/SitePages/" + p.name},
		{"title", p.title},
		{"pageLayout", "article"},
		{"promotionKind", promotion},
		{"showComments", true},
		{"createdBy", t.identity(p.author)},
		{"lastModifiedBy", t.identity(p.editor)},
		{"publishingState", object{{"level", level}, {"versionId", version}}},
		{"reactions", object{{"commentCount", i % 5}, {"likeCount", i % 7}}},
	}
}

// editions is how often a page was published, each time after it was changed too.
func (p *page) editions(at time.Time) int {
	n := 1
	for _, saved := range p.changed {
		if saved.After(p.published) && !saved.After(at) {
			n++
		}
	}
	return n
}

// redrafted says whether the newest version is being written.
func (p *page) redrafted(at time.Time) bool {
	return !p.redraft.IsZero() && !at.Before(p.redraft) && !p.modified(at).After(p.redraft)
}

// identity is a person, who sometimes comes without an id as in the sample of the documentation, or an application.
func (t *Tenant) identity(who int32) object {
	if who < 0 {
		return object{{"application", object{{"id", "b1f6a3c0-5d2e-4c55-9a3b-0d9c1b7f2e10"}, {"displayName", "News feed"}}}}
	}
	a := &t.accounts[who]
	person := object{{"displayName", a.name}, {"email", a.mail}}
	if who%5 > 0 {
		person = append(person, member{"id", a.id})
	}
	return object{{"user", person}}
}

// AnalyticsEnd is the moment that lastSevenDays ends before now.
func (t *Tenant) AnalyticsEnd() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return midnight(t.now())
}

// lastSevenDays counts what everybody looked at in the last seven days that are over, guests and all.
func (t *Tenant) lastSevenDays(q *request, s *site) {
	if !t.options(q, "$select") {
		return
	}
	end := midnight(t.now())
	actions, actors := 0, map[int32]bool{}
	for d := range 7 {
		for _, a := range t.days[clamp(int(end.Sub(t.first)/day)-1-d, len(t.days))].acts {
			if a.verb == viewed && &t.sites[t.pages[a.page].site] == s {
				actions, actors[a.who] = actions+1, true
			}
		}
	}
	stat := object{}
	if t.s.AnalyticsTimes {
		stat = append(stat, member{"startDateTime", stamp(end.Add(-7 * day))}, member{"endDateTime", stamp(end)})
	}
	if !t.s.WithoutAnalytics && actions > 0 {
		stat = append(stat, member{"access", object{{"actionCount", actions}, {"actorCount", len(actors)}}})
	}
	if t.s.Incomplete {
		stat = append(stat, member{"incompleteData", object{{"missingDataBeforeDateTime", stamp(end.Add(-2 * day))}, {"wasThrottled", true}}})
	}
	if t.s.NestedAnalytics {
		q.checked = false // the sample of the documentation is not of the type that the description names
		stat = object{{"lastSevenDays", stat}}
	}
	t.ok(q, append(object{{"@odata.context", t.o.Graph + "/v1.0/$metadata#sites('" + url.PathEscape(s.id) + "')/analytics/lastSevenDays/$entity"}}, stat...))
}
