package kpi

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

const day = 24 * time.Hour

var (
	t0       = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	created  = measure.Ref{Measure: "pages_created", Window: measure.Window(7 * day)}
	active   = measure.Ref{Measure: "active_users", Window: measure.Window(28 * day)}
	accounts = measure.Ref{Measure: "accounts"}
	profiles = measure.Ref{Measure: "profile_completion"}
)

func below(at float64, sustain time.Duration) *config.Threshold {
	return &config.Threshold{Below: &at, Sustain: sustain, Action: "Ask for a page."}
}

func above(at float64, sustain time.Duration) *config.Threshold {
	return &config.Threshold{Above: &at, Sustain: sustain, Action: "Ask why."}
}

func between(low, high float64, sustain time.Duration) *config.Threshold {
	return &config.Threshold{Below: &low, Above: &high, Sustain: sustain, Action: "Look into it."}
}

func drop(share float64, against, sustain time.Duration) *config.Threshold {
	return &config.Threshold{Drop: &share, Against: against, Sustain: sustain, Action: "Ask what has gone."}
}

func rise(share float64, against, sustain time.Duration) *config.Threshold {
	return &config.Threshold{Rise: &share, Against: against, Sustain: sustain, Action: "Ask what has come."}
}

// weekly is a KPI without a denominator, and ratio is one with.
func weekly(warning *config.Threshold) *config.KPI {
	return &config.KPI{Name: "pages_weekly", Platform: "wiki", Measure: created, Unit: "pages", Warning: warning}
}

func ratio(warning *config.Threshold) *config.KPI {
	return &config.KPI{Name: "monthly_active", Platform: "wiki", Measure: active, Per: &accounts, Unit: measure.Ratio, Warning: warning}
}

func value(ref measure.Ref, v float64, asOf time.Time) tally.Value {
	return tally.Value{Ref: ref, Value: v, AsOf: asOf}
}

// wiki is what the platform delivers; its values are too old after two days.
func wiki(values ...tally.Value) map[string]Source {
	return map[string]Source{"wiki": {Snapshot: &tally.Snapshot{Values: values}, MaxAge: 48 * time.Hour}}
}

func open(t *testing.T, dir *storage.Dir, kpis ...*config.KPI) *Engine {
	t.Helper()
	e, warning, err := Open(dir)
	if err != nil || warning != "" {
		t.Fatalf("Open: warning %q, error %v", warning, err)
	}
	e.Configure(kpis)
	return e
}

// see shows the engine one value of the weekly KPI that is up to date, and returns its first limit.
func see(e *Engine, at time.Time, v float64) Limit {
	return e.Update(at, wiki(value(created, v, at)))[0].Limits[0]
}

func wantLimit(t *testing.T, what string, got Limit, start time.Time, breached bool) {
	t.Helper()
	if !got.Start.Equal(start) || got.Breached != breached {
		t.Errorf("%s: start %s, breached %t; want %s, %t", what, got.Start, got.Breached, start, breached)
	}
}

