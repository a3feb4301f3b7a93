package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A platform is what the test of a collector type gives to TestContract: a fake or real platform in good
// order, with something to read in the span.
type platform struct {
	collector Collector
	from, to  time.Time
	requests  func() int // that the platform has seen
	secrets   []string   // names, passwords, titles: what no error may show

	stall  func()           // from now on the platform takes requests and answers none
	revoke func()           // takes away the required right
	faults map[string]fault // more that may go wrong, by name
}

// A fault is something that goes wrong with the platform.
type fault struct {
	inject func()
	cause  cause.Cause
}

// facts are all that a collector tells.
type facts struct {
	Access   Access
	Accounts []Account
	Events   []Event
	Readings []Reading
}

// contracts has for each of Types what starts a new platform.
var contracts = map[string]func(*testing.T) *platform{
	"mediawiki": startMediawiki,
	"sql":       startSQL,
}

func TestContract(t *testing.T) {
	for name := range Types {
		t.Run(name, func(t *testing.T) {
			start, ok := contracts[name]
			if !ok {
				t.Fatal("nothing proves that it keeps the contract; add it to contracts in contract_test.go")
			}
			testContract(t, start)
		})
	}
}

// testContract holds what must be true of every collector.
func testContract(t *testing.T, start func(*testing.T) *platform) {
	t.Run("a description needs no request and fits the vocabulary", func(t *testing.T) {
		p := start(t)
		d := p.collector.Describe()
		if diff := gocmp.Diff(d, p.collector.Describe()); diff != "" {
			t.Error("two descriptions differ:", diff)
		}
		if n := p.requests(); n != 0 {
			t.Errorf("%d requests", n)
		}
		if d.Interval <= 0 || d.Step < 5*time.Minute || d.Settle < 0 || d.Overlap < 0 || d.Definition == "" {
			t.Errorf("incomplete: %+v", d)
		}
		if !slices.ContainsFunc(d.Permissions, func(p Permission) bool { return p.Required }) {
			t.Error("no permission is required")
		}
		for _, p := range d.Permissions {
			if p.Name == "" || p.Lost == "" {
				t.Errorf("incomplete: %+v", p)
			}
		}
		missing := maps.Clone(d.Undelivered)
		for _, m := range d.Measures() {
			if m.Source == "" {
				t.Errorf("%s has no source", m.Ref)
			}
			delete(missing, m.Measure)
			if d.Undelivered[m.Measure] != "" {
				t.Errorf("%s is delivered and undelivered", m.Ref)
			}
		}
		for name, why := range missing {
			if _, ok := measure.Lookup(name); !ok || !strings.HasSuffix(why, ".") {
				t.Errorf("undelivered %q: %q", name, why)
			}
		}
	})

	t.Run("what is told fits the description", func(t *testing.T) {
		p := start(t)
		d := p.collector.Describe()
		f := read(t, p)
		for _, r := range d.Permissions {
			if granted, ok := f.Access.Granted[r.Name]; !ok || r.Required && !granted {
				t.Errorf("permission %s: %v, %v", r.Name, granted, ok)
			}
		}
		if len(f.Access.Granted) != len(d.Permissions) {
			t.Error("undescribed permissions:", f.Access.Granted)
		}
		if d.Accounts == nil && len(f.Accounts) > 0 {
			t.Error("undescribed accounts")
		}
		ids := map[string]bool{}
		for _, a := range f.Accounts {
			if a.ID == "" || ids[a.ID] {
				t.Errorf("empty or repeated account id: %+v", a)
			}
			ids[a.ID] = true
			if !slices.Contains([]KindOfAccount{Person, Service, Guest}, a.Kind) || len(a.Filled) != len(d.Accounts.Profile) ||
				!a.LastLogin.IsZero() && !d.Accounts.LastLogin || !a.LastActive.IsZero() && !d.Accounts.LastActive {
				t.Errorf("account does not fit: %+v", a)
			}
		}
		if d.Accounts != nil && f.Access.Account != "" && !ids[f.Access.Account] {
			t.Error("our own account is not listed")
		}
		for _, e := range f.Events {
			if e.At.Before(p.from) || !e.At.Before(p.to) || !slices.ContainsFunc(d.Events, func(s EventSource) bool { return s.Kind == e.Kind }) {
				t.Errorf("event does not fit: %+v", e)
			}
		}
		for _, r := range f.Readings {
			if r.AsOf.IsZero() || !slices.ContainsFunc(d.Readings, func(s ReadingSource) bool { return s.Ref == r.Ref }) {
				t.Errorf("reading does not fit: %+v", r)
			}
		}
		if len(f.Events) == 0 && len(d.Events) > 0 || len(f.Accounts) == 0 && d.Accounts != nil || len(f.Readings) != len(d.Readings) {
			t.Error("nothing to read: the test proves nothing")
		}
	})

	t.Run("the same again is the same", func(t *testing.T) {
		p := start(t)
		ignore := gocmp.FilterPath(func(path gocmp.Path) bool { return path.String() == "Readings.AsOf" }, gocmp.Ignore())
		if diff := gocmp.Diff(read(t, p), read(t, p), ignore); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("two halves make a whole", func(t *testing.T) {
		p := start(t)
		whole := events(t, p.collector, p.from, p.to)
		for _, cut := range []time.Duration{time.Nanosecond, time.Second, 90*time.Minute + time.Millisecond, p.to.Sub(p.from) / 2} {
			middle := p.from.Add(cut)
			halves := append(events(t, p.collector, p.from, middle), events(t, p.collector, middle, p.to)...)
			// Which event is a page's first may hang on the span; that it is told once may not.
			if len(halves) != len(whole) {
				t.Errorf("cut after %s: %d events instead of %d", cut, len(halves), len(whole))
			}
		}
	})

	t.Run("a lost right is an error", func(t *testing.T) {
		p := start(t)
		read(t, p)
		p.revoke()
		access, err := p.collector.Probe(t.Context())
		if cause.Of(err) != cause.Permission {
			t.Errorf("error %v, cause %s", err, cause.Of(err))
		}
		for _, r := range p.collector.Describe().Permissions {
			if granted, ok := access.Granted[r.Name]; r.Required && (granted || !ok) {
				t.Errorf("%s: %v, %v", r.Name, granted, ok)
			}
		}
		discreet(t, p, err)
	})

	for name, call := range calls {
		t.Run("cancelled "+name, func(t *testing.T) {
			running := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, running) }) // after the platform was ended
			p := start(t)
			if _, err := p.collector.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			if asks(t, p, call) == 0 {
				t.Skip("asks nothing")
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			before := p.requests()
			if err := call(ctx, p); !errors.Is(err, context.Canceled) {
				t.Error("cancelled before:", err)
			}
			if p.requests() != before {
				t.Error("a request was sent after the end")
			}

			p.stall()
			ctx, cancel = context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- call(ctx, p) }()
			for p.requests() == before {
				time.Sleep(time.Millisecond)
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error("cancelled in the middle:", err)
			}
		})
	}

	for _, fault := range slices.Sorted(maps.Keys(start(t).faults)) {
		t.Run("fault "+fault, func(t *testing.T) {
			for name, call := range calls {
				p := start(t)
				if _, err := p.collector.Probe(t.Context()); err != nil {
					t.Fatal(err)
				}
				if asks(t, p, call) == 0 {
					continue
				}
				p.faults[fault].inject()
				err := call(t.Context(), p)
				if got := cause.Of(err); got != p.faults[fault].cause {
					t.Errorf("%s: cause %q of %v, want %q", name, got, err, p.faults[fault].cause)
				}
				discreet(t, p, err)
			}
		})
	}
}

