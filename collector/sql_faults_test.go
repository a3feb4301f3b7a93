package collector

import (
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// sqlFaults are those of the portal in PostgreSQL that startSQL starts.
var sqlFaults = map[string]fault{
	"401": refused("28P01", cause.Auth),
	"403": denied("42501", cause.Permission),
	"404": denied("42P01", cause.BadResponse),
	"409": denied("40001", cause.Unavailable), // a conflict with the recovery of a standby
	"429": refused("53300", cause.Unavailable),
	"500": denied("XX000", cause.BadResponse),
	"502": {never: "Nobody stands between that could answer in PostgreSQL's place."},
	"503": denied("57P01", cause.Unavailable),

	"Retry-After in seconds":          {never: "PostgreSQL does not say when to come back."},
	"Retry-After as a date":           {never: "PostgreSQL does not say when to come back."},
	"Retry-After that makes no sense": {never: "PostgreSQL does not say when to come back."},

	"hung up": {cause: cause.Unavailable, postgres: func(postgresQuery) (met, alive bool) { return true, false }},
	"reset in the middle": midway(cause.Unavailable, func(q postgresQuery) bool {
		_ = q.conn.(*net.TCPConn).SetLinger(0)
		return false
	}),
	"cut in the middle": midway(cause.Unavailable, func(postgresQuery) bool { return false }),
	"wrong length": midway(cause.Unavailable, func(q postgresQuery) bool {
		_, _ = q.conn.Write([]byte{'D', 0, 0, 0, 1, 0}) // shorter than its own head
		return false
	}),
	"slow bytes": lasting(midway(cause.Timeout, func(q postgresQuery) bool {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for q.Flush() == nil && !q.cancelled() { // or until the collector hangs up
			<-tick.C
			q.Send(&pgproto3.NoticeResponse{Severity: "NOTICE", Message: planted})
		}
		return false
	})),
	"silence": lasting(fault{cause: cause.Timeout, postgres: func(q postgresQuery) (met, alive bool) {
		_, _ = q.Receive() // until the collector hangs up
		return true, false
	}}),

	"gzip bomb": {never: "PostgreSQL packs nothing."},
	"50 MB string": midway(cause.BadResponse, func(q postgresQuery) bool {
		_, err := q.conn.Write([]byte{'D', 3, 0x20, 0, 0, 0, 1})
		for n := 0; n < 50 && err == nil; n++ {
			_, err = q.conn.Write(megabyte)
		}
		return false
	}),
	"deep nesting":         {never: "Rows have no depth."},
	"invalid UTF-8":        {never: "Texts are compared, and never shown, so they may be of any bytes."},
	"NaN":                  reading("NaN"),
	"numbers out of range": reading("1e999"),
	"empty answer":         {never: "No rows are an answer too; the tally does not believe an empty listing."},
	"HTML": {cause: cause.Unavailable, postgres: func(q postgresQuery) (met, alive bool) {
		if q.about != "connect" {
			return false, true
		}
		_, _ = io.WriteString(q.conn, "HTTP/1.1 400 Bad Request\r\n\r\n"+planted)
		return true, false
	}},
	"sign-in page": {never: "PostgreSQL sends nobody elsewhere."},

	"page loop":         {never: "Rows don't come in pages."},
	"page repeated":     {never: "Rows don't come in pages."},
	"page size changed": {never: "Rows don't come in pages."},
	"right lost half-way": midway(cause.Permission, func(q postgresQuery) bool {
		q.Send(pgError("42501", planted+" may not", 0))
		return true
	}),
	"right lost":                        denied("42501", cause.Permission),
	"error that looks like success":     {never: "An error is a message of its own kind."},
	"wrong password that still answers": {never: "PostgreSQL answers nobody without it, and each call opens a connection."},

	"duplicate ids":    listing("7", "2026-03-10 08:00:00+00"),
	"year 0":           listing("9", "0001-01-01 00:00:00+00 BC"),
	"year 9999":        listing("9", "9999-12-31 00:00:00+00"),
	"sentinel numbers": reading("-1"),

	"no right to connect": refused("42501", cause.Permission),
	"too slow":            denied("57014", cause.Timeout),
}

// A postgresQuery is what a fake PostgreSQL was just asked.
type postgresQuery struct {
	*pgproto3.Backend
	conn   net.Conn
	about  string // connect, accounts, events, readings, or which of these three a plan is wanted for, such as "plan events"
	custom bool   // the reading is a custom one, which may be any number
	bounds []time.Time

	cancelled func() bool // the collector asked for its end
}

// about says what a query of the portal is for.
func about(query string) string {
	what := "readings"
	switch {
	case strings.Contains(query, "$1"):
		what = "events"
	case strings.Contains(query, "FROM users"):
		what = "accounts"
	}
	if strings.HasPrefix(query, "EXPLAIN ") {
		return "plan " + what
	}
	return what
}

// refused ends connections before they can be used.
func refused(code string, c cause.Cause) fault {
	return fault{cause: c, postgres: func(q postgresQuery) (met, alive bool) {
		if q.about != "connect" {
			return false, true
		}
		q.Send(fatal(code, planted+" may not"))
		return true, false
	}}
}

// denied answers queries with an error, and so their plans, but for readings, without which a poll succeeds.
func denied(code string, c cause.Cause) fault {
	return fault{cause: c, postgres: func(q postgresQuery) (met, alive bool) {
		if q.about == "connect" || q.about == "plan readings" {
			return false, true
		}
		q.Send(pgError(code, planted+" may not", 0))
		return true, true
	}}
}

// midway sends a row of what is asked for, and leaves to end what follows, which returns whether the connection lives on.
func midway(c cause.Cause, end func(postgresQuery) bool) fault {
	return fault{cause: c, postgres: func(q postgresQuery) (met, alive bool) {
		switch q.about {
		case "accounts":
			q.users("9", "2026-03-10 08:00:00+00")
		case "events":
			columns(q.Backend, "at:1184", "account:23")
			row(q.Backend, q.bounds[0].Format("2006-01-02 15:04:05-07"), "7")
		case "readings":
			columns(q.Backend, "value:20")
			row(q.Backend, "3")
		default:
			return false, true
		}
		if err := q.Flush(); err != nil {
			return true, false
		}
		return true, end(q)
	}}
}

// listing lists a second account, with an id and a time.
func listing(id, lastLogin string) fault {
	return fault{cause: cause.BadResponse, postgres: func(q postgresQuery) (met, alive bool) {
		if q.about != "accounts" {
			return false, true
		}
		q.users(id, lastLogin)
		q.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT")})
		return true, true
	}}
}

func (q postgresQuery) users(id, lastLogin string) {
	columns(q.Backend, "id:23", "name:25", "identity:25", "kind:25", "enabled:16", "last_login:1184", "last_active:1184", "profile.phone:16", "profile.about:16")
	row(q.Backend, "7", "Ada Jansen", "ada@example.org", "employee", "t", "2026-03-10 08:00:00+00", "NULL", "t", "NULL")
	row(q.Backend, id, "Eve Jansen", "eve@example.org", "employee", "t", lastLogin, "NULL", "t", "NULL")
}

// reading counts a value that can't be.
func reading(value string) fault {
	return fault{cause: cause.BadResponse, postgres: func(q postgresQuery) (met, alive bool) {
		if q.about != "readings" || q.custom {
			return false, true
		}
		columns(q.Backend, "value:1700")
		row(q.Backend, value)
		q.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT")})
		return true, true
	}}
}
