package demo

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	turnover = 0.15 // share of the people who leave within a year
	growth   = 0.15 // share of the seats that were opened later than the intranet

	// Two things went wrong, so many days before today. They are what the KPIs are there to find.
	movedBefore  = 19 // some departments moved, and their phone numbers were cleared
	brokenBefore = 9  // an update left a part of the pages out of the search index

	finds       = 0.93 // share of the searches that find something
	findsBroken = 0.66 // while the index is not whole
)

// A department has habits: how much its people do on an intranet on a working day.
type department struct {
	name    string
	kind    string // of its accounts, as the portal calls it
	seats   int
	pace    float64 // how much they do, 1 is average
	absent  float64 // share of its people who never come
	writers float64 // share of its people who write in the wiki
	edits   float64 // of a writer
	weekend float64 // share of its people who are there on a free day
	news    float64 // pages that one of them writes for the portal
	moved   bool    // to the other building
}

var departments = []department{
	{name: "communications", kind: "employee", seats: 12, pace: 1.6, writers: 0.9, edits: 0.8, weekend: 0.05, news: 0.15},
	{name: "engineering", kind: "employee", seats: 46, pace: 1.0, absent: 0.03, writers: 0.6, edits: 0.6, weekend: 0.04},
	{name: "it", kind: "employee", seats: 32, pace: 1.2, absent: 0.03, writers: 0.7, edits: 0.7, weekend: 0.08},
	{name: "service desk", kind: "employee", seats: 28, pace: 1.5, absent: 0.03, writers: 0.5, edits: 0.5, weekend: 0.3},
	{name: "hr", kind: "employee", seats: 14, pace: 1.2, writers: 0.4, edits: 0.3, weekend: 0.02, moved: true},
	{name: "sales", kind: "employee", seats: 36, pace: 0.9, absent: 0.05, writers: 0.15, edits: 0.2, weekend: 0.04, moved: true},
	{name: "finance", kind: "employee", seats: 18, pace: 0.7, absent: 0.05, writers: 0.1, edits: 0.2, weekend: 0.01, moved: true},
	{name: "legal", kind: "employee", seats: 10, pace: 0.6, absent: 0.05, writers: 0.2, edits: 0.2, weekend: 0.01, moved: true},
	{name: "warehouse", kind: "employee", seats: 44, pace: 0.35, absent: 0.3, writers: 0.02, edits: 0.1, weekend: 0.2},

	// Those whom no KPI should count.
	{name: "contractors", kind: "external", seats: 8, pace: 0.6, weekend: 0.02},
	{name: "test accounts", kind: "employee", seats: 2, pace: 2, weekend: 0.1},
	{name: "integrations", kind: "service", seats: 3, pace: 4, weekend: 1},
	{name: "bots", kind: "bot", seats: 1, writers: 1, edits: 15, weekend: 1},
}

// A What says what happened.
type What int

// What happens.
const (
	Joined  What = iota // an account was made
	Left                // an account was disabled
	Filled              // a field of a profile was filled in
	Cleared             // a field of a profile was cleared

	LoggedIn
	Renewed // single sign-on renewed a token, which is no login
	Viewed
	Searched
	SearchedInVain
	Liked
	Commented
	Published // a page of the portal
	Answered  // the question how useful the intranet is

	Created // a page of the wiki
	Edited  // a page of the wiki
)

// habits are how often somebody does something on a working day, at a pace of 1.
var habits = []struct {
	what What
	rate float64
}{
	{LoggedIn, 1.3}, {Renewed, 2.5}, {Viewed, 4}, {Searched, 1.1}, {Liked, 0.1}, {Commented, 0.05}, {Answered, 0.02},
}

// profiles are the fields of a profile: the share of the people who fill it in, and after how many days.
var profiles = []struct {
	field string
	share float64
	days  float64
}{
	{"phone", 0.98, 10}, {"photo", 0.95, 20}, {"about", 0.93, 25}, {"emailable", 0.95, 3}, {"user_page", 0.4, 60},
}

const phoneAgain = 90 // days until a number that was cleared is filled in again

// A Person has an account on both platforms.
type Person struct {
	ID   int // of both accounts
	Name string
	Kind string // employee, external, service or bot

	department *department
	joined     time.Time
	left       time.Time // zero = still there
	off        [7]bool   // weekdays on which a part-timer does not work
	keen       float64   // how much more than others; 0 = never comes
	writes     bool
}

// signIn is the name with which somebody signs in, as it is in their address.
func (p *Person) signIn() string { return strings.ReplaceAll(p.Name, " ", ".") }

