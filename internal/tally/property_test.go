package tally

import (
	"context"
	options "flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

// A world is what is true on a platform.
type world struct {
	own      string
	accounts []collector.Account
	hidden   int // so many of them are not told
	events   []happening
	numbers  map[measure.Ref]collector.Reading
}

// listing are the accounts as they are told; pages that shift tell the first one twice.
func (w *world) listing() []collector.Account {
	told := w.accounts[min(w.hidden, len(w.accounts)):]
	return append(slices.Clone(told), told[:min(1, len(told))]...)
}

// told are the events in [from, to) that are visible now, and not forgotten.
func (w *world) told(d collector.Description, now, from, to time.Time) []collector.Event {
	var told []collector.Event
	for _, h := range w.events {
		i := slices.IndexFunc(d.Events, func(e collector.EventSource) bool { return e.Kind == h.Kind })
		if i < 0 || h.At.Before(from) || !h.At.Before(to) || !h.known(now) {
			continue
		}
		if memory := d.Events[i].Memory; memory == 0 || !h.At.Before(now.Add(-memory)) {
			told = append(told, h.Event)
		}
	}
	return told
}

// readings are the numbers: pages only with a walk; and where one fails, all but one.
func (w *world) readings(d collector.Description, full, fails bool, which int) []collector.Reading {
	var told []collector.Reading
	for i, r := range d.Readings {
		if n, ok := w.numbers[r.Ref]; ok && (full || r.Measure != "pages") && (!fails || i != which%len(d.Readings)) {
			told = append(told, n)
		}
	}
	return told
}

// An answer is what becomes of a question.
type answer string

const (
	whole  answer = "whole"
	fewer  answer = "fewer" // not all, as if that were all
	stray  answer = "stray" // and one that was not asked for
	failed answer = "failed"
)

// A fault befalls the nth question of a method in a poll, after some facts were told. All through the poll one of the
// files may be impossible to write, and to remove.
type fault struct {
	what       string
	method     string
	nth, after int
	blocked    string
}

var (
	faults  = []string{"error", "timeout", "cancel", "lost right", "stray", "panic", "crash"}
	methods = []string{"events", "probe", "accounts", "readings"}
)

// died is what a collector panics with.
type died struct{}

// A course is what becomes of the questions of one poll.
type course struct {
	fault
	asked                 map[string]int
	lost, over, cancelled bool
}

func newCourse(f fault) *course { return &course{fault: f, asked: map[string]int{}} }

// hits tells whether the fault befalls the next question.
func (c *course) hits(method string) bool {
	return !c.over && c.what != "" && method == c.method && c.asked[method]+1 == c.nth
}

func (c *course) ask(method string) answer {
	hit := c.hits(method)
	c.asked[method]++
	if hit {
		switch c.what {
		case "error":
			return failed
		case "timeout":
			c.over = true
		case "cancel":
			c.over, c.cancelled = true, true
		case "lost right":
			c.lost = true
		case "stray":
			if method == "events" || method == "readings" {
				return stray
			}
		default:
			panic(died{})
		}
	}
	switch {
	case c.over, c.lost && method == "probe":
		return failed
	case c.lost:
		return fewer
	}
	return whole
}

// A rig is a tally, its reference, and the world that both look at.
type rig struct {
	*rapid.T
	*Tally
	path     string
	dir      *storage.Dir
	worlds   map[string]*world // by the address of the platform
	settings settings
	former   []settings
	platform *config.Platform
	clock    time.Time

	reference *reference
	course    *course
	cancel    func()
}

// Settings are what the config file says of a platform.
type settings struct {
	url              string
	listing          bool
	lastLogin        bool
	lastActive       bool
	fields           []string
	kinds            []measure.Kind
	memory           map[measure.Kind]time.Duration
	settle           time.Duration
	overlap          time.Duration
	step             time.Duration
	reread           bool
	exclude          []string
	guests           bool
	completeAt       float64
	accountsInterval time.Duration
	maxAge           time.Duration
	numbers          []collector.ReadingSource
}

// changes are what can be edited in a config file.
var changes = map[string]func(*rapid.T, *settings){
	"url": func(t *rapid.T, s *settings) { s.url = rapid.SampledFrom([]string{"one", "two"}).Draw(t, "url") },
	"listing": func(t *rapid.T, s *settings) {
		s.listing = rapid.IntRange(0, 7).Draw(t, "no listing") < 7
		s.lastLogin, s.lastActive = rapid.IntRange(0, 3).Draw(t, "no last login") < 3, rapid.IntRange(0, 3).Draw(t, "no last active") < 3
	},
	"fields": func(t *rapid.T, s *settings) {
		s.fields = rapid.SampledFrom([][]string{nil, {"phone"}, {"phone", "photo"}, {"photo", "phone"}, {"phone", "photo", "team"}, manyFields}).Draw(t, "fields")
	},
	"kinds": func(t *rapid.T, s *settings) {
		s.kinds = slices.DeleteFunc(slices.Clone(measure.EventKinds), func(kind measure.Kind) bool { return rapid.Bool().Draw(t, "without "+string(kind)) })
	},
	"memory": func(t *rapid.T, s *settings) {
		s.memory = map[measure.Kind]time.Duration{}
		if rapid.Bool().Draw(t, "forgets") {
			alike, memory := rapid.Bool().Draw(t, "all alike"), time.Duration(0)
			for i, kind := range measure.EventKinds {
				if i == 0 || !alike {
					memory = pick(t, "memory", 0, 40*day, 28*day, 28*day+s.settle+10*time.Minute, 8*day, 3*day)
				}
				s.memory[kind] = memory
			}
		}
	},
	"settle": func(t *rapid.T, s *settings) {
		s.settle = pick(t, "settle", 0, time.Minute, 10*time.Minute, 5*time.Hour, 2*day)
	},
	"overlap": func(t *rapid.T, s *settings) {
		s.overlap = pick(t, "overlap", 0, 7*time.Minute, time.Hour, 30*time.Hour, 4*day)
	},
	"step": func(t *rapid.T, s *settings) {
		s.step = pick(t, "step", 28*day, 7*day+3*time.Minute, 2*day, 20*time.Hour)
	},
	"reread": func(t *rapid.T, s *settings) { s.reread = rapid.Bool().Draw(t, "reread") },
	"exclude": func(t *rapid.T, s *settings) {
		s.exclude = rapid.SampledFrom([][]string{nil, {"^svc-"}, {"^svc-", "^test-"}, {"."}}).Draw(t, "exclude")
		s.guests = rapid.Bool().Draw(t, "without guests")
	},
	"complete_at": func(t *rapid.T, s *settings) {
		s.completeAt = rapid.SampledFrom([]float64{1, 0.5, 1. / 3, 2. / 3}).Draw(t, "complete at")
	},
	"intervals": func(t *rapid.T, s *settings) {
		s.accountsInterval, s.maxAge = pick(t, "accounts interval", day, 6*time.Hour, 3*day), pick(t, "max age", 2*day, day, 5*day)
	},
	"numbers": func(t *rapid.T, s *settings) {
		s.numbers = nil
		for _, ref := range []measure.Ref{
			{Measure: "pages"}, {Measure: measure.Custom, Label: "score"},
			{Measure: "accounts"}, {Measure: "accounts_excluded", Label: "guest"}, {Measure: "accounts_excluded", Label: "service"},
			{Measure: "pages_created", Window: measure.Windows[1]}, {Measure: "logged_in_users", Window: measure.Windows[2]},
		} {
			if definition := rapid.IntRange(0, 3).Draw(t, ref.String()); definition > 0 {
				s.numbers = append(s.numbers, collector.ReadingSource{Ref: ref, Definition: fmt.Sprint(definition)})
			}
		}
	},
}

var manyFields = strings.Fields("phone photo team room building floor skills languages birthday mentor")

func pick[V any](t *rapid.T, label string, from ...V) V {
	return rapid.SampledFrom(from).Draw(t, label)
}

// platform is what the config package makes of settings. A source's definition speaks of its address and of
// where accounts come from.
func (r *rig) configured() *config.Platform {
	s := r.settings
	d := collector.Description{
		Readings:   s.numbers,
		Settle:     s.settle,
		Overlap:    s.overlap,
		Step:       s.step,
		Reread:     s.reread,
		Definition: fmt.Sprint(s.url, s.listing),
	}
	for _, kind := range s.kinds {
		d.Events = append(d.Events, collector.EventSource{Kind: kind, Source: "log", Memory: s.memory[kind]})
	}
	if s.listing {
		d.Accounts = &collector.AccountSource{Source: "users", LastLogin: s.lastLogin, LastActive: s.lastActive, Profile: s.fields}
	}
	p := &config.Platform{
		Name:             "portal",
		Collector:        r,
		Description:      d,
		AccountsInterval: s.accountsInterval,
		MaxAge:           s.maxAge,
		Exclude:          config.Exclude{Guests: s.guests},
		CompleteAt:       s.completeAt,
	}
	for _, pattern := range s.exclude {
		p.Exclude.Accounts = append(p.Exclude.Accounts, regexp.MustCompile(pattern))
	}
	return p
}

func (r *rig) world() *world { return r.worlds[r.settings.url] }

func newRig(t *rapid.T, path string) *rig {
	dir, err := storage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, path: path, dir: dir, worlds: map[string]*world{}, clock: time.Date(2026, 10, 24, 20, 3, 20, 0, zone)}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		changes[name](t, &r.settings)
	}
	for _, url := range []string{"one", "two"} {
		r.worlds[url] = &world{own: "kpi", numbers: map[measure.Ref]collector.Reading{}}
	}
	r.live(12, 24)
	r.platform = r.configured()
	r.reference = newReference(r.platform)
	r.open()
	return r
}

