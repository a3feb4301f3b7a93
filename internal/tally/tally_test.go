package tally

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

var (
	start  = time.Date(2026, 11, 1, 12, 3, 20, 0, time.UTC)
	secret = []byte("a key for tests")
)

// A source is a platform that a test writes, and the collector that reads it.
type source struct {
	description collector.Description
	access      collector.Access
	accounts    []collector.Account
	events      []happening
	readings    []collector.Reading
	now         func() time.Time

	probeErr, accountsErr, eventsErr, readingsErr error
	failAfter                                     int // facts that are told before an error
	asked                                         []string
}

// A happening is an event with when the platform begins and ceases to tell it.
type happening struct {
	collector.Event
	shown, withdrawn time.Time
}

func (s *source) Describe() collector.Description                 { return s.description }
func (s *source) Probe(context.Context) (collector.Access, error) { return s.access, s.probeErr }
func (s *source) Accounts(_ context.Context, emit func(collector.Account)) error {
	s.asked = append(s.asked, "accounts")
	return tell(s.accounts, emit, s.accountsErr, s.failAfter)
}

func (s *source) Events(_ context.Context, from, to time.Time, emit func(collector.Event)) error {
	s.asked = append(s.asked, fmt.Sprintf("events %s %s", from.Format("02T15:04"), to.Format("02T15:04")))
	var told []collector.Event
	for _, h := range s.events {
		if !h.At.Before(from) && h.At.Before(to) && h.known(s.now()) {
			told = append(told, h.Event)
		}
	}
	return tell(told, emit, s.eventsErr, s.failAfter)
}

func (h happening) known(now time.Time) bool {
	return !h.shown.After(now) && (h.withdrawn.IsZero() || h.withdrawn.After(now))
}

func (s *source) Readings(_ context.Context, full bool, emit func(collector.Reading)) error {
	s.asked = append(s.asked, fmt.Sprintf("readings %t", full))
	return tell(s.readings, emit, s.readingsErr, s.failAfter)
}

func tell[T any](facts []T, emit func(T), err error, failAfter int) error {
	for i, fact := range facts {
		if err != nil && i >= failAfter {
			break
		}
		emit(fact)
	}
	return err
}

// A bench is a tally that reads a source under a clock.
type bench struct {
	*source
	*Tally
	t        *testing.T
	path     string
	dir      *storage.Dir
	platform *config.Platform
	clock    time.Time
}

func newBench(t *testing.T, change func(*collector.Description)) *bench {
	t.Helper()
	path := t.TempDir()
	dir, err := storage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	b := &bench{t: t, path: path, dir: dir, clock: start}
	b.source = &source{now: func() time.Time { return b.clock }, description: collector.Description{
		Events: []collector.EventSource{
			{Kind: measure.Login, Source: "log"}, {Kind: measure.PageView, Source: "log"}, {Kind: measure.PageCreated, Source: "log"},
		},
		Accounts:   &collector.AccountSource{Source: "users"},
		Settle:     time.Minute,
		Overlap:    time.Hour,
		Step:       7 * day,
		Definition: "one",
	}}
	if change != nil {
		change(&b.description)
	}
	b.platform = &config.Platform{Name: "portal", Collector: b.source, AccountsInterval: day, MaxAge: measure.Longest, Exclude: config.Exclude{Guests: true}, CompleteAt: 1}
	b.reopen()
	return b
}

// reopen starts again from disk, with the present configuration.
func (b *bench) reopen() {
	b.t.Helper()
	p := *b.platform
	p.Description = b.description
	b.platform = &p
	t, warning, err := Open(b.dir, secret, b.platform)
	if err != nil || warning != "" {
		b.t.Fatal(warning, err)
	}
	b.Tally = t
}

// poll moves the clock on and polls; it returns the errors as text.
func (b *bench) poll(after time.Duration) string {
	b.clock = b.clock.Add(after)
	b.asked = nil
	var texts []string
	report := b.Update(context.Background(), b.clock)
	for _, err := range append(report.Errors, report.Storage) {
		if err != nil {
			texts = append(texts, err.Error())
		}
	}
	return strings.Join(texts, "; ")
}

func (b *bench) mustPoll(after time.Duration) {
	b.t.Helper()
	if text := b.poll(after); text != "" {
		b.t.Fatal("poll:", text)
	}
}

func (b *bench) add(kind measure.Kind, actor string, at time.Time) {
	b.events = append(b.events, happening{Event: collector.Event{Kind: kind, Actor: actor, At: at}, shown: at})
}

func person(id string) collector.Account {
	return collector.Account{ID: id, Name: id, Kind: collector.Person, Enabled: true}
}

