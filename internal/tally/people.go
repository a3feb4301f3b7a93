package tally

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A Member is a counted account as it is joined with those of other platforms: the pseudonym of its identity, and in
// the lowest byte what it did.
type Member uint64

// The bits of a Member that say in which window it did something: add the index in measure.Windows.
const (
	WasActive = 0
	SignedIn  = 3
)

// Who returns the person behind the account.
func (m Member) Who() Member { return m &^ 0xff }

// Members are the accounts of a platform that takes part in the people across platforms. They never change.
type Members struct {
	Accounts  []Member                  // sorted; those of one person next to each other
	Anonymous int                       // counted accounts that tell no identity
	AsOf      map[measure.Ref]time.Time // of the measures that Accounts speak of, until when they are complete
}

// join returns who can be joined, in step with the values of s, and keeps it for the next time. While polls are on the way to their T that stays as it
// was shown before; after a restart on that way it is not known.
func (t *Tally) join(s *Snapshot) *Members {
	f, part := t.live, t.platform.Part
	if part == nil || !f.Joined {
		t.members = nil
	} else if f.Shown == nil {
		t.members = t.memberships(s)
	}
	return t.members
}

func (t *Tally) memberships(s *Snapshot) *Members {
	f, part := t.live, t.platform.Part
	m := &Members{
		Accounts: make([]Member, 0, len(f.who)),
		AsOf:     map[measure.Ref]time.Time{{Measure: "accounts"}: f.Listed},
	}
	did := func(name string, bit int) doings {
		d := doings{bit: bit}
		def, _ := measure.Lookup(name)
		for _, window := range measure.Windows {
			ref := measure.Ref{Measure: name, Window: window}
			v, ok := s.Value(ref)
			if !ok {
				d.since = append(d.since, ^second(0)) // nobody did
				continue
			}
			kinds := def.Kinds
			if v.Basis == measure.LastSeen {
				kinds = t.kindsOf(def, v.Basis)
			}
			d.columns = f.columns(kinds)
			d.since = append(d.since, secondOf(v.AsOf.Add(-time.Duration(window))))
			m.AsOf[v.Ref] = v.AsOf
		}
		return d
	}
	active, signedIn := did(part.Active, WasActive), did(part.LoggedIn, SignedIn)
	for i, who := range f.who {
		switch {
		case !f.isCounted(i, true):
		case who == 0:
			m.Anonymous++
		default:
			m.Accounts = append(m.Accounts, Member(who).Who()|active.of(i)|signedIn.of(i))
		}
	}
	slices.Sort(m.Accounts)
	return m
}

// doings are last-seen times that a measure counts, and since when they count in each window.
type doings struct {
	columns [][]second
	since   []second
	bit     int
}

// of returns what the account in row i did.
func (d doings) of(i int) (m Member) {
	last := second(0)
	for _, column := range d.columns {
		last = max(last, column[i])
	}
	for w, since := range d.since {
		if last != 0 && last >= since {
			m |= 1 << (d.bit + w)
		}
	}
	return m
}

// identity returns the pseudonym of who is behind an account, the same on every platform; 0 = that is not told.
func (t *Tally) identity(a collector.Account) key {
	who := a.Identity
	if template := t.platform.Identity; template != "" {
		who = ""
		if name := strings.TrimSpace(a.Name); name != "" {
			who = strings.Replace(template, "{name}", name, 1)
		}
	}
	if who = plain(who); who == "" {
		return 0
	}
	return t.hash("", who)
}

// plain makes one of all ways to write the same address: without space around it, in Unicode's compatibility form,
// and without regard to case.
func plain(identity string) string {
	return norm.NFKC.String(cases.Fold().String(strings.TrimSpace(norm.NFKC.String(identity))))
}
