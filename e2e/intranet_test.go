//go:build e2e

// Package e2e proves the exporter against real servers: MediaWiki, a portal in PostgreSQL, Prometheus and
// Alertmanager. Everything runs on loopback, in folders of its own, and ends with the test. One scenario alone:
//
//	make e2e RUN=TestIntranet/SIGKILL
package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An intranet is what the scenarios have in common: platforms with a history. Each takes copies, so that
// none depends on another.
type intranet struct {
	random *rand.Rand
	wiki   *wiki
	portal *portal
}

func TestIntranet(t *testing.T) {
	seed := uint64(1)
	if s := os.Getenv("INTRANET_E2E_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("INTRANET_E2E_SEED: %s", err)
		}
	}
	t.Logf("INTRANET_E2E_SEED=%d", seed)
	began := time.Now()
	i := &intranet{
		random: rand.New(rand.NewPCG(seed, 2)),
		wiki:   newWiki(t, newWikiSeed(seed, began)),
		portal: newPortal(t, seed),
	}
	t.Logf("the platforms have a history after %s", time.Since(began).Round(time.Second))

	for _, scenario := range []struct {
		name  string
		prove func(*testing.T, *intranet)
	}{
		{"each number equals SQL in the platform's database", numbersEqualSQL},
		{"people across platforms equal SQL in both databases", peopleEqualSQL},
		{"a second poll asks only for what is new", secondPollAsksForNews},
		{"SIGKILL in the middle of polls loses and doubles nothing", killsLoseNothing},
		{"accounts join, leave and return", accountsJoinLeaveReturn},
		{"a notification tells the action and is resolved", notificationTellsAction},
		{"faults of the wiki keep the numbers", wikiFaultsKeepNumbers},
		{"faults of the portal keep the numbers", portalFaultsKeepNumbers},
		{"a broken config file changes nothing", brokenConfigChangesNothing},
	} {
		// Those that mostly wait run at last and together; of these only one uses PostgreSQL, which it stops.
		t.Run(scenario.name, func(t *testing.T) { scenario.prove(t, i) })
	}
}

func numbersEqualSQL(t *testing.T, i *intranet) {
	e := newExporter(t, setup{wiki: i.wiki.serve(t), portal: i.portal.copy(t)})
	e.equalsTruth(t)

	m := e.scrape(t)
	for platform, measures := range map[string][]string{
		"wiki":   {"logins", "logged_in_users", "page_views", "active_users", "comments"}, // MediaWiki can't tell
		"portal": nil,
	} {
		for _, measure := range measures {
			for name := range m {
				if strings.HasPrefix(name, "intranet_"+measure+"{") && strings.Contains(name, fmt.Sprintf("platform=%q", platform)) {
					t.Errorf("%s is there, and the platform can't tell it", name)
				}
			}
		}
		if success, _ := m.of("intranet_collector_success", platform); success != 1 {
			t.Errorf("%s: success is %v, want 1", platform, success)
		}
		if at, behind := m.dataTime(platform), 10*time.Minute; time.Since(at) > behind || at.Unix()%300 != 0 {
			t.Errorf("%s: the data time is %s", platform, at)
		}
	}
}

func secondPollAsksForNews(t *testing.T, i *intranet) {
	w, p := i.wiki.serve(t), i.portal.copy(t)
	p.rows(t)
	e := newExporter(t, setup{wiki: w, portal: p})
	m := e.scrape(t)
	first := w.proxy.asked()
	if continued := count(first, func(q url.Values) bool { return q.Has("continue") }); continued < 4 {
		t.Errorf("only %d requests of the first poll continued another; the wiki is too small for this test", continued)
	}
	everything := p.number(t, `SELECT count(*) FROM users`) + p.number(t, `SELECT count(*) FROM logins WHERE at > now() - interval '28 days'`)/2
	if rows := p.rows(t); rows < everything {
		t.Errorf("the first poll read %v rows of the portal, want %v at least", rows, everything)
	}

	began := time.Now()
	e.polled(t)
	asked, rows := w.proxy.asked(), p.rows(t)
	polls := 1 + int(time.Since(began)/(10*time.Second))

	oldest := m.dataTime("wiki").Add(-time.Hour)
	for _, q := range asked {
		if q.Get("list") == "allusers" {
			t.Errorf("the accounts were listed again: %s", q.Encode())
		}
		for key, values := range q {
			if at, err := time.Parse(time.RFC3339, values[0]); err == nil && at.Before(oldest) {
				t.Errorf("%s asks for what is older than the overlap (%s)", key, oldest)
			}
		}
	}
	if most := 12 * polls; len(asked) == 0 || len(asked) > most {
		t.Errorf("%d requests in %d polls, want %d at most; the first poll needed %d", len(asked), polls, most, len(first))
	}

	news := 0.0
	for _, source := range []string{
		`logins WHERE ok AND channel IN ('web', 'mobile') AND at`, `page_views WHERE at`, `pages WHERE created`,
		`feed WHERE at`, `feed WHERE what = 'search' AND at`, // a search without result is told twice
	} {
		news += p.number(t, `SELECT count(*) FROM `+source+` BETWEEN $1 AND now()`, m.dataTime("portal").Add(-time.Hour))
	}
	// Besides, each poll plans every query, twice at least, and reads the numbers that the portal counts.
	if most := float64(polls) * (news + 200); rows == 0 || rows > most {
		t.Errorf("%v rows in %d polls, want %v at most; %v are new", rows, polls, most, news)
	}
}

