// Package kpi turns measures into KPI values, and decides which thresholds are crossed: in data time, and
// from its own record of the values, which outlives the process.
package kpi

import (
	"math"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

const (
	// fewest is the smallest denominator over which a ratio can cross a limit.
	fewest = 50
	// skew is how far ahead of the clock a data time is believed.
	skew = 24 * time.Hour
	// rounding is how far, as a share of it, a value must be beyond the limit of a drop or rise: 57 % off 100
	// is not exactly 43 in binary fractions.
	rounding = 1e-12

	earlier = 28 * 24 * time.Hour // of State.Earlier
	history = 90 * 24 * time.Hour // of a Past
)

// An Engine computes the states of all KPIs. It is not safe for concurrent use.
type Engine struct {
	dir     *storage.Dir
	kpis    []*config.KPI
	sources map[string]Source  // of the last Update
	records map[string]*record // by KPI.Identity
	changed bool               // since the last Save
	turned  bool               // since the last Save: a day became past, or is no more
}

// A Source is what one platform delivers.
type Source struct {
	Snapshot *tally.Snapshot // with the values that are too old; nil = nothing yet
	MaxAge   time.Duration
}

// Sources returns what the KPIs are made from, by platform: the platforms' snapshots by name, and that of the people
// across them.
func Sources(cfg *config.Config, snapshots map[string]*tally.Snapshot, people *tally.Snapshot) map[string]Source {
	sources := map[string]Source{}
	for _, p := range cfg.Platforms {
		sources[p.Name] = Source{Snapshot: snapshots[p.Name], MaxAge: p.MaxAge}
	}
	if cfg.People != nil {
		sources[config.People] = Source{Snapshot: people, MaxAge: cfg.People.MaxAge}
	}
	return sources
}

// Configure sets the KPIs, at load and reload. A KPI keeps its record as long as its identity stays, also
// when it is retired, or taken out and put back within 400 days.
func (e *Engine) Configure(kpis []*config.KPI) { e.kpis = kpis }

// Update adds what the platforms tell to the record and returns the states of all KPIs that are not retired,
// in the order of the config file. platforms has every platform that a KPI names, whether it has data or not.
func (e *Engine) Update(now time.Time, platforms map[string]Source) []State {
	e.sources = platforms
	var states []State
	configured := make(map[string]bool, len(e.kpis))
	for _, k := range e.kpis {
		id := k.Identity()
		configured[id] = true
		if k.Status == config.Retired {
			continue
		}
		r := e.records[id]
		if r == nil {
			r = &record{}
			e.records[id] = r
		}
		before := r.end() / perDay
		s, changed := update(r, now, k, platforms[k.Platform])
		states = append(states, s)
		e.changed = e.changed || changed
		e.turned = e.turned || r.end()/perDay != before
	}
	for id, r := range e.records {
		if !configured[id] && now.Unix()-r.end() > keep {
			delete(e.records, id)
			e.changed, e.turned = true, true
		}
	}
	return states
}

// update adds the present value of one KPI to its record, if it is known, and tells whether that changed
// the record.
func update(r *record, now time.Time, k *config.KPI, src Source) (State, bool) {
	s, at := read(now, k, src)
	changed := false
	if s.Known && at.Sub(now) <= skew {
		if r.end()-now.Unix() > seconds(skew) { // the clock was far ahead; nothing would count until that day
			r.cut(at.Unix())
			changed = true
		}
		changed = r.add(at.Unix(), s.Value, s.Small) || changed
		if data := s.Data.UTC(); !r.Data.Equal(data) {
			r.Data, changed = data, true
		}
	}
	if s.Data.IsZero() {
		s.Data = r.Data
	}
	if b, ok := r.earlier(r.end(), earlier); ok {
		s.Earlier = &b.Value
	}
	s.Limits = limits(r, k, src.MaxAge)
	return s, changed
}

// read computes the value of one KPI without its limits. at is the data time that the verdict goes by:
// that of the measure alone, because a denominator such as accounts is listed once a day, and a verdict
// must not wait for that.
func read(now time.Time, k *config.KPI, src Source) (s State, at time.Time) {
	s.KPI = k
	if src.Snapshot == nil {
		return s, at
	}
	refs := []measure.Ref{k.Measure}
	if k.Per != nil {
		refs = append(refs, *k.Per)
	}
	var values []tally.Value
	for _, ref := range refs {
		if v, ok := src.Snapshot.Value(ref); ok {
			values = append(values, v)
		}
		if t, ok := src.Snapshot.Expected[ref]; ok {
			s.WarmingUp = true
			if t.After(s.Expected) {
				s.Expected = t
			}
		}
	}
	if len(values) < len(refs) {
		return s, at
	}

	s.Value, s.Data, at = values[0].Value, values[0].AsOf, values[0].AsOf
	if k.Per != nil {
		s.Numerator, s.Denominator = values[0].Value, values[1].Value
		s.Value = s.Numerator / s.Denominator
		s.Small = s.Denominator < fewest
		if values[1].AsOf.Before(s.Data) {
			s.Data = values[1].AsOf
		}
	} else if k.Measure.Measure == "profile_completion" {
		accounts, ok := src.Snapshot.Value(measure.Ref{Measure: "accounts"})
		s.Small = ok && accounts.Value < fewest
	}
	// Nothing per nothing, or something per nothing, is no number.
	s.Known = !math.IsNaN(s.Value) && !math.IsInf(s.Value, 0) && now.Sub(s.Data) <= src.MaxAge
	return s, at
}

// A condition is one of those of a threshold, with what it takes to judge it by a record.
type condition struct {
	Limit
	judge judge
	gap   int64
}

// isLong tells whether a run of wrong values is a breach.
func (c *condition) isLong(run stretch) bool {
	return run.last-run.start >= seconds(c.Threshold.Sustain)
}

// conditions returns those of a KPI, in the order of State.Limits.
func conditions(r *record, k *config.KPI, maxAge time.Duration) []condition {
	if k.Status == config.Context {
		return nil
	}
	var all []condition
	for _, t := range []struct {
		severity string
		*config.Threshold
	}{{"warning", k.Warning}, {"critical", k.Critical}} {
		if t.Threshold == nil {
			continue
		}
		// Of the time between two values the KPI was absent when the first was too old. An absence
		// of less than an hour is none: it may lie inside a bucket, which does not know it.
		gap := seconds(maxAge + max(t.Sustain, time.Hour))
		for _, c := range []struct {
			condition string
			number    *float64
			sign      float64 // of the change that number is a share of; 0 = it is the limit itself
			crossed   func(span, float64) bool
		}{
			{"below", t.Below, 0, span.below}, {"above", t.Above, 0, span.above},
			{"drop", t.Drop, -1, span.below}, {"rise", t.Rise, 1, span.above},
		} {
			if c.number == nil {
				continue
			}
			limit := func(at int64) (float64, bool) {
				if c.sign == 0 {
					return *c.number, true
				}
				b, ok := r.earlier(at, t.Against)
				return b.Value + c.sign**c.number*math.Abs(b.Value), ok && !b.Last.Small
			}
			at, known := limit(r.end())
			all = append(all, condition{
				Limit: Limit{Severity: t.severity, Condition: c.condition, At: at, WarmingUp: !known, Threshold: t.Threshold},
				judge: func(at int64, values span) (bool, bool) {
					limit, known := limit(at)
					return c.crossed(values, limit+c.sign*rounding*math.Abs(limit)), known
				},
				gap: gap,
			})
		}
	}
	return all
}

// limits judges every limit of a KPI by its record alone, so that verdicts stay while the value is away,
// and a restart finds them again.
func limits(r *record, k *config.KPI, maxAge time.Duration) []Limit {
	var all []Limit
	for _, c := range conditions(r, k, maxAge) {
		if k.Status != config.Proposed {
			if runs, lasts := r.runs(c.judge, c.gap, math.MaxInt64); lasts {
				c.Start, c.Breached = utc(runs[0].start), c.isLong(runs[0])
			}
		}
		all = append(all, c.Limit)
	}
	return all
}

// Past returns what became of a KPI in the 90 days before now, in step with the last Update.
func (e *Engine) Past(now time.Time, k *config.KPI) Past {
	var p Past
	r, since := e.records[k.Identity()], now.Add(-history).Unix()
	if r == nil {
		return p
	}
	p.Points = r.points(since)
	for _, c := range conditions(r, k, e.sources[k.Platform].MaxAge) {
		runs, lasts := r.runs(c.judge, c.gap, since)
		if lasts {
			runs = runs[1:]
		}
		for _, run := range runs {
			if c.isLong(run) && k.Status != config.Proposed {
				p.Breaches = append(p.Breaches, Breach{c.Severity, c.Condition, utc(run.start), utc(run.last)})
			}
		}
	}
	return p
}
