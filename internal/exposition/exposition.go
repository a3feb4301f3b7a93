// Package exposition turns what is known into Prometheus metrics. They are built once per change and
// served many times: a scrape never waits for a platform.
package exposition

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// A Gatherer serves the newest metric families. The zero Gatherer serves none.
type Gatherer struct {
	newest atomic.Pointer[[]*dto.MetricFamily]
}

// Set replaces what is served. The families must not change any more.
func (g *Gatherer) Set(families []*dto.MetricFamily) { g.newest.Store(&families) }

// Gather implements prometheus.Gatherer.
func (g *Gatherer) Gather() ([]*dto.MetricFamily, error) {
	if families := g.newest.Load(); families != nil {
		return *families, nil
	}
	return nil, nil
}

// Build returns all metrics of the platforms, the people across them, and the KPIs at now, sorted. Measures older than
// their platform's max_age are left out, so it has to be called again when one becomes too old. externalURL is where
// people reach the exporter's pages.
func Build(now time.Time, statuses []poll.Status, people *tally.Snapshot, kpis []kpi.State, cfg *config.Config, externalURL *url.URL) []*dto.MetricFamily {
	b := builder{}
	for _, s := range statuses {
		b.addMeasures(now, s.Platform, s.Snapshot)
		b.addHealth(s)
	}
	if cfg.People != nil {
		b.addMeasures(now, cfg.People, people)
	}
	for _, s := range kpis {
		b.addKPI(s, externalURL)
	}
	for _, o := range cfg.Objectives {
		b.add("intranet_objective_info", 1, o.Name, o.Title, o.Description)
	}
	for _, n := range cfg.Notes {
		b.add("intranet_note_timestamp_seconds", timestamp(n.Date), n.Text)
	}
	b.add("intranet_exporter_info", 1, externalURL.JoinPath("/").String())
	return b.sorted()
}

func (b builder) addMeasures(now time.Time, p *config.Platform, s *tally.Snapshot) {
	if fresh := s.Fresh(now, p.MaxAge); fresh != nil {
		for _, v := range fresh.Values {
			m, _ := measure.Lookup(v.Measure)
			var labels []string
			if m.Counting != measure.Across {
				labels = append(labels, p.Name)
			}
			if m.Windowed {
				labels = append(labels, v.Window.String())
			}
			if m.Label != "" {
				labels = append(labels, v.Label)
			}
			b.add(m.Metric, v.Value, labels...)
		}
	}
	seen := map[[3]string]bool{} // the windows of a measure mostly rest on the same
	for _, d := range p.Description.Measures() {
		name := measure.Ref{Measure: d.Measure, Label: d.Label}.String()
		if of := [3]string{name, string(d.Basis), d.Source}; !seen[of] {
			seen[of] = true
			b.add("intranet_measure_info", 1, p.Name, name, string(d.Basis), d.Source)
		}
	}
}

func (b builder) addHealth(s poll.Status) {
	p := s.Platform
	b.add("intranet_collector_success", number(s.Success), p.Name)
	b.add("intranet_collector_poll_duration_seconds", s.Duration.Seconds(), p.Name)
	b.add("intranet_collector_last_success_timestamp_seconds", timestamp(s.LastSuccess), p.Name)
	b.add("intranet_collector_max_age_seconds", p.MaxAge.Seconds(), p.Name)
	for code, n := range s.Requests {
		b.add("intranet_collector_requests_total", float64(n), p.Name, code)
	}
	for _, c := range cause.All {
		b.add("intranet_collector_errors_total", float64(s.Errors[c]), p.Name, string(c))
	}
	for _, permission := range p.Description.Permissions {
		if granted, known := s.Granted[permission.Name]; known {
			b.add("intranet_collector_permission_granted", number(granted), p.Name, permission.Name)
		}
	}
	for basis, t := range s.Snapshot.Oldest() {
		b.add("intranet_collector_data_timestamp_seconds", timestamp(t), p.Name, string(basis))
	}
	if s.Snapshot != nil {
		for kind, t := range s.Snapshot.CoveredSince {
			b.add("intranet_collector_covered_since_timestamp_seconds", timestamp(t), p.Name, string(kind))
		}
	}
}

func (b builder) addKPI(s kpi.State, externalURL *url.URL) {
	k := s.KPI
	if s.Known {
		b.add("intranet_kpi_value", s.Value, k.Name)
		if k.Per != nil {
			b.add("intranet_kpi_numerator", s.Numerator, k.Name)
			b.add("intranet_kpi_denominator", s.Denominator, k.Name)
		}
	}
	if !s.Data.IsZero() {
		b.add("intranet_kpi_data_timestamp_seconds", timestamp(s.Data), k.Name)
	}
	status := "active"
	switch {
	case k.Status == config.Proposed, k.Status == config.Context:
		status = string(k.Status)
	case s.WarmingUp:
		status = "warming_up"
	}
	if k.Status != config.Context {
		b.addAims(s)
	}
	if k.Status != config.Proposed && k.Status != config.Context {
		b.addVerdicts(s)
	}
	b.add("intranet_kpi_review_timestamp_seconds", timestamp(k.Review), k.Name, k.Objective, k.Owner)

	page := k.URL
	if page == "" {
		page = externalURL.JoinPath("kpi", k.Name).String()
	}
	b.add("intranet_kpi_info", 1, k.Name, k.Objective, k.Title, string(k.Unit), k.Measure.Window.String(), string(k.Direction), k.Owner, k.Platform, status, page)
}

// addAims adds what a KPI is compared with.
func (b builder) addAims(s kpi.State) {
	k := s.KPI
	if k.Target != nil {
		b.add("intranet_kpi_target", k.Target.Value, k.Name)
	}
	if k.Baseline != nil {
		b.add("intranet_kpi_baseline", k.Baseline.Value, k.Name)
	}
	for _, l := range s.Limits {
		if !l.WarmingUp {
			b.add("intranet_kpi_threshold", l.At, k.Name, l.Severity, l.Condition)
		}
	}
}

// addVerdicts adds what somebody has agreed to act upon.
func (b builder) addVerdicts(s kpi.State) {
	k := s.KPI
	for _, l := range s.Limits {
		b.add("intranet_kpi_breached", number(l.Breached), k.Name, l.Severity, l.Condition, k.Objective, k.Owner, k.Platform)
		if !l.Start.IsZero() {
			b.add("intranet_kpi_breach_start_timestamp_seconds", timestamp(l.Start), k.Name, l.Severity, l.Condition)
		}
	}
	for severity, t := range map[string]*config.Threshold{"warning": k.Warning, "critical": k.Critical} {
		if t != nil {
			b.add("intranet_kpi_action_info", 1, k.Name, severity, t.Action, duration(t.Within))
		}
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// timestamp returns 0 for the zero time: never.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// duration is written as in the config file: 7d, where Prometheus would say 1w.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return ""
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	}
	return model.Duration(d).String()
}
