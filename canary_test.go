package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
)

// What is planted. Each has a word that is nowhere else, so that one that comes out is a leak.
var (
	people = []string{
		0: "Jörg Kanarienvogel",
		1: "Zwaantje O'Kwettersteen",
		2: "zw.kwettersteen@volierepost.example",
		3: "JKanarienvogel@voliere-aanmelding.example",
		4: "918273645546372819", // the id of an account
		5: "Ontslagronde Vinkenslag 2027",
		6: "loonstrook zebravinkenhok?",
		7: "uid-7f3kwetterzang",
	}
	serverSecrets = []string{"token-ijsvogelgeheim", "wachtwoord-ijsvogelgeheim"}
)

// secret is a secret of ours that was configured in some place. The word in it is in all of them.
func secret(place string) string { return "Sn4p!" + place + "+roodborstje" }

// asExporter makes the test program behave as the exporter.
const asExporter = "INTRANET_EXPORTER_TEST_AS_EXPORTER"

func TestMain(m *testing.M) {
	if os.Getenv(asExporter) != "" {
		collector.Types["panicking"] = newPanicking
		main()
	}
	m.Run()
}

// TestNothingComesOut plants people, what they write and secrets in everything that goes into the exporter, and
// searches everything that comes out of it.
func TestNothingComesOut(t *testing.T) {
	a := newAviary(t)
	a.platforms()

	// The commands run beside the servers, as most of their time is waiting.
	var commands sync.WaitGroup
	for _, args := range [][]string{
		{"check", "--live", "--config.file=" + a.config, "--log.level=debug"},
		{"poll", "--config.file=" + a.config, "--log.level=debug"},
		{"poll", "--config.file=" + a.config, "--format=metrics", "--log.level=debug", "--log.format=json"},
	} {
		commands.Go(func() {
			if code, out := a.run(args...); code != 1 || !strings.Contains(out, "w-inline") {
				t.Errorf("%q exits with %d:\n%s", args, code, out)
			}
		})
	}
	kv := a.serve("logfmt")
	js := a.serve("json", "--log.format=json")
	for _, r := range []*running{kv, js} {
		r.until("ready", func() bool { code, _ := r.ask("GET", "/-/ready", ""); return code == http.StatusOK })
		series := func(format string, args ...any) bool {
			return regexp.MustCompile(`(?m)^` + fmt.Sprintf(format, args...) + `$`).MatchString(r.metrics())
		}
		r.until("polled", func() bool {
			metrics := r.metrics()
			polled := func(platform string) bool {
				return regexp.MustCompile(`(?m)^intranet_collector_(success|errors_total)\{.*platform="` + platform + `".*\} [1-9]`).MatchString(metrics)
			}
			return !slices.ContainsFunc(slices.Concat(a.well, a.ill), func(p string) bool { return !polled(p) })
		})
		for _, p := range a.well {
			if strings.HasPrefix(p, "w-") && !series(`intranet_accounts_unjoined\{platform="%s"\} 0`, p) {
				t.Errorf("%s takes no part in the people across platforms", p)
			}
			if !series(`intranet_collector_success\{platform="%s"\} 1`, p) {
				t.Errorf("%s does not work:\n%s", p, r.stderr)
			}
		}
		for _, p := range a.ill {
			if !series(`intranet_collector_success\{platform="%s"\} 0`, p) {
				t.Errorf("%s works, and so proves nothing", p)
			}
		}
		for _, want := range []string{`intranet_accounts\{platform="w-file"\} 2`, `intranet_accounts\{platform="d-good"\} 2`, `intranet_authors\{platform="w-file",window="28d"\} 1`,
			`intranet_accounts\{platform="o-entra"\} 2`, `intranet_logged_in_users\{platform="o-entra",window="28d"\} 1`, `intranet_authors\{platform="o-sharepoint",window="28d"\} 1`} {
			if !series("%s", want) {
				t.Errorf("%s is not there", want)
			}
		}
		r.visit()
		r.reloadMistakes()
	}
	commands.Wait()
	for name := range collector.Types {
		if !bytes.Contains(readFile(t, a.config), []byte("type: "+name+"\n")) {
			t.Errorf("nothing is planted on platforms of type %s", name)
		}
	}
	for mood := range moods {
		if !a.wiki.saw(mood) {
			t.Errorf("nobody met the wiki in the mood %s", mood)
		}
	}
	for mood := range graphMoods {
		if !a.graph.saw(mood) {
			t.Errorf("nobody met Graph in the mood %s", mood)
		}
	}
	kv.end(syscall.SIGTERM)
	js.end(syscall.SIGTERM)
	if !strings.Contains(kv.stderr.String(), "Collector panicked") {
		t.Error("no panic was logged")
	}
}

