package kpi

import (
	"math"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// october is a day of October 2026, at an hour UTC.
func october(d, hour int) time.Time { return time.Date(2026, 10, d, hour, 0, 0, 0, time.UTC) }

// feed feeds one value an hour, those of from and to included, but none from away to back.
func feed(e *Engine, from, to, away, back time.Time, v func(at time.Time) float64, each func(at time.Time, l Limit)) {
	for at := from; !at.After(to); at = at.Add(time.Hour) {
		if !at.Before(away) && at.Before(back) {
			continue
		}
		l := see(e, at, v(at))
		if each != nil {
			each(at, l)
		}
	}
}

// fallen is 100 before a time, and 60 since then.
func fallen(since time.Time) func(time.Time) float64 {
	return func(at time.Time) float64 {
		if at.Before(since) {
			return 100
		}
		return 60
	}
}

// All of a day is compared with the value that stood when it began, so much earlier; the threshold says what
// that amounts to.
func TestLimitOfADay(t *testing.T) {
	e := open(t, nil, weekly(drop(0.25, 7*day, 0)))
	for n := range 24 * 40 { // through the night in which summer time ends
		at := october(1, 9).Add(time.Duration(n) * time.Hour)
		l := see(e, at, float64(n))
		stood := at.Truncate(day).Add(-7*day - time.Hour)
		if stood.Before(october(1, 9)) {
			if !l.WarmingUp || l.At != 0 || l.Breached {
				t.Fatalf("%s: %+v", at, l)
			}
		} else if want := 0.75 * stood.Sub(october(1, 9)).Hours(); l.WarmingUp || l.At != want {
			t.Fatalf("%s: %+v, want a limit of %v", at, l, want)
		}
	}
}

// A value falls before there is anything to compare it with.
func TestWarmUpOfADrop(t *testing.T) {
	for _, against := range []time.Duration{7 * day, 28 * day} {
		e := open(t, nil, weekly(drop(0.3, against, day)))
		begin := october(1, 9)
		first := begin.Truncate(day).Add(day + against) // the day after the first one, and so much later
		feed(e, begin, first.Add(2*day), time.Time{}, time.Time{}, fallen(begin.Add(2*day)), func(at time.Time, l Limit) {
			start, over := first, first.Add(2*day) // 100 stood when the third day began
			if at.Before(first) || !at.Before(over) {
				start = time.Time{}
			}
			wantLimit(t, at.String(), l, start, !start.IsZero() && at.Sub(first) >= day)
			if l.WarmingUp != at.Before(first) {
				t.Fatalf("%s: warming up %t", at, l.WarmingUp)
			}
		})
	}
}

// The platform was away for some days, and a week later there is nothing to compare with for as long. The
// value falls two and a half days before that.
func TestMissingReference(t *testing.T) {
	away := october(10, 0)
	fell, unknown := october(15, 12), october(18, 0)
	for _, tt := range []struct {
		name     string
		days     int
		sustain  time.Duration
		breached func(at time.Time) bool
		start    func(at time.Time) time.Time
	}{
		{
			"a day, breached before", 1, day,
			func(at time.Time) bool { return !at.Before(fell.Add(day)) },
			func(time.Time) time.Time { return fell },
		},
		{
			"a day, and it does not ripen in it", 1, 3 * day, // on the 18th at 12:00, but that day can't be judged
			func(at time.Time) bool { return !at.Before(october(19, 0)) },
			func(time.Time) time.Time { return fell },
		},
		{
			// 23:00 on the 17th was the last that could be judged; max_age and sustain are 48 h and 24 h.
			"longer than the sustain", 5, day,
			func(at time.Time) bool { return !at.Before(fell.Add(day)) && !at.After(october(20, 23)) },
			func(at time.Time) time.Time {
				if at.After(october(20, 23)) {
					return time.Time{}
				}
				return fell
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, nil, weekly(drop(0.3, 7*day, tt.sustain)))
			known := unknown.Add(time.Duration(tt.days) * day)
			feed(e, october(1, 0), october(22, 23), away, away.Add(time.Duration(tt.days)*day), fallen(fell), func(at time.Time, l Limit) {
				missing := !at.Before(unknown) && at.Before(known)
				if at.After(october(9, 0)) && l.WarmingUp != missing {
					t.Fatalf("%s: warming up %t", at, l.WarmingUp)
				}
				if at.Before(fell) {
					wantLimit(t, at.String(), l, time.Time{}, false)
				} else {
					wantLimit(t, at.String(), l, tt.start(at), tt.breached(at))
				}
			})
		})
	}
}

