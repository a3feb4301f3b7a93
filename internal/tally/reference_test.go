package tally

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A reference says what a tally must show, by counting over lists of everything that the platform ever told. It
// follows docs/design.md and has nothing in common with the tally: no counters, no last-seen times, no rows, no
// files.
type reference struct {
	platform *config.Platform
	memory   known
	disk     known // what a process that dies leaves behind

	now    time.Time // of the present poll
	world  *world
	course *course
}

// known is what is known of a platform: what is shown, and what is being read anew to take its place.
type known struct {
	live, fresh *history
	health      health
}

// A history is all that a platform told since it was last read anew.
type history struct {
	source   string         // which platform told it, and what it tells
	tells    []measure.Kind // by events
	times    []string       // measures that rest on last-seen times which the accounts carry
	counting string         // who counted in the listing; "" = what counted before is to be counted anew

	through time.Time // the data time
	covered map[measure.Kind]time.Time
	shown   []Value           // what is shown of events while what was read of them has not reached a T; nil = it has
	full    bool              // 28 days, or what the platform remembers of them, were read to the end once
	counted []collector.Event // as they were told last, without those of excluded accounts
	seen    []collector.Event // whatever was told of whomever

	listed  time.Time // when the listing in force began
	tried   time.Time // when the last one began
	total   int       // how many accounts that had
	refused bool
	logins  bool // the listing in force tells of logins
	fields  []string
	people  map[string]member

	own     string
	walked  time.Time
	walks   string
	numbers map[measure.Ref]number
}

// A member is an account as the last listing that had it tells.
type member struct {
	listed, enabled, activated, service, guest, pattern bool

	filled        []bool
	login, active time.Time // the latest of any listing
}

func (m member) excluded() bool { return m.service || m.guest || m.pattern }

func (h *history) clone() *history {
	if h == nil {
		return nil
	}
	c := *h
	c.covered, c.people, c.numbers = maps.Clone(h.covered), maps.Clone(h.people), maps.Clone(h.numbers)
	c.counted, c.seen = slices.Clone(h.counted), slices.Clone(h.seen)
	return &c
}

func (k known) clone() known { return known{k.live.clone(), k.fresh.clone(), k.health} }

func newReference(p *config.Platform) *reference {
	r := &reference{platform: p}
	r.memory.live = r.newHistory()
	return r
}

func (r *reference) newHistory() *history {
	d := r.platform.Description
	h := &history{
		counting: r.counting(),
		covered:  map[measure.Kind]time.Time{},
		people:   map[string]member{},
		numbers:  map[measure.Ref]number{},
	}
	for _, e := range d.Events {
		h.tells = append(h.tells, e.Kind)
	}
	slices.Sort(h.tells)
	if a := d.Accounts; a != nil { // where there are events, they win
		if a.LastLogin && !slices.Contains(h.tells, measure.Login) {
			h.times = append(h.times, "logged_in_users")
		}
		if a.LastActive && !slices.Contains(h.tells, measure.PageView) {
			h.times = append(h.times, "active_users")
		}
	}
	h.source = fmt.Sprint(d.Definition, h.tells, h.times)
	return h
}

func (r *reference) counting() string { return strings.Join(r.platform.Counting(), " ") }

// restart begins again with what is on disk.
func (r *reference) restart() {
	r.memory = r.disk.clone()
	if r.memory.live == nil {
		r.memory.live = r.newHistory()
	}
}

// save writes all. What is read anew is written before what is shown, and goes after it: if the first can't be done,
// the second is not either.
func (r *reference) save() {
	if r.memory.fresh == nil {
		if r.write(r.memory.live) && r.course.blocked != freshFile {
			r.disk.fresh = nil
		}
	} else if r.write(r.memory.fresh) {
		r.write(r.memory.live)
	}
}

// write puts a history on disk, unless its file can't be written.
func (r *reference) write(h *history) bool {
	switch {
	case h == r.memory.live && r.course.blocked != liveFile:
		r.disk.live, r.disk.health = h.clone(), r.memory.health
		return true
	case h == r.memory.fresh && r.course.blocked != freshFile:
		r.disk.fresh = h.clone()
		return true
	}
	return false
}

// ask puts a question to the platform, and returns whether it was answered without an error.
func (r *reference) ask(method string) bool {
	a := r.course.ask(method)
	return a == whole || a == fewer
}

