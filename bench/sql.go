package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	portalAccounts = `SELECT id, login AS name, email AS identity, kind, active AS enabled, phone <> '' AS "profile.phone", title <> '' AS "profile.title" FROM users`
	portalLogins   = `SELECT at, user_id AS account FROM logins`
	portalViews    = `SELECT at, user_id AS account FROM page_views`
	portalBounds   = ` WHERE at >= $1 AND at < $2`
)

const portalConfig = `
exclude:
  accounts: ["^svc-", "^test-", "(?i)^bot[-_ ]"]
platforms:
  - name: portal
    type: sql
    driver: postgres
    dsn_file: portal.dsn
    accounts: '%s'
    events: {login: %q, page_view: %q}
`

// portalTables holds the accounts and, in equal parts, logins and page views of the last 28 days, but for the last hours.
const portalTables = `
CREATE TABLE users (id bigint PRIMARY KEY, login text NOT NULL, email text, kind text NOT NULL, active boolean NOT NULL, phone text, title text);
CREATE TABLE logins (at timestamptz NOT NULL, user_id bigint);
CREATE TABLE page_views (at timestamptz NOT NULL, user_id bigint);
INSERT INTO users SELECT id, 'u' || id || '.jansen', 'u' || id || '@example.org', CASE WHEN id %% 23 = 0 THEN 'guest' ELSE 'employee' END, id %% 20 > 0, CASE WHEN id %% 3 > 0 THEN '+31 20 ' || id END, 'Clerk'
	FROM generate_series(1, %[1]d) id;
SELECT setseed(0.5);
INSERT INTO logins SELECT now() - interval '2 hours' - i * interval '670 hours' / (%[2]d / 2), 1 + floor(%[1]d * random())::bigint FROM generate_series(1, %[2]d / 2) i;
INSERT INTO page_views SELECT now() - interval '2 hours' - i * interval '670 hours' / (%[2]d / 2), 1 + floor(%[1]d * random())::bigint FROM generate_series(1, %[2]d / 2) i;
CREATE INDEX ON logins (at);
CREATE INDEX ON page_views (at);
VACUUM ANALYZE;
`

// sql measures the first and the second poll of a portal that is a database.
func (b *bench) sql(ctx context.Context) (err error) {
	const bins = "/usr/lib/postgresql/*/bin"
	installed, err := filepath.Glob(bins)
	if err != nil || len(installed) == 0 {
		say("sql: skipped, as there is no PostgreSQL in %s", bins)
		return err
	}
	say("sql: filling a database")
	p, err := b.newPortal(ctx, installed[len(installed)-1])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()

	config, err := b.file("intranet.yml", fmt.Sprintf(portalConfig, portalAccounts, portalLogins+portalBounds, portalViews+portalBounds))
	if err != nil {
		return err
	}
	dsn := filepath.Join(filepath.Dir(config), "portal.dsn")
	if err := os.WriteFile(dsn, []byte(p.dsn), 0o600); err != nil {
		return err
	}
	copied, first, most := sample{write: seconds}, sample{write: seconds}, sample{write: megabytes}
	dbCopied, dbFirst, dbSecond, dbCount := sample{write: seconds}, sample{write: seconds}, sample{write: seconds}, sample{write: seconds}
	for round := range b.rounds {
		say("sql: round %d of %d", round+1, b.rounds)
		storage, err := b.folder()
		if err != nil {
			return err
		}
		for _, step := range []struct {
			database *sample
			do       func() error
		}{
			{&dbFirst, func() error {
				v, err := b.visit(ctx, config, storage)
				first.add(v.cpu.Seconds())
				most.add(float64(v.peak))
				return err
			}},
			{&dbCopied, func() error {
				d, err := again(ctx, "copy", dsn, portalAccounts, portalLogins, portalViews)
				copied.add(d.Seconds())
				return err
			}},
			{&dbSecond, func() error {
				_, err := b.visit(ctx, config, storage)
				return err
			}},
			{&dbCount, func() error {
				_, err := again(ctx, "copy", dsn, `SELECT count(DISTINCT user_id) FROM page_views WHERE at >= now() - interval '28 days'`)
				return err
			}},
		} {
			before, err := p.cpu(ctx)
			if err != nil {
				return err
			}
			if err := step.do(); err != nil {
				return err
			}
			after, err := p.cpu(ctx)
			if err != nil {
				return err
			}
			step.database.add((after - before).Seconds())
		}
		if err := os.RemoveAll(storage); err != nil {
			return err
		}
	}
	of := fmt.Sprintf("%s accounts and %s events", grouped(b.accounts), grouped(b.events))
	b.table.compare("SQL: first poll, "+of+", CPU", "", first, copied, "COPY of the same rows to nowhere")
	b.table.add("its peak of memory", "", most)
	b.table.compare("its CPU in the database", "", dbFirst, dbCopied, "COPY")
	b.table.compare("second poll, CPU in the database", "", dbSecond, dbFirst, "the first")
	b.table.compare("the same", "0.05 ×", dbSecond, dbCount, "one count(distinct) over 28 days")
	return nil
}