func killsLoseNothing(t *testing.T, i *intranet) {
	s := setup{wiki: i.wiki.serve(t), portal: i.portal.copy(t), accountsInterval: 10 * time.Second}
	e := &exporter{setup: s, dir: t.TempDir()}
	e.configure(t)
	t.Cleanup(func() { e.leaksNothing(t) })
	for n := range 12 {
		if n%4 == 0 { // so that first polls are hit as well
			if err := os.RemoveAll(filepath.Join(e.dir, "data")); err != nil {
				t.Fatal(err)
			}
		}
		e.start(t)
		life := time.Duration(i.random.Int64N(int64(4 * time.Second)))
		time.Sleep(life) // the moment is the point
		m := e.scrape(t)
		e.kill()
		// Whatever it shows in between, from a first poll or from its state, is whole.
		for _, platform := range e.platforms() {
			shown := m.measures(platform)
			if len(shown) == 0 {
				continue
			}
			truth := e.truth(t, platform, m.dataTime(platform))
			for name := range truth {
				if _, ok := shown[name]; !ok {
					delete(truth, name) // not reached yet
				}
			}
			for _, difference := range differences(shown, truth) {
				t.Errorf("%s, killed after %s: %s", platform, life, difference)
			}
		}
	}
	e.start(t)
	e.polled(t)
	e.equalsTruth(t)
}

func notificationTellsAction(t *testing.T, i *intranet) {
	t.Parallel()
	w := i.wiki.serve(t)
	limit := int(w.truth(t, time.Now())[`intranet_pages_created{window="7d"}`]) + 5
	e := newExporter(t, setup{wiki: w, limit: limit, accountsInterval: 10 * time.Second})
	m := newMonitoring(t, e)

	const kpi = `{kpi="pages_created_weekly"}`
	eventually(t, time.Minute, func() error {
		values, err := m.query(`intranet_kpi_value` + kpi + ` < on (job, kpi) intranet_kpi_threshold` + kpi)
		if err == nil && len(values) != 1 {
			err = fmt.Errorf("Prometheus knows of no value below the limit: %v", values)
		}
		return err
	})
	const action = "Editors' round: ask three departments for one page each."
	for _, status := range []string{"firing", "resolved"} {
		if status == "resolved" {
			at := time.Now().Add(-20 * time.Minute).UTC().Truncate(time.Second)
			var pages []wikiPage
			for n := range 10 {
				pages = append(pages, wikiPage{title: fmt.Sprintf("%s of the round %d", titleWord, n), revisions: []revision{{at, person(1), "News."}}})
			}
			w.importPages(t, pages)
		}
		eventually(t, 90*time.Second, func() error { return m.arrived(status, action) })
	}
	e.listed(t)
	e.equalsTruth(t)

	for _, letter := range m.mails.all() {
		e.said = append(e.said, letter.subject, letter.body)
	}
	for _, n := range m.hooks.all() {
		e.said = append(e.said, n.raw)
	}
}

// arrived tells whether the alert on created pages came as mail and by webhook.
func (m *monitoring) arrived(status, action string) error {
	byHook, byMail := fmt.Errorf("no webhook says %s", status), fmt.Errorf("no mail says %s", status)
	for _, n := range m.hooks.all() {
		for _, a := range n.Alerts {
			if a.Status == status && a.Labels["kpi"] == "pages_created_weekly" && a.Labels["severity"] == "warning" {
				byHook = contains(n.raw, strings.Split(action, ":")[1])
			}
		}
	}
	for _, letter := range m.mails.all() {
		switch ended := strings.HasPrefix(letter.subject, "Ended: "); {
		case !strings.Contains(letter.subject, "Pages created per week") || ended != (status == "resolved"):
		case ended:
			byMail = nil
		default:
			byMail = contains(letter.body, strings.Split(action, ":")[1], "Colleagues share what they know", "communications")
		}
	}
	if byHook != nil {
		return byHook
	}
	return byMail
}

