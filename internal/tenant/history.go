package tenant

import (
	"math/rand/v2"
	"slices"
	"time"
)

// A history is what happened on one day.
type history struct {
	acts    []act
	signIns []signIn
}

// An act is something that somebody did in a product.
type act struct {
	at   time.Time
	who  int32
	verb verb
	page int32 // of viewed
}

type verb uint8

const (
	viewed verb = iota // a page
	edited             // or looked at a file
	synced
	sharedInside
	sharedOutside
	posted
	read
	liked
)

func (v verb) product() Product {
	if v >= posted {
		return Engage
	}
	return SharePoint
}

// A signIn is an attempt to sign in to an application.
type signIn struct {
	at          time.Time
	id          string
	who         int32 // -1: an account that there is not
	app         string
	code        int  // 0: it worked
	listed      bool // v1.0 lists interactive sign-ins, and successful federated ones
	interactive bool // interactive
	abroad      bool // in another tenant, by one of ours
	delay       int  // in thousandths of the longest
	guest       bool // homeTenantId is another one
}

// Applications that people sign in to.
const (
	SharePointApp = "00000003-0000-0ff1-ce00-000000000000"
	EngageApp     = "00000005-0000-0ff1-ce00-000000000000"
	OutlookApp    = "00000002-0000-0ff1-ce00-000000000000"
)

var apps = []string{SharePointApp, EngageApp, OutlookApp}

var appNames = map[string]string{SharePointApp: "Office 365 SharePoint Online", EngageApp: "Office 365 Yammer", OutlookApp: "Office 365 Exchange Online"}

// play lets history happen until today. A day depends on the seed and on the days before it, and not on when it is asked for.
func (t *Tenant) play() {
	for today := midnight(t.now()); ; {
		next := t.first.Add(time.Duration(len(t.days)) * day)
		if next.After(today) {
			return
		}
		t.days = append(t.days, t.playDay(next))
		t.nights = append(t.nights, nil)
	}
}

func (t *Tenant) playDay(d time.Time) history {
	r := rand.New(rand.NewPCG(t.seed, 1+uint64(d.Unix())))
	t.write(r, d)
	readable := make([][]int32, len(t.sites))
	for i := range t.pages {
		if t.pages[i].open(d) || t.pages[i].exists(d) && r.IntN(10) == 0 { // writers look at drafts
			readable[t.pages[i].site] = append(readable[t.pages[i].site], int32(i))
		}
	}
	var visits []int // sites, the busy ones more often
	for i, pages := range readable {
		for range min(t.sites[i].busy*t.sites[i].busy, len(pages)*100) {
			visits = append(visits, i)
		}
	}

	var h history
	share := min(0.6, 1500/float64(len(t.accounts)))
	if wd := d.Weekday(); wd == time.Saturday || wd == time.Sunday {
		share /= 8
	}
	for i := range t.accounts {
		if r.Float64() < share*t.accounts[i].zeal {
			t.live(r, &h, d, int32(i), readable, visits)
		}
	}
	t.attack(r, &h, d)
	slices.SortFunc(h.acts, func(a, b act) int { return a.at.Compare(b.at) })
	slices.SortFunc(h.signIns, func(a, b signIn) int { return a.at.Compare(b.at) })
	return h
}

// write lets people make, publish, change and delete pages on a day.
func (t *Tenant) write(r *rand.Rand, d time.Time) {
	for s := range t.sites {
		for range r.IntN(1 + t.sites[s].busy/2) {
			p := t.newPage(r, s, moment(r, d))
			if r.IntN(5) > 0 {
				p.published = p.created.Add(time.Duration(r.IntN(3*3600)) * time.Second)
			}
			t.pages = append(t.pages, p)
		}
	}
	for i := range t.pages {
		p := &t.pages[i]
		if !p.exists(d) || t.sites[p.site].busy == 0 {
			continue
		}
		switch n := r.IntN(100); {
		case n < 1:
			p.deleted = moment(r, d)
		case n < 6 && p.open(d):
			for range 1 + r.IntN(3) {
				p.changed = append(p.changed, moment(r, d).Truncate(time.Second))
			}
			slices.SortFunc(p.changed, time.Time.Compare)
			p.editor = int32(r.IntN(len(t.accounts)))
			if t.o.Redrafts && r.IntN(3) == 0 {
				p.redraft = p.changed[len(p.changed)-1]
			}
		}
	}
}