// visit asks for everything that may be asked for.
func (r *running) visit() {
	for _, accept := range []string{
		"text/plain", "application/openmetrics-text;version=1.0.0", "application/openmetrics-text;version=0.0.1",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
	} {
		if code, body := r.ask("GET", "/metrics", accept); code != http.StatusOK || !strings.Contains(body, "intranet_collector_success") {
			r.t.Errorf("metrics as %s: %d", accept, code)
		}
	}
	if code, body := r.ask("GET", "/", ""); code != http.StatusOK || !strings.Contains(body, "w-file") {
		r.t.Errorf("page: %d", code)
	}
	for path, want := range map[string]int{
		"/-/healthy": http.StatusOK, "/-/ready": http.StatusOK, "/favicon.ico": http.StatusNotFound,
		"/debug/pprof/": http.StatusNotFound, "/debug/pprof/goroutine?debug=2": http.StatusNotFound, "/debug/vars": http.StatusNotFound, "/config": http.StatusNotFound,
		"/?q=" + url.QueryEscape(people[6]): http.StatusOK, "/" + url.PathEscape(people[0]): http.StatusNotFound,
		"/kpi/" + url.PathEscape(people[0]): http.StatusNotFound,
	} {
		if code, _ := r.ask("GET", path, ""); code != want {
			r.t.Errorf("%s: answered %d, want %d", path, code, want)
		}
		r.ask("DELETE", path, "")
	}
}

// mistakes are config files with a secret or somebody in a wrong place.
var mistakes = []string{
	"poll_interval: " + yamlText(secret("intv")) + "\n",
	"platforms: [" + yamlText(secret("plats")) + "]\n",
	"platforms: [{name: wiki, type: mediawiki, url: " + yamlText("https://jan:"+secret("url")+"@wiki.example.org/api.php") + "}]\n",
	"platforms: [{name: wiki, type: mediawiki, url: 'https://wiki.example.org/api.php', http_client: {proxy_url: " + yamlText("http://jan:"+secret("url")+"%zz@proxy") + "}}]\n",
	"platforms: [{name: wiki, type: mediawiki, url: 'https://wiki.example.org/api.php', http_client: {basic_auth: {" + yamlText(secret("key")) + ": x}}}]\n",
	"platforms:\n  password: *" + strings.NewReplacer("!", "", "+", "").Replace(secret("alias")) + "\n",
	"time_zone: " + yamlText(people[0]) + "\nexclude: {accounts: [" + yamlText("^("+people[0]) + "]}\n",
	"\t" + secret("tab") + "\n",
}

// reloadMistakes has each of the mistakes refused.
func (r *running) reloadMistakes() {
	for _, content := range mistakes {
		good := readFile(r.t, r.config)
		r.file(filepath.Base(r.config), content)
		if code, body := r.ask("POST", "/-/reload", ""); code != http.StatusInternalServerError || !strings.Contains(body, "intranet.yml") {
			r.t.Errorf("%q is answered %d:\n%s", content, code, body)
		}
		r.file(filepath.Base(r.config), string(good))
	}
	r.until("told of all mistakes", func() bool { return strings.Count(r.stderr.String(), "Config file not reloaded") == len(mistakes) })
}

func TestNothingComesOutOfCommands(t *testing.T) {
	a := newAviary(t)
	a.platforms()
	for _, format := range []string{"text", "json"} {
		if code, out := a.run("check", "--config.file="+a.config, "--format="+format); code != 0 {
			t.Errorf("exits with %d:\n%s", code, out)
		}
	}
	if code, out := a.run("check", "--config.file="+a.config, "--against="+a.config); code != 0 {
		t.Errorf("exits with %d:\n%s", code, out)
	}
	for i, content := range mistakes {
		file := a.file(fmt.Sprintf("mistake%d.yml", i), content)
		for _, args := range [][]string{{"check"}, {"check", "--format=json"}, {"poll"}, {"serve", "--storage.path=" + filepath.Join(a.dir, "refused")}} {
			if code, out := a.run(append(args, "--config.file="+file, "--log.level=debug")...); code != 1 {
				t.Errorf("%q: %q exits with %d:\n%s", content, args, code, out)
			}
		}
	}
	written := filepath.Join(a.dir, "written.yml")
	if code, out := a.run("init", "--output="+written, "--platform=mediawiki", "--platform=sql"); code != 0 {
		t.Errorf("init exits with %d:\n%s", code, out)
	}
	a.came("what init wrote", readFile(t, written))
}

