package tally

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

// What is too old leaves no trace on disk: two platforms that differ in it alone have the same files, byte by byte,
// after polls that succeed and after polls that fail for as long as you like.
func TestNothingOlderThanTheLongestWindowLeavesATrace(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		describe func(*collector.Description)
		breaks   func(*bench)  // after the first poll
		needed   time.Duration // how much longer than the longest window something may be needed
	}{
		"polls succeed": {},
		"polls succeed, and all is read anew each day": {describe: func(d *collector.Description) { d.Reread = true }},
		"the accounts' own times": {describe: func(d *collector.Description) {
			d.Events, d.Accounts.LastLogin, d.Accounts.LastActive = nil, true, true
		}},
		"the platform can't be reached": {breaks: func(b *bench) { b.probeErr = broken }, needed: 2 * day},
		"events fail":                   {breaks: func(b *bench) { b.eventsErr = broken }, needed: 2 * day},
		"listings fail":                 {breaks: func(b *bench) { b.accountsErr = broken }, needed: 2 * day},
		"reading anew fails": {
			describe: func(d *collector.Description) { d.Reread = true },
			breaks:   func(b *bench) { b.eventsErr = broken }, needed: 2 * day,
		},
		"another source fails": {
			breaks: func(b *bench) { b.description.Definition, b.eventsErr = "two", broken; b.reopen() }, needed: 2 * day,
		},
	} {
		t.Run(name, func(t *testing.T) {
			// files polls until a time, and returns what is on disk. What is too old by then happens or does not.
			files := func(old bool, until time.Duration) map[string]string {
				b := newBench(t, tc.describe)
				b.platform.MaxAge = 2 * day
				path := t.TempDir()
				dir, err := storage.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = dir.Close() }()
				b.dir = dir
				stays := person("stays")
				stays.LastLogin, stays.LastActive = start.Add(-100*day), start.Add(-200*day)
				b.accounts = []collector.Account{stays, person("leaves")}
				if old {
					b.accounts[0].LastLogin, b.accounts[0].LastActive = start.Add(-time.Hour), start.Add(-time.Hour)
					for _, kind := range []measure.Kind{measure.Login, measure.PageCreated} {
						for _, who := range []string{"stays", "leaves", "never listed", ""} {
							b.add(kind, who, start.Add(-time.Hour))
							b.add(kind, who, start.Add(-20*day))
						}
					}
				}
				b.reopen()
				b.mustPoll(0)
				if tc.breaks != nil {
					tc.breaks(b)
				} else {
					b.accounts = b.accounts[:1]
				}
				b.clock = start
				b.accounts[0].LastLogin, b.accounts[0].LastActive = stays.LastLogin, stays.LastActive
				for b.clock.Sub(start) < until {
					_ = b.poll(min(day, until-b.clock.Sub(start)))
				}
				content := map[string]string{}
				entries, err := os.ReadDir(path)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					data, err := os.ReadFile(filepath.Join(path, e.Name()))
					if err != nil {
						t.Fatal(err)
					}
					content[e.Name()] = string(data)
				}
				return content
			}
			gone := measure.Longest + tc.needed // what happened an hour before the start is older than that
			if diff := cmp.Diff(files(false, gone), files(true, gone)); diff != "" {
				t.Error("there is a trace of what is too old")
			}
			if cmp.Equal(files(false, 10*day), files(true, 10*day)) {
				t.Error("there is no trace of what is not too old: this test proves nothing")
			}
		})
	}
}

// What was forgotten because the clock was ahead is read again, or absent until it is covered: never less than it was.
func TestAClockThatWasAheadWhileThePlatformFailed(t *testing.T) {
	for ahead, want := range map[time.Duration]string{
		20 * day:  "logins over 1d 1\nlogins over 7d 7",
		400 * day: "logins over 1d 1\nlogins over 7d 7\nlogins over 28d 28",
	} {
		b := newBench(t, nil)
		b.platform.MaxAge = 2 * day
		b.accounts = []collector.Account{person("ann")}
		b.reopen()
		for i := range 40 {
			b.add(measure.Login, "ann", start.Add(-time.Duration(i)*day-time.Hour))
		}
		b.mustPoll(0)
		b.probeErr = errors.New("broken")
		_ = b.poll(ahead)
		b.probeErr = nil
		b.mustPoll(-ahead)
		b.want(want, "logins")
		b.mustPoll(measure.Longest - day)
		b.want("logins over 1d 0\nlogins over 7d 0\nlogins over 28d 1", "logins")
	}
}