// A Happening is something that happened, at a whole second.
type Happening struct {
	At    time.Time
	Who   *Person
	What  What
	Field string  // of the profile
	Luck  float64 // 0 to 1: decides what a platform makes of it, such as which page was edited
}

func byTime(a, b Happening) int             { return a.At.Compare(b.At) }
func isBefore(h Happening, t time.Time) int { return h.At.Compare(t) }

// An Organisation is some 240 people who work, read, search and write, described by rates. All of it follows from
// the seed, and from which day is today.
type Organisation struct {
	seed    uint64
	moved   time.Time
	broken  time.Time
	people  []*Person
	changes []Happening // of people and profiles, and what the wiki began with, by time
}

// NewOrganisation returns the organisation of a seed, as it is when looked at today.
func NewOrganisation(seed uint64, today time.Time) *Organisation {
	y, m, d := today.In(founded.Location()).Date()
	o := &Organisation{
		seed:   seed,
		moved:  time.Date(y, m, d-movedBefore, 7, 0, 0, 0, founded.Location()),
		broken: time.Date(y, m, d-brokenBefore, 6, 0, 0, 0, founded.Location()),
	}
	seat := 0
	for i := range departments {
		for range departments[i].seats {
			o.fill(seat, &departments[i], today.AddDate(2, 0, 0))
			seat++
		}
	}
	slices.SortStableFunc(o.changes, byTime)
	r := o.random(-1, 0)
	first := o.changes[0]
	for range 300 { // pages that were imported from an older wiki
		o.changes = append(o.changes, Happening{At: first.At, Who: first.Who, What: Created, Luck: r.Float64()})
	}
	slices.SortStableFunc(o.changes, byTime)
	return o
}

// fill lets people follow each other in one seat.
func (o *Organisation) fill(seat int, d *department, until time.Time) {
	r := o.random(seat, -1)
	comes := 0.0 // in days since the foundation
	if r.Float64() < growth {
		comes = r.Float64() * 1000
	}
	for n := 0; founded.AddDate(0, 0, int(comes)).Before(until); n++ {
		p := &Person{ID: 1000 + 50*seat + n, Name: name(d, seat, n), Kind: d.kind, department: d}
		p.joined = workday(comes).Add(9 * time.Hour)
		stays := r.ExpFloat64() * 365 / turnover
		if isHuman := strings.Contains(p.Name, " "); isHuman && comes+stays < 20000 {
			p.left = workday(comes + stays + 1).Add(17*time.Hour + 30*time.Minute)
		}
		switch x := r.Float64(); { // three in five work full time
		case x < 0.25:
			p.off[1+r.IntN(5)] = true
		case x < 0.4:
			p.off[1+r.IntN(2)], p.off[4+r.IntN(2)] = true, true
		}
		p.keen = math.Exp(0.6*r.NormFloat64() - 0.18)
		if r.Float64() < d.absent {
			p.keen = 0
		}
		p.writes = r.Float64() < d.writers
		o.people = append(o.people, p)
		o.tellLife(p, r)
		if p.left.IsZero() {
			return
		}
		comes += stays + 7 + 50*r.Float64() // until a successor is found
	}
}

// tellLife notes what changes about a person: comes, fills in a profile, moves, goes.
func (o *Organisation) tellLife(p *Person, r *rand.Rand) {
	add := func(at time.Time, what What, field string) {
		if p.left.IsZero() || !at.After(p.left) {
			o.changes = append(o.changes, Happening{At: at.Truncate(time.Second), Who: p, What: what, Field: field})
		}
	}
	later := func(at time.Time, days float64) time.Time {
		return at.Add(time.Hour + time.Duration(days*float64(24*time.Hour)))
	}
	add(p.joined, Joined, "")
	for _, f := range profiles {
		fills, days, again := r.Float64() < f.share, r.ExpFloat64()*f.days, r.ExpFloat64()*phoneAgain
		if !fills || p.Kind != "employee" && p.Kind != "external" {
			continue
		}
		at := later(p.joined, days)
		add(at, Filled, f.field)
		if f.field == "phone" && p.department.moved && at.Before(o.moved) {
			add(o.moved, Cleared, f.field)
			add(later(o.moved, again), Filled, f.field)
		}
	}
	if !p.left.IsZero() {
		add(p.left, Left, "")
	}
}