// A fault is something that goes wrong on a platform between two polls.
type fault struct {
	name   string
	cause  string
	happen func()
	repair func() // nil = the next poll believes what this one doubted
}

// keepsNumbers proves that a fault gives success 0 with its cause, in two polls unless it repairs itself,
// leaves every number as it was, and is over when it is repaired.
func (e *exporter) keepsNumbers(t *testing.T, platform string, f fault) {
	t.Run(f.name, func(t *testing.T) {
		errorsOf := func(m metrics) float64 {
			n, _ := m.of("intranet_collector_errors_total", platform, fmt.Sprintf("cause=%q", f.cause))
			return n
		}
		before := e.scrape(t)
		most := errorsOf(before) + 1
		if f.repair != nil {
			most++
		}
		f.happen()
		eventually(t, time.Minute, func() error {
			m := e.scrape(t)
			success, _ := m.of("intranet_collector_success", platform)
			if success == 1 {
				before = m
			}
			for _, difference := range differences(m.measures(platform), before.measures(platform)) {
				t.Errorf("after the fault: %s", difference)
			}
			if n := errorsOf(m); success != 0 || n < most {
				return fmt.Errorf("success is %v, %v errors have the cause %s, want %v; the log ends:\n%s", success, n, f.cause, most, tail(e.runs[len(e.runs)-1].log, 5))
			}
			return nil
		})
		if f.repair != nil {
			f.repair()
		}
		e.polledSince(t, platform, time.Now())
		e.equalsTruth(t)
	})
}

func wikiFaultsKeepNumbers(t *testing.T, i *intranet) {
	t.Parallel()
	w := i.wiki.serve(t)
	e := newExporter(t, setup{wiki: w})
	e.equalsTruth(t)

	const private = `$wgGroupPermissions['*']['read'] = $wgGroupPermissions['user']['read'] = false;`
	var undo func()
	t.Run("a private wiki that its account may read", func(t *testing.T) {
		undo = w.settings(t, private)
		e.polled(t)
		e.equalsTruth(t)
		undo()
	})
	e.keepsNumbers(t, "wiki", fault{"wiki made private", "permission",
		func() { undo = w.settings(t, private+` $wgGroupPermissions['exporter']['read'] = false;`) }, func() { undo() }})
	e.keepsNumbers(t, "wiki", fault{"account removed from its group", "permission", func() {
		undo = w.settings(t, private)
		w.sql(t, `DELETE FROM user_groups WHERE ug_group = 'exporter'`)
		w.sql(t, `UPDATE user SET user_touched = '20990101000000' WHERE user_name = '`+exporterAccount+`'`)
	}, func() { undo() }})
	e.keepsNumbers(t, "wiki", fault{"bot password changed", "auth",
		func() { w.changePassword(t) }, func() { e.configure(t) }})
	e.keepsNumbers(t, "wiki", fault{"server out of order", "unavailable",
		func() { undo = w.settings(t, `http_response_code( 503 ); die( 'maintenance by Bruggeling' );`) }, func() { undo() }})
	e.keepsNumbers(t, "wiki", fault{"a page where an answer should be", "bad_response",
		func() { undo = w.settings(t, `die( '<html>Sign in, Bruggeling</html>' );`) }, func() { undo() }})
}

func portalFaultsKeepNumbers(t *testing.T, i *intranet) {
	t.Parallel()
	p := i.portal.copy(t)
	e := newExporter(t, setup{portal: p})
	e.equalsTruth(t)

	do := func(statement string) func() { return func() { p.exec(t, p.db, statement) } }
	e.keepsNumbers(t, "portal", fault{"right to read the logins revoked", "permission",
		do(`REVOKE SELECT ON logins FROM reader`), do(`GRANT SELECT ON logins TO reader`)})
	e.keepsNumbers(t, "portal", fault{"rows hidden by a policy", "permission",
		do(`ALTER TABLE logins ENABLE ROW LEVEL SECURITY`), do(`ALTER TABLE logins DISABLE ROW LEVEL SECURITY`)})
	e.keepsNumbers(t, "portal", fault{"password changed", "auth",
		func() { p.changePassword(t) }, func() { p.tellPassword(t) }})
	e.keepsNumbers(t, "portal", fault{"column renamed", "bad_response",
		do(`ALTER TABLE feed RENAME what TO kind`), do(`ALTER TABLE feed RENAME kind TO what`)})
	e.keepsNumbers(t, "portal", fault{"PostgreSQL stopped", "unavailable",
		func() { p.server.stop(syscall.SIGINT) }, p.restart})
}

