//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed testdata/portal.sql
var portalSQL string

// A postgres is a PostgreSQL server in a folder of its own.
type postgres struct {
	life              *testing.T // the server runs until this test ends
	bin, dir, address string
	owner             *syscall.Credential // PostgreSQL does not run as root
	server            *process

	password string // of the role admin
}

// newPostgres starts PostgreSQL with nothing in it.
func newPostgres(t *testing.T) *postgres {
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(installed) == 0 {
		t.Fatal("PostgreSQL is not installed; run e2e/install.sh")
	}
	p := &postgres{life: t, bin: installed[len(installed)-1], dir: t.TempDir(), address: address(t), password: rand.Text()}
	if os.Getuid() == 0 {
		p.own(t)
	}
	data := filepath.Join(p.dir, "data")
	passwords := write(t, p.password, p.dir, "password")
	run(t, p.command("initdb", "-D", data, "-U", "admin", "--pwfile", passwords, "-A", "scram-sha-256", "-E", "UTF8", "--locale", "C", "--no-sync"))
	p.start()
	return p
}

// A portal is a home-grown intranet that is only a database, in a PostgreSQL server of its own.
type portal struct{ *postgres }

// newPortal starts a portal that has a history. It is not polled; copies of it are.
func newPortal(t *testing.T, seed uint64) *portal {
	p := &portal{newPostgres(t)}
	db := p.connect(t, "postgres")
	p.exec(t, db, `CREATE ROLE reader`)
	p.exec(t, db, `CREATE DATABASE portal`)
	seeded := p.connect(t, "portal")
	defer func() { _ = seeded.Close(t.Context()) }() // a template must be free of connections
	script := strings.NewReplacer(
		":seed", strconv.FormatFloat(float64(seed%1000)/1000, 'f', 3, 64),
		":'surnames'", "'{"+strings.ToLower(strings.Join(surnames, ","))+"}'",
		":'title'", "'"+titleWord+"'").Replace(portalSQL)
	p.exec(t, seeded, script)
	p.exec(t, seeded, `CREATE EXTENSION pg_stat_statements`)
	return p
}

