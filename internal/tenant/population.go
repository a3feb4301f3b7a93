package tenant

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// An account is somebody or something in the directory.
type account struct {
	id, upn, mail           string
	given, surname, name    string
	title, department, city string
	office, mobile, company string
	phones                  []string
	guest, synced, untyped  bool
	created                 time.Time
	disabled, deleted       time.Time // zero: never
	licence                 span
	plan                    plan
	zeal                    float64 // how often somebody is there, 0-1
}

// A span is the time from one moment to before another; without the second it has no end, without the first it never was.
type span struct{ from, to time.Time }

func (s span) holds(at time.Time) bool {
	return !s.from.IsZero() && !at.Before(s.from) && (s.to.IsZero() || at.Before(s.to))
}

// A plan is what a licence includes.
type plan struct {
	sku      string
	products []Product
	disabled []string // service plans that are switched off
}

var plans = []plan{
	{"6fd2c87f-b296-42f0-b197-1e91e994b900", []Product{SharePoint, Engage}, nil},
	{"6fd2c87f-b296-42f0-b197-1e91e994b900", []Product{SharePoint}, []string{"7547a3fe-08ee-4ccb-b430-5077c5041653"}},
	{"4b585984-651b-448a-9e53-3b10f069cf7f", []Product{Engage}, []string{"902b47e5-dcb2-4fdc-858b-c63a90a2bdb9"}},
	{"4b9405b0-7788-4568-add1-99614e613b69", nil, nil}, // mail only
}

func (a *account) exists(at time.Time) bool {
	return !at.Before(a.created) && (a.deleted.IsZero() || at.Before(a.deleted))
}

func (a *account) enabled(at time.Time) bool { return a.disabled.IsZero() || at.Before(a.disabled) }

func (a *account) licensed(p Product, at time.Time) bool {
	return a.exists(at) && a.licence.holds(at) && slices.Contains(a.plan.products, p)
}

// works says whether somebody can do something at all.
func (a *account) works(at time.Time) bool { return a.exists(at) && a.enabled(at) }

var (
	givenNames  = []string{"Aisha", "Bram", "Chloé", "Daan", "Eva", "Fatima", "Gijs", "Hanna", "Ibrahim", "Jürgen", "Kees", "Liv", "Mo", "Noor", "Olga"}
	surnames    = []string{"Ackermann", "Bakker", "de Boer", "Çelik", "Dijkstra", "O'Neill", "Jansen", "Kuiper", "van den Berg", "Smith", "Øster", "Żak"}
	titles      = []string{"Adviser", "Engineer", "Head of Care", "Nurse", "Planner, nights"}
	departments = []string{"Care", "Finance", "IT & Data", "People", "Board"}
	cities      = []string{"Utrecht", "Den Haag", "München"}
)

// populate makes the accounts, with everything that will ever happen to them, the sites and their first pages.
func (t *Tenant) populate() {
	r := rand.New(rand.NewPCG(t.seed, 0))
	t.accounts = make([]account, t.o.Users)
	t.index = make(map[string]int32, t.o.Users)
	for i := range t.accounts {
		a := &t.accounts[i]
		t.makeAccount(r, a, i)
		t.index[a.id] = int32(i)
	}
	t.makeSites(r)
}

func (t *Tenant) makeAccount(r *rand.Rand, a *account, i int) {
	a.id = guid(r)
	a.given, a.surname = pick(r, givenNames), pick(r, surnames)
	a.name = a.given + " " + a.surname
	a.zeal = r.Float64() * r.Float64() * 2
	a.created = t.first.Add(-time.Duration(1+r.IntN(1500)) * day).Add(time.Duration(r.IntN(86400)) * time.Second)
	local := strings.NewReplacer(" ", "", "'", "", "é", "e", "Ç", "C", "ç", "c", "ü", "u", "Ø", "O", "Ż", "Z").
		Replace(strings.ToLower(a.given+"."+a.surname)) + fmt.Sprint(i)

	// The first of some twenty accounts are one of each kind; the others are drawn.
	kind := r.IntN(100)
	if i < 20 {
		kind = i * 5
	}
	if kind >= 90 {
		a.guest = true
		a.mail = local + "@fabrikam.example"
		a.upn = local + "_fabrikam.example#EXT#@" + t.o.Domain
		a.company = "Fabrikam"
		return
	}
	a.upn = local + "@" + t.o.Domain
	a.synced = r.IntN(3) == 0
	a.untyped = t.o.NullUserTypes && r.IntN(20) == 0
	if kind >= 84 { // a shared mailbox or a room
		a.name, a.given, a.surname, a.mail = fmt.Sprintf("Room %d", i), "", "", a.upn
		a.office = "Building " + fmt.Sprint(i%7)
		return
	}
	switch r.IntN(10) {
	case 0:
		a.mail = ""
	case 1:
		a.mail = local + "@mail.contoso.example"
	case 2:
		a.upn = strings.ToUpper(a.upn)
		a.mail = a.upn
	default:
		a.mail = a.upn
	}
	fill(r, &a.title, titles, 80)
	fill(r, &a.department, departments, 90)
	fill(r, &a.city, cities, 60)
	fill(r, &a.company, []string{"Contoso"}, 95)
	if r.IntN(100) < 70 {
		a.office = fmt.Sprintf("%d/%d", 1+r.IntN(30), 1000+r.IntN(2000))
	}
	if r.IntN(100) < 50 {
		a.mobile = fmt.Sprintf("+31 6 %08d", r.IntN(100000000))
	}
	if r.IntN(100) < 40 {
		a.phones = []string{fmt.Sprintf("+31 30 %07d", r.IntN(10000000))}
	}

	a.licence.from = a.created
	a.plan = plans[0]
	if n := r.IntN(100); n < 20 {
		a.plan = plans[1+n%3]
	}
	// What happens once: somebody joins, leaves, or loses the licence, before the clock starts or after.
	moment := func() time.Time {
		return t.first.Add(time.Duration(r.IntN(t.o.Days+90))*day + time.Duration(r.IntN(86400))*time.Second)
	}
	switch {
	case kind < 5:
		a.created = moment()
		a.licence.from = a.created.Add(time.Duration(r.IntN(72)) * time.Hour)
	case kind < 10:
		a.disabled = moment()
		if r.IntN(2) == 0 {
			a.deleted = a.disabled.Add(time.Duration(1+r.IntN(30*24)) * time.Hour)
		}
		if r.IntN(2) == 0 {
			a.licence.to = a.disabled
		}
	case kind < 15:
		a.licence.to = moment()
	case kind < 18:
		a.disabled = t.first.Add(-time.Duration(r.IntN(300)) * day)
	}
}

