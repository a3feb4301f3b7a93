package collector

import (
	"context"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fromYAML decodes strictly, as the config file is read.
func fromYAML(text string) func(any) error {
	return func(v any) error {
		d := yaml.NewDecoder(strings.NewReader(text))
		d.KnownFields(true)
		return d.Decode(v)
	}
}

func readTestdata(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "sql", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// goldenSQL compares got with a file of testdata/sql, as JSON.
func goldenSQL(t *testing.T, name string, got any) {
	t.Helper()
	b, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	need.Golden(t, *update, filepath.Join("testdata", "sql", name), append(b, '\n'))
}

func TestSQLKeys(t *testing.T) {
	const login = "events: {login: 'SELECT at, who AS account FROM logins WHERE at >= $1 AND at < $2'}\n"
	for _, test := range []struct {
		name, keys string
		profile    []string
		want       string // the key and the message of each problem
	}{
		{"nothing", "driver:", nil, "" +
			"driver: is not a driver (drivers: mariadb, postgres, sqlite)\n" +
			"dsn_file: is missing; write the name of the file that holds the connection string\n" +
			"events: there is no query; write at least one under accounts, events or readings"},
		{"driver", "driver: mysql\ndsn_file: x\n" + login, nil, `driver: is not a driver (drivers: mariadb, postgres, sqlite)`},
		{"zone of postgres", "time_zone: Asia/Tokyo\n" + login, nil, "time_zone: is not for driver postgres; say in the query AT TIME ZONE"},
		{"zone", "driver: sqlite\ndsn_file: x\ntime_zone: Europe/Amsterdm\n" + login, nil,
			`time_zone: is not a time zone; write a name such as Europe/Amsterdam or UTC`},
		{"zone of the machine", "driver: mariadb\ndsn_file: x\ntime_zone: Local\n" + login, nil,
			`time_zone: is not a time zone; write a name such as Europe/Amsterdam or UTC`},
		{"no timeout", "driver: postgres\ndsn_file: x\nstatement_timeout: 0s\n" + login, nil, "statement_timeout: must be longer than 0"},
		{"kind", "events: {logn: SELECT 1}", nil,
			"events: has an unknown kind of event (known kinds: login, page_view, page_created, page_edit, comment, reaction, search, search_without_result)"},
		{"empty query", "accounts: ' -- nothing '\nevents: {login: }\nreadings: [{measure: pages}]", nil, "" +
			"accounts: is missing; write a query\nevents.login: is missing; write a query\nreadings[0].query: is missing; write a query"},
		{"no SELECT", "accounts: DELETE FROM users", nil, "accounts: must begin with SELECT or WITH"},
		{"two statements", "accounts: SELECT 1 AS id; DELETE FROM users", nil, "accounts: must be one statement"},
		{"no bounds", "events: {login: SELECT at FROM logins WHERE at >= $1}", nil,
			"events.login: must say at >= $1 AND at < $2, so that it returns what is asked for"},
		{"bounds in a comment and in a text", "events: {login: \"SELECT at /* $1 */, '$2' AS account FROM logins -- $2\"}", nil,
			"events.login: must say at >= $1 AND at < $2, so that it returns what is asked for"},
		{"a third bound", "events: {login: 'SELECT at FROM logins WHERE at >= $1 AND at < $2 AND $3'}", nil,
			"events.login: there is no $3; only queries under events get bounds, and they are $1 and $2"},
		{"bounds elsewhere", "accounts: SELECT id FROM users WHERE since < $1", nil,
			"accounts: there is no $1; only queries under events get bounds, and they are $1 and $2"},
		{"profile field", "accounts: SELECT id, a AS \"profile.phone\", b AS \"profile.about\" FROM users", []string{"about", "fax"},
			"profile.fields[1]: the query under accounts gives no such column (its fields: phone, about)"},
		{"profile field without accounts", login, []string{"fax"},
			"profile.fields[0]: the query under accounts gives no such column (its fields: none)"},
		{"measure", "readings: [{measure: page, query: SELECT 1 AS value}]", nil,
			"readings[0].measure: unknown measure (known measures: " + measure.Names() + ")"},
		{"a measure with a label", "readings: [{measure: accounts_excluded, query: SELECT 1 AS value}]", nil,
			"readings[0].measure: accounts_excluded has one number per reason, and a reading is one number"},
		{"a measure of all platforms", "readings: [{measure: people, query: SELECT 1 AS value}]", nil,
			"readings[0].measure: people is counted over all platforms together, by the exporter"},
		{"window missing", "readings: [{measure: logins, query: SELECT 1 AS value}]", nil,
			"readings[0].window: is missing; write over how many days the query counts, such as 7d"},
		{"window of a moment", "readings: [{measure: pages, window: 7d, query: SELECT 1 AS value}]", nil,
			"readings[0].window: pages is of one moment; leave window out"},
		{"window wrong", "readings: [{measure: logins, window: 24h, query: SELECT 1 AS value}]", nil,
			"readings[0].window: is not a window; write a number of days such as 7d"},
		{"custom without a name", "readings: [{measure: custom, title: A, unit: points, query: SELECT 1 AS value}]", nil,
			"readings[0].name: custom needs a name of small letters, digits and _, with which a KPI writes custom.<name>"},
		{"a site without a name", "readings: [{measure: site_visitors, window: 7d, query: SELECT 1 AS value}]", nil,
			"readings[0].name: site_visitors needs a name of small letters, digits and _, with which a KPI writes site_visitors.<site>"},
		{"a site with a title", "readings: [{measure: site_visitors, name: news, title: News, window: 7d, query: SELECT 1 AS value}]", nil,
			"readings[0]: title and unit are for measure: custom; site_visitors has its own"},
		{"two sites", "readings: [{measure: site_visitors, name: news, window: 7d, query: SELECT 1 AS value}, {measure: site_visitors, name: help, window: 7d, query: SELECT 1 AS value}]", nil, ""},
		{"a site twice", "readings: [{measure: site_visitors, name: news, window: 7d, query: SELECT 1 AS value}, {measure: site_visitors, name: news, window: 7d, query: SELECT 2 AS value}]", nil,
			"readings[1].measure: site_visitors.news over 7d is told by readings[0] already; remove one of the two"},
		{"custom without a unit", "readings: [{measure: custom, name: a, title: A, query: SELECT 1 AS value}]", nil,
			"readings[0]: a custom measure needs a title and a unit"},
		{"custom with a window", "readings: [{measure: custom, name: a, title: A, unit: b, window: 7d, query: SELECT 1 AS value}]", nil,
			"readings[0].window: a custom measure has no window; say it in the name, such as calls_7d"},
		{"a title from elsewhere", "readings: [{measure: pages, title: Pages, query: SELECT 1 AS value}]", nil,
			"readings[0]: title and unit are for measure: custom; pages has its own"},
		{"a name from elsewhere", "readings: [{measure: pages, name: all, query: SELECT 1 AS value}]", nil,
			"readings[0].name: pages is one number and has no name"},
		{"twice", "readings: [{measure: pages, query: SELECT 1 AS value}, {measure: pages, query: SELECT 1 AS value}]", nil,
			"readings[1].measure: pages is told by readings[0] already; remove one of the two"},
		{"told by events", login + "readings: [{measure: logged_in_users, window: 7d, query: SELECT 1 AS value}]", nil,
			"readings[0].measure: logged_in_users over 7d is told by events.login already; remove one of the two"},
		{"told by accounts", "accounts: SELECT id FROM users\nreadings: [{measure: accounts, query: SELECT 1 AS value}]", nil,
			"readings[0].measure: accounts is told by accounts already; remove one of the two"},
		{"a window that events don't have", login + "readings: [{measure: logins, window: 30d, query: SELECT 1 AS value}]", nil, ""},
		{"the same measure, two windows", "readings: [{measure: logins, window: 7d, query: SELECT 1 AS value}, {measure: logins, window: 30d, query: SELECT 1 AS value}]", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(test.keys, "driver") {
				test.keys = "driver: postgres\ndsn_file: x\n" + test.keys
			}
			_, err := newSQL(fromYAML(test.keys), Options{Profile: test.profile})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("problems:\n%s\nwant:\n%s", got, test.want)
			}
			checkKeyErrors(t, err)
		})
	}
}