// poll is one Update; it returns whether all succeeded.
func (r *reference) poll(now time.Time, w *world, c *course) bool {
	r.now, r.world, r.course = now, w, c
	r.renew()
	ok := r.prove()
	r.renew() // another account of ours may be the reason
	if ok {
		listed := r.listing()
		read := r.history()
		ok = r.readings() && read && listed
	}
	if !c.cancelled { // a poll that was stopped says nothing of the platform
		r.memory.health.Success = ok
	}
	if ok {
		r.memory.health.LastSuccess = now
	}
	r.forget()
	r.save()
	return ok
}

// panicked takes note of a poll that ended in a panic.
func (r *reference) panicked() {
	r.memory.health.Success = false
	r.forget()
	r.save()
}

// frozen tells whether what is shown can't be read on: another platform told it, or our clock was ahead.
func (r *reference) frozen() bool {
	return r.memory.live.source != r.newHistory().source || r.isAhead(r.memory.live)
}

// isAhead tells whether our clock was ahead when something was taken in, or when it was said from when on.
func (r *reference) isAhead(h *history) bool {
	latest := h.through
	for _, since := range h.covered {
		latest = later(latest, since)
	}
	return latest.After(r.now.Add(day))
}

// renew starts reading anew where that is due before anything is asked.
func (r *reference) renew() {
	k, want := &r.memory, r.newHistory()
	if f := k.fresh; f != nil && (f.source != want.source || f.counting != want.counting || r.isAhead(f)) {
		if f.source == k.live.source { // what it was begun for is not done
			k.live.counting = ""
		}
		k.fresh = nil
	}
	switch {
	case !k.live.full && (r.frozen() || k.live.counting != want.counting): // nothing of it was ever shown
		k.live = r.anew()
	case r.frozen() && k.fresh == nil:
		k.fresh = r.anew()
	}
}

// anew returns a history that knows the last listing, where that is of the same platform, and no event yet.
func (r *reference) anew() *history {
	h, l := r.newHistory(), r.memory.live.clone()
	if h.source != l.source {
		return h
	}
	l.through, l.covered, l.full, l.shown, l.counted, l.seen = time.Time{}, h.covered, false, nil, nil, nil
	return l
}

// targets are what the answers of the platform belong to.
func (r *reference) targets() []*history {
	switch {
	case r.memory.fresh == nil:
		return []*history{r.memory.live}
	case r.frozen():
		return []*history{r.memory.fresh}
	}
	return []*history{r.memory.live, r.memory.fresh}
}

func (r *reference) prove() bool {
	if !r.ask("probe") {
		return false
	}
	for _, h := range r.targets() {
		if h.own != r.world.own { // others count
			h.own, h.counting = r.world.own, ""
		}
	}
	return true
}

// listing asks for the accounts every accounts_interval, and when others count.
func (r *reference) listing() bool {
	due, refused := false, false
	for _, h := range r.targets() {
		refused = refused || h.refused
		due = due || h.tried.IsZero() || h.counting != r.counting() && !h.refused ||
			r.now.Sub(h.tried) >= r.platform.AccountsInterval || h.tried.After(r.now.Add(day))
	}
	if !due {
		return !refused
	}
	told := r.platform.Description.Accounts != nil
	if told && (!r.ask("accounts") || !r.prove()) {
		return false
	}
	again := r.platform.Description.Reread || r.memory.live.counting != r.counting()
	refused = false
	for _, h := range r.targets() {
		refused = !r.accept(h) || refused
	}
	if !refused && again && r.memory.fresh == nil && r.memory.live.full && r.platform.Description.Remembers(measure.Longest) {
		r.memory.fresh = r.anew()
	}
	r.save()
	return !refused
}