// After a reference that was missing for too long the count begins with the first value that can be judged.
func TestReferenceComesBack(t *testing.T) {
	e := open(t, nil, weekly(drop(0.3, 7*day, day)))
	feed(e, october(1, 0), october(25, 0), october(10, 0), october(14, 0), fallen(october(15, 12)), func(at time.Time, l Limit) {
		switch {
		case at.Equal(october(21, 23)):
			wantLimit(t, at.String(), l, time.Time{}, false)
		case at.Equal(october(22, 23)): // of the 14th, which is 100
			wantLimit(t, at.String(), l, october(22, 0), false)
		case at.Equal(october(23, 0)): // of the 15th, at the end of which it was 60
			wantLimit(t, at.String(), l, time.Time{}, false)
		}
	})
}

// The value that a limit rests on is the last before midnight; one that is more than a day old then is none.
func TestAgeOfTheReference(t *testing.T) {
	for _, tt := range []struct {
		at    time.Time
		known bool
	}{
		{october(1, 0).Add(-time.Second), false},
		{october(1, 0), true},
		{october(1, 23).Add(59 * time.Minute), true},
		{october(2, 0), false}, // it belongs to the day that it begins
	} {
		e := open(t, nil, weekly(drop(0.3, 28*day, 0)))
		see(e, tt.at, 100)
		l := see(e, october(30, 7), 60)
		if l.WarmingUp == tt.known || l.Breached != tt.known {
			t.Errorf("%s: %+v", tt.at, l)
		}
	}
}

// A drop from or to a ratio over too few is none.
func TestDropOfASmallDenominator(t *testing.T) {
	profile := &config.KPI{Name: "k", Platform: "wiki", Measure: profiles, Unit: measure.Ratio, Warning: drop(0.3, 7*day, 0)}
	for _, tt := range []struct {
		name             string
		before, now      float64
		warming, crossed bool
	}{
		{"50 before and now", 50, 50, false, true},
		{"49 before", 49, 50, true, false},
		{"49 now", 50, 49, false, false},
	} {
		for _, k := range []*config.KPI{ratio(drop(0.3, 7*day, 0)), profile} {
			e := open(t, nil, k)
			show := func(at time.Time, v, of float64) Limit {
				return e.Update(at, wiki(value(active, v*of, at), value(profiles, v, at), value(accounts, of, at)))[0].Limits[0]
			}
			show(october(1, 9), 0.9, tt.before)
			if l := show(october(9, 9), 0.5, tt.now); l.WarmingUp != tt.warming || l.Breached != tt.crossed || l.Start.IsZero() == tt.crossed {
				t.Errorf("%s: %+v", tt.name, l)
			}
		}
	}
}

// The platform fails; neither the clock nor the days that pass make a drop of it, or end one.
func TestFrozenDropDoesNotRipen(t *testing.T) {
	e := open(t, nil, weekly(drop(0.3, 7*day, 3*day)))
	fell := october(12, 10)
	feed(e, october(1, 0), october(13, 10), time.Time{}, time.Time{}, fallen(fell), nil)
	for d := time.Duration(0); d < 20*day; d += time.Hour {
		l := e.Update(october(13, 10).Add(d), wiki(value(created, 60, october(13, 10))))[0].Limits[0]
		wantLimit(t, d.String(), l, fell, false)
		if l.At != 70 {
			t.Fatalf("%s: limit %v", d, l.At)
		}
	}
}

// The value is 100 for 40 days, and 60 from then on for three and a half. Then the file is edited.
func TestReloadOfADrop(t *testing.T) {
	begin := t0.Add(-40 * day)
	end := t0.Add(84 * time.Hour)
	for _, tt := range []struct {
		name      string
		threshold *config.Threshold
		start     time.Time
		breached  bool
	}{
		{"nothing", drop(0.3, 28*day, 3*day), t0, true},
		{"share lowered", drop(0.1, 28*day, 3*day), t0, true},
		{"share raised to what it fell by", drop(0.4, 28*day, 3*day), time.Time{}, false},
		{"against a week earlier", drop(0.3, 7*day, 3*day), t0, true},
		{"sustain longer", drop(0.3, 28*day, 4*day), t0, false},
		{"sustain shorter", drop(0.3, 28*day, 0), t0, true},
		{"a rise instead", rise(0.3, 28*day, 0), time.Time{}, false},
		{"a lower limit instead", below(61, 3*day), t0, true},
		{"an upper limit instead", above(50, 28*day), begin, true},
	} {
		for _, first := range []*config.Threshold{drop(0.3, 28*day, 3*day), below(5, 0), nil} {
			e := open(t, nil, weekly(first))
			for at := begin; !at.After(end); at = at.Add(time.Hour) {
				e.Update(at, wiki(value(created, fallen(t0)(at), at)))
			}
			e.Configure([]*config.KPI{weekly(tt.threshold)})
			l := e.Update(end, wiki(value(created, 60, end)))[0].Limits[0]
			wantLimit(t, tt.name, l, tt.start, tt.breached)
			if l.Threshold != tt.threshold {
				t.Errorf("%s: the threshold is the old one", tt.name)
			}
		}
	}
}

