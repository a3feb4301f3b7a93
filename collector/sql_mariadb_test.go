package collector

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// mariadb returns a database of its own on the real server that INTRANET_TEST_MARIADB leads to, in which
// script has run: a handle of its owner, and the DSN of a reader who may see what it holds.
func mariadb(t *testing.T, script string) (owner *sql.DB, reader *mysql.Config) {
	t.Helper()
	config, err := mysql.ParseDSN(need.Server(t, "INTRANET_TEST_MARIADB", "the DSN of a superuser of a MariaDB with its tables of time zones"))
	if err != nil {
		t.Fatal(err)
	}
	open := func(config *mysql.Config) *sql.DB {
		connector, err := mysql.NewConnector(config)
		if err != nil {
			t.Fatal(err)
		}
		return sql.OpenDB(connector)
	}
	super := open(config)
	name := fmt.Sprintf("intranet_test_%d", time.Now().UnixNano())
	run(t, super, "CREATE DATABASE "+name+" CHARACTER SET latin1")
	run(t, super, "CREATE USER "+name+" IDENTIFIED BY 'hunter2'")
	run(t, super, "GRANT SELECT ON "+name+".* TO "+name)
	owned := config.Clone()
	owned.DBName, owned.MultiStatements = name, true
	owner = open(owned)
	t.Cleanup(func() {
		_ = owner.Close()
		run(t, super, "DROP DATABASE "+name)
		run(t, super, "DROP USER IF EXISTS "+name)
		_ = super.Close()
	})
	run(t, owner, script)
	reader = mysql.NewConfig()
	reader.Net, reader.Addr, reader.DBName, reader.User, reader.Passwd = config.Net, config.Addr, name, name, "hunter2"
	// What would change the meaning of queries, if the collector let it.
	reader.InterpolateParams = true
	reader.Params = map[string]string{"time_zone": "'+09:00'", "sql_mode": "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"}
	return owner, reader
}

// makeMariaDB returns a collector with these keys besides driver and DSN.
func makeMariaDB(t *testing.T, dsn, keys string) *sqlCollector {
	t.Helper()
	c, err := newSQL(fromYAML("driver: mariadb\ndsn_file: portal.dsn\n"+keys), Options{Dir: dsnFolder(t, dsn)})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*sqlCollector)
}

func mariadbPortal(t *testing.T) (owner *sql.DB, reader *mysql.Config, c Collector) {
	t.Helper()
	owner, reader = mariadb(t, readTestdata(t, "portal.mariadb.sql"))
	c, err := newSQL(fromYAML(readTestdata(t, "portal.mariadb.yml")), Options{Dir: dsnFolder(t, reader.FormatDSN())})
	if err != nil {
		t.Fatal(err)
	}
	return owner, reader, c
}

// TestMariaDBPortal holds that the portal has the same numbers in MariaDB.
func TestMariaDBPortal(t *testing.T) {
	_, _, c := mariadbPortal(t)
	goldenSQL(t, "portal.facts.json", collect(t, c))
}

// TestMariaDBSnapshot holds that all kinds of event are read from one state of the database.
func TestMariaDBSnapshot(t *testing.T) {
	owner, _, c := mariadbPortal(t)
	seen := map[measure.Kind]int{}
	checkError(t, c.Events(t.Context(), from, to, func(e Event) {
		seen[e.Kind]++
		run(t, owner, "INSERT INTO page_views VALUES ('2026-03-10 12:00:00', 1, 1); UPDATE pages SET deleted_at = 1")
	}), "", "")
	if diff := cmp.Diff(map[measure.Kind]int{measure.Login: 5, measure.PageView: 2, measure.PageCreated: 1}, seen); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestMariaDBRights takes rights away from a reader while the portal is polled.
func TestMariaDBRights(t *testing.T) {
	const (
		denied   = ": the database user may not read what the query names "
		accepted = "connect to MariaDB: the user or the password is not accepted, or not from here (error 1045)"
	)
	owner, reader, c := mariadbPortal(t)
	user := reader.User
	for _, test := range []struct {
		name, take, back string
		cause            cause.Cause
		want             string
	}{
		{"as it should be", "DO 0", "DO 0", "", ""},
		{"no tables", "REVOKE SELECT ON " + user + ".* FROM " + user + "; GRANT SELECT ON " + user + ".page_views TO " + user, "REVOKE SELECT ON " + user + ".page_views FROM " + user,
			cause.Permission, "accounts" + denied + "(error 1142)\nevents.login" + denied + "(error 1142)\nevents.page_created" + denied + "(error 1142)"},
		{"only some columns", "GRANT SELECT ON " + user + ".users TO " + user + "; GRANT SELECT ON " + user + ".profiles TO " + user + "; GRANT SELECT ON " + user + ".page_views TO " + user +
			"; GRANT SELECT ON " + user + ".pages TO " + user + "; GRANT SELECT (at, user_id, success) ON " + user + ".logins TO " + user, "DO 0",
			cause.Permission, "accounts" + denied + "(error 1143)\nevents.login" + denied + "(error 1143)"},
		{"all columns", "GRANT SELECT (channel) ON " + user + ".logins TO " + user, "GRANT SELECT ON " + user + ".* TO " + user, "", ""},
		{"another password", "ALTER USER " + user + " IDENTIFIED BY 'another'", "ALTER USER " + user + " IDENTIFIED BY 'hunter2'", cause.Auth, accepted},
		{"no database", "REVOKE ALL PRIVILEGES, GRANT OPTION FROM " + user, "GRANT SELECT ON " + user + ".* TO " + user, cause.Permission, "connect to MariaDB: the user may not use this database (error 1044)"},
		{"a table is gone", "RENAME TABLE profiles TO jansen", "RENAME TABLE jansen TO profiles", cause.BadResponse, "accounts: a table or view is not there (error 1146)"},
		{"all is back", "DO 0", "DO 0", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			run(t, owner, test.take)
			defer run(t, owner, test.back)
			_, err := c.Probe(t.Context())
			checkError(t, err, test.cause, test.want)
		})
	}
}

