package grafana

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
)

const day = 24 * time.Hour

// now is when internal/exposition/testdata/full.prom was scraped, and the end of the history.
var now = time.Date(2026, 11, 23, 15, 10, 0, 0, time.UTC)

// history writes 30 days of scrapes. KPI values grow from day to day, counters from scrape to scrape, to what they are now.
func history(t *testing.T, w io.Writer) {
	out := bufio.NewWriter(w)
	for _, family := range slices.Concat(exposed(t), moreKPIs()) {
		for _, m := range family.Metric {
			if m.Gauge == nil && m.Counter == nil {
				continue // a summary of the Go runtime
			}
			write := func(labels string, lag time.Duration) {
				for age := 30 * day; age >= 0; age -= 50 * time.Minute {
					value := m.GetGauge().GetValue()
					switch {
					case m.Counter != nil:
						value = m.Counter.GetValue() * (1 - age.Hours()/2000)
					case family.GetName() == "intranet_kpi_value":
						value *= 1 - math.Floor(age.Hours()/24)/280
					}
					_, _ = fmt.Fprintf(out, "%s{%s} %v %d\n", family.GetName(), labels, value, now.Add(-age-lag).Unix())
				}
			}
			write(labels(m, "one", "a"), 0)
			write(labels(m, "two", "a"), 0)
			write(strings.Replace(labels(m, "two", "b"), "Pages created per week", "Pages a week", 1), time.Minute) // not reloaded yet
		}
	}
	_, _ = out.WriteString("# EOF\n")
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
}

func labels(m *dto.Metric, job, pod string) string {
	all := []string{fmt.Sprintf(`job="%s",instance="%s:10042",pod="%s"`, job, pod, pod)}
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	for _, l := range m.Label {
		if l.GetValue() != "" {
			all = append(all, fmt.Sprintf(`%s="%s"`, l.GetName(), escape.Replace(l.GetValue())))
		}
	}
	return strings.Join(all, ",")
}

// moreKPIs are in states that full.prom has none in.
func moreKPIs() []*dto.MetricFamily {
	o := &config.Objective{Name: "reach", Title: "Everybody takes part"}
	var states []kpi.State
	add := func(name string, d config.Direction, target, value *float64, limits ...kpi.Limit) {
		k := &config.KPI{Name: name, Title: strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " "), Objective: o.Name, Platform: "wiki", Unit: "pages", Direction: d,
			Owner: "editor", Review: now.Add(30 * day)}
		if target != nil {
			k.Target = &config.Target{Value: *target}
		}
		s := kpi.State{KPI: k, Data: now.Add(-time.Hour), Limits: limits}
		if value != nil {
			s.Known, s.Value = true, *value
		}
		if len(limits) > 0 {
			k.Warning = &config.Threshold{Action: "Do as agreed.", Within: 14 * day}
		}
		states = append(states, s)
	}
	limit := func(condition string, at float64, breached bool) kpi.Limit {
		l := kpi.Limit{Severity: "warning", Condition: condition, At: at, Breached: breached}
		if breached {
			l.Start = now.Add(-5 * day)
		}
		return l
	}
	add("higher_reached", config.Higher, new(80.), new(90.), limit("below", 70, false))
	add("higher_negative", config.Higher, new(20.), new(-10.), limit("below", -20, false))
	add("higher_of_zero", config.Higher, new(0.), new(5.), limit("below", -20, false))
	add("lower_reached", config.Lower, new(5.), new(4.), limit("above", 10, false))
	add("lower_missed", config.Lower, new(5.), new(12.), limit("above", 10, true))
	add("lower_at_zero", config.Lower, new(0.), new(0.))
	add("lower_above_0", config.Lower, new(0.), new(3.))
	add("range_within", config.Range, new(20.), new(5.), limit("below", 2, false), limit("above", 40, false))
	add("range_below", config.Range, new(20.), new(1.), limit("below", 2, true), limit("above", 40, false))
	add("lost", config.Higher, new(7.), nil, limit("below", 5, false))
	return exposition.Build(now, nil, nil, states, &config.Config{Objectives: []*config.Objective{o}}, &url.URL{Scheme: "http", Host: "localhost:10042"})
}
