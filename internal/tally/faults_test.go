package tally

import (
	"errors"
	"slices"
	"testing"
	"time"

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
