package kpi

import (
	"slices"
	"time"
)

// keep is how far a record reaches back: the longest sustain, 28 days, and a week.
const keep = 35 * 24 * time.Hour

// A record is the history of one KPI's value: one bucket for each hour of data time in which it was
// known. All verdicts follow from it, for whatever limits are configured today.
type record struct {
	Data    time.Time `json:"data"` // oldest data time of the sources of the last known value
	Buckets []bucket  `json:"buckets"`
}

// A bucket is one hour. It knows the extremes and not the values in between, so where only a part of the
// hour was on the wrong side of a limit, the wrong stretch is taken to begin with the hour's last value:
// up to an hour late, never early. Later values never change what a closed hour says.
type bucket struct {
	From time.Time `json:"from"` // data time of its first value
	To   time.Time `json:"to"`   // data time of its last value
	All  span      `json:"all"`
	Last span      `json:"last"` // of the values at To: several, where only the denominator moved
}

// A span holds the extremes of some values.
type span struct {
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	Small bool    `json:"small,omitzero"` // one of them is a ratio over too few
}

func (s span) join(o span) span {
	return span{Min: min(s.Min, o.Min), Max: max(s.Max, o.Max), Small: s.Small || o.Small}
}

// below tells whether all of the values are below the limit, and above whether all are above it. Exactly
// at the limit is neither, and a ratio over too few is on no wrong side.
func (s span) below(limit float64) bool { return !s.Small && s.Max < limit }
func (s span) above(limit float64) bool { return !s.Small && s.Min > limit }

// end is the data time of the last value, zero = none.
func (r *record) end() time.Time {
	if len(r.Buckets) == 0 {
		return time.Time{}
	}
	return r.Buckets[len(r.Buckets)-1].To
}

// add takes in a value and tells whether that changed anything. A data time that goes back is ignored.
// One that stands still adds no time, but a value that was on the right side counts as known.
func (r *record) add(at time.Time, value float64, small bool) bool {
	at = at.UTC()
	v := span{Min: value, Max: value, Small: small}
	end := r.end()
	switch {
	case at.Before(end):
		return false
	case len(r.Buckets) == 0 || !at.Truncate(time.Hour).Equal(end.Truncate(time.Hour)):
		r.Buckets = append(r.Buckets, bucket{From: at, To: at, All: v, Last: v})
		r.Buckets = slices.DeleteFunc(r.Buckets, func(b bucket) bool { return at.Sub(b.To) > keep })
		return true
	}
	b := &r.Buckets[len(r.Buckets)-1]
	before := *b
	if at.Equal(b.To) {
		v = v.join(b.Last)
	}
	b.To, b.Last, b.All = at, v, b.All.join(v)
	return *b != before
}

// start is the first data time since which every known value is wrong, zero if the last one is not.
// Two neighbours further apart than gap, which is at least an hour, do not belong together.
func (r *record) start(wrong func(span) bool, gap time.Duration) time.Time {
	var start time.Time
	for _, b := range slices.Backward(r.Buckets) {
		if !wrong(b.Last) || !start.IsZero() && start.Sub(b.To) > gap {
			break
		}
		start = b.To
		if !wrong(b.All) {
			break
		}
		start = b.From
	}
	return start
}
