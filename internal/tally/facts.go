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
// ends of windows exact.
type second uint32

func secondOf(t time.Time) second {
	if s := t.Unix(); s > 0 && s <= int64(^second(0)) {
		return second(s)
	}
	return 0
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

// lastSeen holds when accounts did something of each kind for the last time, by key.
type lastSeen struct {
	index map[key]uint32
	keys  []key
	seen  [][]second // by kind, then row
}

func newLastSeen(kinds int) lastSeen {
	return lastSeen{index: map[key]uint32{}, seen: make([][]second, kinds)}
}

// row finds the row of a key, and makes it where there is none.
func (l *lastSeen) row(k key) (i uint32, added bool) {
	i, ok := l.index[k]
	if ok {
		return i, false
	}
	i = uint32(len(l.keys))
	l.index[k] = i
	l.keys = append(l.keys, k)
	for kind := range l.seen {
		l.seen[kind] = append(l.seen[kind], 0)
	}
	return i, true
}

// see moves a last-seen time on; it never goes back.
func (l *lastSeen) see(i uint32, kind int, at second) {
	l.seen[kind][i] = max(l.seen[kind][i], at)
}

// facts are what a platform told, reduced to what the windows need: one row per account and one counter
// per kind and slot.
type facts struct {
	progress
	lastSeen
	flags  []flag
	filled []uint64                         // profile fields by bit, in the order of progress.Fields
	counts map[measure.Kind]map[int64]int64 // by slot, numbered since 1970
}

// progress is committed together with the facts that it speaks of.
type progress struct {
	Definition string // of the source
	Counting   string // of who counts
	KeyCheck   string // tells whether the pseudonyms were made with the key at hand

	Kinds   []measure.Kind             // the columns of last-seen times
	Through time.Time                  // events are complete until here: the data time T
	Covered map[measure.Kind]time.Time // since when they are complete
	Full    bool                       // the whole history was read once; before that no event measure is published
	Fields  []string                   // profile fields
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
		lastSeen: newLastSeen(len(kinds)),
		counts:   map[measure.Kind]map[int64]int64{},
	}
}

// account finds the row of an account, and makes it where there is none.
func (f *facts) account(k key) uint32 {
	i, added := f.row(k)
	if added {
		f.flags = append(f.flags, 0)
		f.filled = append(f.filled, 0)
	}
	return i
}

// A listing is a whole list of accounts, held until it is known to be good.
type listing struct {
	began    time.Time
	fields   []string
	accounts []listedAccount
}

type listedAccount struct {
	key    key
	flags  flag
	filled uint64
	login  second
	active second
}

// list puts a listing in force. Attributes come from it alone; accounts that it lacks keep theirs, and go
// when they have nothing left in the longest window.
func (f *facts) list(l *listing) {
	for i := range f.flags {
		f.flags[i] &^= listed
	}
	login, active := slices.Index(f.Kinds, measure.Login), slices.Index(f.Kinds, measure.Active)
	for _, a := range l.accounts {
		i := f.account(a.key)
		f.flags[i], f.filled[i] = a.flags|listed, a.filled
		if a.login != 0 && login >= 0 {
			f.see(i, login, a.login)
		}
		if a.active != 0 && active >= 0 {
			f.see(i, active, a.active)
		}
	}
	f.Listed, f.Fields = l.began, l.fields
}

// adopt takes over from g all but the history of events. fromEvents tells which columns are part of that.
func (f *facts) adopt(g *facts, fromEvents func(measure.Kind) bool) {
	f.Counting, f.Listed, f.Tried, f.Total, f.Refused, f.Fields = g.Counting, g.Listed, g.Tried, g.Total, g.Refused, g.Fields
	f.Own, f.Health, f.Walked, f.Walks, f.Numbers = g.Own, g.Health, g.Walked, g.Walks, maps.Clone(g.Numbers)
	for row, k := range g.keys {
		i := f.account(k)
		f.flags[i], f.filled[i] = g.flags[row], g.filled[row]
		for column, kind := range f.Kinds {
			if from := slices.Index(g.Kinds, kind); from >= 0 && !fromEvents(kind) {
				f.see(i, column, g.seen[from][row])
			}
		}
	}
}

func (f *facts) hasListed() bool {
	return slices.ContainsFunc(f.flags, func(x flag) bool { return x&listed != 0 })
}

// A span is what was done in [from, to), held until it is known to be whole.
type span struct {
	from, to time.Time
	lastSeen
	counts map[measure.Kind]map[int64]int64
}

func newSpan(from, to time.Time, kinds int) *span {
	return &span{from: from, to: to, lastSeen: newLastSeen(kinds), counts: map[measure.Kind]map[int64]int64{}}
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
	for row, k := range s.keys {
		i := f.account(k)
		for kind := range f.seen {
			f.see(i, kind, s.seen[kind][row])
		}
	}
	f.Through = later(f.Through, s.to)
}

// forget drops what no window needs any more: nothing about a person is kept for longer. Values older than maxAge
// are not shown.
func (f *facts) forget(maxAge time.Duration) {
	edge := f.Through
	if !f.Listed.IsZero() && f.Listed.Before(edge) { // windows over the accounts' own last-seen times end there
		edge = later(f.Listed, edge.Add(-maxAge))
	}
	edge = edge.Add(-measure.Longest)
	for _, slots := range f.counts {
		for n := range slots {
			if n < slotOf(edge) {
				delete(slots, n)
			}
		}
	}
	kept := newFacts("", "", f.Kinds)
	old := secondOf(edge)
	for row, k := range f.keys {
		gone := f.flags[row]&listed == 0
		for kind := range f.seen {
			if f.seen[kind][row] < old {
				f.seen[kind][row] = 0
			}
			gone = gone && f.seen[kind][row] == 0
		}
		if gone {
			delete(f.index, k)
		}
	}
	if len(f.index) == len(f.keys) {
		return
	}
	for row, k := range f.keys {
		if _, ok := f.index[k]; !ok {
			continue
		}
		i := kept.account(k)
		kept.flags[i], kept.filled[i] = f.flags[row], f.filled[row]
		for kind := range f.seen {
			kept.seen[kind][i] = f.seen[kind][row]
		}
	}
	f.lastSeen, f.flags, f.filled = kept.lastSeen, kept.flags, kept.filled
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
		n := bits.OnesCount64(f.filled[i])
		sum += n
		// The margin is for shares that no float holds exactly, such as 2 of 3 against 0.6667.
		if n > 0 && float64(n) >= completeAt*float64(len(f.Fields))-1e-9 {
			c.complete++
		}
		for field := range f.Fields {
			c.filled[field] += int(f.filled[i] >> field & 1)
		}
	}
	if c.accounts > 0 && len(f.Fields) > 0 {
		c.share = float64(sum) / float64(c.accounts*len(f.Fields))
	}
	return c
}

// people counts the distinct accounts that did one of kinds in each window that ends at end.
func (f *facts) people(kinds []measure.Kind, end time.Time, hasListing bool) []int {
	var columns [][]second
	for column, kind := range f.Kinds {
		if slices.Contains(kinds, kind) {
			columns = append(columns, f.seen[column])
		}
	}
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
		if last < edges[len(edges)-1] || !f.isCounted(i, hasListing) {
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