// Each threshold is fed good values for 36 days, then bad ones each hour for 30.
func TestVerdict(t *testing.T) {
	for _, sustain := range []time.Duration{0, day, 3 * day, 7 * day, 28 * day} {
		for _, tt := range []struct {
			name      string
			threshold *config.Threshold
			good, bad float64
			condition string
			never     bool
		}{
			{name: "one below", threshold: below(25, sustain), good: 26, bad: 24, condition: "below"},
			{name: "from the limit to below", threshold: below(25, sustain), good: 25, bad: 24, condition: "below"},
			{name: "at the lower limit", threshold: below(25, sustain), good: 26, bad: 25, condition: "below", never: true},
			{name: "next number below", threshold: below(0.3, sustain), good: 0.3, bad: math.Nextafter(0.3, 0), condition: "below"},
			{name: "far above a lower limit", threshold: below(25, sustain), good: 26, bad: 2600, condition: "below", never: true},
			{name: "one above", threshold: above(25, sustain), good: 24, bad: 26, condition: "above"},
			{name: "from the limit to above", threshold: above(25, sustain), good: 25, bad: 26, condition: "above"},
			{name: "at the upper limit", threshold: above(25, sustain), good: 24, bad: 25, condition: "above", never: true},
			{name: "below the range", threshold: between(10, 20, sustain), good: 10, bad: 9, condition: "below"},
			{name: "above the range", threshold: between(10, 20, sustain), good: 20, bad: 21, condition: "above"},
			{name: "within the range", threshold: between(10, 20, sustain), good: 10, bad: 20, condition: "above", never: true},
			{name: "dropped by one more, 7d", threshold: drop(0.57, 7*day, sustain), good: 100, bad: 42, condition: "drop"},
			{name: "dropped to the limit, 7d", threshold: drop(0.57, 7*day, sustain), good: 100, bad: 43, condition: "drop", never: true},
			{name: "risen, 7d", threshold: drop(0.57, 7*day, sustain), good: 100, bad: 1000, condition: "drop", never: true},
			{name: "dropped by one more, 28d", threshold: drop(0.7, 28*day, sustain), good: 90, bad: 26, condition: "drop"},
			{name: "dropped to the limit, 28d", threshold: drop(0.7, 28*day, sustain), good: 90, bad: 27, condition: "drop", never: true},
			{name: "risen by one more, 7d", threshold: rise(0.14, 7*day, sustain), good: 50, bad: 58, condition: "rise"},
			{name: "risen to the limit, 7d", threshold: rise(0.14, 7*day, sustain), good: 50, bad: 57, condition: "rise", never: true},
			{name: "dropped, 7d", threshold: rise(0.14, 7*day, sustain), good: 50, bad: 5, condition: "rise", never: true},
			{name: "risen by one more, 28d", threshold: rise(1, 28*day, sustain), good: 50, bad: 101, condition: "rise"},
			{name: "risen to the limit, 28d", threshold: rise(1, 28*day, sustain), good: 50, bad: 100, condition: "rise", never: true},
			{name: "dropped from below nothing", threshold: drop(0.25, 28*day, sustain), good: -20, bad: -26, condition: "drop"},
			{name: "as it was, below nothing", threshold: drop(0.25, 28*day, sustain), good: -20, bad: -25, condition: "drop", never: true},
			{name: "risen from below nothing", threshold: rise(0.25, 28*day, sustain), good: -20, bad: -14, condition: "rise"},
			{name: "risen from nothing", threshold: rise(9, 28*day, sustain), good: 0, bad: 1, condition: "rise"},
			{name: "still nothing", threshold: rise(9, 28*day, sustain), good: 0, bad: 0, condition: "rise", never: true},
		} {
			t.Run(fmt.Sprintf("%s for %s", tt.name, sustain), func(t *testing.T) {
				e := open(t, nil, weekly(tt.threshold))
				crossed := t0.Add(36 * day)
				for at := t0; at.Before(crossed); at = at.Add(6 * time.Hour) {
					for _, l := range e.Update(at, wiki(value(created, tt.good, at)))[0].Limits {
						wantLimit(t, at.String(), l, time.Time{}, false)
					}
				}
				// What stays where it fell or rose to is normal again when all that it is compared with is as low or high.
				over := crossed.Add(365 * day)
				if against := tt.threshold.Against; against > 0 {
					over = crossed.Add(against + day).Truncate(day)
				}
				for at := crossed; at.Before(crossed.Add(30 * day)); at = at.Add(time.Hour) {
					start := crossed
					if tt.never || !at.Before(over) {
						start = time.Time{}
					}
					breached := !start.IsZero() && !at.Before(crossed.Add(sustain))
					found := false
					for _, l := range e.Update(at, wiki(value(created, tt.bad, at)))[0].Limits {
						if l.Condition == tt.condition {
							found = true
							wantLimit(t, at.String(), l, start, breached)
						} else {
							wantLimit(t, at.String()+", other side", l, time.Time{}, false)
						}
					}
					if !found {
						t.Fatalf("no limit %s", tt.condition)
					}
				}
			})
		}
	}
}

func TestLimitsOrderAndText(t *testing.T) {
	k := weekly(between(10, 90, 3*day))
	k.Warning.Drop, k.Warning.Rise, k.Warning.Against = new(0.3), new(0.5), 7*day
	k.Critical = between(5, 95, 0)
	e := open(t, nil, ratio(nil), k)
	e.Update(t0.Add(-8*day), wiki(value(created, 10, t0.Add(-8*day))))
	states := e.Update(t0, wiki(value(created, 4, t0)))
	want := []State{
		{KPI: states[0].KPI},
		{
			KPI: k, Known: true, Value: 4, Data: t0,
			Limits: []Limit{
				{Severity: "warning", Condition: "below", At: 10, Threshold: k.Warning, Start: t0},
				{Severity: "warning", Condition: "above", At: 90, Threshold: k.Warning},
				{Severity: "warning", Condition: "drop", At: 7, Threshold: k.Warning, Start: t0},
				{Severity: "warning", Condition: "rise", At: 15, Threshold: k.Warning},
				{Severity: "critical", Condition: "below", At: 5, Threshold: k.Critical, Breached: true, Start: t0},
				{Severity: "critical", Condition: "above", At: 95, Threshold: k.Critical},
			},
		},
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Error(diff)
	}
	if states[0].KPI.Name != "monthly_active" {
		t.Errorf("first KPI is %s", states[0].KPI.Name)
	}
}

