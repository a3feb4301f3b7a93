package kpi

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// A moment is one data time with all values that the engine was shown for it, in the order of showing.
type moment struct {
	at        time.Time
	value, of []float64
}

// A past is all that the engine was shown, and believed.
type past []moment

// add takes in what is shown at now. After the clock was wrong a data time goes back. Up to a day, nothing is believed
// until it has caught up; after more, all later times were wrong. The values of the bucket in which they begin, if there
// is one, count as all shown for this data time.
func (p past) add(now, at time.Time, value, of float64, within *bucket) past {
	end := p.end()
	switch {
	case at.Sub(now) > day, at.Before(end) && end.Sub(now) <= day:
		return p
	case at.Before(end):
		m := moment{at: at}
		for _, o := range p {
			if within != nil && o.at.Unix() >= within.From && o.at.Unix() <= within.To {
				m.value, m.of = append(m.value, o.value...), append(m.of, o.of...)
			}
		}
		p = p[:sort.Search(len(p), func(i int) bool { return p[i].at.After(at) })]
		if len(m.value) > 0 {
			p = append(slices.DeleteFunc(p, func(o moment) bool { return o.at.Equal(at) }), m)
		}
	}
	if !p.end().Equal(at) {
		p = append(p, moment{at: at})
	}
	m := &p[len(p)-1]
	m.value, m.of = append(m.value, value), append(m.of, of)
	return p
}

// end is the newest data time.
func (p past) end() (end time.Time) {
	if len(p) > 0 {
		end = p[len(p)-1].at
	}
	return end
}

// limit is what a condition amounts to on the day of at, as the rules say it.
func (p past) limit(l Limit, at time.Time) (limit float64, known bool) {
	switch l.Condition {
	case "below":
		return *l.Threshold.Below, true
	case "above":
		return *l.Threshold.Above, true
	}
	midnight := at.Truncate(day).Add(-l.Threshold.Against)
	i := sort.Search(len(p), func(i int) bool { return !p[i].at.Before(midnight) }) - 1
	if i < 0 || midnight.Sub(p[i].at) > day || slices.Min(p[i].of) < fewest {
		return 0, false
	}
	last := len(p[i].value) - 1
	v := p[i].value[last] / p[i].of[last]
	if l.Condition == "drop" {
		return v * (1 - *l.Threshold.Drop), true
	}
	return v * (1 + *l.Threshold.Rise), true
}

// wrong tells whether all values of one data time are on the wrong side.
func (m moment) wrong(l Limit, limit float64) bool {
	for i := range m.value {
		v := m.value[i] / m.of[i]
		if math.Abs(v-limit) < 1e-9 {
			v = limit
		}
		lower := l.Condition == "below" || l.Condition == "drop"
		if m.of[i] < fewest || lower && v >= limit || !lower && v <= limit {
			return false
		}
	}
	return true
}

// judge judges a limit as the rules say it, over all values and not over buckets.
func (p past) judge(l Limit, maxAge time.Duration) (start, last time.Time) {
	if len(p) == 0 {
		return start, last
	}
	next := p[len(p)-1].at
	for i := len(p) - 1; i >= 0; i-- {
		m := p[i]
		limit, known := p.limit(l, m.at)
		if absent := next.Sub(m.at) - maxAge; absent > max(l.Threshold.Sustain, time.Hour) {
			break
		}
		if !known {
			continue
		}
		if !m.wrong(l, limit) {
			break
		}
		if last.IsZero() {
			last = m.at
		}
		start, next = m.at, m.at
	}
	return start, last
}

// hold compares what the engine says with what all values say. It may be late, by an hour or, from 35 days before the
// newest data time that ever was, by a day, never early.
func (p past) hold(t *testing.T, what string, l Limit, maxAge time.Duration, newest time.Time) (breached, late bool) {
	t.Helper()
	if len(p) > 0 {
		end := p[len(p)-1].at
		if limit, known := p.limit(l, end); known == l.WarmingUp || known && math.Abs(limit-l.At) > 1e-9 {
			t.Fatalf("%s: limit %v, warming up %t; exactly %v, %t", what, l.At, l.WarmingUp, limit, !known)
		}
	}
	start, last := p.judge(l, maxAge)
	breached = !start.IsZero() && last.Sub(start) >= l.Threshold.Sustain
	slack := time.Hour
	if !start.IsZero() && newest.Truncate(day).Sub(start) > hourly*time.Second {
		slack = day
	}
	switch {
	case l.Start.IsZero() != start.IsZero(), l.Start.Before(start), l.Start.Sub(start) >= slack:
		t.Fatalf("%s: start %s, exactly %s", what, l.Start, start)
	case l.Breached && !breached:
		t.Fatalf("%s: breached too early", what)
	case breached && !l.Breached && last.Sub(start) >= l.Threshold.Sustain+slack:
		t.Fatalf("%s: not breached, too late", what)
	}
	return breached, breached && !l.Breached
}

// buckets are those of the record of a KPI.
func buckets(e *Engine, k *config.KPI) []bucket {
	if r := e.records[k.Identity()]; r != nil {
		return r.Buckets
	}
	return nil
}

