package people

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

const day = 24 * time.Hour

var (
	start  = time.Date(2026, 11, 1, 12, 3, 20, 0, time.UTC)
	secret = []byte("a key for tests")
)

// A source is a platform that a test writes.
type source struct {
	description collector.Description
	accounts    []collector.Account
	events      []collector.Event
	err         error // of Events
}

func (s *source) Describe() collector.Description                 { return s.description }
func (s *source) Probe(context.Context) (collector.Access, error) { return collector.Access{}, nil }
func (s *source) Accounts(_ context.Context, emit func(collector.Account)) error {
	for _, a := range s.accounts {
		emit(a)
	}
	return nil
}

func (s *source) Events(_ context.Context, from, to time.Time, emit func(collector.Event)) error {
	for _, e := range s.events {
		if !e.At.Before(from) && e.At.Before(to) {
			emit(e)
		}
	}
	return s.err
}

func (s *source) Readings(context.Context, bool, func(collector.Reading)) error { return nil }

// An intranet is platforms that a test writes, as a config file has them.
type intranet struct {
	t       *testing.T
	cfg     *config.Config
	sources map[string]*source
	tallies map[string]*tally.Tally
	shown   map[string]*tally.Snapshot
	joiner  Joiner
}

// newIntranet makes an intranet of platforms, each a name and a type: a wiki sees who writes, a portal who reads and
// who signs in, a directory nothing but accounts.
func newIntranet(t *testing.T, workforce string, platforms ...string) *intranet {
	t.Helper()
	i := &intranet{t: t, sources: map[string]*source{}, tallies: map[string]*tally.Tally{}, shown: map[string]*tally.Snapshot{}}
	types := map[string]collector.New{}
	for name, kinds := range map[string][]measure.Kind{
		"wiki":      {measure.PageCreated, measure.PageEdit},
		"portal":    {measure.PageView, measure.Login},
		"directory": nil,
	} {
		types[name] = func(decode func(any) error, o collector.Options) (collector.Collector, error) {
			s := &source{description: collector.Description{
				Accounts: &collector.AccountSource{Source: "accounts", Identity: name != "wiki"}, Step: 28 * day, Overlap: time.Hour, Definition: name,
			}}
			for _, kind := range kinds {
				s.description.Events = append(s.description.Events, collector.EventSource{Kind: kind, Source: "log"})
			}
			i.sources[o.Name] = s
			return s, decode(&struct{}{})
		}
	}
	var file strings.Builder
	if workforce != "" {
		fmt.Fprintf(&file, "people: {workforce: %s}\n", workforce)
	}
	file.WriteString("platforms:\n")
	for n := 0; n < len(platforms); n += 2 {
		fmt.Fprintf(&file, "  - {name: %s, type: %s}\n", platforms[n], platforms[n+1])
		if platforms[n+1] == "wiki" {
			s := file.String()
			file.Reset()
			file.WriteString(strings.TrimSuffix(s, "}\n") + ", identity: '{name}@example.org'}\n")
		}
	}
	var err error
	if i.cfg, err = config.Parse("intranet.yml", []byte(file.String()), types, func(string) collector.Options { return collector.Options{} }); err != nil {
		t.Fatal(err)
	}
	for _, p := range i.cfg.Platforms {
		if i.tallies[p.Name], _, err = tally.Open(nil, secret, p); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

func (i *intranet) poll(name string, now time.Time) {
	i.t.Helper()
	if report := i.tallies[name].Update(context.Background(), now); len(report.Errors) > 0 && i.sources[name].err == nil {
		i.t.Fatal(report.Errors)
	}
	i.shown[name] = i.tallies[name].Snapshot()
}

// want compares all values and what is expected, a line each.
func (i *intranet) want(now time.Time, lines ...string) {
	i.t.Helper()
	s := i.joiner.Snapshot(now, i.cfg, i.shown)
	var got []string
	for _, v := range s.Values {
		if v.Basis != measure.Joined {
			i.t.Errorf("%s has basis %s", v.Ref, v.Basis)
		}
		got = append(got, fmt.Sprintf("%s: %g until %s", v.Ref, v.Value, v.AsOf.Format("02T15:04")))
	}
	for _, m := range i.cfg.People.Description.Measures() {
		if t, ok := s.Expected[m.Ref]; ok {
			got = append(got, fmt.Sprintf("%s: from %s", m.Ref, t.Format("02T15:04")))
		}
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		i.t.Errorf("(-want +got):\n%s", diff)
	}
}

func person(id, identity string) collector.Account {
	return collector.Account{ID: id, Name: id, Identity: identity, Kind: collector.Person, Enabled: true}
}

func done(kind measure.Kind, who string, at time.Time) collector.Event {
	return collector.Event{Kind: kind, Actor: who, At: at}
}

// an example of a wiki and a portal, where zoë has an account on both and another identity spelt otherwise.
func example(t *testing.T, workforce string, more ...string) *intranet {
	i := newIntranet(t, workforce, append([]string{"wiki", "wiki", "portal", "portal"}, more...)...)
	i.sources["wiki"].accounts = []collector.Account{person("ZOË", ""), person("bob", ""), person("", "")}
	i.sources["wiki"].accounts[2].ID = "nameless"
	i.sources["wiki"].events = []collector.Event{
		done(measure.PageEdit, "ZOË", start.Add(-10*day)),
		done(measure.PageCreated, "bob", start.Add(-2*day)),
		done(measure.PageEdit, "nameless", start.Add(-time.Hour)),
	}
	i.sources["portal"].accounts = []collector.Account{
		person("1", " zoe\u0308@Example.ORG"), person("2", "cas@example.org"), person("3", "cas@example.org"), person("4", " "),
	}
	i.sources["portal"].events = []collector.Event{
		done(measure.PageView, "1", start.Add(-time.Hour)),
		done(measure.PageView, "3", start.Add(-20*day)),
		done(measure.Login, "2", start.Add(-3*day)),
		done(measure.PageView, "4", start.Add(-time.Hour)),
	}
	return i
}

func TestPeople(t *testing.T) {
	i := example(t, "")
	i.poll("wiki", start)
	i.want(start, "accounts_unjoined.wiki: 1 until 01T12:03") // the portal is not known yet
	i.poll("portal", start.Add(20*time.Minute))
	i.want(start.Add(time.Hour),
		"people: 3 until 01T12:03", // zoë, bob, cas
		"people_active over 1d: 1 until 01T12:00",
		"people_active over 7d: 2 until 01T12:00",
		"people_active over 28d: 3 until 01T12:00",
		"people_logged_in over 1d: 0 until 01T12:20",
		"people_logged_in over 7d: 1 until 01T12:20",
		"people_logged_in over 28d: 1 until 01T12:20",
		"accounts_unjoined.wiki: 1 until 01T12:03",
		"accounts_unjoined.portal: 1 until 01T12:23",
	)
	// The wiki became too old: what needs it goes, and nothing becomes smaller.
	i.poll("portal", start.Add(day))
	i.poll("portal", start.Add(2*day))
	i.want(start.Add(2*day+time.Hour),
		"people_logged_in over 1d: 0 until 03T12:00",
		"people_logged_in over 7d: 1 until 03T12:00",
		"people_logged_in over 28d: 1 until 03T12:00",
		"accounts_unjoined.portal: 1 until 03T12:03",
	)
}

func TestWorkforce(t *testing.T) {
	i := example(t, "directory", "directory", "directory")
	i.sources["directory"].accounts = []collector.Account{person("a", "zoë@example.org"), person("b", "dan@example.org"), person("c", ""), person("d", "ZOË@example.org")}
	left := person("e", "cas@example.org")
	left.Enabled = false
	i.sources["directory"].accounts = append(i.sources["directory"].accounts, left)
	i.poll("wiki", start)
	i.poll("portal", start)
	i.want(start) // nobody knows who the people are
	i.poll("directory", start)
	i.want(start.Add(time.Hour),
		"people: 2 until 01T12:03",
		"people_active over 1d: 1 until 01T12:00",
		"people_active over 7d: 1 until 01T12:00",
		"people_active over 28d: 1 until 01T12:00",
		"people_logged_in over 1d: 0 until 01T12:00",
		"people_logged_in over 7d: 0 until 01T12:00",
		"people_logged_in over 28d: 0 until 01T12:00",
		"accounts_unjoined.wiki: 2 until 01T12:03",
		"accounts_unjoined.portal: 3 until 01T12:03",
		"accounts_unjoined.directory: 1 until 01T12:03",
	)
	i.poll("wiki", start.Add(2*day+time.Hour))
	i.poll("portal", start.Add(2*day+time.Hour))
	i.want(start.Add(2*day + time.Hour)) // the directory became too old
}

func TestWindowsThatAreNotCovered(t *testing.T) {
	i := example(t, "")
	for n := range i.sources["portal"].description.Events {
		i.sources["portal"].description.Events[n].Memory = 10 * day
	}
	i.poll("wiki", start)
	i.poll("portal", start.Add(time.Hour))
	i.want(start.Add(2*time.Hour),
		"people: 3 until 01T12:03",
		"people_active over 1d: 1 until 01T12:00",
		"people_active over 7d: 2 until 01T12:00",
		"people_logged_in over 1d: 0 until 01T13:00",
		"people_logged_in over 7d: 1 until 01T13:00",
		"accounts_unjoined.wiki: 1 until 01T12:03",
		"accounts_unjoined.portal: 1 until 01T13:03",
		"people_active over 28d: from 19T13:05",
		"people_logged_in over 28d: from 19T13:05",
	)
	i.poll("portal", start.Add(3*day))
	i.want(start.Add(3*day), // the wiki is out of reach: nobody knows when there will be a value
		"people_logged_in over 1d: 0 until 04T12:00",
		"people_logged_in over 7d: 1 until 04T12:00",
		"accounts_unjoined.portal: 1 until 04T12:03",
		"people_logged_in over 28d: from 19T13:05",
	)
}

// While a platform catches up its share stays as it was shown.
func TestCatchUp(t *testing.T) {
	i := example(t, "")
	i.cfg.Platforms[1].Description.Step = day
	i.poll("wiki", start)
	i.poll("portal", start)
	before := i.joiner.Snapshot(start, i.cfg, i.shown)
	i.sources["portal"].events = append(i.sources["portal"].events, done(measure.PageView, "2", start.Add(time.Hour)))
	portal := *i.cfg.Platforms[1]
	portal.Collector = &failing{i.sources["portal"], 1}
	i.tallies["portal"].Configure(&portal)
	if report := i.tallies["portal"].Update(t.Context(), start.Add(30*time.Hour)); len(report.Errors) != 1 {
		t.Fatal(report.Errors)
	}
	i.shown["portal"] = i.tallies["portal"].Snapshot()
	half := i.joiner.Snapshot(start.Add(30*time.Hour), i.cfg, i.shown)
	now := func(s *tally.Snapshot) string {
		v, _ := s.Value(measure.Ref{Measure: "people_active", Window: measure.Windows[0]})
		return fmt.Sprint(v.Value, v.AsOf)
	}
	if now(before) != now(half) {
		t.Errorf("half-way: %s, want %s", now(half), now(before))
	}
}

// A failing collector tells so many spans.
type failing struct {
	*source
	spans int
}

func (f *failing) Events(ctx context.Context, from, to time.Time, emit func(collector.Event)) error {
	if f.spans--; f.spans < 0 {
		return errors.New("gone")
	}
	return f.source.Events(ctx, from, to, emit)
}

// The minute's tick joins nothing, and a poll does.
func TestJoinsOnlyWhatIsNew(t *testing.T) {
	i := example(t, "")
	i.poll("wiki", start)
	i.poll("portal", start)
	i.joiner.Snapshot(start, i.cfg, i.shown)
	i.joiner.counts.people = 1234
	if v, _ := i.joiner.Snapshot(start.Add(time.Minute), i.cfg, i.shown).Value(measure.Ref{Measure: "people"}); v.Value != 1234 {
		t.Errorf("joined anew: %g", v.Value)
	}
	i.poll("wiki", start.Add(time.Minute))
	if v, _ := i.joiner.Snapshot(start.Add(time.Minute), i.cfg, i.shown).Value(measure.Ref{Measure: "people"}); v.Value != 3 {
		t.Errorf("not joined anew: %g", v.Value)
	}
}

func TestKPI(t *testing.T) {
	i := example(t, "")
	i.poll("wiki", start)
	i.poll("portal", start)
	engine, _, err := kpi.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	reached := &config.KPI{Name: "reached", Platform: config.People, Unit: measure.Ratio, Measure: measure.Ref{Measure: "people_active", Window: measure.Windows[1]}, Per: &measure.Ref{Measure: "people"}}
	engine.Configure([]*config.KPI{reached})
	update := func(now time.Time) kpi.State {
		return engine.Update(now, map[string]kpi.Source{config.People: {Snapshot: i.joiner.Snapshot(now, i.cfg, i.shown), MaxAge: i.cfg.People.MaxAge}})[0]
	}
	if s := update(start); !s.Known || s.Numerator != 2 || s.Denominator != 3 {
		t.Errorf("got %+v", s)
	}
	i.poll("portal", start.Add(3*day))
	if s := update(start.Add(3 * day)); s.Known {
		t.Errorf("without the wiki there is a value: %+v", s)
	}
}

func TestNobodyIsCountedWherePlatformsAreTooFew(t *testing.T) {
	i := newIntranet(t, "", "portal", "portal")
	i.sources["portal"].accounts = []collector.Account{person("1", "zoë@example.org")}
	i.poll("portal", start)
	if s := i.joiner.Snapshot(start, i.cfg, i.shown); s != nil || i.shown["portal"].Members != nil {
		t.Errorf("got %+v of %+v", s, i.shown["portal"].Members)
	}
}

// spell writes an address in one of the ways that mean the same.
func spell(r *rand.Rand, identity string) string {
	for _, change := range []func(string) string{strings.ToUpper, norm.NFD.String, norm.NFC.String, width.Widen.String, func(s string) string { return "\t" + s + "\u00a0\n" }} {
		if r.IntN(2) == 0 {
			identity = change(identity)
		}
	}
	return identity
}

// TestPeopleAgainstBruteForce compares random intranets with the plainest count there is.
func TestPeopleAgainstBruteForce(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 5))
		chance := func(n int) bool { return r.IntN(n) == 0 }
		names := []string{"a", "b", "c", "d"}[:2+r.IntN(3)]
		var platforms []string
		for n, name := range names {
			platforms = append(platforms, name, []string{"wiki", "portal", "directory"}[min(r.IntN(5)/2, 2)])
			if n < 2 && platforms[2*n+1] == "directory" { // so that two take part
				platforms[2*n+1] = "portal"
			}
		}
		workforce := ""
		if chance(2) {
			workforce = names[r.IntN(len(names))]
		}
		i := newIntranet(t, workforce, platforms...)

		identities := map[string]string{} // by platform and account; "" = none
		last := map[string]time.Time{}
		for n, name := range names {
			s := i.sources[name]
			s.description.Settle = time.Duration(r.IntN(100)) * time.Minute
			i.cfg.Platforms[n].Description.Settle = s.description.Settle
			for range r.IntN(14) {
				who := fmt.Sprintf("zoë.%d", r.IntN(9))
				a := person(fmt.Sprintf("%s%d", name, len(s.accounts)), "")
				a.Enabled = !chance(6)
				a.Kind = []collector.KindOfAccount{collector.Person, collector.Person, collector.Person, collector.Guest, collector.Service}[r.IntN(5)]
				identities[name+a.ID] = who + "@example.org"
				switch {
				case chance(8):
					a.Name, identities[name+a.ID] = "", ""
				case platforms[2*n+1] == "wiki":
					a.Name = spell(r, who)
				default:
					a.Identity = spell(r, who+"@example.org")
				}
				s.accounts = append(s.accounts, a)
				for range r.IntN(4) {
					if kinds := s.description.Events; kinds != nil {
						s.events = append(s.events, done(kinds[r.IntN(len(kinds))].Kind, a.ID, start.Add(-time.Duration(r.Int64N(int64(32*day))))))
					}
				}
			}
			if chance(5) {
				for e := range s.description.Events {
					s.description.Events[e].Memory = 10 * day // 28 days are not covered
				}
			}
			switch r.IntN(12) {
			case 0: // never reached
				continue
			case 1: // out of reach for long
				last[name] = start.Add(-3 * day)
			default:
				last[name] = start.Add(-time.Duration(r.IntN(600)) * time.Minute)
			}
			i.poll(name, last[name].Add(-time.Duration(r.IntN(600))*time.Minute))
			i.poll(name, last[name])
		}
		if i.cfg.People == nil {
			t.Fatalf("seed %d: %v are too few", seed, platforms)
		}

		want, expected := bruteForce(i, identities, last, workforce)
		got := map[string]string{}
		s := i.joiner.Snapshot(start, i.cfg, i.shown)
		for _, v := range s.Values {
			got[v.Ref.String()] = fmt.Sprintf("%g until %s", v.Value, v.AsOf.UTC().Format(time.RFC3339))
			seen[v.Measure]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, %v, workforce %q (-want +got):\n%s", seed, platforms, workforce, diff)
		}
		var waits []string
		for ref := range s.Expected {
			waits = append(waits, ref.String())
		}
		slices.Sort(waits)
		if diff := cmp.Diff(expected, waits); diff != "" {
			t.Fatalf("seed %d, expected (-want +got):\n%s", seed, diff)
		}
		if len(expected) > 0 {
			seen["expected"]++
		}
		if len(got) == 0 {
			seen["nothing"]++
		}
	}
	for _, what := range []string{"people", "people_active", "people_logged_in", "accounts_unjoined", "expected", "nothing"} {
		if seen[what] < 10 {
			t.Errorf("%s happened %d times", what, seen[what])
		}
	}
}

