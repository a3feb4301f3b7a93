package collector

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

var mariadbDriver = sqlDriver{
	name:     "MariaDB",
	dsn:      "a connection string of MariaDB, such as user:password@tcp(host:3306)/database",
	token:    sqlTokenPattern(`--(?:[ \t][^\n]*)?(?:\n|$)|#[^\n]*|/\*.*?\*/`, `'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`+"`[^`]*`"),
	zoned:    true,
	unixTime: "UNIX_TIMESTAMP",
	open:     openMariaDB,
	settings: mariadbSettings,
	bound:    wallClock,
	check:    checkMariaDBType,
	convert:  convertMariaDB,
	explain:  explainMariaDB,
}

func openMariaDB(dsn string, zone *time.Location) (*sql.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.ParseTime = true
	config.Loc = cmp.Or(zone, time.UTC)
	config.InterpolateParams = false // It takes a question mark in a text for a parameter.
	config.MultiStatements = false
	config.AllowAllFiles = false
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// mariadbSettings make a query mean the same wherever it runs. TIMESTAMP, NOW() and what else the server
// converts come in the zone that the times have which it does not convert. The comments are for MariaDB
// and MySQL, each of which has a time limit of its own.
func mariadbSettings(timeout time.Duration, zone *time.Location) string {
	name := "+00:00" // needs no tables of time zones in the server
	if zone != nil && zone != time.UTC {
		name = zone.String()
	}
	return fmt.Sprintf("SET time_zone = '%s', sql_mode = '' /*M!100100 , max_statement_time = %f */ /*!50708 , max_execution_time = %d */",
		name, timeout.Seconds(), timeout.Milliseconds())
}

// mariadbSorts are what messages call the types that a value of each sort may have.
var mariadbSorts = map[sqlSort]string{
	sqlText:    "text or a whole number",
	sqlBoolean: "0 or 1",
	sqlMoment:  "timestamp, datetime, or Unix seconds",
	sqlNumber:  "a number",
}

// mariadbTypes are the ends of the types that a value of each sort may have: INT is TINYINT and BIGINT too.
var mariadbTypes = map[sqlSort][]string{
	sqlText:    {"INT", "CHAR", "TEXT", "ENUM"},
	sqlBoolean: {"INT", "BIT"},
	sqlMoment:  {"TIMESTAMP", "DATETIME", "INT", "DECIMAL", "DOUBLE"},
	sqlNumber:  {"INT", "DECIMAL", "DOUBLE", "FLOAT"},
}

func checkMariaDBType(c sqlColumn, typ string) error {
	if typ == "NULL" || slices.ContainsFunc(mariadbTypes[c.sort], func(end string) bool { return strings.HasSuffix(typ, end) }) {
		return nil
	}
	return fmt.Errorf("column %s is %s; it must be %s", c.name, strings.ToLower(typ), mariadbSorts[c.sort])
}

func convertMariaDB(c sqlColumn, typ string, value any, zone *time.Location) (any, error) {
	if t, ok := value.(time.Time); ok {
		if typ == "TIMESTAMP" {
			return t, nil
		}
		return t, sqlZoneMissing(c, zone)
	}
	text := fmt.Sprint(value)
	if b, ok := value.([]byte); ok {
		text = string(b)
	}
	switch {
	case c.sort == sqlMoment:
		if seconds, err := strconv.ParseFloat(text, 64); err == nil {
			return time.UnixMicro(int64(math.Round(seconds * 1e6))), nil
		}
	case c.sort != sqlBoolean:
		return text, nil
	case text == "0", text == "1":
		return text == "1", nil
	case typ == "BIT" && (text == "\x00" || text == "\x01"):
		return text == "\x01", nil
	}
	return nil, fmt.Errorf("column %s is another number in a row; it must be %s", c.name, mariadbSorts[c.sort])
}

func explainMariaDB(_ string, err error) (cause.Cause, string) {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		why, text := mariadbAnswer(answer)
		return why, fmt.Sprintf("%s (error %d)", text, answer.Number)
	}
	return connectionLost(err, "MariaDB")
}

var mariadbLine = regexp.MustCompile(`at line ([0-9]+)$`)

// mariadbAnswer explains an error that the server reported, by its number.
func mariadbAnswer(e *mysql.MySQLError) (cause.Cause, string) {
	switch e.Number {
	case 1045, 1130, 1698:
		return cause.Auth, "the user or the password is not accepted, or not from here"
	case 1049:
		return cause.Auth, "there is no such database"
	case 1044:
		return cause.Permission, "the user may not use this database"
	case 1142, 1143, 1227, 1356, 1370:
		return cause.Permission, "the database user may not read what the query names"
	case 1317, 1969, 3024:
		return cause.Timeout, "the query was cancelled, most likely because it ran longer than statement_timeout"
	case 1205:
		return cause.Timeout, "a time limit of the server ended the query"
	case 1040, 1203, 1226:
		return cause.Unavailable, "too many connections are open"
	case 1053, 1129, 1158, 1159, 1160, 1161, 1213, 1927, 2006, 2013:
		return cause.Unavailable, "the server broke off"
	case 1298:
		return cause.BadResponse, "the server does not know the zone of time_zone; load its tables with mariadb-tzinfo-to-sql"
	case 1792:
		return cause.BadResponse, "the query would write, and only reading is allowed"
	case 1054:
		return cause.BadResponse, "a column is not there"
	case 1146:
		return cause.BadResponse, "a table or view is not there"
	case 1064:
		if line := mariadbLine.FindStringSubmatch(e.Message); line != nil {
			return cause.BadResponse, "syntax error, in line " + line[1] + " of the query"
		}
		return cause.BadResponse, "syntax error"
	}
	return cause.BadResponse, "the query is not valid, or can't work with a value that it found in the data"
}
