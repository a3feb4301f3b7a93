package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// platforms writes the config file with all platforms.
func (a *aviary) platforms() {
	var b strings.Builder
	b.WriteString("exclude: {accounts: [" + yamlText("^x"+people[1]+"$") + "]}\nplatforms:\n")
	add := func(well bool, name, keys string) {
		fmt.Fprintf(&b, "  - name: %s\n", name)
		for line := range strings.Lines(strings.TrimSpace(keys) + "\n") {
			b.WriteString("    " + line)
		}
		if well {
			a.well = append(a.well, name)
		} else {
			a.ill = append(a.ill, name)
			b.WriteString("    timeout: 2s\n") // so that nothing is tried for long
		}
	}
	wiki := func(well bool, name, address, client string) {
		keys := fmt.Sprintf("type: mediawiki\nurl: %s\nrequests_per_second: 1000\nidentity: '{name}@example.org'\n", address)
		if client != "" {
			keys += "http_client:\n  " + strings.ReplaceAll(strings.TrimSpace(client), "\n", "\n  ")
		}
		add(well, name, keys)
	}
	good := a.wiki.URL + "/well/api.php"
	bot := func(place string) string {
		return fmt.Sprintf("basic_auth: {username: Kwetter@roodborstje-bot, password_file: %s}\n", a.file(place+".pass", secret(place)+"\n"))
	}
	yamlSecret := func(place string) string { return strconv.Quote(secret(place)) }

	// Every place for a secret.
	wiki(true, "w-file", good, bot("file")+"http_headers: {X-Key: {secrets: ["+yamlSecret("header")+"], files: ["+a.file("header", secret("hfile"))+"]}, X-Plain: {values: ["+yamlSecret("hplain")+"]}}")
	wiki(true, "w-inline", good, "basic_auth: {username: Kwetter@roodborstje-bot, password: "+yamlSecret("inline")+"}")
	wiki(true, "w-bearer", good, "authorization: {type: Bearer, credentials: "+yamlSecret("bearer")+"}")
	wiki(true, "w-bearerfile", good, "authorization: {credentials_file: "+a.file("bearer", secret("bfile"))+"}")
	wiki(false, "w-oauth", good, "oauth2: {client_id: kwetter, client_secret: "+yamlSecret("oauth")+", token_url: "+a.wiki.URL+"/s400/token, endpoint_params: {hint: "+yamlSecret("endp")+"}}")
	wiki(false, "w-oauthjunk", good, "oauth2: {client_id: kwetter, client_secret_file: "+a.file("oauth", secret("ofile"))+", token_url: "+a.wiki.URL+"/nojson/token}")
	wiki(false, "w-oauthform", good, "oauth2: {client_id: kwetter, client_secret: "+yamlSecret("oauth")+", token_url: "+a.wiki.URL+"/shape/token}")
	wiki(false, "w-key", good, "tls_config: {cert: "+yamlSecret("cert")+", key: "+yamlSecret("key")+"}")
	block := "-----BEGIN " + strings.ToUpper(secret("block")) + "-----\nAAAA\n-----END " + strings.ToUpper(secret("block")) + "-----\n"
	wiki(false, "w-keyfile", good, "tls_config: {cert_file: "+a.file("cert.pem", block)+", key_file: "+a.file("key.pem", block)+"}")
	wiki(false, "w-ca", good, "tls_config: {ca: "+yamlSecret("ca")+"}")
	wiki(false, "w-nofile", good, "basic_auth: {username: Kwetter@roodborstje-bot, password_file: none.pass}")
	wiki(false, "w-nobody", "http://127.0.0.1:1/api.php", bot("nobody"))
	wiki(false, "w-nottls", strings.Replace(good, "http", "https", 1), bot("nottls"))
	proxy := "proxy_url: http://" + url.UserPassword("kwetter", secret("proxy")).String() + "@" + newProxy(a.t)
	wiki(false, "w-proxy", good, proxy)
	wiki(false, "w-proxytls", "https://127.0.0.1:1/api.php", proxy)

	secretive, certificate := newSecretive(a.t, a.wiki)
	wiki(false, "w-unknown", secretive.URL+"/well/api.php", bot("unknown"))
	wiki(false, "w-otherhost", secretive.URL+"/well/api.php", "tls_config: {server_name: elsewhere.example, ca_file: "+a.file("ca.pem", string(certificate))+"}")
	_, lookalike, _ := newCertificate(a.t)
	wiki(false, "w-lookalike", secretive.URL+"/well/api.php", "tls_config: {ca_file: "+a.file("lookalike.pem", string(lookalike))+"}")

	// Everything that a wiki may do wrong.
	for _, mood := range slices.Sorted(maps.Keys(moods)) {
		wiki(mood == "unsolicited", "m-"+mood, a.wiki.URL+"/"+mood+"/api.php", bot("mood"))
	}

	office := func(well bool, name, product, mood, keys string) {
		address := a.graph.URL + "/" + mood
		add(well, name, fmt.Sprintf("type: microsoft365\nproduct: %s\ntenant: %s\nclient_id: %s\nlogin_url: %s\ngraph_url: %[4]s\ndownload_domains: [127.0.0.1]\n%[5]s", product, graphTenant, graphApp, address, keys))
	}
	withSecret := "client_secret_file: " + a.file("graph.secret", secret("graph")+"\n") + "\n"
	withLog := withSecret + "sign_ins: {source: log, application: " + graphApp + "}\n"
	office(true, "o-entra", "entra", "well", withLog)
	office(true, "o-sharepoint", "sharepoint", "well", withSecret+"sites: [{name: news, url: https://contoso.sharepoint.com/sites/news}]\n"+
		"http_client: {http_headers: {X-Key: {secrets: ["+yamlSecret("graphheader")+"]}}}")
	office(false, "o-keyfile", "entra", "well", "certificate_file: "+a.file("graph.crt", block)+"\ncertificate_key_file: "+a.file("graph.key", block))
	office(false, "o-nofile", "entra", "well", "client_secret_file: none.secret")
	for _, mood := range slices.Sorted(maps.Keys(graphMoods)) {
		if strings.HasPrefix(mood, "download-") {
			office(false, "o-"+mood, "sharepoint", mood, withSecret+"accounts: report")
		} else {
			office(false, "o-"+mood, "entra", mood, withLog)
		}
	}

	portal := newDatabase(a.t, a.dir)
	dsn := func(name, driver, dsn, queries string) string {
		return fmt.Sprintf("type: sql\ndriver: %s\ndsn_file: %s\n%s", driver, a.file(name+".dsn", dsn), queries)
	}
	add(true, "d-good", dsn("good", "sqlite", portal, strings.Join(goodQueries, "\n")))
	for _, name := range slices.Sorted(maps.Keys(badQueries)) {
		add(false, "d-"+name, dsn("bad", "sqlite", portal, badQueries[name]))
	}
	const query = "accounts: SELECT id FROM users"
	user := url.UserPassword("kwetter", secret("dsn")).String()
	for _, code := range []string{"28P01", "22P02", "23505", "42501", "42703", "42601", "57014", "XX000"} {
		name := "d-pg" + strings.ToLower(code)
		add(false, name, dsn(name, "postgres", "postgres://"+user+"@"+newPostgres(a.t, code)+"/"+secret("dbname")+"?sslmode=disable", query))
	}
	maria := newMariaDB(a.t)
	for name, d := range map[string][2]string{
		"pgdown":  {"postgres", "postgres://" + user + "@127.0.0.1:1/portal"},
		"pgmode":  {"postgres", "postgres://" + user + "@127.0.0.1:1/portal?sslmode=" + secret("dsnmode")},
		"pgwords": {"postgres", "host=127.0.0.1 password='" + secret("dsnword") + "' port=" + secret("dsnport")},
		"pgnone":  {"postgres", secret("dsnsole")},
		"pgplain": {"postgres", "postgres://" + user + "@" + maria + "/portal?sslmode=disable"},
		"pgurl":   {"postgres", "postgres://jan:" + secret("dsnurl") + "%zz@127.0.0.1:1/portal"},
		"maria":   {"mariadb", "kwetter:" + secret("dsnmaria") + "@tcp(" + maria + ")/portal"},
		"mdown":   {"mariadb", "kwetter:" + secret("dsnmaria") + "@tcp(127.0.0.1:1)/portal"},
		"mbad":    {"mariadb", "kwetter:" + secret("dsnmaria") + "@tcp(127.0.0.1:1)/portal?parseTime=" + secret("dsnopt")},
		"mnone":   {"mariadb", secret("dsnsole")},
		"lite":    {"sqlite", secret("dsnsole")},
		"litenot": {"sqlite", filepath.Join("/", secret("dsnpath"))},
	} {
		add(false, "d-"+name, dsn(name, d[0], d[1], query))
	}

	for _, at := range []string{"probe", "accounts", "events", "readings"} {
		for _, with := range []string{"text", "error", "cause", "value"} {
			add(false, "p-"+at+"-"+with, "type: panicking\nat: "+at+"\nwith: "+with)
		}
	}
	b.WriteString(agreed("w-file"))
	a.config = a.file("intranet.yml", b.String())
}

