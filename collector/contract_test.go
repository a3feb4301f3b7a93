package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A platform is what the test of a collector type gives to TestContract: a fake or real platform in good
// order, with something to read in the span.
type platform struct {
	collector Collector
	from, to  time.Time
	secrets   []string         // names, passwords, titles: what no error may show
	front     *front           // that stands before it
	faults    map[string]fault // those of faultNames that the front does not have by itself, and more
	repair    func()           // undoes what faults changed in the platform itself; nil = nothing
	pass      func()           // lets some time pass, as it does between polls; nil = that makes no difference
	apart     bool             // each permission is proven by itself: trouble with one that is not required stops no poll
}

// inject has a fault happen to requests from to to, counted from now on.
func (p *platform) inject(f fault, from, to int) { p.front.inject(f, from, to) }

// mend ends a fault, and returns how many requests came since it was injected, and how many met it.
func (p *platform) mend() (asked, met int) {
	asked, met = p.front.mend()
	if p.repair != nil {
		p.repair()
	}
	return asked, met
}

// every returns the faults that can happen to the platform, and complains of those that nothing is said about.
func (p *platform) every(t *testing.T) map[string]fault {
	t.Helper()
	all := map[string]fault{}
	if p.front.platform != nil {
		maps.Copy(all, httpFaults)
	}
	maps.Copy(all, p.faults)
	for _, name := range faultNames {
		if _, ok := all[name]; !ok {
			t.Errorf("the platform lacks the fault %q; have it happen, or say why it never can", name)
		}
	}
	maps.DeleteFunc(all, func(name string, f fault) bool {
		if f.never != "" && (f.cause != "" || !strings.HasSuffix(f.never, ".")) {
			t.Errorf("fault %q: %q", name, f.never)
		}
		return f.never != ""
	})
	return all
}

// facts are all that a collector tells.
type facts struct {
	Access   Access
	Accounts []Account
	Events   []Event
	Readings []Reading
}

// contracts has for each of Types what starts a new platform, with the time-out of one request. A type may have
// several, in ways that differ in what is asked for.
var contracts = map[string]func(*testing.T, time.Duration) *platform{
	"mediawiki":               startMediawiki,
	"microsoft365/sharepoint": startSharePoint,
	"microsoft365/engage":     startEngage,
	"microsoft365/entra":      startEntra,
	"sql":                     startSQL,
}

func TestContract(t *testing.T) {
	unproven := maps.Clone(Types)
	for name, start := range contracts {
		kind, _, _ := strings.Cut(name, "/")
		delete(unproven, kind)
		t.Run(name, func(t *testing.T) { testContract(t, start) })
	}
	for kind := range unproven {
		t.Errorf("nothing proves that %s keeps the contract; add it to contracts in contract_test.go", kind)
	}
}

// testContract holds what must be true of every collector.
func testContract(t *testing.T, open func(*testing.T, time.Duration) *platform) {
	start := func(t *testing.T) *platform { return open(t, time.Minute) }
	t.Run("a description needs no request and fits the vocabulary", func(t *testing.T) {
		p := start(t)
		d := p.collector.Describe()
		if diff := gocmp.Diff(d, p.collector.Describe()); diff != "" {
			t.Error("two descriptions differ:", diff)
		}
		if n := p.front.count(); n != 0 {
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
			for _, source := range p.Sources {
				if !slices.ContainsFunc(d.Measures(), func(m Delivered) bool { return m.Source == source }) {
					t.Errorf("%s: nothing is from %q", p.Name, source)
				}
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
		p.inject(p.faults["right lost"], 1, forever)
		f, err := told(t.Context(), p, "probe")
		if cause.Of(err) != cause.Permission {
			t.Errorf("error %v, cause %s", err, cause.Of(err))
		}
		for _, r := range p.collector.Describe().Permissions {
			if granted, ok := f.Access.Granted[r.Name]; r.Required && (granted || !ok) {
				t.Errorf("%s: %v, %v", r.Name, granted, ok)
			}
		}
		discreet(t, p, err)
	})

	for _, call := range calls {
		t.Run("cancelled "+call, func(t *testing.T) {
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
			before := p.front.count()
			if _, err := told(ctx, p, call); !errors.Is(err, context.Canceled) {
				t.Error("cancelled before:", err)
			}
			if p.front.count() != before {
				t.Error("a request was sent after the end")
			}

			p.inject(p.every(t)["silence"], 1, forever)
			ctx, cancel = context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				_, err := told(ctx, p, call)
				done <- err
			}()
			for p.front.count() == before {
				time.Sleep(time.Millisecond)
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error("cancelled in the middle:", err)
			}
		})
	}

	for _, name := range slices.Sorted(maps.Keys(start(t).every(t))) {
		t.Run("fault "+name, func(t *testing.T) { testFault(t, open, name) })
	}
}

const (
	hurried     = 500 * time.Millisecond // the time-out of a request to which a fault happens that lasts until then
	longest     = 10 * time.Second       // that any call lasts
	mostMemory  = 16 << 20               // bytes that a call allocates, freed or not, which is more than it holds
	mostAnswers = 100                    // to one call, in the good order that a test starts from
)

// testFault has a fault happen to each request of each call, from there on and, where it passes, just once. What a
// call tells is all that it tells in good order, or nothing that counts and an error with the right cause.
func testFault(t *testing.T, open func(*testing.T, time.Duration) *platform, name string) {
	running := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, running) }) // after the platform was ended
	p := open(t, time.Minute)
	f := p.every(t)[name]
	if f.lasts {
		p = open(t, hurried)
	}
	noticed := false
	for _, call := range calls {
		t.Run(call, func(t *testing.T) {
			want, err := told(t.Context(), p, call)
			if err != nil {
				t.Fatal(err)
			}
			for n := 1; n < mostAnswers; n++ {
				p.inject(f, n, forever)
				asked, met, err := sustain(t, p, f, call, want)
				noticed = noticed || err != nil
				if err == nil && met > 0 && f.cause != "" && !f.overseen && !(p.apart && call == "probe") {
					t.Errorf("from request %d on: no error", n)
				}
				if f.passes && met > 0 {
					p.inject(f, n, n)
					if _, _, err := sustain(t, p, f, call, want); err != nil {
						t.Errorf("only at request %d: %v", n, err)
					}
				}
				if asked < n || f.lasts && met > 0 {
					break
				}
			}
			if _, _, err := sustain(t, p, f, call, want); err != nil {
				t.Error("afterwards:", err)
			}
		})
	}
	if !noticed && f.cause != "" {
		t.Error("it happened to no call")
	}
}