// Only an active KPI is judged. Whatever becomes active is judged over its whole record, and nothing is
// recorded of a retired one.
func TestStatus(t *testing.T) {
	k := *weekly(below(25, day))
	k.Critical = drop(0.5, 28*day, 0)
	e := open(t, nil)
	at := t0
	for _, tt := range []struct {
		status config.Status
		value  float64
		limits []Limit
		points int
	}{
		{config.Proposed, 20, []Limit{{Severity: "warning", Condition: "below", At: 25}, {Severity: "critical", Condition: "drop", WarmingUp: true}}, 1},
		{config.Context, 19, nil, 2},
		{config.Retired, 30, nil, 0},
		{config.Active, 18, []Limit{{Severity: "warning", Condition: "below", At: 25, Start: t0, Breached: true}, {Severity: "critical", Condition: "drop", WarmingUp: true}}, 3},
		{config.Proposed, 17, []Limit{{Severity: "warning", Condition: "below", At: 25}, {Severity: "critical", Condition: "drop", WarmingUp: true}}, 4},
	} {
		k := k
		k.Status = tt.status
		e.Configure([]*config.KPI{&k})
		states := e.Update(at, wiki(value(created, tt.value, at)))
		if tt.status == config.Retired {
			if len(states) > 0 {
				t.Errorf("retired: %+v", states)
			}
		} else {
			for i := range tt.limits {
				tt.limits[i].Threshold = k.Warning
			}
			if len(tt.limits) > 0 {
				tt.limits[1].Threshold = k.Critical
			}
			if diff := cmp.Diff(tt.limits, states[0].Limits); diff != "" {
				t.Errorf("%s: %s", tt.status, diff)
			}
			if s := states[0]; !s.Known || s.Value != tt.value || len(e.Past(at, &k).Points) != tt.points {
				t.Errorf("%s: %+v", tt.status, s)
			}
		}
		at = at.Add(day)
	}
}

// A retired KPI that is still in the file keeps its record for ever.
func TestRetiredKeepsItsRecord(t *testing.T) {
	k := weekly(below(25, 0))
	e := open(t, nil, k)
	see(e, t0, 20)
	retired := *k
	retired.Status = config.Retired
	e.Configure([]*config.KPI{&retired})
	e.Update(t0.Add(500*day), wiki())
	e.Configure([]*config.KPI{k})
	wantLimit(t, "active again", e.Update(t0.Add(500*day), wiki())[0].Limits[0], t0, true)
}

func TestEarlierAndPoints(t *testing.T) {
	k := ratio(nil)
	e := open(t, nil, k)
	var s State
	for n := range 24 * 100 { // each hour 1 more, of so few that nothing would be judged
		at := t0.Add(time.Duration(n) * time.Hour)
		s = e.Update(at, wiki(value(active, float64(n), at), value(accounts, 1, at)))[0]
		if n == 28*24+14 && s.Earlier != nil { // 23:00 on the day before there is a value of the day before
			t.Errorf("at %s: earlier %v", at, *s.Earlier)
		}
		if n == 28*24+15 && (s.Earlier == nil || *s.Earlier != 14) {
			t.Errorf("at %s: earlier %v", at, s.Earlier)
		}
	}
	last := t0.Add((24*100 - 1) * time.Hour) // 8:00
	if want := float64(24*100 - 1 - 9 - 28*24); s.Earlier == nil || *s.Earlier != want {
		t.Errorf("earlier %v, want %v", s.Earlier, want)
	}
	points := e.Past(last, k).Points
	if n := len(points); n != 91 || !points[90].At.Equal(last) || points[90].Value != 24*100-1 {
		t.Fatalf("%d points, the last %v", n, points[n-1])
	}
	for i, p := range points[:90] {
		at := last.Truncate(day).Add(time.Duration(i-89)*day - time.Hour)
		if !p.At.Equal(at) || p.Value != at.Sub(t0).Hours() {
			t.Errorf("point %d: %v", i, p)
		}
	}
	if s := e.Update(last.Add(89*day), wiki())[0]; len(e.Past(last.Add(89*day), k).Points) != 2 || s.Known || s.Earlier == nil {
		t.Errorf("89 days without data: %+v", s)
	}
	if points := e.Past(last.Add(91*day), k).Points; points != nil {
		t.Errorf("91 days without data: %v", points)
	}
	if past := e.Past(last, weekly(nil)); past.Points != nil {
		t.Errorf("a KPI that is not recorded: %v", past)
	}
}

