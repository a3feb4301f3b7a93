package collector

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// sqliteFile returns the path of a new database in which script has run, and a handle of its owner.
func sqliteFile(t *testing.T, script string) (owner *sql.DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a file?.db")
	owner, err := sql.Open("sqlite", "file://"+strings.ReplaceAll(path, "?", "%3f"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close() })
	run(t, owner, script)
	return owner, path
}

// makeSQLite returns a collector with these keys besides driver and DSN.
func makeSQLite(t *testing.T, dsn, keys string) *sqlCollector {
	t.Helper()
	c, err := newSQL(fromYAML("driver: sqlite\ndsn_file: portal.dsn\n"+keys), Options{Dir: dsnFolder(t, dsn)})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*sqlCollector)
}

// TestSQLitePortal holds that the portal has the same numbers in SQLite.
func TestSQLitePortal(t *testing.T) {
	_, path := sqliteFile(t, readTestdata(t, "portal.sqlite.sql"))
	c, err := newSQL(fromYAML(readTestdata(t, "portal.sqlite.yml")), Options{Dir: dsnFolder(t, path)})
	if err != nil {
		t.Fatal(err)
	}
	goldenSQL(t, "portal.facts.json", collect(t, c))
}

// TestSQLiteSnapshot holds that all kinds of event are read from one state of the database, while others write.
func TestSQLiteSnapshot(t *testing.T) {
	owner, path := sqliteFile(t, "PRAGMA journal_mode = WAL; CREATE TABLE logins (at INTEGER); INSERT INTO logins VALUES (1773129600)")
	c := makeSQLite(t, path, `events:
  login: SELECT at, NULL AS account FROM logins WHERE at >= unixepoch($1) AND at < unixepoch($2)
  search: SELECT at, NULL AS account FROM logins WHERE at >= unixepoch($1) AND at < unixepoch($2)`)
	n := 0
	checkError(t, c.Events(t.Context(), from, to, func(Event) {
		n++
		run(t, owner, "INSERT INTO logins VALUES (1773129601)")
	}), "", "")
	if n != 2 {
		t.Errorf("%d events, want one of each kind", n)
	}
}

