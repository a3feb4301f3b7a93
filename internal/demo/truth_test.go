package demo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// what each platform makes of what happens, and who is somebody there.
var views = map[string]struct {
	kinds  map[What][]string // measures of events
	people map[string][]What // measures of distinct people
	fields []string
	names  func(*Person) bool // has an account there
}{
	"wiki": {
		kinds:  map[What][]string{Created: {"pages_created"}, Edited: {"page_edits"}},
		people: map[string][]What{"authors": {Created, Edited}, "contributors": {Created, Edited}},
		fields: []string{"emailable", "user_page"},
		names:  func(p *Person) bool { return p.Kind == "employee" || p.Kind == "bot" },
	},
	"portal": {
		kinds: map[What][]string{
			LoggedIn: {"logins"}, Viewed: {"page_views"}, Searched: {"searches"}, SearchedInVain: {"searches", "searches_without_result"},
			Liked: {"reactions"}, Commented: {"comments"}, Published: {"pages_created"},
		},
		people: map[string][]What{
			"active_users":    {Viewed, Searched, SearchedInVain, Liked, Commented, Published},
			"contributors":    {Liked, Commented, Published},
			"authors":         {Published},
			"logged_in_users": {LoggedIn},
		},
		fields: []string{"phone", "photo", "about"},
		names:  func(p *Person) bool { return p.Kind != "bot" },
	},
}

// truth counts, in the plainest way, what should be known of a platform at now: all of it from what happened, and
// nothing from what platforms, collectors or tallies made of it.
func truth(platform string, history []Happening, now time.Time) map[string]float64 {
	view := views[platform]
	counts := func(p *Person) bool { return p.Kind == "employee" && !strings.HasPrefix(p.Name, "test-") }
	present, gone := map[*Person]bool{}, map[*Person]bool{}
	filled := map[*Person]map[string]bool{}
	values := map[string]float64{}
	var scores []Happening
	for _, h := range history {
		if !h.At.Before(now) || !view.names(h.Who) {
			continue
		}
		switch h.What {
		case Joined:
			present[h.Who], filled[h.Who] = true, map[string]bool{}
		case Left:
			gone[h.Who] = true
		case Filled:
			filled[h.Who][h.Field] = true
		case Cleared:
			delete(filled[h.Who], h.Field)
		case Answered:
			scores = append(scores, h)
		}
		if platform == "wiki" && h.What == Created && !h.leadsElsewhere() || platform == "portal" && h.What == Published {
			values["pages"]++
		}
	}

	for _, reason := range []string{"own", "service", "guest", "pattern", "disabled"} {
		values["accounts_excluded."+reason] = 0
	}
	if platform == "wiki" {
		values["accounts_excluded.own"]++     // the meter
		values["accounts_excluded.service"]++ // MediaWiki default
	}
	for p := range present {
		switch {
		case p.Kind == "service", p.Kind == "bot":
			values["accounts_excluded.service"]++
		case p.Kind == "external":
			values["accounts_excluded.guest"]++
		case !counts(p):
			values["accounts_excluded.pattern"]++
		case gone[p]:
			values["accounts_excluded.disabled"]++
		default:
			values["accounts"]++
			n := 0.0
			for _, field := range view.fields {
				if filled[p][field] {
					n++
					values["profile_field_filled."+field]++
				}
			}
			values["profile_completion"] += n / float64(len(view.fields))
			if n == float64(len(view.fields)) {
				values["profiles_complete"]++
			}
		}
	}
	values["profile_completion"] /= values["accounts"]
	for _, field := range view.fields {
		values["profile_field_filled."+field] /= values["accounts"]
	}
	if platform == "portal" {
		sum, n := 0.0, 0.0
		for _, h := range scores {
			if h.At.After(scores[len(scores)-1].At.Add(-28 * 24 * time.Hour)) {
				sum, n = sum+float64(h.score()), n+1
			}
		}
		values["custom.usefulness"] = sum / n
	}

	end := now.Add(-time.Minute).Truncate(5 * time.Minute)
	for _, window := range measure.Windows {
		over := " over " + window.String()
		seen := map[string]map[*Person]bool{}
		for _, names := range view.kinds {
			for _, name := range names {
				values[name+over] = 0
			}
		}
		for name := range view.people {
			seen[name] = map[*Person]bool{}
		}
		for _, h := range history {
			if h.At.Before(end.Add(-time.Duration(window))) || !h.At.Before(end) || !counts(h.Who) || h.What == Created && h.leadsElsewhere() {
				continue
			}
			for _, name := range view.kinds[h.What] {
				values[name+over]++
			}
			for name, whats := range view.people {
				if slices.Contains(whats, h.What) && !gone[h.Who] {
					seen[name][h.Who] = true
				}
			}
		}
		for name, people := range seen {
			values[name+over] = float64(len(people))
		}
	}
	return values
}

