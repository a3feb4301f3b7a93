package poll

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

var pages = measure.Ref{Measure: "pages"}

// A stub is a platform with one number.
type stub struct {
	mu       sync.Mutex
	polls    []time.Time // when each began
	takes    time.Duration
	err      error
	panics   bool
	running  int
	overlaps bool
}

func (s *stub) Describe() collector.Description {
	return collector.Description{Readings: []collector.ReadingSource{{Ref: pages, Source: "stub"}}, Definition: "stub"}
}

func (s *stub) Probe(ctx context.Context) (collector.Access, error) {
	return collector.Access{Granted: map[string]bool{"read": true}}, ctx.Err()
}

func (s *stub) Accounts(context.Context, func(collector.Account)) error { return nil }

func (s *stub) Events(context.Context, time.Time, time.Time, func(collector.Event)) error { return nil }

func (s *stub) Readings(ctx context.Context, _ bool, emit func(collector.Reading)) error {
	s.mu.Lock()
	s.polls = append(s.polls, time.Now())
	s.running++
	s.overlaps = s.overlaps || s.running > 1
	err, panics := s.err, s.panics
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if panics {
		panic("Jan Jansen")
	}
	if err == nil {
		emit(collector.Reading{Ref: pages, Value: 7, AsOf: time.Now()})
	}
	return err
}

func (s *stub) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *stub) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.polls)
}

func platform(name string, c collector.Collector) *config.Platform {
	return &config.Platform{
		Name: name, Collector: c, Description: c.Describe(), Fingerprint: name,
		PollInterval: 10 * time.Minute, AccountsInterval: 24 * time.Hour, Timeout: time.Hour,
	}
}

func newPoller(log log.Logger, platforms ...*config.Platform) *Poller {
	p := New(nil, []byte("key"), log, func() {})
	if err := p.Configure(&config.Config{Platforms: platforms}); err != nil {
		panic(err)
	}
	return p
}

func TestPollsAtOnceAndThenEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{takes: time.Minute}
		p := newPoller(log.NewNopLogger(), platform("wiki", s))
		began := time.Now()
		p.Start()
		p.Start() // a second start starts nothing twice
		time.Sleep(65 * time.Minute)
		p.Stop()
		if n := s.count(); n != 7 {
			t.Errorf("%d polls in 65 minutes, want one every 10 minutes, give or take 5 %%", n)
		}
		if first := s.polls[0].Sub(began); first > time.Second {
			t.Errorf("first poll after %s", first)
		}
		if s.overlaps {
			t.Error("polls overlap")
		}
		st := p.Statuses()[0]
		if v, _ := st.Snapshot.Value(pages); v.Value != 7 || !st.Success || st.Duration != time.Minute || !st.Granted["read"] {
			t.Errorf("status %+v", st)
		}
	})
}

func TestBacksOff(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want []time.Duration // between polls, at least
	}{
		{cause.Errorf(cause.Unavailable, "gone"), []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute}},
		{cause.Errorf(cause.Timeout, "slow"), []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}},
		// What needs somebody to act is not tried sooner.
		{cause.Errorf(cause.Auth, "wrong password"), []time.Duration{10 * time.Minute, 10 * time.Minute}},
		{cause.Errorf(cause.RateLimited, "later"), []time.Duration{10 * time.Minute}},
	} {
		t.Run(string(cause.Of(tc.err)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{err: tc.err}
				p := newPoller(log.NewNopLogger(), platform("wiki", s))
				p.Start()
				time.Sleep(2 * time.Hour)
				p.Stop()
				for i, want := range tc.want {
					if got := s.polls[i+1].Sub(s.polls[i]); got < want*95/100 || got > want*105/100 {
						t.Errorf("wait %d is %s, want %s give or take 5 %%", i, got, want)
					}
				}
				st := p.Statuses()[0]
				if st.Success || st.Failing != cause.Of(tc.err) || !st.FailingSince.Equal(s.polls[0]) || st.Errors[st.Failing] != uint64(s.count()) {
					t.Errorf("status %+v", st)
				}
			})
		})
	}
}

func TestAFailureEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{err: errors.New("anything")}
		p := newPoller(log.NewNopLogger(), platform("wiki", s))
		p.Once(t.Context())
		if st := p.Statuses()[0]; st.Failing != cause.Other || len(st.Failures) != 1 || st.Failures[0].Error() != "read numbers: anything" {
			t.Errorf("status %+v", st)
		}
		s.set(func() { s.err = nil })
		p.Once(t.Context())
		if st := p.Statuses()[0]; !st.Success || st.Failing != "" || len(st.Failures) > 0 || !st.FailingSince.IsZero() || st.Errors[cause.Other] != 1 || len(st.Errors) != len(cause.All) {
			t.Errorf("status %+v", st)
		}
	})
}

func TestTimeoutOfOnePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{takes: 2 * time.Hour}
		p := newPoller(log.NewNopLogger(), platform("wiki", s))
		p.Once(t.Context())
		if st := p.Statuses()[0]; st.Failing != cause.Timeout || st.Duration != time.Hour {
			t.Errorf("status %+v", st)
		}
	})
}

func TestAPanicIsAFailedPollAndNamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &stub{panics: true}
		p := newPoller(log.NewLogfmtLogger(&out), platform("wiki", s))
		p.Once(t.Context())
		if st := p.Statuses()[0]; st.Success || st.Failing != cause.Other {
			t.Errorf("status %+v", st)
		}
		if !strings.Contains(out.String(), "poll_test.go") || strings.Contains(out.String(), "Jansen") {
			t.Errorf("log: %s", out.String())
		}
	})
}

func TestAPanicIsAFailedPollAfterARestartToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, err := storage.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = dir.Close() }()
		s := &stub{}
		wiki := &config.Config{Platforms: []*config.Platform{platform("wiki", s)}}
		start := func() *Poller {
			t.Helper()
			p := New(dir, []byte("key"), log.NewNopLogger(), func() {})
			if err := p.Configure(wiki); err != nil {
				t.Fatal(err)
			}
			return p
		}
		p := start()
		began := time.Now()
		p.Once(t.Context())
		s.panics = true
		time.Sleep(time.Minute)
		p.Once(t.Context())
		if st := start().Statuses()[0]; st.Success || !st.LastSuccess.Equal(began) {
			t.Errorf("status %+v", st)
		}
	})
}

func TestStoppingIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{takes: time.Hour}
		p := newPoller(log.NewNopLogger(), platform("wiki", s))
		p.Start()
		time.Sleep(time.Minute)
		p.Stop()
		if st := p.Statuses()[0]; st.Failing != "" || st.Errors[cause.Other]+st.Errors[cause.Timeout] != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestConfigureLeavesWhatDidNotChangeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, changed, gone, fresh := &stub{takes: 5 * time.Minute}, &stub{}, &stub{}, &stub{}
		wiki, portal := platform("wiki", kept), platform("portal", changed)
		p := newPoller(log.NewNopLogger(), wiki, portal, platform("old", gone))
		p.Start()
		time.Sleep(2 * time.Minute)

		again := platform("wiki", &stub{panics: true}) // the same fingerprint: never used
		edited := platform("portal", changed)
		edited.Fingerprint = "edited"
		if err := p.Configure(&config.Config{Platforms: []*config.Platform{platform("new", fresh), edited, again}}); err != nil {
			t.Fatal(err)
		}
		if st := p.Statuses(); len(st) != 3 || st[0].Platform.Name != "new" || st[0].Snapshot == nil {
			t.Fatalf("statuses %+v", st)
		} else if v, ok := st[1].Snapshot.Value(pages); !ok || v.Value != 7 {
			t.Error("the numbers of the changed platform are gone")
		} else if !st[1].Granted["read"] {
			t.Error("the health of the changed platform is gone")
		}
		p.Start()
		time.Sleep(4 * time.Minute)
		p.Stop()
		if kept.count() != 1 || changed.count() != 2 || gone.count() != 1 || fresh.count() != 1 {
			t.Errorf("polls: kept %d, changed %d, gone %d, new %d", kept.count(), changed.count(), gone.count(), fresh.count())
		}
		if st := p.Statuses()[2]; !st.Success {
			t.Errorf("the running poll of the kept platform was disturbed: %+v", st)
		}
	})
}

func TestRequestsAreCountedByPlatformAndCode(t *testing.T) {
	p := newPoller(log.NewNopLogger(), platform("wiki", &stub{}))
	for _, code := range []string{"200", "200", "429"} {
		p.CountRequest("wiki", code)
	}
	if got := p.Statuses()[0].Requests; got["200"] != 2 || got["429"] != 1 {
		t.Errorf("requests %v", got)
	}
}

func TestStateThatNobodyNeedsIsDeleted(t *testing.T) {
	path := t.TempDir()
	dir, err := storage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	old := time.Now().Add(-29 * 24 * time.Hour)
	write := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(path, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(name, "lately") {
				if err := os.Chtimes(filepath.Join(path, name), old, old); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	left := func() (names []string) {
		t.Helper()
		entries, err := os.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}

	p := New(dir, []byte("key"), log.NewNopLogger(), func() {})
	write("key", "kpi.state", "kpi.past.unusable", "gone.tally", "gone.reread", "gone.reread.unusable", "lately.tally", "lately.tally.unusable", "wiki.reread.unusable")
	if err := p.Configure(&config.Config{Platforms: []*config.Platform{platform("wiki", &stub{})}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"key", "kpi.past.unusable", "kpi.state", "lately.tally", "lately.tally.unusable", "lock"}, left()); diff != "" {
		t.Error("at the start:", diff)
	}

	write("gone.tally", "wiki.tally.unusable")
	p.Once(t.Context())
	if diff := cmp.Diff([]string{"key", "kpi.past.unusable", "kpi.state", "lately.tally", "lately.tally.unusable", "lock", "wiki.tally"}, left()); diff != "" {
		t.Error("after a poll:", diff)
	}
}

func TestAPlatformThatIsGoneHasNothingToWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	dir, err := storage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	p := New(dir, []byte("key"), log.NewNopLogger(), func() {})
	configure := func(platforms ...*config.Platform) {
		t.Helper()
		if err := p.Configure(&config.Config{Platforms: platforms}); err != nil {
			t.Fatal(err)
		}
		p.Once(t.Context())
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	configure(platform("wiki", &stub{}), platform("portal", &stub{}))
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if dir.Writable() {
		t.Fatal("the folder was away, and could be written")
	}
	configure(platform("wiki", &stub{}))
	if !dir.Writable() {
		t.Error("the file of the platform that is gone can't be written, and nobody wants to")
	}
}