func TestSQLiteMistakes(t *testing.T) {
	const (
		bounds  = "events.login: returned a time outside the bounds that it was given; it must say at >= $1 AND at < $2"
		numbers = "events.login: compares a number with the text of a time, and so finds nothing; for Unix seconds write at >= unixepoch($1) AND at < unixepoch($2)"
		noZone  = "is a time without a zone; write under time_zone where its clock hung, such as Europe/Amsterdam or UTC"
		years   = "is infinite, or outside the years 1971 to 9998, in a row; a time that is not known is NULL"
		moment  = "it must be Unix seconds, or the text of a time such as 2026-03-10 08:00:00Z"
	)
	for _, test := range []struct {
		zone, key, query string
		want             string // "" = no mistake at all
	}{
		// Columns.
		{"", "accounts", "SELECT 'a' AS login", `accounts: unknown column "login"; the columns are: id, name, identity, kind, enabled`},
		{"", "accounts", "SELECT 'a' AS name, TRUE AS enabled", "accounts: column id is missing; the columns that come are: name, enabled"},
		{"", "accounts", "SELECT 1 AS id, 'a' AS name, 'b' AS name", "accounts: column name comes twice"},
		{"", "accounts", "SELECT 1 AS id, 2 + 3", `accounts: a column has no name; write AS and one of: id, name, identity, kind, enabled`},
		{"", "accounts", "SELECT * FROM (SELECT 1 AS id, unixepoch() AS last_login) u",
			`accounts: column last_login comes, but the list after SELECT does not say so; write it there as AS "last_login"`},

		// Types, which values have.
		{"", "accounts", "SELECT 1.5 AS id", "accounts: column id is a fraction in a row; it must be text or a whole number"},
		{"", "accounts", "SELECT x'00' AS id", "accounts: column id is a blob in a row; it must be text or a whole number"},
		{"", "accounts", "SELECT 1 AS id, 2 AS enabled", "accounts: column enabled is another whole number in a row; it must be 0 or 1"},
		{"", "accounts", "SELECT 1 AS id, 'Jansen' AS enabled", "accounts: column enabled is another text in a row; it must be 0 or 1"},
		{"", "accounts", "SELECT 1 AS id, 1.0 AS enabled", "accounts: column enabled is a fraction in a row; it must be 0 or 1"},
		{"", "accounts", "SELECT id FROM (SELECT 1 AS id UNION ALL SELECT 2.5)", "accounts: column id is a fraction in a row; it must be text or a whole number"},
		{"", "readings.pages", "SELECT '3' AS value", "readings.pages: column value is another text in a row; it must be a number"},
		{"", "readings.pages", "SELECT day AS value FROM declared", "readings.pages: column value is a time in a row; it must be a number"},

		// Times.
		{"", "accounts", "SELECT 1 AS id, '2026-03-10 08:00:00' AS last_login", "accounts: column last_login " + noZone},
		{"", "accounts", "SELECT 1 AS id, '2026-03-10T08:00:00.5' AS last_login", "accounts: column last_login " + noZone},
		{"", "accounts", "SELECT 1 AS id, at AS last_login FROM declared", "accounts: column last_login " + noZone},
		{"", "accounts", "SELECT 1 AS id, day AS last_login FROM declared", "accounts: column last_login is a date; " + moment},
		{"UTC", "accounts", "SELECT 1 AS id, '2026-03-10' AS last_login", "accounts: column last_login is another text in a row; " + moment},
		{"UTC", "accounts", "SELECT 1 AS id, 'Jansen' AS last_login", "accounts: column last_login is another text in a row; " + moment},
		{"UTC", "accounts", "SELECT 1 AS id, '' AS last_login", "accounts: column last_login is another text in a row; " + moment},
		{"UTC", "accounts", "SELECT 1 AS id, '0000-00-00 00:00:00' AS last_login", "accounts: column last_login is another text in a row; " + moment},
		{"", "accounts", "SELECT 1 AS id, 0 AS last_login", "accounts: column last_login " + years},
		{"", "accounts", "SELECT 1 AS id, 1773129600000 AS last_login", "accounts: column last_login " + years},
		{"", "accounts", "SELECT 1 AS id, 9e99 AS last_login", "accounts: column last_login " + years},
		{"", "accounts", "SELECT 1 AS id, julianday() AS last_login", "accounts: column last_login " + years},

		// Bounds.
		{"", "events.login", "SELECT unixepoch($2) AS at, 1 AS account WHERE $1 < $2", bounds},
		{"", "events.login", "SELECT unixepoch($1) - 1 AS at, 1 AS account WHERE $1 < $2", bounds},
		{"", "events.login", "SELECT NULL AS at, 1 AS account WHERE $1 < $2", "events.login: column at is NULL in a row, where it may not be"},
		{"", "events.login", "SELECT seconds AS at, 1 AS account FROM declared WHERE seconds >= $1 AND seconds < $2", numbers},
		{"", "events.login", "SELECT seconds AS at, 1 AS account FROM (SELECT 1000 * seconds AS seconds FROM declared) WHERE seconds >= $1 AND seconds < $2",
			"events.login: column at " + years},

		// Values.
		{"", "accounts", "SELECT NULL AS id", "accounts: column id is NULL in a row, where it may not be"},
		{"", "accounts", "SELECT 'Jansen' AS id UNION ALL SELECT 'Jansen'", "accounts: an id comes twice, and an account is one row; look for a join that multiplies rows"},
		{"", "readings.pages", "SELECT NULL AS value", "readings.pages: column value is NULL; where that means 0 say COALESCE(…, 0), where nothing is known return no row"},
		{"", "readings.pages", "SELECT 9e999 AS value", "readings.pages: column value is not a finite number"},

		// No mistakes.
		{"", "accounts", "SELECT 1 AS id WHERE FALSE", ""},
		{"", "accounts", "SELECT 1 AS id, TRUE AS enabled, 1773129600.5 AS last_login, '2026-03-10T08:00:00+01:00' AS last_active, 'a' <> '' AS [profile.phone]", ""},
		{"UTC", "accounts", "SELECT 1 AS id, at AS last_login, CURRENT_TIMESTAMP AS last_active FROM declared", ""},
		{"", "events.login", "SELECT '2026-03-10T00:00:00Z' AS at, '$1' AS account WHERE $1 = '2026-03-10 00:00:00' AND $2 > $1 AND $2 = '2026-03-11 00:00:00'", ""},
		{"", "events.login", "SELECT at, 1 AS account FROM declared WHERE at >= $1 AND at < $2 AND FALSE", ""},
		{"", "events.login", "SELECT seconds AS at, 1 AS account FROM declared WHERE seconds >= unixepoch($1) AND seconds < unixepoch($2)", ""},
		{"UTC", "events.login", "SELECT at, 1 AS account FROM declared WHERE at >= $1 AND at < $2", ""},
		{"", "readings.pages", "SELECT 1.5 AS value, '2026-03-10 08:00:00+01:00' AS as_of", ""},
	} {
		t.Run(test.query, func(t *testing.T) {
			_, path := sqliteFile(t, "CREATE TABLE declared (at DATETIME, day DATE, seconds INTEGER); INSERT INTO declared VALUES ('2026-03-10 08:00:00', '2026-03-10', 1773129600)")
			keys := ""
			if test.zone != "" {
				keys = "time_zone: " + test.zone + "\n"
			}
			checkError(t, tell(t, makeSQLite(t, path, keys+queryKey(test.key, test.query)), test.key), cause.BadResponse, test.want)
		})
	}
}