// TestMariaDBView holds that the right to a view is enough.
func TestMariaDBView(t *testing.T) {
	owner, reader := mariadb(t, "CREATE TABLE staff (id int); INSERT INTO staff VALUES (1); CREATE VIEW accounts AS SELECT id FROM staff")
	run(t, owner, fmt.Sprintf("REVOKE SELECT ON %[1]s.* FROM %[1]s; GRANT SELECT ON %[1]s.accounts TO %[1]s", reader.User))
	checkError(t, tell(t, makeMariaDB(t, reader.FormatDSN(), "accounts: SELECT id FROM accounts"), "accounts"), "", "")
	_, err := makeMariaDB(t, reader.FormatDSN(), "accounts: SELECT id FROM staff").Probe(t.Context())
	checkError(t, err, cause.Permission, "accounts: the database user may not read what the query names (error 1142)")
}

func TestMariaDBMistakes(t *testing.T) {
	const (
		amsterdam = "Europe/Amsterdam"
		bounds    = "events.login: returned a time outside the bounds that it was given; it must say at >= $1 AND at < $2"
		numbers   = "events.login: compares a number with the text of a time, and so finds nothing; for Unix seconds write at >= UNIX_TIMESTAMP($1) AND at < UNIX_TIMESTAMP($2)"
		noZone    = "is a time without a zone; write under time_zone where its clock hung, such as Europe/Amsterdam or UTC"
		years     = "is infinite, or outside the years 1971 to 9998, in a row; a time that is not known is NULL"
		moment    = "it must be timestamp, datetime, or Unix seconds"
	)
	_, reader := mariadb(t, `SET sql_mode = ''; SET time_zone = '+00:00';
		CREATE TABLE declared (ts timestamp, naive datetime, day date, seconds bigint unsigned, flag bit, doubt tinyint, bin varbinary(16), letters text, padded char(5), word varchar(40));
		INSERT INTO declared VALUES ('2026-03-10 08:00:00', '2026-03-10 08:00:00', '2026-03-10', 1773129600, 1, 2, 'a', 'a', 'a', '2026-03-10 08:00:00')`)
	for _, test := range []struct {
		zone, key, query string
		want             string // "" = no mistake at all
	}{
		// Columns.
		{"", "accounts", "SELECT 'a' AS login", `accounts: unknown column "login"; the columns are: id, name, identity, kind, enabled`},
		{"", "accounts", "SELECT 'a' AS name, TRUE AS enabled", "accounts: column id is missing; the columns that come are: name, enabled"},
		{"", "accounts", "SELECT 1 AS id, 'a' AS name, 'b' AS name", "accounts: column name comes twice"},
		{"", "accounts", "SELECT 1 AS id, 2 + 3", `accounts: a column has no name; write AS and one of: id, name, identity, kind, enabled`},
		{"", "accounts", "SELECT * FROM (SELECT 1 AS id, NOW() AS last_login) u",
			`accounts: column last_login comes, but the list after SELECT does not say so; write it there as AS "last_login"`},

		// Types.
		{"", "accounts", "SELECT 1.5 AS id", "accounts: column id is decimal; it must be text or a whole number"},
		{"", "accounts", "SELECT bin AS id FROM declared", "accounts: column id is varbinary; it must be text or a whole number"},
		{"", "accounts", "SELECT 1 AS id, 'yes' AS enabled", "accounts: column enabled is varchar; it must be 0 or 1"},
		{"", "accounts", "SELECT 1 AS id, doubt AS enabled FROM declared", "accounts: column enabled is another number in a row; it must be 0 or 1"},
		{"", "accounts", "SELECT 1 AS id, day AS last_login FROM declared", "accounts: column last_login is date; " + moment},
		{"UTC", "accounts", "SELECT 1 AS id, word AS last_login FROM declared", "accounts: column last_login is varchar; " + moment},
		{"", "readings.pages", "SELECT '3' AS value", "readings.pages: column value is varchar; it must be a number"},
		{"", "readings.pages", "SELECT ts AS value FROM declared", "readings.pages: column value is timestamp; it must be a number"},

		// Times.
		{"", "accounts", "SELECT 1 AS id, naive AS last_login FROM declared", "accounts: column last_login " + noZone},
		{"", "accounts", "SELECT 1 AS id, NOW() AS last_login", "accounts: column last_login " + noZone},
		{"UTC", "accounts", "SELECT 1 AS id, CAST('0000-00-00' AS DATETIME) AS last_login", "accounts: column last_login " + years},
		{"", "accounts", "SELECT 1 AS id, 0 AS last_login", "accounts: column last_login " + years},
		{"", "accounts", "SELECT 1 AS id, 1773129600000 AS last_login", "accounts: column last_login " + years},

		// Bounds.
		{"", "events.login", "SELECT UNIX_TIMESTAMP($2) AS at, 1 AS account FROM declared WHERE $1 < $2", bounds},
		{"", "events.login", "SELECT UNIX_TIMESTAMP($1) - 0.000001 AS at, 1 AS account FROM declared WHERE $1 < $2", bounds},
		{"", "events.login", "SELECT NULL AS at, 1 AS account FROM declared WHERE $1 < $2", "events.login: column at is NULL in a row, where it may not be"},
		{"", "events.login", "SELECT seconds AS at, 1 AS account FROM declared WHERE seconds >= $1 AND seconds < $2", numbers},
		{"", "events.login", "SELECT 1000 * seconds AS at, 1 AS account FROM declared WHERE 1000 * seconds >= $1 AND 1000 * seconds < $2", "events.login: column at " + years},

		// Values.
		{"", "accounts", "SELECT CAST(NULL AS CHAR) AS id", "accounts: column id is NULL in a row, where it may not be"},
		{"", "accounts", "SELECT 'Jansen' AS id UNION ALL SELECT 'Jansen'", "accounts: an id comes twice, and an account is one row; look for a join that multiplies rows"},
		{"", "readings.pages", "SELECT NULL AS value", "readings.pages: column value is NULL; where that means 0 say COALESCE(…, 0), where nothing is known return no row"},
		{"", "readings.pages", "SELECT 1 / 0 AS value", "readings.pages: column value is NULL; where that means 0 say COALESCE(…, 0), where nothing is known return no row"},
		{"", "readings.pages", "SELECT -1.5 AS value", "readings.pages: column value is below 0; a number that is not known is no row, not -1"},

		// No mistakes.
		{"", "accounts", "SELECT 1 AS id FROM declared WHERE FALSE", ""},
		{"", "accounts", "SELECT padded AS id, letters AS name, flag AS enabled, ts AS last_login, seconds AS last_active, 'a' <> '' AS `profile.phone` FROM declared", ""},
		{"", "accounts", "SELECT 'it\\'s $1? # -- ' AS id, \"a\\\"$2\" AS name, seconds + 0.5 AS last_login FROM declared # $1 ?", ""},
		{amsterdam, "accounts", "SELECT 1 AS id, NOW() AS last_login, FROM_UNIXTIME(seconds) AS last_active FROM declared", ""},
		{"", "events.login", "SELECT ts AS at, '$1?' AS account FROM declared WHERE ts >= $1 AND ts < $2 AND $1 = '2026-03-10 00:00:00' AND $2 = '2026-03-11 00:00:00' AND @@session.time_zone = '+00:00' /* $1 ? */", ""},
		{"", "events.login", "SELECT ts AS at, 1 AS account FROM declared WHERE ts >= $1 AND ts < $2 AND FALSE", ""},
		{"", "events.login", "SELECT seconds AS at, 1 AS account FROM declared WHERE seconds >= UNIX_TIMESTAMP($1) AND seconds < UNIX_TIMESTAMP($2)", ""},
		{"UTC", "events.login", "SELECT naive AS at, 1 AS account FROM declared WHERE naive >= $1 AND naive < $2", ""},
		{"UTC", "events.login", "SELECT naive AS at, 1 AS account FROM declared WHERE word >= $2 AND word < $1", ""},
		{amsterdam, "events.login", "SELECT ts AS at, 1 AS account FROM declared WHERE ts >= $1 AND ts < $2 AND $1 = '2026-03-10 01:00:00'", ""},
		{"", "readings.pages", "SELECT AVG(seconds) AS value, MAX(ts) AS as_of FROM declared", ""},
		{"", "readings.pages", "SELECT 1.5e0 AS value", ""},
	} {
		t.Run(test.query, func(t *testing.T) {
			keys := ""
			if test.zone != "" {
				keys = "time_zone: " + test.zone + "\n"
			}
			checkError(t, tell(t, makeMariaDB(t, reader.FormatDSN(), keys+queryKey(test.key, test.query)), test.key), cause.BadResponse, test.want)
		})
	}
}

