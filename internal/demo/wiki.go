package demo

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Who measures, on the wiki.
const (
	wikiMeter   = "Kpibot"
	wikiMeterID = 2
)

// How much the API tells, and may be asked, at once: the right to apihighlimits is granted.
const (
	wikiRows  = 5000
	wikiNames = 500
)

// A wiki is a MediaWiki in memory: as much of its API as the collector asks for. Like the real one it is private,
// answers in parts, and tells errors with status 200.
type wiki struct {
	password string // of the meter
	rows     int    // of one answer

	mu        sync.Mutex
	sessions  map[string]bool // by cookie: logged in
	users     []*wikiUser     // by name
	pages     []*wikiPage     // a page's id is its place, from 1
	content   []*wikiPage     // those that people edit: no redirects, no user pages
	revisions []wikiRevision  // by time; a revision's id is its place, from 1
}

type wikiUser struct {
	id        int
	name      string
	groups    []string
	blocked   bool
	emailable bool
}

type wikiPage struct {
	id, namespace int
	title         string
	redirect      bool
	latest        int // revision
}

type wikiRevision struct {
	id, parent, user int
	page             *wikiPage
	at               time.Time
}

func newWiki() *wiki {
	w := &wiki{password: strings.ToLower(rand.Text() + rand.Text())[:32], rows: wikiRows, sessions: map[string]bool{}}
	w.add(&wikiUser{id: 1, name: "MediaWiki default"})
	w.add(&wikiUser{id: wikiMeterID, name: wikiMeter, groups: []string{"bot"}})
	return w
}

// add makes an account.
func (w *wiki) add(u *wikiUser) {
	u.groups = append([]string{"*", "user"}, u.groups...)
	w.users = slices.Insert(w.users, w.find(u.name), u)
}

// find returns the place of an account.
func (w *wiki) find(name string) int {
	i, _ := slices.BinarySearchFunc(w.users, name, func(u *wikiUser, name string) int { return cmp.Compare(u.name, name) })
	return i
}

// take lets what concerns a wiki happen on it.
func (w *wiki) take(happenings []Happening) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range happenings {
		if h.Who.Kind != "employee" && h.Who.Kind != "bot" {
			continue // contractors and programs have no account here
		}
		switch h.What {
		case Joined:
			u := &wikiUser{id: h.Who.ID, name: h.Who.signIn()}
			if h.Who.Kind == "bot" {
				u.groups = []string{"bot"}
			}
			w.add(u)
		case Left:
			w.users[w.find(h.Who.signIn())].blocked = true
		case Filled:
			switch h.Field {
			case "emailable":
				w.users[w.find(h.Who.signIn())].emailable = true
			case "user_page":
				w.create(2, "User:"+h.Who.signIn(), h)
			}
		case Created:
			p := w.create(0, fmt.Sprintf("Page %d", len(w.pages)+1), h)
			if p.redirect = h.leadsElsewhere(); !p.redirect {
				w.content = append(w.content, p)
			}
		case Edited: // what is new is edited most
			age := int(h.Luck * h.Luck * float64(len(w.content)))
			w.revise(w.content[len(w.content)-1-age], h)
		}
	}
}

// leadsElsewhere tells whether a page that was created is only another title of a page that there is.
func (h Happening) leadsElsewhere() bool { return h.Luck < 0.05 }

func (w *wiki) create(namespace int, title string, h Happening) *wikiPage {
	p := &wikiPage{id: len(w.pages) + 1, namespace: namespace, title: title}
	w.pages = append(w.pages, p)
	w.revise(p, h)
	return p
}

func (w *wiki) revise(p *wikiPage, h Happening) {
	r := wikiRevision{id: len(w.revisions) + 1, parent: p.latest, user: h.Who.ID, page: p, at: h.At}
	w.revisions = append(w.revisions, r)
	p.latest = r.id
}

type object = map[string]any

