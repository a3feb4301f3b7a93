// Package people joins the accounts of several platforms: those with the same identity are one person.
package people

import (
	"slices"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// A Joiner joins anew only when a platform has told something. It is not safe for concurrent use.
type Joiner struct {
	members   []*tally.Members
	workforce int
	counts    counts // of these
}

// Snapshot returns what is known of the people at now, and nil where none are counted. snapshots are those of the
// platforms by name. A value is absent unless each platform that it is made from has its share, fresh and over the
// whole window: without one of them it would be a smaller number, and wrong.
func (j *Joiner) Snapshot(now time.Time, cfg *config.Config, snapshots map[string]*tally.Snapshot) *tally.Snapshot {
	if cfg.People == nil {
		return nil
	}
	parts, workforce := cfg.Shares("accounts_unjoined"), -1
	members := make([]*tally.Members, len(parts))
	for i, p := range parts {
		if p.Platform.Part.Workforce {
			workforce = i
		}
		if s := snapshots[p.Platform.Name]; s != nil {
			members[i] = s.Members
		}
	}
	if j.workforce != workforce || !slices.Equal(j.members, members) {
		j.members, j.workforce, j.counts = members, workforce, join(members, workforce)
	}

	s := &tally.Snapshot{Expected: map[measure.Ref]time.Time{}}
	add := func(ref measure.Ref, n int, shares []config.Share) {
		asOf, expected := complete(now, shares, ref.Window, snapshots)
		if !asOf.IsZero() {
			s.Values = append(s.Values, tally.Value{Ref: ref, Value: float64(n), Basis: measure.Joined, AsOf: asOf})
		} else if !expected.IsZero() {
			s.Expected[ref] = expected
		}
	}
	for _, d := range cfg.People.Description.Measures() {
		w := slices.Index(measure.Windows, d.Window)
		shares := cfg.Shares(d.Measure)
		switch d.Measure {
		case "people":
			add(d.Ref, j.counts.people, shares)
		case "people_active":
			add(d.Ref, j.counts.did[tally.WasActive+w], shares)
		case "people_logged_in":
			add(d.Ref, j.counts.did[tally.SignedIn+w], shares)
		case "accounts_unjoined":
			for i, m := range members {
				if m == nil {
					continue
				}
				needed := []config.Share{parts[i]}
				if workforce >= 0 {
					needed = append(needed, parts[workforce])
				}
				add(measure.Ref{Measure: d.Measure, Label: parts[i].Platform.Name}, m.Anonymous+j.counts.strangers[i], needed)
			}
		}
	}
	return s
}

// complete returns until when all shares are known over a window; zero = they are not. Then expected is when they will
// be, if each that lacks only waits for its window to be covered. Of an activity the listing of a workforce, which is
// hours old as a rule, has to be fresh, but says nothing of until when it is known.
func complete(now time.Time, shares []config.Share, window measure.Window, snapshots map[string]*tally.Snapshot) (asOf, expected time.Time) {
	lacking := false
	for _, share := range shares {
		ref := measure.Ref{Measure: share.Measure}
		if m, _ := measure.Lookup(share.Measure); m.Windowed {
			ref.Window = window
		}
		var at, then time.Time
		if s := snapshots[share.Platform.Name]; s != nil {
			then = s.Expected[ref]
			if s.Members != nil {
				at = s.Members.AsOf[ref]
			}
		}
		switch {
		case !at.IsZero() && now.Sub(at) <= share.Platform.MaxAge:
			if ref.Window == window && (asOf.IsZero() || at.Before(asOf)) {
				asOf = at
			}
		case then.IsZero():
			return time.Time{}, time.Time{}
		default:
			lacking = true
			if then.After(expected) {
				expected = then
			}
		}
	}
	if lacking {
		asOf = time.Time{}
	}
	return asOf, expected
}

// counts are what the members amount to.
type counts struct {
	people    int
	did       [8]int // of the people, by bit of a Member
	strangers []int  // by platform: accounts with the identity of nobody in the workforce
}

// join walks through the sorted accounts of all platforms at once, person by person. With a workforce only those count
// that have an account there; -1 = there is none.
func join(members []*tally.Members, workforce int) counts {
	c := counts{strangers: make([]int, len(members))}
	rest := make([][]tally.Member, len(members))
	for i, m := range members {
		if m != nil {
			rest[i] = m.Accounts
		}
	}
	taken := make([]int, len(members))
	for {
		var who tally.Member
		left := false
		for _, accounts := range rest {
			if len(accounts) > 0 && (!left || accounts[0].Who() < who) {
				who, left = accounts[0].Who(), true
			}
		}
		if !left {
			return c
		}
		var did tally.Member
		for i, accounts := range rest {
			n := 0
			for ; n < len(accounts) && accounts[n].Who() == who; n++ {
				did |= accounts[n]
			}
			rest[i], taken[i] = accounts[n:], n
		}
		if workforce >= 0 && taken[workforce] == 0 {
			for i, n := range taken {
				c.strangers[i] += n
			}
			continue
		}
		c.people++
		for bit := range c.did {
			c.did[bit] += int(did >> bit & 1)
		}
	}
}
