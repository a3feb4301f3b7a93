package demo

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// portalTables are those of a home-grown portal. Times are Unix seconds.
const portalTables = `
	CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT NOT NULL, email TEXT NOT NULL, kind TEXT NOT NULL, enabled INTEGER NOT NULL);
	CREATE TABLE profiles (user_id INTEGER PRIMARY KEY, phone TEXT, photo TEXT, about TEXT);
	CREATE TABLE pages (id INTEGER PRIMARY KEY, author INTEGER NOT NULL, created_at INTEGER NOT NULL);
	CREATE TABLE logins (at INTEGER NOT NULL, user_id INTEGER NOT NULL, channel TEXT NOT NULL);
	CREATE TABLE page_views (at INTEGER NOT NULL, user_id INTEGER NOT NULL, page INTEGER NOT NULL);
	CREATE TABLE searches (at INTEGER NOT NULL, user_id INTEGER NOT NULL, hits INTEGER NOT NULL);
	CREATE TABLE likes (at INTEGER NOT NULL, user_id INTEGER NOT NULL, page INTEGER NOT NULL);
	CREATE TABLE comments (at INTEGER NOT NULL, user_id INTEGER NOT NULL, page INTEGER NOT NULL);
	CREATE TABLE answers (at INTEGER NOT NULL, score INTEGER NOT NULL);
	CREATE INDEX pages_created_at ON pages (created_at);
	CREATE INDEX logins_at ON logins (at);
	CREATE INDEX page_views_at ON page_views (at);
	CREATE INDEX searches_at ON searches (at);
	CREATE INDEX likes_at ON likes (at);
	CREATE INDEX comments_at ON comments (at);
	CREATE INDEX answers_at ON answers (at);
`

// A portal is a home-grown one: a database, which the collector reads too.
type portal struct {
	db    *sql.DB
	since time.Time // what people did before is not in the database
	pages int
}

// newPortal makes the database in a file. It will know all accounts and pages, and what people did since a time.
func newPortal(ctx context.Context, file string, since time.Time) (*portal, error) {
	// Who reads and who writes don't wait for each other. Nobody needs the file after a power failure.
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(OFF)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: file, RawQuery: pragmas.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("make portal: %w", err)
	}
	if _, err := db.ExecContext(ctx, portalTables); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("make portal: %w", err)
	}
	return &portal{db: db, since: since}, nil
}

// take lets what concerns a portal happen on it.
func (p *portal) take(ctx context.Context, happenings []Happening) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write portal: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	prepared := map[string]*sql.Stmt{}
	defer func() {
		for _, statement := range prepared {
			_ = statement.Close()
		}
	}()
	for _, h := range happenings {
		query, args := p.statement(h)
		if query == "" {
			continue
		}
		statement := prepared[query]
		if statement == nil {
			if statement, err = tx.PrepareContext(ctx, query); err != nil {
				return fmt.Errorf("write portal: %w", err)
			}
			prepared[query] = statement
		}
		if _, err := statement.ExecContext(ctx, args...); err != nil {
			return fmt.Errorf("write portal: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write portal: %w", err)
	}
	return nil
}

// statement returns what is written when something happens, "" for nothing.
func (p *portal) statement(h Happening) (query string, args []any) {
	at, who := h.At.Unix(), h.Who.ID
	switch {
	case h.Who.Kind == "bot": // the portal has none
		return "", nil
	case h.What == Joined:
		email := strings.ToLower(h.Who.signIn()) + "@example.org"
		return "INSERT INTO users VALUES (?, ?, ?, ?, 1)", []any{who, h.Who.Name, email, h.Who.Kind}
	case h.What == Left:
		return "UPDATE users SET enabled = 0 WHERE id = ?", []any{who}
	case h.What == Filled && portalFields[h.Field]:
		return "INSERT INTO profiles (user_id, " + h.Field + ") VALUES (?1, 'known') ON CONFLICT DO UPDATE SET " + h.Field + " = 'known'", []any{who}
	case h.What == Cleared && portalFields[h.Field]: // an empty text, as forms leave it behind
		return "UPDATE profiles SET " + h.Field + " = '' WHERE user_id = ?", []any{who}
	case h.What == Published:
		p.pages++
		return "INSERT INTO pages VALUES (?, ?, ?)", []any{p.pages, who, at}
	case h.At.Before(p.since):
		return "", nil
	}
	page := max(1, p.pages-int(h.Luck*h.Luck*float64(p.pages))) // what is new is read most
	switch h.What {
	case LoggedIn:
		channel := "web"
		if h.Who.Kind == "service" {
			channel = "api"
		} else if h.Luck < 0.3 {
			channel = "mobile"
		}
		return "INSERT INTO logins VALUES (?, ?, ?)", []any{at, who, channel}
	case Renewed:
		return "INSERT INTO logins VALUES (?, ?, 'sso_refresh')", []any{at, who}
	case Viewed:
		return "INSERT INTO page_views VALUES (?, ?, ?)", []any{at, who, page}
	case Searched:
		return "INSERT INTO searches VALUES (?, ?, ?)", []any{at, who, 1 + int(40*h.Luck)}
	case SearchedInVain:
		return "INSERT INTO searches VALUES (?, ?, 0)", []any{at, who}
	case Liked:
		return "INSERT INTO likes VALUES (?, ?, ?)", []any{at, who, page}
	case Commented:
		return "INSERT INTO comments VALUES (?, ?, ?)", []any{at, who, page}
	case Answered:
		return "INSERT INTO answers VALUES (?, ?)", []any{at, h.score()}
	}
	return "", nil
}

var portalFields = map[string]bool{"phone": true, "photo": true, "about": true}

// score is what somebody answered, from 5 to 10.
func (h Happening) score() int { return 5 + int(6*h.Luck) }