// ServeHTTP answers as api.php of MediaWiki does with formatversion=2.
func (w *wiki) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		http.Error(rw, "The form can't be read.", http.StatusBadRequest)
		return
	}
	session := ""
	if c, err := r.Cookie("session"); err == nil {
		session = c.Value
	}
	var answer object
	switch params := r.Form; {
	case params.Get("action") == "login":
		answer = object{"login": w.login(rw, session, params)}
	case params.Get("meta") == "tokens":
		session = w.begin(rw, false)
		answer = object{"query": object{"tokens": object{"logintoken": session + `+\`}}}
	case w.sessions[session]:
		answer = w.query(params)
	case params.Has("assert"):
		answer = refusal("assertuserfailed")
	default:
		answer = refusal("readapidenied")
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(rw).Encode(answer) // else whoever asked has gone
}

// begin starts a session.
func (w *wiki) begin(rw http.ResponseWriter, loggedIn bool) string {
	session := rand.Text()
	w.sessions[session] = loggedIn
	http.SetCookie(rw, &http.Cookie{Name: "session", Value: session, HttpOnly: true})
	return session
}

func (w *wiki) login(rw http.ResponseWriter, session string, params url.Values) object {
	if _, known := w.sessions[session]; !known || params.Get("lgtoken") != session+`+\` {
		return object{"result": "WrongToken"}
	}
	if params.Get("lgname") != wikiMeter+"@exporter" || params.Get("lgpassword") != w.password {
		return object{"result": "Failed", "reason": "Incorrect username or password entered. Please try again."}
	}
	delete(w.sessions, session)
	w.begin(rw, true)
	return object{"result": "Success", "lguserid": wikiMeterID, "lgusername": wikiMeter}
}

func refusal(code string) object { return object{"error": object{"code": code, "info": "Refused."}} }

func (w *wiki) query(params url.Values) object {
	switch name := cmp.Or(params.Get("meta"), params.Get("list"), params.Get("generator")); name {
	case "userinfo":
		rights := []string{"read", "edit", "createpage", "apihighlimits"}
		return object{"batchcomplete": true, "query": object{name: object{"id": wikiMeterID, "name": wikiMeter, "rights": rights}}}
	case "allmessages":
		return object{"batchcomplete": true, "query": object{name: []object{{"name": "double-redirect-fixer", "content": "Redirect fixer"}}}}
	case "allusers":
		return rows(w.rows, name, params, "aufrom", w.users, func(u *wikiUser) object {
			row := object{"userid": u.id, "name": u.name, "groups": u.groups}
			if u.blocked {
				row["blockid"], row["blockpartial"] = u.id, false
			}
			return row
		})
	case "users":
		ids := strings.Split(params.Get("ususerids"), "|")
		if len(ids) > wikiNames {
			return refusal("toomanyvalues")
		}
		asked := keep(w.users, func(u *wikiUser) bool { return slices.Contains(ids, strconv.Itoa(u.id)) })
		return rows(w.rows, name, params, "uscontinue", asked, func(u *wikiUser) object {
			return object{"userid": u.id, "name": u.name, "emailable": u.emailable}
		})
	case "allpages":
		nonredirects := params.Get("apfilterredir") == "nonredirects"
		asked := keep(w.pages, func(p *wikiPage) bool {
			return strconv.Itoa(p.namespace) == params.Get("apnamespace") && !(p.redirect && nonredirects)
		})
		return rows(w.rows, name, params, "apcontinue", asked, func(p *wikiPage) object {
			return object{"pageid": p.id, "ns": p.namespace, "title": p.title}
		})
	case "allrevisions":
		return w.changes(params)
	}
	return object{"batchcomplete": true}
}

func keep[T any](all []T, wanted func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(row T) bool { return !wanted(row) })
}

// rows answers with a part of a list, and how to ask for the rest.
func rows[T any](most int, name string, params url.Values, key string, all []T, show func(T) object) object {
	from, err := strconv.Atoi(cmp.Or(params.Get(key), "0"))
	if err != nil || from < 0 || from > len(all) {
		return refusal("badcontinue")
	}
	answer := object{"batchcomplete": true}
	to := min(len(all), from+most)
	if to < len(all) {
		answer["continue"] = object{key: strconv.Itoa(to), "continue": "-||"}
	}
	shown := make([]object, 0, to-from)
	for _, row := range all[from:to] {
		shown = append(shown, show(row))
	}
	answer["query"] = object{name: shown}
	return answer
}

// changes answers generator=allrevisions with prop=info|revisions: pages, with those of their revisions that belong
// to this part of the list.
func (w *wiki) changes(params url.Values) object {
	start, err := time.Parse(time.RFC3339, params.Get("garvstart"))
	end, err2 := time.Parse(time.RFC3339, params.Get("garvend"))
	if err != nil || err2 != nil {
		return refusal("badtimestamp")
	}
	first, _ := slices.BinarySearchFunc(w.revisions, start, func(r wikiRevision, t time.Time) int { return r.at.Compare(t) })
	if params.Has("garvcontinue") {
		if first, err = strconv.Atoi(params.Get("garvcontinue")); err != nil || first < 0 || first > len(w.revisions) {
			return refusal("badcontinue")
		}
	}
	namespaces := strings.Split(params.Get("garvnamespace"), "|")
	answer := object{"batchcomplete": true}
	var pages []object
	shown := map[*wikiPage][]object{}
	n := 0
	for i, r := range w.revisions[first:] {
		if r.at.After(end) {
			break
		}
		if !slices.Contains(namespaces, strconv.Itoa(r.page.namespace)) {
			continue
		}
		if n++; n > w.rows {
			answer["continue"] = object{"garvcontinue": strconv.Itoa(first + i), "continue": "garvcontinue||"}
			break
		}
		if shown[r.page] == nil {
			page := object{"pageid": r.page.id, "ns": r.page.namespace, "title": r.page.title}
			if r.page.redirect {
				page["redirect"] = true
			}
			pages = append(pages, page)
		}
		shown[r.page] = append(shown[r.page], object{"revid": r.id, "parentid": r.parent, "userid": r.user, "timestamp": r.at.UTC().Format(time.RFC3339)})
	}
	for _, page := range pages {
		page["revisions"] = shown[w.pages[page["pageid"].(int)-1]]
	}
	if len(pages) > 0 { // a generator that finds nothing says nothing
		answer["query"] = object{"pages": pages}
	}
	return answer
}