func fill(r *rand.Rand, field *string, from []string, percent int) {
	if r.IntN(100) < percent {
		*field = pick(r, from)
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// guid makes an id of version 4.
func guid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}

// A site of SharePoint.
type site struct {
	id, name, path, title string
	kind                  string // as Site Type has it in reports
	template              string // as Root Web Template has it
	busy                  int    // how much happens there
}

// A page of a site.
type page struct {
	id, name, title string
	site            int
	news            bool
	author          int32 // -1: an application
	created         time.Time
	published       time.Time // zero: a draft
	changed         []time.Time
	editor          int32
	deleted         time.Time
	redraft         time.Time // since when a newer version is being written
}

// modified is when a page was last saved, which publishing does, too.
func (p *page) modified(at time.Time) time.Time {
	last := p.created
	for _, saved := range append([]time.Time{p.published}, p.changed...) {
		if saved.After(last) && !saved.After(at) {
			last = saved
		}
	}
	return last
}

func (p *page) exists(at time.Time) bool {
	return !at.Before(p.created) && (p.deleted.IsZero() || at.Before(p.deleted))
}

// open says whether readers can see a page.
func (p *page) open(at time.Time) bool {
	return p.exists(at) && !p.published.IsZero() && !at.Before(p.published)
}

func (t *Tenant) makeSites(r *rand.Rand) {
	host := strings.TrimSuffix(t.o.Domain, ".onmicrosoft.com") + ".sharepoint.com"
	for _, s := range []site{
		{name: "root", path: "", title: "Intranet", kind: "Communication", template: "Communication Site", busy: 5},
		{name: "news", path: "sites/news", title: "News", kind: "Communication", template: "Communication Site", busy: 8},
		{name: "people", path: "sites/PeopleAndCulture", title: "People & culture", kind: "Group", template: "Group", busy: 3},
		{name: "archive", path: "teams/archive", title: "Archive", kind: "Group", template: "Team Site", busy: 0},
	} {
		s.id = host + "," + guid(r) + "," + guid(r)
		t.sites = append(t.sites, s)
		for range 12 + 3*s.busy {
			created := t.first.Add(-time.Duration(r.IntN(800*24)) * time.Hour).Add(-time.Minute)
			p := t.newPage(r, len(t.sites)-1, created)
			if r.IntN(6) > 0 {
				p.published = created.Add(time.Duration(r.IntN(50)) * time.Second)
				for range r.IntN(3) {
					p.changed = append(p.changed, created.Add(time.Duration(r.Int64N(int64(t.first.Sub(created)))).Truncate(time.Second)))
				}
				slices.SortFunc(p.changed, time.Time.Compare)
			}
			t.pages = append(t.pages, p)
		}
	}
}

// newPage makes a draft that was written by a person or, now and then, by an application.
func (t *Tenant) newPage(r *rand.Rand, s int, created time.Time) page {
	n := len(t.pages)
	p := page{
		id: guid(r), name: fmt.Sprintf("%s-%d.aspx", strings.ToLower(pick(r, departments)[:2]), n), title: fmt.Sprintf("What %s does, part %d", pick(r, departments), n),
		site: s, news: r.IntN(3) == 0, created: created.Truncate(time.Second), author: int32(r.IntN(len(t.accounts))), editor: int32(r.IntN(len(t.accounts))),
	}
	if r.IntN(8) == 0 || !t.accounts[p.author].licensed(SharePoint, created) {
		p.author = -1
	}
	return p
}
