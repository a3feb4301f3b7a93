//go:build e2e

package e2e

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"
)

const (
	mediawiki       = "/usr/share/mediawiki"
	exporterAccount = "Kpi exporter"
)

//go:embed testdata/LocalSettings.php
var localSettings string

// A wiki is a MediaWiki in a folder of its own.
type wiki struct {
	dir       string
	passwords []string // of the exporter's account; the last one counts

	server *process
	proxy  *proxy
}

// newWiki installs MediaWiki and gives it a history. It is not served; copies of it are.
func newWiki(t *testing.T, seed *wikiSeed) *wiki {
	w := &wiki{dir: t.TempDir()}
	data := filepath.Join(w.dir, "data")
	run(t, exec.CommandContext(t.Context(), "php", mediawiki+"/maintenance/install.php", "--dbtype", "sqlite", "--dbpath", data, "--dbname", "wiki",
		"--confpath", t.TempDir(), "--server", "http://127.0.0.1", "--scriptpath", "", "--pass", rand.Text(), "Wiki", "Admin"))
	var settings strings.Builder
	if err := template.Must(template.New("").Parse(localSettings)).Execute(&settings, map[string]string{"SecretKey": rand.Text() + rand.Text()}); err != nil {
		t.Fatal(err)
	}
	write(t, settings.String(), w.dir, "LocalSettings.php")
	if err := os.Mkdir(filepath.Join(w.dir, "cache"), 0o755); err != nil {
		t.Fatal(err)
	}

	w.createAccounts(t, seed.accounts...)
	w.importPages(t, seed.pages)
	w.maintain(t, "deleteBatch", write(t, strings.Join(seed.deleted, "\n"), w.dir, "deleted.txt"))
	w.maintain(t, "rebuildrecentchanges")
	w.maintain(t, "initEditCount")
	// What no import and no script can leave behind: a hidden author, a bot that is none any more, a block that is over.
	w.sql(t, `UPDATE revision SET rev_deleted = 4 WHERE rev_id % 53 = 0`)
	w.sql(t, `UPDATE user_groups SET ug_expiry = '20260101000000' WHERE ug_user = (SELECT user_id FROM user WHERE user_name = '`+exBotName+`')`)
	w.sql(t, `UPDATE ipblocks SET ipb_expiry = '20260101000000' WHERE ipb_id % 5 = 0`)
	w.changePassword(t)
	return w
}

// serve serves a copy of the wiki until the test ends.
func (w *wiki) serve(t *testing.T) *wiki {
	served := &wiki{dir: t.TempDir(), passwords: slices.Clone(w.passwords)}
	if err := os.CopyFS(served.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	served.serveAt(t, address(t))
	return served
}

func (w *wiki) serveAt(t *testing.T, address string) {
	cmd := exec.Command("php", "-d", "opcache.revalidate_freq=0", "-S", address, "-t", mediawiki)
	cmd.Env = environ("MW_CONFIG_FILE=" + filepath.Join(w.dir, "LocalSettings.php"))
	w.server = start(t, "wiki", cmd)
	w.server.listening(t, address)
	w.proxy = newProxy(t, address)
}

// api is where the exporter reaches the wiki.
func (w *wiki) api() string { return w.proxy.url + "/api.php" }

func (w *wiki) php(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "php", args...)
	cmd.Env = environ("MW_INSTALL_PATH="+mediawiki, "MW_CONFIG_FILE="+filepath.Join(w.dir, "LocalSettings.php"))
	return cmd
}

func (w *wiki) maintain(t *testing.T, script string, args ...string) {
	run(t, w.php(t, append([]string{filepath.Join(mediawiki, "maintenance", script+".php")}, args...)...))
}

// importPages adds pages and revisions with their own times and authors.
func (w *wiki) importPages(t *testing.T, pages []wikiPage) {
	w.maintain(t, "importDump", "--no-updates", write(t, dump(pages), w.dir, "pages.xml"))
	w.maintain(t, "initSiteStats", "--update", "--active")
}

// createAccounts adds accounts to a wiki.
func (w *wiki) createAccounts(t *testing.T, accounts ...wikiAccount) {
	data, err := json.Marshal(accounts)
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/seed.php")
	if err != nil {
		t.Fatal(err)
	}
	run(t, w.php(t, script, write(t, string(data), w.dir, "accounts.json")))
}

// changePassword gives the exporter's account a new bot password.
func (w *wiki) changePassword(t *testing.T) {
	// With a character outside 0-9a-w, MediaWiki would take it for the account's main password.
	password := strings.NewReplacer("x", "0", "y", "1", "z", "8").Replace(strings.ToLower(rand.Text() + rand.Text())[:32])
	w.passwords = append(w.passwords, password)
	w.sql(t, `DELETE FROM bot_passwords`)
	w.maintain(t, "createBotPassword", "--appid", "intranet", "--grants", "basic,highvolume", exporterAccount, password)
}

// settings adds lines to LocalSettings.php; they count from the next request on.
func (w *wiki) settings(t *testing.T, lines string) (undo func()) {
	file := filepath.Join(w.dir, "LocalSettings.php")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, string(before)+lines+"\n", file)
	return func() { write(t, string(before), file) }
}

