package web

import (
	"math"
	"regexp"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// ordinary is a page as people have it: three objectives, seven KPIs, one of them critical and one in warning.
func ordinary() View {
	zone := time.FixedZone("CET", 3600)
	date := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, zone) }
	window := func(days int) measure.Window { return measure.Window(time.Duration(days) * day) }
	below := func(at float64, sustain, within time.Duration, action string) *config.Threshold {
		return &config.Threshold{Below: &at, Sustain: sustain, Within: within, Action: action}
	}
	above := func(at float64, action string) *config.Threshold {
		return &config.Threshold{Above: &at, Sustain: 3 * day, Within: 14 * day, Action: action}
	}
	accounts := &measure.Ref{Measure: "accounts"}

	pages := &config.KPI{Name: "pages_created_weekly", Title: "Pages created per week", Why: "What is not written down has to be asked for, again and again.", Platform: "wiki", Owner: "intranet-manager",
		Measure: measure.Ref{Measure: "pages_created", Window: window(7)}, Unit: "pages", Direction: config.Higher,
		Baseline: &config.Baseline{Value: 22, Date: date(2026, 3, 2)},
		Target:   &config.Target{Value: 40, By: date(2027, 6, 30)},
		Warning:  below(25, 3*day, 14*day, "Editors' round: ask three departments for one page each."),
		Critical: below(10, day, 7*day, "The sponsor puts it on the agenda of the management team."),
		Decisions: []config.Decision{
			{Date: date(2026, 3, 2), Decision: "keep", Why: "It moved after the writing week, so people can move it."},
			{Date: date(2026, 9, 14), Decision: "refine", Why: "The warning at 15 came when it was too late to act; it is 25 now."},
		},
		Review: date(2027, 1, 15)}
	authors := &config.KPI{Name: "authors", Title: "Authors", Platform: "wiki", Owner: "editors",
		Measure: measure.Ref{Measure: "authors", Window: window(28)}, Unit: "users", Direction: config.Higher,
		Target: &config.Target{Value: 45}, Warning: below(30, 7*day, 28*day, "Offer a writing hour in two departments."), Review: date(2027, 1, 15)}
	active := &config.KPI{Name: "monthly_active_ratio", Title: "Colleagues who are there every month", Platform: "portal", Owner: "communications",
		Measure: measure.Ref{Measure: "active_users", Window: window(28)}, Per: accounts, Unit: measure.Ratio, Direction: config.Higher,
		Target:  &config.Target{Value: 0.75, By: date(2027, 6, 30)},
		Warning: below(0.65, 7*day, 30*day, "Interview the two departments with the fewest visitors."), Critical: below(0.5, 7*day, 7*day, "Check sign-in with the service desk today."),
		Review: date(2027, 1, 15)}
	signedIn := &config.KPI{Name: "weekly_logged_in_ratio", Title: "Colleagues who signed in this week", Platform: "portal", Owner: "communications",
		Measure: measure.Ref{Measure: "logged_in_users", Window: window(7)}, Per: accounts, Unit: measure.Ratio, Direction: config.Higher,
		Target: &config.Target{Value: 0.6}, Warning: below(0.45, 7*day, 14*day, "Ask the shop floor who can't sign in, and why."), Review: date(2027, 1, 15)}
	profiles := &config.KPI{Name: "profiles_complete_ratio", Title: "Profiles filled in", Platform: "people-finder", Owner: "human-resources",
		Measure: measure.Ref{Measure: "profiles_complete"}, Per: accounts, Unit: measure.Ratio, Direction: config.Higher,
		Target: &config.Target{Value: 0.8, By: date(2027, 3, 31)}, Warning: below(0.6, 7*day, 30*day, "Remind those without a photo or a telephone number."), Review: date(2027, 3, 1)}
	stale := &config.KPI{Name: "stale_pages_ratio", Title: "Pages that nobody touched for a year", Platform: "portal", Owner: "editors",
		Measure: measure.Ref{Measure: "pages_stale"}, Per: &measure.Ref{Measure: "pages"}, Unit: measure.Ratio, Direction: config.Lower,
		Target: &config.Target{Value: 0.2, By: date(2027, 12, 31)}, Warning: above(0.4, "Each department renews or archives its old pages."), Review: date(2027, 3, 1)}
	searches := &config.KPI{Name: "searches_without_result", Title: "Searches that found nothing", Platform: "portal", Owner: "editors",
		Measure: measure.Ref{Measure: "searches_without_result", Window: window(7)}, Per: &measure.Ref{Measure: "searches", Window: window(7)}, Unit: measure.Ratio, Direction: config.Lower,
		Target: &config.Target{Value: 0.05}, Warning: above(0.15, "Write the ten pages that were wanted most, or add synonyms."), Review: date(2027, 3, 1)}

	limits := func(k *config.KPI) []kpi.Limit {
		warning := kpi.Limit{Severity: "warning", Condition: "below", Threshold: k.Warning}
		if k.Warning.Below != nil {
			warning.At = *k.Warning.Below
		} else {
			warning.Condition, warning.At = "above", *k.Warning.Above
		}
		if k.Critical == nil {
			return []kpi.Limit{warning}
		}
		return []kpi.Limit{warning, {Severity: "critical", Condition: "below", At: *k.Critical.Below, Threshold: k.Critical}}
	}
	breached := func(all []kpi.Limit, n int, since time.Time) []kpi.Limit {
		for i := range n {
			all[i].Breached, all[i].Start = true, since
		}
		return all
	}
	// course is a value that rises or falls to what it is now, less at weekends, with a week that is missing.
	course := func(k *config.KPI, from, to float64) []kpi.Point {
		var all []kpi.Point
		for ago := 90; ago >= 0; ago-- {
			if ago >= 42 && ago < 49 {
				continue
			}
			at := now.Add(-time.Duration(ago) * day)
			value := to + (from-to)*float64(ago)/90 + (from-to)*float64(ago*ago%7)/70
			if k.Unit != measure.Ratio {
				value = math.Round(value)
			}
			all = append(all, kpi.Point{At: at, Value: value})
		}
		return all
	}
	ratio := func(k *config.KPI, part, whole float64, data time.Duration) kpi.State {
		return kpi.State{KPI: k, Known: true, Value: part / whole, Numerator: part, Denominator: whole, Data: now.Add(-data), Limits: limits(k)}
	}
	low := ratio(active, 4120, 6553, 2*time.Hour)
	low.Limits = breached(low.Limits, 1, now.Add(-20*day))
	low.Earlier = new(0.681)
	come := ratio(signedIn, 3540, 6553, 2*time.Hour)
	come.Earlier = new(0.522)
	found := ratio(searches, 37, 1961, 10*time.Minute)
	found.Earlier = new(0.043)
	untouched := ratio(stale, 1204, 4310, 2*time.Hour)
	untouched.Earlier = new(1204.0 / 4310)

	listing := func(at time.Time, counted float64, excluded map[string]float64) []tally.Value {
		all := []tally.Value{{Ref: *accounts, Value: counted, Basis: measure.Account, AsOf: at}}
		for _, reason := range []string{"own", "service", "guest", "pattern", "disabled"} {
			all = append(all, tally.Value{Ref: measure.Ref{Measure: "accounts_excluded", Label: reason}, Value: excluded[reason], Basis: measure.Account, AsOf: at})
		}
		return all
	}
	events := tally.Value{Ref: measure.Ref{Measure: "page_edits", Window: window(7)}, Basis: measure.Event, AsOf: now.Add(-10 * time.Minute)}
	refused := now.Add(-51*time.Hour - 10*time.Minute)
	return View{
		Now:  now,
		Past: pasts(map[*config.KPI][]kpi.Point{active: course(active, 0.74, low.Value), pages: course(pages, 41, 8)}),
		Config: &config.Config{TimeZone: zone, Notes: []config.Note{{Date: date(2026, 9, 28), Text: "New home page"}, {Date: date(2027, 5, 4), Text: "Spring holidays"}}, Objectives: []*config.Objective{
			{Name: "knowledge_sharing", Title: "Knowledge sharing", Description: "Colleagues write down what they know, and find what others wrote.", KPIs: []*config.KPI{pages, authors}},
			{Name: "reach", Title: "Reach", Description: "Everyone, in the office and on the shop floor, can be reached and comes back.", KPIs: []*config.KPI{active, signedIn, profiles}},
			{Name: "finding", Title: "Finding", Description: "What is there is worth finding, and found.", KPIs: []*config.KPI{stale, searches}},
		}},
		KPIs: []kpi.State{
			{KPI: pages, Known: true, Value: 8, Earlier: new(19.0), Data: now.Add(-10 * time.Minute), Limits: breached(limits(pages), 2, now.Add(-4*day))},
			{KPI: authors, Known: true, Value: 41, Earlier: new(38.0), Data: now.Add(-10 * time.Minute), Limits: limits(authors)},
			low,
			come,
			{KPI: profiles, Data: refused.Add(-20 * time.Minute), Limits: limits(profiles)},
			untouched,
			found,
		},
		Statuses: []poll.Status{
			{Platform: &config.Platform{Name: "wiki", Type: "mediawiki", MaxAge: 2 * day, Exclude: config.Exclude{Guests: true}, Description: collector.Description{
				Accounts: &collector.AccountSource{Source: "list=allusers"},
				Events:   []collector.EventSource{{Kind: measure.PageCreated, Source: "list=allrevisions"}, {Kind: measure.PageEdit, Source: "list=allrevisions"}},
			}}, Success: true, LastSuccess: now.Add(-5 * time.Minute), Snapshot: &tally.Snapshot{
				Values:       append(listing(now.Add(-6*time.Hour), 1210, map[string]float64{"own": 1, "service": 14, "disabled": 83}), events),
				CoveredSince: map[measure.Kind]time.Time{measure.PageCreated: date(2026, 3, 1), measure.PageEdit: date(2026, 3, 2)},
			}},
			{
				Platform: &config.Platform{Name: "portal", Type: "sql", MaxAge: 2 * day, Exclude: config.Exclude{Accounts: []*regexp.Regexp{regexp.MustCompile("^test-")}}, Description: collector.Description{
					Accounts: &collector.AccountSource{Source: "accounts query"},
					Events:   []collector.EventSource{{Kind: measure.Login, Source: "events.login"}, {Kind: measure.Search, Source: "events.search"}, {Kind: measure.PageView, Source: "events.page_view"}},
				}},
				Success: true, LastSuccess: now.Add(-5 * time.Minute),
				Snapshot: &tally.Snapshot{
					Values:   append(listing(now.Add(-2*time.Hour), 6553, map[string]float64{"service": 31, "guest": 120, "pattern": 8, "disabled": 402}), events),
					Expected: map[measure.Ref]time.Time{{Measure: "searches", Window: window(28)}: now.Add(21 * day)},
				},
			},
			{Platform: &config.Platform{Name: "people-finder", Type: "sql", MaxAge: 2 * day}, LastSuccess: refused.Add(-20 * time.Minute), Failing: cause.Auth, FailingSince: refused,
				Snapshot: &tally.Snapshot{Values: listing(refused.Add(-20*time.Minute), 6480, nil)}},
		},
	}
}
