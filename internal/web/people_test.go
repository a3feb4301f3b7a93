package web

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// peopled is a view of two platforms that take part in the people, and one that does not.
func peopled() View {
	reached := &config.KPI{
		Name: "reached", Title: "Everybody takes part", Platform: config.People, Owner: "hr", Review: now.Add(day), Direction: config.Higher,
		Measure: month("people_active"), Per: &measure.Ref{Measure: "people"}, Unit: measure.Ratio,
	}
	part := func(name string, age time.Duration) poll.Status {
		return poll.Status{
			Platform: &config.Platform{Name: name, Type: "sql", MaxAge: 2 * day, Part: &config.Part{}}, Success: true,
			Snapshot: &tally.Snapshot{Members: &tally.Members{AsOf: map[measure.Ref]time.Time{{Measure: "accounts"}: now.Add(-age)}}},
		}
	}
	together := &config.Platform{Name: config.People, Type: "across platforms", MaxAge: 2 * day, Description: collector.Description{
		Readings: []collector.ReadingSource{{Ref: measure.Ref{Measure: "people"}, Source: "wiki: accounts, portal: accounts"}, {Ref: week("people_active")}, {Ref: month("people_active"), Source: "wiki: authors, portal: active_users"}, {Ref: measure.Ref{Measure: "accounts_unjoined"}}},
	}}
	value := func(ref measure.Ref, v float64) tally.Value {
		return tally.Value{Ref: ref, Value: v, Basis: measure.Joined, AsOf: now.Add(-2 * time.Hour)}
	}
	return View{
		Past:     pasts(nil),
		Now:      now,
		Config:   &config.Config{TimeZone: time.UTC, People: together, Objectives: []*config.Objective{{Name: "reach", Title: "Reach", KPIs: []*config.KPI{reached}}}},
		Statuses: []poll.Status{part("wiki", time.Hour), part("portal", 3*time.Hour), {Platform: &config.Platform{Name: "forum"}}},
		KPIs:     []kpi.State{{KPI: reached}},
		People: &tally.Snapshot{
			Values: []tally.Value{
				value(measure.Ref{Measure: "people"}, 1240), value(week("people_active"), 900),
				value(measure.Ref{Measure: "accounts_unjoined", Label: "wiki"}, 1012), value(measure.Ref{Measure: "accounts_unjoined", Label: "portal"}, 3),
			},
			Expected: map[measure.Ref]time.Time{month("people_active"): now.Add(9 * day)},
		},
	}
}

func TestPeople(t *testing.T) {
	all := peopled()
	none := peopled()
	none.Statuses[0].Snapshot, none.Statuses[1].Snapshot.Members = nil, nil
	none.People = &tally.Snapshot{}
	old := peopled()
	old.Statuses[1].Snapshot.Members.AsOf[week("people_active")] = now.Add(-3 * day)
	old.People.Values = old.People.Values[2:3]
	joined := peopled()
	joined.People.Values, joined.People.Expected = joined.People.Values[:1], nil

	const small = ", and without that the number of people would be too small."
	for name, test := range map[string]struct {
		View
		row, status []string
	}{
		"all": {all, []string{"people", "across platforms", "works", "28-day values come from 2 December 2026 on.", "joined accounts until", "today, 13:10",
			"1,240 people; accounts of nobody among them: 1,012 of wiki and 3 of portal."}, nil},
		"all joined": {joined, []string{"people", "across platforms", "works", "joined accounts until", "today, 13:10", "1,240 people, with all accounts that count."}, nil},
		"none":       {none, []string{"people", "across platforms", "without data", "Nothing new is known of wiki and portal" + small, "no data yet"}, []string{"Nothing new is known of wiki and portal" + small}},
		"one is old": {old, []string{"people", "across platforms", "without data", "Nothing new is known of portal" + small, "28-day values come from 2 December 2026 on.", "joined accounts until", "today, 13:10"}, []string{"Nothing new is known of portal" + small}},
	} {
		root, _ := show(t, test.View, "/")
		if diff := cmp.Diff(test.row, lines(byID(t, root, "platform-people"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if page := strings.Join(lines(byID(t, root, "kpi-reached")), "\n"); !strings.Contains(page, strings.Join(test.status, "\n")) {
			t.Errorf("%s: the KPI says\n%s", name, page)
		}
	}
	root, _ := show(t, all, "/kpi/reached")
	want := []string{
		"Numerator: people active in 28 days", "not known",
		"Of the people who are counted, those that were active on at least one platform, in the window that ends at the data time of that platform.",
		"people: from joined accounts,", "wiki: authors, portal: active_users",
		"Denominator: people", "not known", "Persons with a counted account on a platform that takes part, each of them once; with a workforce, those that it has.",
		"people: from joined accounts,", "wiki: accounts, portal: accounts",
	}
	if diff := cmp.Diff(want, sections(root)["What is counted"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	all.People = nil
	root, _ = show(t, all, "/")
	if text := text(root); strings.Contains(text, "across platforms") {
		t.Error("there are people where none are counted")
	}
}