// values returns the snapshot as one line per value.
func values(s *Snapshot, names ...string) string {
	var lines []string
	for _, v := range s.Values {
		if len(names) == 0 || slices.Contains(names, v.Measure) {
			lines = append(lines, fmt.Sprintf("%s %g", v.Ref, v.Value))
		}
	}
	return strings.Join(lines, "\n")
}

func (b *bench) want(what string, names ...string) {
	b.t.Helper()
	lines := strings.Split(strings.TrimSpace(what), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	if diff := cmp.Diff(strings.Join(lines, "\n"), values(b.Snapshot(), names...)); diff != "" {
		b.t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestWindowsAreHalfOpenAndEndAtTheDataTime(t *testing.T) {
	b := newBench(t, nil)
	end := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) // 12:03:20 less a minute, rounded down
	b.accounts = []collector.Account{person("ann"), person("bob"), person("cas")}
	b.add(measure.Login, "ann", end)                       // not yet
	b.add(measure.Login, "ann", end.Add(-time.Nanosecond)) // just inside all windows
	b.add(measure.Login, "bob", end.Add(-day))             // just inside 1d
	b.add(measure.Login, "cas", end.Add(-day-1))           // just outside 1d
	b.add(measure.Login, "cas", end.Add(-28*day))          // just inside 28d
	b.add(measure.Login, "bob", end.Add(-28*day-1))        // outside all
	b.mustPoll(0)
	b.want(`
		accounts 3
		accounts_excluded.own 0
		accounts_excluded.service 0
		accounts_excluded.guest 0
		accounts_excluded.pattern 0
		accounts_excluded.disabled 0
		active_users over 1d 0
		active_users over 7d 0
		active_users over 28d 0
		contributors over 1d 0
		contributors over 7d 0
		contributors over 28d 0
		authors over 1d 0
		authors over 7d 0
		authors over 28d 0
		logged_in_users over 1d 2
		logged_in_users over 7d 3
		logged_in_users over 28d 3
		logins over 1d 2
		logins over 7d 3
		logins over 28d 4
		page_views over 1d 0
		page_views over 7d 0
		page_views over 28d 0
		pages_created over 1d 0
		pages_created over 7d 0
		pages_created over 28d 0`)
	if v, _ := b.Snapshot().Value(measure.Ref{Measure: "logins", Window: measure.Windows[0]}); !v.AsOf.Equal(end) || v.Basis != measure.Event {
		t.Errorf("as of %s by %s, want %s by event", v.AsOf, v.Basis, end)
	}
}

func TestSpansOverlapAndAreNotAskedTwice(t *testing.T) {
	b := newBench(t, nil)
	b.mustPoll(0)
	want := []string{"accounts", "events 04T12:00 11T12:00", "events 11T12:00 18T12:00", "events 18T12:00 25T12:00", "events 25T12:00 01T12:00"}
	if diff := cmp.Diff(want, b.asked); diff != "" {
		t.Error("first poll:", diff)
	}
	b.mustPoll(15 * time.Minute)
	if diff := cmp.Diff([]string{"events 01T11:00 01T12:15"}, b.asked); diff != "" {
		t.Error("second poll:", diff)
	}
	b.reopen()
	b.mustPoll(time.Minute) // the data time stays, the overlap is read all the same
	if diff := cmp.Diff([]string{"events 01T11:15 01T12:15"}, b.asked); diff != "" {
		t.Error("after a restart:", diff)
	}
	b.mustPoll(-time.Hour) // a clock that goes back a little
	if diff := cmp.Diff([]string{"events 01T11:15 01T12:15"}, b.asked); diff != "" {
		t.Error("clock back:", diff)
	}
}

func TestWhoCounts(t *testing.T) {
	b := newBench(t, nil)
	b.access = collector.Access{Account: "kpi"}
	b.platform.Exclude.Accounts = []*regexp.Regexp{regexp.MustCompile("^svc-")}
	leaver, guest, bot := person("leaver"), person("guest"), person("bot")
	leaver.Enabled, guest.Kind, bot.Kind = false, collector.Guest, collector.Service
	both := person("svc-bot")
	both.Kind = collector.Service // the first reason wins
	b.accounts = []collector.Account{person("ann"), person("svc-backup"), leaver, guest, bot, both, person("kpi")}
	b.reopen()
	for _, a := range b.accounts {
		b.add(measure.Login, a.ID, start.Add(-time.Hour))
	}
	b.add(measure.Login, "newcomer", start.Add(-time.Hour))
	b.add(measure.Login, "", start.Add(-time.Hour))
	b.mustPoll(0)
	// ann, the leaver, the newcomer and somebody unknown made logins; only ann is a listed, enabled person.
	b.want(`
		accounts 1
		accounts_excluded.own 1
		accounts_excluded.service 2
		accounts_excluded.guest 1
		accounts_excluded.pattern 1
		accounts_excluded.disabled 1
		logged_in_users over 1d 1
		logged_in_users over 7d 1
		logged_in_users over 28d 1
		logins over 1d 4
		logins over 7d 4
		logins over 28d 4`, "accounts", "accounts_excluded", "logged_in_users", "logins")

	b.accounts = append(b.accounts[1:], person("newcomer")) // ann left, the newcomer is listed
	b.mustPoll(day)
	b.want(`
		accounts 1
		logged_in_users over 1d 0
		logged_in_users over 7d 1
		logged_in_users over 28d 1`, "accounts", "logged_in_users")

	b.accounts = append(b.accounts, person("ann")) // and returned, with all she did
	b.mustPoll(day)
	b.want(`
		accounts 2
		logged_in_users over 1d 0
		logged_in_users over 7d 2
		logged_in_users over 28d 2`, "accounts", "logged_in_users")
}

func TestGuestsCountWhereConfigured(t *testing.T) {
	b := newBench(t, nil)
	b.platform.Exclude.Guests = false
	guest := person("guest")
	guest.Kind = collector.Guest
	b.accounts = []collector.Account{guest}
	b.reopen()
	b.mustPoll(0)
	b.want("accounts 1", "accounts")
}

func TestAPlatformWithoutListingCountsEveryActor(t *testing.T) {
	b := newBench(t, func(d *collector.Description) { d.Accounts = nil })
	b.access = collector.Access{Account: "kpi"}
	for _, actor := range []string{"ann", "ann", "bob", "kpi"} {
		b.add(measure.Login, actor, start.Add(-time.Hour))
	}
	b.mustPoll(0)
	b.want("logged_in_users over 1d 2\nlogged_in_users over 7d 2\nlogged_in_users over 28d 2\nlogins over 1d 3\nlogins over 7d 3\nlogins over 28d 3", "logged_in_users", "logins", "accounts")
}

func TestLateAndWithdrawnEvents(t *testing.T) {
	b := newBench(t, nil)
	b.mustPoll(0)
	late := start.Add(-40 * time.Minute)
	b.add(measure.PageCreated, "ann", late)
	b.mustPoll(15 * time.Minute)
	b.want("pages_created over 1d 1\npages_created over 7d 1\npages_created over 28d 1", "pages_created")
	b.events = nil
	b.mustPoll(5 * time.Minute) // still in the overlap
	b.want("pages_created over 1d 0\npages_created over 7d 0\npages_created over 28d 0", "pages_created")
}

func TestRereadHealsWhatTheOverlapCannot(t *testing.T) {
	b := newBench(t, func(d *collector.Description) { d.Reread = true })
	b.accounts = []collector.Account{person("ann")}
	b.add(measure.PageCreated, "ann", start.Add(-3*day))
	b.mustPoll(0)
	b.events = nil // the page is gone
	b.mustPoll(23 * time.Hour)
	b.want("pages_created over 1d 0\npages_created over 7d 1\npages_created over 28d 1", "pages_created")
	b.mustPoll(time.Hour)
	b.want("authors over 1d 0\nauthors over 7d 0\nauthors over 28d 0\npages_created over 1d 0\npages_created over 7d 0\npages_created over 28d 0", "pages_created", "authors")
}

func TestAHalfReadHistoryIsNeverShown(t *testing.T) {
	b := newBench(t, nil)
	b.accounts = []collector.Account{person("ann")}
	for i := range 28 {
		b.add(measure.Login, "ann", start.Add(-time.Duration(i)*day-time.Hour))
	}
	b.eventsErr, b.failAfter = cause.Errorf(cause.Timeout, "too slow"), 3
	if text := b.poll(0); text != "read events: too slow" {
		t.Fatal(text)
	}
	b.want("accounts 1", "accounts", "logins", "logged_in_users")
	b.eventsErr = nil
	b.reopen()
	b.mustPoll(time.Minute)
	b.want("accounts 1\nlogged_in_users over 1d 1\nlogged_in_users over 7d 1\nlogged_in_users over 28d 1\nlogins over 1d 1\nlogins over 7d 7\nlogins over 28d 28", "accounts", "logins", "logged_in_users")
}

func TestALostRightNeverLowersANumber(t *testing.T) {
	forbidden := cause.Errorf(cause.Permission, "right read is missing")
	b := newBench(t, nil)
	b.accounts = []collector.Account{person("ann"), person("bob"), person("cas")}
	b.add(measure.Login, "ann", start.Add(-time.Hour))
	b.mustPoll(0)
	before := values(b.Snapshot())

	b.accounts, b.events, b.probeErr = nil, nil, forbidden
	if text := b.poll(day); text != "probe: right read is missing" {
		t.Error(text)
	}
	if diff := cmp.Diff(before, values(b.Snapshot())); diff != "" {
		t.Error("right lost before the poll:", diff)
	}
	success, last := b.Health()
	if success || !last.Equal(start) {
		t.Errorf("health %t %s", success, last)
	}
	b.reopen()
	if diff := cmp.Diff(before, values(b.Snapshot())); diff != "" {
		t.Error("after a restart:", diff)
	}
}

// A fickle collector loses its rights between the opening probe and the closing one.
type fickle struct {
	*source
	probes int
}

func (f *fickle) Probe(context.Context) (collector.Access, error) {
	f.probes++
	if f.probes > 1 {
		return collector.Access{Granted: map[string]bool{"read": false}}, cause.Errorf(cause.Permission, "right read is missing")
	}
	return collector.Access{Granted: map[string]bool{"read": true}}, nil
}

func TestARightLostDuringThePollIsSeenByTheClosingProbe(t *testing.T) {
	b := newBench(t, nil)
	b.accounts = []collector.Account{person("ann"), person("bob"), person("cas")}
	b.add(measure.Login, "ann", start.Add(-time.Hour))
	b.mustPoll(0)
	before := values(b.Snapshot())
	b.accounts, b.events = b.accounts[:2], nil
	p := *b.platform
	p.Collector = &fickle{source: b.source}
	b.Configure(&p)
	want := "list accounts: probe: right read is missing; read events: probe: right read is missing"
	if text := b.poll(day); text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	if diff := cmp.Diff(before, values(b.Snapshot())); diff != "" {
		t.Error(diff)
	}
}

func TestAListingThatLostHalfIsRefusedUntilTheNextAgrees(t *testing.T) {
	b := newBench(t, nil)
	for i := range 10 {
		b.accounts = append(b.accounts, person(fmt.Sprint(i)))
	}
	b.mustPoll(0)
	all := b.accounts
	b.accounts = all[:4]
	if got, want := b.poll(day), "list accounts: 4 accounts are less than half of the 10 before; the old listing stays in force until the next agrees"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	b.want("accounts 10", "accounts")
	b.reopen()
	if got := b.poll(time.Hour); !strings.Contains(got, "the old one stays in force") || slices.Contains(b.asked, "accounts") {
		t.Errorf("between listings: %q, asked %q", got, b.asked)
	}
	b.mustPoll(day)
	b.want("accounts 4", "accounts")
	b.accounts = nil // nobody at all is never believed
	for range 3 {
		if got := b.poll(day); !strings.Contains(got, "0 accounts are less than half") {
			t.Error(got)
		}
		b.want("accounts 4", "accounts")
	}
	b.accounts = all
	b.mustPoll(day)
	b.want("accounts 10", "accounts")
}

func TestCoveredSince(t *testing.T) {
	b := newBench(t, func(d *collector.Description) { d.Events[0].Memory = 7 * day })
	b.accounts = []collector.Account{person("ann")}
	for i := range 40 {
		b.add(measure.Login, "ann", start.Add(-time.Duration(i)*day-time.Hour))
		b.add(measure.PageView, "ann", start.Add(-time.Duration(i)*day-time.Hour))
	}
	b.mustPoll(0)
	b.want("logged_in_users over 1d 1\nlogins over 1d 1\npage_views over 1d 1\npage_views over 7d 7\npage_views over 28d 28", "logged_in_users", "logins", "page_views")
	covered := time.Date(2026, 10, 25, 12, 5, 0, 0, time.UTC)
	s := b.Snapshot()
	if got := s.CoveredSince[measure.Login]; !got.Equal(covered) {
		t.Errorf("logins covered since %s, want %s", got, covered)
	}
	ref := measure.Ref{Measure: "logins", Window: measure.Windows[2]}
	if got := s.Expected[ref]; !got.Equal(covered.Add(28 * day)) {
		t.Errorf("expected on %s", got)
	}
	b.mustPoll(5 * time.Minute)
	b.want("logins over 1d 1\nlogins over 7d 7", "logins")

	b.mustPoll(21*day + 10*time.Minute) // an outage longer than the source's memory
	b.want("logins over 1d 0\npage_views over 1d 0\npage_views over 7d 0\npage_views over 28d 7", "logins", "page_views")
	if got, want := b.Snapshot().CoveredSince[measure.Login], b.clock.Add(-7*day).Truncate(slot).Add(slot); !got.Equal(want) {
		t.Errorf("logins covered since %s, want %s", got, want)
	}
	b.mustPoll(day)
	b.want("logins over 1d 0\nlogins over 7d 0", "logins")
}

func TestAChangedSourceIsReadAnewAndSwappedInAtItsEnd(t *testing.T) {
	b := newBench(t, nil)
	b.accounts = []collector.Account{person("ann"), person("bob")}
	b.add(measure.Login, "ann", start.Add(-10*day))
	b.mustPoll(0)
	b.accounts, b.events = []collector.Account{person("cas")}, nil
	b.add(measure.Login, "cas", start.Add(-3*day))
	b.description.Definition = "two"
	b.reopen()
	b.eventsErr = cause.Errorf(cause.Unavailable, "gone")
	if got := b.poll(time.Hour); got != "read events: gone" {
		t.Error(got)
	}
	b.want("accounts 2\nlogins over 1d 0\nlogins over 7d 0\nlogins over 28d 1", "accounts", "logins")
	b.reopen()
	b.eventsErr = nil
	b.mustPoll(time.Hour)
	b.want("accounts 1\nlogins over 1d 0\nlogins over 7d 1\nlogins over 28d 1", "accounts", "logins")
	b.reopen()
	b.mustPoll(time.Hour)
	if diff := cmp.Diff([]string{"events 01T13:00 01T15:00"}, b.asked); diff != "" {
		t.Error("afterwards:", diff)
	}
}

func TestAChangedExclusionRecounts(t *testing.T) {
	for _, tc := range []struct {
		memory time.Duration
		before string
		after  string
	}{
		{0, "accounts 3\nlogged_in_users over 1d 0\nlogged_in_users over 7d 3\nlogged_in_users over 28d 3\nlogins over 1d 0\nlogins over 7d 3\nlogins over 28d 3",
			"accounts 1\nlogged_in_users over 1d 0\nlogged_in_users over 7d 1\nlogged_in_users over 28d 1\nlogins over 1d 0\nlogins over 7d 1\nlogins over 28d 1"},
		// A source that can't tell all 28 days again: its counters keep what they counted.
		{10 * day, "accounts 3\nlogged_in_users over 1d 0\nlogged_in_users over 7d 3\nlogins over 1d 0\nlogins over 7d 3",
			"accounts 1\nlogged_in_users over 1d 0\nlogged_in_users over 7d 1\nlogins over 1d 0\nlogins over 7d 3"},
	} {
		b := newBench(t, func(d *collector.Description) { d.Events[0].Memory = tc.memory })
		b.accounts = []collector.Account{person("ann"), person("test-1"), person("test-2")}
		for _, a := range b.accounts {
			b.add(measure.Login, a.ID, start.Add(-2*day))
		}
		b.mustPoll(0)
		b.want(tc.before, "accounts", "logged_in_users", "logins")
		b.platform.Exclude.Accounts = []*regexp.Regexp{regexp.MustCompile("^test-")}
		b.reopen()
		b.want(tc.before, "accounts", "logged_in_users", "logins")
		b.mustPoll(time.Hour)
		b.want(tc.after, "accounts", "logged_in_users", "logins")
	}
}

func TestEventsWinOverAccountsOwnTimes(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Accounts = &collector.AccountSource{Source: "users", LastLogin: true}
	})
	ann, bob := person("ann"), person("bob")
	ann.LastLogin, bob.LastLogin = start.Add(-time.Hour), start.Add(-time.Hour) // bob's was a renewed token, which is no login
	b.accounts = []collector.Account{ann, bob}
	b.add(measure.Login, "ann", start.Add(-time.Hour))
	b.reopen()
	b.mustPoll(0)
	b.want(`
		activated_accounts 2
		logged_in_users over 1d 1
		logged_in_users over 7d 1
		logged_in_users over 28d 1`, "activated_accounts", "logged_in_users")
}

