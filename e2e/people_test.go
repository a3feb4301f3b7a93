//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"
)

// identities are what the platforms' own databases tell: the addresses of the accounts that count, "" for none, and of
// those that did something, by what and window.
type identities map[string][]string

// identities returns those of the wiki as of at. Its accounts are called name@example.org elsewhere.
func (w *wiki) identities(t *testing.T, at time.Time) identities {
	t.Helper()
	addresses := func(query string) (all []string) {
		for _, name := range w.sql(t, w.who(at)+query) {
			if name != "" {
				all = append(all, name+"@example.org")
			}
		}
		return all
	}
	of := identities{"": addresses(` SELECT user_name FROM who WHERE reason = ''`)}
	for _, days := range []int{1, 7, 28} {
		of[fmt.Sprintf("active %dd", days)] = addresses(` SELECT DISTINCT user_name` + w.saves(at, days) + `reason = ''`)
	}
	return of
}

// identities returns those of the portal as of at.
func (c *portalCopy) identities(t *testing.T, at time.Time) identities {
	t.Helper()
	c.viewWho(t)
	addresses := func(query string, args ...any) []string {
		rows, err := c.db.Query(t.Context(), query, args...)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	of := identities{"": addresses(`SELECT coalesce(email, '') FROM who WHERE reason = ''`)}
	for _, days := range []int{1, 7, 28} {
		for what, measure := range map[string]string{"active": "active_users", "logged_in": "logged_in_users"} {
			of[fmt.Sprintf("%s %dd", what, days)] = addresses(`SELECT DISTINCT coalesce(email, '') FROM (`+portalPeople[measure]+`) e JOIN who ON id = e.user_id
				WHERE e.at >= $1 AND e.at < $2 AND reason = ''`, at.AddDate(0, 0, -days), at)
		}
	}
	return of
}

// differ lists the different addresses, but for "", that are in staff; nil = everybody is.
func differ(addresses []string, staff map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, address := range addresses {
		if address = strings.ToLower(norm.NFC.String(strings.TrimSpace(address))); address != "" && (staff == nil || staff[address]) {
			all[address] = true
		}
	}
	return all
}

func peopleEqualSQL(t *testing.T, i *intranet) {
	w, p := i.wiki.serve(t), i.portal.copy(t)
	// Of the wiki's people one in two has an account on the portal, one in eight has two of them, and portals spell
	// addresses as they were typed.
	for n := 1; n < wikiPeople; n += 2 { // Jörg and Pïa are odd
		address := person(n) + "@example.org"
		switch n % 3 {
		case 1:
			address = strings.ToUpper(address)
		case 2:
			address = " " + norm.NFD.String(address) + "  "
		}
		p.exec(t, p.db, fmt.Sprintf(`UPDATE users SET email = '%s' WHERE id = %d`, address, n+1))
		if n%8 == 1 {
			p.exec(t, p.db, fmt.Sprintf(`UPDATE users SET email = '%s' WHERE id = %d`, strings.ToUpper(address), n+50001))
		}
	}
	e := newExporter(t, setup{wiki: w, portal: p})
	compare := func(workforce string) {
		t.Helper()
		m := e.scrape(t)
		of := map[string]identities{"wiki": w.identities(t, m.dataTime("wiki")), "portal": p.identities(t, m.dataTime("portal"))}
		var counted []string
		for platform, these := range of {
			if workforce == "" || workforce == platform {
				counted = append(counted, these[""]...)
			}
		}
		staff := differ(counted, nil)
		want := map[string]float64{"intranet_people": float64(len(staff))}
		for _, what := range []string{"active", "logged_in"} {
			for _, window := range []string{"1d", "7d", "28d"} {
				did := slices.Concat(of["wiki"][what+" "+window], of["portal"][what+" "+window])
				want[fmt.Sprintf("intranet_people_%s{window=%q}", what, window)] = float64(len(differ(did, staff)))
			}
		}
		for platform, these := range of {
			unjoined := 0
			for _, address := range these[""] {
				if len(differ([]string{address}, staff)) == 0 {
					unjoined++
				}
			}
			want[fmt.Sprintf("intranet_accounts_unjoined{platform=%q}", platform)] = float64(unjoined)
		}
		got := map[string]float64{}
		for name, v := range m {
			if strings.HasPrefix(name, "intranet_people") || strings.HasPrefix(name, "intranet_accounts_unjoined") {
				got[name] = v
			}
		}
		for _, difference := range differences(got, want) {
			t.Errorf("workforce %q: %s", workforce, difference)
		}
		if both := len(of["wiki"][""]) + len(differ(of["portal"][""], nil)) - len(differ(slices.Concat(of["wiki"][""], of["portal"][""]), nil)); both < 100 {
			t.Errorf("only %d people are on both; this test needs more", both)
		}
	}
	compare("")
	e.workforce = "portal"
	e.configure(t)
	if err := e.reload(); err != nil {
		t.Fatal(err)
	}
	compare("portal")
}