func TestValue(t *testing.T) {
	now := t0
	for _, tt := range []struct {
		name   string
		kpi    *config.KPI
		source map[string]Source
		want   State
	}{
		{name: "plain", kpi: weekly(nil), source: wiki(value(created, 4, now)), want: State{Known: true, Value: 4, Data: now}},
		{name: "zero is a value", kpi: weekly(nil), source: wiki(value(created, 0, now)), want: State{Known: true, Data: now}},
		{name: "at max_age", kpi: weekly(nil), source: wiki(value(created, 4, now.Add(-2*day))), want: State{Known: true, Value: 4, Data: now.Add(-2 * day)}},
		{name: "over max_age", kpi: weekly(nil), source: wiki(value(created, 4, now.Add(-2*day-1))), want: State{Data: now.Add(-2*day - 1)}},
		{name: "no data yet", kpi: weekly(nil), source: map[string]Source{"wiki": {MaxAge: day}}, want: State{}},
		{name: "other window", kpi: weekly(nil), source: wiki(value(measure.Ref{Measure: "pages_created", Window: measure.Window(day)}, 4, now)), want: State{}},
		{name: "ratio", kpi: ratio(nil), source: wiki(value(active, 25, now), value(accounts, 100, now.Add(-day))),
			want: State{Known: true, Value: 0.25, Numerator: 25, Denominator: 100, Data: now.Add(-day)}},
		{name: "old numerator", kpi: ratio(nil), source: wiki(value(active, 25, now.Add(-3*day)), value(accounts, 100, now)), want: State{Data: now.Add(-3 * day)}},
		{name: "old denominator", kpi: ratio(nil), source: wiki(value(active, 25, now), value(accounts, 100, now.Add(-3*day))), want: State{Data: now.Add(-3 * day)}},
		{name: "no numerator", kpi: ratio(nil), source: wiki(value(accounts, 100, now)), want: State{}},
		{name: "no denominator", kpi: ratio(nil), source: wiki(value(active, 25, now)), want: State{}},
		{name: "something per nothing", kpi: ratio(nil), source: wiki(value(active, 25, now), value(accounts, 0, now)), want: State{Data: now}},
		{name: "nothing per nothing", kpi: ratio(nil), source: wiki(value(active, 0, now), value(accounts, 0, now)), want: State{Data: now}},
		{name: "no number", kpi: weekly(nil), source: wiki(value(created, math.NaN(), now)), want: State{Data: now}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, nil, tt.kpi)
			got := e.Update(now, tt.source)[0]
			if !got.Known { // then they mean nothing
				got.Value, got.Numerator, got.Denominator, got.Small = 0, 0, 0, false
			}
			tt.want.KPI = tt.kpi
			var points []Point
			if got.Known {
				at := now // of the measure, whatever it is divided by
				if tt.kpi.Per == nil {
					at = got.Data
				}
				points = []Point{{At: at, Value: got.Value}}
			}
			if diff := cmp.Diff(tt.want, got) + cmp.Diff(points, e.Past(now, tt.kpi).Points); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWarmUp(t *testing.T) {
	e := open(t, nil, ratio(below(0.3, 0)))
	snapshot := &tally.Snapshot{
		Values:   []tally.Value{value(accounts, 100, t0)},
		Expected: map[measure.Ref]time.Time{active: t0.Add(day), accounts: t0.Add(time.Hour), created: t0.Add(9 * day)},
	}
	s := e.Update(t0, map[string]Source{"wiki": {Snapshot: snapshot, MaxAge: day}})[0]
	if !s.WarmingUp || s.Known || !s.Expected.Equal(t0.Add(day)) || !s.Data.IsZero() {
		t.Errorf("at first: %+v", s)
	}
	wantLimit(t, "at first", s.Limits[0], time.Time{}, false)

	at := t0.Add(day)
	s = e.Update(at, wiki(value(active, 20, at), value(accounts, 100, at)))[0]
	if s.WarmingUp || !s.Known || !s.Expected.IsZero() {
		t.Errorf("at its end: %+v", s)
	}
	wantLimit(t, "at its end", s.Limits[0], at, true)
}

// The value is wrong, away, and wrong again a day before the sustain of three days is over, counted from
// the first. It is absent from 48 hours after the last value before.
// Breaches that are over count by the limit as it is today: those that lasted, in the last 90 days, newest first.
func TestPast(t *testing.T) {
	k := weekly(below(10, 3*day))
	e := open(t, nil, k)
	at := func(days int) time.Time { return t0.Add(time.Duration(days) * day) }
	bad := func(day int) bool {
		return day < 5 || 20 <= day && day < 24 || 40 <= day && day < 42 || 50 <= day && day < 54 || 54 < day && day < 59 || day >= 100
	}
	var l Limit
	for d := range 103 {
		v := 12.0
		if bad(d) {
			v = 7
		}
		l = see(e, at(d), v)
	}
	wantLimit(t, "now", l, at(100), false)
	want := []Breach{{"warning", "below", at(55), at(58)}, {"warning", "below", at(50), at(53)}, {"warning", "below", at(20), at(23)}}
	if diff := cmp.Diff(want, e.Past(at(102), k).Breaches); diff != "" {
		t.Error(diff)
	}
	if l = see(e, at(103), 7); !l.Breached || len(e.Past(at(103), k).Breaches) != 3 {
		t.Errorf("breached %t, past %v", l.Breached, e.Past(at(103), k))
	}
	see(e, at(104), 12)
	if over := e.Past(at(104), k).Breaches; len(over) != 4 || over[0] != (Breach{"warning", "below", at(100), at(103)}) {
		t.Errorf("past %v", over)
	}
	other := weekly(below(5, 3*day))
	e.Configure([]*config.KPI{other})
	see(e, at(105), 12)
	if past := e.Past(at(105), other); past.Breaches != nil {
		t.Errorf("another limit, past %v", past)
	}
	other.Status = config.Proposed
	if past := e.Past(at(105), other); past.Breaches != nil || past.Points == nil {
		t.Errorf("proposed, past %v", past)
	}
}

func TestGap(t *testing.T) {
	for _, tt := range []struct {
		name     string
		sustain  time.Duration
		distance time.Duration // between the values around the gap
		together bool
	}{
		{"outage shorter than max_age", 3 * day, 48 * time.Hour, true},
		{"just absent", 3 * day, 2*day + time.Minute, true},
		{"as long as the sustain", 3 * day, 5 * day, true},
		{"longer than the sustain", 3 * day, 5*day + time.Second, false},
		{"longer than a sustain of one day", day, 3*day + time.Second, false},
		{"at once, absent for an hour", 0, 2*day + time.Hour, true},
		{"at once, absent for longer", 0, 2*day + time.Hour + time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, nil, weekly(below(25, tt.sustain)))
			wantLimit(t, "before", see(e, t0, 20), t0, tt.sustain == 0)
			at := t0.Add(tt.distance)
			away := e.Update(at, wiki(value(created, 20, t0)))[0]
			if away.Known != (tt.distance <= 48*time.Hour) {
				t.Errorf("known = %t", away.Known)
			}
			wantLimit(t, "away", away.Limits[0], t0, tt.sustain == 0)
			start := at
			if tt.together {
				start = t0
			}
			wantLimit(t, "back", see(e, at, 20), start, at.Sub(start) >= tt.sustain)
		})
	}
}