// Without its record a drop has nothing to compare with.
func TestStateLostInADrop(t *testing.T) {
	e := open(t, nil, weekly(drop(0.3, 7*day, 0)))
	feed(e, october(1, 0), october(12, 0), time.Time{}, time.Time{}, fallen(october(11, 0)), nil)
	wantLimit(t, "before", see(e, october(12, 0), 60), october(11, 0), true)
	e = open(t, nil, weekly(drop(0.3, 7*day, 0)))
	if l := see(e, october(12, 0), 60); !l.WarmingUp || l.Breached || !l.Start.IsZero() {
		t.Errorf("lost: %+v", l)
	}
}

// When hours become days, a drop is compared with what it was compared with before.
func TestDropWhenHoursBecomeDays(t *testing.T) {
	e := open(t, nil, weekly(drop(0.3, 28*day, 28*day)))
	begin, fell := october(1, 0), october(1, 0).Add(50*day+13*time.Hour)
	v := func(at time.Time) float64 { // up and down within each day
		return fallen(fell)(at) + 5*math.Sin(float64(at.Hour()))
	}
	feed(e, begin, fell.Add(29*day), time.Time{}, time.Time{}, v, func(at time.Time, l Limit) {
		over := fell.Add(29 * day).Truncate(day)
		if at.Before(fell) || !at.Before(over) {
			wantLimit(t, at.String(), l, time.Time{}, false)
		} else {
			wantLimit(t, at.String(), l, fell, at.Sub(fell) >= 28*day)
		}
	})
}

// Of several values at the data time that a limit rests on the last one counts.
func TestReferenceOfAMovingDenominator(t *testing.T) {
	e := open(t, nil, ratio(drop(0.5, 7*day, 0)))
	show := func(at time.Time, of float64) Limit {
		return e.Update(at, wiki(value(active, 60, at.Truncate(day)), value(accounts, of, at)))[0].Limits[0]
	}
	show(october(1, 1), 60)
	show(october(1, 2), 240)
	show(october(1, 3), 120)
	if l := e.Update(october(9, 0), wiki([]tally.Value{value(active, 15, october(9, 0)), value(accounts, 60, october(9, 0))}...))[0].Limits[0]; l.At != 0.25 || l.Breached {
		t.Errorf("%+v", l)
	}
}

// The example of a drop in docs/verdicts.md.
func TestDropOfTheDocumentation(t *testing.T) {
	on := func(month time.Month, d, hour int) time.Time {
		return time.Date(2026, month, d, hour, 0, 0, 0, time.UTC)
	}
	v := func(at time.Time) float64 {
		switch {
		case at.Before(on(9, 3, 0)):
			return 100
		case at.Equal(on(9, 30, 12)):
			return 60
		case at.Before(on(10, 1, 0)):
			return 90
		case at.Before(on(10, 1, 1)):
			return 70
		case at.Before(on(10, 2, 9)):
			return 90
		}
		return 62
	}
	start := on(10, 2, 9)
	want := map[time.Time]Limit{
		on(9, 30, 12):  {WarmingUp: true},
		on(10, 1, 0):   {At: 70},
		on(10, 1, 1):   {At: 70},
		on(10, 2, 8):   {At: 63},
		start:          {At: 63, Start: start},
		on(10, 4, 23):  {At: 63, Start: start},
		on(10, 5, 9):   {WarmingUp: true, Start: start},
		on(10, 6, 0):   {At: 63, Start: start, Breached: true},
		on(10, 30, 23): {At: 63, Start: start, Breached: true},
		on(10, 31, 0):  {At: 43.4},
	}
	e := open(t, nil, weekly(drop(0.3, 28*day, 3*day)))
	feed(e, on(9, 2, 10), on(10, 31, 0), on(9, 6, 0), on(9, 7, 0), v, func(at time.Time, l Limit) {
		if w, ok := want[at]; ok {
			wantLimit(t, at.String(), l, w.Start, w.Breached)
			if l.WarmingUp != w.WarmingUp || !l.WarmingUp && math.Abs(l.At-w.At) > 1e-9 {
				t.Errorf("%s: limit %v, warming up %t", at, l.At, l.WarmingUp)
			}
			delete(want, at)
		}
	})
	if len(want) > 0 {
		t.Errorf("never seen: %v", want)
	}
}
