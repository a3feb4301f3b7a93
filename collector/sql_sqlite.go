package collector

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

var sqliteDriver = sqlDriver{
	name:     "SQLite",
	dsn:      "the absolute path of a SQLite file, such as /var/lib/portal/portal.db",
	token:    sqlTokenPattern(`--[^\n]*|/\*.*?\*/`, "'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\\[[^\\]]*\\]"),
	zoned:    true,
	untimed:  true,
	unixTime: "unixepoch",
	open:     openSQLite,
	settings: func(time.Duration, *time.Location) string { return "PRAGMA query_only = ON" },
	bound:    wallClock,
	check:    checkSQLiteType,
	convert:  convertSQLite,
	explain:  explainSQLite,
}

// openSQLite opens a file that is there, for reading only. That "x" is the text x where no column has this
// name is switched off: it would turn a misspelt column into one that never changes.
func openSQLite(dsn string, zone *time.Location) (*sql.DB, error) {
	if !filepath.IsAbs(dsn) {
		return nil, errors.New("not an absolute path")
	}
	options := url.Values{"mode": {"ro"}, "_busy_timeout": {"10000"}, "_dqs": {"0"}, "_error_rc": {"1"}}
	if zone != nil {
		options.Set("_timezone", zone.String())
	}
	file := url.URL{Scheme: "file", Path: dsn, RawQuery: options.Encode()}
	connector, err := driver.NewConnector(file.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// checkSQLiteType finds dates. All other types belong to values, not to columns, in SQLite.
func checkSQLiteType(c sqlColumn, typ string) error {
	if c.sort == sqlMoment && typ == "DATE" {
		return fmt.Errorf("column %s is a date; it must be %s", c.name, sqliteSorts[sqlMoment])
	}
	return nil
}

// sqliteSorts are what messages call a value of each sort.
var sqliteSorts = map[sqlSort]string{
	sqlText:    "text or a whole number",
	sqlBoolean: "0 or 1",
	sqlMoment:  "Unix seconds, or the text of a time such as 2026-03-10 08:00:00Z",
	sqlNumber:  "a number",
}

func convertSQLite(c sqlColumn, _ string, value any, zone *time.Location) (any, error) {
	called := "a blob"
	switch v := value.(type) {
	case int64:
		switch {
		case c.sort == sqlText:
			return strconv.FormatInt(v, 10), nil
		case c.sort == sqlBoolean && (v == 0 || v == 1):
			return v == 1, nil
		case c.sort == sqlMoment:
			return time.Unix(v, 0), nil
		case c.sort == sqlNumber:
			return v, nil
		}
		called = "another whole number"
	case float64:
		switch c.sort {
		case sqlMoment:
			return time.UnixMicro(int64(v * 1e6)), nil
		case sqlNumber:
			return v, nil
		}
		called = "a fraction"
	case string:
		if c.sort == sqlText {
			return v, nil
		}
		if c.sort == sqlMoment {
			// T stands between date and time, or a space does.
			if t, err := time.Parse(time.RFC3339, strings.Replace(v, " ", "T", 1)); err == nil {
				return t, nil
			}
			if t, err := time.ParseInLocation("2006-01-02T15:04:05", strings.Replace(v, " ", "T", 1), cmp.Or(zone, time.UTC)); err == nil {
				return t, sqlZoneMissing(c, zone)
			}
		}
		called = "another text"
	case time.Time: // The driver makes it of text where the column is declared so, with the zone it was opened with.
		if c.sort == sqlMoment {
			return v, sqlZoneMissing(c, zone)
		}
		called = "a time"
	}
	return nil, fmt.Errorf("column %s is %s in a row; it must be %s", c.name, called, sqliteSorts[c.sort])
}

func explainSQLite(_ string, err error) (cause.Cause, string) {
	var answer *driver.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return cause.Timeout, "the query ran longer than statement_timeout"
	case errors.As(err, &answer):
		why, text := sqliteAnswer(answer)
		return why, fmt.Sprintf("%s (SQLite code %d)", text, answer.Code())
	}
	return cause.BadResponse, "the query failed"
}

// sqliteAnswer explains a result code, of which the lowest byte is the kind.
func sqliteAnswer(e *driver.Error) (cause.Cause, string) {
	switch e.Code() & 0xff {
	case lib.SQLITE_CANTOPEN:
		return cause.Unavailable, "the file is not there, or may not be opened by the user that this runs as"
	case lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return cause.Permission, "the file may not be read"
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return cause.Unavailable, "the file is locked by somebody who writes"
	case lib.SQLITE_IOERR, lib.SQLITE_NOMEM, lib.SQLITE_FULL, lib.SQLITE_PROTOCOL, lib.SQLITE_SCHEMA:
		return cause.Unavailable, "the file can't be read now"
	case lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT:
		return cause.BadResponse, "the file is damaged, or no SQLite database"
	case lib.SQLITE_READONLY:
		return cause.BadResponse, "the query would write, and only reading is allowed"
	case lib.SQLITE_ERROR:
		for part, text := range map[string]string{
			"no such table": "a table or view is not there", "no such column": "a column is not there", "syntax error": "syntax error",
		} {
			if strings.Contains(e.Error(), part) {
				return cause.BadResponse, text
			}
		}
		return cause.BadResponse, "the query is not valid, or can't work with a value that it found in the data"
	}
	return cause.BadResponse, "the query failed"
}
