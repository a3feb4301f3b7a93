package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	knownWiki     = "  - {name: wiki, type: mediawiki, url: \"https://wiki.example.org\", identity: '{name}@example.org', max_age: 4d}\n"
	unknownWiki   = "  - {name: wiki, type: mediawiki, url: \"https://wiki.example.org\"}\n"
	knownPortal   = "  - {name: portal, type: sql, dsn_file: portal.dsn, accounts: identity, events: {page_view: SELECT 1}}\n"
	knownLogins   = "  - {name: sso, type: sql, dsn_file: sso.dsn, accounts: identity}\n"
	directory     = "  - {name: directory, type: sql, dsn_file: directory.dsn, accounts: 'identity, no logins'}\n"
	withoutPeople = "  - {name: desk, type: sql, dsn_file: desk.dsn, accounts: none, identity: '{name}@example.org'}\n"
)

func loadPeople(t *testing.T, content string) *Config {
	t.Helper()
	c, err := load("f.yml", []byte(content), fakeTypes, fakeOptions, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPeople(t *testing.T) {
	for name, test := range map[string]struct {
		content  string
		measures []string // each with what it is made from
		warnings []string
	}{
		"one platform":                          {"platforms:\n" + knownPortal, nil, nil},
		"two platforms, one without identities": {"platforms:\n" + unknownWiki + knownPortal, nil, nil},
		"asked for": {"people: {}\nplatforms:\n" + unknownWiki + knownPortal, nil, []string{
			"f.yml:1: people: needs at least two platforms that take part; wiki does not: it does not tell what people are called elsewhere (key identity); portal does",
		}},
		"two platforms": {"platforms:\n" + knownWiki + knownPortal, []string{
			"people = wiki: accounts, portal: accounts",
			"people_active over 1d = wiki: contributors, portal: active_users",
			"people_active over 7d = wiki: contributors, portal: active_users",
			"people_active over 28d = wiki: contributors, portal: active_users",
			"people_logged_in over 1d = portal: logged_in_users",
			"people_logged_in over 7d = portal: logged_in_users",
			"people_logged_in over 28d = portal: logged_in_users",
			"accounts_unjoined = wiki: accounts, portal: accounts",
		}, nil},
		"a workforce": {"people: {workforce: directory}\nplatforms:\n" + knownWiki + directory + withoutPeople, []string{
			"people = directory: accounts",
			"people_active over 1d = wiki: contributors, directory: accounts",
			"people_active over 7d = wiki: contributors, directory: accounts",
			"people_active over 28d = wiki: contributors, directory: accounts",
			"accounts_unjoined = wiki: accounts, directory: accounts",
		}, []string{"f.yml:5: platforms[2]: takes no part in the people across platforms: it lists no accounts"}},
		"names that do not come": {"people: {}\nplatforms:\n" + knownPortal + "  - {name: desk, type: sql, dsn_file: desk.dsn, accounts: no names, identity: '{name}@example.org'}\n", nil, []string{
			"f.yml:1: people: needs at least two platforms that take part; portal does; desk does not: its accounts have no name to make an identity of",
		}},
		"a directory that is no workforce": {"platforms:\n" + knownWiki + knownLogins + directory, []string{
			"people = wiki: accounts, sso: accounts",
			"people_active over 1d = wiki: contributors",
			"people_active over 7d = wiki: contributors",
			"people_active over 28d = wiki: contributors",
			"people_logged_in over 1d = sso: logged_in_users",
			"people_logged_in over 7d = sso: logged_in_users",
			"people_logged_in over 28d = sso: logged_in_users",
			"accounts_unjoined = wiki: accounts, sso: accounts",
		}, []string{"f.yml:4: platforms[2]: takes no part in the people across platforms: it does not count who was active account by account"}},
		"a number of the platform's own": {"platforms:\n" + knownWiki + strings.Replace(knownPortal, "events", "readings: [{measure: active_users, window: 28d}], events", 1), []string{
			"people = wiki: accounts, portal: accounts",
			"people_active over 1d = wiki: contributors",
			"people_active over 7d = wiki: contributors",
			"people_active over 28d = wiki: contributors",
			"people_logged_in over 1d = portal: logged_in_users",
			"people_logged_in over 7d = portal: logged_in_users",
			"people_logged_in over 28d = portal: logged_in_users",
			"accounts_unjoined = wiki: accounts, portal: accounts",
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := loadPeople(t, test.content)
			var warnings, measures []string
			for _, w := range c.Warnings {
				warnings = append(warnings, w.Error())
			}
			if diff := cmp.Diff(test.warnings, warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if c.People != nil {
				for _, m := range c.People.Description.Measures() {
					measures = append(measures, m.Ref.String()+" = "+m.Source)
				}
			}
			if diff := cmp.Diff(test.measures, measures); diff != "" {
				t.Errorf("measures (-want +got):\n%s", diff)
			}
			for _, p := range c.Platforms {
				if (p.Part != nil) != strings.Contains(strings.Join(measures, ", "), p.Name+":") {
					t.Errorf("%s takes part: %v", p.Name, p.Part)
				}
			}
		})
	}
}

func TestKPIOnPeople(t *testing.T) {
	const rest = "owner: editor, review: 2999-01-15}\n"
	c := loadPeople(t, "platforms:\n"+knownWiki+knownPortal+"objectives:\n  - name: reach\n    kpis:\n"+
		"      - {name: reached, measure: people_active, window: 28d, per: people, platform: people, "+rest+
		"      - {name: people, measure: people, "+rest)
	reached, people := c.Objectives[0].KPIs[0], c.Objectives[0].KPIs[1]
	if reached.Platform != People || reached.Unit != "ratio" || reached.Per.String() != "people" || people.Platform != People || people.Unit != "people" {
		t.Errorf("got %+v and %+v", reached, people)
	}
	if c.People.MaxAge != c.Platforms[0].MaxAge {
		t.Errorf("got max_age %s, want the longest", c.People.MaxAge)
	}
}

// Identities are kept only where they are needed: a platform that begins or ceases to take part is another one to the
// poller, and its accounts are listed anew.
func TestTakingPartCountsAnew(t *testing.T) {
	alone := loadPeople(t, "platforms:\n"+knownPortal).Platforms[0]
	joined := loadPeople(t, "platforms:\n"+knownPortal+knownWiki).Platforms[0]
	workforce := loadPeople(t, "people: {workforce: portal}\nplatforms:\n"+knownPortal+knownWiki).Platforms[0]
	other := loadPeople(t, "platforms:\n"+strings.Replace(knownPortal, "accounts:", "identity: 'x-{name}', accounts:", 1)+knownWiki).Platforms[0]
	if cmp.Equal(alone.Counting(), joined.Counting()) || cmp.Equal(joined.Counting(), other.Counting()) {
		t.Error("no new listing")
	}
	if !cmp.Equal(joined.Counting(), workforce.Counting()) {
		t.Error("the workforce is listed anew")
	}
	if alone.Fingerprint == joined.Fingerprint || joined.Fingerprint == workforce.Fingerprint {
		t.Error("the same fingerprint")
	}
}
