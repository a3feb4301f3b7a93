package web

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

func TestChart(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	v := View{Now: now, Config: &config.Config{TimeZone: zone, Notes: []config.Note{
		{Date: now.Add(-29 * day), Text: "before"}, {Date: now.Add(-14 * day), Text: "New home page"}, {Date: now.Add(day), Text: "after"},
	}}}
	at := func(ago time.Duration, value float64) kpi.Point { return kpi.Point{At: now.Add(-ago), Value: value} }
	s := kpi.State{
		KPI:    &config.KPI{Unit: "pages", Target: &config.Target{Value: 40}},
		Limits: []kpi.Limit{{Severity: "warning", Condition: "below", At: 20}, {Severity: "critical", Condition: "rise", At: 30}, {Severity: "critical", Condition: "drop", At: 9000, WarmingUp: true}},
	}
	points := []kpi.Point{at(21*day, 10), at(20*day, 20), at(14*day, 30), at(7*day, 20), at(6*day, 10)}
	s.KPI.Warning = &config.Threshold{}
	got := v.chart(s, points)
	// The scale is 0 to 42; a day without a value breaks the line.
	want := &chart{
		Days: 28, From: "26 October", Until: "23 November", Unit: "pages",
		Path:   "M25 68h0L28.57 48M50 28h0M75 48h0L78.57 68",
		Lines:  []line{{8, "aim", "target 40 pages"}, {48, "warn", "warning below 20 pages"}, {28, "crit", "critical above 30 pages"}},
		Ticks:  []tick{{88, "0"}, {48, "20"}, {8, "40"}},
		Events: []event{{50, moment{"9 November 2026", "2026-11-09"}, "New home page"}},
		Text:   "A line from 10 pages on 2 November 2026 to 10 pages on 17 November 2026; the lowest is 10 pages, the highest 30 pages.",
		Weeks: []weekly{
			{moment{"23 November 2026", "2026-11-23"}, "10 pages"}, {moment{"16 November 2026", "2026-11-16"}, "20 pages"},
			{moment{"9 November 2026", "2026-11-09"}, "30 pages"}, {moment{"2 November 2026", "2026-11-02"}, "10 pages"},
		},
	}
	got.Text = strings.ReplaceAll(got.Text, "\u00a0", " ")
	for i := range got.Lines {
		got.Lines[i].Text = strings.ReplaceAll(got.Lines[i].Text, "\u00a0", " ")
	}
	for i := range got.Weeks {
		got.Weeks[i].Value = strings.ReplaceAll(got.Weeks[i].Value, "\u00a0", " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	s.KPI.Unit = measure.Ratio
	if c := v.chart(s, points); c.Unit != "" || c.Ticks[1].Text != "2,000\u00a0%" {
		t.Errorf("the axis of a share has %v of %q", c.Ticks, c.Unit)
	}
	points = append([]kpi.Point{at(89*day+time.Hour, 10)}, points...)
	if c := v.chart(s, points); c.Days != 90 || len(c.Weeks) != 13 || c.Weeks[5].Value != "" {
		t.Errorf("%d days have the weeks %v", c.Days, c.Weeks)
	}
	points[0].Value = math.MaxFloat64
	points[1].Value = -math.MaxFloat64
	if v.chart(s, points) != nil || v.chart(s, nil) != nil {
		t.Error("what has no size is drawn")
	}
}

// However large the numbers are, two or three of them stand at the axis, and all that is drawn is between its ends.
func TestScale(t *testing.T) {
	for _, low := range []float64{0, 1, 7, 0.3, 0.62, 99.5, 1e6, -3, -0.001, 1e-9, -1e12} {
		for _, size := range []float64{0, 0.001, 0.07, 1, 3, 12, 99, 1e6} {
			from, to := scale(low, low+size)
			if from > low || to < low+size || from >= to || low >= 0 && from < 0 {
				t.Errorf("%v to %v is drawn from %v to %v", low, low+size, from, to)
			}
			all := ticks(from, to)
			if len(all) < 2 || len(all) > 3 || all[0] < from-1e-9*math.Abs(from) || all[len(all)-1] > to+1e-9*math.Abs(to) {
				t.Errorf("%v to %v has the ticks %v", from, to, all)
			}
		}
	}
	for _, test := range []struct{ low, high, from float64 }{{10, 40, 0}, {30, 40, 29.5}, {0, 40, 0}, {-10, 40, -12.5}} {
		if from, _ := scale(test.low, test.high); from != test.from {
			t.Errorf("%v to %v is drawn from %v, want %v", test.low, test.high, from, test.from)
		}
	}
}