// While the value is away, a verdict stays as it was, and the last data time is still told.
func TestVerdictStays(t *testing.T) {
	e := open(t, nil, ratio(below(0.3, day)))
	bad := func(at time.Time) []tally.Value {
		return []tally.Value{value(active, 20, at), value(accounts, 100, at.Add(-time.Hour))}
	}
	e.Update(t0, wiki(bad(t0)...))
	last := t0.Add(day)
	wantLimit(t, "breached", e.Update(last, wiki(bad(last)...))[0].Limits[0], t0, true)
	for name, source := range map[string]map[string]Source{
		"too old": wiki(bad(last)...),
		"gone":    wiki(),
		"nothing": {"wiki": {MaxAge: 48 * time.Hour}},
	} {
		s := e.Update(last.Add(50*day), source)[0]
		if s.Known || !s.Data.Equal(last.Add(-time.Hour)) {
			t.Errorf("%s: known %t, data %s", name, s.Known, s.Data)
		}
		wantLimit(t, name, s.Limits[0], t0, true)
	}
}

func TestFrozenValueDoesNotRipen(t *testing.T) {
	e := open(t, nil, weekly(below(25, day)))
	for d := time.Duration(0); d < 5*day; d += time.Hour {
		wantLimit(t, d.String(), e.Update(t0.Add(d), wiki(value(created, 20, t0)))[0].Limits[0], t0, false)
	}
}

// The denominator is listed once a day and does not hold the verdict back; a denominator that moves
// alone adds no time.
func TestClockOfARatio(t *testing.T) {
	e := open(t, nil, ratio(below(0.3, 2*time.Hour)))
	limit := func(now, at time.Time, users, of float64) Limit {
		return e.Update(now, wiki(value(active, users, at), value(accounts, of, t0)))[0].Limits[0]
	}
	hours := func(n time.Duration) time.Time { return t0.Add(n * time.Hour) }
	wantLimit(t, "good", limit(t0, t0, 30, 100), time.Time{}, false)
	wantLimit(t, "bad", limit(hours(1), hours(1), 29, 100), hours(1), false)
	wantLimit(t, "bad for long enough", limit(hours(3), hours(3), 29, 100), hours(1), true)
	wantLimit(t, "denominator shrinks", limit(hours(4), hours(3), 29, 90), time.Time{}, false)
	wantLimit(t, "denominator grows", limit(hours(5), hours(3), 29, 100), time.Time{}, false)
	wantLimit(t, "numerator moves", limit(hours(6), hours(6), 29, 100), hours(6), false)
	wantLimit(t, "denominator alone", limit(hours(9), hours(6), 29, 101), hours(6), false)
	wantLimit(t, "bad again for long enough", limit(hours(9), hours(8), 29, 101), hours(6), true)
}

func TestSmallDenominator(t *testing.T) {
	perPages := &config.KPI{Name: "k", Platform: "wiki", Measure: profiles, Per: &created, Unit: measure.Ratio, Warning: below(0.5, 0)}
	profile := &config.KPI{Name: "k", Platform: "wiki", Measure: profiles, Unit: measure.Ratio, Warning: below(0.5, 0)}
	for _, tt := range []struct {
		name     string
		kpi      *config.KPI
		values   []tally.Value
		breached bool
	}{
		{"49", ratio(below(0.5, 0)), []tally.Value{value(active, 0, t0), value(accounts, 49, t0)}, false},
		{"50", ratio(below(0.5, 0)), []tally.Value{value(active, 0, t0), value(accounts, 50, t0)}, true},
		{"49, above", ratio(above(0.5, 0)), []tally.Value{value(active, 49, t0), value(accounts, 49, t0)}, false},
		{"50, above", ratio(above(0.5, 0)), []tally.Value{value(active, 50, t0), value(accounts, 50, t0)}, true},
		{"no ratio", weekly(below(25, 0)), []tally.Value{value(created, 3, t0), value(accounts, 3, t0)}, true},
		{"profiles of 49", profile, []tally.Value{value(profiles, 0.1, t0), value(accounts, 49, t0)}, false},
		{"profiles of 50", profile, []tally.Value{value(profiles, 0.1, t0), value(accounts, 50, t0)}, true},
		{"profiles of nobody knows how many", profile, []tally.Value{value(profiles, 0.1, t0)}, true},
		{"profiles with a denominator of their own", perPages, []tally.Value{value(profiles, 0.1, t0), value(created, 50, t0), value(accounts, 49, t0)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, nil, tt.kpi).Update(t0, wiki(tt.values...))[0]
			if !s.Known || s.Small == tt.breached {
				t.Errorf("known %t, small %t", s.Known, s.Small)
			}
			if got := s.Limits[0]; got.Breached != tt.breached || got.Start.IsZero() == tt.breached {
				t.Errorf("breached %t, start %s", got.Breached, got.Start)
			}
		})
	}
	if s := open(t, nil, profile).Update(t0, wiki(value(profiles, 0.1, t0), value(accounts, 60, t0)))[0]; s.Denominator != 0 {
		t.Errorf("a KPI without per has the denominator %v", s.Denominator)
	}
}