// accept puts a listing in force, if it is believed.
func (r *reference) accept(h *history) bool {
	var told []collector.Account
	if r.platform.Description.Accounts != nil {
		told = r.world.listing()
	}
	n := map[string]bool{}
	for _, a := range told {
		n[a.ID] = true
	}
	some := false
	for _, m := range h.people {
		some = some || m.listed
	}
	h.refused = 2*len(n) < h.total || len(n) == 0 && some
	h.tried, h.total = r.now.Truncate(time.Second), len(n)
	if h.refused {
		return false
	}
	h.counting = r.counting()
	if r.platform.Description.Accounts == nil {
		return true
	}
	h.listed, h.fields, h.logins = h.tried, r.platform.Description.Accounts.Profile, r.platform.Description.Accounts.LastLogin
	for id, m := range h.people {
		m.listed = false
		h.people[id] = m
	}
	for _, a := range slices.Backward(told) { // of an account that is told twice, the first
		m := member{
			listed:    true,
			enabled:   a.Enabled,
			activated: !a.LastLogin.IsZero(),
			service:   a.Kind == collector.Service,
			guest:     a.Kind == collector.Guest && r.platform.Exclude.Guests,
			filled:    a.Filled,
			login:     h.people[a.ID].login,
			active:    h.people[a.ID].active,
		}
		for _, re := range r.platform.Exclude.Accounts {
			m.pattern = m.pattern || re.MatchString(a.Name)
		}
		soon := h.listed.Add(-1) // later times count as just before the listing began
		if slices.Contains(h.times, "logged_in_users") && !a.LastLogin.IsZero() {
			m.login = later(m.login, earlier(a.LastLogin, soon))
		}
		if slices.Contains(h.times, "active_users") && !a.LastActive.IsZero() {
			m.active = later(m.active, earlier(a.LastActive, soon))
		}
		h.people[a.ID] = m
	}
	return true
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// history reads up to T.
func (r *reference) history() bool {
	for _, h := range r.targets() {
		if r.platform.Description.Accounts != nil && h.listed.IsZero() {
			return true // whose events count is not known
		}
		if !r.advance(h) {
			return false
		}
	}
	if r.memory.fresh != nil {
		r.memory.live, r.memory.fresh = r.memory.fresh, nil
	}
	return true
}

func (r *reference) advance(h *history) bool {
	d := r.platform.Description
	end := later(h.through, r.now.Add(-d.Settle).Truncate(slot))
	since, from := map[measure.Kind]time.Time{}, end
	for _, e := range d.Events {
		since[e.Kind] = end.Add(-28 * day)
		if e.Memory != 0 { // the first five minutes that it remembers to the end of the poll
			since[e.Kind] = later(since[e.Kind], r.now.Add(-e.Memory).Truncate(slot).Add(slot))
		}
		from = earlier(from, since[e.Kind])
	}
	if !h.through.IsZero() {
		from = later(from, h.through.Add(-d.Overlap).Truncate(slot))
	}
	if len(d.Events) == 0 {
		h.through = end
	}
	for kind, start := range since { // from when its numbers can be expected
		if _, ok := h.covered[kind]; !ok {
			h.covered[kind] = start
		}
	}
	was := h.through
	for from.Before(end) {
		to := earlier(end, from.Add(d.Step.Truncate(slot)))
		own, told := h.own, r.world.told(d, r.now, from, to)
		if !r.ask("events") || !r.prove() {
			return false
		}
		if h == r.memory.live && h.shown == nil && to.Before(end) {
			h.shown = slices.DeleteFunc(r.snapshot().Values, func(v Value) bool { return v.Basis != measure.Event })
		}
		h.counted = slices.DeleteFunc(slices.Clone(h.counted), func(e collector.Event) bool {
			return !e.At.Before(from) && e.At.Before(to) && !e.At.Before(since[e.Kind])
		})
		for _, e := range told {
			h.seen = append(h.seen, e)
			if left := e.Actor != "" && (e.Actor == own || h.people[e.Actor].excluded()); !left && !e.At.Before(since[e.Kind]) {
				h.counted = append(h.counted, e)
			}
		}
		for kind, start := range since {
			if was.Before(start) { // what it forgot meanwhile is lost
				h.covered[kind] = later(h.covered[kind], start)
			}
		}
		h.through = later(h.through, to)
		from = to
		if from.Before(end) {
			r.write(h)
		}
	}
	h.full, h.shown = true, nil
	return true
}

// readings takes in what the platform counts by itself.
func (r *reference) readings() bool {
	d := r.platform.Description
	if len(d.Readings) == 0 {
		return true
	}
	walks, full := "", false
	for _, n := range d.Readings {
		walks += fmt.Sprintln(n.Ref, n.Definition)
	}
	for _, h := range r.targets() {
		full = full || r.now.Sub(h.walked) >= r.platform.AccountsInterval || h.walked.After(r.now.Add(day)) || h.walks != walks
	}
	a := r.course.ask("readings")
	if !r.prove() {
		return false
	}
	for _, h := range r.targets() {
		if full {
			h.walked, h.walks = r.now, walks
			if a == failed { // again after a 24th of the interval
				h.walked = r.now.Add(r.platform.AccountsInterval/24 - r.platform.AccountsInterval)
			}
		}
		maps.DeleteFunc(h.numbers, func(ref measure.Ref, n number) bool { return r.defined(ref) != n.Definition })
		for _, n := range r.world.readings(d, full, a == failed, r.course.fault.after) {
			n.AsOf = earlier(n.AsOf, r.now)
			h.numbers[n.Ref] = number{n, r.defined(n.Ref)}
		}
	}
	return a == whole
}

func (r *reference) defined(ref measure.Ref) string {
	for _, n := range r.platform.Description.Readings {
		if n.Ref == ref {
			return n.Definition
		}
	}
	return "not any more"
}

// forget loses whoever is not listed and did nothing within the 28 days before the oldest data that are shown.
func (r *reference) forget() {
	r.lose(r.memory.live)
	if r.memory.fresh != nil {
		r.lose(r.memory.fresh)
	}
}

func (r *reference) lose(h *history) {
	edge := h.through
	if !h.listed.IsZero() && h.listed.Before(edge) {
		edge = h.listed
	}
	shown := r.now.Add(-r.platform.Description.Settle).Truncate(slot).Add(-r.platform.MaxAge)
	edge = later(edge, shown).Add(-28 * day)
	if shown.After(h.through) { // nothing of it is shown any more, so less is kept
		for kind, since := range h.covered {
			h.covered[kind] = later(since, edge)
		}
		h.counted = slices.DeleteFunc(h.counted, func(e collector.Event) bool { return e.At.Before(edge) })
		h.seen = slices.DeleteFunc(h.seen, func(e collector.Event) bool { return e.At.Before(edge) })
	}
	for id, m := range h.people {
		if m.login.Before(edge) {
			m.login = time.Time{}
		}
		if m.active.Before(edge) {
			m.active = time.Time{}
		}
		h.people[id] = m
		did := !m.login.IsZero() || !m.active.IsZero() || slices.ContainsFunc(h.seen, func(e collector.Event) bool {
			return e.Actor == id && !e.At.Before(edge) && h.makesActive(e.Kind)
		})
		if !m.listed && !did {
			delete(h.people, id)
		}
	}
}

// makesActive tells whether people are counted by what they did of a kind.
func (h *history) makesActive(kind measure.Kind) bool {
	return slices.ContainsFunc(measure.All, func(m measure.Measure) bool {
		return m.Counting == measure.People && slices.Contains(m.Kinds, kind) && h.counts(m)
	})
}

// counts tells whether a measure can be counted from events of this history.
func (h *history) counts(m measure.Measure) bool {
	if m.Name == "active_users" { // who only reads is part of it
		return slices.Contains(h.tells, measure.PageView)
	}
	return slices.ContainsFunc(m.Kinds, func(kind measure.Kind) bool { return slices.Contains(h.tells, kind) })
}

// since returns since when everything that a measure counts is known.
func (h *history) since(m measure.Measure) (since time.Time) {
	for _, kind := range m.Kinds {
		if h.counts(m) {
			since = later(since, h.covered[kind])
		}
	}
	return since
}

// isCounted tells whether somebody is one of the people.
func (h *history) isCounted(id string) bool {
	m := h.people[id]
	return id != "" && id != h.own && (h.listed.IsZero() || m.listed && m.enabled && !m.excluded())
}

// snapshot is what must be shown.
func (r *reference) snapshot() *Snapshot {
	h, d := r.memory.live, r.platform.Description
	s := &Snapshot{CoveredSince: map[measure.Kind]time.Time{}, Expected: map[measure.Ref]time.Time{}}
	for _, e := range d.Events {
		if since, ok := h.covered[e.Kind]; ok && h.full {
			s.CoveredSince[e.Kind] = since
		}
	}
	for _, m := range d.Measures() {
		def, _ := measure.Lookup(m.Measure)
		add := func(label string, value float64, asOf time.Time) {
			ref := m.Ref
			ref.Label += label
			s.Values = append(s.Values, Value{ref, value, m.Basis, asOf})
		}
		switch m.Basis {
		case measure.Reported:
			refs := []measure.Ref{m.Ref}
			if def.Label == "reason" {
				refs = []measure.Ref{{Measure: m.Measure, Label: "guest"}, {Measure: m.Measure, Label: "service"}}
			}
			for _, ref := range refs {
				if n, ok := h.numbers[ref]; ok && n.Definition == r.defined(ref) {
					s.Values = append(s.Values, Value{ref, n.Value, m.Basis, n.AsOf})
				}
			}
		case measure.Account:
			r.listed(m.Measure, func(label string, value float64) { add(label, value, h.listed) })
		case measure.LastSeen:
			if n, ok := h.lastSeen(m.Measure, m.Window); ok {
				add("", n, h.listed)
			}
		case measure.Event:
			since := h.since(def)
			before := slices.IndexFunc(h.shown, func(v Value) bool { return v.Ref == m.Ref })
			switch start := h.through.Add(-time.Duration(m.Window)); {
			case before >= 0:
				s.Values = append(s.Values, h.shown[before])
			case h.full && !since.IsZero() && !start.Before(since) && h.shown == nil:
				add("", h.count(def, start), h.through)
			default:
				if since.IsZero() && r.memory.fresh != nil {
					since = r.memory.fresh.since(def)
				}
				if !since.IsZero() {
					s.Expected[m.Ref] = since.Add(time.Duration(m.Window))
				}
			}
		}
	}
	return s
}

// count counts events, or who made them, from start to the data time.
func (h *history) count(m measure.Measure, start time.Time) float64 {
	within := func(e collector.Event) bool {
		return slices.Contains(m.Kinds, e.Kind) && !e.At.Before(start) && e.At.Before(h.through)
	}
	n, people := 0, map[string]bool{}
	for _, e := range h.counted {
		if within(e) {
			n++
		}
	}
	for _, e := range h.seen {
		if within(e) && h.isCounted(e.Actor) {
			people[e.Actor] = true
		}
	}
	if m.Counting == measure.Events {
		return float64(n)
	}
	return float64(len(people))
}

// lastSeen counts whom the listing saw in a window before it.
func (h *history) lastSeen(name string, window measure.Window) (float64, bool) {
	n := 0
	for id, m := range h.people {
		at := m.active
		if name == "logged_in_users" {
			at = m.login
		}
		if h.isCounted(id) && !at.Before(h.listed.Add(-time.Duration(window))) {
			n++
		}
	}
	return float64(n), slices.Contains(h.times, name) && !h.listed.IsZero()
}

// listed tells what follows from the listing alone.
func (r *reference) listed(name string, tell func(label string, value float64)) {
	h, fields := r.memory.live, r.platform.Description.Accounts.Profile
	if h.listed.IsZero() {
		return
	}
	accounts, activated, complete, all, excluded, filled := 0, 0, 0, 0, map[string]int{}, make([]int, len(fields))
	known := slices.Equal(h.fields, fields)
	for id, m := range h.people {
		switch {
		case !m.listed:
		case id == h.own:
			excluded["own"]++
		case m.service:
			excluded["service"]++
		case m.guest:
			excluded["guest"]++
		case m.pattern:
			excluded["pattern"]++
		case !m.enabled:
			excluded["disabled"]++
		default:
			accounts++
			if m.activated {
				activated++
			}
			if !known {
				continue
			}
			n := 0
			for i := range fields {
				if m.filled[i] {
					n++
					filled[i]++
				}
			}
			all += n
			if share := float64(n) / float64(len(fields)); share >= r.platform.CompleteAt {
				complete++
			}
		}
	}
	known = known && accounts > 0
	switch {
	case name == "accounts":
		tell("", float64(accounts))
	case name == "accounts_excluded":
		for _, reason := range []string{"own", "service", "guest", "pattern", "disabled"} {
			tell(reason, float64(excluded[reason]))
		}
	case name == "activated_accounts" && h.logins:
		tell("", float64(activated))
	case name == "profiles_complete" && known:
		tell("", float64(complete))
	case name == "profile_completion" && known:
		tell("", float64(all)/float64(accounts*len(fields)))
	case name == "profile_field_filled" && known:
		for i, field := range fields {
			tell(field, float64(filled[i])/float64(accounts))
		}
	}
}