// sustain makes a call while a fault may happen, ends the fault, and returns how many requests there were, how many
// met it, and the error of the call.
func sustain(t *testing.T, p *platform, f fault, call string, want facts) (asked, met int, err error) {
	t.Helper()
	began := time.Now()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := told(t.Context(), p, call)
	runtime.ReadMemStats(&after)
	asked, met = p.mend()
	if d := time.Since(began); d > longest {
		t.Errorf("it took %s", d)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > mostMemory+uint64(met)<<23 { // the fault itself takes some
		t.Errorf("it took %d bytes of memory", allocated)
	}
	if err != nil {
		if c := cause.Of(err); c != f.cause || met == 0 {
			t.Errorf("cause %q of %v, want %q", c, err, f.cause)
		}
		discreet(t, p, err)
		got.Access, got.Accounts, got.Events = want.Access, want.Accounts, want.Events // which are thrown away
		want.Readings = slices.DeleteFunc(slices.Clone(want.Readings), func(r Reading) bool {
			return !slices.ContainsFunc(got.Readings, func(s Reading) bool { return s.Ref == r.Ref })
		})
	}
	if err == nil && met > 0 && call == "probe" { // of a right that may be missing it is told, or that it is not known
		got.Access.Granted = maps.Clone(got.Access.Granted)
		for _, r := range p.collector.Describe().Permissions {
			if !r.Required {
				got.Access.Granted[r.Name] = want.Access.Granted[r.Name]
			}
		}
	}
	if diff := gocmp.Diff(want, got, cmpopts.IgnoreFields(Reading{}, "AsOf"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("error %v, and facts that are others (-want +got):\n%s", err, diff)
	}
	return asked, met, err
}

// told makes one call, and returns what it tells in order.
func told(ctx context.Context, p *platform, call string) (f facts, err error) {
	if p.pass != nil {
		p.pass()
	}
	switch call {
	case "probe":
		f.Access, err = p.collector.Probe(ctx)
	case "accounts":
		err = p.collector.Accounts(ctx, func(a Account) { f.Accounts = append(f.Accounts, a) })
	case "events":
		err = p.collector.Events(ctx, p.from, p.to, func(e Event) { f.Events = append(f.Events, e) })
	case "readings":
		err = p.collector.Readings(ctx, true, func(r Reading) { f.Readings = append(f.Readings, r) })
	}
	slices.SortFunc(f.Accounts, func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(f.Events, compareEvents)
	slices.SortFunc(f.Readings, func(a, b Reading) int { return cmp.Compare(a.String(), b.String()) })
	return f, err
}

func compareEvents(a, b Event) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Actor, b.Actor))
}

// calls are the methods that ask the platform.
var calls = []string{"probe", "accounts", "events", "readings"}

// asks counts the requests of a call that succeeds.
func asks(t *testing.T, p *platform, call string) int {
	t.Helper()
	before := p.front.count()
	if _, err := told(t.Context(), p, call); err != nil {
		t.Fatal(err)
	}
	return p.front.count() - before
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
	slices.SortFunc(all, compareEvents)
	return all
}

// discreet fails if an error shows what it may not.
func discreet(t *testing.T, p *platform, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err)} {
		for _, s := range append(p.secrets, planted) {
			if strings.Contains(text, s) {
				t.Errorf("the error shows %q: %s", s, text)
			}
		}
	}
}
