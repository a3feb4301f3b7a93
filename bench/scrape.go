package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
	"github.com/intranet-exporter/intranet_exporter/internal/web"
)

// scrape measures what an answer to Prometheus costs, against client_golang's own answer from gauges with the same values.
func (b *bench) scrape(ctx context.Context) error {
	for _, series := range []int{2_000, 50_000} {
		now := time.Now()
		families := exposition.Build(now, statuses(now, series), nil, nil, &config.Config{}, &url.URL{})
		n := 0
		for _, f := range families {
			n += len(f.Metric)
		}
		var newest exposition.Gatherer
		newest.Set(families)
		ours := web.NewHandler(web.Options{Logger: log.NewNopLogger(), Metrics: &newest, Process: prometheus.NewRegistry()})
		plain, err := plainly(families)
		if err != nil {
			return err
		}
		if err := sameSeries(ctx, ours, plain); err != nil {
			return err
		}
		figure, with := sample{write: seconds}, sample{write: seconds}
		times := max(1, 1_000_000/n) // so that each round has a million series
		for round := range b.rounds {
			say("scrape: %s series, round %d of %d", grouped(n), round+1, b.rounds)
			for _, side := range []struct {
				handler http.Handler
				sample  *sample
			}{{ours, &figure}, {plain, &with}} {
				d, err := took(func() error {
					for range times {
						side.handler.ServeHTTP(nobody{http.Header{}}, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
					}
					return nil
				})
				if err != nil {
					return err
				}
				side.sample.add(d.Seconds() / float64(times))
			}
		}
		b.table.compare(fmt.Sprintf("scrape of %s series, CPU", grouped(n)), "1 ×", figure, with, "promhttp over plain gauges")
	}
	return nil
}

// statuses are those of as many platforms as it takes.
func statuses(now time.Time, series int) []poll.Status {
	d := (&crowd{}).Describe()
	var all []poll.Status
	for n := 0; n < series; n += 65 { // as many as such a platform has
		s := poll.Status{
			Platform: &config.Platform{Name: fmt.Sprintf("platform_%05d", n), Description: d, MaxAge: time.Hour},
			Snapshot: &tally.Snapshot{}, Success: true, LastSuccess: now, Requests: map[string]uint64{"200": uint64(n)},
		}
		for _, m := range d.Measures() {
			s.Snapshot.Values = append(s.Snapshot.Values, tally.Value{Ref: m.Ref, Value: float64(n), Basis: measure.Event, AsOf: now})
		}
		all = append(all, s)
	}
	return all
}

// plainly serves the same series from a registry of gauges and counters, as an exporter usually does.
func plainly(families []*dto.MetricFamily) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, f := range families {
		var labels []string
		for _, l := range f.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		gauges := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: f.GetName(), Help: f.GetHelp()}, labels)
		counters := prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.GetName(), Help: f.GetHelp()}, labels)
		vec := prometheus.Collector(gauges)
		if f.GetType() == dto.MetricType_COUNTER {
			vec = counters
		}
		if err := registry.Register(vec); err != nil {
			return nil, err
		}
		for _, m := range f.Metric {
			var values []string
			for _, l := range m.Label {
				values = append(values, l.GetValue())
			}
			if m.Counter != nil {
				counters.WithLabelValues(values...).Add(m.Counter.GetValue())
			} else {
				gauges.WithLabelValues(values...).Set(m.Gauge.GetValue())
			}
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, EnableOpenMetrics: true}), nil
}

// sameSeries tells whether two handlers answer the same, in any order and besides what promhttp says of itself.
func sameSeries(ctx context.Context, a, b http.Handler) error {
	lines := func(h http.Handler) []string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
		var all []string
		for line := range bytes.Lines(w.Body.Bytes()) {
			if bytes.HasPrefix(line, []byte("intranet_")) {
				all = append(all, string(line))
			}
		}
		slices.Sort(all)
		return all
	}
	if !slices.Equal(lines(a), lines(b)) {
		return errors.New("the plain gauges are not what the exporter serves")
	}
	return nil
}

// nobody takes an answer and forgets it.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header         { return n.header }
func (n nobody) Write(b []byte) (int, error) { return len(b), nil }
func (n nobody) WriteHeader(int)             {}