// sqlZones are times of a clock around the hour that it shows twice and the one that it leaves out. Each is told
// once, in whichever of the two hours.
var sqlZones = []struct {
	zone, times string
	nights      []time.Time // before the change
	want        []string
}{
	{
		"Europe/Amsterdam", "('2026-03-29 01:59:59'), ('2026-03-29 03:00:00'), ('2026-10-25 01:59:59'), ('2026-10-25 02:00:00'), ('2026-10-25 02:59:59'), ('2026-10-25 03:00:00')",
		[]time.Time{time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC), time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC)},
		[]string{"03-29 00:59:59", "03-29 01:00:00", "10-24 23:59:59", "10-25 01:00:00", "10-25 01:59:59", "10-25 02:00:00"},
	},
	{
		"America/New_York", "('2026-03-08 01:59:59'), ('2026-03-08 03:00:00'), ('2026-11-01 00:59:59'), ('2026-11-01 01:00:00'), ('2026-11-01 01:59:59'), ('2026-11-01 02:00:00')",
		[]time.Time{time.Date(2026, 3, 8, 5, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)},
		[]string{"03-08 06:59:59", "03-08 07:00:00", "11-01 04:59:59", "11-01 05:00:00", "11-01 05:59:59", "11-01 07:00:00"},
	},
}

const sqlZoneKeys = "\nevents: {login: 'SELECT at, NULL AS account FROM logins WHERE at >= $1 AND at < $2'}"

// nights reads five hours of each night in spans of a quarter.
func nights(t *testing.T, c Collector, nights []time.Time) (told []string) {
	t.Helper()
	for _, night := range nights {
		for i := range 20 {
			begin := night.Add(time.Duration(i) * 15 * time.Minute)
			checkError(t, c.Events(t.Context(), begin, begin.Add(15*time.Minute), func(e Event) { told = append(told, e.At.UTC().Format("01-02 15:04:05")) }), "", "")
		}
	}
	return told
}

func TestSQLiteZone(t *testing.T) {
	for _, test := range sqlZones {
		for _, declared := range []string{"TEXT", "DATETIME"} {
			_, path := sqliteFile(t, "CREATE TABLE logins (at "+declared+"); INSERT INTO logins VALUES "+test.times)
			c := makeSQLite(t, path, "time_zone: "+test.zone+sqlZoneKeys)
			if diff := cmp.Diff(test.want, nights(t, c, test.nights)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", test.zone, declared, diff)
			}
		}
	}
}

func TestSQLiteStreams(t *testing.T) {
	_, path := sqliteFile(t, "CREATE TABLE staff (id INTEGER)")
	checkStreams(t, makeSQLite(t, path, `events: {login: "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000)
		SELECT unixepoch($1) + i / 100.0 AS at, i AS account FROM n WHERE $2 > $1"}`))
}

// sqlBounds have the first moment of the span and the first one after it, in the forms of the documentation.
type sqlBounds struct {
	zone, column, first, after, query string
}

