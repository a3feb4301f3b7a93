package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/logging"
	"github.com/intranet-exporter/intranet_exporter/internal/people"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
	"github.com/intranet-exporter/intranet_exporter/internal/web"
)

const (
	refresh      = time.Minute      // how often values are looked at that may have become too old
	shutdownWait = 10 * time.Second // for requests that are being answered
)

// ServeOptions are the flags of serve.
type ServeOptions struct {
	ConfigFile      string
	StoragePath     string
	ExternalURL     string // "" = this host and port
	EnableLifecycle bool
	MaxRequests     int
	Web             *toolkit.FlagConfig
	Logger          log.Logger
	Libraries       *slog.Logger // for those that log with log/slog
}

// A server is the exporter at work: what polls leave becomes KPIs, metrics and the page.
type server struct {
	ServeOptions
	poller   *poll.Poller
	process  *exposition.Process
	gatherer exposition.Gatherer
	external *url.URL

	reloading sync.Mutex // one reload at a time

	mu     sync.Mutex // guards what follows
	engine *kpi.Engine
	people people.Joiner
	config *config.Config
	paused bool // platforms and KPIs are being replaced
	failed bool // to write the record of KPI values
	view   web.View
}

// Serve polls and serves until ctx ends.
func Serve(ctx context.Context, o ServeOptions) (err error) {
	hangups := make(chan os.Signal, 1) // from the start: one that comes while state is loaded must not end the process
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	if os.Getenv("GOGC") == "" { // most of the heap is columns of numbers, which cost the garbage collector no look
		debug.SetGCPercent(50)
	}
	s := &server{ServeOptions: o}
	if s.external, err = externalURL(o.ExternalURL, *o.Web.WebListenAddresses); err != nil {
		return err
	}
	dir, err := storage.Open(o.StoragePath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	secret, err := dir.Key()
	if err != nil {
		return err
	}
	engine, warning, err := kpi.Open(dir)
	if err != nil {
		return err
	}
	if warning != "" {
		level.Warn(o.Logger).Log("msg", "Record of KPI values can't be used", "err", warning)
	}
	s.engine = engine
	s.poller = poll.New(dir, secret, o.Logger, s.update)
	defer s.poller.Stop()
	if err := s.reload(); err != nil {
		return err
	}
	s.process = exposition.NewProcess(time.Now(), dir.Writable)

	var reload func() error
	if o.EnableLifecycle {
		reload = s.reloadAndNote
	}
	handler := web.NewHandler(web.Options{
		Logger: o.Logger, Metrics: &s.gatherer, Process: s.process.Registry, MaxRequests: o.MaxRequests,
		View: s.currentView, Reload: reload,
	})
	httpServer := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(o.Libraries.Handler(), slog.LevelWarn)}
	failed := make(chan error, 1)
	go func() { failed <- toolkit.ListenAndServe(httpServer, o.Web, o.Libraries) }()
	s.poller.Start()
	handler.SetReady(true)

	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case <-hangups:
			_ = s.reloadAndNote() // it was logged
		case <-tick.C:
			s.update()
		case err := <-failed:
			return fmt.Errorf("serve: %s", logging.Discreet(err.Error()))
		case <-ctx.Done():
			level.Info(o.Logger).Log("msg", "Shutting down")
			handler.SetReady(false)
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
			defer cancel()
			return httpServer.Shutdown(limited)
		}
	}
}

// externalURL is where people reach the exporter: the flag, or this host and the port that it listens on.
func externalURL(flag string, listen []string) (*url.URL, error) {
	if flag == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("find host name: %w", err)
		}
		_, port, err := net.SplitHostPort(listen[0])
		if err != nil {
			return &url.URL{Scheme: "http", Host: host, Path: "/"}, nil // a socket of systemd, or vsock
		}
		return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}, nil
	}
	u, err := url.Parse(flag)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("--web.external-url must be a whole address without user and password, such as https://intranet-exporter.example.org/")
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	return u, nil
}

// reload reads the config file and puts all of it in force, or nothing.
func (s *server) reload() error {
	cfg, err := load(s.ConfigFile, collector.Types, s.poller.CountRequest)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		level.Warn(s.Logger).Log("msg", "Config file", "warning", w.Error())
	}
	s.pause(true)
	err = s.poller.Configure(cfg)
	if err == nil {
		s.mu.Lock()
		s.config = cfg
		s.engine.Configure(cfg.KPIs())
		s.mu.Unlock()
	}
	s.pause(false)
	s.update()
	return err
}

// reloadAndNote reloads while the exporter runs: platforms that are new begin to be polled, and the outcome is
// logged and exposed.
func (s *server) reloadAndNote() error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	err := s.reload()
	s.process.Reloaded(time.Now(), err)
	if err != nil {
		level.Error(s.Logger).Log("msg", "Config file not reloaded", "err", err)
		return err
	}
	s.poller.Start()
	level.Info(s.Logger).Log("msg", "Config file reloaded")
	return nil
}

func (s *server) pause(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = paused
}

// update builds what is served anew. It is called when a poll ended, after a reload, and every minute.
func (s *server) update() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused || s.config == nil { // no config file is in force yet
		return
	}
	now := time.Now()
	statuses := s.poller.Statuses()
	snapshots := poll.Snapshots(statuses)
	together := s.people.Snapshot(now, s.config, snapshots)
	states := s.engine.Update(now, kpi.Sources(s.config, snapshots, together))
	err := s.engine.Save()
	if err != nil && !s.failed { // it is tried again every minute, and said once
		level.Error(s.Logger).Log("msg", "State not written", "err", err)
	}
	s.failed = err != nil
	s.gatherer.Set(exposition.Build(now, statuses, together, states, s.config, s.external))
	s.view = web.View{Now: now, Statuses: statuses, People: together, KPIs: states, Past: func(k *config.KPI) kpi.Past { return s.past(now, k) }, Config: s.config}
}

func (s *server) past(now time.Time, k *config.KPI) kpi.Past {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine.Past(now, k)
}

func (s *server) currentView() web.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}
