package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/intranet-exporter/intranet_exporter/internal/demo"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// The demo is there at once, with one KPI that warns and one that is critical, and leaves nothing behind.
func TestDemo(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	listen := []string{freeAddress(t)}
	none, no := "", false
	e := &exporter{t: t, url: "http://" + listen[0], log: &need.Buffer{}, stopped: make(chan error, 1)}
	e.options = ServeOptions{
		Web:       &toolkit.FlagConfig{WebListenAddresses: &listen, WebConfigFile: &none, WebSystemdSocket: &no},
		Logger:    log.NewLogfmtLogger(e.log),
		Libraries: slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithCancel(t.Context())
	var said need.Buffer
	go func() { e.stopped <- Demo(ctx, DemoOptions{ServeOptions: e.options, Seed: 1}, &said) }()
	for code := 0; code != http.StatusOK; code, _ = e.get("/-/ready") {
		select {
		case err := <-e.stopped:
			t.Fatalf("stopped with %v before it was ready", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	_, metrics := e.get("/metrics")
	if got := regexp.MustCompile(`(?m)^intranet_kpi_breached\{.*kpi="(\w+)".*severity="(\w+)"\} 1$`).FindAllString(metrics, -1); len(got) != 3 {
		t.Errorf("breached are %q", got)
	}
	e.until("values", func() bool {
		_, metrics := e.get("/metrics")
		return strings.Count(metrics, "\nintranet_kpi_value{") == 7 && strings.Count(metrics, "\nintranet_collector_success{") == 2
	})
	_, page := e.get("/")
	for _, want := range []string{"Sharing what we know", "Everybody takes part", "Finding people and answers",
		"Check with the platform team whether the search index is whole.", "Team leads ask their people"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, want := range []string{e.url + "/\n", e.url + "/metrics\n", folder + "/intranet_exporter-demo-"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, said.String())
		}
	}
	if _, metrics := e.get("/metrics"); !strings.Contains(metrics, `url="`+e.url+`/kpi/usefulness"`) {
		t.Error("links do not lead to the page")
	}
	stop()
	if err := <-e.stopped; err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}

func TestDemoHistory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.om")
	var logged bytes.Buffer
	o := DemoOptions{ServeOptions: ServeOptions{Logger: log.NewLogfmtLogger(&logged)}, Seed: 1, Output: file}
	if err := o.History.Set("1h"); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := Demo(t.Context(), o, &said); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(content, []byte("# HELP intranet_accounts ")) || !bytes.HasSuffix(content, []byte("\n# EOF\n")) {
		t.Errorf("%d bytes, %v", len(content), err)
	}
	if !strings.Contains(logged.String(), "percent=90 ") || !strings.Contains(logged.String(), `msg="Wrote history" file=`+file) || said.Len() > 0 {
		t.Errorf("said %q, logged %q", said.String(), logged.String())
	}
	if err := o.History.Set("20y"); err != nil {
		t.Fatal(err)
	}
	if err := Demo(t.Context(), o, &said); err == nil || !strings.HasPrefix(err.Error(), "a history of 20y reaches back to before the organisation; the longest is ") {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a file of nothing is left behind")
	}
	o.Output = filepath.Join(file, "history.om")
	if err := Demo(t.Context(), o, &said); err == nil || !strings.HasPrefix(err.Error(), "create history: ") {
		t.Error(err)
	}
}

func TestDemoAddress(t *testing.T) {
	for listen, want := range map[string]string{
		"localhost:10042": "http://localhost:10042/", ":10042": "http://localhost:10042/", "[::1]:80": "http://[::1]:80/", "10042": "",
	} {
		if got, err := demoAddress(listen); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %s, %v", listen, got, err)
		}
	}
}

// docs/demo.md shows the config file as it is.
func TestDemoConfigIsDocumented(t *testing.T) {
	var config bytes.Buffer
	if err := demo.WriteConfig(&config, "http://127.0.0.1:41829/w/api.php", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../../docs/demo.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(docs), "```yaml\n"+config.String()+"```\n") {
		t.Error("docs/demo.md shows another config file than the demo has")
	}
}