// checkKeyErrors looks at whether each problem names its key, so that the config file's line is found.
func checkKeyErrors(t *testing.T, err error) {
	t.Helper()
	var joined interface{ Unwrap() []error }
	var problem *KeyError
	switch {
	case errors.As(err, &joined):
		for _, err := range joined.Unwrap() {
			checkKeyErrors(t, err)
		}
	case err != nil && !errors.As(err, &problem):
		t.Errorf("not a KeyError: %v", err)
	}
}

func TestSQLUnknownKey(t *testing.T) {
	_, err := newSQL(fromYAML("driver: postgres\nquery: SELECT 1"), Options{})
	if err == nil || !strings.Contains(err.Error(), "field query not found") {
		t.Errorf("the error of decode is not handed on: %v", err)
	}
}

// TestSQLDescribe holds what the portal of the documentation delivers.
func TestSQLDescribe(t *testing.T) {
	c := portal(t, "")
	d := c.Describe()
	goldenSQL(t, "portal.description.json", d)
	same := portal(t, "", "30 days", "31 days", "retention: 365d", "retention: 1y")
	if same.Describe().Definition != d.Definition {
		t.Error("a changed reading or retention starts a re-read")
	}
	for _, change := range [][2]string{{"portal.dsn", "other.dsn"}, {"AND success\n", "\n"}, {"u.login AS name", "u.email AS name"}, {"  page_view:", "  search:"}} {
		if portal(t, "", change[0], change[1]).Describe().Definition == d.Definition {
			t.Errorf("%q for %q starts no re-read", change[1], change[0])
		}
	}
}

// TestSQLDocumentation holds that the documentation's example is the portal that is tested here.
func TestSQLDocumentation(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "collectors", "sql.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	var documented struct {
		Platforms []map[string]any `yaml:"platforms"`
	}
	var tested map[string]any
	if err := errors.Join(fromYAML(example)(&documented), fromYAML(readTestdata(t, "portal.yml"))(&tested)); err != nil {
		t.Fatal(err)
	}
	tested["name"], tested["type"], tested["dsn_file"] = "portal", "sql", "/etc/intranet_exporter/portal.dsn"
	if diff := cmp.Diff([]map[string]any{tested}, documented.Platforms); diff != "" {
		t.Errorf("docs/collectors/sql.md (-tested +documented):\n%s", diff)
	}
}

// TestSQLProfile chooses fields, and changes their order.
func TestSQLProfile(t *testing.T) {
	f := newFakePostgres(t)
	f.answer = func(b *pgproto3.Backend, _ string) bool {
		columns(b, "id:25", "profile.a:16", "profile.b:16", "profile.c:16")
		row(b, "1", "t", "f", "t")
		row(b, "2", "f", "NULL", "t")
		return true
	}
	const query = `accounts: SELECT id, a <> '' AS "profile.a", b <> '' AS "profile.b", c <> '' AS "profile.c" FROM users`
	for _, test := range []struct {
		wanted, fields []string
		filled         [][]bool
	}{
		{nil, []string{"a", "b", "c"}, [][]bool{{true, false, true}, {false, false, true}}},
		{[]string{"c", "a"}, []string{"c", "a"}, [][]bool{{true, true}, {true, false}}},
	} {
		c, err := newSQL(fromYAML("driver: postgres\ndsn_file: portal.dsn\n"+query), Options{Dir: dsnFolder(t, f.dsn), Profile: test.wanted})
		if err != nil {
			t.Fatal(err)
		}
		var filled [][]bool
		checkError(t, c.Accounts(t.Context(), func(a Account) { filled = append(filled, a.Filled) }), "", "")
		if diff := cmp.Diff(test.filled, filled); diff != "" {
			t.Errorf("filled (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(test.fields, c.Describe().Accounts.Profile); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
	}
}

// TestSQLNames holds when it is known that no names will come.
func TestSQLNames(t *testing.T) {
	for query, nameless := range map[string]bool{
		"SELECT id, login AS name FROM users": false,
		"SELECT id, login FROM users":         true,
		"SELECT * FROM kpi.users":             false, // nobody can say
	} {
		c, err := newSQL(fromYAML("driver: postgres\ndsn_file: portal.dsn\naccounts: "+query+"\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Describe().Accounts.Nameless; got != nameless {
			t.Errorf("%s: nameless %t, want %t", query, got, nameless)
		}
	}
}

// TestSQLIDs holds that accounts and events write the same id in the same way, whatever its type.
func TestSQLIDs(t *testing.T) {
	for _, test := range []struct{ oid, sent, id string }{
		{"23", "7", "7"}, {"20", "-7", "-7"}, {"21", "7", "7"}, {"25", " a ", " a "}, {"1043", "é", "é"},
		{"1042", "a    ", "a"}, // char(5) is padded, and equal to varchar without
		{"2950", "0cc175b9-c0f1-b6a8-31c3-99e269772661", "0cc175b9-c0f1-b6a8-31c3-99e269772661"},
		{"16999", "an enum", "an enum"},
	} {
		f := newFakePostgres(t)
		f.answer = func(b *pgproto3.Backend, _ string) bool {
			columns(b, "id:"+test.oid)
			row(b, test.sent)
			return true
		}
		var ids []string
		checkError(t, makeSQL(t, f.dsn, "accounts: SELECT id FROM users").Accounts(t.Context(), func(a Account) { ids = append(ids, a.ID) }), "", "")
		if diff := cmp.Diff([]string{test.id}, ids); diff != "" {
			t.Errorf("type %s (-want +got):\n%s", test.oid, diff)
		}
	}
}

// TestSQLReadings is about when a reading is of, and which are read without the listing.
func TestSQLReadings(t *testing.T) {
	now := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	f := newFakePostgres(t)
	f.answer = func(b *pgproto3.Backend, query string) bool {
		columns(b, "value:20", "as_of:1184")
		switch {
		case strings.Contains(query, "early"):
			row(b, "1", "2026-03-10 07:00:00+01")
		case strings.Contains(query, "late"):
			row(b, "2", "2026-03-10 10:00:00+00") // a clock that is ahead
		default:
			row(b, "3", "2026-03-10 09:00:00+00")
		}
		return true
	}
	c := makeSQL(t, f.dsn, `readings:
- {measure: pages, query: SELECT early}
- {measure: logins, window: 30d, query: SELECT late}
- {measure: custom, name: calls, title: Calls, unit: calls, query: SELECT full, full: true}`).(*sqlCollector)
	c.now = func() time.Time { return now }
	early := Reading{Ref: measure.Ref{Measure: "pages"}, Value: 1, AsOf: time.Date(2026, 3, 10, 6, 0, 0, 0, time.UTC)}
	late := Reading{Ref: measure.Ref{Measure: "logins", Window: measure.Window(30 * 24 * time.Hour)}, Value: 2, AsOf: now}
	calls := Reading{Ref: measure.Ref{Measure: "custom", Label: "calls"}, Value: 3, AsOf: now}
	for full, want := range map[bool][]Reading{false: {early, late}, true: {early, late, calls}} {
		var got []Reading
		checkError(t, c.Readings(t.Context(), full, func(r Reading) { r.AsOf = r.AsOf.UTC(); got = append(got, r) }), "", "")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("full %t (-want +got):\n%s", full, diff)
		}
	}
}

// TestSQLReadingsStop holds that a reading which fails does not stop the others, unless they must fail too.
func TestSQLReadingsStop(t *testing.T) {
	const keys = "readings: [{measure: pages, query: SELECT 1}, {measure: pages_stale, query: SELECT 2}]"
	lost := ": the connection was lost, or PostgreSQL with these settings would answer otherwise"
	both := []string{"SELECT 1", "SELECT 2"}
	for _, test := range []struct {
		name    string
		error   *pgproto3.ErrorResponse
		cancel  bool
		cause   cause.Cause
		want    string
		queries []string
	}{
		{"a table is missing", pgError("42P01", "", 0), false, cause.BadResponse, "readings.pages: a table or view is not there, or the user may not use its schema (SQLSTATE 42P01)\n" +
			"readings.pages_stale: a table or view is not there, or the user may not use its schema (SQLSTATE 42P01)", both},
		{"timeout", pgError("57014", "", 0), false, cause.Timeout, "readings.pages: the query was cancelled, most likely because it ran longer than statement_timeout (SQLSTATE 57014)\n" +
			"readings.pages_stale: the query was cancelled, most likely because it ran longer than statement_timeout (SQLSTATE 57014)", both},
		{"lost", nil, false, cause.Unavailable, "readings.pages" + lost, both[:1]},
		{"our time is up", nil, true, cause.Other, "readings.pages: context canceled", both[:1]},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f := newFakePostgres(t)
			f.answer = func(b *pgproto3.Backend, _ string) bool {
				if test.cancel {
					cancel()
					_, _ = b.Receive() // until the collector hangs up
					return false
				}
				if test.error != nil {
					b.Send(test.error)
				}
				return test.error != nil
			}
			checkError(t, makeSQL(t, f.dsn, keys).Readings(ctx, true, func(Reading) { t.Error("a reading was told") }), test.cause, test.want)
			if diff := cmp.Diff(test.queries, f.queries); diff != "" {
				t.Errorf("queries (-want +got):\n%s", diff)
			}
			if got := f.startup["application_name"]; got != "intranet_exporter" {
				t.Errorf("application_name %q", got)
			}
		})
	}
}