func TestAccountsOwnTimes(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Events = nil
		d.Accounts = &collector.AccountSource{Source: "users", LastLogin: true, LastActive: true, Profile: []string{"phone", "photo"}}
	})
	b.platform.CompleteAt = 0.5
	ann, bob, cas := person("ann"), person("bob"), person("cas")
	ann.LastLogin, ann.LastActive, ann.Filled = start.Add(time.Hour), start.Add(-time.Second), []bool{true, true} // in the future: counts as just now
	bob.LastLogin, bob.Filled = start.Add(-7*day), []bool{false, true}
	b.accounts = []collector.Account{ann, bob, cas}
	b.reopen()
	b.mustPoll(0)
	b.want(`
		accounts 3
		accounts_excluded.own 0
		accounts_excluded.service 0
		accounts_excluded.guest 0
		accounts_excluded.pattern 0
		accounts_excluded.disabled 0
		activated_accounts 2
		active_users over 1d 1
		active_users over 7d 1
		active_users over 28d 1
		logged_in_users over 1d 1
		logged_in_users over 7d 2
		logged_in_users over 28d 2
		profiles_complete 2
		profile_completion 0.5
		profile_field_filled.phone 0.3333333333333333
		profile_field_filled.photo 0.6666666666666666`)
	for _, v := range b.Snapshot().Values {
		if want := b.clock; !v.AsOf.Equal(want) {
			t.Errorf("%s is as of %s, want %s", v.Ref, v.AsOf, want)
		}
	}
}