// A ratio over too few in the middle of an hour ends a run like a good value.
func TestSmallDenominatorEndsARun(t *testing.T) {
	e := open(t, nil, ratio(below(0.5, 0)))
	limit := func(minutes, of float64) Limit {
		at := t0.Add(time.Duration(minutes) * time.Minute)
		return e.Update(at, wiki(value(active, 0, at), value(accounts, of, at)))[0].Limits[0]
	}
	wantLimit(t, "enough", limit(5, 50), t0.Add(5*time.Minute), true)
	wantLimit(t, "too few", limit(10, 49), time.Time{}, false)
	wantLimit(t, "enough again", limit(15, 50), t0.Add(15*time.Minute), true)
}

// The first day has values of 30, the second of 20, the third of 10, each hour. Then the file is edited.
func TestReload(t *testing.T) {
	end := t0.Add(3*day - time.Hour)
	perPages := weekly(below(25, day))
	perPages.Per = &accounts
	for _, tt := range []struct {
		name     string
		kpi      *config.KPI
		start    time.Time
		breached bool
	}{
		{"nothing", weekly(below(25, day)), t0.Add(day), true},
		{"limit raised", weekly(below(35, 2*day)), t0, true},
		{"limit lowered", weekly(below(15, day)), t0.Add(2 * day), false},
		{"limit lowered, the value is at it", weekly(below(10, day)), time.Time{}, false},
		{"sustain longer", weekly(below(25, 2*day)), t0.Add(day), false},
		{"sustain shorter", weekly(below(15, time.Hour)), t0.Add(2 * day), true},
		{"direction", weekly(above(5, 2*day)), t0, true},
		{"action", weekly(&config.Threshold{Below: below(25, 0).Below, Sustain: day, Action: "Another."}), t0.Add(day), true},
		{"per", perPages, time.Time{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, nil, weekly(below(25, day)))
			for at := t0; !at.After(end); at = at.Add(time.Hour) {
				see(e, at, 30-10*math.Floor(at.Sub(t0).Hours()/24))
			}
			e.Configure([]*config.KPI{tt.kpi})
			s := e.Update(end, wiki(value(created, 10, end)))[0]
			wantLimit(t, "after the edit", s.Limits[0], tt.start, tt.breached)
			if s.Limits[0].Threshold != tt.kpi.Warning {
				t.Error("the threshold is the old one")
			}
		})
	}
}

func TestTakenOutAndPutBack(t *testing.T) {
	for _, tt := range []struct {
		away time.Duration
		want time.Time
	}{
		{400 * day, t0},
		{400*day + time.Second, time.Time{}},
	} {
		k := weekly(below(25, 0))
		e := open(t, nil, k)
		see(e, t0, 20)
		e.Configure(nil)
		if states := e.Update(t0.Add(tt.away), wiki(value(created, 30, t0.Add(day)))); len(states) != 0 {
			t.Errorf("states: %v", states)
		}
		e.Configure([]*config.KPI{k})
		wantLimit(t, tt.away.String(), e.Update(t0.Add(tt.away), wiki())[0].Limits[0], tt.want, !tt.want.IsZero())
	}
}

func TestClockBack(t *testing.T) {
	e := open(t, nil, weekly(below(25, day)))
	see(e, t0, 20)
	now := t0.Add(12 * time.Hour)
	wantLimit(t, "ahead", see(e, now, 20), t0, false)
	wantLimit(t, "good value, back", see(e, t0.Add(time.Hour), 30), t0, false)
	wantLimit(t, "forward again", see(e, t0.Add(day), 20), t0, true)
}

func TestClockFarAhead(t *testing.T) {
	e := open(t, nil, weekly(below(25, 0)))
	see(e, t0, 30)
	year := t0.Add(365 * day)
	wantLimit(t, "data time of next year", e.Update(t0, wiki(value(created, 20, year)))[0].Limits[0], time.Time{}, false)
	wantLimit(t, "clock of next year", see(e, year, 20), year, true)
	at := t0.Add(time.Hour)
	wantLimit(t, "true clock", see(e, at, 20), at, true)
	wantLimit(t, "true clock, later", see(e, at.Add(day), 20), at, true)
}