func TestSelectList(t *testing.T) {
	for _, test := range []struct {
		query string
		want  []string
	}{
		{"SELECT id, u.Login, u.last_login FROM users u", []string{"id", "login", "last_login"}},
		{"SELECT id, last_login AS last_active FROM users", []string{"id", "last_active"}},
		{"SELECT id, (SELECT max(at) AS last_login FROM logins) AS last_active FROM users", []string{"id", "last_active"}},
		{"WITH l AS (SELECT who, last_login FROM x) SELECT id, phone <> '' AS \"profile.phone\" FROM l", []string{"id", "profile.phone"}},
		{"SELECT id -- , last_login\n, a /* AS last_login, */ FROM users", []string{"id", "a"}},
		{"SELECT id, 'x, last_login' AS name, E'it\\', last_login' AS identity FROM users", []string{"id", "name", "identity"}},
		{"SELECT id, $$, last_login$$ AS name FROM users ORDER BY last_login", []string{"id", "name"}},
		{"SELECT DISTINCT ON (id) id, last_login::timestamptz FROM users", []string{"id", "last_login"}},
		{"SELECT id, a IS DISTINCT FROM b AS enabled, seen AT TIME ZONE 'UTC' AS last_active FROM users", []string{"id", "enabled", "last_active"}},
		{"SELECT id, extract(epoch FROM last_login) AS x FROM users", []string{"id", "x"}},
		{"SELECT u.*, last_login FROM users u", []string{"*", "last_login"}},
		{"SELECT id, max(at) last_login FROM users GROUP BY id", []string{"id", "last_login"}},
		{"SELECT 1 AS id, true AS enabled UNION ALL SELECT 2, false", []string{"id", "enabled", "false"}},
		{"", nil},
	} {
		if diff := cmp.Diff(test.want, postgresDriver.selectList(test.query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.query, diff)
		}
	}
}

// A fakePostgres speaks PostgreSQL's protocol on a free port of the loopback interface.
type fakePostgres struct {
	dsn string
	// refuse, when set, ends each connection before it can be used.
	refuse *pgproto3.ErrorResponse
	// answer sends what a query of the configuration results in; false ends the connection there.
	answer func(b *pgproto3.Backend, query string) bool

	front *front // which counts connections, queries of the configuration, and their plans

	mu      sync.Mutex
	startup map[string]string // parameters of the last connection
	queries []string          // of the configuration, as they came
	bounds  []time.Time       // of the last of them
	cancels map[uint32]int    // how many were to be cancelled, by process
}

// process is the id of the server process behind a connection: who cancels a query of one means no other.
func process(conn net.Conn) uint32 { return uint32(conn.RemoteAddr().(*net.TCPAddr).Port) }

// set changes what the server does from now on.
func (f *fakePostgres) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func newFakePostgres(t *testing.T) *fakePostgres {
	t.Helper()
	f := &fakePostgres{front: &front{}, cancels: map[uint32]int{}}
	f.dsn = fmt.Sprintf("postgres://jan.jansen:hunter2@%s/staff?sslmode=disable", need.Listen(t, f.serve))
	return f
}

func (f *fakePostgres) serve(conn net.Conn) {
	b := pgproto3.NewBackend(conn, conn)
	message, err := b.ReceiveStartupMessage()
	if err != nil {
		return
	}
	var refuse *pgproto3.ErrorResponse
	switch m := message.(type) {
	case *pgproto3.CancelRequest:
		f.set(func() { f.cancels[m.ProcessID]++ })
		return
	case *pgproto3.StartupMessage:
		f.set(func() { f.startup, refuse = m.Parameters, f.refuse })
	}
	if met, alive := f.meet(conn, b, ""); met && !alive {
		_ = b.Flush()
		return
	}
	if refuse != nil {
		b.Send(refuse)
		_ = b.Flush()
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	b.Send(&pgproto3.BackendKeyData{ProcessID: process(conn), SecretKey: []byte("1234")})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	query, status := "", byte('I')
	for b.Flush() == nil {
		message, err := b.Receive()
		if err != nil {
			return
		}
		switch m := message.(type) {
		case *pgproto3.Query: // begin, rollback, ping, and what is planned without bounds
			switch word, _, _ := strings.Cut(m.String, " "); word {
			case "begin":
				status = 'T'
			case "rollback":
				status = 'I'
			}
			if strings.HasPrefix(m.String, "EXPLAIN ") {
				if met, alive := f.meet(conn, b, m.String); met && !alive {
					_ = b.Flush()
					return
				}
			}
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("OK")})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: status})
		case *pgproto3.Parse:
			query = m.Query
		case *pgproto3.Bind:
			f.set(func() { f.bounds = moments(m) })
		case *pgproto3.Sync:
			if !f.execute(conn, b, query) {
				_ = b.Flush()
				return
			}
			b.Send(&pgproto3.ReadyForQuery{TxStatus: status})
		}
	}
}

// meet has the front's fault happen to a query, "" = a connection that is being opened, if it is its turn.
func (f *fakePostgres) meet(conn net.Conn, b *pgproto3.Backend, query string) (met, alive bool) {
	fault, turn := f.front.next()
	if !turn {
		return false, true
	}
	q := postgresQuery{Backend: b, conn: conn, about: "connect", custom: strings.Contains(query, "avg(")}
	if query != "" {
		q.about = about(query)
	}
	before := 0
	f.set(func() { q.bounds, before = f.bounds, f.cancels[process(conn)] })
	q.cancelled = func() (yes bool) {
		f.set(func() { yes = f.cancels[process(conn)] > before })
		return yes
	}
	f.front.note(1) // before the client can know
	if met, alive = fault.postgres(q); !met {
		f.front.note(-1)
	}
	return met, alive
}