// calls are the methods that ask the platform.
var calls = map[string]func(context.Context, *platform) error{
	"probe": func(ctx context.Context, p *platform) error {
		_, err := p.collector.Probe(ctx)
		return err
	},
	"accounts": func(ctx context.Context, p *platform) error {
		return p.collector.Accounts(ctx, func(Account) {})
	},
	"events": func(ctx context.Context, p *platform) error {
		return p.collector.Events(ctx, p.from, p.to, func(Event) {})
	},
	"readings": func(ctx context.Context, p *platform) error {
		return p.collector.Readings(ctx, true, func(Reading) {})
	},
}

// asks counts the requests of a call that succeeds.
func asks(t *testing.T, p *platform, call func(context.Context, *platform) error) int {
	t.Helper()
	before := p.requests()
	if err := call(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p.requests() - before
}

// read asks for everything, as a poll does.
func read(t *testing.T, p *platform) facts {
	t.Helper()
	var f facts
	var err error
	if f.Access, err = p.collector.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.collector.Accounts(t.Context(), func(a Account) { f.Accounts = append(f.Accounts, a) }); err != nil {
		t.Fatal(err)
	}
	f.Events = events(t, p.collector, p.from, p.to)
	if err := p.collector.Readings(t.Context(), true, func(r Reading) { f.Readings = append(f.Readings, r) }); err != nil {
		t.Fatal(err)
	}
	if err := p.collector.Readings(t.Context(), false, func(r Reading) {
		if !slices.ContainsFunc(f.Readings, func(s Reading) bool { return s.Ref == r.Ref }) {
			t.Errorf("%s is told without a walk only", r.Ref)
		}
	}); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(f.Accounts, func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(f.Readings, func(a, b Reading) int { return cmp.Compare(a.String(), b.String()) })
	return f
}

// events asks for a span, and sorts the answer.
func events(t *testing.T, c Collector, from, to time.Time) []Event {
	t.Helper()
	var all []Event
	if err := c.Events(t.Context(), from, to, func(e Event) { all = append(all, e) }); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Actor, b.Actor))
	})
	return all
}

// discreet fails if an error shows what it may not.
func discreet(t *testing.T, p *platform, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err)} {
		for _, s := range p.secrets {
			if strings.Contains(text, s) {
				t.Errorf("the error shows %q: %s", s, text)
			}
		}
	}
}
