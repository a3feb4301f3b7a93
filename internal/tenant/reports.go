package tenant

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A report is one of Graph's usage reports, with its columns as the documentation lists them.
type report struct {
	product Product // without it the body has a header alone; none: of all products
	columns string
	detail  bool // may be asked for one day, too
	rows    func(t *Tenant, p period) [][]string
}

// A period is what a report is computed for: the days up to and with the refresh date.
type period struct {
	refreshed time.Time
	days      int
}

// end is the moment that a period ends before.
func (p period) end() time.Time { return p.refreshed.Add(day) }

var reports = map[string]report{
	"getOffice365ServicesUserCounts": {"", "Report Refresh Date,Exchange Active,Exchange Inactive,OneDrive Active,OneDrive Inactive,SharePoint Active,SharePoint Inactive," +
		"Skype For Business Active,Skype For Business Inactive,Yammer Active,Yammer Inactive,Teams Active,Teams Inactive,Office 365 Active,Office 365 Inactive,Report Period",
		false, services},
	"getOffice365ActiveUserCounts": {"", "Report Refresh Date,Office 365,Exchange,OneDrive,SharePoint,Skype For Business,Yammer,Teams,Report Date,Report Period",
		false, trend(func(t *Tenant, n *nightly) [][]string {
			sharePoint, engage := t.cell(SharePoint, len(n.active[SharePoint])), t.cell(Engage, len(n.active[Engage]))
			all := union(n.active[SharePoint], n.active[Engage])
			return [][]string{{number(len(all)), number(2 * len(all)), number(len(all) / 2), sharePoint, "", engage, number(len(all))}}
		})},
	"getSharePointSiteUsagePages": {SharePoint, "Report Refresh Date,Site Type,Page View Count,Report Date,Report Period", false, trend(siteUsagePages)},
	"getSharePointActivityPages": {SharePoint, "Report Refresh Date,Visited Page Count,Report Date,Report Period", false,
		trend(func(_ *Tenant, n *nightly) [][]string { return [][]string{{number(len(n.pages))}} })},
	"getSharePointActivityUserCounts": {SharePoint, "Report Refresh Date,Visited Page,Viewed Or Edited,Synced,Shared Internally,Shared Externally,Report Date,Report Period",
		false, trend(func(_ *Tenant, n *nightly) [][]string {
			return [][]string{n.users(viewed, edited, synced, sharedInside, sharedOutside)}
		})},
	"getSharePointActivityFileCounts": {SharePoint, "Report Refresh Date,Viewed Or Edited,Synced,Shared Internally,Shared Externally,Report Date,Report Period",
		false, trend(func(_ *Tenant, n *nightly) [][]string {
			return [][]string{n.counts(edited, synced, sharedInside, sharedOutside)}
		})},
	"getYammerActivityCounts": {Engage, "Report Refresh Date,Liked,Posted,Read,Report Date,Report Period", false,
		trend(func(_ *Tenant, n *nightly) [][]string { return [][]string{n.counts(liked, posted, read)} })},
	"getYammerActivityUserCounts": {Engage, "Report Refresh Date,Liked,Posted,Read,Report Date,Report Period", false,
		trend(func(_ *Tenant, n *nightly) [][]string { return [][]string{n.users(liked, posted, read)} })},
	"getSharePointSiteUsageDetail": {SharePoint, "Report Refresh Date,Site Id,Site URL,Owner Display Name,Is Deleted,Last Activity Date,File Count,Active File Count," +
		"Page View Count,Visited Page Count,Storage Used (Byte),Storage Allocated (Byte),Root Web Template,Owner Principal Name,Report Period", true, siteDetail},
	"getSharePointActivityUserDetail": {SharePoint, "Report Refresh Date,User Principal Name,Is Deleted,Deleted Date,Last Activity Date,Viewed Or Edited File Count," +
		"Synced File Count,Shared Internally File Count,Shared Externally File Count,Visited Page Count,Assigned Products,Report Period", true, userDetail},
}

// A nightly is what the vendor's nightly run keeps of a day, for the reports of the days to come.
type nightly struct {
	at     time.Time
	active map[Product]map[int32]bool // licensed people who did something
	done   map[verb]map[int32]int     // how often licensed people did what
	pages  map[int32]map[int32]bool   // who visited a page, of those with a licence
	views  map[string]map[int32]int   // by site type and page, of everybody
}