func (f *fakePostgres) execute(conn net.Conn, b *pgproto3.Backend, query string) bool {
	b.Send(&pgproto3.ParseComplete{})
	b.Send(&pgproto3.BindComplete{})
	isSetting := strings.Contains(query, "set_config(")
	if !isSetting {
		if met, alive := f.meet(conn, b, query); met {
			return alive
		}
	}
	switch {
	case isSetting:
		b.Send(&pgproto3.NoData{})
	case strings.HasPrefix(query, "EXPLAIN "):
		columns(b, "QUERY PLAN:25")
	default:
		f.set(func() { f.queries = append(f.queries, query) })
		if !f.answer(b, query) {
			return false
		}
	}
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT")})
	return true
}

// moments are the values of parameters that are times.
func moments(bind *pgproto3.Bind) []time.Time {
	all, types := make([]time.Time, len(bind.Parameters)), pgtype.NewMap()
	for i, value := range bind.Parameters {
		_ = types.Scan(pgtype.TimestamptzOID, bind.ParameterFormatCodes[i], value, &all[i])
	}
	return all
}

// columns announces columns, each as name:oid.
func columns(b *pgproto3.Backend, all ...string) {
	d := &pgproto3.RowDescription{}
	for _, c := range all {
		name, oid, _ := strings.Cut(c, ":")
		n, _ := strconv.Atoi(oid)
		d.Fields = append(d.Fields, pgproto3.FieldDescription{Name: []byte(name), DataTypeOID: uint32(n)})
	}
	b.Send(d)
}

// row sends one row; NULL is NULL.
func row(b *pgproto3.Backend, values ...string) {
	r := &pgproto3.DataRow{}
	for _, v := range values {
		if v == "NULL" {
			r.Values = append(r.Values, nil)
		} else {
			r.Values = append(r.Values, []byte(v))
		}
	}
	b.Send(r)
}

// startSQL starts the portal of testdata/sql/portal.yml, in which something happens every 17 minutes.
func startSQL(t *testing.T, timeout time.Duration) *platform {
	f := newFakePostgres(t)
	f.answer = func(b *pgproto3.Backend, query string) bool {
		switch {
		case strings.Contains(query, "$1"):
			columns(b, "at:1184", "account:23")
			for at := from; at.Before(to); at = at.Add(17 * time.Minute) {
				if !at.Before(f.bounds[0]) && at.Before(f.bounds[1]) {
					row(b, at.Format("2006-01-02 15:04:05-07"), "7")
				}
			}
		case strings.Contains(query, "FROM users"):
			columns(b, "id:23", "name:25", "identity:25", "kind:25", "enabled:16", "last_login:1184", "last_active:1184", "profile.phone:16", "profile.about:16")
			row(b, "7", "Ada Jansen", "ada@example.org", "employee", "t", "2026-03-10 08:00:00+00", "NULL", "t", "NULL")
			row(b, "8", "Bob Jansen", "bob@example.org", "guest", "f", "NULL", "NULL", "f", "t")
		default:
			columns(b, "value:20")
			row(b, "3")
		}
		return true
	}
	return &platform{
		collector: portal(t, f.dsn, "driver: postgres", fmt.Sprintf("driver: postgres\nstatement_timeout: %dms", timeout.Milliseconds())),
		from:      from, to: to,
		secrets: []string{"ansen", "hunter2", "staff", "127.0.0.1", "example.org", "SELECT"},
		front:   f.front,
		faults:  sqlFaults,
	}
}

// What no error may hold.
var secrets = regexp.MustCompile(`(?i)jansen|hunter2|staff|127\.0\.0\.1|localhost`)

// checkError compares an error with its cause and text, "" = there must be none.
func checkError(t *testing.T, err error, c cause.Cause, text string) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Errorf("error: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("no error, want: %s", text)
	}
	if err.Error() != text {
		t.Errorf("error:\n  %v\nwant:\n  %s", err, text)
	}
	if got := cause.Of(err); got != c {
		t.Errorf("cause %s, want %s", got, c)
	}
	if secret := secrets.FindString(err.Error()); secret != "" {
		t.Errorf("error holds %q: %v", secret, err)
	}
}

// makeSQL returns a collector with these keys besides driver and DSN.
func makeSQL(t *testing.T, dsn, keys string) Collector {
	t.Helper()
	c, err := newSQL(fromYAML("driver: postgres\ndsn_file: portal.dsn\n"+keys), Options{Dir: dsnFolder(t, dsn)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pgError(code, message string, position int32) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: message, Position: position, Detail: message, Where: message}
}

func fatal(code, message string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: message}
}

// TestSQLRefused is about connections that don't come about.
func TestSQLRefused(t *testing.T) {
	for _, test := range []struct {
		refuse *pgproto3.ErrorResponse
		cause  cause.Cause
		want   string
	}{
		{fatal("28P01", `password authentication failed for user "jan.jansen"`), cause.Auth, "connect to PostgreSQL: the user or the password is not accepted, or not from here (SQLSTATE 28P01)"},
		{fatal("28000", `no pg_hba.conf entry for host "127.0.0.1", user "jan.jansen"`), cause.Auth, "connect to PostgreSQL: the user or the password is not accepted, or not from here (SQLSTATE 28000)"},
		{fatal("3D000", `database "staff" does not exist`), cause.Auth, "connect to PostgreSQL: there is no such database (SQLSTATE 3D000)"},
		{fatal("42501", `permission denied for database "staff"`), cause.Permission, "connect to PostgreSQL: the user may not connect to this database (SQLSTATE 42501)"},
		{fatal("53300", `too many connections for role "jan.jansen"`), cause.Unavailable, "connect to PostgreSQL: too many connections are open (SQLSTATE 53300)"},
		{fatal("57P03", "the database system is starting up"), cause.Unavailable, "connect to PostgreSQL: the server broke off (SQLSTATE 57P03)"},
	} {
		t.Run(test.refuse.Code, func(t *testing.T) {
			f := newFakePostgres(t)
			f.refuse = test.refuse
			c := makeSQL(t, f.dsn, "accounts: SELECT id FROM users\nevents: {login: SELECT at FROM logins WHERE at >= $1 AND at < $2}\nreadings: [{measure: pages, query: SELECT 1 AS value}]")
			_, err := c.Probe(t.Context())
			checkError(t, err, test.cause, test.want)
			checkError(t, c.Accounts(t.Context(), func(Account) {}), test.cause, test.want)
			checkError(t, c.Events(t.Context(), from, to, func(Event) {}), test.cause, test.want)
			checkError(t, c.Readings(t.Context(), true, func(Reading) {}), test.cause, test.want)
		})
	}
}

func TestSQLNoServer(t *testing.T) {
	listen := func(handle func(net.Conn)) string {
		return "postgres://jan.jansen:hunter2@" + need.Listen(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1024)) // what is unread would reset the connection
			handle(conn)
		}) + "/staff"
	}
	for _, test := range []struct {
		name, dsn string
		cause     cause.Cause
		want      string
	}{
		{"nobody there", "postgres://jan.jansen:hunter2@127.0.0.1:1/staff", cause.Unavailable, "connect to PostgreSQL: connection refused"},
		{"hangs up", listen(func(net.Conn) {}), cause.Unavailable, "connect to PostgreSQL: the connection was lost, or PostgreSQL with these settings would answer otherwise"},
		{"a web server", listen(func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\njan.jansen")) }), cause.Unavailable,
			"connect to PostgreSQL: the connection was lost, or PostgreSQL with these settings would answer otherwise"},
		{"no TLS", listen(func(c net.Conn) { _, _ = c.Write([]byte("N")) }) + "?sslmode=require", cause.Unavailable,
			"connect to PostgreSQL: the connection was lost, or PostgreSQL with these settings would answer otherwise"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := makeSQL(t, test.dsn, "accounts: SELECT id FROM users")
			_, err := c.Probe(t.Context())
			checkError(t, err, test.cause, test.want)
		})
	}
}

