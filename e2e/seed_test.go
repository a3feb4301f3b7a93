//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A wikiAccount is an account to be created, as testdata/seed.php reads it.
type wikiAccount struct {
	Name       string   `json:"name"`
	Registered string   `json:"registered"`
	Email      string   `json:"email"`
	Confirmed  bool     `json:"confirmed"`
	Mute       bool     `json:"mute"` // wants no mail from colleagues
	Groups     []string `json:"groups"`
	Block      string   `json:"block"` // "", sitewide, partial
}

// A revision is one save of a page. By is an account's name, the address of somebody who did not sign
// in, or a name that the wiki has no account for.
type revision struct {
	at   time.Time
	by   string
	text string
}

type wikiPage struct {
	title     string
	namespace int
	revisions []revision // in the order of time
}

// A wikiSeed is a wiki's history. It follows from the seed of its random numbers and the present time.
type wikiSeed struct {
	accounts []wikiAccount
	pages    []wikiPage
	deleted  []string // titles of pages that are created and then deleted
}

const (
	wikiPeople = 640 // more than one answer of 500
	botName    = "Sluiswachter bot"
	exBotName  = "Voormalig bot"
	titleWord  = "Wolkenkraan" // in the title of every page; nothing else has it
)

// surnames are in no other text, so that one found in an output is a leak.
var (
	surnames = []string{"Achterbosch", "Bruggeling", "Cranenborgh", "Duinzigt", "Eikelspier", "Fluitekruyd", "Grasdorp", "Hemelrijck",
		"Ijzerdraat", "Jeneverblom", "Kwikstaertz", "Lindenlaer", "Molenschot", "Nachtegaall", "Oeverzwaluw", "Populierz"}
	forenames = []string{"Anna", "Bram", "Carla", "Daan", "Eva", "Faruk", "Gerda", "Hugo", "Ilse", "Jörg",
		"Karin", "Lars", "Mieke", "Nora", "Olaf", "Pïa", "Quinten", "Rosa", "Sven", "Tessa"}
)

func person(i int) string {
	return fmt.Sprintf("%s %s %d", forenames[i%len(forenames)], surnames[i/len(forenames)%len(surnames)], i)
}