// open starts the tally from disk.
func (r *rig) open() {
	r.Helper()
	opened, warning, err := Open(r.dir, secret, r.platform)
	if err != nil || warning != "" {
		r.Fatal(warning, err)
	}
	r.Tally = opened
}

var ids = []string{"ann", "bob", "cas", "dirk", "els", "fay", "gus", "hal", "ida", "jan", "kim", "lou", "mia", "kpi"}

// live lets something happen in the world: up to so many accounts change, and so many events come up.
func (r *rig) live(accounts, events int) {
	w, now := r.world(), r.clock
	for range rapid.IntRange(0, accounts).Draw(r.T, "accounts") {
		id := rapid.SampledFrom(ids).Draw(r.T, "id")
		w.accounts = slices.DeleteFunc(w.accounts, func(a collector.Account) bool { return a.ID == id })
		if rapid.IntRange(0, 5).Draw(r.T, "deleted") == 5 {
			continue
		}
		a := collector.Account{
			ID:      id,
			Name:    rapid.SampledFrom([]string{"", "svc-", "test-"}).Draw(r.T, "prefix") + id,
			Kind:    rapid.SampledFrom([]collector.KindOfAccount{collector.Person, collector.Person, collector.Person, collector.Person, collector.Service, collector.Guest}).Draw(r.T, "kind"),
			Enabled: rapid.IntRange(0, 4).Draw(r.T, "disabled") < 4,
			Filled:  rapid.SliceOfN(rapid.Bool(), len(manyFields), len(manyFields)).Draw(r.T, "filled"),
		}
		if rapid.Bool().Draw(r.T, "signed in") {
			a.LastLogin = r.moment("last login", now)
		}
		if rapid.Bool().Draw(r.T, "was active") {
			a.LastActive = r.moment("last active", now)
		}
		w.accounts = append(w.accounts, a)
		r.Logf("%+v", a)
	}
	w.hidden = pick(r.T, "hidden", 0, 0, 0, 0, 3, 5, 100)
	w.own = pick(r.T, "own", "kpi", "kpi", "kpi", "ann", "")
	for range rapid.IntRange(0, events).Draw(r.T, "events") {
		h := happening{Event: collector.Event{
			Kind:  rapid.SampledFrom(measure.EventKinds).Draw(r.T, "kind"),
			Actor: rapid.SampledFrom(append([]string{""}, ids...)).Draw(r.T, "actor"),
			At:    r.moment("at", now.Add(-r.settings.settle).Truncate(slot)),
		}}
		h.shown = pick(r.T, "shown", time.Time{}, h.At, h.At.Add(time.Hour), now.Add(30*time.Minute), now.Add(6*time.Hour), now.Add(3*day))
		if rapid.IntRange(0, 3).Draw(r.T, "withdrawn") == 3 {
			h.withdrawn = later(now, h.shown).Add(pick(r.T, "after", time.Minute, time.Hour, 20*time.Hour, 3*day, 12*day))
		}
		w.events = append(w.events, h)
		r.Logf("%s by %q at %s, visible from %s to %s", h.Kind, h.Actor, h.At, h.shown, h.withdrawn)
	}
	for _, n := range r.settings.numbers {
		if rapid.Bool().Draw(r.T, "new number") {
			w.numbers[n.Ref] = collector.Reading{Ref: n.Ref, Value: float64(rapid.IntRange(0, 99).Draw(r.T, "value")), AsOf: r.moment("as of", now)}
		}
	}
}

