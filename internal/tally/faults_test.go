package tally

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

func TestWhoSignedInIsUnknownUntilAListingTellsIt(t *testing.T) {
	b := newBench(t, nil)
	ann := person("ann")
	ann.LastLogin = start.Add(-day)
	b.accounts = []collector.Account{ann}
	b.mustPoll(0)
	b.description.Accounts = &collector.AccountSource{Source: "users", LastLogin: true}
	b.reopen()
	b.want("", "activated_accounts")
	b.mustPoll(time.Hour)
	b.want("", "activated_accounts")
	b.mustPoll(day)
	b.want("activated_accounts 1", "activated_accounts")
}

func TestAnotherKindIsReadAnew(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Events = []collector.EventSource{{Kind: measure.Comment, Source: "log"}}
	})
	b.mustPoll(0)
	b.add(measure.Search, "", start.Add(-2*day)) // no people are counted by it: nobody knows who reads
	b.description.Events = append(b.description.Events, collector.EventSource{Kind: measure.Search, Source: "log"})
	b.reopen()
	b.mustPoll(time.Hour)
	b.want("searches over 1d 0\nsearches over 7d 1\nsearches over 28d 1", "searches")
}

func TestWhatTheOldSourceDidNotTellIsUnknownUntilTheNewOneIsRead(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Events = []collector.EventSource{{Kind: measure.Comment, Source: "log"}, {Kind: measure.PageCreated, Source: "log"}}
	})
	b.accounts = []collector.Account{person("ann"), person("bob")}
	b.add(measure.Comment, "ann", start.Add(-time.Hour))
	b.add(measure.PageCreated, "bob", start.Add(-time.Hour))
	b.mustPoll(0)
	b.accountsErr = errors.New("slow")
	for what, change := range map[string]func(*collector.Description){
		"readers": func(d *collector.Description) {
			d.Events = append(slices.Clone(d.Events), collector.EventSource{Kind: measure.PageView, Source: "log"})
		},
		"own times": func(d *collector.Description) {
			d.Accounts = &collector.AccountSource{Source: "users", LastLogin: true, LastActive: true}
		},
		"one kind less": func(d *collector.Description) { d.Events = d.Events[:1] },
	} {
		d := b.description
		change(&b.description)
		b.reopen()
		_ = b.poll(time.Hour)
		t.Log(what)
		b.want("contributors over 1d 2\ncontributors over 7d 2\ncontributors over 28d 2", "active_users", "contributors", "logged_in_users")
		b.description = d
	}
}

func TestAnotherBasisIsUnknownUntilTheNewSourceIsRead(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Settle = 2 * day
		d.Accounts = &collector.AccountSource{Source: "users", LastLogin: true}
	})
	b.accounts = []collector.Account{person("ann")}
	b.add(measure.Login, "ann", start.Add(-2*day-time.Hour))
	b.mustPoll(0)
	b.description.Events = b.description.Events[1:]
	b.reopen()
	b.want("", "logged_in_users")
}

func TestAPartOfTheOverlapIsNotShown(t *testing.T) {
	b := newBench(t, func(d *collector.Description) { d.Step, d.Overlap = day, 4*day })
	b.mustPoll(0)
	b.add(measure.Login, "ann", start.Add(-3*day-12*time.Hour))
	p := *b.platform
	p.Collector = &forgetful{source: b.source, spans: 1}
	b.Configure(&p)
	_ = b.poll(time.Minute)
	b.want("logins over 1d 0\nlogins over 7d 0\nlogins over 28d 0", "logins")
	b.Configure(b.platform)
	b.mustPoll(time.Minute)
	b.want("logins over 1d 0\nlogins over 7d 1\nlogins over 28d 1", "logins")
}

func TestWhatWasNotShownBeforeIsNotShownHalfWay(t *testing.T) {
	b := newBench(t, func(d *collector.Description) { d.Step, d.Events[0].Memory = day, 4*day })
	b.mustPoll(0)
	b.mustPoll(2 * day)
	_ = b.Snapshot()
	p := *b.platform
	p.Collector = &forgetful{source: b.source, spans: 2}
	b.Configure(&p)
	_ = b.poll(2*day + time.Hour)
	b.want("logins over 1d 0", "logins")
}

func TestTheNewSourceIsShownAsSoonAsItIsRead(t *testing.T) {
	b := newBench(t, func(d *collector.Description) { d.Step = day })
	b.mustPoll(0)
	_ = b.Snapshot()
	p := *b.platform
	p.Collector = &forgetful{source: b.source, spans: 2}
	b.Configure(&p)
	_ = b.poll(10 * day)
	_ = b.Snapshot()
	p = *b.platform
	p.Description.Definition = "two"
	b.Configure(&p)
	b.add(measure.Login, "ann", b.clock.Add(-time.Hour))
	b.mustPoll(time.Minute)
	b.want("logins over 1d 1\nlogins over 7d 1\nlogins over 28d 1", "logins")
}

func TestAPanicInACatchUpShowsNoPartOfIt(t *testing.T) {
	b := newBench(t, func(d *collector.Description) { d.Step = day })
	b.mustPoll(0)
	before := values(b.Snapshot())
	b.add(measure.Login, "ann", start.Add(time.Hour))
	p := *b.platform
	p.Collector = &panicking{forgetful{source: b.source, spans: 2}}
	b.Configure(&p)
	func() {
		defer func() { _ = recover() }()
		_ = b.poll(10 * day)
	}()
	if diff := cmp.Diff(before, values(b.Snapshot())); diff != "" {
		t.Error(diff)
	}
}