func TestMariaDBZone(t *testing.T) {
	for _, test := range sqlZones {
		for _, declared := range []string{"datetime", "varchar(30)"} {
			_, reader := mariadb(t, "CREATE TABLE logins (at "+declared+"); INSERT INTO logins VALUES "+test.times)
			keys := sqlZoneKeys
			if declared != "datetime" {
				keys = strings.Replace(keys, "SELECT at", "SELECT CAST(at AS DATETIME) AS at", 1)
			}
			c := makeMariaDB(t, reader.FormatDSN(), "time_zone: "+test.zone+keys)
			if diff := cmp.Diff(test.want, nights(t, c, test.nights)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", test.zone, declared, diff)
			}
		}
		// With a zone, a timestamp shows the same in both hours too, and is told once nevertheless.
		_, reader := mariadb(t, "SET time_zone = '+00:00'; CREATE TABLE logins (at timestamp); INSERT INTO logins VALUES "+
			"('2026-10-25 00:30:00'), ('2026-10-25 01:30:00'), ('2026-11-01 05:30:00'), ('2026-11-01 06:30:00')")
		if told := nights(t, makeMariaDB(t, reader.FormatDSN(), "time_zone: "+test.zone+sqlZoneKeys), test.nights); len(told) != 2 {
			t.Errorf("%s: told %v", test.zone, told)
		}
		if told := nights(t, makeMariaDB(t, reader.FormatDSN(), sqlZoneKeys), test.nights); len(told) != 2 {
			t.Errorf("%s, without time_zone: told %v", test.zone, told)
		}
	}
}