// moment draws a time: at an edge of a window that ends at end, or anywhere around the longest one.
func (r *rig) moment(label string, end time.Time) time.Time {
	if rapid.Bool().Draw(r.T, label+" an edge") {
		return end.Add(-pick(r.T, "window", 0, day, 7*day, 28*day)).
			Add(pick(r.T, "off by", 0, -1, 1, -time.Second, -slot, slot, -time.Hour, time.Hour, 2*day))
	}
	return end.Add(-time.Duration(rapid.Int64Range(int64(-2*day), int64(30*day)).Draw(r.T, label))).In(time.FixedZone("", 5400))
}

// block puts a folder where a file of the tally is, so that it can be neither replaced nor removed, and returns what puts
// the file back.
func (r *rig) block(suffix string) (restore func()) {
	path := filepath.Join(r.path, "portal"+suffix)
	must := func(err error) {
		if err != nil {
			r.Fatal(err)
		}
	}
	aside := filepath.Join(r.path, "aside")
	existed := os.Rename(path, aside) == nil
	must(os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	return func() {
		must(os.RemoveAll(path))
		if existed {
			must(os.Rename(aside, path))
		}
	}
}

// restart begins again with what is on disk.
func (r *rig) restart() {
	r.Helper()
	r.open()
	r.reference.restart()
}

// The rig is also the collector of its tally.
func (r *rig) Describe() collector.Description { return r.platform.Description }

func (r *rig) Probe(context.Context) (collector.Access, error) {
	err := r.ask("probe")
	return collector.Access{Account: r.world().own, Granted: map[string]bool{"read": err == nil}}, err
}

func (r *rig) Accounts(_ context.Context, emit func(collector.Account)) error {
	facts := r.world().listing()
	for i := range facts {
		facts[i].Filled = facts[i].Filled[:len(r.settings.fields)]
	}
	return answers(r, "accounts", facts, emit)
}

func (r *rig) Events(_ context.Context, from, to time.Time, emit func(collector.Event)) error {
	if r.course.hits("events") && r.course.what == "stray" {
		emit(collector.Event{Kind: r.settings.kinds[0], Actor: "ann", At: to})
	}
	return answers(r, "events", r.world().told(r.platform.Description, r.clock, from, to), emit)
}

func (r *rig) Readings(_ context.Context, full bool, emit func(collector.Reading)) error {
	fails := r.course.over || r.course.hits("readings") && slices.Contains([]string{"error", "timeout", "cancel"}, r.course.what)
	for _, n := range r.world().readings(r.platform.Description, full, fails, r.course.after) {
		emit(n)
	}
	if r.course.hits("readings") && r.course.what == "stray" {
		emit(collector.Reading{Ref: measure.Ref{Measure: "pages", Window: measure.Windows[0]}, Value: 1})
	}
	return r.ask("readings")
}

// answers tells facts, as far as the course of the poll lets it.
func answers[T any](r *rig, method string, facts []T, emit func(T)) error {
	switch {
	case r.course.lost, r.course.over:
		facts = nil
	case r.course.hits(method) && r.course.what != "stray":
		facts = facts[:min(r.course.after, len(facts))]
	}
	for _, f := range facts {
		emit(f)
	}
	return r.ask(method)
}

func (r *rig) ask(method string) error {
	a := r.course.ask(method)
	if r.course.cancelled {
		r.cancel()
	}
	if a == failed {
		return cause.Errorf(cause.Unavailable, "cut")
	}
	return nil
}

// poll polls both the tally and its reference.
func (r *rig) poll(f fault) {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.course, r.cancel = newCourse(f), cancel
	restore := func() {}
	if f.blocked != "" {
		restore = r.block(f.blocked)
	}
	var report Report
	dead := dies(func() { report = r.Update(ctx, r.clock) })
	var ok bool
	if dies(func() { ok = r.reference.poll(r.clock, r.world(), newCourse(f)) }) != dead {
		r.Fatalf("the poll ended in a panic: %t", dead)
	}
	r.Logf("poll at %s: %v", r.clock, report.Errors)
	if f.what == "panic" && dead {
		report.Storage = r.Panicked(r.clock)
		r.reference.panicked()
	}
	if (!dead || f.what == "panic") && (report.Storage != nil) != (f.blocked != "") {
		r.Fatalf("state could not be written: %v", report.Storage)
	}
	if !dead && ok != (len(report.Errors) == 0) {
		r.Fatalf("the poll reports %v; it must succeed: %t", report.Errors, ok)
	}
	restore()
	if f.what == "crash" {
		r.restart()
	}
}

// dies runs f and tells whether the collector panicked.
func dies(f func()) (dead bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(died); !ok {
				panic(p)
			}
			dead = true
		}
	}()
	f()
	return false
}

