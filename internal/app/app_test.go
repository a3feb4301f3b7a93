package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-kit/log"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

const valid = `
platforms:
  - name: wiki
    type: mediawiki
    url: http://127.0.0.1:1/w/api.php
objectives:
  - name: sharing
    kpis:
      - name: pages_created_weekly
        measure: pages_created
        window: 7d
        warning: {at: 25, action: Ask three departments for one page each.}
        owner: intranet-manager
        review: 2099-01-15
notes:
  - {date: 2026-09-28, text: New home page}
`

// freeAddress returns an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// An exporter is one that runs in this process.
type exporter struct {
	t       *testing.T
	url     string
	options ServeOptions
	log     *need.Buffer
	stop    context.CancelFunc
	stopped chan error
}

func start(t *testing.T, change func(*ServeOptions)) *exporter {
	t.Helper()
	dir := t.TempDir()
	listen := []string{freeAddress(t)}
	none, no := "", false
	e := &exporter{t: t, url: "http://" + listen[0], log: &need.Buffer{}, stopped: make(chan error, 1)}
	e.options = ServeOptions{
		ConfigFile:      filepath.Join(dir, "intranet.yml"),
		StoragePath:     filepath.Join(dir, "data"),
		EnableLifecycle: true,
		Web:             &toolkit.FlagConfig{WebListenAddresses: &listen, WebConfigFile: &none, WebSystemdSocket: &no},
		Logger:          log.NewLogfmtLogger(e.log),
		Libraries:       slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&e.options)
	}
	e.write(valid)
	ctx, stop := context.WithCancel(t.Context())
	e.stop = stop
	go func() { e.stopped <- Serve(ctx, e.options) }()
	e.until("ready", func() bool { code, _ := e.get("/-/ready"); return code == http.StatusOK })
	t.Cleanup(func() {
		stop()
		if err := <-e.stopped; err != nil {
			t.Error("stopped with", err)
		}
	})
	return e
}

func (e *exporter) write(config string) {
	e.t.Helper()
	if err := os.WriteFile(e.options.ConfigFile, []byte(config), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *exporter) until(what string, is func() bool) {
	e.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			e.t.Fatalf("never %s; log:\n%s", what, e.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (e *exporter) get(path string) (int, string) {
	e.t.Helper()
	resp, err := http.Get(e.url + path)
	if err != nil {
		return 0, err.Error()
	}
	return body(e.t, resp)
}

func (e *exporter) reload() (int, string) {
	e.t.Helper()
	resp, err := http.Post(e.url+"/-/reload", "", nil)
	if err != nil {
		e.t.Fatal(err)
	}
	return body(e.t, resp)
}

func body(t *testing.T, resp *http.Response) (int, string) {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (e *exporter) has(series string) bool {
	_, metrics := e.get("/metrics")
	return strings.Contains(metrics, series+"\n")
}

func TestServe(t *testing.T) {
	e := start(t, nil)
	for _, series := range []string{
		`intranet_collector_success{platform="wiki"} 0`,
		`intranet_collector_last_success_timestamp_seconds{platform="wiki"} 0`,
		`intranet_collector_errors_total{cause="auth",platform="wiki"} 0`,
		`intranet_kpi_breached{condition="below",kpi="pages_created_weekly",kpi_owner="intranet-manager",objective="sharing",platform="wiki",severity="warning"} 0`,
		`intranet_config_last_reload_successful 1`,
		`intranet_state_writable 1`,
	} {
		if !e.has(series) {
			t.Errorf("%s is not there", series)
		}
	}
	e.until("polled", func() bool { return e.has(`intranet_collector_errors_total{cause="unavailable",platform="wiki"} 1`) })
	if code, page := e.get("/"); code != http.StatusOK || !strings.Contains(page, "Pages created weekly") {
		t.Errorf("page: %d\n%s", code, page)
	}

	again := e.options
	if err := Serve(t.Context(), again); err == nil || !strings.Contains(err.Error(), "another process works in it") {
		t.Error("a second exporter on one folder:", err)
	}
}

func TestReloadIsAllOrNothing(t *testing.T) {
	e := start(t, nil)
	e.write(strings.Replace(valid, "action: Ask three departments for one page each.", "", 1) + "colour: red\n")
	want := []string{"intranet.yml:12", "action", "intranet.yml:17", "colour"}
	code, text := e.reload()
	if code != http.StatusInternalServerError {
		t.Errorf("%d %s", code, text)
	}
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the answer:\n%s", part, text)
		}
	}
	if !e.has(`intranet_config_last_reload_successful 0`) || !e.has(`intranet_kpi_threshold{condition="below",kpi="pages_created_weekly",severity="warning"} 25`) {
		t.Error("a broken file changed something")
	}
	e.write(strings.Replace(valid, "25", "30", 1))
	if code, text := e.reload(); code != http.StatusOK {
		t.Errorf("%d %s", code, text)
	}
	if !e.has(`intranet_config_last_reload_successful 1`) || !e.has(`intranet_kpi_threshold{condition="below",kpi="pages_created_weekly",severity="warning"} 30`) {
		t.Error("a good file changed nothing")
	}
	e.write(strings.Replace(valid, "25", "35", 1))
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	e.until("reloaded", func() bool {
		return e.has(`intranet_kpi_threshold{condition="below",kpi="pages_created_weekly",severity="warning"} 35`)
	})
}

func TestReloadOverHTTPIsOffUnlessEnabled(t *testing.T) {
	e := start(t, func(o *ServeOptions) { o.EnableLifecycle = false })
	resp, err := http.Post(e.url+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, text := body(t, resp); code != http.StatusForbidden || !strings.Contains(text, "--web.enable-lifecycle") {
		t.Errorf("%d %s", code, text)
	}
}

func TestExternalURL(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ flag, listen, want string }{
		{"", ":10042", "http://" + host + ":10042/"},
		{"", "127.0.0.1:80", "http://" + host + ":80/"},
		{"", "vsock://:1", "http://" + host + "/"},
		{"https://example.org", ":1", "https://example.org/"},
		{"https://example.org/kpi", ":1", "https://example.org/kpi/"},
		{"example.org", ":1", ""},
		{"ftp://example.org", ":1", ""},
		{"https://jan:secret@example.org/", ":1", ""},
	} {
		u, err := externalURL(tc.flag, []string{tc.listen})
		switch {
		case tc.want == "" && (err == nil || strings.Contains(err.Error(), "secret")):
			t.Errorf("%q: %v, %v", tc.flag, u, err)
		case tc.want != "" && (err != nil || u.String() != tc.want):
			t.Errorf("%q on %q: %v, %v; want %s", tc.flag, tc.listen, u, err, tc.want)
		}
	}
}