// A panicking collector tells some spans, and then panics.
type panicking struct{ forgetful }

func (p *panicking) Events(ctx context.Context, from, to time.Time, emit func(collector.Event)) error {
	err := p.forgetful.Events(ctx, from, to, emit)
	if err != nil {
		panic(err)
	}
	return nil
}

func TestAFailedPollAfterAnOutageTakesNothingAway(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		for i := range d.Events {
			d.Events[i].Memory = 30 * day
		}
	})
	b.platform.MaxAge = 40 * day
	b.mustPoll(0)
	before := values(b.Snapshot())
	covered := b.Snapshot().CoveredSince
	b.eventsErr = errors.New("gone")
	_ = b.poll(31 * day)
	if diff := cmp.Diff(before, values(b.Snapshot())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(covered, b.Snapshot().CoveredSince); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsCoveredBeforeItWasRead(t *testing.T) {
	b := newBench(t, nil)
	b.eventsErr = errors.New("gone")
	_ = b.poll(0)
	if covered := b.Snapshot().CoveredSince; len(covered) > 0 {
		t.Error(covered)
	}
}

// newRecount returns a bench on which two people have signed in and were counted, and one of them is excluded now: once
// it is opened again, a poll counts anew.
func newRecount(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, nil)
	b.accounts = []collector.Account{person("ann"), person("test-1")}
	for _, a := range b.accounts {
		b.add(measure.Login, a.ID, start.Add(-2*day))
	}
	b.mustPoll(0)
	b.platform.Exclude.Accounts = []*regexp.Regexp{regexp.MustCompile("^test-")}
	return b
}

func TestARecountIsOnDiskBeforeItsReason(t *testing.T) {
	b := newRecount(t)
	b.reopen()
	blocked := filepath.Join(b.path, "portal"+freshFile)
	if err := os.Mkdir(blocked, 0o700); err != nil { // a file can't take its place
		t.Fatal(err)
	}
	b.eventsErr = errors.New("slow")
	if got := b.poll(time.Hour); !strings.Contains(got, "write state portal.reread: ") {
		t.Fatal(got)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	b.eventsErr = nil
	b.reopen()
	b.mustPoll(time.Hour)
	b.want("logins over 1d 0\nlogins over 7d 1\nlogins over 28d 1", "logins")
}

func TestARereadStaysOnDiskUntilItsPlaceIsTaken(t *testing.T) {
	b := newRecount(t)
	b.reopen()
	b.eventsErr = errors.New("slow")
	_ = b.poll(time.Hour)
	b.eventsErr = nil
	file, aside := filepath.Join(b.path, "portal"+liveFile), filepath.Join(b.path, "aside")
	if err := errors.Join(os.Rename(file, aside), os.Mkdir(file, 0o700)); err != nil { // a file can't take its place
		t.Fatal(err)
	}
	if got := b.poll(time.Hour); !strings.Contains(got, "write state portal.tally: ") {
		t.Fatal(got)
	}
	if err := errors.Join(os.Remove(file), os.Rename(aside, file)); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	b.mustPoll(time.Hour)
	b.want("logins over 1d 0\nlogins over 7d 1\nlogins over 28d 1", "logins")
}

func TestARecountOutlivesAnotherSource(t *testing.T) {
	b := newRecount(t)
	b.eventsErr = errors.New("slow")
	for _, definition := range []string{"one", "two", "one"} {
		b.description.Definition = definition
		b.reopen()
		_ = b.poll(time.Hour)
	}
	b.eventsErr = nil
	b.mustPoll(time.Hour)
	b.want("logins over 1d 0\nlogins over 7d 1\nlogins over 28d 1", "logins")
}

func TestTheOverlapIsRebuiltAsFarAsTheSourceRemembers(t *testing.T) {
	for name, forgotten := range map[string]bool{"told once more": false, "not told any more": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(d *collector.Description) { d.Overlap, d.Events[0].Memory = 4*day, 3*day })
			b.add(measure.Login, "ann", start.Add(2*day))
			for range 6 {
				b.mustPoll(day)
			}
			if forgotten {
				b.events = nil
			}
			b.mustPoll(0)
			b.want("logins over 1d 0\nlogins over 7d 1", "logins")
		})
	}
}

func TestNothingIsShownHalfWayWhereNothingWasShown(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Accounts, d.Step = nil, 2*time.Hour
		for i := range d.Events {
			d.Events[i].Memory = 12 * time.Hour
		}
	})
	b.mustPoll(0)
	b.mustPoll(11 * time.Hour)
	b.want("")
	p := *b.platform
	p.Collector = &forgetful{source: b.source, spans: 2}
	b.Configure(&p)
	if b.poll(5*time.Hour) == "" {
		t.Fatal("the poll reached its T")
	}
	b.want("")
	b.reopen()
	b.want("")
}

func TestAClockAtTheBeginningOfTime(t *testing.T) {
	b := newBench(t, nil)
	b.clock = time.Unix(0, 0).Add(10 * day)
	b.accounts = []collector.Account{person("ann")}
	b.mustPoll(0)
	b.want("logged_in_users over 1d 0\nlogged_in_users over 7d 0\nlogged_in_users over 28d 0", "logged_in_users")
}