func checkBounds(t *testing.T, c Collector) {
	t.Helper()
	var told []time.Time
	checkError(t, c.Events(t.Context(), from, to, func(e Event) { told = append(told, e.At.UTC()) }), "", "")
	if diff := cmp.Diff([]time.Time{from}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestSQLiteBounds(t *testing.T) {
	for _, test := range []sqlBounds{
		{"UTC", "TEXT", "'2026-03-10 00:00:00'", "'2026-03-11 00:00:00'", "SELECT at, 1 AS account FROM logins WHERE at >= $1 AND at < $2;"},
		{"Europe/Amsterdam", "DATETIME", "'2026-03-10 01:00:00'", "'2026-03-11 01:00:00'", "SELECT at, 1 AS account FROM logins WHERE at >= $1 AND at < $2"},
		{"Europe/Amsterdam", "TEXT", "'2026-03-10T01:00:00'", "'2026-03-11T01:00:00'", "SELECT at, 1 AS account FROM logins WHERE at >= replace($1, ' ', 'T') AND at < replace($2, ' ', 'T')"},
		{"", "TEXT", "'2026-03-10T01:00:00+01:00'", "'2026-03-11T00:00:00Z'", "SELECT at, 1 AS account FROM logins WHERE unixepoch(at) >= unixepoch($1) AND unixepoch(at) < unixepoch($2)"},
		{"", "INTEGER", "1773100800", "1773187200", "SELECT at, 1 AS account FROM logins WHERE at >= unixepoch($1) AND at < unixepoch($2)"},
		{"UTC", "INTEGER", "1773100800000", "1773187200000", "SELECT at / 1000.0 AS at, 1 AS account FROM logins WHERE at >= 1000 * unixepoch($1) AND at < 1000 * unixepoch($2)"},
	} {
		t.Run(test.first, func(t *testing.T) {
			_, path := sqliteFile(t, fmt.Sprintf("CREATE TABLE logins (at %s); INSERT INTO logins VALUES (%s), (%s)", test.column, test.first, test.after))
			checkBounds(t, makeSQLite(t, path, fmt.Sprintf("time_zone: %q\n", test.zone)+queryKey("events.login", test.query)))
		})
	}
}

func TestSQLiteFaults(t *testing.T) {
	owner, path := sqliteFile(t, "CREATE TABLE staff (id INTEGER); INSERT INTO staff VALUES (1)")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("Jan Jansen ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	const absent = "connect to SQLite: the file is not there, or may not be opened by the user that this runs as (SQLite code 14)"
	for _, test := range []struct {
		name, dsn, query string
		cause            cause.Cause
		want             string
	}{
		{"missing", path + "x", "SELECT 1 AS id", cause.Unavailable, absent},
		{"a folder", filepath.Dir(path), "SELECT 1 AS id", cause.Unavailable, "connect to SQLite: the file can't be read now (SQLite code 10)"},
		{"another format", text, "SELECT id FROM staff", cause.BadResponse, "connect to SQLite: the file is damaged, or no SQLite database (SQLite code 26)"},
		{"no table", path, "SELECT id FROM jansen", cause.BadResponse, "accounts: a table or view is not there (SQLite code 1)"},
		{"no column", path, "SELECT jansen AS id FROM staff", cause.BadResponse, "accounts: a column is not there (SQLite code 1)"},
		{"a quoted column", path, `SELECT "jansen" AS id FROM staff`, cause.BadResponse, "accounts: a column is not there (SQLite code 1)"},
		{"syntax", path, "SELECT 1 AS id FROM WHERE jansen", cause.BadResponse, "accounts: syntax error (SQLite code 1)"},
		{"no function", path, "SELECT jansen() AS id", cause.BadResponse, "accounts: the query is not valid, or can't work with a value that it found in the data (SQLite code 1)"},
		{"a value", path, "SELECT json_extract('jansen', '$') AS id", cause.BadResponse, "accounts: the query is not valid, or can't work with a value that it found in the data (SQLite code 1)"},
		{"writes", path, "WITH a AS (SELECT 1) DELETE FROM staff RETURNING id", cause.BadResponse, "accounts: the query would write, and only reading is allowed (SQLite code 8)"},
		{"endless", path, "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT max(id) AS id FROM n", cause.Timeout, "accounts: the query ran longer than statement_timeout"},
		{"endless after a row", path, "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n", cause.Timeout, "accounts: the query ran longer than statement_timeout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := makeSQLite(t, test.dsn, "statement_timeout: 300ms\n"+queryKey("accounts", test.query))
			checkError(t, c.Accounts(t.Context(), func(Account) {}), test.cause, test.want)
		})
	}
	if _, err := os.Stat(path + "x"); !os.IsNotExist(err) {
		t.Error("the missing file was made")
	}
	t.Run("probe", func(t *testing.T) {
		_, err := makeSQLite(t, path, queryKey("accounts", "SELECT id FROM jansen")).Probe(t.Context())
		checkError(t, err, cause.BadResponse, "accounts: a table or view is not there (SQLite code 1)")
	})
	t.Run("nothing was written", func(t *testing.T) {
		n := 0
		if err := owner.QueryRow("SELECT count(*) FROM staff").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

func TestSQLiteDSNFile(t *testing.T) {
	for _, content := range []string{"", "portal.db", "file:/portal.db", ":memory:"} {
		c := makeSQLite(t, content, "accounts: SELECT id FROM users")
		_, err := c.Probe(t.Context())
		checkError(t, err, cause.Other, fmt.Sprintf("dsn_file: %s does not hold the absolute path of a SQLite file, such as /var/lib/portal/portal.db", c.dsnFile))
	}
}