// Over random histories, limits and restarts, the buckets never say more than all values would, and say it
// at most an hour later; a verdict never ends before that of all values ends. In every fourth history the clock jumps,
// ahead and back.
func TestBucketsAgainstAllValues(t *testing.T) {
	pick := func(r *rand.Rand, from ...time.Duration) time.Duration { return from[r.IntN(len(from))] }
	breaches, slack := map[string]int{}, map[string]int{}
	old, cuts := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		var (
			interval = pick(r, 5*time.Minute, 15*time.Minute, 50*time.Minute, time.Hour, 3*time.Hour, 7*time.Hour, day)
			maxAge   = pick(r, 10*time.Minute, 2*time.Hour, 48*time.Hour)
			sustain  = pick(r, 0, 20*time.Minute, time.Hour, 3*time.Hour, day, 3*day, 14*day)
			calm     = r.IntN(30) + 2 // the higher, the rarer the value moves
			k        = ratio(between(0.3, 0.6, sustain))
			e        = open(t, nil, k)
			now      = t0.Add(time.Duration(r.Int64N(perDay)) * time.Second)
			history  past
			number   = 25.0
			of       = 100.0
			at       = now
			was      = map[string]bool{}
			wrong    time.Duration // by which the clock is
			newest   time.Time
		)
		k.Warning.Drop, k.Warning.Rise, k.Warning.Against = new(0.3), new(0.5), 7*day
		k.Critical = between(0.25, 0.7, sustain*2)
		k.Critical.Drop, k.Critical.Rise, k.Critical.Against = new(0.1), new(0.1), 28*day
		for range 300 {
			now = now.Add((interval + time.Duration(r.Int64N(int64(interval)))).Truncate(time.Second))
			switch r.IntN(calm) {
			case 0:
				number = float64(10 + r.IntN(80))
			case 1:
				of = float64(49 + r.IntN(60))
			case 2:
				now = now.Add(pick(r, time.Hour, day, 4*day, 9*day)) // an outage
			}
			if seed%4 == 0 && r.IntN(15) == 0 {
				off := pick(r, 0, 0, 0, 10*time.Hour, 30*time.Hour, 10*day, 40*day, 450*day, -10*time.Hour, -25*time.Hour, -26*time.Hour, -27*time.Hour, -10*day, -100*day)
				now, wrong = now.Add(off-wrong), off
			}
			if r.IntN(10) > 0 { // else the measure does not move, and maybe its denominator does
				at = now
			}
			source := map[string]Source{"wiki": {MaxAge: maxAge, Snapshot: &tally.Snapshot{Values: []tally.Value{
				value(active, number, at), value(accounts, of, now)}}}}
			var within *bucket
			for _, b := range buckets(e, k) {
				if b.From <= at.Unix() && at.Unix() < b.To {
					within = &b
				}
			}
			s := e.Update(now, source)[0]
			if before := history.end(); s.Known {
				history = history.add(now, at, number, of, within)
				if history.end().Before(before) {
					cuts++
					clear(was)
				}
			}
			if history.end().After(newest) {
				newest = history.end()
			}

			if r.IntN(100) == 0 {
				records := reread(t, e.records)
				e = open(t, nil, k)
				e.records = records
				if diff := cmp.Diff(s, e.Update(now, source)[0]); diff != "" {
					t.Fatalf("seed %d: after a restart: %s", seed, diff)
				}
			}

			for _, l := range s.Limits {
				name := l.Severity + " " + l.Condition
				breached, late := history.hold(t, fmt.Sprintf("seed %d, %s", seed, name), l, maxAge, newest)
				switch {
				case late && was[name]:
					t.Fatalf("seed %d, %s: not breached any more", seed, name)
				case late:
					slack[l.Condition]++
				case breached:
					breaches[l.Condition]++
				}
				if now.Sub(l.Start) > 40*day && !l.Start.IsZero() {
					old++
				}
				was[name] = l.Breached
			}
		}
	}
	for _, condition := range []string{"below", "above", "drop", "rise"} {
		if breaches[condition] < 3000 || slack[condition] < 5 {
			t.Errorf("only %d breaches, %d late ones of condition %s: the histories test nothing", breaches[condition], slack[condition], condition)
		}
	}
	if cuts < 200 {
		t.Errorf("the clock went back only %d times: the histories test nothing", cuts)
	}
	if old < 1000 {
		t.Errorf("only %d old starts: the histories test nothing", old)
	}
}

// Edited limits are judged over the whole history, as if they had always been there.
func TestEditsAgainstAllValues(t *testing.T) {
	breaches := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		e := open(t, nil, weekly(nil))
		var history past
		now := t0
		v := 50.0
		minutes := 90
		if seed%2 == 0 {
			minutes = 1000 // the record becomes days
		}
		for range 200 {
			now = now.Add(time.Duration(1+r.IntN(minutes)) * time.Minute)
			v = max(10, v+float64(r.IntN(7)-3))
			history = history.add(now, now, v*1000, 1000, nil)
			e.Update(now, wiki(value(created, v, now)))
		}
		var thresholds []*config.Threshold
		for _, at := range []float64{v - 5, v - 1, v, v + 1, v + 2, v + 5, v + 20} {
			thresholds = append(thresholds, below(at, day), above(at, day))
		}
		for _, share := range []float64{0.01, 0.05, 0.1, 0.2, 0.3, 0.5} {
			for _, against := range []time.Duration{7 * day, 28 * day} {
				thresholds = append(thresholds, drop(share, against, day), rise(share, against, 7*day))
			}
		}
		for _, threshold := range thresholds {
			e.Configure([]*config.KPI{weekly(threshold)})
			l := e.Update(now, wiki(value(created, v, now)))[0].Limits[0]
			if breached, _ := history.hold(t, l.Condition, l, 48*time.Hour, now); breached && threshold.Against > 0 {
				breaches++
			}
		}
	}
	if breaches < 200 {
		t.Errorf("only %d breaches: the histories test nothing", breaches)
	}
}