// peopleTruth counts those whom truth counts on any platform.
func peopleTruth(history []Happening, now time.Time) map[string]float64 {
	end := now.Add(-time.Minute).Truncate(5 * time.Minute)
	people := map[*Person]bool{}
	for _, h := range history {
		if h.At.Before(now) && h.Who.Kind == "employee" && !strings.HasPrefix(h.Who.Name, "test-") {
			switch h.What {
			case Joined:
				people[h.Who] = true
			case Left:
				delete(people, h.Who)
			}
		}
	}
	values := map[string]float64{"people": float64(len(people)), "accounts_unjoined.wiki": 0, "accounts_unjoined.portal": 0}
	for name, whats := range map[string][]What{
		"people_active":    slices.Concat(views["wiki"].people["contributors"], views["portal"].people["active_users"]),
		"people_logged_in": views["portal"].people["logged_in_users"],
	} {
		for _, window := range measure.Windows {
			did := map[*Person]bool{}
			for _, h := range history {
				if people[h.Who] && slices.Contains(whats, h.What) && !h.At.Before(end.Add(-time.Duration(window))) && h.At.Before(end) &&
					!(h.What == Created && h.leadsElsewhere()) {
					did[h.Who] = true
				}
			}
			values[name+" over "+window.String()] = float64(len(did))
		}
	}
	return values
}

// What collectors and tallies tell of the simulated platforms is what happened on them.
func TestExposedIsTrue(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first time.Time
		seed  uint64
	}{
		{"around the end of summer time", time.Date(2026, 10, 23, 14, 7, 13, 0, time.UTC), 1},
		{"around the end of the year", time.Date(2026, 12, 30, 6, 0, 0, 0, time.UTC), 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			const days = 4
			last := tc.first.AddDate(0, 0, days)
			intranet, err := Open(t.Context(), tc.seed, last, tc.first.Add(-measure.Longest-time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := intranet.Close(); err != nil {
					t.Error(err)
				}
			})
			intranet.wiki.rows = 60 // so that lists come in parts
			history := NewOrganisation(tc.seed, last).Feed().Until(last)
			moments := 0
			err = intranet.Relive(t.Context(), nil, Every(8*time.Hour, tc.first, last), func(m Moment) error {
				if moments++; moments%3 != 1 { // accounts are listed once a day
					return nil
				}
				for _, s := range m.Statuses {
					got := map[string]float64{}
					for _, v := range s.Snapshot.Values {
						got[v.String()] = v.Value
					}
					want := truth(s.Platform.Name, history, m.Now)
					if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
						t.Errorf("%s at %s: truth and exposed differ (-truth +exposed):\n%s", s.Platform.Name, m.Now, diff)
					}
				}
				got := map[string]float64{}
				for _, v := range m.People.Values {
					got[v.String()] = v.Value
				}
				if diff := cmp.Diff(peopleTruth(history, m.Now), got); diff != "" {
					t.Errorf("people at %s: truth and exposed differ (-truth +exposed):\n%s", m.Now, diff)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if moments != 3*days+1 {
				t.Errorf("%d moments", moments)
			}
		})
	}
}