// sql asks the wiki's own database and returns the rows' columns, joined by "|".
func (w *wiki) sql(t *testing.T, query string) []string {
	t.Helper()
	out := run(t, exec.CommandContext(t.Context(), "sqlite3", "-cmd", ".timeout 20000", filepath.Join(w.dir, "data", "wiki.sqlite"), query))
	return strings.Split(strings.TrimSpace(out), "\n")
}

func (w *wiki) number(t *testing.T, query string) float64 {
	t.Helper()
	row := w.sql(t, query)[0]
	n, err := strconv.ParseFloat(row, 64)
	if err != nil {
		t.Fatalf("%s: %q", query, row)
	}
	return n
}

// mw writes a time as MediaWiki does.
func mw(t time.Time) string { return t.UTC().Format("20060102150405") }

// who begins a query with the accounts, and why they do not count.
func (w *wiki) who(at time.Time) string {
	return fmt.Sprintf(`WITH who AS (SELECT user_id, user_name,
		CASE WHEN user_name = '%s' THEN 'own'
		WHEN user_token LIKE '%%INVALID%%' THEN 'service' -- MediaWiki's own; nobody can sign in with it
		WHEN EXISTS (SELECT 1 FROM user_groups WHERE ug_user = user_id AND ug_group = 'bot' AND (ug_expiry IS NULL OR ug_expiry > '%s')) THEN 'service'
		WHEN user_name LIKE 'Svc-%%' THEN 'pattern'
		WHEN EXISTS (SELECT 1 FROM ipblocks WHERE ipb_user = user_id AND ipb_sitewide = 1 AND ipb_expiry > '%s') THEN 'disabled'
		ELSE '' END AS reason FROM user)`, exporterAccount, mw(at), mw(at))
}

// saves ends a query with what was saved in a window of so many days.
func (w *wiki) saves(at time.Time, days int) string {
	return fmt.Sprintf(` FROM revision JOIN page ON page_id = rev_page JOIN actor ON actor_id = rev_actor LEFT JOIN who ON user_id = actor_user AND rev_deleted & 4 = 0
		WHERE page_namespace = 0 AND page_is_redirect = 0 AND rev_timestamp >= '%s' AND rev_timestamp < '%s' AND `, mw(at.AddDate(0, 0, -days)), mw(at))
}

// truth counts every measure in the wiki's own database, as of t.
func (w *wiki) truth(t *testing.T, at time.Time) map[string]float64 {
	who := w.who(at)
	const userPage = `EXISTS (SELECT 1 FROM page WHERE page_namespace = 2 AND page_is_redirect = 0 AND page_title = replace(user_name, ' ', '_'))`
	const emailable = `(user_email <> '' AND user_email_authenticated IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM user_properties WHERE up_user = user_id AND up_property = 'disablemail' AND CAST(up_value AS TEXT) = '1'))`
	truth := map[string]float64{}
	people := w.number(t, who+` SELECT count(*) FROM who WHERE reason = ''`)
	truth["intranet_accounts"] = people
	for _, reason := range []string{"own", "service", "guest", "pattern", "disabled"} {
		truth[`intranet_accounts_excluded{reason="`+reason+`"}`] = w.number(t, who+` SELECT count(*) FROM who WHERE reason = '`+reason+`'`)
	}
	of := func(condition string) float64 {
		return w.number(t, who+` SELECT count(*) FROM who JOIN user USING (user_id, user_name) WHERE reason = '' AND `+condition)
	}
	truth[`intranet_profile_field_filled_ratio{field="emailable"}`] = of(emailable) / people
	truth[`intranet_profile_field_filled_ratio{field="user_page"}`] = of(userPage) / people
	truth["intranet_profiles_complete"] = of(emailable + ` AND ` + userPage)
	truth["intranet_profile_completion_ratio"] = (of(emailable) + of(userPage)) / 2 / people
	truth["intranet_pages"] = w.number(t, `SELECT count(*) FROM page WHERE page_namespace = 0 AND page_is_redirect = 0`)

	for _, days := range []int{1, 7, 28} {
		window := fmt.Sprintf(`{window="%dd"}`, days)
		saves := w.saves(at, days)
		const anybody = `coalesce(reason, '') IN ('', 'disabled')`
		truth["intranet_pages_created"+window] = w.number(t, who+` SELECT count(DISTINCT page_id)`+saves+anybody+` AND rev_parent_id = 0`)
		truth["intranet_page_edits"+window] = w.number(t, who+` SELECT count(*)`+saves+anybody+` AND rev_parent_id <> 0`)
		authors := w.number(t, who+` SELECT count(DISTINCT user_id)`+saves+`reason = ''`)
		truth["intranet_authors"+window] = authors
		truth["intranet_contributors"+window] = authors
	}
	return truth
}

// A proxy stands before a server and remembers what it was asked.
type proxy struct {
	url string

	mu       sync.Mutex
	requests []url.Values
}

func newProxy(t *testing.T, upstream string) *proxy {
	target := &url.URL{Scheme: "http", Host: upstream}
	p := &proxy{}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	p.url = serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.URL.Query()
		p.mu.Lock()
		p.requests = append(p.requests, asked)
		p.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	return p
}

// asked returns the requests since the last call.
func (p *proxy) asked() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := p.requests
	p.requests = nil
	return requests
}