func TestMariaDBBounds(t *testing.T) {
	const plain = "SELECT at, 1 AS account FROM logins WHERE at >= $1 AND at < $2;"
	for _, test := range []sqlBounds{
		{"", "timestamp", "'2026-03-10 00:00:00'", "'2026-03-11 00:00:00'", plain},
		{"Europe/Amsterdam", "timestamp", "'2026-03-10 00:00:00'", "'2026-03-11 00:00:00'", plain},
		{"UTC", "datetime", "'2026-03-10 00:00:00'", "'2026-03-11 00:00:00'", plain},
		{"Europe/Amsterdam", "datetime", "'2026-03-10 01:00:00'", "'2026-03-11 01:00:00'", plain},
		{"Europe/Amsterdam", "bigint", "1773100800", "1773187200", "SELECT at, 1 AS account FROM logins WHERE at >= UNIX_TIMESTAMP($1) AND at < UNIX_TIMESTAMP($2)"},
		{"", "bigint", "1773100800000", "1773187200000", "SELECT at / 1000 AS at, 1 AS account FROM logins WHERE at >= 1000 * UNIX_TIMESTAMP($1) AND at < 1000 * UNIX_TIMESTAMP($2)"},
	} {
		t.Run(test.column+test.zone, func(t *testing.T) {
			_, reader := mariadb(t, fmt.Sprintf("SET time_zone = '+00:00'; CREATE TABLE logins (at %s); INSERT INTO logins VALUES (%s), (%s)", test.column, test.first, test.after))
			checkBounds(t, makeMariaDB(t, reader.FormatDSN(), fmt.Sprintf("time_zone: %q\n", test.zone)+queryKey("events.login", test.query)))
		})
	}
}

