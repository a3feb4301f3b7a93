package tally

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A Report is what came of one Update.
type Report struct {
	Access  collector.Access // as the last probe found it
	Errors  []error          // one for each part that failed; empty = all that was due succeeded
	Storage error            // why the last write to disk failed, nil = it did not
}

// Update asks the collector for what is due at now and commits what it tells. A part that fails leaves what
// was known as it is and does not stop the others.
func (t *Tally) Update(ctx context.Context, now time.Time) Report {
	u := &update{Tally: t, ctx: ctx, now: now}
	u.renew()
	err := u.probe()
	u.renew() // we may be another account than before
	if err != nil {
		u.fail("", err)
	} else {
		u.listing()
		u.history()
		u.numbers()
	}
	if ctx.Err() != context.Canceled { // stopped half-way, a poll says nothing of the platform
		t.live.Health.Success = len(u.report.Errors) == 0
	}
	if len(u.report.Errors) == 0 {
		t.live.Health.LastSuccess = now
	}
	u.report.Storage = t.finish(now)
	return u.report
}

// Panicked finishes an Update at now that a panic of the collector has cut. It returns why the last write to disk failed.
func (t *Tally) Panicked(now time.Time) error {
	t.live.Health.Success = false
	return t.finish(now)
}

// finish forgets what is not needed any more, and writes what is.
func (t *Tally) finish(now time.Time) error {
	shown := t.end(now).Add(-t.platform.MaxAge)
	t.live.forget(shown)
	if t.fresh != nil {
		t.fresh.forget(shown)
	}
	return t.save()
}

// Health returns the outcome of the last Update, also of one before a restart.
func (t *Tally) Health() (success bool, lastSuccess time.Time) {
	return t.live.Health.Success, t.live.Health.LastSuccess
}

// An update is one poll of a platform.
type update struct {
	*Tally
	ctx    context.Context
	now    time.Time
	report Report
}

func (u *update) fail(part string, err error) {
	if part != "" {
		err = fmt.Errorf("%s: %w", part, err)
	}
	u.report.Errors = append(u.report.Errors, err)
}

// save makes durable what was taken in. What is read anew is on disk before the listing in live that was the reason
// for it, and goes when live has taken it over: a crash between the two, or a full disk, loses nothing.
func (t *Tally) save() (err error) {
	if t.fresh != nil {
		err = t.write(t.fresh)
	}
	if err == nil {
		err = t.write(t.live)
	}
	if err == nil && t.fresh == nil {
		err = t.dir.Remove(t.platform.Name + freshFile)
	}
	return err
}

// write replaces the file of f.
func (t *Tally) write(f *facts) error {
	file := liveFile
	if f == t.fresh {
		file = freshFile
	}
	return t.dir.Replace(t.platform.Name+file, f.encode)
}

// renew starts reading anew where the facts at hand can't be continued: the source is another one, others count, or
// the clock was ahead.
func (u *update) renew() {
	want := u.newFacts()
	if u.fresh != nil && (u.fresh.Definition != want.Definition || u.fresh.Counting != want.Counting || u.fresh.isAhead(u.now)) {
		if u.fresh.Definition == u.live.Definition { // who counts may have been the reason for it, and is not done
			u.live.Counting = ""
		}
		u.fresh = nil
	}
	same := u.live.Definition == want.Definition
	u.frozen = !same || u.live.isAhead(u.now)
	restart := !u.live.Full && (u.frozen || u.live.Counting != want.Counting) // nothing was published of its events
	if !restart && (!u.frozen || u.fresh != nil) {
		return
	}
	if same {
		want.adopt(u.live, u.delivers)
	}
	want.Health = u.live.Health
	if restart {
		u.live, u.frozen = want, false
	} else {
		u.fresh = want
	}
}

// targets are the facts that the platform, as it is configured now, is read into.
func (u *update) targets() []*facts {
	switch {
	case u.fresh == nil:
		return []*facts{u.live}
	case u.frozen:
		return []*facts{u.fresh}
	}
	return []*facts{u.live, u.fresh}
}

// probe proves our rights and remembers who we are.
func (u *update) probe() error {
	access, err := u.platform.Collector.Probe(u.ctx)
	if access.Granted != nil {
		u.report.Access = access
	}
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	var own key
	if access.Account != "" {
		own = u.pseudonym(access.Account)
	}
	for _, f := range u.targets() {
		if f.Own != own {
			f.Own, f.Counting = own, "" // others count now
		}
	}
	return nil
}

// isDue tells whether f needs a new listing.
func (u *update) isDue(f *facts) bool {
	return f.Tried.IsZero() || f.Counting != u.counting() && !f.Refused || u.now.Sub(f.Tried) >= u.platform.AccountsInterval || f.Tried.After(u.now.Add(day))
}