// own gives the folder and the server to the user postgres.
func (p *postgres) own(t *testing.T) {
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	p.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	// The folders of a test are closed to others, and PostgreSQL has to walk through them.
	for dir := p.dir; dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode()|0o111); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chown(p.dir, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func (p *postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	return cmd
}

// start starts the server on its address.
func (p *postgres) start() {
	t := p.life
	host, port, _ := net.SplitHostPort(p.address)
	p.server = start(t, "postgres", p.command("postgres", "-D", filepath.Join(p.dir, "data"), "-h", host, "-p", port, "-k", "",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "max_wal_size=4GB", "-c", "shared_buffers=256MB",
		"-c", "shared_preload_libraries=pg_stat_statements"))
	p.server.quit = syscall.SIGINT // SIGTERM waits for the clients
	p.server.listening(t, p.address)
	eventually(t, time.Minute, func() error {
		db, err := pgx.Connect(t.Context(), p.dsn("admin", p.password, "postgres"))
		if err != nil {
			return err
		}
		return db.Close(t.Context())
	})
}

func (p *postgres) dsn(user, password, database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s", user, password, p.address, database)
}

func (p *postgres) connect(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), p.dsn("admin", p.password, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	return db
}

func (p *postgres) exec(t *testing.T, db *pgx.Conn, statements string) {
	t.Helper()
	if _, err := db.PgConn().Exec(t.Context(), statements).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// A portalCopy is a database of its own, with a reader of its own, that a test may spoil.
type portalCopy struct {
	*portal
	db      *pgx.Conn
	name    string // of the database, and of the role that reads it
	dsnFile string

	passwords []string // of that role; the last one counts
}

func (p *portal) copy(t *testing.T) *portalCopy {
	c := &portalCopy{portal: p, name: "portal_" + strings.ToLower(rand.Text()[:8])}
	db := p.connect(t, "postgres")
	p.exec(t, db, `CREATE DATABASE `+c.name+` TEMPLATE portal STRATEGY file_copy`)
	t.Cleanup(func() { _, _ = db.Exec(context.Background(), `DROP DATABASE `+c.name+` WITH (FORCE)`) })
	c.db = p.connect(t, c.name)
	c.dsnFile = filepath.Join(t.TempDir(), "portal.dsn")
	p.exec(t, db, `CREATE ROLE `+c.name+` LOGIN IN ROLE reader`)
	c.changePassword(t)
	c.tellPassword(t)
	return c
}

// changePassword gives the reader a new password.
func (c *portalCopy) changePassword(t *testing.T) {
	password := rand.Text()
	c.exec(t, c.db, `ALTER ROLE `+c.name+` PASSWORD '`+password+`'`)
	c.passwords = append(c.passwords, password)
}

// tellPassword writes the file that the exporter reads.
func (c *portalCopy) tellPassword(t *testing.T) {
	write(t, c.dsn(c.name, c.passwords[len(c.passwords)-1], c.name)+"\n", c.dsnFile)
}

// restart starts the server again after a test stopped it.
func (c *portalCopy) restart() {
	c.start()
	c.db = c.connect(c.life, c.name)
}

func (c *portalCopy) number(t *testing.T, query string, args ...any) float64 {
	t.Helper()
	var n float64
	if err := c.db.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %s", query, err)
	}
	return n
}

// What people do on the portal.
const (
	portalLogins   = `SELECT at, user_id FROM logins WHERE ok AND channel NOT IN ('api', 'sso_refresh')`
	portalViews    = `SELECT at, user_id FROM page_views`
	portalCreated  = `SELECT created AS at, author AS user_id FROM pages WHERE deleted IS NULL`
	portalEdits    = `SELECT at, user_id FROM feed WHERE what = 'edit'`
	portalComments = `SELECT at, user_id FROM feed WHERE what = 'comment'`
	portalLikes    = `SELECT at, user_id FROM feed WHERE what = 'like'`
	portalSearches = `SELECT at, user_id FROM feed WHERE what = 'search'`
)

// portalPeople are the measures of distinct people, and what they do.
var portalPeople = map[string]string{
	"logged_in_users": portalLogins,
	"authors":         union(portalCreated, portalEdits),
	"contributors":    union(portalCreated, portalEdits, portalComments, portalLikes),
	"active_users":    union(portalCreated, portalEdits, portalComments, portalLikes, portalViews, portalSearches),
}

func union(queries ...string) string { return strings.Join(queries, " UNION ALL ") }

// viewWho makes a view of the accounts, and why they do not count.
func (c *portalCopy) viewWho(t *testing.T) {
	c.exec(t, c.db, `CREATE OR REPLACE TEMP VIEW who AS SELECT *, CASE
		WHEN kind = 'service' THEN 'service' WHEN kind = 'guest' THEN 'guest'
		WHEN left(login, 4) = 'svc-' OR left(login, 5) = 'test-' THEN 'pattern'
		WHEN NOT active THEN 'disabled' ELSE '' END AS reason,
		(phone > '')::int AS has_phone, (title > '')::int AS has_title, (length(photo) > 0)::int AS has_photo
		FROM users LEFT JOIN profiles ON user_id = id`)
}

// truth counts every measure in the portal's own database, as of at.
func (c *portalCopy) truth(t *testing.T, at time.Time) map[string]float64 {
	c.viewWho(t)
	truth := map[string]float64{
		"intranet_accounts":                   c.number(t, `SELECT count(*) FROM who WHERE reason = ''`),
		"intranet_activated_accounts":         c.number(t, `SELECT count(*) FROM who WHERE reason = '' AND last_login IS NOT NULL`),
		"intranet_pages":                      c.number(t, `SELECT count(*) FROM pages WHERE deleted IS NULL`),
		"intranet_profile_completion_ratio":   c.number(t, `SELECT avg((coalesce(has_phone, 0) + coalesce(has_title, 0) + coalesce(has_photo, 0)) / 3.0) FROM who WHERE reason = ''`),
		"intranet_profiles_complete":          c.number(t, `SELECT count(*) FROM who WHERE reason = '' AND coalesce(has_phone, 0) + coalesce(has_title, 0) + coalesce(has_photo, 0) >= 2`),
		`intranet_custom_value{name="seats"}`: 7,
	}
	for _, reason := range []string{"own", "service", "guest", "pattern", "disabled"} {
		truth[`intranet_accounts_excluded{reason="`+reason+`"}`] = c.number(t, `SELECT count(*) FROM who WHERE reason = $1`, reason)
	}
	for _, field := range []string{"phone", "photo", "title"} {
		truth[`intranet_profile_field_filled_ratio{field="`+field+`"}`] = c.number(t, `SELECT avg(coalesce(has_`+field+`, 0)) FROM who WHERE reason = ''`)
	}
	events := map[string]string{
		"logins": portalLogins, "page_views": portalViews, "pages_created": portalCreated, "page_edits": portalEdits, "comments": portalComments,
		"reactions": portalLikes, "searches": portalSearches, "searches_without_result": portalSearches + ` AND hits = 0`,
	}
	for _, days := range []int{1, 7, 28} {
		window := fmt.Sprintf(`{window="%dd"}`, days)
		from := at.AddDate(0, 0, -days)
		for name, query := range events {
			truth["intranet_"+name+window] = c.number(t, `SELECT count(*) FROM (`+query+`) e LEFT JOIN who ON id = e.user_id
				WHERE e.at >= $1 AND e.at < $2 AND coalesce(reason, '') IN ('', 'disabled')`, from, at)
		}
		for name, query := range portalPeople {
			truth["intranet_"+name+window] = c.number(t, `SELECT count(DISTINCT id) FROM (`+query+`) e JOIN who ON id = e.user_id
				WHERE e.at >= $1 AND e.at < $2 AND reason = ''`, from, at)
		}
	}
	return truth
}

// rows returns how many rows the reader was given since the last call, by PostgreSQL's own count.
func (c *portalCopy) rows(t *testing.T) float64 {
	n := c.number(t, `SELECT coalesce(sum(rows), 0) FROM pg_stat_statements JOIN pg_roles ON oid = userid WHERE rolname = $1`, c.name)
	c.exec(t, c.db, `SELECT pg_stat_statements_reset()`)
	return n
}