// check compares all that is shown with what must be. Who was last seen when is kept only as long as that may be
// shown.
func (r *rig) check() {
	r.Helper()
	r.same(r.reference.snapshot(), r.Snapshot())
	success, last := r.Health()
	if want := r.reference.memory.health; success != want.Success || !last.Equal(want.LastSuccess) {
		r.Fatalf("health is %t %s, want %t %s", success, last, want.Success, want.LastSuccess)
	}
}

func (r *rig) same(want, got *Snapshot) {
	r.Helper()
	text := func(s *Snapshot) (lines []string) {
		for _, v := range s.Values {
			if v.Basis != measure.LastSeen || r.clock.Sub(v.AsOf) <= r.platform.MaxAge {
				lines = append(lines, fmt.Sprintf("%s is %v by %s as of %s", v.Ref, v.Value, v.Basis, v.AsOf.UTC()))
			}
		}
		for _, kind := range slices.Sorted(maps.Keys(s.CoveredSince)) {
			lines = append(lines, fmt.Sprintf("%s is covered since %s", kind, s.CoveredSince[kind].UTC()))
		}
		var expected []string
		for ref, at := range s.Expected {
			expected = append(expected, fmt.Sprintf("%s is expected at %s", ref, at.UTC()))
		}
		slices.Sort(expected)
		return append(lines, expected...)
	}
	if diff := cmp.Diff(text(want), text(got)); diff != "" {
		r.Fatalf("at %s (-want +got):\n%s", r.clock, diff)
	}
}