func TestSQLConnectionLost(t *testing.T) {
	for _, test := range []struct {
		err   error
		cause cause.Cause
		want  string
	}{
		{&net.DNSError{Err: "no such host", Name: "staff.example.org"}, cause.Unavailable, "the host name can't be resolved"},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, cause.Timeout, "no answer in time"},
		{&tls.CertificateVerificationError{Err: errors.New("staff")}, cause.Unavailable, "the server's certificate is not trusted"},
	} {
		if c, text := connectionLost(fmt.Errorf("staff: %w", test.err), "PostgreSQL"); c != test.cause || text != test.want {
			t.Errorf("%v: %s, %q; want %s, %q", test.err, c, text, test.cause, test.want)
		}
	}
}

func TestSQLDSNFile(t *testing.T) {
	for _, content := range []string{"", "\n", "mysql://jan.jansen:hunter2@staff", "postgres://jan.jansen:hunter2@staff:port/db", "password = hunter2 jansen"} {
		c := makeSQL(t, content, "accounts: SELECT id FROM users").(*sqlCollector)
		_, err := c.Probe(t.Context())
		checkError(t, err, cause.Other, "dsn_file: "+c.dsnFile+" does not hold a connection string of PostgreSQL, such as postgres://user:password@host/database")
	}
	c := makeSQL(t, "", "accounts: SELECT id FROM users").(*sqlCollector)
	if err := os.Remove(c.dsnFile); err != nil {
		t.Fatal(err)
	}
	_, err := c.Probe(t.Context())
	checkError(t, err, cause.Other, "dsn_file: open "+c.dsnFile+": no such file or directory")
}

