package tally

import (
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A Value is one number of a platform.
type Value struct {
	measure.Ref
	Value float64
	Basis measure.Basis
	AsOf  time.Time // until when the facts behind it are complete
}

// A Snapshot is all that is known about one platform at one moment. It never changes.
type Snapshot struct {
	Values       []Value // in the order of the vocabulary
	CoveredSince map[measure.Kind]time.Time
	Expected     map[measure.Ref]time.Time // windowed measures whose window is not covered yet: when it will be
}

// Value finds the value of one measure.
func (s *Snapshot) Value(ref measure.Ref) (Value, bool) {
	if s == nil {
		return Value{}, false
	}
	for _, v := range s.Values {
		if v.Ref == ref {
			return v, true
		}
	}
	return Value{}, false
}

// Fresh returns the snapshot without the values that are older than maxAge at now.
func (s *Snapshot) Fresh(now time.Time, maxAge time.Duration) *Snapshot {
	if s == nil {
		return nil
	}
	fresh := *s
	fresh.Values = nil
	for _, v := range s.Values {
		if now.Sub(v.AsOf) <= maxAge {
			fresh.Values = append(fresh.Values, v)
		}
	}
	return &fresh
}

// Oldest returns the oldest data time of each basis.
func (s *Snapshot) Oldest() map[measure.Basis]time.Time {
	oldest := map[measure.Basis]time.Time{}
	if s == nil {
		return oldest
	}
	for _, v := range s.Values {
		if t, ok := oldest[v.Basis]; !ok || v.AsOf.Before(t) {
			oldest[v.Basis] = v.AsOf
		}
	}
	return oldest
}