// What a clock recorded that was ahead goes, and what was before stays: the values at these minutes after t0, of which
// 30 is a good one. Then the clock is right again, with a bad value, and an hour later with another.
func TestClockAheadForAWhile(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before        map[int]float64
		ahead         time.Duration
		at            int
		start, anHour int // minutes after t0; -1 = none
	}{
		{"bad since", map[int]float64{0: 30, 60: 20, 180: 20}, 20 * day, 240, 60, 60},
		{"bad since some time of a day", map[int]float64{0: 30, 60: 20, 180: 20}, 400 * day, 240, 180, 180},
		{"bad for long", map[int]float64{0: 20}, 4000 * day, 60, 0, 0},
		{"good until then", map[int]float64{0: 20, 60: 30}, 400 * day, 120, 120, 120},
		{"in the middle of a bad hour", map[int]float64{0: 20, 20: 20}, 2 * day, 10, 0, 0},
		{"in the middle of an hour with a good value", map[int]float64{0: 20, 10: 30, 20: 20}, 2 * day, 15, -1, 75},
		{"before a good value", map[int]float64{0: 20, 20: 30, 30: 20}, 2 * day, 15, -1, 75},
		{"in the middle of a bad day", map[int]float64{0: 20, 60: 20, 420: 20}, 400 * day, 90, 0, 0},
		{"in the middle of a day with a good value", map[int]float64{0: 20, 60: 30, 420: 20}, 400 * day, 90, -1, 150},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, nil, weekly(below(25, 0)))
			after := func(minutes int) time.Time {
				if minutes < 0 {
					return time.Time{}
				}
				return t0.Add(time.Duration(minutes) * time.Minute)
			}
			for _, minutes := range slices.Sorted(maps.Keys(tt.before)) {
				see(e, after(minutes), tt.before[minutes])
			}
			see(e, t0.Add(tt.ahead), 20)
			see(e, t0.Add(tt.ahead+day), 30)
			wantLimit(t, "the clock is right", see(e, after(tt.at), 20), after(tt.start), tt.start >= 0)
			e.records = reread(t, e.records)
			wantLimit(t, "an hour later", see(e, after(tt.at+60), 20), after(tt.anHour), true)
		})
	}
}

// A sustain of one day is 24 hours, also on the days that have 23 or 25.
func TestDaylightSaving(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for _, midnight := range []time.Time{time.Date(2026, 10, 25, 0, 0, 0, 0, zone), time.Date(2027, 3, 28, 0, 0, 0, 0, zone)} {
		e := open(t, nil, weekly(below(25, day)))
		for n := range 30 {
			at := midnight.Add(time.Duration(n) * time.Hour)
			wantLimit(t, at.String(), see(e, at, 20), midnight, n >= 24)
		}
	}
}

// A start stands for as long as the record reaches back. From 35 days on it is known to the day only: where
// the day has good values too, it moves to its end.
func TestLongRun(t *testing.T) {
	for _, tt := range []struct {
		name string
		good int // hours before the first bad value
	}{
		{"bad from the beginning", 0},
		{"good in the morning", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, nil, weekly(below(25, 28*day)))
			for n := range 24 * 450 {
				at, v := t0.Add(time.Duration(n)*time.Hour), 20.0
				crossed := t0.Add(time.Duration(tt.good) * time.Hour)
				start := crossed
				switch midnight := at.Truncate(day); {
				case n < tt.good:
					v, start = 30, time.Time{}
				case midnight.Sub(t0.Add(-9*time.Hour)) >= 401*day:
					start = midnight.Add(-400 * day)
				case midnight.Sub(t0.Add(-9*time.Hour)) >= 36*day && tt.good > 0:
					start = t0.Truncate(day).Add(23 * time.Hour)
				}
				wantLimit(t, at.String(), see(e, at, v), start, n >= tt.good && at.Sub(crossed) >= 28*day)
			}
			if n := len(e.records[e.kpis[0].Identity()].Buckets); n < 365+35*24 || n > 366+36*24 {
				t.Errorf("%d buckets", n)
			}
		})
	}
}

// A gap in the middle of a day is none the less one when the hours of the day are joined.
func TestGapInAnOldDay(t *testing.T) {
	e := open(t, nil, weekly(below(25, 0)))
	back := t0.Add(2*day + 3*time.Hour)
	for n := range 24 * 40 {
		at := t0.Add(time.Duration(n) * time.Hour)
		if at.Before(back) && at.After(back.Add(-5*time.Hour)) {
			continue
		}
		start := t0
		switch {
		case at.Truncate(day).Sub(back) > 35*day:
			start = back.Truncate(day).Add(23 * time.Hour)
		case !at.Before(back):
			start = back
		}
		source := wiki(value(created, 20, at))["wiki"]
		source.MaxAge = time.Hour
		wantLimit(t, at.String(), e.Update(at, map[string]Source{"wiki": source})[0].Limits[0], start, true)
	}
}