// copyOut throws away what queries return.
func copyOut(ctx context.Context, args []string) error {
	dsn, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	db, err := pgx.Connect(ctx, string(dsn))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close(ctx) }()
	for _, query := range args[1:] {
		if _, err := db.PgConn().CopyTo(ctx, io.Discard, "COPY ("+query+") TO STDOUT"); err != nil {
			return err
		}
	}
	return nil
}

// A portal is a PostgreSQL server in a folder of its own.
type portal struct {
	server *exec.Cmd
	dsn    string
}

func (b *bench) newPortal(ctx context.Context, bin string) (*portal, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	var owner *syscall.Credential
	if os.Getuid() == 0 { // PostgreSQL does not run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := errors.Join(os.Chown(dir, uid, gid), os.Chmod(b.dir, 0o711)); err != nil { //nolint:gosec // to walk through
			return nil, err
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := child(ctx, filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr.Credential = dir, owner
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // SIGTERM waits for the clients
		return cmd
	}
	password := rand.Text()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(password), 0o644); err != nil {
		return nil, err
	}
	if out, err := command("initdb", "-D", "data", "-U", "admin", "--pwfile=password", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	address, err := free(ctx)
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address)
	p := &portal{
		server: command("postgres", "-D", "data", "-h", host, "-p", port, "-k", "", "-c", "fsync=off", "-c", "autovacuum=off", "-c", "shared_buffers=1GB",
			"-c", "max_wal_size=8GB", "-c", "checkpoint_timeout=1d"),
		dsn: fmt.Sprintf("postgres://admin:%s@%s/postgres", password, address),
	}
	if err := p.server.Start(); err != nil {
		return nil, err
	}
	if err := p.fill(ctx, fmt.Sprintf(portalTables, b.accounts, b.events)); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// fill waits for the server, and runs a script.
func (p *portal) fill(ctx context.Context, script string) error {
	var db *pgx.Conn
	err := within(ctx, time.Minute, func() (err error) {
		db, err = pgx.Connect(ctx, p.dsn)
		return err
	})
	if err != nil {
		return err
	}
	for _, statement := range strings.SplitAfter(script, ";\n") { // VACUUM refuses to be one of several
		if err == nil {
			_, err = db.PgConn().Exec(ctx, statement).ReadAll()
		}
	}
	return errors.Join(err, db.Close(ctx))
}

func (p *portal) stop() error {
	_ = p.server.Process.Signal(syscall.SIGINT)
	return p.server.Wait()
}

// clients counts the backends that somebody is connected to, and those that have ended and are not accounted for yet: these
// have lost their title.
func (p *portal) clients() (n int, err error) {
	pid := strconv.Itoa(p.server.Process.Pid)
	children, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	for _, child := range strings.Fields(string(children)) {
		title, err := os.ReadFile(filepath.Join("/proc", child, "cmdline"))
		if err == nil && (len(title) == 0 || strings.HasPrefix(string(title), "postgres: admin ")) {
			n++
		}
	}
	return n, err
}

// cpu waits until nobody is connected, and returns what the server's backends took that have ended.
func (p *portal) cpu(ctx context.Context) (sum time.Duration, err error) {
	err = within(ctx, 10*time.Second, func() error {
		clients, err := p.clients()
		if err == nil && clients > 0 {
			return errors.New("somebody is still connected to the database")
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.server.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	for _, ticks := range strings.Fields(rest)[13:15] { // cutime and cstime, hundredths of a second
		n, err := strconv.Atoi(ticks)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * time.Second / 100
	}
	return sum, nil
}

// within tries until it works.
func within(ctx context.Context, limit time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