func TestATimeBeyondWhatARowHoldsIsInTheFuture(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Events = nil
		d.Accounts = &collector.AccountSource{Source: "users", LastLogin: true}
	})
	ann := person("ann")
	ann.LastLogin = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	b.accounts = []collector.Account{ann}
	b.mustPoll(0)
	b.want("activated_accounts 1\nlogged_in_users over 1d 1\nlogged_in_users over 7d 1\nlogged_in_users over 28d 1", "activated_accounts", "logged_in_users")
}

func TestReadingsTakeEffectOneByOne(t *testing.T) {
	pages := measure.Ref{Measure: "pages"}
	score := measure.Ref{Measure: "custom", Label: "score"}
	b := newBench(t, func(d *collector.Description) {
		d.Events, d.Accounts = nil, nil
		d.Readings = []collector.ReadingSource{{Ref: pages}, {Ref: score}}
	})
	b.readings = []collector.Reading{{Ref: pages, Value: 7, AsOf: start}, {Ref: score, Value: 8.5, AsOf: start.Add(day)}}
	b.mustPoll(0)
	b.want("pages 7\ncustom.score 8.5")
	if v, _ := b.Snapshot().Value(score); !v.AsOf.Equal(start) {
		t.Error("a reading from the future is as of now")
	}
	b.readings[0].Value = 9
	b.readingsErr, b.failAfter = cause.Errorf(cause.BadResponse, "no score"), 1
	if got := b.poll(time.Hour); got != "read numbers: no score" {
		t.Error(got)
	}
	b.want("pages 9\ncustom.score 8.5")
	b.readingsErr = nil
	b.readings = []collector.Reading{{Ref: measure.Ref{Measure: "pages", Window: measure.Windows[0]}, Value: 1}}
	if got := b.poll(time.Hour); got != "read numbers: pages over 1d: not a number, or not one that was asked for" {
		t.Error(got)
	}
	b.want("pages 9\ncustom.score 8.5")
}

