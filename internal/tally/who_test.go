package tally

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// everything describes a platform that delivers every measure that is counted from facts.
func everything(d *collector.Description) {
	d.Events = nil
	for _, kind := range measure.EventKinds {
		d.Events = append(d.Events, collector.EventSource{Kind: kind, Source: "log"})
	}
	d.Accounts = &collector.AccountSource{Source: "users", LastLogin: true, LastActive: true, Profile: []string{"phone"}}
	d.Reread = true
}

// TestReasonsAreDisjointAndAddUp lists random mixtures of accounts under random exclusions, each of which is a reload
// of the one before, and compares who counts, and why others do not, with the plainest way to say it.
func TestReasonsAreDisjointAndAddUp(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		b := newBench(t, everything)
		own := map[bool]string{true: fmt.Sprint(rnd.IntN(60)), false: ""}[rnd.IntN(4) > 0]
		b.access = collector.Access{Account: own}
		for id := range 60 {
			b.accounts = append(b.accounts, collector.Account{
				ID: fmt.Sprint(id), Name: []string{"ann", "Svc-backup", "svc-backup", "test", "Žofie", "ЮРИЙ"}[rnd.IntN(6)],
				Kind:    []collector.KindOfAccount{collector.Person, collector.Person, collector.Service, collector.Guest}[rnd.IntN(4)],
				Enabled: rnd.IntN(3) > 0, Filled: []bool{rnd.IntN(2) == 0},
			})
			for _, kind := range measure.EventKinds {
				if rnd.IntN(3) == 0 {
					b.add(kind, fmt.Sprint(id), start.Add(-time.Hour))
				}
			}
		}
		b.accounts = append(b.accounts, b.accounts[:7]...) // pages that shift tell some twice
		for range 5 {
			p := *b.platform
			p.Exclude.Guests = rnd.IntN(2) == 0
			p.Exclude.Accounts = nil
			for _, pattern := range []string{"^svc-", "(?i)^svc-", "test|ann$", "^Ž", "(?i)юрий"} {
				if rnd.IntN(3) == 0 {
					p.Exclude.Accounts = append(p.Exclude.Accounts, regexp.MustCompile(pattern))
				}
			}
			p.Description = b.description
			b.platform = &p
			b.Configure(&p)
			b.mustPoll(time.Minute)

			want := map[measure.Ref]float64{{Measure: "accounts"}: 0, {Measure: "profiles_complete"}: 0}
			uncounted := map[string]bool{} // whose events are not
			for _, reason := range []string{"own", "service", "guest", "pattern", "disabled"} {
				want[measure.Ref{Measure: "accounts_excluded", Label: reason}] = 0
			}
			for _, a := range b.accounts[:60] {
				reason := ""
				switch {
				case a.ID == own:
					reason = "own"
				case a.Kind == collector.Service:
					reason = "service"
				case a.Kind == collector.Guest && p.Exclude.Guests:
					reason = "guest"
				case slices.ContainsFunc(p.Exclude.Accounts, func(re *regexp.Regexp) bool { return re.MatchString(a.Name) }):
					reason = "pattern"
				case !a.Enabled:
					reason = "disabled"
				}
				uncounted[a.ID] = reason != "" && reason != "disabled"
				switch {
				case reason != "":
					want[measure.Ref{Measure: "accounts_excluded", Label: reason}]++
				default:
					want[measure.Ref{Measure: "accounts"}]++
					if a.Filled[0] {
						want[measure.Ref{Measure: "profiles_complete"}]++
					}
				}
			}
			if want[measure.Ref{Measure: "accounts"}] == 0 { // of nobody
				delete(want, measure.Ref{Measure: "profiles_complete"})
			}
			got, sum := map[measure.Ref]float64{}, 0.0
			for _, v := range b.Snapshot().Values {
				if _, ok := want[v.Ref]; ok {
					got[v.Ref] = v.Value
				}
				if v.Measure == "accounts" || v.Measure == "accounts_excluded" {
					sum += v.Value
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
			}
			if sum != 60 {
				t.Fatalf("seed %d: accounts and those left out add up to %g, and 60 are listed", seed, sum)
			}
			for _, m := range measure.All {
				if m.Counting != measure.Events {
					continue
				}
				n := 0.0
				for _, h := range b.events {
					if h.Kind == m.Kinds[0] && !uncounted[h.Actor] {
						n++
					}
				}
				if v, ok := b.Snapshot().Value(measure.Ref{Measure: m.Name, Window: measure.Windows[0]}); !ok || v.Value != n {
					t.Fatalf("seed %d: %s is %g, want %g", seed, m.Name, v.Value, n)
				}
			}
		}
	}
}

// What the collector's own account does is in no measure at all, whatever it does, and however it is known.
func TestOurOwnAccountIsInNoMeasure(t *testing.T) {
	for name, describe := range map[string]func(*collector.Description){
		"events":             everything,
		"events, no listing": func(d *collector.Description) { everything(d); d.Accounts = nil },
		"last-seen times":    func(d *collector.Description) { everything(d); d.Events = nil },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, describe)
			b.access = collector.Access{Account: "kpi"}
			b.reopen()
			own := person("kpi")
			own.LastLogin, own.LastActive, own.Filled = start.Add(-time.Hour), start.Add(-time.Hour), []bool{true}
			if b.description.Accounts != nil {
				b.accounts = []collector.Account{own}
			}
			for _, e := range b.description.Events {
				b.add(e.Kind, "kpi", start.Add(-time.Hour))
			}
			b.mustPoll(0)
			values := b.Snapshot().Values
			for _, v := range values {
				if v.Value != 0 && v.Label != "own" {
					t.Errorf("%s is %g", v.Ref, v.Value)
				}
			}
			if len(values) < 6 {
				t.Errorf("only %d values", len(values))
			}
		})
	}
}

// With other credentials the account that we were is a person as well, and the one that we are is none any more: also
// in what was counted before.
func TestAnotherOwnAccount(t *testing.T) {
	b := newBench(t, nil)
	for _, id := range []string{"kpi", "ann", "new kpi"} {
		b.accounts = append(b.accounts, person(id))
		for range len(id) {
			b.add(measure.Login, id, start.Add(-2*day))
		}
	}
	b.access = collector.Access{Account: "kpi"}
	b.mustPoll(0)
	b.want("accounts 2\nlogins over 1d 0\nlogins over 7d 10\nlogins over 28d 10", "accounts", "logins")
	b.access.Account = "new kpi"
	b.mustPoll(time.Hour)
	b.want("accounts 2\nlogins over 1d 0\nlogins over 7d 6\nlogins over 28d 6", "accounts", "logins")
	b.mustPoll(time.Hour)
	if slices.Contains(b.asked, "accounts") {
		t.Errorf("asked %q again", b.asked)
	}

	b.access.Account, b.eventsErr = "ann", errors.New("broken") // while 28 days are being read anew, too
	_ = b.poll(time.Hour)
	b.eventsErr = nil
	b.access.Account = "kpi"
	b.mustPoll(time.Hour)
	b.want("accounts 2\nlogins over 1d 0\nlogins over 7d 10\nlogins over 28d 10", "accounts", "logins")
}