// night runs the vendor's count of a day, once when it is over.
func (t *Tenant) night(d time.Time) *nightly {
	empty := &nightly{d, map[Product]map[int32]bool{}, map[verb]map[int32]int{}, map[int32]map[int32]bool{}, map[string]map[int32]int{}}
	i := int(d.Sub(t.first) / day)
	if d.Before(t.first) || i >= len(t.days) {
		return empty
	}
	if t.nights[i] != nil {
		return t.nights[i]
	}
	n := empty
	for _, a := range t.days[i].acts {
		if a.at.After(t.now()) {
			return n
		}
		if a.verb == viewed {
			increment(n.views, t.sites[t.pages[a.page].site].kind, a.page)
		}
		if !t.accounts[a.who].licensed(a.verb.product(), a.at) {
			continue
		}
		increment(n.done, a.verb, a.who)
		add(n.active, a.verb.product(), a.who)
		if a.verb == viewed {
			add(n.pages, a.page, a.who)
		}
	}
	t.nights[i] = n
	return n
}

func add[K comparable](to map[K]map[int32]bool, key K, who int32) {
	if to[key] == nil {
		to[key] = map[int32]bool{}
	}
	to[key][who] = true
}

func increment[K comparable](in map[K]map[int32]int, key K, who int32) {
	if in[key] == nil {
		in[key] = map[int32]int{}
	}
	in[key][who]++
}

func union(sets ...map[int32]bool) map[int32]bool {
	all := map[int32]bool{}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

func (n *nightly) users(verbs ...verb) (cells []string) {
	for _, v := range verbs {
		cells = append(cells, number(len(n.done[v])))
	}
	return cells
}

func (n *nightly) counts(verbs ...verb) (cells []string) {
	for _, v := range verbs {
		cells = append(cells, number(sum(n.done[v])))
	}
	return cells
}

func sum(of map[int32]int) (all int) {
	for _, n := range of {
		all += n
	}
	return all
}

// cell is a number of a product, blank where the tenant does not have it.
func (t *Tenant) cell(p Product, n int) string {
	if t.s.Without[p] {
		return ""
	}
	return number(n)
}

func number(n int) string { return strconv.Itoa(n) }

func date(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.DateOnly)
}

// trend has the rows of each day of the period, the newest first.
func trend(rows func(*Tenant, *nightly) [][]string) func(*Tenant, period) [][]string {
	return func(t *Tenant, p period) (all [][]string) {
		for i := range p.days {
			if i > 0 && i == t.s.MissingDay {
				continue
			}
			d := p.refreshed.Add(-time.Duration(i) * day)
			for _, cells := range rows(t, t.night(d)) {
				all = append(all, slices.Concat([]string{date(p.refreshed)}, t.blank(i, cells), []string{date(d), number(p.days)}))
			}
		}
		if t.s.ExtraBlankDay {
			for _, cells := range rows(t, t.night(p.end())) {
				all = slices.Insert(all, 0, slices.Concat([]string{date(p.refreshed)}, t.blank(-1, cells), []string{date(p.end()), number(p.days)}))
			}
		}
		return all
	}
}

// blank takes the numbers out of the newest days, if that is switched on.
func (t *Tenant) blank(daysBefore int, cells []string) []string {
	if daysBefore >= t.s.BlankDays {
		return cells
	}
	cells = slices.Clone(cells)
	for i, cell := range cells {
		if _, err := strconv.Atoi(cell); err == nil {
			cells[i] = ""
		}
	}
	return cells
}

func siteUsagePages(t *Tenant, n *nightly) (rows [][]string) {
	for _, kind := range t.s.SiteTypes {
		views := 0
		for of, pages := range n.views {
			if kind == "All" || kind == of {
				views += sum(pages)
			}
		}
		rows = append(rows, []string{kind, number(views)})
	}
	return rows
}

// services counts those who did something in the period, with who has been deleted meanwhile, and who has a licence on its last day and did nothing.
func services(t *Tenant, p period) [][]string {
	count := func(products ...Product) (active, inactive int) {
		seen := map[int32]bool{}
		for i := range p.days {
			for _, product := range products {
				maps.Copy(seen, t.night(p.refreshed.Add(-time.Duration(i) * day)).active[product])
			}
		}
		for i := range t.accounts {
			a := &t.accounts[i]
			if seen[int32(i)] {
				if a.deleted.IsZero() || a.deleted.After(p.end().Add(-30*day)) { // usage of the deleted is removed within 30 days
					active++
				}
			} else if slices.ContainsFunc(products, func(product Product) bool { return a.licensed(product, p.end()) }) {
				inactive++
			}
		}
		return active, inactive
	}
	all, none := count(SharePoint, Engage)
	sharePoint, noSharePoint := count(SharePoint)
	engage, noEngage := count(Engage)
	return [][]string{{
		date(p.refreshed), number(all + 1), number(none), number(all / 2), number(all - all/2 + none),
		t.cell(SharePoint, sharePoint), t.cell(SharePoint, noSharePoint), "", "", t.cell(Engage, engage), t.cell(Engage, noEngage),
		number(all), number(none), number(all), number(none), number(p.days),
	}}
}