// listing reads the accounts if they are due. With a new listing all 28 days are read anew where that is
// cheap, or where others count now.
func (u *update) listing() {
	targets := u.targets()
	if !slices.ContainsFunc(targets, u.isDue) {
		if slices.ContainsFunc(targets, func(f *facts) bool { return f.Refused }) {
			u.fail("list accounts", cause.Errorf(cause.BadResponse, "the last listing had less than half of the accounts before; the old one stays in force until the next agrees"))
		}
		return
	}
	l := newListing(targets[0], u.now.Truncate(time.Second))
	if u.platform.Description.Accounts != nil {
		if err := u.list(l); err != nil {
			u.fail("list accounts", err)
			return
		}
	}
	recount := u.live.Counting != u.counting() || u.platform.Description.Reread
	var refused error
	for _, f := range targets {
		if err := u.accept(f, l); err != nil {
			refused = err
		}
	}
	if refused != nil {
		u.fail("list accounts", refused)
	} else if u.fresh == nil && u.live.Full && recount && u.platform.Description.Remembers(measure.Longest) {
		u.fresh = u.newFacts()
		u.fresh.adopt(u.live, u.delivers)
	}
	u.report.Storage = u.save()
}

// accept puts a listing in force, unless it can't be true: a lost right must not delete people, so far
// fewer accounts count only when they are told twice.
func (u *update) accept(f *facts, l *listing) error {
	n, before := l.total, f.Total
	f.Tried, f.Total = l.began, n
	f.Refused = 2*n < before || n == 0 && f.hasListed()
	if f.Refused {
		return cause.Errorf(cause.BadResponse, "%d accounts are less than half of the %d before; the old listing stays in force until the next agrees", n, before)
	}
	f.Counting = u.counting()
	if u.platform.Description.Accounts != nil {
		f.list(l)
	}
	return nil
}

// list reads the accounts into l.
func (u *update) list(l *listing) error {
	l.fields, l.logins = u.platform.Description.Accounts.Profile, u.platform.Description.Accounts.LastLogin
	l.filled, l.joined = make([][]uint8, eights(l.fields)), u.platform.Part != nil
	last := secondOf(l.began) - 1
	err := u.platform.Collector.Accounts(u.ctx, func(a collector.Account) {
		row, first := l.account(u.pseudonym(a.ID))
		if !first {
			return
		}
		l.see(row, lastLogin, min(secondOf(a.LastLogin), last))
		l.see(row, measure.Active, min(secondOf(a.LastActive), last))
		if l.joined {
			l.who[row] = u.identity(a)
		}
		if a.Enabled {
			l.flags[row] |= enabled
		}
		if !a.LastLogin.IsZero() {
			l.flags[row] |= activated
		}
		switch {
		case a.Kind == collector.Service:
			l.flags[row] |= service
		case a.Kind == collector.Guest && u.platform.Exclude.Guests:
			l.flags[row] |= guest
		}
		for _, re := range u.platform.Exclude.Accounts {
			if re.MatchString(a.Name) {
				l.flags[row] |= pattern
			}
		}
		for field, filled := range a.Filled {
			if filled {
				l.filled[field/8][row] |= 1 << (field % 8)
			}
		}
	})
	if err != nil {
		return err
	}
	return u.probe()
}

// end is the data time T that a poll at now aims at.
func (t *Tally) end(now time.Time) time.Time {
	return now.Add(-t.platform.Description.Settle).Truncate(slot)
}

// history brings every target up to T, and puts a history that was read anew in force.
func (u *update) history() {
	end := u.end(u.now)
	for _, f := range u.targets() {
		if u.platform.Description.Accounts != nil && f.Listed.IsZero() {
			return // whose events count is not known yet
		}
		if err := u.advance(f, end); err != nil {
			u.fail("read events", err)
			return
		}
	}
	if u.fresh == nil {
		return
	}
	u.fresh.Health = u.live.Health
	u.live, u.fresh, u.frozen = u.fresh, nil, false
}