func newWikiSeed(seed uint64, now time.Time) *wikiSeed {
	s := &wikiSeed{}
	r := rand.New(rand.NewPCG(seed, 1))
	chance := func(share float64) bool { return r.Float64() < share }
	// Whole seconds, so that many share one; some on the five-minute marks at which data times lie.
	ago := func(longest time.Duration) time.Time {
		at := now.Add(-time.Duration(r.Int64N(int64(longest)))).UTC()
		if chance(0.05) {
			return at.Truncate(5 * time.Minute)
		}
		return at.Truncate(time.Second)
	}
	const day = 24 * time.Hour

	for i := range wikiPeople {
		a := wikiAccount{Name: person(i), Registered: ago(600 * day).Format("20060102150405"), Groups: []string{}}
		if chance(0.8) {
			a.Email, a.Confirmed, a.Mute = fmt.Sprintf("wiki.%d@example.org", i), chance(0.8), chance(0.1)
		}
		switch {
		case i%40 == 7:
			a.Block = "sitewide"
		case i%100 == 11:
			a.Block = "partial"
		}
		s.accounts = append(s.accounts, a)
	}
	s.accounts = append(s.accounts,
		wikiAccount{Name: botName, Registered: "20200101000000", Groups: []string{"bot"}},
		wikiAccount{Name: exBotName, Registered: "20200101000000", Groups: []string{"bot"}},
		wikiAccount{Name: "Svc-Backup Zeekraal", Registered: "20200101000000", Groups: []string{}},
		wikiAccount{Name: exporterAccount, Registered: "20200101000000", Groups: []string{"exporter"}},
	)

	// A few write much, most write little, many never; some have no account, or none here.
	author := func() string {
		switch f := r.Float64(); {
		case f < 0.05:
			return botName
		case f < 0.07:
			return exBotName
		case f < 0.08:
			return "Svc-Backup Zeekraal"
		case f < 0.09:
			return exporterAccount
		case f < 0.12:
			return fmt.Sprintf("10.0.0.%d", r.IntN(250))
		case f < 0.14:
			return "Vertrokken Weideveldt"
		}
		return person(int(float64(wikiPeople) * r.Float64() * r.Float64() * 0.5))
	}
	page := func(title string, namespace, most int, longest time.Duration) wikiPage {
		p := wikiPage{title: title, namespace: namespace}
		at := ago(longest)
		for i := range 1 + r.IntN(most) {
			p.revisions = append(p.revisions, revision{at, author(), fmt.Sprintf("Text %d with a [[Main Page|link]].", i)})
			if at = at.Add(time.Duration(r.Int64N(int64(3 * day)))).Truncate(time.Second); at.After(now.Add(-time.Minute)) {
				break
			}
		}
		return p
	}
	redirect := func() string { return "#REDIRECT [[Main Page]]" }
	for i := range 260 {
		p := page(fmt.Sprintf("%s %d", titleWord, i), 0, 14, 60*day)
		switch {
		case i%20 == 3: // a redirect from the beginning
			p.revisions = p.revisions[:1]
			p.revisions[0].text = redirect()
		case i%20 == 4: // became one
			p.revisions[len(p.revisions)-1].text = redirect()
		case i%20 == 5: // was one
			p.revisions[0].text = redirect()
			p.revisions = append(p.revisions, revision{p.revisions[len(p.revisions)-1].at.Add(time.Second), author(), "A page again."})
		}
		s.pages = append(s.pages, p)
	}
	// One page that alone needs more than one answer, and one with a save at each mark around the windows' starts.
	hot := wikiPage{title: titleWord + " of the day"}
	for i := range 700 {
		hot.revisions = append(hot.revisions, revision{now.Add(-time.Duration(700-i) * 50 * time.Minute).UTC().Truncate(time.Second), author(), fmt.Sprint("Text ", i)})
	}
	marks := wikiPage{title: titleWord + " at the marks"}
	for _, days := range []int{28, 7, 1} {
		mark := now.Add(-time.Duration(days) * day).Truncate(5 * time.Minute).UTC()
		for i := -6; i < 12; i++ {
			marks.revisions = append(marks.revisions, revision{mark.Add(time.Duration(i) * 5 * time.Minute), author(), fmt.Sprint("Text ", days, i)})
		}
	}
	s.pages = append(s.pages, hot, marks)
	for i := range 50 {
		s.pages = append(s.pages, page(fmt.Sprintf("Talk:%s %d", titleWord, i), 1, 4, 30*day))
	}
	for i := range 200 { // user pages, some of them only a page below it, some a redirect
		p := page("User:"+person(i*3), 2, 2, 300*day)
		switch i % 10 {
		case 1:
			p.title += "/Draft"
		case 2:
			p.revisions[len(p.revisions)-1].text = redirect()
		}
		s.pages = append(s.pages, p)
	}
	for i := range 10 {
		s.pages = append(s.pages, page(fmt.Sprintf("Project:%s %d", titleWord, i), 4, 3, 20*day))
		p := page(fmt.Sprintf("%s deleted %d", titleWord, i), 0, 5, 27*day)
		s.pages, s.deleted = append(s.pages, p), append(s.deleted, p.title)
	}
	return s
}

// dump writes pages in MediaWiki's export format.
func dump(pages []wikiPage) string {
	var b strings.Builder
	b.WriteString(`<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">` + "\n")
	for _, p := range pages {
		fmt.Fprintf(&b, "<page><title>%s</title><ns>%d</ns>\n", p.title, p.namespace)
		for _, r := range p.revisions {
			who := "<username>" + r.by + "</username>"
			if strings.HasPrefix(r.by, "10.") {
				who = "<ip>" + r.by + "</ip>"
			}
			fmt.Fprintf(&b, "<revision><timestamp>%s</timestamp><contributor>%s</contributor><model>wikitext</model><format>text/x-wiki</format><text>%s</text></revision>\n",
				r.at.Format(time.RFC3339), who, r.text)
		}
		b.WriteString("</page>\n")
	}
	b.WriteString("</mediawiki>\n")
	return b.String()
}
