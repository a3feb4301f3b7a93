package collector

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// A sqlDriver is what one kind of database does in its own way. All else is the same for each.
type sqlDriver struct {
	name  string         // in messages
	dsn   string         // what the file of dsn_file holds, in messages
	token *regexp.Regexp // made by sqlTokenPattern

	numbered bool   // takes $1 and $2 as they are written; else each is a question mark
	plan     string // before a query has the rights checked and nothing run; "" = preparing the query does that
	zoned    bool   // has times without a zone, for which time_zone says where their clock hung
	untimed  bool   // does not end a statement at its time limit, so we must
	unixTime string // makes Unix seconds of a bound; "" = the database refuses to compare a number with a time by itself

	// open makes a handle from the connection string. It connects when it is first used.
	open func(dsn string, zone *time.Location) (*sql.DB, error)
	// settings is the statement at the beginning of each transaction.
	settings func(timeout time.Duration, zone *time.Location) string
	// bound is how a moment is handed to a query.
	bound func(t time.Time, zone *time.Location) any
	// check says what is wrong with the type of a column, nil = nothing, or nothing that the type tells.
	check func(c sqlColumn, typ string) error
	// convert makes a string, bool, time.Time or number of a value that is not NULL, as the column's sort wants.
	convert func(c sqlColumn, typ string, value any, zone *time.Location) (any, error)
	// explain says in words of our own why connecting failed, or query.
	explain func(query string, err error) (cause.Cause, string)
}

// sqlDrivers are what driver: may be.
var sqlDrivers = map[string]sqlDriver{
	"mariadb":  mariadbDriver,
	"postgres": postgresDriver,
	"sqlite":   sqliteDriver,
}

// wallClock writes the first time on a clock in zone that is read as t or later. That is what it shows at t,
// but in the hour that it shows twice, as time.Date reads all of that hour as one of the two.
func wallClock(t time.Time, zone *time.Location) any {
	const layout = "2006-01-02 15:04:05.999999"
	t = t.In(cmp.Or(zone, time.UTC))
	shown := t.Format(layout)
	read, _ := time.ParseInLocation(layout, shown, t.Location())
	begin, end := t.ZoneBounds()
	switch {
	case read.After(t): // t is in the first of the two hours: the second begins where the zone's offset ends.
		return end.Format(layout)
	case read.Before(t): // t is in the second: the first ended where the offset began.
		_, offset := begin.Add(-time.Nanosecond).Zone()
		return begin.In(time.FixedZone("", offset)).Format(layout)
	}
	return shown
}

func sqlZoneMissing(c sqlColumn, zone *time.Location) error {
	if zone != nil {
		return nil
	}
	return fmt.Errorf("column %s is a time without a zone; write under time_zone where its clock hung, such as Europe/Amsterdam or UTC", c.name)
}

// sqlTokenPattern finds what matters in a query: words, quoted names, parameters, signs. Comments and what
// is quoted are found as a whole, so that what they hold is not taken for any of these.
func sqlTokenPattern(comments, quoted string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)` + comments + `|` + quoted + `|[\pL_][\pL\pN_$]*|\$[0-9]+|::|\S`)
}

var sqlParameter = regexp.MustCompile(`^\$[0-9]+$`)

// sqlQuotes are the signs that begin and end a quoted name, in one database or another.
const sqlQuotes = "\"`[]"

// bind writes the parameters of a query as the driver wants them.
func (d sqlDriver) bind(query string, bounds []any) (string, []any) {
	if d.numbered {
		return query, bounds
	}
	var args []any
	return d.token.ReplaceAllStringFunc(query, func(t string) string {
		if sqlParameter.MatchString(t) {
			args = append(args, bounds[t[1]-'1'])
			return "?"
		}
		return t
	}), args
}

// tokens returns the tokens of a query without comments; unquoted words in small letters.
func (d sqlDriver) tokens(query string) []string {
	var tokens []string
	for _, t := range d.token.FindAllString(query, -1) {
		switch {
		case strings.HasPrefix(t, "--"), strings.HasPrefix(t, "/*"), strings.HasPrefix(t, "#"):
		case strings.ContainsAny(t[:1], sqlQuotes):
			tokens = append(tokens, t)
		default:
			tokens = append(tokens, strings.ToLower(t))
		}
	}
	return tokens
}

// checkQuery finds the mistakes that can be seen without a database.
func (d sqlDriver) checkQuery(key, query string, bounds bool) error {
	tokens := d.tokens(query)
	if len(tokens) > 0 && tokens[len(tokens)-1] == ";" {
		tokens = tokens[:len(tokens)-1]
	}
	switch {
	case len(tokens) == 0:
		return keyErrorf(key, "is missing; write a query")
	case tokens[0] != "select" && tokens[0] != "with":
		return keyErrorf(key, "must begin with SELECT or WITH")
	case slices.Contains(tokens, ";"):
		return keyErrorf(key, "must be one statement")
	}
	for _, t := range tokens {
		if sqlParameter.MatchString(t) && (!bounds || t != "$1" && t != "$2") {
			return keyErrorf(key, "there is no %s; only queries under events get bounds, and they are $1 and $2", t)
		}
	}
	if bounds && (!slices.Contains(tokens, "$1") || !slices.Contains(tokens, "$2")) {
		return keyErrorf(key, "must say at >= $1 AND at < $2, so that it returns what is asked for")
	}
	return nil
}

// selectList names the columns that the text of a query gives. It is right where each is a plain column or
// ends with AS and its name, and what comes is compared with it. What stands in brackets, subqueries too,
// is skipped, so the first SELECT that is left is the query's own.
func (d sqlDriver) selectList(query string) []string {
	var outer []string
	depth := 0
	for _, t := range d.tokens(query) {
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
			names = append(names, strings.Trim(item[len(item)-1], sqlQuotes))
		}
		if end {
			break
		}
		item = nil
	}
	return names
}

// connectionLost explains why there is no connection, or no longer one, without the address.
func connectionLost(err error, server string) (cause.Cause, string) {
	var errno syscall.Errno
	var timeout net.Error
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return cause.Timeout, "no answer in time"
	case errors.As(err, &certificate):
		return cause.Unavailable, "the server's certificate is not trusted"
	case errors.As(err, &dns):
		return cause.Unavailable, "the host name can't be resolved"
	case errors.As(err, &errno):
		return cause.Unavailable, errno.Error()
	}
	return cause.Unavailable, "the connection was lost, or " + server + " with these settings would answer otherwise"
}