// TestNothingComesOutOfTheWebConfiguration plants secrets in the file of --web.config.file, and people in the
// certificates of those who connect.
func TestNothingComesOutOfTheWebConfiguration(t *testing.T) {
	a := newAviary(t)
	a.config = a.file("intranet.yml", "platforms: [{name: w-file, type: mediawiki, url: "+a.wiki.URL+"/well/api.php}]\n")
	wrong := []string{
		"basic_auth_users: {jan: " + yamlText(secret("web")) + "}\n",
		"basic_auth_users: " + yamlText(secret("web")) + "\n",
		yamlText(secret("web")) + ": x\n",
		"tls_server_config: {cert: " + yamlText(secret("web")) + ", key: " + yamlText(secret("web")) + "}\n",
		"tls_server_config: {cert_file: cert, key_file: key, min_version: " + yamlText(secret("web")) + "}\n",
		"http_server_config: {headers: {X-Frame-Options: " + yamlText(secret("web")) + "}}\n",
		"http_server_config: {http2: *" + "roodborstje}\n",
	}
	for i, content := range wrong {
		file := a.file("web.yml", content)
		code, out := a.run("serve", "--config.file="+a.config, "--storage.path="+filepath.Join(a.dir, strconv.Itoa(i)), "--web.listen-address=127.0.0.1:0", "--web.config.file="+file)
		if code != 1 || !strings.Contains(out, "msg=Stopped") {
			t.Errorf("%q: exits with %d:\n%s", content, code, out)
		}
	}

	web := a.file("web.yml", "http_server_config: {http2: false}\n")
	r := a.serve("web", "--web.config.file="+web)
	r.until("ready", func() bool { code, _ := r.ask("GET", "/-/ready", ""); return code == http.StatusOK })
	for _, content := range wrong[1:] {
		if strings.Contains(content, "tls_server") {
			continue // read at the start only
		}
		a.file("web.yml", content)
		if code, _ := r.ask("GET", "/", ""); code != http.StatusInternalServerError {
			t.Errorf("%q: answered %d", content, code)
		}
	}
	r.end(syscall.SIGTERM)
	if !strings.Contains(r.stderr.String(), "Unable to parse configuration") {
		t.Errorf("logged\n%s", r.stderr)
	}

	certificate, pem, key := newCertificate(t)
	web = a.file("tls.yml", fmt.Sprintf("tls_server_config: {cert_file: %s, key_file: %s, client_auth_type: RequireAndVerifyClientCert, client_ca_file: %[1]s, client_allowed_sans: [nobody]}\n",
		a.file("server.pem", string(pem)), a.file("server.key", string(key))))
	r = a.serve("tls", "--web.config.file="+web)
	address := strings.TrimPrefix(r.url, "http://")
	other, _, _ := newCertificate(t)
	for _, client := range []tls.Certificate{certificate, other, {}} {
		r.until("listening", func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
		before := strings.Count(r.stderr.String(), "TLS handshake error")
		conn, err := tls.Dial("tcp", address, &tls.Config{Certificates: []tls.Certificate{client}, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}) //nolint:gosec // on loopback
		if err == nil {
			_ = conn.Close()
		}
		r.until("met", func() bool { return strings.Count(r.stderr.String(), "TLS handshake error") > before })
	}
	r.end(syscall.SIGTERM)
	if strings.Contains(r.stderr.String(), "from 127.0.0.1") {
		t.Error("the log tells who connected")
	}
}

// TestNothingComesOutOfACrash has the exporter dump its goroutines while a listing is read half-way.
func TestNothingComesOutOfACrash(t *testing.T) {
	for _, how := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV} {
		a := newAviary(t)
		a.config = a.file("intranet.yml", fmt.Sprintf("platforms: [{name: wiki, type: mediawiki, url: %s/stalls/api.php, http_client: {basic_auth: {username: Kwetter@roodborstje-bot, password: %s}}}]\n",
			a.wiki.URL, yamlText(secret("inline"))))
		r := a.serve("crash")
		select {
		case <-a.wiki.stalled:
		case <-time.After(time.Minute):
			t.Fatalf("nothing was listed:\n%s", r.stderr)
		}
		r.end(how)
		if out := r.stderr.String(); !strings.Contains(out, "(*mediawiki).Accounts(") {
			t.Errorf("%s: no dump of the goroutines:\n%s", how, out)
		}
	}
}