// bruteForce counts from what was written into the sources alone.
func bruteForce(i *intranet, identities map[string]string, last map[string]time.Time, workforce string) (values map[string]string, expected []string) {
	values = map[string]string{}
	fresh := func(name string, at time.Time) bool { return !last[name].IsZero() && start.Sub(at) <= 48*time.Hour }
	until := func(name string) time.Time {
		return last[name].Add(-i.sources[name].description.Settle).Truncate(5 * time.Minute)
	}
	first := func(name string) time.Time { // accounts are listed by the first of the two polls
		return i.shown[name].Members.AsOf[measure.Ref{Measure: "accounts"}]
	}
	counts := func(a collector.Account) bool { return a.Enabled && a.Kind == collector.Person }
	staff := map[string]bool{}
	for _, p := range i.cfg.Platforms {
		if p.Part == nil || p.Name != workforce && workforce != "" || last[p.Name].IsZero() {
			continue
		}
		for _, a := range i.sources[p.Name].accounts {
			if who := identities[p.Name+a.ID]; who != "" && counts(a) {
				staff[who] = true
			}
		}
	}
	put := func(name string, n int, at time.Time) {
		values[name] = fmt.Sprintf("%d until %s", n, at.UTC().Format(time.RFC3339))
	}
	earliest := func(times []time.Time) time.Time { return slices.MinFunc(times, time.Time.Compare) }

	var listings []time.Time
	known := true
	for _, p := range i.cfg.Platforms {
		if p.Part != nil && (workforce == "" || p.Name == workforce) {
			if known = known && !last[p.Name].IsZero() && fresh(p.Name, first(p.Name)); known {
				listings = append(listings, first(p.Name))
			}
		}
	}
	if known {
		put("people", len(staff), earliest(listings))
	}
	for _, p := range i.cfg.Platforms {
		if p.Part == nil || last[p.Name].IsZero() || !fresh(p.Name, first(p.Name)) {
			continue
		}
		times := []time.Time{first(p.Name)}
		if workforce != "" {
			if last[workforce].IsZero() || !fresh(workforce, first(workforce)) {
				continue
			}
			times = append(times, first(workforce))
		}
		n := 0
		for _, a := range i.sources[p.Name].accounts {
			if who := identities[p.Name+a.ID]; counts(a) && (who == "" || !staff[who]) {
				n++
			}
		}
		put("accounts_unjoined."+p.Name, n, earliest(times))
	}
	for name, kinds := range map[string][]measure.Kind{
		"people_active":    {measure.PageView, measure.PageCreated, measure.PageEdit},
		"people_logged_in": {measure.Login},
	} {
		for _, window := range measure.Windows {
			who := map[string]bool{}
			var times []time.Time
			lacks, hopeless := false, workforce != "" && (last[workforce].IsZero() || !fresh(workforce, first(workforce)) && !tells(i.sources[workforce], kinds))
			for _, p := range i.cfg.Platforms {
				s := i.sources[p.Name]
				if p.Part == nil || !tells(s, kinds) {
					continue
				}
				switch {
				case last[p.Name].IsZero(), !fresh(p.Name, until(p.Name)) && (s.description.Events[0].Memory == 0 || window != measure.Windows[2]):
					hopeless = true
				case s.description.Events[0].Memory != 0 && window == measure.Windows[2]:
					lacks = true
				}
				times = append(times, until(p.Name))
				for _, e := range s.events {
					a := s.accounts[slices.IndexFunc(s.accounts, func(a collector.Account) bool { return a.ID == e.Actor })]
					if id := identities[p.Name+a.ID]; counts(a) && staff[id] && slices.Contains(kinds, e.Kind) &&
						e.At.Before(until(p.Name)) && !e.At.Before(until(p.Name).Add(-time.Duration(window))) {
						who[id] = true
					}
				}
			}
			ref := measure.Ref{Measure: name, Window: window}.String()
			switch {
			case hopeless || times == nil:
			case lacks:
				expected = append(expected, ref)
			default:
				put(ref, len(who), earliest(times))
			}
		}
	}
	slices.Sort(expected)
	return values, expected
}

func tells(s *source, kinds []measure.Kind) bool {
	return slices.ContainsFunc(s.description.Events, func(e collector.EventSource) bool { return slices.Contains(kinds, e.Kind) })
}