// A number that comes once a day crosses at most a day late, and never early.
func TestDailyData(t *testing.T) {
	for _, sustain := range []time.Duration{0, time.Hour, day, day + time.Hour, 3 * day} {
		e := open(t, nil, weekly(below(25, sustain)))
		see(e, t0, 30)
		var breached time.Time
		for n := 1; breached.IsZero() && n < 30; n++ {
			if at := t0.Add(time.Duration(n) * day); see(e, at, 20).Breached {
				breached = at
			}
		}
		if late := breached.Sub(t0.Add(day + sustain)); late < 0 || late >= day {
			t.Errorf("sustain %s: breached %s late", sustain, late)
		}
	}
}

func TestStateLost(t *testing.T) {
	e := open(t, nil, weekly(below(25, day)))
	see(e, t0, 20)
	e = open(t, nil, weekly(below(25, day)))
	at := t0.Add(day)
	wantLimit(t, "lost", see(e, at, 20), at, false)
}

func openDir(t *testing.T) (*storage.Dir, string) {
	t.Helper()
	path := t.TempDir()
	dir, err := storage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return dir, path
}

func TestRestart(t *testing.T) {
	dir, _ := openDir(t)
	e := open(t, dir, weekly(below(25, day)))
	see(e, t0, 20)
	want := e.Update(t0.Add(day), wiki(value(created, 20, t0.Add(day))))
	if err := e.Save(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, e.kpis...)
	for what, source := range map[string]map[string]Source{"same data": wiki(value(created, 20, t0.Add(day))), "no data yet": {"wiki": {MaxAge: 2 * day}}} {
		got := e.Update(t0.Add(day), source)
		if !got[0].Known { // the verdict does not need it
			got[0].Known, got[0].Value = true, 20
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
}

// A change is written, and nothing else.
func TestSave(t *testing.T) {
	dir, path := openDir(t)
	e := open(t, dir, ratio(nil))
	later := t0.Add(time.Hour)
	var before os.FileInfo
	for _, tt := range []struct {
		name    string
		source  map[string]Source
		written bool
	}{
		{"no data", wiki(), false},
		{"first data", wiki(value(active, 30, t0), value(accounts, 100, t0)), true},
		{"the same data", wiki(value(active, 30, t0), value(accounts, 100, t0)), false},
		{"no data again", wiki(), false},
		{"another denominator", wiki(value(active, 30, t0), value(accounts, 90, t0)), true},
		{"later", wiki(value(active, 30, later), value(accounts, 90, t0)), true},
		{"a new listing, the same value", wiki(value(active, 30, later), value(accounts, 90, later)), true},
	} {
		e.Update(later, tt.source)
		if err := e.Save(); err != nil {
			t.Fatal(err)
		}
		after, _ := os.Stat(filepath.Join(path, newestFile)) // replaced whole, so another file after each write
		if written := after != nil && !os.SameFile(before, after); written != tt.written {
			t.Errorf("%s: written %t", tt.name, written)
		}
		before = after
	}
}

func TestSaveFails(t *testing.T) {
	dir, path := openDir(t)
	e := open(t, dir, weekly(nil))
	e.Update(t0, wiki(value(created, 20, t0)))
	if err := os.Mkdir(filepath.Join(path, newestFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := e.Save(); err == nil {
		t.Fatal("no error")
	}
	if err := os.Remove(filepath.Join(path, newestFile)); err != nil {
		t.Fatal(err)
	}
	if err := e.Save(); err != nil { // what was not written is still to be written
		t.Fatal(err)
	}
	if len(open(t, dir).records) != 1 {
		t.Error("nothing was written")
	}
}

// The example in docs/verdicts.md.
func TestExampleOfTheDocumentation(t *testing.T) {
	e := open(t, nil, weekly(below(25, 3*day)))
	on := func(date, hour, minute int) time.Time { return time.Date(2026, 11, date, hour, minute, 0, 0, time.UTC) }
	start := on(2, 10, 45)
	want := map[time.Time]Limit{
		on(2, 10, 0):  {},
		on(2, 10, 15): {Start: on(2, 10, 15)},
		start:         {Start: start},
		on(2, 11, 0):  {Start: start},
		on(4, 8, 45):  {Start: start},
		on(4, 9, 0):   {Start: start},
		on(5, 10, 30): {Start: start},
		on(5, 10, 45): {Start: start, Breached: true},
		on(6, 14, 0):  {Start: start, Breached: true},
		on(6, 14, 15): {},
	}
	for now := on(2, 10, 0); !now.After(on(6, 14, 15)); now = now.Add(15 * time.Minute) {
		at, v := now, 24.0
		switch {
		case now.Equal(on(2, 10, 0)), now.Equal(on(6, 14, 15)):
			v = 25
		case !now.Before(on(4, 9, 0)):
			v = 23
		case !now.Before(on(3, 9, 0)):
			at = on(3, 8, 45)
		}
		s := e.Update(now, wiki(value(created, v, at)))[0]
		if !s.Known {
			t.Errorf("%s: not known", now)
		}
		if l, ok := want[now]; ok {
			wantLimit(t, now.String(), s.Limits[0], l.Start, l.Breached)
			delete(want, now)
		}
	}
	if len(want) > 0 {
		t.Errorf("never seen: %v", want)
	}
}
