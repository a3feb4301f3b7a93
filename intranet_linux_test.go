package main

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// An intranet is three portals, which are one database, and a wiki: all of them tell the same people and what
// they did. It grows in versions, each whole or not there yet. Truth counts from these records alone.
type intranet struct {
	db   *sql.DB
	file string // of db
	wiki *httptest.Server

	mu      sync.Mutex
	rnd     *rand.Rand
	version int
	people  []human
	acts    []act
	pages   int
}

type human struct {
	id      int // from 1
	version int
	name    string
	kind    string // person, service, guest
	enabled bool
	mail    bool
}

type act struct {
	version int
	kind    measure.Kind
	at      time.Time
	who     int // a human's id, 0 = nobody known
	page    int // that was created or edited
}

var intranetKinds = []measure.Kind{measure.Login, measure.PageView, measure.PageCreated, measure.PageEdit}

// wikiMeter is the human by whose account the wiki is read.
const wikiMeter = 1

const week = 7 * 24 * time.Hour

func newIntranet(t *testing.T, rnd *rand.Rand) *intranet {
	t.Helper()
	i := &intranet{rnd: rnd, file: filepath.Join(t.TempDir(), "portal.db")}
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(OFF)", "busy_timeout(10000)"}}
	var err error
	if i.db, err = sql.Open("sqlite", (&url.URL{Scheme: "file", Path: i.file, RawQuery: pragmas.Encode()}).String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.db.Close() })
	if _, err := i.db.ExecContext(t.Context(), `
		CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, kind TEXT, enabled INTEGER, mail INTEGER);
		CREATE TABLE acts (at REAL, kind TEXT, who INTEGER, page INTEGER);
		CREATE INDEX acts_at ON acts (kind, at)`); err != nil {
		t.Fatal(err)
	}
	i.wiki = httptest.NewServer(http.HandlerFunc(i.serveWiki))
	t.Cleanup(i.wiki.Close)
	i.grow(t, 1500, 4000, 5*week)
	return i
}

// grow adds people and what was done lately, as one version. Each has a login and a new page in the last day.
func (i *intranet) grow(t *testing.T, people, acts int, lately time.Duration) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	tx, err := i.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	do := func(query string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	version := i.version + 1
	for range people {
		h := human{id: len(i.people) + 1, version: version, kind: "person", enabled: true, mail: i.rnd.IntN(2) == 0}
		h.name = "U" + strconv.Itoa(h.id)
		if version == 1 { // who is known as another than a person only later has done something before, which counts
			switch i.rnd.IntN(12) {
			case 0:
				h.kind = "service"
			case 1:
				h.kind = "guest"
			case 2:
				h.name = "Svc-" + h.name
			}
			h.enabled = i.rnd.IntN(10) > 0
		}
		i.people = append(i.people, h)
		do(`INSERT INTO users VALUES (?, ?, ?, ?, ?)`, h.id, h.name, h.kind, h.enabled, h.mail)
	}
	now := time.Now().Truncate(time.Second)
	for n := range acts {
		a := act{version: version, at: now.Add(-time.Duration(i.rnd.Int64N(int64(lately)))).Truncate(time.Second), who: i.rnd.IntN(len(i.people) + 1)}
		switch n {
		case 0, 1:
			a.kind = []measure.Kind{measure.Login, measure.PageCreated}[n]
			a.at, a.who = now.Add(-20*time.Minute), len(i.people)
		default:
			a.kind = intranetKinds[i.rnd.IntN(len(intranetKinds))]
		}
		switch a.kind {
		case measure.PageCreated:
			i.pages++
			a.page = i.pages
		case measure.PageEdit:
			a.page = 1 + i.rnd.IntN(i.pages)
		}
		i.acts = append(i.acts, a)
		do(`INSERT INTO acts VALUES (?, ?, nullif(?, 0), ?)`, a.at.Unix(), string(a.kind), a.who, a.page)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	i.version = version
}

// late is from when on a new version tells what was done: less than every platform reads again.
const late = 50 * time.Minute

// config is the exporter's, with one more pattern that matches nobody.
func (i *intranet) config(pattern string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `poll_interval: 10s
accounts_interval: 10s
exclude: {accounts: ["^(?i:svc)-", %q]}
objectives:
  - name: sharing
    kpis:
      - name: pages_weekly
        measure: pages_created
        window: 7d
        platform: wiki
        warning: {at: 1000000, sustain: 0s, action: Write.}
        owner: everybody
        review: 2099-01-15
platforms:
  - name: wiki
    type: mediawiki
    url: %s
    requests_per_second: 10000
    http_client: {authorization: {credentials: token}}
    profile: {fields: [emailable]}
`, pattern, i.wiki.URL)
	for _, name := range portals {
		fmt.Fprintf(&b, `  - name: %s
    type: sql
    driver: sqlite
    dsn_file: portal.dsn
    accounts: SELECT id, name, kind, enabled, mail AS "profile.mail" FROM users
    readings: [{measure: pages, query: SELECT count(*) AS value FROM acts WHERE kind = 'page_created'}]
    events:
`, name)
		for _, kind := range intranetKinds {
			fmt.Fprintf(&b, "      %s: SELECT at, who AS account FROM acts WHERE kind = '%[1]s' AND at >= unixepoch($1) AND at < unixepoch($2)\n", kind)
		}
	}
	return b.String()
}

var (
	portals   = []string{"here", "there", "yonder"}
	platforms = append([]string{"wiki"}, portals...)
)

