package collector

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// postgresSettings hold for one transaction, so that they work through a connection pooler and nothing
// that the role or the database has as its default can change what a query means. With row_security off,
// PostgreSQL refuses a query from which row-level security would silently leave out rows.
const postgresSettings = `SELECT set_config('statement_timeout', $1, true), set_config('row_security', 'off', true),
	set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true), set_config('client_encoding', 'UTF8', true)`

// postgresPlan before a query has it planned and its rights checked, and not run.
const postgresPlan = "EXPLAIN "

var postgresPlanColumns = []sqlColumn{{name: "QUERY PLAN", sort: sqlText}}

// openPostgres makes a handle from the connection string in dsnFile. It connects when it is first used.
func openPostgres(dsnFile string) (*sql.DB, error) {
	dsn, err := os.ReadFile(dsnFile)
	if err != nil {
		return nil, cause.Errorf(cause.Other, "dsn_file: %w", err)
	}
	config, err := pgx.ParseConfig(strings.TrimSpace(string(dsn)))
	if err != nil || strings.TrimSpace(string(dsn)) == "" {
		return nil, cause.Errorf(cause.Other, "dsn_file: %s does not hold a connection string of PostgreSQL, "+
			"such as postgres://user:password@host/database", dsnFile)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "intranet_exporter"
	}
	// The mode that needs no prepared statement: a connection pooler may lose it, a changed table outdate it.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return stdlib.OpenDB(*config), nil
}

// postgresError says in words of our own why a query failed, or the connecting before it. The driver's
// error is left out, as it may hold the connection string, and values of rows.
func postgresError(q sqlQuery, err error) error {
	var connect *pgconn.ConnectError
	var answer *pgconn.PgError
	connecting := errors.As(err, &connect)
	switch {
	case errors.As(err, &answer):
		c, text := postgresAnswer(q, answer, connecting)
		if connecting {
			return cause.Errorf(c, "connect to PostgreSQL: %s (SQLSTATE %s)", text, answer.Code)
		}
		return cause.Errorf(c, "%s: %s (SQLSTATE %s)", q.name, text, answer.Code)
	case connecting:
		c, text := connectionLost(err)
		return cause.Errorf(c, "connect to PostgreSQL: %s", text)
	}
	return cause.Errorf(cause.Unavailable, "%s: the connection to PostgreSQL was lost, or what came over it can't be read", q.name)
}

// postgresAnswer explains an error that the server reported, by its SQLSTATE.
func postgresAnswer(q sqlQuery, e *pgconn.PgError, connecting bool) (cause.Cause, string) {
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
		return cause.BadResponse, "syntax error" + inLine(q, e)
	case "42703":
		return cause.BadResponse, "a column is not there" + inLine(q, e)
	case "42P01":
		return cause.BadResponse, "a table or view is not there, or the user may not use its schema" + inLine(q, e)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "28":
		return cause.Auth, "the user or the password is not accepted, or not from here"
	case "08", "40", "53", "57", "58":
		return cause.Unavailable, "the server broke off"
	case "22":
		return cause.BadResponse, "the query can't work with a value that it found in the data"
	case "42":
		return cause.BadResponse, "the query is not valid" + inLine(q, e)
	}
	return cause.BadResponse, "the query failed"
}

// inLine says in which line of the query the server found the mistake.
func inLine(q sqlQuery, e *pgconn.PgError) string {
	before := int(e.Position) - 1
	if text := []rune(q.text); before >= 0 && before <= len(text) {
		return fmt.Sprintf(", in line %d of the query", strings.Count(string(text[:before]), "\n")+1)
	}
	return ""
}

// connectionLost explains why there is no connection, without the address.
func connectionLost(err error) (cause.Cause, string) {
	var errno syscall.Errno
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), pgconn.Timeout(err):
		return cause.Timeout, "no answer in time"
	case errors.As(err, &certificate):
		return cause.Unavailable, "the server's certificate is not trusted; see sslrootcert and sslmode of the connection string"
	case errors.As(err, &dns):
		return cause.Unavailable, "the host name can't be resolved"
	case errors.As(err, &errno):
		return cause.Unavailable, errno.Error()
	}
	return cause.Unavailable, "the server does not answer as PostgreSQL with these settings would"
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
	return fmt.Errorf("column %s is %s; it must be %s", c.name, called, c.sort)
}

// sqlToken finds what matters in a query: words, quoted names, parameters, signs. Comments and texts in
// quotes are found as a whole, so that what they hold is not taken for any of these.
var sqlToken = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$\$.*?\$\$` +
	`|"(?:[^"]|"")*"|[\pL_][\pL\pN_$]*|\$[0-9]+|::|\S`)

var sqlParameter = regexp.MustCompile(`^\$[0-9]+$`)

// sqlTokens returns the tokens of a query without comments; unquoted words in small letters.
func sqlTokens(query string) []string {
	var tokens []string
	for _, t := range sqlToken.FindAllString(query, -1) {
		switch {
		case strings.HasPrefix(t, "--"), strings.HasPrefix(t, "/*"):
		case strings.HasPrefix(t, `"`):
			tokens = append(tokens, t)
		default:
			tokens = append(tokens, strings.ToLower(t))
		}
	}
	return tokens
}

// checkSQL finds the mistakes that can be seen without a database.
func checkSQL(key, query string, bounds bool) error {
	tokens := sqlTokens(query)
	if len(tokens) > 0 && tokens[len(tokens)-1] == ";" {
		tokens = tokens[:len(tokens)-1]
	}
	switch {
	case len(tokens) == 0:
		return sqlKeyError(key, "is missing; write a query")
	case tokens[0] != "select" && tokens[0] != "with":
		return sqlKeyError(key, "must begin with SELECT or WITH")
	case slices.Contains(tokens, ";"):
		return sqlKeyError(key, "must be one statement")
	}
	for _, t := range tokens {
		if sqlParameter.MatchString(t) && (!bounds || t != "$1" && t != "$2") {
			return sqlKeyError(key, "there is no %s; only queries under events get bounds, and they are $1 and $2", t)
		}
	}
	if bounds && (!slices.Contains(tokens, "$1") || !slices.Contains(tokens, "$2")) {
		return sqlKeyError(key, "must say at >= $1 AND at < $2, so that it returns what is asked for")
	}
	return nil
}

// selectList names the columns that the text of a query gives. It is right where each is a plain column or
// ends with AS and its name, and what comes is compared with it. What stands in brackets, subqueries too,
// is skipped, so the first SELECT that is left is the query's own.
func selectList(query string) []string {
	var outer []string
	depth := 0
	for _, t := range sqlTokens(query) {
		if t == ")" {
			depth--
		}
		if depth == 0 {
			outer = append(outer, t)
		}
		if t == "(" {
			depth++
		}
	}
	var names, item []string
	for _, t := range append(outer[slices.Index(outer, "select")+1:], "from") {
		end := t == "from" && (len(item) == 0 || item[len(item)-1] != "distinct") // IS DISTINCT FROM
		if t != "," && !end {
			item = append(item, t)
			continue
		}
		if i := slices.Index(item, "as"); i >= 0 {
			item = item[i+1 : min(i+2, len(item))]
		} else if i := slices.Index(item, "::"); i >= 0 {
			item = item[:i]
		}
		if len(item) > 0 {
			names = append(names, strings.Trim(item[len(item)-1], `"`))
		}
		if end {
			break
		}
		item = nil
	}
	return names
}
