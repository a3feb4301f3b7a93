package kpi

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// A shown value is one that the engine was shown, in the order of showing.
type shown struct {
	at        time.Time
	value, of float64
}

// exact judges a limit as the rules say it, over all values and not over buckets.
func exact(history []shown, l Limit, maxAge, sustain time.Duration) (start time.Time, breached bool) {
	wrong := func(at time.Time) bool { // all values of one data time
		for _, h := range history {
			if !h.at.Equal(at) {
				continue
			}
			v := h.value / h.of
			if h.of < fewest || l.Condition == "below" && v >= l.At || l.Condition == "above" && v <= l.At {
				return false
			}
		}
		return true
	}
	if len(history) == 0 {
		return start, false
	}
	end := history[len(history)-1].at
	for i := len(history) - 1; i >= 0 && end.Sub(history[i].at) <= keep; i-- {
		at := history[i].at
		absent := start.Sub(at) - maxAge
		if !wrong(at) || !start.IsZero() && absent > max(sustain, time.Hour) {
			break
		}
		start = at
	}
	return start, !start.IsZero() && end.Sub(start) >= sustain
}

// Over random histories, limits and restarts, the buckets never say more than all values would, and say
// it at most an hour later; a verdict never ends before that of all values ends.
func TestBucketsAgainstAllValues(t *testing.T) {
	pick := func(r *rand.Rand, from ...time.Duration) time.Duration { return from[r.IntN(len(from))] }
	breaches, slack := 0, 0
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		var (
			interval = pick(r, 5*time.Minute, 15*time.Minute, 50*time.Minute, time.Hour, 7*time.Hour, day)
			maxAge   = pick(r, 10*time.Minute, 2*time.Hour, 48*time.Hour)
			sustain  = pick(r, 0, 20*time.Minute, time.Hour, 3*time.Hour, day, 3*day)
			calm     = r.IntN(30) + 2 // the higher, the rarer the value moves
			k        = ratio(between(0.3, 0.6, sustain))
			e        = open(t, nil, k)
			now      = t0.Add(time.Duration(r.Int64N(int64(day))))
			history  []shown
			present  = shown{at: now, value: 25, of: 100}
			was      = map[string]bool{}
		)
		k.Critical = between(0.25, 0.7, sustain*2)
		for range 150 {
			now = now.Add(interval + time.Duration(r.Int64N(int64(interval))))
			switch r.IntN(calm) {
			case 0:
				present.value = float64(10 + r.IntN(80))
			case 1:
				present.of = float64(49 + r.IntN(60))
			case 2:
				now = now.Add(pick(r, time.Hour, day, 4*day)) // an outage
			}
			if r.IntN(10) > 0 { // else the measure does not move, and maybe its denominator does
				present.at = now
			}
			source := map[string]Source{"wiki": {MaxAge: maxAge, Snapshot: &tally.Snapshot{Values: []tally.Value{
				value(active, present.value, present.at), value(accounts, present.of, now)}}}}
			s := e.Update(now, source)[0]
			if s.Known {
				history = append(history, present)
			}

			if r.IntN(20) == 0 {
				data, err := encode(e.records)
				if err != nil {
					t.Fatal(err)
				}
				e = open(t, nil, k)
				if e.records, err = decode(data); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(s, e.Update(now, source)[0]); diff != "" {
					t.Fatalf("seed %d: after a restart: %s", seed, diff)
				}
			}

			for _, l := range s.Limits {
				sustain := l.Threshold.Sustain
				start, breached := exact(history, l, maxAge, sustain)
				name := l.Severity + l.Condition
				switch {
				case l.Start.IsZero() != start.IsZero(), l.Start.Before(start), l.Start.Sub(start) >= time.Hour:
					t.Fatalf("seed %d, %s: start %s, exactly %s", seed, name, l.Start, start)
				case l.Breached && !breached:
					t.Fatalf("seed %d, %s: breached too early", seed, name)
				case breached && !l.Breached && (was[name] || history[len(history)-1].at.Sub(start) >= sustain+time.Hour):
					t.Fatalf("seed %d, %s: not breached, too late or back again", seed, name)
				case breached && !l.Breached:
					slack++
				case breached:
					breaches++
				}
				was[name] = l.Breached
			}
		}
	}
	if breaches < 10000 || slack < 100 {
		t.Errorf("only %d breaches, %d late ones: the histories test nothing", breaches, slack)
	}
}

// Edited limits are judged over the whole history, as if they had always been there.
func TestEditsAgainstAllValues(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		e := open(t, nil, weekly(nil))
		var history []shown
		now := t0
		v := 50.0
		for range 200 {
			now = now.Add(time.Duration(1+r.IntN(90)) * time.Minute)
			v += float64(r.IntN(7) - 3)
			history = append(history, shown{at: now, value: v * 1000, of: 1000})
			e.Update(now, wiki(value(created, v, now)))
		}
		for _, at := range []float64{v - 5, v - 1, v, v + 1, v + 2, v + 5, v + 20} {
			for _, threshold := range []*config.Threshold{below(at, day), above(at, day)} {
				e.Configure([]*config.KPI{weekly(threshold)})
				l := e.Update(now, wiki(value(created, v, now)))[0].Limits[0]
				start, breached := exact(history, l, 48*time.Hour, day)
				late := l.Start.Sub(start)
				if l.Start.IsZero() != start.IsZero() || late < 0 || late >= time.Hour || l.Breached && !breached {
					t.Fatalf("seed %d, %s %v: start %s, breached %t; exactly %s, %t", seed, l.Condition, at, l.Start, l.Breached, start, breached)
				}
			}
		}
	}
}