func TestReadingsOfWhatIsOtherwiseCountedFromAccounts(t *testing.T) {
	refs := []measure.Ref{
		{Measure: "accounts"}, {Measure: "accounts_excluded", Label: "guest"}, {Measure: "accounts_excluded", Label: "disabled"},
		{Measure: "profile_completion"}, {Measure: "profile_field_filled", Label: "phone"}, {Measure: "profile_field_filled", Label: "photo"},
		{Measure: "site_visitors", Label: "news", Window: measure.Windows[1]}, {Measure: "site_visitors", Label: "help", Window: measure.Windows[1]},
		{Measure: "active_users", Window: measure.Windows[1]}, {Measure: "active_users", Window: measure.Window(30 * day)},
	}
	b := newBench(t, func(d *collector.Description) {
		d.Events, d.Accounts, d.Readings = nil, nil, nil
		for _, ref := range refs {
			d.Readings = append(d.Readings, collector.ReadingSource{Ref: ref, Definition: "count"})
		}
	})
	for i, ref := range refs {
		if ref.Label != "photo" { // one that the platform does not tell
			b.readings = append(b.readings, collector.Reading{Ref: ref, Value: float64(i) / 8, AsOf: start})
		}
	}
	b.mustPoll(0)
	const want = `
		accounts 0
		accounts_excluded.guest 0.125
		accounts_excluded.disabled 0.25
		active_users over 7d 1
		active_users over 30d 1.125
		site_visitors.news over 7d 0.75
		site_visitors.help over 7d 0.875
		profile_completion 0.375
		profile_field_filled.phone 0.5`
	b.want(want)
	b.reopen()
	b.want(want)
	b.description.Readings[1].Definition = "other"
	b.reopen()
	b.want(strings.Replace(want, "\t\taccounts_excluded.guest 0.125\n", "", 1))
}

