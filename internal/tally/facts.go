package tally

import (
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// slot is the grain of the counters and of the data time: every window begins and ends on it, so that sums
// over slots are exact.
const slot = 5 * time.Minute

// A second is a Unix time in seconds; 0 = never. It is cut, not rounded, which keeps comparisons with the
// ends of windows exact. The last one, in 2106, stands for all that come later.
type second uint32

func secondOf(t time.Time) second {
	return second(min(max(t.Unix(), 0), int64(^second(0))))
}

// A flag says something of an account, as of the last listing that had it.
type flag uint8

const (
	listed flag = 1 << iota
	enabled
	activated
	service
	guest
	pattern
)

// uncounted are the flags with which not even an account's events count.
const uncounted = service | guest | pattern

// reasons why a listed account is not counted. The first that applies wins, so they are disjoint.
var reasons = []string{"own", "service", "guest", "pattern", "disabled"}

// facts are what a platform told, reduced to what the windows need: one row per account and one counter
// per kind and slot.
type facts struct {
	progress
	table
	flags  []flag
	filled [][]uint8                        // profile fields by bit, in the order of progress.Fields, eight to a column
	who    []key                            // the pseudonym of the identity, 0 = none; no column unless progress.Joined
	seen   [][]second                       // when accounts did something for the last time, by kind
	counts map[measure.Kind]map[int64]int64 // by slot, numbered since 1970
}

// progress is committed together with the facts that it speaks of.
type progress struct {
	Definition string // of the source
	Counting   string // of who counts
	KeyCheck   string // tells whether the pseudonyms are of this platform, made with the key at hand

	Kinds   []measure.Kind             // the columns of last-seen times
	Through time.Time                  // events are complete until here: the data time T
	Covered map[measure.Kind]time.Time // since when they are complete
	Full    bool                       // the whole history was read once; before that no event measure is published
	Fields  []string                   // profile fields
	Logins  bool                       // the listing in force tells who ever signed in
	Joined  bool                       // the listing in force tells who is behind an account
	Listed  time.Time                  // when the listing in force began; zero = there was none
	Tried   time.Time                  // when the last listing began, in force or refused
	Total   int                        // how many accounts the last listing had, in force or refused
	Refused bool                       // the last listing was refused
	Own     key                        // our own account; 0 = we have none
	Walked  time.Time                  // when all numbers, the dear ones too, were read
	Walks   string                     // which ones these were
	Numbers map[string]number          // by measure.Ref in text
	Shown   []Value                    // what is shown of events while polls are on the way to their T; nil = they are there
	Health  health                     // of the polls
}

// A number is a reading, and what it was a reading of.
type number struct {
	collector.Reading
	Definition string
}

// health is kept over restarts.
type health struct {
	Success     bool
	LastSuccess time.Time
}

func newFacts(definition, counting string, kinds []measure.Kind) *facts {
	return &facts{
		progress: progress{
			Definition: definition,
			Counting:   counting,
			Kinds:      kinds,
			Covered:    map[measure.Kind]time.Time{},
			Numbers:    map[string]number{},
		},
		seen:   make([][]second, len(kinds)),
		counts: map[measure.Kind]map[int64]int64{},
	}
}

// account finds the row of an account, and makes it where there is none.
func (f *facts) account(k key) uint32 {
	i, added := f.row(k)
	if added {
		f.flags = append(f.flags, 0)
		for eight := range f.filled {
			f.filled[eight] = append(f.filled[eight], 0)
		}
		if f.Joined {
			f.who = append(f.who, 0)
		}
		for kind := range f.seen {
			f.seen[kind] = append(f.seen[kind], 0)
		}
	}
	return i
}

// see moves a last-seen time on; it never goes back.
func (f *facts) see(i uint32, kind int, at second) {
	f.seen[kind][i] = max(f.seen[kind][i], at)
}

// setFields says which profile fields are known from now on. What was known of others says nothing of these.
func (f *facts) setFields(fields []string) {
	if slices.Equal(fields, f.Fields) {
		return
	}
	f.Fields, f.filled = fields, make([][]uint8, eights(fields))
	for eight := range f.filled {
		f.filled[eight] = make([]uint8, len(f.keys))
	}
}

// eights are how many columns it takes for profile fields.
func eights(fields []string) int { return (len(fields) + 7) / 8 }

// setJoined says whether identities are known from now on. Those that were are forgotten.
func (f *facts) setJoined(joined bool) {
	f.Joined, f.who = joined, nil
	if joined {
		f.who = make([]key, len(f.keys))
	}
}

// A listing is a whole list of accounts, held until it is known to be good: columns beside those of the
// facts, by the same rows, with what accounts of this platform have.
type listing struct {
	of     *facts // whose rows these are
	began  time.Time
	fields []string
	logins bool // accounts tell of them
	joined bool // it is needed who is behind an account
	total  int
	flags  []flag // with listed, where the row was told
	filled [][]uint8
	who    []key      // no column unless joined
	seen   [][]second // the accounts' own times, by kind; no column where accounts have none
}

func newListing(of *facts, began time.Time) *listing {
	return &listing{of: of, began: began, seen: make([][]second, len(of.seen))}
}

// account returns the row of an account, unless the listing has it already: pages that shift tell one twice.
func (l *listing) account(k key) (row uint32, first bool) {
	row = l.of.account(k)
	l.flags = reach(l.flags, row)
	if l.flags[row]&listed != 0 {
		return row, false
	}
	for eight := range l.filled {
		l.filled[eight] = reach(l.filled[eight], row)
	}
	if l.joined {
		l.who = reach(l.who, row)
	}
	l.total++
	l.flags[row] = listed
	return row, true
}

// see takes in a time that an account tells of itself.
func (l *listing) see(row uint32, kind measure.Kind, at second) {
	if column := slices.Index(l.of.Kinds, kind); column >= 0 && at != 0 {
		l.seen[column] = reach(l.seen[column], row)
		l.seen[column][row] = at
	}
}

// reach makes a column long enough for row.
func reach[T any](column []T, row uint32) []T {
	if int(row) < len(column) {
		return column
	}
	return append(column, make([]T, int(row)+1-len(column))...)
}

// list puts a listing in force. Attributes come from it alone; accounts that it lacks keep theirs, and go
// when they have nothing left in the longest window.
func (f *facts) list(l *listing) {
	for i := range f.flags {
		f.flags[i] &^= listed
	}
	f.setFields(l.fields)
	f.setJoined(l.joined)
	for row, x := range l.flags {
		if x&listed == 0 {
			continue
		}
		i := uint32(row)
		if f != l.of {
			i = f.account(l.of.keys[row])
		}
		f.flags[i] = x
		for eight, column := range l.filled {
			f.filled[eight][i] = column[row]
		}
		if l.joined {
			f.who[i] = l.who[row]
		}
		for kind, column := range l.seen {
			if row < len(column) {
				f.see(i, kind, column[row])
			}
		}
	}
	f.Listed, f.Logins = l.began, l.logins
}

// adopt takes over from g all but the history of events. fromEvents tells which columns are part of that. The
// kinds are the same, and f is new. Whose rows these are says the same memory for both, as no row ever becomes that of
// another: what one of them adds, or drops, is its own.
func (f *facts) adopt(g *facts, fromEvents func(measure.Kind) bool) {
	f.Counting, f.Listed, f.Tried, f.Total, f.Refused, f.Fields = g.Counting, g.Listed, g.Tried, g.Total, g.Refused, g.Fields
	f.Logins, f.Own, f.Health, f.Walked, f.Walks, f.Numbers = g.Logins, g.Own, g.Health, g.Walked, g.Walks, maps.Clone(g.Numbers)
	f.keys, f.places, f.flags = slices.Clip(g.keys), slices.Clone(g.places), slices.Clone(g.flags)
	for _, column := range g.filled {
		f.filled = append(f.filled, slices.Clone(column))
	}
	f.Joined, f.who = g.Joined, slices.Clip(g.who)
	for column, kind := range f.Kinds {
		if fromEvents(kind) {
			f.seen[column] = make([]second, len(f.keys))
		} else {
			f.seen[column] = slices.Clone(g.seen[column])
		}
	}
}

// isAhead tells whether the clock was ahead when f took something in, or forgot it.
func (f *facts) isAhead(now time.Time) bool {
	latest := f.Through
	for _, since := range f.Covered {
		latest = later(latest, since)
	}
	return latest.After(now.Add(day))
}

func (f *facts) hasListed() bool {
	return slices.ContainsFunc(f.flags, func(x flag) bool { return x&listed != 0 })
}

// A span is what was done in [from, to), held until it is known to be whole: columns beside those of the
// facts, by the same rows, up to the last row that did something.
type span struct {
	of       *facts
	from, to time.Time
	seen     [][]second
	counts   map[measure.Kind]map[int64]int64
}

func newSpan(of *facts, from, to time.Time) *span {
	return &span{of: of, from: from, to: to, seen: make([][]second, len(of.seen)), counts: map[measure.Kind]map[int64]int64{}}
}

// see moves a last-seen time on.
func (s *span) see(row uint32, kind int, at second) {
	s.seen[kind] = reach(s.seen[kind], row)
	s.seen[kind][row] = max(s.seen[kind][row], at)
}

// count adds n events to a counter.
func count(counts map[measure.Kind]map[int64]int64, kind measure.Kind, slot, n int64) {
	if counts[kind] == nil {
		counts[kind] = map[int64]int64{}
	}
	counts[kind][slot] += n
}

// apply commits a span: its counters replace what was counted there before, so that a span may be read
// again; its last-seen times move on. since tells from when the source could tell each kind: what was
// counted before that stays.
func (f *facts) apply(s *span, since map[measure.Kind]time.Time) {
	to := slotOf(s.to)
	for kind, start := range since {
		if f.Through.Before(start) { // what lies between is lost
			f.Covered[kind] = later(f.Covered[kind], start)
		}
		for n := range f.counts[kind] {
			if n >= slotOf(later(start, s.from)) && n < to {
				delete(f.counts[kind], n)
			}
		}
	}
	for kind, slots := range s.counts {
		for at, n := range slots {
			if at >= slotOf(since[kind]) {
				count(f.counts, kind, at, n)
			}
		}
	}
	for kind, column := range s.seen {
		for row, at := range column {
			f.see(uint32(row), kind, at)
		}
	}
	f.Through = later(f.Through, s.to)
}

// forget drops what no window needs any more: nothing about a person is kept for longer. Values from before shown
// are too old to be shown, and later polls read all that comes after them.
func (f *facts) forget(shown time.Time) {
	edge := f.Through
	if !f.Listed.IsZero() && f.Listed.Before(edge) { // windows over the accounts' own last-seen times end there
		edge = f.Listed
	}
	edge = later(edge, shown).Add(-measure.Longest)
	if shown.After(f.Through) {
		for kind, since := range f.Covered {
			f.Covered[kind] = later(since, edge)
		}
	}
	for kind, slots := range f.counts {
		maps.DeleteFunc(slots, func(at, _ int64) bool { return at < slotOf(edge) })
		if len(slots) == 0 {
			delete(f.counts, kind)
		}
	}
	old := secondOf(edge)
	kept, gone := make([]bool, len(f.keys)), 0
	for row := range f.keys {
		kept[row] = f.flags[row]&listed != 0
		for _, column := range f.seen {
			if column[row] < old {
				column[row] = 0
			}
			kept[row] = kept[row] || column[row] != 0
		}
		if !kept[row] {
			gone++
		}
	}
	if gone == 0 {
		return
	}
	f.table.keep(kept)
	f.flags, f.who = keep(f.flags, kept), keep(slices.Clone(f.who), kept) // see adopt
	for eight := range f.filled {
		f.filled[eight] = keep(f.filled[eight], kept)
	}
	for kind := range f.seen {
		f.seen[kind] = keep(f.seen[kind], kept)
	}
}

// isCounted reports whether the account in row i is one of the people.
func (f *facts) isCounted(i int, hasListing bool) bool {
	if f.keys[i] == f.Own {
		return false
	}
	return !hasListing || f.flags[i]&(listed|enabled|uncounted) == listed|enabled
}

// reason returns the index in reasons of why a listed account is not counted, or -1.
func (f *facts) reason(i int) int {
	switch {
	case f.keys[i] == f.Own:
		return 0
	case f.flags[i]&service != 0:
		return 1
	case f.flags[i]&guest != 0:
		return 2
	case f.flags[i]&pattern != 0:
		return 3
	case f.flags[i]&enabled == 0:
		return 4
	}
	return -1
}

// census is what the listing amounts to.
type census struct {
	accounts, activated, complete int
	excluded                      []int
	filled                        []int // accounts by profile field
	share                         float64
}

func (f *facts) census(completeAt float64) census {
	c := census{excluded: make([]int, len(reasons)), filled: make([]int, len(f.Fields))}
	sum := 0
	for i := range f.keys {
		if f.flags[i]&listed == 0 {
			continue
		}
		if r := f.reason(i); r >= 0 {
			c.excluded[r]++
			continue
		}
		c.accounts++
		if f.flags[i]&activated != 0 {
			c.activated++
		}
		if len(f.Fields) == 0 {
			continue
		}
		n := 0
		for _, column := range f.filled {
			n += bits.OnesCount8(column[i])
		}
		sum += n
		// The margin is for shares that no float holds exactly, such as 2 of 3 against 0.6667.
		if n > 0 && float64(n) >= completeAt*float64(len(f.Fields))-1e-9 {
			c.complete++
		}
		for field := range f.Fields {
			c.filled[field] += int(f.filled[field/8][i] >> (field % 8) & 1)
		}
	}
	if c.accounts > 0 && len(f.Fields) > 0 {
		c.share = float64(sum) / float64(c.accounts*len(f.Fields))
	}
	return c
}

// columns returns the last-seen times of kinds, each by row.
func (f *facts) columns(kinds []measure.Kind) [][]second {
	var columns [][]second
	for column, kind := range f.Kinds {
		if slices.Contains(kinds, kind) {
			columns = append(columns, f.seen[column])
		}
	}
	return columns
}

// people counts the distinct accounts that did one of kinds in each window that ends at end.
func (f *facts) people(kinds []measure.Kind, end time.Time, hasListing bool) []int {
	columns := f.columns(kinds)
	edges := make([]second, len(measure.Windows))
	for w, window := range measure.Windows {
		edges[w] = secondOf(end.Add(-time.Duration(window)))
	}
	n := make([]int, len(edges))
	for i := range f.keys {
		last := second(0)
		for _, column := range columns {
			last = max(last, column[i])
		}
		if last == 0 || last < edges[len(edges)-1] || !f.isCounted(i, hasListing) {
			continue
		}
		for w, edge := range edges {
			if last >= edge {
				n[w]++
			}
		}
	}
	return n
}

// events counts what was done of kinds in each window that ends at end.
func (f *facts) events(kinds []measure.Kind, end time.Time) []int64 {
	n := make([]int64, len(measure.Windows))
	for _, kind := range kinds {
		for at, events := range f.counts[kind] {
			for w, window := range measure.Windows {
				if at >= slotOf(end.Add(-time.Duration(window))) && at < slotOf(end) {
					n[w] += events
				}
			}
		}
	}
	return n
}

func slotOf(t time.Time) int64 { return t.Unix() / int64(slot/time.Second) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