// TestSQLFaults is about queries that break off or are refused, at their start or in the middle of rows.
func TestSQLFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		error *pgproto3.ErrorResponse // nil: the connection ends instead
		cause cause.Cause
		want  string
	}{
		{"lost", nil, cause.Unavailable, "events.login: the connection was lost, or PostgreSQL with these settings would answer otherwise"},
		{"shut down", fatal("57P01", "terminating connection due to administrator command"), cause.Unavailable, "events.login: the server broke off (SQLSTATE 57P01)"},
		{"recovery conflict", pgError("40001", "canceling statement due to conflict with recovery", 0), cause.Unavailable, "events.login: the server broke off (SQLSTATE 40001)"},
		{"statement timeout", pgError("57014", "canceling statement due to statement timeout", 0), cause.Timeout,
			"events.login: the query was cancelled, most likely because it ran longer than statement_timeout (SQLSTATE 57014)"},
		{"lock timeout", pgError("55P03", "canceling statement due to lock timeout", 0), cause.Timeout, "events.login: a time limit of the server ended the query (SQLSTATE 55P03)"},
		{"denied", pgError("42501", "permission denied for table jansen", 0), cause.Permission,
			"events.login: the database user may not read what the query names, or row-level security would leave out rows (SQLSTATE 42501)"},
		{"a person in the message", pgError("22P02", `invalid input syntax for type integer: "Jan Jansen"`, 0), cause.BadResponse,
			"events.login: the query can't work with a value that it found in the data (SQLSTATE 22P02)"},
		{"syntax", pgError("42601", `syntax error at or near "Jansen"`, 10), cause.BadResponse, "events.login: syntax error, in line 2 of the query (SQLSTATE 42601)"},
		{"no column", pgError("42703", "column jansen does not exist", 1), cause.BadResponse, "events.login: a column is not there, in line 1 of the query (SQLSTATE 42703)"},
		{"no table", pgError("42P01", "relation staff does not exist", 999), cause.BadResponse, "events.login: a table or view is not there, or the user may not use its schema (SQLSTATE 42P01)"},
		{"no function", pgError("42883", "function jansen() does not exist", 8), cause.BadResponse, "events.login: the query is not valid, in line 2 of the query (SQLSTATE 42883)"},
		{"writes", pgError("25006", "cannot execute UPDATE in a read-only transaction", 0), cause.BadResponse, "events.login: the query would write, and only reading is allowed (SQLSTATE 25006)"},
		{"anything else", pgError("XX000", "cache lookup failed for jansen", 0), cause.BadResponse, "events.login: the query failed (SQLSTATE XX000)"},
	} {
		for _, rows := range []int{0, 1000} {
			t.Run(fmt.Sprint(test.name, " after ", rows), func(t *testing.T) {
				f := newFakePostgres(t)
				f.answer = func(b *pgproto3.Backend, _ string) bool {
					columns(b, "at:1184", "account:25")
					for range rows {
						row(b, "2026-03-10 08:00:00+00", "jansen")
					}
					if test.error != nil {
						b.Send(test.error)
					}
					return false
				}
				codes := map[string]int{}
				c := makeSQL(t, f.dsn, "events: {login: \"SELECT\\n at, account FROM logins WHERE at >= $1 AND at < $2\"}")
				c.(*sqlCollector).onRequest = func(code string) { codes[code]++ }
				n := 0
				checkError(t, c.Events(t.Context(), from, to, func(Event) { n++ }), test.cause, test.want)
				if n != rows {
					t.Errorf("%d events before the error, want %d", n, rows)
				}
				if diff := cmp.Diff(map[string]int{"error": 1}, codes); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestSQLOwnTimeout(t *testing.T) {
	f := newFakePostgres(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.answer = func(b *pgproto3.Backend, _ string) bool {
		columns(b, "id:25")
		row(b, "jansen")
		_ = b.Flush()
		cancel()
		_, _ = b.Receive() // until the collector hangs up
		return false
	}
	c := makeSQL(t, f.dsn, "accounts: SELECT id FROM users")
	err := c.Accounts(ctx, func(Account) {})
	checkError(t, err, cause.Other, "accounts: context canceled")
	if !errors.Is(err, context.Canceled) {
		t.Error("the reason is not in the chain")
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = c.Probe(ctx)
	checkError(t, err, cause.Timeout, "connect to PostgreSQL: context deadline exceeded")
}

// Mistakes in queries, each with what PostgreSQL answers to it, so that the table holds for the fake and
// for a real server alike.
var sqlMistakes = []struct {
	key     string // of the query
	query   string
	columns []string // name:oid
	rows    [][]string
	want    string // "" = no mistake at all
}{
	// Columns.
	{"accounts", "SELECT 'a' AS login", []string{"login:25"}, [][]string{{"a"}},
		`accounts: unknown column "login"; the columns are: id, name, identity, kind, enabled`},
	{"accounts", "SELECT 'a' AS name, true AS enabled", []string{"name:25", "enabled:16"}, [][]string{{"a", "t"}},
		"accounts: column id is missing; the columns that come are: name, enabled"},
	{"accounts", "SELECT 1 AS id, 'a' AS name, 'b' AS name", []string{"id:23", "name:25", "name:25"}, nil,
		"accounts: column name comes twice"},
	{"accounts", "SELECT 1 AS id, 'a' <> 'b'", []string{"id:23", "?column?:16"}, nil,
		"accounts: a column has no name; write AS and one of: id, name, identity, kind, enabled"},
	{"accounts", "SELECT * FROM (SELECT 1 AS id, now() AS last_login) u", []string{"id:23", "last_login:1184"}, nil,
		`accounts: column last_login comes, but the list after SELECT does not say so; write it there as AS "last_login"`},
	{"accounts", `SELECT * FROM (SELECT 1 AS id, true AS "profile.phone") u`, []string{"id:23", "profile.phone:16"}, nil,
		`accounts: column profile.phone comes, but the list after SELECT does not say so; write it there as AS "profile.phone"`},
	{"accounts", "SELECT id, last_login::timestamptz seen FROM (SELECT 1 AS id, now() AS last_login) u", []string{"id:23", "seen:1184"}, nil,
		`accounts: unknown column "seen"; the columns are: id, name, identity, kind, enabled, last_login`},
	{"events.login", "SELECT now() AS at WHERE now() >= $1 AND now() < $2", []string{"at:1184"}, nil,
		"events.login: column account is missing; the columns that come are: at"},
	{"readings.pages", "SELECT 3 AS pages", []string{"pages:23"}, [][]string{{"3"}},
		`readings.pages: unknown column "pages"; the columns are: value, as_of`},

	// Types.
	{"accounts", "SELECT 1.5 AS id", []string{"id:1700"}, nil, "accounts: column id is numeric; it must be text, a whole number or a uuid"},
	{"accounts", "SELECT true AS id", []string{"id:16"}, nil, "accounts: column id is boolean; it must be text, a whole number or a uuid"},
	{"accounts", "SELECT 1 AS id, 1 AS enabled", []string{"id:23", "enabled:23"}, nil, "accounts: column enabled is integer; it must be boolean"},
	{"accounts", `SELECT 1 AS id, 'yes' AS "profile.phone"`, []string{"id:23", "profile.phone:25"}, nil, "accounts: column profile.phone is text; it must be boolean"},
	{"accounts", "SELECT 1 AS id, current_date AS last_login", []string{"id:23", "last_login:1082"}, nil, "accounts: column last_login is date; it must be timestamp with time zone"},
	{"events.login", "SELECT localtimestamp AS at, 1 AS account WHERE now() >= $1 AND now() < $2", []string{"at:1114", "account:23"}, nil,
		"events.login: column at is timestamp without time zone; write at AT TIME ZONE 'Europe/Amsterdam' AS at, with the zone that the table is in"},
	{"events.login", "SELECT 1773129600 AS at, 1 AS account WHERE now() >= $1 AND now() < $2", []string{"at:23", "account:23"}, nil,
		"events.login: column at is integer; it must be timestamp with time zone"},
	{"readings.pages", "SELECT '3' AS value", []string{"value:25"}, nil, "readings.pages: column value is text; it must be a number"},
	{"readings.pages", "SELECT interval '3 days' AS value", []string{"value:1186"}, nil, "readings.pages: column value is interval; it must be a number"},

	// Values.
	{"accounts", "SELECT NULL::text AS id", []string{"id:25"}, [][]string{{"NULL"}}, "accounts: column id is NULL in a row, where it may not be"},
	{"accounts", "SELECT '' AS id", []string{"id:25"}, [][]string{{""}}, "accounts: column id is empty in a row"},
	{"accounts", "SELECT 'Jansen' AS id UNION ALL SELECT 'Jansen'", []string{"id:25"}, [][]string{{"Jansen"}, {"Jansen"}},
		"accounts: an id comes twice, and an account is one row; look for a join that multiplies rows"},
	{"accounts", "SELECT 1 AS id, NULL::text AS kind", []string{"id:23", "kind:25"}, [][]string{{"1", "NULL"}}, "accounts: column kind is NULL in a row, where it may not be"},
	{"accounts", "SELECT 1 AS id, 'Jansen' AS kind", []string{"id:23", "kind:25"}, [][]string{{"1", "Jansen"}},
		"accounts: column kind must be person, employee, guest or service; say with CASE which of them each of yours is"},
	{"accounts", "SELECT 1 AS id, NULL::boolean AS enabled", []string{"id:23", "enabled:16"}, [][]string{{"1", "NULL"}}, "accounts: column enabled is NULL in a row, where it may not be"},
	{"accounts", "SELECT 1 AS id, timestamptz '-infinity' AS last_login", []string{"id:23", "last_login:1184"}, [][]string{{"1", "-infinity"}},
		"accounts: column last_login is infinite, or outside the years 1971 to 9998, in a row; a time that is not known is NULL"},
	{"accounts", "SELECT 1 AS id, to_timestamp(0) AS last_login", []string{"id:23", "last_login:1184"}, [][]string{{"1", "1970-01-01 00:00:00+00"}},
		"accounts: column last_login is infinite, or outside the years 1971 to 9998, in a row; a time that is not known is NULL"},
	{"accounts", "SELECT 1 AS id, timestamptz '294276-12-31' AS last_active", []string{"id:23", "last_active:1184"}, [][]string{{"1", "294276-12-31 00:00:00+00"}},
		"accounts: column last_active is infinite, or outside the years 1971 to 9998, in a row; a time that is not known is NULL"},
	{"accounts", "SELECT 1 AS id, timestamptz '4713-01-01 BC' AS last_active", []string{"id:23", "last_active:1184"}, [][]string{{"1", "4713-01-01 00:00:00+00 BC"}},
		"accounts: column last_active is infinite, or outside the years 1971 to 9998, in a row; a time that is not known is NULL"},
	{"events.login", "SELECT NULL::timestamptz AS at, 1 AS account WHERE now() <> $1 AND now() <> $2", []string{"at:1184", "account:23"}, [][]string{{"NULL", "1"}},
		"events.login: column at is NULL in a row, where it may not be"},
	{"events.login", "SELECT $2::timestamptz AS at, 1 AS account WHERE $1 < now()", []string{"at:1184", "account:23"}, [][]string{{"2026-03-11 00:00:00+00", "1"}},
		"events.login: returned a time outside the bounds that it was given; it must say at >= $1 AND at < $2"},
	{"events.login", "SELECT $1::timestamptz - interval '1 microsecond' AS at, 1 AS account WHERE $2 < now()", []string{"at:1184", "account:23"}, [][]string{{"2026-03-09 23:59:59.999999+00", "1"}},
		"events.login: returned a time outside the bounds that it was given; it must say at >= $1 AND at < $2"},
	{"readings.pages", "SELECT NULL::bigint AS value", []string{"value:20"}, [][]string{{"NULL"}},
		"readings.pages: column value is NULL; where that means 0 say COALESCE(…, 0), where nothing is known return no row"},
	{"readings.pages", "SELECT 1 AS value UNION ALL SELECT 2", []string{"value:23"}, [][]string{{"1"}, {"2"}},
		"readings.pages: returned more than one row; a reading is one number"},
	{"readings.pages", "SELECT -1 AS value", []string{"value:23"}, [][]string{{"-1"}}, "readings.pages: column value is below 0; a number that is not known is no row, not -1"},
	{"readings.pages", "SELECT 'NaN'::numeric AS value", []string{"value:1700"}, [][]string{{"NaN"}}, "readings.pages: column value is not a finite number"},
	{"readings.pages", "SELECT 'Infinity'::float8 AS value", []string{"value:701"}, [][]string{{"Infinity"}}, "readings.pages: column value is not a finite number"},
	{"readings.profile_completion", "SELECT 45 AS value", []string{"value:23"}, [][]string{{"45"}}, "readings.profile_completion: column value is a ratio, so it must be between 0 and 1"},
	{"readings.pages", "SELECT 1 AS value, NULL::timestamptz AS as_of", []string{"value:23", "as_of:1184"}, [][]string{{"1", "NULL"}},
		"readings.pages: column as_of is NULL in a row, where it may not be"},

	// No mistakes.
	{"accounts", "SELECT 1 AS id", []string{"id:23"}, [][]string{{"1"}}, ""},
	{"accounts", "SELECT 1 AS id WHERE false", []string{"id:23"}, nil, ""},
	{"accounts", "SELECT md5('a')::uuid AS id, 'service' AS kind", []string{"id:2950", "kind:25"}, [][]string{{"0cc175b9-c0f1-b6a8-31c3-99e269772661", "service"}}, ""},
	{"accounts", "SELECT id, NULL::boolean AS \"profile.phone\" FROM (VALUES ('a'::name)) u (id)", []string{"id:19", "profile.phone:16"}, [][]string{{"a", "NULL"}}, ""},
	{"events.login", "SELECT $1::timestamptz AS at, NULL AS account WHERE $2 < now()", []string{"at:1184", "account:25"}, [][]string{{"2026-03-10 00:00:00+00", "NULL"}}, ""},
	{"events.login", "SELECT $2::timestamptz - interval '1 microsecond' AS at, '' AS account WHERE $1 < now();", []string{"at:1184", "account:25"}, [][]string{{"2026-03-10 23:59:59.999999+00", ""}}, ""},
	{"events.login", "SELECT to_timestamp(s) AS at, 1 AS account FROM (VALUES (1773129600)) l (s) WHERE s >= extract(epoch FROM $1::timestamptz) AND s < extract(epoch FROM $2::timestamptz)",
		[]string{"at:1184", "account:23"}, [][]string{{"2026-03-10 08:00:00+00", "1"}}, ""},
	{"readings.pages", "SELECT CASE current_setting('TimeZone') WHEN 'UTC' THEN 1 END AS value", []string{"value:23"}, [][]string{{"1"}}, ""},
	{"readings.pages", "SELECT 3 AS value WHERE false", []string{"value:23"}, nil, ""},
	{"readings.pages", "SELECT 1e3::numeric AS value", []string{"value:1700"}, [][]string{{"1000"}}, ""},
	{"readings.pages", "SELECT 0.5::real AS value, now() AS as_of", []string{"value:700", "as_of:1184"}, [][]string{{"0.5", "2026-03-10 00:00:00+00"}}, ""},
}

// queryKey is the part of the config with one query.
func queryKey(key, query string) string {
	switch section, name, _ := strings.Cut(key, "."); section {
	case "events":
		return fmt.Sprintf("events: {%s: %q}", name, query)
	case "readings":
		return fmt.Sprintf("readings: [{measure: %s, query: %q}]", name, query)
	}
	return fmt.Sprintf("accounts: %q", query)
}

// tell has the one query run that c was made with.
func tell(t *testing.T, c Collector, key string) error {
	t.Helper()
	if _, err := c.Probe(t.Context()); err != nil {
		t.Errorf("Probe: %v", err)
	}
	switch section, _, _ := strings.Cut(key, "."); section {
	case "events":
		return c.Events(t.Context(), from, to, func(Event) {})
	case "readings":
		n := 0
		err := c.Readings(t.Context(), true, func(Reading) { n++ })
		if err != nil && n > 0 {
			t.Error("a reading was told beside an error")
		}
		return err
	}
	return c.Accounts(t.Context(), func(Account) {})
}

func TestSQLMistakes(t *testing.T) {
	for _, test := range sqlMistakes {
		t.Run(test.query, func(t *testing.T) {
			f := newFakePostgres(t)
			f.answer = func(b *pgproto3.Backend, _ string) bool {
				columns(b, test.columns...)
				for _, values := range test.rows {
					row(b, values...)
				}
				return true
			}
			checkError(t, tell(t, makeSQL(t, f.dsn, queryKey(test.key, test.query)), test.key), cause.BadResponse, test.want)
		})
	}
}

func TestSQLMistakesReal(t *testing.T) {
	_, reader := postgres(t)
	for _, test := range sqlMistakes {
		t.Run(test.query, func(t *testing.T) {
			checkError(t, tell(t, makeSQL(t, reader, queryKey(test.key, test.query)), test.key), cause.BadResponse, test.want)
		})
	}
}

// postgres returns a database of its own on the real server that INTRANET_TEST_POSTGRES leads to, with the
// portal in it: a handle of its owner, and the DSN of a reader who may see what the queries name.
func postgres(t *testing.T) (owner *sql.DB, reader string) {
	t.Helper()
	config, err := pgx.ParseConfig(need.Server(t, "INTRANET_TEST_POSTGRES", "the DSN of a superuser of a PostgreSQL"))
	if err != nil {
		t.Fatal(err)
	}
	super := stdlib.OpenDB(*config)
	name := fmt.Sprintf("intranet_test_%d", time.Now().UnixNano())
	run(t, super, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	run(t, super, "CREATE ROLE "+name+" LOGIN PASSWORD 'hunter2'")
	// Defaults that would change what queries mean, if the collector let them.
	run(t, super, "ALTER ROLE "+name+" SET TimeZone = 'Asia/Tokyo'")
	run(t, super, "ALTER ROLE "+name+" SET DateStyle = 'German'")
	config.Database = name
	owner = stdlib.OpenDB(*config)
	t.Cleanup(func() {
		_ = owner.Close()
		run(t, super, "DROP DATABASE "+name+" WITH (FORCE)")
		run(t, super, "DROP ROLE "+name)
		_ = super.Close()
	})
	run(t, owner, readTestdata(t, "portal.sql"))
	run(t, owner, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+name)
	return owner, fmt.Sprintf("host=%s port=%d dbname=%s user=%s password=hunter2", config.Host, config.Port, name, name)
}

func run(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// portal makes the collector of testdata/sql/portal.yml, with another DSN.
func portal(t *testing.T, dsn string, changes ...string) *sqlCollector {
	t.Helper()
	c, err := newSQL(fromYAML(strings.NewReplacer(changes...).Replace(readTestdata(t, "portal.yml"))), Options{Dir: dsnFolder(t, dsn)})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*sqlCollector)
}

// dsnFolder returns a folder with dsn in the file portal.dsn.
func dsnFolder(t *testing.T, dsn string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "portal.dsn"), []byte(dsn+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var (
	from = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	to   = time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)
)

type sqlFacts struct {
	Accounts []Account
	Events   []Event
	Readings map[string]float64
}

func collect(t *testing.T, c Collector) sqlFacts {
	t.Helper()
	ctx := t.Context()
	f := sqlFacts{Readings: map[string]float64{}}
	_, probe := c.Probe(ctx)
	accounts := c.Accounts(ctx, func(a Account) {
		a.LastLogin, a.LastActive = a.LastLogin.UTC(), a.LastActive.UTC()
		f.Accounts = append(f.Accounts, a)
	})
	events := c.Events(ctx, from, to, func(e Event) { e.At = e.At.UTC(); f.Events = append(f.Events, e) })
	readings := c.Readings(ctx, true, func(r Reading) { f.Readings[r.String()] = r.Value })
	slices.SortFunc(f.Accounts, func(a, b Account) int { return strings.Compare(a.ID, b.ID) })
	if err := errors.Join(probe, accounts, events, readings); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSQLPortal(t *testing.T) {
	_, reader := postgres(t)
	goldenSQL(t, "portal.facts.json", collect(t, portal(t, reader)))
}

// TestSQLSnapshot holds that all kinds of event are read from one state of the database.
func TestSQLSnapshot(t *testing.T) {
	owner, reader := postgres(t)
	seen := map[measure.Kind]int{}
	err := portal(t, reader).Events(t.Context(), from, to, func(e Event) {
		seen[e.Kind]++
		run(t, owner, "INSERT INTO page_views VALUES ('2026-03-10 12:00:00', 1, 1); UPDATE pages SET deleted_at = now()")
	})
	checkError(t, err, "", "")
	if diff := cmp.Diff(map[measure.Kind]int{measure.Login: 5, measure.PageView: 2, measure.PageCreated: 1}, seen); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestSQLRights takes rights away from a reader while the portal is polled.
func TestSQLRights(t *testing.T) {
	const (
		denied   = ": the database user may not read what the query names, or row-level security would leave out rows (SQLSTATE 42501)"
		accepted = "connect to PostgreSQL: the user or the password is not accepted, or not from here (SQLSTATE 28P01)"
	)
	owner, reader := postgres(t)
	config, err := pgx.ParseConfig(reader)
	if err != nil {
		t.Fatal(err)
	}
	role := config.User
	all := map[string]bool{
		"accounts": true, "events.login": true, "events.page_view": true, "events.page_created": true,
		"readings.pages": true, "readings.logins.30d": true, "readings.custom.survey_score": true,
	}
	but := func(lost ...string) map[string]bool {
		granted := maps.Clone(all)
		for _, name := range lost {
			granted[name] = false
		}
		return granted
	}
	c := portal(t, reader)
	for _, test := range []struct {
		name, take, back string
		granted          map[string]bool
		cause            cause.Cause
		probe            string
		readings         string
	}{
		{name: "as it should be", take: "SELECT 1", back: "SELECT 1", granted: all},
		{"no table", "REVOKE SELECT ON logins FROM " + role, "GRANT SELECT ON logins TO " + role, but("accounts", "events.login", "readings.logins.30d"),
			cause.Permission, "accounts" + denied + "\nevents.login" + denied, "readings.logins.30d" + denied},
		{"only some columns", "REVOKE SELECT ON logins FROM " + role + "; GRANT SELECT (at, user_id, success) ON logins TO " + role,
			"GRANT SELECT ON logins TO " + role, but("accounts", "events.login", "readings.logins.30d"),
			cause.Permission, "accounts" + denied + "\nevents.login" + denied, "readings.logins.30d" + denied},
		{"all columns one by one", "REVOKE SELECT ON logins FROM " + role + "; GRANT SELECT (at, user_id, success, channel) ON logins TO " + role,
			"GRANT SELECT ON logins TO " + role, all, "", "", ""},
		{"no schema", "REVOKE USAGE ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO PUBLIC", nil,
			cause.BadResponse, "accounts: a table or view is not there, or the user may not use its schema, in line 10 of the query (SQLSTATE 42P01)",
			"readings.pages: a table or view is not there, or the user may not use its schema, in line 1 of the query (SQLSTATE 42P01)\n" +
				"readings.logins.30d: a table or view is not there, or the user may not use its schema, in line 2 of the query (SQLSTATE 42P01)\n" +
				"readings.custom.survey_score: a table or view is not there, or the user may not use its schema, in line 1 of the query (SQLSTATE 42P01)"},
		{"a reading alone", "REVOKE SELECT ON answers FROM " + role, "GRANT SELECT ON answers TO " + role, but("readings.custom.survey_score"),
			cause.Permission, "", "readings.custom.survey_score" + denied},
		{"row-level security", "ALTER TABLE page_views ENABLE ROW LEVEL SECURITY", "ALTER TABLE page_views DISABLE ROW LEVEL SECURITY", but("events.page_view"),
			cause.Permission, "events.page_view" + denied, ""},
		{"another password", "ALTER ROLE " + role + " PASSWORD 'another'", "ALTER ROLE " + role + " PASSWORD 'hunter2'", nil, cause.Auth, accepted, accepted},
		{"no login", "ALTER ROLE " + role + " NOLOGIN", "ALTER ROLE " + role + " LOGIN", nil,
			cause.Auth, strings.Replace(accepted, "28P01", "28000", 1), strings.Replace(accepted, "28P01", "28000", 1)},
		{"no database", "REVOKE CONNECT ON DATABASE " + role + " FROM PUBLIC", "GRANT CONNECT ON DATABASE " + role + " TO PUBLIC", nil,
			cause.Permission, "connect to PostgreSQL: the user may not connect to this database (SQLSTATE 42501)", "connect to PostgreSQL: the user may not connect to this database (SQLSTATE 42501)"},
		{name: "all is back", take: "SELECT 1", back: "SELECT 1", granted: all},
	} {
		t.Run(test.name, func(t *testing.T) {
			run(t, owner, test.take)
			defer run(t, owner, test.back)
			access, err := c.Probe(t.Context())
			checkError(t, err, test.cause, test.probe)
			if diff := cmp.Diff(test.granted, access.Granted); test.granted != nil && diff != "" {
				t.Errorf("granted (-want +got):\n%s", diff)
			}
			checkError(t, c.Readings(t.Context(), true, func(Reading) {}), test.cause, test.readings)
		})
	}
}

// TestSQLFaultsReal has a real server say what TestSQLFaults has the fake say.
func TestSQLFaultsReal(t *testing.T) {
	owner, reader := postgres(t)
	run(t, owner, "CREATE SEQUENCE numbers; GRANT ALL ON SEQUENCE numbers TO PUBLIC; GRANT ALL ON answers TO PUBLIC")
	run(t, owner, "UPDATE profiles SET about = 'Jan Jansen'")
	for _, test := range []struct {
		query string
		cause cause.Cause
		want  string
	}{
		{"SELECT 1 AS value FROM pg_sleep(60)", cause.Timeout, "the query was cancelled, most likely because it ran longer than statement_timeout (SQLSTATE 57014)"},
		{"SELECT about::integer AS value FROM profiles", cause.BadResponse, "the query can't work with a value that it found in the data (SQLSTATE 22P02)"},
		{"SELECT 1 / 0 AS value", cause.BadResponse, "the query can't work with a value that it found in the data (SQLSTATE 22012)"},
		{"SELECT\n1 AS value\nFROM jansen", cause.BadResponse, "a table or view is not there, or the user may not use its schema, in line 3 of the query (SQLSTATE 42P01)"},
		{"SELECT 'é',\njansen AS value", cause.BadResponse, "a column is not there, in line 2 of the query (SQLSTATE 42703)"},
		{"SELECT 1 AS value FROM", cause.BadResponse, "syntax error, in line 1 of the query (SQLSTATE 42601)"},
		{"SELECT 1 AS readings.value", cause.BadResponse, "syntax error, in line 1 of the query (SQLSTATE 42601)"},
		{"SELECT nextval('numbers') AS value", cause.BadResponse, "the query would write, and only reading is allowed (SQLSTATE 25006)"},
		{"WITH gone AS (DELETE FROM answers RETURNING 1) SELECT count(*) AS value FROM gone", cause.BadResponse, "the query would write, and only reading is allowed (SQLSTATE 25006)"},
		{"SELECT 1 AS value FROM pg_terminate_backend(pg_backend_pid())", cause.Unavailable, "the server broke off (SQLSTATE 57P01)"},
	} {
		t.Run(test.query, func(t *testing.T) {
			c := makeSQL(t, reader, fmt.Sprintf("statement_timeout: 200ms\nreadings: [{measure: pages, query: %q}, {measure: pages_stale, query: SELECT 7 AS value}]", test.query))
			var told []Reading
			_, err := c.Probe(t.Context())
			checkError(t, err, "", "")
			checkError(t, c.Readings(t.Context(), true, func(r Reading) { told = append(told, r) }), test.cause, "readings.pages: "+test.want)
			if lone := len(told) == 1 && told[0].Value == 7; !lone && test.cause != cause.Unavailable {
				t.Errorf("the other reading was not told: %v", told)
			}
		})
	}
}

func TestSQLStreams(t *testing.T) {
	_, reader := postgres(t)
	checkStreams(t, makeSQL(t, reader, `events: {login: "SELECT $1::timestamptz + i * interval '1 ms' AS at, i AS account FROM generate_series(1, 2000000) i WHERE $2::timestamptz > $1"}`))
}

// checkStreams reads two million rows and looks at the memory they take.
func checkStreams(t *testing.T, c Collector) {
	t.Helper()
	const rows = 2_000_000
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	n, most, before := 0, int64(0), heap()
	err := c.Events(t.Context(), from, to, func(Event) {
		if n++; n%200_000 == 0 {
			most = max(most, heap()-before)
		}
	})
	checkError(t, err, "", "")
	if n != rows {
		t.Errorf("%d events, want %d", n, rows)
	}
	if most > 4<<20 {
		t.Errorf("%d bytes are held while rows come", most)
	}
	t.Logf("%d bytes held", most)
}
