package tally

import (
	"slices"
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
	Members      *Members                  // nil = the platform takes no part in the people across platforms, or they are not known
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

// Snapshot returns what can be said of the platform now. While its source is another one than before, that
// is what was known of the old source. While polls have got only a part of the way to their T, numbers of
// events stay as they were shown before.
func (t *Tally) Snapshot() *Snapshot {
	f, d := t.live, t.platform.Description
	s := &Snapshot{CoveredSince: map[measure.Kind]time.Time{}, Expected: map[measure.Ref]time.Time{}}
	for kind, since := range f.Covered {
		if f.Full && t.delivers(kind) {
			s.CoveredSince[kind] = since
		}
	}
	hasListing := !f.Listed.IsZero()
	var c census
	if hasListing && d.Accounts != nil {
		c = f.census(t.platform.CompleteAt)
	}
	people := map[string][]int{}
	events := map[string][]int64{}
	for _, m := range d.Measures() {
		def, _ := measure.Lookup(m.Measure)
		add := func(label string, value float64, asOf time.Time) {
			s.Values = append(s.Values, Value{Ref: measure.Ref{Measure: m.Measure, Window: m.Window, Label: label}, Value: value, Basis: m.Basis, AsOf: asOf})
		}
		w := slices.Index(measure.Windows, m.Window)
		switch m.Basis {
		case measure.Reported:
			for _, r := range d.Readings {
				of := r.Measure == m.Measure && r.Window == m.Window && (m.Label == "" || r.Label == m.Label)
				if n, ok := f.Numbers[r.Ref.String()]; of && ok && n.Definition == r.Definition {
					add(r.Label, n.Value, n.AsOf)
				}
			}
		case measure.Account:
			if hasListing {
				c.measure(m.Measure, f, d.Accounts.Profile, func(label string, v float64) { add(label, v, f.Listed) })
			}
		case measure.LastSeen:
			kinds := t.kindsOf(def, m.Basis)
			if !hasListing || !slices.Contains(f.Kinds, kinds[0]) {
				continue
			}
			if people[m.Measure] == nil {
				people[m.Measure] = f.people(kinds, f.Listed, hasListing)
			}
			add("", float64(people[m.Measure][w]), f.Listed)
		case measure.Event:
			covered := f.coveredSince(def)
			i := slices.IndexFunc(f.Shown, func(v Value) bool { return v.Ref == m.Ref })
			switch {
			case i >= 0:
				s.Values = append(s.Values, f.Shown[i])
			case f.Shown != nil || !f.Full || covered.IsZero() || covered.After(f.Through.Add(-time.Duration(m.Window))):
				if covered.IsZero() && t.fresh != nil {
					covered = t.fresh.coveredSince(def)
				}
				if !covered.IsZero() {
					s.Expected[m.Ref] = covered.Add(time.Duration(m.Window))
				}
			case def.Counting == measure.Events:
				if events[m.Measure] == nil {
					events[m.Measure] = f.events(def.Kinds, f.Through)
				}
				add("", float64(events[m.Measure][w]), f.Through)
			default:
				if people[m.Measure] == nil {
					people[m.Measure] = f.people(def.Kinds, f.Through, hasListing)
				}
				add("", float64(people[m.Measure][w]), f.Through)
			}
		}
	}
	s.Members = t.join(s)
	return s
}

// coveredSince returns since when all that f has of a measure's kinds is complete, or zero if it can't be counted
// from them.
func (f *facts) coveredSince(m measure.Measure) time.Time {
	var since time.Time
	if _, readers := f.Covered[measure.PageView]; m.Name == "active_users" && !readers {
		return since
	}
	for _, kind := range m.Kinds {
		since = later(since, f.Covered[kind])
	}
	return since
}

// measure tells the values of one measure of the listing.
func (c *census) measure(name string, f *facts, fields []string, tell func(label string, v float64)) {
	switch name {
	case "accounts":
		tell("", float64(c.accounts))
	case "accounts_excluded":
		for i, reason := range reasons {
			tell(reason, float64(c.excluded[i]))
		}
	case "activated_accounts":
		if f.Logins {
			tell("", float64(c.activated))
		}
	}
	// Ratios of nobody say nothing, and what was listed under other fields says nothing of these.
	if c.accounts == 0 || !slices.Equal(fields, f.Fields) {
		return
	}
	switch name {
	case "profiles_complete":
		tell("", float64(c.complete))
	case "profile_completion":
		tell("", c.share)
	case "profile_field_filled":
		for i, field := range fields {
			tell(field, float64(c.filled[i])/float64(c.accounts))
		}
	}
}