// siteDetail has no addresses, as the vendor's has not had any since 2023.
func siteDetail(t *Tenant, p period) (rows [][]string) {
	for i, s := range t.sites {
		views, visited, last := 0, map[int32]bool{}, time.Time{}
		for d := range p.days {
			at := p.refreshed.Add(-time.Duration(d) * day)
			for _, pages := range t.night(at).views {
				for pg, n := range pages {
					if t.pages[pg].site == i {
						views, visited[pg] = views+n, true
						if at.After(last) {
							last = at
						}
					}
				}
			}
		}
		id, owner, name := strings.Split(s.id, ",")[1], "Owner of "+s.title, "owner."+s.name+"@"+t.o.Domain
		if t.s.ConcealNames {
			id, owner, name = hash(id), hash(owner), hash(name)
		}
		rows = append(rows, []string{
			date(p.refreshed), id, "", owner, "False", date(last), number(40 + i), number(i), number(views), number(len(visited)), "123456789", "27487790694400", s.template, name, number(p.days),
		})
	}
	return rows
}

// userDetail has those who are there and have a licence, or had one in the period.
func userDetail(t *Tenant, p period) (rows [][]string) {
	done := map[int32]map[verb]int{}
	last := map[int32]time.Time{}
	for d := range p.days {
		at := p.refreshed.Add(-time.Duration(d) * day)
		for v, people := range t.night(at).done {
			for who, n := range people {
				if v.product() != SharePoint {
					continue
				}
				if done[who] == nil {
					done[who] = map[verb]int{}
				}
				done[who][v] += n
				if at.After(last[who]) {
					last[who] = at
				}
			}
		}
	}
	for i := range t.accounts {
		a := &t.accounts[i]
		licensed := a.licensed(SharePoint, p.end())
		if !a.exists(p.end()) || !licensed && done[int32(i)] == nil {
			continue
		}
		gone, since := "False", ""
		if !licensed { // the report calls those deleted who lost the licence
			gone, since = "True", date(a.licence.to)
		}
		name, did := a.upn, done[int32(i)]
		if t.s.ConcealNames {
			name = hash(name)
		}
		rows = append(rows, []string{
			date(p.refreshed), name, gone, since, date(last[int32(i)]), number(did[edited]), number(did[synced]), number(did[sharedInside]), number(did[sharedOutside]),
			number(did[viewed]), "MICROSOFT 365 E3+ENTRA ID P1, TRIAL", number(p.days),
		})
	}
	return rows
}

func hash(s string) string {
	h := fnv.New128a()
	h.Write([]byte(s)) // never fails
	return fmt.Sprintf("%X", h.Sum(nil))
}

// render makes the file of a report, and its tag.
func (t *Tenant) render(name string, p period) (body []byte, tag string) {
	of := reports[name]
	header := strings.Split(of.columns, ",")
	var rows [][]string
	if !t.s.Without[of.product] {
		rows = of.rows(t, p)
	}
	table := append([][]string{header}, rows...)
	if t.s.ExtraColumns {
		for i := range table {
			extra := "7"
			if i == 0 {
				extra = "Link Count, Anyone"
			}
			table[i] = slices.Insert(slices.Clone(table[i]), 1, extra)
		}
	}
	if t.s.Reordered {
		for i := range table {
			table[i] = slices.Clone(table[i])
			slices.Reverse(table[i])
		}
	}
	for i, column := range table[0] {
		if column == t.s.Renamed[0] {
			table[0][i] = t.s.Renamed[1]
		}
	}
	b := bytes.NewBufferString("\ufeff")
	w := csv.NewWriter(b)
	w.UseCRLF = true
	if err := w.WriteAll(table); err != nil {
		panic(err) // a buffer takes everything
	}
	sum := fnv.New64a()
	sum.Write(b.Bytes()) // never fails
	return b.Bytes(), fmt.Sprintf("%q", strconv.FormatUint(sum.Sum64(), 16))
}