// advance reads what f lacks up to end, span by span, and the overlap before it again.
func (u *update) advance(f *facts, end time.Time) error {
	d := u.platform.Description
	if f.Through.After(end) {
		end = f.Through // the data time never moves back
	}
	if len(d.Events) == 0 {
		f.Through, f.Full, f.Shown = end, true, nil
		return nil
	}
	reachable := map[measure.Kind]time.Time{} // from when the source can tell each kind, on a slot
	oldest := end
	for _, e := range d.Events {
		edge := end.Add(-measure.Longest)
		if e.Memory != 0 {
			edge = later(edge, u.now.Add(-e.Memory).Truncate(slot).Add(slot))
		}
		reachable[e.Kind] = edge
		if edge.Before(oldest) {
			oldest = edge
		}
	}
	from := oldest
	if !f.Through.IsZero() {
		from = later(oldest, f.Through.Add(-d.Overlap).Truncate(slot))
	}
	for kind, edge := range reachable {
		if _, ok := f.Covered[kind]; !ok { // from when its numbers can be expected
			f.Covered[kind] = edge
		}
	}
	for from.Before(end) {
		to := from.Add(max(d.Step.Truncate(slot), slot))
		if to.After(end) {
			to = end
		}
		s, err := u.span(f, from, to)
		if err != nil {
			return err
		}
		if f == u.live && f.Shown == nil && to.Before(end) {
			f.Shown = u.shown()
		}
		f.apply(s, reachable)
		from = to
		if from.Before(end) {
			u.report.Storage = u.write(f) // the other facts did not change
		}
	}
	f.Full, f.Shown = true, nil
	return nil
}

// shown returns the values that rest on events, as they are shown now. It is not nil: that none was shown counts too.
func (u *update) shown() []Value {
	values := []Value{}
	for _, v := range u.Snapshot().Values {
		if v.Basis == measure.Event {
			values = append(values, v)
		}
	}
	return values
}

// span reads what was done in [from, to).
func (u *update) span(f *facts, from, to time.Time) (*span, error) {
	s := newSpan(f, from, to)
	type target struct {
		column int             // of last-seen times; -1 = none
		counts map[int64]int64 // by slot
	}
	columns := map[measure.Kind]target{}
	for _, e := range u.platform.Description.Events {
		s.counts[e.Kind] = map[int64]int64{}
		columns[e.Kind] = target{slices.Index(f.Kinds, e.Kind), s.counts[e.Kind]}
	}
	var wrong error
	err := u.platform.Collector.Events(u.ctx, from, to, func(e collector.Event) {
		into, known := columns[e.Kind]
		if !known || e.At.Before(from) || !e.At.Before(to) {
			wrong = cause.Errorf(cause.BadResponse, "a %s was told that was not asked for", e.Kind)
			return
		}
		if e.Actor != "" {
			k := u.pseudonym(e.Actor)
			row := f.account(k)
			if into.column >= 0 {
				s.see(row, into.column, secondOf(e.At))
			}
			if k == f.Own || f.flags[row]&uncounted != 0 {
				return
			}
		}
		into.counts[slotOf(e.At)]++
	})
	if err := errors.Join(err, wrong); err != nil {
		return nil, err
	}
	return s, u.probe()
}

// numbers takes in what the platform counts by itself: always what is cheap, and what needs a walk as
// often as accounts are listed, or when another number is asked for.
func (u *update) numbers() {
	readings := u.platform.Description.Readings
	if len(readings) == 0 {
		return
	}
	definitions, walks := map[string]string{}, ""
	for _, r := range readings {
		definitions[r.Ref.String()] = r.Definition
		walks = digest(walks, r.Ref.String(), r.Definition)
	}
	full := slices.ContainsFunc(u.targets(), func(f *facts) bool {
		return u.now.Sub(f.Walked) >= u.platform.AccountsInterval || f.Walked.After(u.now.Add(day)) || f.Walks != walks
	})
	var told []collector.Reading
	err := u.platform.Collector.Readings(u.ctx, full, func(r collector.Reading) { told = append(told, r) })
	if err != nil {
		u.fail("read numbers", err)
	}
	if err := u.probe(); err != nil {
		u.fail("read numbers", err)
		return
	}
	told = slices.DeleteFunc(told, func(r collector.Reading) bool {
		_, known := definitions[r.Ref.String()]
		wrong := !known || math.IsNaN(r.Value) || math.IsInf(r.Value, 0)
		if wrong {
			u.fail("read numbers", cause.Errorf(cause.BadResponse, "%s: not a number, or not one that was asked for", r.Ref))
		}
		return wrong
	})
	for _, f := range u.targets() {
		if full {
			f.Walked, f.Walks = u.now, walks
			if err != nil { // one number that fails must not make every poll a walk
				f.Walked = u.now.Add(u.platform.AccountsInterval/24 - u.platform.AccountsInterval)
			}
		}
		maps.DeleteFunc(f.Numbers, func(name string, n number) bool {
			definition, known := definitions[name]
			return !known || definition != n.Definition
		})
		for _, r := range told {
			if r.AsOf.After(u.now) {
				r.AsOf = u.now
			}
			f.Numbers[r.Ref.String()] = number{r, definitions[r.Ref.String()]}
		}
	}
}
