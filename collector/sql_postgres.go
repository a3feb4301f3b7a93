package collector

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

var postgresDriver = sqlDriver{
	name:     "PostgreSQL",
	dsn:      "a connection string of PostgreSQL, such as postgres://user:password@host/database",
	token:    sqlTokenPattern(`--[^\n]*|/\*.*?\*/`, `[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$\$.*?\$\$|"(?:[^"]|"")*"`),
	numbered: true,
	plan:     "EXPLAIN ",
	open:     openPostgres,
	settings: postgresSettings,
	// PostgreSQL counts in microseconds: rounded up, a bound divides them as it did.
	bound:   func(t time.Time, _ *time.Location) any { return t.Add(time.Microsecond - 1).Truncate(time.Microsecond) },
	check:   checkPostgresType,
	convert: convertPostgres,
	explain: explainPostgres,
}

// maxPostgresRow is how many bytes a row may have. The driver makes room for all of one at once.
const maxPostgresRow = 1 << 20

func openPostgres(dsn string, _ *time.Location) (*sql.DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "intranet_exporter"
	}
	config.MaxProtocolMessageBodyLen = maxPostgresRow
	// The mode that needs no prepared statement: a connection pooler may lose it, a changed table outdate it.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return stdlib.OpenDB(*config), nil
}

// postgresSettings hold for one transaction, so that they work through a connection pooler and nothing
// that the role or the database has as its default can change what a query means. With row_security off,
// PostgreSQL refuses a query from which row-level security would silently leave out rows.
func postgresSettings(timeout time.Duration, _ *time.Location) string {
	return fmt.Sprintf("SELECT set_config('statement_timeout', '%d', true), set_config('row_security', 'off', true), "+
		"set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true), set_config('client_encoding', 'UTF8', true)",
		timeout.Milliseconds())
}

func explainPostgres(query string, err error) (cause.Cause, string) {
	var connect *pgconn.ConnectError
	var answer *pgconn.PgError
	var large *pgproto3.ExceededMaxBodyLenErr
	switch {
	case errors.As(err, &answer):
		why, text := postgresAnswer(query, answer, errors.As(err, &connect))
		return why, fmt.Sprintf("%s (SQLSTATE %s)", text, answer.Code)
	case errors.As(err, &large) && !errors.As(err, &connect):
		return cause.BadResponse, fmt.Sprintf("a row is larger than %d MiB; does the query give a column that it need not?", maxPostgresRow>>20)
	}
	return connectionLost(err, "PostgreSQL")
}

// postgresAnswer explains an error that the server reported, by its SQLSTATE.
func postgresAnswer(query string, e *pgconn.PgError, connecting bool) (cause.Cause, string) {
	switch e.Code {
	case "3D000":
		return cause.Auth, "there is no such database"
	case "42501":
		if connecting {
			return cause.Permission, "the user may not connect to this database"
		}
		return cause.Permission, "the database user may not read what the query names, or row-level security would leave out rows"
	case "57014":
		return cause.Timeout, "the query was cancelled, most likely because it ran longer than statement_timeout"
	case "25P03", "25P04", "55P03", "57P05":
		return cause.Timeout, "a time limit of the server ended the query"
	case "25006":
		return cause.BadResponse, "the query would write, and only reading is allowed"
	case "53300":
		return cause.Unavailable, "too many connections are open"
	case "42601":
		return cause.BadResponse, "syntax error" + inLine(query, e)
	case "42703":
		return cause.BadResponse, "a column is not there" + inLine(query, e)
	case "42P01":
		return cause.BadResponse, "a table or view is not there, or the user may not use its schema" + inLine(query, e)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "28":
		return cause.Auth, "the user or the password is not accepted, or not from here"
	case "08", "40", "53", "57", "58":
		return cause.Unavailable, "the server broke off"
	case "22":
		return cause.BadResponse, "the query can't work with a value that it found in the data"
	case "42":
		return cause.BadResponse, "the query is not valid" + inLine(query, e)
	}
	return cause.BadResponse, "the query failed"
}

// inLine says in which line of the query the server found the mistake.
func inLine(query string, e *pgconn.PgError) string {
	before := int(e.Position) - 1
	if text := []rune(query); before >= 0 && before <= len(text) {
		return fmt.Sprintf(", in line %d of the query", strings.Count(string(text[:before]), "\n")+1)
	}
	return ""
}

// postgresTypes are the types that a value of each sort may have. A type that the driver does not know,
// such as an enum, has digits for a name here, and comes as text.
var postgresTypes = map[sqlSort][]string{
	sqlText:    {"TEXT", "VARCHAR", "BPCHAR", "NAME", "UUID", "INT2", "INT4", "INT8"},
	sqlBoolean: {"BOOL"},
	sqlMoment:  {"TIMESTAMPTZ"},
	sqlNumber:  {"INT2", "INT4", "INT8", "FLOAT4", "FLOAT8", "NUMERIC"},
}

// postgresNames are what messages call the types that go by another name in the documentation.
var postgresNames = map[string]string{
	"BOOL": "boolean", "INT2": "smallint", "INT4": "integer", "INT8": "bigint", "FLOAT4": "real", "FLOAT8": "double precision",
	"VARCHAR": "character varying", "BPCHAR": "character",
	"TIMESTAMPTZ": "timestamp with time zone", "TIMESTAMP": "timestamp without time zone",
}

// checkPostgresType says what is wrong with the type of a column, nil = nothing.
func checkPostgresType(c sqlColumn, typ string) error {
	unknown := strings.Trim(typ, "0123456789") == ""
	called := postgresNames[typ]
	switch {
	case slices.Contains(postgresTypes[c.sort], typ), unknown && c.sort == sqlText:
		return nil
	case c.sort == sqlMoment && typ == "TIMESTAMP":
		return fmt.Errorf("column %s is timestamp without time zone; write %[1]s AT TIME ZONE 'Europe/Amsterdam' AS %[1]s, "+
			"with the zone that the table is in", c.name)
	case unknown:
		called = "of a type of its own"
	case called == "":
		called = strings.ToLower(typ)
	}
	return fmt.Errorf("column %s is %s; it must be %s", c.name, called, postgresSorts[c.sort])
}

// postgresSorts are what messages call the types that a value of each sort may have.
var postgresSorts = map[sqlSort]string{
	sqlText:    "text, a whole number or a uuid",
	sqlBoolean: "boolean",
	sqlMoment:  "timestamp with time zone",
	sqlNumber:  "a number",
}

func convertPostgres(c sqlColumn, typ string, value any, _ *time.Location) (any, error) {
	if n, ok := value.(int64); ok && c.sort == sqlText {
		return strconv.FormatInt(n, 10), nil
	}
	if typ == "BPCHAR" {
		return strings.TrimRight(value.(string), " "), nil // Padding, which SQL ignores as well.
	}
	return value, nil
}