// day returns what happened on the date that begins at midnight, by time.
func (o *Organisation) day(midnight time.Time) []Happening {
	next := midnight.AddDate(0, 0, 1)
	first, _ := slices.BinarySearchFunc(o.changes, midnight, isBefore)
	last, _ := slices.BinarySearchFunc(o.changes, next, isBefore)
	all := slices.Clone(o.changes[first:last])
	number := midnight.Year()*1000 + midnight.YearDay()
	for _, p := range o.people {
		if !p.joined.Before(next) || !p.left.IsZero() && !p.left.After(midnight) || p.keen == 0 {
			continue
		}
		r := o.random(p.ID, number)
		pace := o.presence(p, midnight, r) * p.keen
		if pace == 0 {
			continue
		}
		if midnight.Sub(p.joined) < 28*24*time.Hour {
			pace *= 1.4 // everything is new
		}
		some := func(what What, rate float64) {
			for range poisson(r, rate) {
				// Between eight and six, most of it around one.
				at := 8*time.Hour + time.Duration((r.Float64()+r.Float64())*5*float64(time.Hour))
				h := Happening{At: clock(midnight, at), Who: p, What: what, Luck: r.Float64()}
				if h.What == Searched && h.Luck >= o.finds(h.At) {
					h.What = SearchedInVain
				}
				if !h.At.Before(p.joined) && (p.left.IsZero() || h.At.Before(p.left)) {
					all = append(all, h)
				}
			}
		}
		for _, habit := range habits {
			some(habit.what, habit.rate*pace*p.department.pace)
		}
		some(Published, p.department.news*pace)
		if p.writes {
			some(Edited, p.department.edits*pace)
			some(Created, p.department.edits*pace*0.12)
		}
	}
	slices.SortStableFunc(all, func(a, b Happening) int { return cmp.Or(byTime(a, b), cmp.Compare(a.What, b.What)) })
	return all
}

// finds is the share of the searches at a time that find something.
func (o *Organisation) finds(at time.Time) float64 {
	if at.Before(o.broken) {
		return finds
	}
	return findsBroken
}

// presence says how much of a person is there on a day: 0 is away.
func (o *Organisation) presence(p *Person, midnight time.Time, r *rand.Rand) float64 {
	weekday := midnight.Weekday()
	switch {
	case isFree(midnight):
		if r.Float64() < p.department.weekend {
			return 0.5
		}
		return 0
	case p.Kind == "service" || p.Kind == "bot":
		return 1
	}
	monday := midnight.AddDate(0, 0, -(int(weekday)+6)%7)
	week := o.random(p.ID, -monday.Year()*1000-monday.YearDay())
	onLeave := week.Float64() < leave(monday)
	sick := week.Float64() < 0.09
	from, days := time.Weekday(1+week.IntN(5)), time.Weekday(1+week.IntN(4))
	switch {
	case onLeave, p.off[weekday], sick && weekday >= from && weekday < from+days:
		return 0
	case midnight.Month() == time.July, midnight.Month() == time.August:
		return 0.85 // who is there takes it easy
	}
	return 1
}

// leave is the share of the people who are on leave in the week of a Monday.
func leave(monday time.Time) float64 {
	switch date := int(monday.Month())*100 + monday.Day(); {
	case date >= 1219 || date == 101:
		return 0.6
	case date >= 710 && date <= 822:
		return 0.45
	case date >= 218 && date <= 224, date >= 425 && date <= 501, date >= 1012 && date <= 1018: // school holidays
		return 0.25
	}
	return 0.06
}

// random returns the dice of one person on one day. Those of others and of other days do not move them.
func (o *Organisation) random(who, when int) *rand.Rand {
	mix := func(x uint64) uint64 { // splitmix64: neighbours become strangers
		x += 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		return x ^ x>>31
	}
	return rand.New(rand.NewPCG(mix(o.seed^mix(uint64(who))), mix(uint64(when))))
}

// poisson returns how often something happened that happens rate times on average.
func poisson(r *rand.Rand, rate float64) int {
	n := 0
	for p, end := r.Float64(), math.Exp(-rate); p > end; n++ {
		p *= r.Float64()
	}
	return n
}

// A Feed tells the history of an organisation in order, and goes on as time does.
type Feed struct {
	organisation *Organisation
	midnight     time.Time // of the next day to tell of
	pending      []Happening
}

// Feed returns the whole history, from the foundation on.
func (o *Organisation) Feed() *Feed { return &Feed{organisation: o, midnight: founded} }

// Until tells what happened before t and was not told yet.
func (f *Feed) Until(t time.Time) []Happening {
	var told []Happening
	for {
		n, _ := slices.BinarySearchFunc(f.pending, t, isBefore)
		told = append(told, f.pending[:n]...)
		f.pending = f.pending[n:]
		if len(f.pending) > 0 || !f.midnight.Before(t) {
			return told
		}
		f.pending = f.organisation.day(f.midnight)
		f.midnight = f.midnight.AddDate(0, 0, 1)
	}
}