func TestARereadKeepsTheAccountsOwnTimes(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Events = []collector.EventSource{{Kind: measure.PageCreated, Source: "log"}}
		d.Accounts = &collector.AccountSource{Source: "users", LastLogin: true, LastActive: true}
		d.Reread = true
	})
	ann := person("ann")
	ann.LastLogin, ann.LastActive = start.Add(-time.Hour), start.Add(-time.Hour)
	b.accounts = []collector.Account{ann}
	for range 4 {
		b.mustPoll(day)
		b.want(`
			active_users over 1d 0
			active_users over 7d 1
			active_users over 28d 1
			logged_in_users over 1d 0
			logged_in_users over 7d 1
			logged_in_users over 28d 1`, "active_users", "logged_in_users")
	}
}

func TestAMemoryOf28DaysIsNotReadAnew(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Reread, d.Settle = true, 2*day
		for i := range d.Events {
			d.Events[i].Memory = 28 * day
		}
	})
	b.accounts = []collector.Account{person("ann")}
	for i := range 40 {
		b.add(measure.Login, "ann", start.Add(-time.Duration(i)*day-time.Hour))
	}
	missing := 0
	for range 10 {
		b.mustPoll(day)
		if _, ok := b.Snapshot().Value(measure.Ref{Measure: "logins", Window: measure.Windows[2]}); !ok {
			missing++
		}
	}
	if missing != 3 { // the settle and the slot, until what the source could not tell has left the window
		t.Errorf("no value in %d of 10 days, want 3", missing)
	}
}