// TestExact polls random histories of random platforms through random faults, restarts and edits of the config file,
// and compares all that is shown after each step with the reference. The histories are the same ones each
// time; RAPID_CHECKS=10000 RAPID_SEED=7 tries others.
func TestExact(t *testing.T) {
	for name, value := range map[string]string{"checks": "200", "steps": "20", "seed": "1", "nofailfile": "true"} {
		if f := options.Lookup("rapid." + name); f.Value.String() == f.DefValue && os.Getenv("RAPID_"+strings.ToUpper(name)) == "" {
			_ = f.Value.Set(value)
		}
	}
	rapid.Check(t, exact(inMemory(t)))
}

// FuzzExact is the same with histories that the fuzzer makes up.
func FuzzExact(f *testing.F) {
	folder := inMemory(f)
	f.Fuzz(rapid.MakeFuzz(exact(folder)))
}

// inMemory returns a folder in memory where there is one: each write waits for the disk.
func inMemory(t testing.TB) string {
	if _, err := os.Stat("/dev/shm"); err == nil {
		t.Setenv("TMPDIR", "/dev/shm")
	}
	return t.TempDir()
}

func exact(folder string) func(*rapid.T) {
	return func(t *rapid.T) {
		path, err := os.MkdirTemp(folder, "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(path) }()
		r := newRig(t, path)
		poll := func(t *rapid.T) {
			r.T = t
			r.clock = r.clock.Add(pick(t, "later", slot, 15*time.Minute, 7*time.Hour+time.Millisecond, day, 3*day, 10*day, 40*day, 0,
				-time.Minute, -20*time.Hour, -50*time.Hour))
			r.live(3, 4)
			var f fault
			if rapid.Bool().Draw(t, "fails") {
				f = fault{pick(t, "fault", faults...), pick(t, "method", methods...), rapid.IntRange(1, 6).Draw(t, "nth"), rapid.IntRange(0, 9).Draw(t, "after"), ""}
			}
			f.blocked = pick(t, "blocked", "", "", "", "", liveFile, freshFile)
			r.poll(f)
		}
		t.Repeat(map[string]func(*rapid.T){
			"poll":  poll,
			"poll2": poll,
			"poll3": poll,
			"configure": func(t *rapid.T) {
				r.T = t
				r.former = append(r.former, r.settings)
				if rapid.Bool().Draw(t, "revert") {
					r.settings = rapid.SampledFrom(r.former).Draw(t, "to")
				} else {
					changes[pick(t, "change", slices.Sorted(maps.Keys(changes))...)](t, &r.settings)
				}
				r.platform = r.configured()
				r.Configure(r.platform)
				r.reference.platform = r.platform
			},
			"restart": func(t *rapid.T) {
				r.T = t
				r.restart()
			},
			"": func(t *rapid.T) {
				r.T = t
				r.check()
			},
		})
	}
}