// A state says which version of each sort of fact is known.
type state struct{ accounts, events, pages int }

func (s state) latest(than state) state {
	return state{max(s.accounts, than.accounts), max(s.events, than.events), max(s.pages, than.pages)}
}

// truth counts every measure of a platform.
func (i *intranet) truth(platform string, s state, end time.Time) map[string]float64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	truth := map[string]float64{}
	reasons := map[int]string{}
	mails := 0.0
	for _, reason := range []string{"own", "service", "guest", "pattern", "disabled"} {
		truth[fmt.Sprintf("intranet_accounts_excluded{reason=%q}", reason)] = 0
	}
	for _, h := range i.people {
		reason := ""
		switch {
		case platform == "wiki" && h.id == wikiMeter:
			reason = "own"
		case h.kind != "person":
			reason = h.kind
		case strings.HasPrefix(h.name, "Svc-"):
			reason = "pattern"
		case !h.enabled:
			reason = "disabled"
		}
		reasons[h.id] = reason
		switch {
		case h.version > s.accounts:
			reasons[h.id] = "not listed"
		case reason != "":
			truth[fmt.Sprintf("intranet_accounts_excluded{reason=%q}", reason)]++
		default:
			truth["intranet_accounts"]++
			if h.mail {
				mails++
			}
		}
	}
	field := map[bool]string{true: "emailable", false: "mail"}[platform == "wiki"]
	truth["intranet_profiles_complete"] = mails
	truth["intranet_profile_completion_ratio"] = mails / truth["intranet_accounts"]
	truth[fmt.Sprintf("intranet_profile_field_filled_ratio{field=%q}", field)] = mails / truth["intranet_accounts"]

	type series struct {
		m    measure.Measure
		name string
		from time.Time
	}
	var all []series
	for _, name := range []string{"active_users", "contributors", "authors", "logged_in_users", "logins", "page_views", "pages_created", "page_edits"} {
		m, _ := measure.Lookup(name)
		if platform == "wiki" && !slices.Contains(m.Kinds, measure.PageCreated) && !slices.Contains(m.Kinds, measure.PageEdit) || platform == "wiki" && name == "active_users" {
			continue
		}
		for _, w := range measure.Windows {
			all = append(all, series{m, fmt.Sprintf("%s{window=%q}", m.Metric, w), end.Add(-time.Duration(w))})
			truth[all[len(all)-1].name] = 0
		}
	}
	seen := map[string]map[int]bool{}
	for _, a := range i.acts {
		if a.kind == measure.PageCreated && a.version <= s.pages {
			truth["intranet_pages"]++
		}
		if a.version > s.events || !a.at.Before(end) {
			continue
		}
		reason := reasons[a.who]
		for _, x := range all {
			if a.at.Before(x.from) || !slices.Contains(x.m.Kinds, a.kind) {
				continue
			}
			if x.m.Counting == measure.Events {
				if !slices.Contains([]string{"own", "service", "guest", "pattern"}, reason) {
					truth[x.name]++
				}
			} else if reason == "" && a.who != 0 && !seen[x.name][a.who] {
				if seen[x.name] == nil {
					seen[x.name] = map[int]bool{}
				}
				seen[x.name][a.who] = true
				truth[x.name]++
			}
		}
	}
	return truth
}

// serveWiki answers as the API of MediaWiki does, everything in one answer.
func (i *intranet) serveWiki(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	type object = map[string]any
	q := r.URL.Query()
	name := cmp.Or(q.Get("meta"), q.Get("list"), "pages")
	var rows any = object{"id": wikiMeter, "rights": []string{"read", "apihighlimits"}}
	switch name {
	case "allmessages":
		rows = []object{{"name": "double-redirect-fixer", "content": "Redirect fixer"}}
	case "allusers":
		var users []object
		for _, h := range i.people {
			u := object{"userid": h.id, "name": h.name, "groups": map[string][]string{"service": {"bot"}, "guest": {"temp"}, "person": {"user"}}[h.kind]}
			if !h.enabled {
				u["blockid"] = h.id
			}
			users = append(users, u)
		}
		rows = users
	case "users":
		var users []object
		for _, id := range strings.Split(q.Get("ususerids"), "|") {
			n, _ := strconv.Atoi(id)
			users = append(users, object{"userid": n, "emailable": i.people[n-1].mail})
		}
		rows = users
	case "allpages":
		pages := make([]object, i.pages)
		for n := range pages {
			pages[n] = object{"pageid": n + 1, "title": "Page"}
		}
		rows = pages
	case "pages":
		start, _ := time.Parse(time.RFC3339, q.Get("garvstart"))
		end, _ := time.Parse(time.RFC3339, q.Get("garvend"))
		revisions := map[int][]object{}
		for n, a := range i.acts {
			if a.page == 0 || a.at.Before(start) || a.at.After(end) {
				continue
			}
			parent := 0
			if a.kind == measure.PageEdit {
				parent = 1
			}
			revisions[a.page] = append(revisions[a.page], object{"revid": n + 1, "parentid": parent, "userid": a.who, "timestamp": a.at.UTC().Format(time.RFC3339)})
		}
		pages := []object{}
		for id, of := range revisions {
			pages = append(pages, object{"pageid": id, "revisions": of})
		}
		rows = pages
	}
	_ = json.NewEncoder(w).Encode(object{"batchcomplete": true, "query": object{name: rows}}) // or whoever asked was killed
}