// live lets one account have a day.
func (t *Tenant) live(r *rand.Rand, h *history, d time.Time, who int32, readable [][]int32, visits []int) {
	a := &t.accounts[who]
	did := func(v verb, page int32) {
		at := moment(r, d)
		// Who has lost the licence may still look, by what others share with him. The reports do not count that.
		if a.works(at) && (a.licensed(v.product(), at) || v == viewed) {
			h.acts = append(h.acts, act{at, who, v, page})
		}
	}
	if a.licence.from.IsZero() && !a.guest { // rooms and shared mailboxes
		return
	}
	for range 1 + r.IntN(6) {
		if len(visits) > 0 && r.IntN(4) > 0 {
			did(viewed, pick(r, readable[pick(r, visits)]))
		}
	}
	for v := edited; v <= liked; v++ {
		if r.IntN(4) == 0 {
			for range 1 + r.IntN(4) {
				did(v, 0)
			}
		}
	}
	for range 1 + r.IntN(3) {
		s := signIn{at: moment(r, d), id: guid(r), who: who, app: pick(r, apps), listed: true, interactive: true, delay: r.IntN(1000), guest: a.guest}
		switch r.IntN(12) {
		case 0:
			s.code = pick(r, []int{50126, 50074, 53003, 65001})
		case 1:
			s.interactive = false // federated
		case 2:
			s.interactive, s.listed = false, false // a token was renewed
		case 3:
			s.abroad = !a.guest && r.IntN(3) == 0
		}
		if a.works(s.at) {
			h.signIns = append(h.signIns, s)
		}
	}
}

// attack lets strangers try passwords, of leavers too.
func (t *Tenant) attack(r *rand.Rand, h *history, d time.Time) {
	for range r.IntN(4) {
		s := signIn{at: moment(r, d), id: guid(r), who: -1, app: pick(r, apps), code: 50034, listed: true, interactive: true, delay: r.IntN(1000)}
		if i := r.IntN(len(t.accounts)); t.accounts[i].exists(s.at) && !t.accounts[i].enabled(s.at) {
			s.who, s.code = int32(i), 50057
		}
		h.signIns = append(h.signIns, s)
	}
}

// moment is a time of a day, mostly of office hours, and sometimes its very first or last one.
func moment(r *rand.Rand, d time.Time) time.Time {
	switch r.IntN(40) {
	case 0:
		return d
	case 1:
		return d.Add(day - time.Millisecond)
	case 2, 3, 4:
		return d.Add(time.Duration(r.IntN(86400000)) * time.Millisecond)
	}
	return d.Add(7*time.Hour + time.Duration(r.IntN(11*3600000))*time.Millisecond)
}

// happened calls with the acts in [from, to) that have happened by now.
func (t *Tenant) happened(from, to time.Time, call func(*act)) {
	t.play()
	now := t.now()
	for _, h := range t.within(from, to) {
		for i := range h.acts {
			if a := &h.acts[i]; !a.at.Before(from) && a.at.Before(to) && !a.at.After(now) {
				call(a)
			}
		}
	}
}

// signedIn calls with the sign-ins in [from, to) that have happened by now, oldest first.
func (t *Tenant) signedIn(from, to time.Time, call func(*signIn)) {
	t.play()
	now := t.now()
	for _, h := range t.within(from, to) {
		for i := range h.signIns {
			if s := &h.signIns[i]; !s.at.Before(from) && s.at.Before(to) && !s.at.After(now) {
				call(s)
			}
		}
	}
}

// within are the days that have something of [from, to).
func (t *Tenant) within(from, to time.Time) []history {
	a := clamp(int(midnight(from).Sub(t.first)/day), len(t.days))
	b := clamp(int(midnight(to.Add(day-1)).Sub(t.first)/day), len(t.days))
	return t.days[a:max(a, b)]
}

func clamp(n, upTo int) int { return max(0, min(n, upTo)) }