func accountsJoinLeaveReturn(t *testing.T, i *intranet) {
	w, p := i.wiki.serve(t), i.portal.copy(t)
	e := newExporter(t, setup{wiki: w, portal: p, accountsInterval: 10 * time.Second})
	check := func(what string, change func()) {
		t.Run(what, func(t *testing.T) {
			change()
			e.listed(t)
			e.equalsTruth(t)
		})
	}
	// What a guest did stays uncounted when the guest's account is gone, and SQL could not tell it any more.
	const people = `kind = 'employee' AND login LIKE 'u%'`
	ago := time.Now().Add(-30 * time.Minute).UTC().Truncate(time.Second)
	check("join", func() {
		p.exec(t, p.db, `INSERT INTO users SELECT 200000 + i, 'new.' || i, '', 'employee', true, now() FROM generate_series(1, 100) i`)
		p.exec(t, p.db, `INSERT INTO logins SELECT now() - interval '30 minutes', 200000 + i % 120, 'web', true FROM generate_series(1, 300) i`)
		w.createAccounts(t, wikiAccount{Name: "Newcomer Oeverzwaluw", Registered: "20261101000000", Groups: []string{}})
		w.importPages(t, []wikiPage{{title: titleWord + " of the newcomer", revisions: []revision{{ago, "Newcomer Oeverzwaluw", "Hello."}}}})
	})
	check("leave", func() {
		p.exec(t, p.db, `CREATE TABLE left_users AS SELECT * FROM users WHERE id % 7 = 0 AND `+people)
		p.exec(t, p.db, `DELETE FROM users WHERE id % 7 = 0 AND `+people)
		p.exec(t, p.db, `UPDATE users SET active = false WHERE id % 11 = 0`)
		w.sql(t, `INSERT INTO ipblocks (ipb_address, ipb_user, ipb_by_actor, ipb_reason_id, ipb_timestamp, ipb_auto, ipb_anon_only, ipb_create_account,
			ipb_enable_autoblock, ipb_expiry, ipb_range_start, ipb_range_end, ipb_sitewide)
			SELECT user_name, user_id, 1, 1, '20261101000000', 0, 0, 1, 1, 'infinity', '', '', 1 FROM user WHERE user_name LIKE 'Newcomer %'`)
	})
	check("return", func() {
		p.exec(t, p.db, `INSERT INTO users SELECT * FROM left_users`)
		p.exec(t, p.db, `UPDATE users SET active = true WHERE id % 11 = 0`)
		w.sql(t, `DELETE FROM ipblocks WHERE ipb_user = (SELECT user_id FROM user WHERE user_name LIKE 'Newcomer %')`)
	})
	e.keepsNumbers(t, "portal", fault{"more than half of the accounts gone", "bad_response",
		func() { p.exec(t, p.db, `DELETE FROM users WHERE id % 10 > 2 AND `+people) }, nil})
}

func brokenConfigChangesNothing(t *testing.T, i *intranet) {
	t.Parallel()
	e := newExporter(t, setup{wiki: i.wiki.serve(t), limit: 1})
	breached := func(want float64) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			name := `intranet_kpi_breached{condition="below",kpi="pages_created_weekly",kpi_owner="communications",objective="knowledge_sharing",platform="wiki",severity="warning"}`
			if got, ok := e.scrape(t)[name]; !ok || got != want {
				return fmt.Errorf("%s is %v, want %v", name, got, want)
			}
			return nil
		})
	}
	breached(0)
	before := e.scrape(t)

	good := read(t, e.config)
	write(t, strings.Replace(good, "sustain: 0s", "sustained: 0s", 1), e.config)
	err := e.reload()
	if err == nil {
		t.Fatal("a broken file was loaded")
	}
	if err := contains(err.Error(), "intranet.yml:", "sustained", "sustain"); err != nil {
		t.Error(err)
	}
	m := e.scrape(t)
	if m["intranet_config_last_reload_successful"] != 0 {
		t.Error("intranet_config_last_reload_successful is not 0")
	}
	for _, difference := range differences(m.measures("wiki"), before.measures("wiki")) {
		t.Errorf("after the broken file: %s", difference)
	}
	e.polled(t)
	e.equalsTruth(t)

	e.limit = 1000000
	e.configure(t)
	if err := e.reload(); err != nil {
		t.Fatal(err)
	}
	breached(1)
	if m := e.scrape(t); m["intranet_config_last_reload_successful"] != 1 {
		t.Error("intranet_config_last_reload_successful is not 1")
	}
	e.equalsTruth(t)
}

func count[T any](all []T, is func(T) bool) (n int) {
	for _, x := range all {
		if is(x) {
			n++
		}
	}
	return n
}