// agreed is an objective on a platform.
func agreed(platform string) string {
	return `objectives:
  - name: sharing
    kpis:
      - {name: pages_created_weekly, measure: pages_created, window: 7d, platform: ` + platform + `, owner: intranet-manager, review: 2099-01-15,
         warning: {at: 25, action: Ask three departments for one page each.}}
`
}

func yamlText(s string) string { return strconv.Quote(s) }

// A panicking is a collector that panics with what it has just read.
type panicking struct{ at, with string }

func newPanicking(decode func(any) error, _ collector.Options) (collector.Collector, error) {
	var keys struct {
		At   string `yaml:"at"`
		With string `yaml:"with"`
	}
	err := decode(&keys)
	return panicking{keys.At, keys.With}, err
}

func (p panicking) reach(at string) {
	if p.at == at {
		switch p.with {
		case "error":
			panic(errors.New(telltale))
		case "cause":
			panic(cause.Errorf(cause.Other, "%s", telltale))
		case "value":
			panic(panicking{with: telltale})
		}
		panic(telltale)
	}
}

func (p panicking) Describe() collector.Description {
	return collector.Description{
		Events:   []collector.EventSource{{Kind: measure.PageView, Source: "views"}},
		Accounts: &collector.AccountSource{Source: "accounts"},
		Readings: []collector.ReadingSource{{Ref: measure.Ref{Measure: "pages"}, Source: "pages", Unit: "pages"}},
		Step:     measure.Longest, Definition: "panicking",
	}
}

func (p panicking) Probe(context.Context) (collector.Access, error) {
	p.reach("probe")
	return collector.Access{Account: "own"}, nil
}

func (p panicking) Accounts(_ context.Context, emit func(collector.Account)) error {
	emit(collector.Account{ID: people[7], Name: people[0], Identity: people[2], Kind: collector.Person, Enabled: true})
	p.reach("accounts")
	return nil
}

func (p panicking) Events(_ context.Context, from, _ time.Time, emit func(collector.Event)) error {
	emit(collector.Event{Kind: measure.PageView, At: from, Actor: people[7]})
	p.reach("events")
	return nil
}

func (p panicking) Readings(context.Context, bool, func(collector.Reading)) error {
	p.reach("readings")
	return nil
}