func TestMariaDBStreams(t *testing.T) {
	_, reader := mariadb(t, "DO 0")
	checkStreams(t, makeMariaDB(t, reader.FormatDSN(), `events: {login: "SELECT UNIX_TIMESTAMP($1) + seq / 100 AS at, seq AS account FROM seq_1_to_2000000 WHERE $2 > $1"}`))
}

func TestMariaDBFaults(t *testing.T) {
	owner, reader := mariadb(t, `CREATE TABLE staff (id int); INSERT INTO staff VALUES (1);
		CREATE FUNCTION jansen() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO staff VALUES (2); RETURN 2; END`)
	run(t, owner, fmt.Sprintf("GRANT EXECUTE ON %[1]s.* TO %[1]s", reader.User))
	for _, test := range []struct {
		query string
		cause cause.Cause
		want  string
	}{
		{"SELECT SLEEP(60) AS id FROM staff", cause.Timeout, "accounts: the query was cancelled, most likely because it ran longer than statement_timeout (error 1969)"},
		{"SELECT id FROM jansen", cause.BadResponse, "accounts: a table or view is not there (error 1146)"},
		{"SELECT jansen AS id\nFROM staff", cause.BadResponse, "accounts: a column is not there (error 1054)"},
		{"SELECT 1 AS id\nFROM WHERE jansen", cause.BadResponse, "accounts: syntax error, in line 2 of the query (error 1064)"},
		{"SELECT hunter2() AS id", cause.BadResponse, "accounts: the query is not valid, or can't work with a value that it found in the data (error 1305)"},
		{"SELECT jansen() AS id", cause.BadResponse, "accounts: the query would write, and only reading is allowed (error 1792)"},
		{"SELECT id FROM staff WHERE id = ?", cause.BadResponse, "accounts: syntax error, in line 1 of the query (error 1064)"},
	} {
		t.Run(test.query, func(t *testing.T) {
			c := makeMariaDB(t, reader.FormatDSN(), "statement_timeout: 200ms\n"+queryKey("accounts", test.query))
			checkError(t, c.Accounts(t.Context(), func(Account) {}), test.cause, test.want)
		})
	}
	t.Run("killed between rows", func(t *testing.T) {
		n := 0
		c := makeMariaDB(t, reader.FormatDSN(), "accounts: SELECT seq AS id FROM seq_1_to_2000000")
		checkError(t, c.Accounts(t.Context(), func(Account) {
			if n++; n == 1 {
				run(t, owner, "KILL USER "+reader.User)
			}
		}), cause.Unavailable, "accounts: the connection was lost, or MariaDB with these settings would answer otherwise")
	})
	t.Run("our time is up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := makeMariaDB(t, reader.FormatDSN(), "accounts: SELECT seq AS id FROM seq_1_to_2000000")
		checkError(t, c.Accounts(ctx, func(Account) { cancel() }), cause.Other, "accounts: context canceled")
	})
}

// TestMariaDBExplain is about what no test has a real server say.
func TestMariaDBExplain(t *testing.T) {
	for number, want := range map[uint16]cause.Cause{
		1040: cause.Unavailable, 1045: cause.Auth, 1049: cause.Auth, 1053: cause.Unavailable, 1130: cause.Auth, 1143: cause.Permission,
		1205: cause.Timeout, 1213: cause.Unavailable, 1298: cause.BadResponse, 2013: cause.Unavailable, 3024: cause.Timeout, 9999: cause.BadResponse,
	} {
		why, text := explainMariaDB("", &mysql.MySQLError{Number: number, Message: "jansen"})
		if why != want {
			t.Errorf("%d: cause %s, want %s", number, why, want)
		}
		if secrets.MatchString(text) {
			t.Errorf("%d: %s", number, text)
		}
	}
}

func TestMariaDBNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dsn := "jan.jansen:hunter2@tcp(" + l.Addr().String() + ")/staff"
	_, err = makeMariaDB(t, dsn, "accounts: SELECT id FROM users").Probe(t.Context())
	checkError(t, err, cause.Unavailable, "connect to MariaDB: connection refused")
	for _, content := range []string{"", "jan.jansen", "postgres://jan.jansen:hunter2@staff/db", "jan.jansen:hunter2@tcp(staff)/db?timeout=never"} {
		c := makeMariaDB(t, content, "accounts: SELECT id FROM users")
		_, err := c.Probe(t.Context())
		checkError(t, err, cause.Other, "dsn_file: "+c.dsnFile+" does not hold a connection string of MariaDB, such as user:password@tcp(host:3306)/database")
	}
	var broken *mysql.MySQLError
	if errors.As(err, &broken) {
		t.Error("the driver's error is in the chain")
	}
}