func TestANumberThatFailsDoesNotMakeEveryPollAWalk(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Events, d.Accounts, d.Readings = nil, nil, []collector.ReadingSource{{Ref: measure.Ref{Measure: "pages"}}}
	})
	b.readingsErr = errors.New("no right")
	walks := 0
	for range 96 {
		_ = b.poll(15 * time.Minute)
		if slices.Contains(b.asked, "readings true") {
			walks++
		}
	}
	if walks != 24 {
		t.Errorf("%d walks in a day, want one an hour", walks)
	}
}

func TestAnotherNumberIsReadAtOnce(t *testing.T) {
	pages := measure.Ref{Measure: "pages"}
	b := newBench(t, func(d *collector.Description) {
		d.Events, d.Accounts = nil, nil
		d.Readings = []collector.ReadingSource{{Ref: pages, Definition: "one"}}
	})
	b.readings = []collector.Reading{{Ref: pages, Value: 7, AsOf: start}}
	b.mustPoll(0)
	b.description.Readings = []collector.ReadingSource{{Ref: pages, Definition: "two"}}
	b.reopen()
	if got := values(b.Snapshot()); got != "" {
		t.Errorf("the number of the old query is shown as that of the new: %s", got)
	}
	b.readings[0].Value = 9
	b.mustPoll(time.Minute)
	b.want("pages 9")
	if diff := cmp.Diff([]string{"readings true"}, b.asked); diff != "" {
		t.Error(diff)
	}
}

func TestNothingOfAPersonIsKeptWhileListingsFail(t *testing.T) {
	b := newBench(t, nil)
	b.platform.MaxAge = 2 * day
	b.accounts = []collector.Account{person("ann")}
	b.reopen()
	b.add(measure.Login, "gone", start.Add(-time.Hour))
	b.mustPoll(0)
	b.accountsErr = errors.New("broken")
	for range 32 {
		_ = b.poll(day)
	}
	if n := len(b.live.keys); n != 1 {
		t.Errorf("%d accounts are kept, want the listed one", n)
	}
}

func TestARefusedListingDoesNotSwallowTheRecount(t *testing.T) {
	b := newBench(t, nil)
	for _, id := range []string{"ann", "bob", "cas", "test-1"} {
		b.accounts = append(b.accounts, person(id))
		b.add(measure.Login, id, start.Add(-2*day))
	}
	b.mustPoll(0)
	b.platform.Exclude.Accounts = []*regexp.Regexp{regexp.MustCompile("^test-")}
	b.reopen()
	all := b.accounts
	b.accounts = all[3:]
	_ = b.poll(time.Hour) // refused
	b.accounts = all
	b.mustPoll(day)
	b.want("logins over 1d 0\nlogins over 7d 3\nlogins over 28d 3", "logins")
}

func TestWhileAnotherSourceIsReadTheOldNumbersStay(t *testing.T) {
	b := newBench(t, nil)
	bot := person("bot")
	bot.Kind = collector.Service
	b.accounts = []collector.Account{person("ann"), bot}
	for _, a := range b.accounts {
		b.add(measure.Login, a.ID, start.Add(-time.Hour))
		b.add(measure.PageCreated, a.ID, start.Add(-time.Hour))
	}
	b.mustPoll(0)
	b.eventsErr = errors.New("slow")
	b.description.Definition, b.description.Accounts = "two", nil
	b.description.Events = append(b.description.Events, collector.EventSource{Kind: measure.Comment, Source: "log"})
	b.reopen()
	_ = b.poll(time.Hour)
	b.want("contributors over 1d 1\ncontributors over 7d 1\ncontributors over 28d 1\nlogged_in_users over 1d 1\nlogged_in_users over 7d 1\nlogged_in_users over 28d 1", "contributors", "logged_in_users")
	if _, ok := b.Snapshot().Expected[measure.Ref{Measure: "comments", Window: measure.Windows[0]}]; !ok {
		t.Error("comments are not expected")
	}
}

