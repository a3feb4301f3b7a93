// Package web serves the metrics, the pages for people, and the handles for those who run the exporter.
package web

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are what a Handler serves.
type Options struct {
	Logger      log.Logger
	Metrics     prometheus.Gatherer  // of platforms and KPIs
	Process     *prometheus.Registry // of the exporter itself
	MaxRequests int                  // scrapes at the same time; 0 = any number
	View        func() View          // what the pages show
	Reload      func() error         // reads the config file anew; nil = not over HTTP
}

// A Handler serves all paths of the exporter. It says that it is not ready until SetReady.
type Handler struct {
	logger log.Logger
	routes http.Handler
	ready  atomic.Bool
}

// NewHandler returns the handler of all paths. A registry serves as Options.Process of one handler only.
func NewHandler(o Options) *Handler {
	h := &Handler{logger: o.Logger}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{o.Metrics, o.Process}, promhttp.HandlerOpts{
		// One broken number must not hide all others: it is logged, and counted in
		// promhttp_metric_handler_errors_total.
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            errorLog{o.Logger},
		Registry:            o.Process,
		MaxRequestsInFlight: o.MaxRequests,
		EnableOpenMetrics:   true,
	}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { serveScorecard(w, o.View()) })
	mux.HandleFunc("GET /kpi/{name}", func(w http.ResponseWriter, r *http.Request) { serveKPI(w, o.View(), r.PathValue("name")) })
	mux.HandleFunc("GET /alerts", serveAlerts)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "intranet_exporter is healthy.")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !h.ready.Load() {
			say(w, http.StatusServiceUnavailable, "intranet_exporter is not ready.")
			return
		}
		say(w, http.StatusOK, "intranet_exporter is ready.")
	})
	reload := func(w http.ResponseWriter, _ *http.Request) { serveReload(w, o.Reload) }
	mux.HandleFunc("POST /-/reload", reload)
	mux.HandleFunc("PUT /-/reload", reload)
	// Nobody's browser reloads the exporter because of a page that it visits.
	h.routes = http.NewCrossOriginProtection().Handler(mux)
	return h
}

// SetReady says whether the exporter is ready to be used.
func (h *Handler) SetReady(ready bool) { h.ready.Store(ready) }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			// The value may quote what a platform answered, and the address what somebody asked for.
			_ = level.Error(h.logger).Log("msg", "Request failed", "route", r.Pattern, "stack", string(debug.Stack()))
			say(w, http.StatusInternalServerError, "Internal error; the log of intranet_exporter has the details.")
		}
	}()
	h.routes.ServeHTTP(w, r)
}

func serveReload(w http.ResponseWriter, reload func() error) {
	if reload == nil {
		say(w, http.StatusForbidden, "Reloading over HTTP is not enabled; start intranet_exporter with --web.enable-lifecycle, or send it SIGHUP.")
		return
	}
	if err := reload(); err != nil {
		say(w, http.StatusInternalServerError, "The config file was not reloaded, the one before stays in force:\n"+err.Error())
		return
	}
	say(w, http.StatusOK, "The config file was reloaded.")
}

// say answers in plain text, which nobody may keep.
func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, text)
}

// An errorLog is a go-kit logger as promhttp wants it.
type errorLog struct{ log.Logger }

func (l errorLog) Println(v ...any) {
	_ = level.Error(l.Logger).Log("msg", "Serving metrics failed", "err", strings.TrimSpace(fmt.Sprintln(v...)))
}
