package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
)

// newHandler returns a handler with no platform and no objective, changed by with.
func newHandler(with func(*Options)) *Handler {
	o := Options{
		Logger:  log.NewNopLogger(),
		Metrics: &exposition.Gatherer{},
		Process: prometheus.NewRegistry(),
		View:    func() View { return View{Now: now, Config: &config.Config{TimeZone: time.UTC}} },
	}
	if with != nil {
		with(&o)
	}
	return NewHandler(o)
}

func do(h http.Handler, method, path string) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPaths(t *testing.T) {
	reloads := 0
	enabled := func(o *Options) { o.Reload = func() error { reloads++; return nil } }
	broken := func(o *Options) {
		o.Reload = func() error {
			return config.Problem{File: "intranet.yml", Line: 7, Key: "kpis[0].owner", Text: "is missing; name a role"}
		}
	}
	const closed = "Reloading over HTTP is not enabled; start intranet_exporter with --web.enable-lifecycle, or send it SIGHUP.\n"
	tests := []struct {
		name         string
		with         func(*Options)
		method, path string
		code         int
		allow, text  string // text is the whole body; "" = any
	}{
		{"healthy", nil, "GET", "/-/healthy", 200, "", "intranet_exporter is healthy.\n"},
		{"healthy head", nil, "HEAD", "/-/healthy", 200, "", ""},
		{"healthy post", nil, "POST", "/-/healthy", 405, "GET, HEAD", ""},
		{"not ready", nil, "GET", "/-/ready", 503, "", "intranet_exporter is not ready.\n"},
		{"reload", enabled, "POST", "/-/reload", 200, "", "The config file was reloaded.\n"},
		{"reload put", enabled, "PUT", "/-/reload", 200, "", "The config file was reloaded.\n"},
		{"reload get", enabled, "GET", "/-/reload", 405, "POST, PUT", ""},
		{"reload closed", nil, "POST", "/-/reload", 403, "", closed},
		{"reload closed get", nil, "GET", "/-/reload", 405, "POST, PUT", ""},
		{"reload fails", broken, "POST", "/-/reload", 500, "",
			"The config file was not reloaded, the one before stays in force:\nintranet.yml:7: kpis[0].owner: is missing; name a role\n"},
		{"scorecard", nil, "GET", "/", 200, "", ""},
		{"scorecard post", nil, "POST", "/", 405, "GET, HEAD", ""},
		{"alerts", nil, "GET", "/alerts", 200, "", ""},
		{"alerts post", nil, "POST", "/alerts", 405, "GET, HEAD", ""},
		{"metrics", nil, "GET", "/metrics", 200, "", ""},
		{"metrics post", nil, "POST", "/metrics", 405, "GET, HEAD", ""},
		{"nothing", nil, "GET", "/<b>x</b>", 404, "", "404 page not found\n"},
		{"below a path", nil, "GET", "/metrics/x", 404, "", "404 page not found\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := do(newHandler(test.with), test.method, test.path)
			if r.StatusCode != test.code {
				t.Errorf("answered %d, want %d", r.StatusCode, test.code)
			}
			if got := r.Header.Get("Allow"); got != test.allow {
				t.Errorf("Allow is %q, want %q", got, test.allow)
			}
			if got := body(t, r); test.text != "" && got != test.text {
				t.Errorf("said %q, want %q", got, test.text)
			}
			if got := r.Header.Get("Content-Type"); test.path != "/" && test.path != "/alerts" && !strings.HasPrefix(got, "text/plain") {
				t.Errorf("Content-Type is %q", got)
			}
			for key, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Content-Security-Policy": policy,
			} {
				if got := r.Header.Get(key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
		})
	}
	if reloads != 2 {
		t.Errorf("reloaded %d times, want 2: by POST and by PUT", reloads)
	}
}

func TestReady(t *testing.T) {
	h := newHandler(nil)
	for _, ready := range []bool{true, false} {
		h.SetReady(ready)
		if got := do(h, "GET", "/-/ready").StatusCode == 200; got != ready {
			t.Errorf("ready is %t, want %t", got, ready)
		}
	}
}

func TestNoReloadFromAForeignPage(t *testing.T) {
	h := newHandler(func(o *Options) { o.Reload = func() error { t.Error("reloaded"); return nil } })
	r := httptest.NewRequest("POST", "/-/reload", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("answered %d, want %d", w.Code, http.StatusForbidden)
	}
}

func TestMetrics(t *testing.T) {
	var logged bytes.Buffer
	process := exposition.NewProcess(now, func() bool { return true })
	h := newHandler(func(o *Options) {
		o.Logger, o.Process = log.NewLogfmtLogger(&logged), process.Registry
		o.Metrics = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, errors.New("broken") })
	})
	for accept, contentType := range map[string]string{
		"": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
		"application/openmetrics-text;version=1.0.0": "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Type"); w.Code != 200 || got != contentType {
			t.Errorf("Accept %q: answered %d with %q, want %q", accept, w.Code, got, contentType)
		}
		if !strings.Contains(w.Body.String(), "intranet_exporter_build_info{") {
			t.Errorf("Accept %q: one broken number hides the others:\n%s", accept, w.Body.String())
		}
	}
	if want := `level=error msg="Serving metrics failed" err="error gathering metrics: [from Gatherer #1] broken"`; !strings.Contains(logged.String(), want) {
		t.Errorf("logged\n%swant\n%s", logged.String(), want)
	}
}

func TestTooManyScrapes(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	h := newHandler(func(o *Options) {
		o.MaxRequests = 1
		o.Metrics = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { close(begun); <-end; return nil, nil })
	})
	first := make(chan int)
	go func() { first <- do(h, "GET", "/metrics").StatusCode }()
	<-begun
	if got := do(h, "GET", "/metrics").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("the second scrape was answered %d, want %d", got, http.StatusServiceUnavailable)
	}
	close(end)
	if got := <-first; got != http.StatusOK {
		t.Errorf("the first scrape was answered %d, want %d", got, http.StatusOK)
	}
}

func TestPanicTellsNothing(t *testing.T) {
	var logged bytes.Buffer
	h := newHandler(func(o *Options) {
		o.Logger = log.NewLogfmtLogger(&logged)
		o.View = func() View { panic("inner matters") }
	})
	r := do(h, "GET", "/?q=outer+matters")
	if got, want := body(t, r), "Internal error; the log of intranet_exporter has the details.\n"; r.StatusCode != 500 || got != want {
		t.Errorf("answered %d %q, want 500 %q", r.StatusCode, got, want)
	}
	if got := logged.String(); !strings.Contains(got, `msg="Request failed" route="GET /{$}" stack=`) || !strings.Contains(got, "TestPanicTellsNothing") || strings.Contains(got, "matters") {
		t.Errorf("logged %q", got)
	}
}
