package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// sections returns what each section of a page says, by its heading.
func sections(root *html.Node) map[string][]string {
	all := map[string][]string{}
	for _, n := range find(root, func(n *html.Node) bool { return n.Data == "section" }) {
		said := lines(n)
		all[said[0]] = said[1:]
	}
	return all
}

func TestKPIPage(t *testing.T) {
	root, page := show(t, ordinary(), "/kpi/pages_created_weekly")
	got := sections(root)
	want := map[string][]string{
		"The last 90 days": {
			"0", "20", "40", "25 August", "23 November",
			"last value of each day, in pages", "target 40 pages", "warning below 25 pages", "critical below 10 pages", "28 September 2026", ":", "New home page",
			"Week by week, as numbers", "The last value of each week", "Week until", "Value",
			"23 November 2026", "8 pages", "16 November 2026", "11 pages", "9 November 2026", "13 pages", "2 November 2026", "16 pages",
			"26 October 2026", "18 pages", "19 October 2026", "21 pages", "12 October 2026", "not known", "5 October 2026", "26 pages",
			"28 September 2026", "29 pages", "21 September 2026", "31 pages", "14 September 2026", "34 pages", "7 September 2026", "36 pages", "31 August 2026", "39 pages",
		},
		"Where it stands": {
			"8 pages", "data", "10 minutes old",
			"critical", "since", "Thursday, 16:10", "down 11 from 19 in 28 days, for the worse",
			"20 % of the target", "target 40 pages by 30 June 2027", "began at 22 pages on 2 March 2026", "higher is better",
			"intranet manager", "review on", "15 January 2027",
			"Agreed action, within 7 days:", "The sponsor puts it on the agenda of the management team.",
		},
		"Limits and agreed actions": {
			"The limits of “Pages created per week”", "Severity", "Limit", "Lasting", "Agreed action",
			"warning", "below 25 pages", "crossed, since", "Thursday, 16:10", "for 3 days", "Editors' round: ask three departments for one page each.", "within 14 days",
			"critical", "below 10 pages", "crossed, since", "Thursday, 16:10", "for 1 day", "The sponsor puts it on the agenda of the management team.", "within 7 days",
		},
		"What is counted": {
			"pages created in 7 days", "Pages created in the window that ends at the data time and still there.",
			"wiki: from events,", "list=allrevisions", "; known without a gap since", "1 March 2026",
			"Not counted: the exporter's own account, accounts of services and guests.",
		},
		"Decisions": {
			"14 September 2026", ": refine", "The warning at 15 came when it was too late to act; it is 25 now.",
			"2 March 2026", ": keep", "It moved after the writing week, so people can move it.",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	header := find(root, func(n *html.Node) bool { return n.Data == "header" })
	if got, want := strings.Join(lines(header[0]), " "), "Intranet scorecard Pages created per week Knowledge sharing · as of Monday 23 November 2026, 16:10 "+
		"What is not written down has to be asked for, again and again."; got != want {
		t.Errorf("the page is headed %q, want %q", got, want)
	}
	if strings.Contains(page, "Dashboard") {
		t.Error("the page links to a dashboard that there is not")
	}
}

func TestKPIPageOfARatio(t *testing.T) {
	root, _ := show(t, ordinary(), "/kpi/monthly_active_ratio")
	want := []string{
		"Numerator: active users in 28 days", "4,120",
		"Distinct people who viewed, searched, created, edited, commented or reacted in the window that ends at the data time; signing in is not enough.",
		"portal: from events,", "events.page_view", "Not counted: the exporter's own account, accounts of services and accounts left out by name.",
		"Denominator: accounts", "6,553", "Accounts of persons that are enabled and not excluded, from the last listing.",
		"portal: from accounts,", "accounts query", "Not counted: the exporter's own account, accounts of services, accounts left out by name and disabled accounts.",
	}
	if diff := cmp.Diff(want, sections(root)["What is counted"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	header := find(root, func(n *html.Node) bool { return n.Data == "header" })
	if got := lines(header[0])[2]; got != "Reach" {
		t.Errorf("it belongs to the objective %q", got)
	}
}

func TestKPIPageInEveryState(t *testing.T) {
	v := example()
	for name, want := range map[string]struct {
		section string
		lines   []string
	}{
		"monthly_active_ratio": {"Decisions", []string{"23 October 2026", ": refine", hostile, "23 November 2025", ": keep", "It moved."}},
		"logins":               {"The last days", []string{"No value is known of them."}},
		"gone":                 {"What is counted", []string{"pages", "Pages that are there, counted by the platform."}},
		"desk_calls": {"Where it stands", []string{
			"50 calls", "data", "less than a minute old", "on track", "change in 28 days not known yet",
			"Within the range", "neither too low nor too high is best", "hr", "review on", "24 November 2026",
		}},
		"people": {"Limits and agreed actions", []string{"None."}},
		"drafts": {"Limits and agreed actions", []string{
			"The limits of “Page edits”", "Severity", "Limit", "Lasting", "Agreed action",
			"warning", "below 70 edits", "no verdict while the KPI is proposed",
			"more than 20 % below 28 days earlier; today that is below 51.2 edits", "no verdict while the KPI is proposed", "at once", "Look.",
			"critical", "more than 50 % below 7 days earlier; what that was is not known yet", "no verdict while the KPI is proposed", "at once", "Look again.",
		}},
		"survey": {"Limits and agreed actions", []string{
			"The limits of “" + hostile + "”", "Severity", "Limit", "Lasting", "Agreed action",
			"warning", "below 7 " + hostile, "crossed, since", "14 September 2026", "at once", hostile,
		}},
	} {
		root, _ := show(t, v, "/kpi/"+name)
		if diff := cmp.Diff(want.lines, sections(root)[want.section]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	root, _ := show(t, v, "/kpi/survey")
	if said := sections(root)["The last 80 days"]; !slices.Contains(said, "last value of each day, in "+hostile) || !slices.Contains(said, hostile) {
		t.Errorf("unit and note arrive as %q", said)
	}
	root, _ = show(t, v, "/kpi/monthly_active_ratio")
	links := find(root, func(n *html.Node) bool { return n.Data == "a" && text(n) == "Dashboard" })
	if want := "https://grafana.example.org/d/kpi?var-kpi=monthly_active_ratio"; len(links) != 1 || attribute(links[0], "href") != want {
		t.Errorf("the KPI does not link to %s", want)
	}
}

func TestUnknownKPI(t *testing.T) {
	h := newHandler(func(o *Options) { o.View = example })
	for _, path := range []string{"/kpi/nobody", "/kpi/visits", "/kpi/%3Cscript%3Enobody", "/kpi/PAGES_CREATED_WEEKLY"} { // visits is retired
		r := do(h, "GET", path)
		if said := body(t, r); r.StatusCode != 404 || !strings.HasPrefix(said, "No KPI of this name is measured.") || strings.Contains(said, "nobody") {
			t.Errorf("%s: answered %d, %q", path, r.StatusCode, said)
		}
		if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("%s: Content-Type is %q", path, got)
		}
	}
	for path, code := range map[string]int{"/kpi/": 404, "/kpi": 404, "/kpi/gone/more": 404, "/kpi/gone": 200} {
		if r := do(h, "GET", path); r.StatusCode != code {
			t.Errorf("%s: answered %d, want %d", path, r.StatusCode, code)
		}
	}
}

func TestLeftOut(t *testing.T) {
	listing := collector.Description{Accounts: &collector.AccountSource{}}
	for want, s := range map[string]struct {
		*config.Platform
		basis measure.Basis
	}{
		"The platform counts by itself.":                                                               {&config.Platform{Description: listing}, measure.Reported},
		"The platform lists no accounts, so that everybody counts.":                                    {&config.Platform{}, measure.Event},
		"Not counted: the exporter's own account and accounts of services.":                            {&config.Platform{Description: listing}, measure.Event},
		"Not counted: the exporter's own account, accounts of services and disabled accounts.":         {&config.Platform{Description: listing}, measure.LastSeen},
		"Not counted: the exporter's own account, accounts of services, guests and disabled accounts.": {&config.Platform{Description: listing, Exclude: config.Exclude{Guests: true}}, measure.Account},
	} {
		if got := leftOut(s.Platform, s.basis); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestVerdict(t *testing.T) {
	v := ordinary()
	s := v.KPIs[0].Limits[0]
	s.Breached, s.Start = false, now.Add(-time.Hour)
	if got := v.verdict(s, nil, v.KPIs[0].KPI); got.State != "beyond it, and not yet for as long as agreed" || got.Since.Text != "today, 15:10" {
		t.Errorf("a limit that is not crossed for long enough is %q since %v", got.State, got.Since)
	}
	s.Start = time.Time{}
	if got := v.verdict(s, nil, v.KPIs[0].KPI); got.State != "not crossed" || got.Since != nil {
		t.Errorf("a limit that is not crossed is %q since %v", got.State, got.Since)
	}
	over := []kpi.Breach{
		{Severity: s.Severity, Condition: s.Condition, Start: now.Add(-20 * day), End: now.Add(-time.Hour)},
		{Severity: "critical", Condition: s.Condition, Start: now.Add(-10 * day), End: now},
		{Severity: s.Severity, Condition: "drop", Start: now.Add(-10 * day), End: now},
	}
	if got := v.verdict(s, over, v.KPIs[0].KPI); len(got.Past) != 1 || got.Past[0].From.Text != "3 November 2026" || got.Past[0].To.Text != "today, 15:10" {
		t.Errorf("a breach that is over was %v", got.Past)
	}
}

// pasts is a View's Past, without breaches.
func pasts(points map[*config.KPI][]kpi.Point) func(*config.KPI) kpi.Past {
	return func(k *config.KPI) kpi.Past { return kpi.Past{Points: points[k]} }
}
