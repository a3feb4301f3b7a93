package kpi

import (
	"sort"
	"time"
)

// Inside a record a time is in Unix seconds: a day of it is 24 hours and begins at midnight UTC, whatever
// the time zone of the config file is, or becomes.
const (
	perHour = 60 * 60
	perDay  = 24 * perHour

	hourly = 35 * perDay  // has an entry for each hour: the longest sustain, 28 days, and a week
	keep   = 400 * perDay // how far a record reaches back: a year, and time to look at it
)

// A record is the history of one KPI's value: one bucket for each hour of data time in which it was known,
// and from 35 days back one for each day. All verdicts follow from it, for whatever limits are configured today.
type record struct {
	Data    time.Time // oldest data time of the sources of the last known value
	Buckets []bucket
}

// A bucket is an hour or a day. It knows the extremes and not the values in between, so where only a part of
// it was on the wrong side of a limit, the wrong stretch is taken to begin with its last value: an hour or a
// day late, never early. Later values never change what a closed hour says.
type bucket struct {
	From  int64 // data time of its first value
	To    int64 // data time of its last value
	Gap   int64 // of a day: the longest time between two of its hours
	Value float64
	All   span
	Last  span // of the values at To: several, where only the denominator moved; Value is the newest
}

// A span holds the extremes of some values.
type span struct {
	Min, Max float64
	Small    bool // one of them is a ratio over too few
}

func (s span) join(o span) span {
	return span{Min: min(s.Min, o.Min), Max: max(s.Max, o.Max), Small: s.Small || o.Small}
}

// below tells whether all of the values are below the limit, and above whether all are above it. Exactly
// at the limit is neither, and a ratio over too few is on no wrong side.
func (s span) below(limit float64) bool { return !s.Small && s.Max < limit }
func (s span) above(limit float64) bool { return !s.Small && s.Min > limit }

// join puts a later bucket behind this one.
func (b bucket) join(o bucket) bucket {
	gap := max(b.Gap, o.Gap, o.From-b.To)
	return bucket{From: b.From, To: o.To, Gap: gap, Value: o.Value, All: b.All.join(o.All), Last: o.Last}
}

// end is the data time of the last value, zero = none.
func (r *record) end() int64 {
	if len(r.Buckets) == 0 {
		return 0
	}
	return r.Buckets[len(r.Buckets)-1].To
}

// add takes in a value and tells whether that changed anything. A data time that goes back is ignored.
// One that stands still adds no time, but a value that was on the right side counts as known.
func (r *record) add(at int64, value float64, small bool) bool {
	v := span{Min: value, Max: value, Small: small}
	end := r.end()
	switch {
	case at < end:
		return false
	case at/perHour != end/perHour:
		r.Buckets = append(r.Buckets, bucket{From: at, To: at, Value: value, All: v, Last: v})
		if at/perDay != end/perDay {
			r.age(at)
		}
		return true
	}
	b := &r.Buckets[len(r.Buckets)-1]
	before := *b
	if at == b.To {
		v = v.join(b.Last)
	}
	b.To, b.Value, b.Last, b.All = at, value, v, b.All.join(v)
	return *b != before
}

// cut drops what lies after at. Of a bucket that reaches over at, it is not known which of its values do.
func (r *record) cut(at int64) {
	i := sort.Search(len(r.Buckets), func(i int) bool { return r.Buckets[i].To > at })
	if i < len(r.Buckets) && r.Buckets[i].From <= at {
		b := &r.Buckets[i]
		b.To, b.Gap, b.Last = at, min(b.Gap, at-b.From), b.All
		i++
	}
	r.Buckets = r.Buckets[:i]
}

// age joins hours that are old enough into days, and forgets all but as many days as a record reaches back: days that
// have values, because time may have passed on a wrong clock alone.
func (r *record) age(at int64) {
	old := at - at%perDay - hourly
	kept := r.Buckets[:0]
	for _, b := range r.Buckets {
		if last := len(kept) - 1; last >= 0 && b.To < old && b.To/perDay == kept[last].To/perDay {
			kept[last] = kept[last].join(b)
		} else {
			kept = append(kept, b)
		}
	}
	first, days := len(kept)-1, int64(0)
	for ; first > 0; first-- {
		if kept[first-1].To/perDay != kept[first].To/perDay {
			if days++; days > keep/perDay {
				break
			}
		}
	}
	r.Buckets = kept[first:]
}

// split parts the newest day from the days before it, which don't change any more.
func (r *record) split() (past, newest []bucket) {
	today := r.end() - r.end()%perDay
	i := sort.Search(len(r.Buckets), func(i int) bool { return r.Buckets[i].To >= today })
	return r.Buckets[:i], r.Buckets[i:]
}

// earlier returns the bucket whose last value is what the values of the day of at are compared with: the one
// that stood when this day began, so much earlier. There is none if it would be more than a day old then. It is
// the same for the whole day, and stays the same when hours become days.
func (r *record) earlier(at int64, ago time.Duration) (b bucket, ok bool) {
	midnight := at - at%perDay - seconds(ago)
	i := sort.Search(len(r.Buckets), func(i int) bool { return r.Buckets[i].To >= midnight })
	if i == 0 || r.Buckets[i-1].To < midnight-perDay {
		return bucket{}, false
	}
	return r.Buckets[i-1], true
}

// points are the last value of each day from a time on, for a chart.
func (r *record) points(from int64) []Point {
	var all []Point
	for i, b := range r.Buckets {
		if b.To >= from && (i == len(r.Buckets)-1 || r.Buckets[i+1].To/perDay > b.To/perDay) {
			all = append(all, Point{At: utc(b.To), Value: b.Value})
		}
	}
	return all
}

// A judge says whether all of some values of the day of at are on the wrong side; known is false where
// there is nothing to compare them with.
type judge func(at int64, values span) (wrong, known bool)

// A stretch of time lies between two data times.
type stretch struct{ start, last int64 }

// runs finds the runs of wrong values that end at since or later, the newest first: from the first data time since
// which every value that can be judged is wrong, to the last one that was judged. The first of them lasts if no right
// value came after it. Two neighbours further apart than gap, which is at least an hour, do not belong together; nor
// does the last that was judged with the end of the record.
func (r *record) runs(judge judge, gap, since int64) (runs []stretch, lasts bool) {
	// A run is looked at until it begins. Before the first one, what is looked at is whether it lasts.
	next, within, newest := r.end(), false, true
	for i := len(r.Buckets) - 1; i >= 0 && (within || newest || r.Buckets[i].To >= since); i-- {
		b := &r.Buckets[i]
		if next-b.To > gap {
			within, newest = false, false
		}
		wrong, known := judge(b.To, b.Last)
		if !known {
			continue
		}
		if !wrong {
			within, newest = false, false
			continue
		}
		if !within {
			runs = append(runs, stretch{last: b.To})
			lasts = lasts || newest
			within, newest = true, false
		}
		run := &runs[len(runs)-1]
		run.start, next = b.To, b.To
		if all, _ := judge(b.To, b.All); all && b.Gap <= gap {
			run.start, next = b.From, b.From
		} else {
			within = false
		}
	}
	return runs, lasts
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// utc is the inverse of time.Time's Unix; zero, which is no data time, is the zero time.
func utc(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