func TestACatchUpIsShownAtItsEnd(t *testing.T) {
	b := newBench(t, func(d *collector.Description) { d.Step = day })
	b.accounts = []collector.Account{person("ann")}
	for i := range 40 {
		b.add(measure.Login, "ann", start.Add(time.Duration(i)*day-time.Hour))
	}
	b.mustPoll(0)
	before := values(b.Snapshot())
	p := *b.platform
	p.Collector = &forgetful{source: b.source, spans: 2}
	b.Configure(&p)
	_ = b.poll(10 * day)
	if diff := cmp.Diff(before, values(b.Snapshot())); diff != "" {
		t.Error("half-way:", diff)
	}
	b.reopen()
	if diff := cmp.Diff(before, values(b.Snapshot())); diff != "" {
		t.Error("half-way, after a restart:", diff)
	}
	b.Configure(b.platform)
	b.mustPoll(time.Hour)
	b.want("logins over 1d 1\nlogins over 7d 7\nlogins over 28d 11", "logins")
}

// A forgetful collector tells some spans, and then fails.
type forgetful struct {
	*source
	spans int
}

func (f *forgetful) Events(ctx context.Context, from, to time.Time, emit func(collector.Event)) error {
	if f.spans--; f.spans < 0 {
		return errors.New("gone")
	}
	return f.source.Events(ctx, from, to, emit)
}

func TestDearNumbersComeAsOftenAsTheListing(t *testing.T) {
	b := newBench(t, func(d *collector.Description) {
		d.Events, d.Accounts, d.Readings = nil, nil, []collector.ReadingSource{{Ref: measure.Ref{Measure: "pages"}}}
	})
	var asked []string
	for _, after := range []time.Duration{0, time.Hour, 22 * time.Hour, time.Hour} {
		_ = b.poll(after)
		asked = append(asked, b.asked...)
	}
	if diff := cmp.Diff([]string{"readings true", "readings false", "readings false", "readings true"}, asked); diff != "" {
		t.Error(diff)
	}
}

func TestEventsThatWereNotAskedFor(t *testing.T) {
	b := newBench(t, nil)
	b.mustPoll(0)
	before := values(b.Snapshot())
	p := *b.platform
	p.Collector = unbounded{b.source}
	b.Configure(&p)
	if got, want := b.poll(time.Hour), "read events: a login was told that was not asked for"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if diff := cmp.Diff(before, values(b.Snapshot())); diff != "" {
		t.Error(diff)
	}
}

type unbounded struct{ *source }

func (unbounded) Events(_ context.Context, _, to time.Time, emit func(collector.Event)) error {
	emit(collector.Event{Kind: measure.Login, At: to})
	return nil
}

func TestAClockThatWasAhead(t *testing.T) {
	b := newBench(t, nil)
	b.accounts = []collector.Account{person("ann")}
	b.add(measure.Login, "ann", start.Add(-time.Hour))
	b.mustPoll(400 * day)
	b.mustPoll(-400 * day)
	b.want("logins over 1d 1\nlogins over 7d 1\nlogins over 28d 1", "logins")
}

// Histories of one source hold the rows that all have once; what one of them adds or drops is its own.
func TestRowsThatHistoriesShare(t *testing.T) {
	live := newFacts("source", "who", nil)
	live.setJoined(true)
	for k := range key(5) {
		live.who[live.account(k)] = 10 * k
		live.flags[k] = listed
	}
	live.flags[2] = 0
	adopted := func() *facts {
		f := newFacts("source", "who", nil)
		f.adopt(live, func(measure.Kind) bool { return true })
		if &f.keys[0] != &live.keys[0] || &f.who[0] != &live.who[0] {
			t.Error("what both have stands twice")
		}
		return f
	}
	fresh, other := adopted(), adopted()
	live.who[live.account(5)] = 50
	fresh.who[fresh.account(6)] = 60
	live.flags[5] = listed
	live.forget(start)
	for _, tt := range []struct {
		name      string
		got       *facts
		keys, who []key
	}{
		{"live", live, []key{0, 1, 3, 4, 5}, []key{0, 10, 30, 40, 50}},
		{"fresh", fresh, []key{0, 1, 2, 3, 4, 6}, []key{0, 10, 20, 30, 40, 60}},
		{"other", other, []key{0, 1, 2, 3, 4}, []key{0, 10, 20, 30, 40}},
	} {
		if diff := cmp.Diff(tt.keys, tt.got.keys) + cmp.Diff(tt.who, tt.got.who); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
