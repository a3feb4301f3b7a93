package exposition

import (
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// A run is an exporter with the KPIs of one config, seen from where it is scraped.
type run struct {
	t      *testing.T
	engine *kpi.Engine
	kpis   []*config.KPI
	cfg    *config.Config
}

func newRun(t *testing.T, kpis ...*config.KPI) *run {
	t.Helper()
	engine, _, err := kpi.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{t: t, engine: engine}
	r.reload(kpis...)
	return r
}

func (r *run) reload(kpis ...*config.KPI) {
	r.kpis, r.cfg = kpis, &config.Config{Objectives: []*config.Objective{goal("Colleagues write down what they know.", kpis...)}}
	r.engine.Configure(kpis)
}

// scrape returns all series with their values, at a time when the platform tells a value for each KPI as of data.
func (r *run) scrape(at, data time.Time, value float64) map[string]float64 {
	s := &tally.Snapshot{}
	for _, k := range r.kpis {
		s.Values = append(s.Values, tally.Value{Ref: k.Measure, Value: value, AsOf: data})
	}
	states := r.engine.Update(at, map[string]kpi.Source{"wiki": {Snapshot: s, MaxAge: 2 * day}})
	return series(Build(at, nil, nil, states, r.cfg, &url.URL{Scheme: "https", Host: "kpi.example.org"}))
}

// series writes name and labels of each series as a scrape would.
func series(families []*dto.MetricFamily) map[string]float64 {
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return all
}

// names lists the metrics that have a series of a KPI.
func names(all map[string]float64, kpi string) []string {
	found := map[string]bool{}
	for s := range all {
		if strings.Contains(s, "kpi="+kpi+",") || strings.Contains(s, "kpi="+kpi+"}") {
			name, _, _ := strings.Cut(s, "{")
			found[strings.TrimPrefix(name, "intranet_kpi_")] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// allConditions is a KPI that has everything.
func allConditions() *config.KPI {
	k := pagesCreated()
	k.Baseline = &config.Baseline{Value: 12}
	k.Warning = &config.Threshold{Below: new(25.0), Above: new(75.0), Drop: new(0.2), Rise: new(0.2), Against: 7 * day, Sustain: day, Action: "Look."}
	k.Critical = &config.Threshold{Below: new(10.0), Above: new(90.0), Drop: new(0.5), Rise: new(0.5), Against: 28 * day, Action: "Act."}
	return k
}

// agree holds every verdict against the value, the threshold and the start beside it, and returns how many are 1.
func agree(t *testing.T, families []*dto.MetricFamily) int {
	t.Helper()
	type limit struct{ kpi, severity, condition string }
	get := func(m *dto.Metric, name string) string {
		for _, l := range m.Label {
			if l.GetName() == name {
				return l.GetValue()
			}
		}
		return ""
	}
	of := map[string]map[limit]float64{}
	for _, f := range families {
		of[f.GetName()] = map[limit]float64{}
		for _, m := range f.Metric {
			of[f.GetName()][limit{get(m, "kpi"), get(m, "severity"), get(m, "condition")}] = m.GetGauge().GetValue()
		}
	}
	breaches := 0
	for l, breached := range of["intranet_kpi_breached"] {
		value, hasValue := of["intranet_kpi_value"][limit{kpi: l.kpi}]
		threshold, hasThreshold := of["intranet_kpi_threshold"][l]
		start, started := of["intranet_kpi_breach_start_timestamp_seconds"][l]
		lower := l.condition == "below" || l.condition == "drop"
		wrong := lower && value < threshold || !lower && value > threshold
		switch {
		case !hasThreshold && (l.condition == "below" || l.condition == "above"):
			t.Errorf("%v: no threshold", l)
		case breached == 1 && !started, started && start > of["intranet_kpi_data_timestamp_seconds"][limit{kpi: l.kpi}]:
			t.Errorf("%v: breached %v since %v", l, breached, start)
		case hasValue && hasThreshold && started != wrong:
			t.Errorf("%v: value %v, threshold %v, started %t", l, value, threshold, started)
		}
		breaches += int(breached)
	}
	return breaches
}

func TestVerdictsAgreeWithWhatStandsBeside(t *testing.T) {
	for name, scene := range scenes {
		if agree(t, scene().build()) == 0 && name != "first_scrape" {
			t.Errorf("%s: no verdict is 1", name)
		}
	}
	k := allConditions()
	engine, _, err := kpi.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	engine.Configure([]*config.KPI{k})
	breaches := 0
	for n := range 24 * 60 {
		at := now.Add(time.Duration(n) * time.Hour)
		data := at
		if n/24%10 > 6 { // the platform is away for three days of ten
			data = now.Add(time.Duration(n/240*240+167) * time.Hour)
		}
		v := tally.Value{Ref: k.Measure, Value: math.Round(50 + 50*math.Sin(data.Sub(now).Hours()/100)), AsOf: data}
		states := engine.Update(at, map[string]kpi.Source{"wiki": {Snapshot: &tally.Snapshot{Values: []tally.Value{v}}, MaxAge: 2 * day}})
		breaches += agree(t, Build(at, nil, nil, states, &config.Config{}, &url.URL{}))
	}
	if breaches < 1000 {
		t.Errorf("only %d verdicts were 1", breaches)
	}
}

// Every limit of an active KPI has its verdict from the first scrape on, before there is any data.
func TestFirstScrapeHasAllVerdicts(t *testing.T) {
	r := newRun(t, allConditions())
	states := r.engine.Update(now, map[string]kpi.Source{"wiki": {MaxAge: 2 * day}})
	all := series(Build(now, nil, nil, states, r.cfg, &url.URL{}))
	n := 0
	for s, v := range all {
		if strings.HasPrefix(s, "intranet_kpi_breached{") {
			n++
			if v != 0 {
				t.Errorf("%s is %v", s, v)
			}
		}
		if strings.HasPrefix(s, "intranet_kpi_threshold{condition=drop") || strings.HasPrefix(s, "intranet_kpi_threshold{condition=rise") {
			t.Errorf("there is %s, and nothing to compare with", s)
		}
	}
	if n != 8 {
		t.Errorf("%d verdicts", n)
	}
	want := []string{"action_info", "baseline", "breached", "info", "review_timestamp_seconds", "target", "threshold"}
	if diff := cmp.Diff(want, names(all, "pages_created_weekly")); diff != "" {
		t.Error(diff)
	}
}

// When the value goes only the value goes.
func TestVerdictStaysWithoutValue(t *testing.T) {
	r := newRun(t, pagesCreated())
	for h := range 49 {
		at := now.Add(time.Duration(h) * time.Hour)
		r.scrape(at, at, 5)
	}
	last := now.Add(48 * time.Hour)
	before, after := r.scrape(last, last, 5), r.scrape(last.Add(3*day), last, 5)
	delete(before, "intranet_kpi_value{kpi=pages_created_weekly}")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if after["intranet_kpi_breached{condition=below,kpi=pages_created_weekly,kpi_owner=intranet-manager,objective=knowledge_sharing,platform=wiki,severity=critical}"] != 1 {
		t.Errorf("nothing is breached: %v", after)
	}
}

// What a KPI has follows from its status, at once after a reload.
func TestSeriesOfEachStatus(t *testing.T) {
	k := allConditions()
	other := *k
	other.Name, other.Status = "other", config.Active
	r := newRun(t, k)
	for d := range 31 {
		at := now.Add(time.Duration(d) * day)
		r.scrape(at, at, 100)
	}
	last := now.Add(31 * day)
	common := []string{"data_timestamp_seconds", "info", "review_timestamp_seconds", "value"}
	aims := []string{"baseline", "target", "threshold"}
	for _, tt := range []struct {
		status config.Status
		info   string
		want   [][]string
	}{
		{config.Active, "active", [][]string{common, aims, {"action_info", "breached", "breach_start_timestamp_seconds"}}},
		{config.Proposed, "proposed", [][]string{common, aims}},
		{config.Context, "context", [][]string{common}},
		{config.Retired, "", nil},
	} {
		k := *k
		k.Status = tt.status
		r.reload(&k, &other)
		all := r.scrape(last, last, 5)
		want := slices.Sorted(slices.Values(slices.Concat(tt.want...)))
		if diff := cmp.Diff(want, names(all, k.Name)); diff != "" {
			t.Errorf("%s: %s", tt.status, diff)
		}
		for s := range all {
			if strings.HasPrefix(s, "intranet_kpi_info{") && strings.Contains(s, "kpi="+k.Name) && !strings.Contains(s, ",status="+tt.info+",") {
				t.Errorf("%s: %s", tt.status, s)
			}
		}
		if len(names(all, "other")) == 0 {
			t.Errorf("%s: the other KPI is gone", tt.status)
		}
	}
	r.reload(&other)
	if got := names(r.scrape(last, last, 5), k.Name); got != nil {
		t.Errorf("removed, and there is %v", got)
	}
}

// An edited text changes what is said, and nothing that an alert is made of.
func TestTextsAreInInfoOnly(t *testing.T) {
	k := allConditions()
	r := newRun(t, k)
	r.scrape(now.Add(-8*day), now.Add(-8*day), 100)
	before := r.scrape(now, now, 5)

	edited := *k
	warning := *k.Warning
	warning.Action, warning.Within = "Look again.", 3*day
	edited.Title, edited.Why, edited.Reason, edited.URL, edited.Warning = "Another title", "Another why.", "None.", "https://grafana.example.org/", &warning
	edited.Decisions = []config.Decision{{Date: now, Decision: "keep", Why: "It helps."}}
	edited.Target = &config.Target{Value: 40, By: now.Add(day)}
	r.reload(&edited)
	r.cfg.Objectives[0].Title, r.cfg.Objectives[0].Description = "Another objective", "Another description."
	after := r.scrape(now, now, 5)

	changed := map[string]bool{}
	for _, pair := range [][2]map[string]float64{{before, after}, {after, before}} {
		for s, v := range pair[0] {
			if w, ok := pair[1][s]; !ok || v != w {
				name, _, _ := strings.Cut(s, "{")
				changed[name] = true
			}
		}
	}
	want := []string{"intranet_kpi_action_info", "intranet_kpi_info", "intranet_objective_info"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(changed))); diff != "" {
		t.Error(diff)
	}
}
