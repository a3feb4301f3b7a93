package web

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 23, 15, 10, 0, 0, time.UTC)

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}} & 'quoted'`

// example is a view with KPIs and platforms in every state.
func example() View {
	amsterdam := time.FixedZone("CET", 3600)
	pages := &config.KPI{
		Name: "pages_created_weekly", Title: "Pages created per week", Platform: "wiki", Owner: "intranet-manager",
		Measure: measure.Ref{Measure: "pages_created", Window: measure.Window(7 * day)}, Unit: "pages", Direction: config.Higher,
		Target:   &config.Target{Value: 1240, By: time.Date(2027, 6, 30, 0, 0, 0, 0, amsterdam)},
		Warning:  &config.Threshold{Below: new(25.0), Sustain: 3 * day, Action: "Ask three departments for one page each.", Within: 14 * day},
		Critical: &config.Threshold{Below: new(10.0), Sustain: day, Action: "The sponsor puts it on the management agenda.", Within: 7 * day},
		Review:   time.Date(2027, 1, 15, 0, 0, 0, 0, amsterdam),
	}
	active := &config.KPI{
		Name: "monthly_active_ratio", Title: "Monthly active people", Platform: "portal", Owner: "communications",
		Measure: measure.Ref{Measure: "active_users", Window: measure.Window(28 * day)}, Per: &measure.Ref{Measure: "accounts"}, Unit: measure.Ratio, Direction: config.Higher,
		Warning: &config.Threshold{Below: new(0.65), Sustain: 7 * day, Action: "Interview two departments.", Within: 36 * time.Hour},
		Review:  now.Add(-day), URL: "https://grafana.example.org/d/kpi?var-kpi=monthly_active_ratio",
	}
	survey := &config.KPI{
		Name: "survey", Title: hostile, Platform: "portal", Owner: "hr", Review: now.Add(day), URL: "javascript:alert(3)",
		Measure: measure.Ref{Measure: measure.Custom, Label: "survey_score"}, Unit: measure.Unit(hostile), Direction: config.Higher,
		Warning: &config.Threshold{Below: new(7.0), Action: hostile},
	}
	logins := &config.KPI{
		Name: "logins", Title: "Logins", Platform: "portal", Owner: "hr", Review: now.Add(day),
		Measure: measure.Ref{Measure: "logins", Window: measure.Window(28 * day)}, Unit: "logins", Direction: config.Higher,
		Warning: &config.Threshold{Below: new(7.0), Action: "Look."},
	}
	range_ := &config.KPI{
		Name: "desk_calls", Title: "Calls", Platform: "portal", Owner: "hr", Review: now.Add(day),
		Measure: measure.Ref{Measure: measure.Custom, Label: "desk_calls"}, Unit: "calls", Direction: config.Range,
		Warning: &config.Threshold{Below: new(10.0), Above: new(90.0), Action: "Look at the commonest questions."},
	}
	gone := &config.KPI{
		Name: "gone", Title: "Gone", Platform: "portal", Owner: "hr", Review: now.Add(day),
		Measure: measure.Ref{Measure: "pages"}, Unit: "pages", Direction: config.Higher, Warning: &config.Threshold{Below: new(7.0), Action: "Look."},
	}
	return View{
		Now: now,
		Config: &config.Config{TimeZone: amsterdam, Objectives: []*config.Objective{
			{Name: "knowledge_sharing", Title: "Knowledge sharing", Description: "Colleagues write down what they know, and find what others wrote.", KPIs: []*config.KPI{pages, gone}},
			{Name: "reach", Title: "Reach", Description: hostile, KPIs: []*config.KPI{active, survey, logins, range_}},
		}},
		KPIs: []kpi.State{
			{KPI: pages, Known: true, Value: 8, Data: now.Add(-10 * time.Minute), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 25, Threshold: pages.Warning, Breached: true, Start: now.Add(-9 * day)},
				{Severity: "critical", Condition: "below", At: 10, Threshold: pages.Critical, Breached: true, Start: now.Add(-4 * day)},
			}},
			{KPI: active, Known: true, Value: 0.6287, Numerator: 4120, Denominator: 6553, Data: now.Add(-time.Hour), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 0.65, Threshold: active.Warning, Start: now.Add(-2 * day)},
			}},
			{KPI: survey, Data: now.Add(-400 * day), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 7, Threshold: survey.Warning, Breached: true, Start: now.Add(-70 * day)},
			}},
			{KPI: logins, WarmingUp: true, Expected: now.Add(14 * day), Limits: []kpi.Limit{{Severity: "warning", Condition: "below", At: 7, Threshold: logins.Warning}}},
			{KPI: range_, Known: true, Value: 50, Data: now, Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 10, Threshold: range_.Warning},
				{Severity: "warning", Condition: "above", At: 90, Threshold: range_.Warning},
			}},
			{KPI: gone, Limits: []kpi.Limit{{Severity: "warning", Condition: "below", At: 7, Threshold: gone.Warning}}},
		},
		Statuses: []poll.Status{
			{
				Platform: &config.Platform{Name: "wiki", Type: "mediawiki", Description: collector.Description{Permissions: []collector.Permission{{Name: "apihighlimits"}, {Name: "read"}}}},
				Success:  true, LastSuccess: now.Add(-5 * time.Minute), Granted: map[string]bool{"apihighlimits": false, "read": true},
				Snapshot: &tally.Snapshot{
					Values:   []tally.Value{{Basis: measure.Event, AsOf: now.Add(-10 * time.Minute)}, {Basis: measure.Account, AsOf: now.Add(-2 * time.Hour)}},
					Expected: map[measure.Ref]time.Time{{Measure: "authors"}: now.Add(day), {Measure: "page_edits"}: now.Add(21 * day)},
				},
			},
			{
				Platform: &config.Platform{Name: "portal", Type: "sql"}, LastSuccess: now.Add(-29 * time.Hour),
				Failing: cause.Permission, FailingSince: now.Add(-28 * time.Hour), Failures: []error{errors.New("the words of the error")},
				Snapshot: &tally.Snapshot{Values: []tally.Value{{Basis: measure.Reported, AsOf: now.Add(-30 * time.Hour)}}},
			},
			{Platform: &config.Platform{Name: "forum", Type: "discourse"}},
		},
	}
}

// show renders a view, and proves that it parses and that the style is the one that the policy allows.
func show(t *testing.T, v View) (*html.Node, string) {
	t.Helper()
	r := do(newHandler(func(o *Options) { o.View = func() View { return v } }), "GET", "/")
	text := body(t, r)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("answered %d with %s", r.StatusCode, r.Header.Get("Content-Type"))
	}
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	styles := find(root, func(n *html.Node) bool { return n.Data == "style" })
	if len(styles) != 1 || !strings.Contains(r.Header.Get("Content-Security-Policy"), "'sha256-"+digest(styles[0].FirstChild.Data)+"'") {
		t.Errorf("the policy %q does not allow the page's style", r.Header.Get("Content-Security-Policy"))
	}
	return root, text
}

func find(n *html.Node, match func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && match(d) {
			found = append(found, d)
		}
	}
	return found
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// lines returns the text below n, a line per text, without the signs.
func lines(n *html.Node) []string {
	var all []string
	for d := range n.Descendants() {
		if d.Type == html.TextNode && attribute(d.Parent, "aria-hidden") == "" {
			if s := strings.TrimSpace(d.Data); s != "" {
				all = append(all, strings.ReplaceAll(s, "\u00a0", " "))
			}
		}
	}
	return all
}

func byID(t *testing.T, root *html.Node, id string) *html.Node {
	t.Helper()
	found := find(root, func(n *html.Node) bool { return attribute(n, "id") == id })
	if len(found) != 1 {
		t.Fatalf("%d elements have the id %s", len(found), id)
	}
	return found[0]
}

func TestScorecard(t *testing.T) {
	root, text := show(t, example())
	tests := map[string][]string{
		"kpi-pages_created_weekly": {
			"Pages created per week", "wiki · pages created in 7 days",
			"8 pages", "data until", "23 November, 16:00",
			"critical", "since", "19 November, 16:10",
			"target 1,240 pages by 30 June 2027", "warning below 25 pages", "critical below 10 pages",
			"intranet-manager", "review", "15 January 2027",
			"Agreed action:", "The sponsor puts it on the management agenda.", "Within 7 days.",
		},
		"kpi-monthly_active_ratio": {
			"Monthly active people", "portal · active users in 28 days ÷ accounts",
			"62.9 %", "4,120 of 6,553", "data until", "23 November, 15:10",
			"within limits", "It is below 65 % since 21 November, 16:10, and counts as warning after 7 days.",
			"warning below 65 %",
			"communications", "review due", "since", "22 November 2026",
		},
		"kpi-survey": {
			hostile, "portal · survey score",
			"no value", "data until", "19 October 2025, 16:10",
			"warning", "since", "14 September, 16:10", "There is no value now; the last verdict stands.",
			"warning below 7 " + hostile,
			"hr", "review", "24 November 2026",
			"Agreed action:", hostile,
		},
		"kpi-logins": {
			"Logins", "portal · logins in 28 days",
			"no value",
			"warming up", "The first value is expected on 7 December, 16:10.",
			"warning below 7 logins",
			"hr", "review", "24 November 2026",
		},
		"kpi-desk_calls": {
			"Calls", "portal · desk calls",
			"50 calls", "data until", "23 November, 16:10",
			"within limits",
			"warning below 10 calls", "warning above 90 calls",
			"hr", "review", "24 November 2026",
		},
		"kpi-gone": {
			"Gone", "portal · pages",
			"no value",
			"no data",
			"warning below 7 pages",
			"hr", "review", "24 November 2026",
		},
		"platforms": {
			"Where the numbers come from",
			"Platform", "Health", "Data",
			"wiki", "mediawiki", "works", "Last poll that succeeded: 23 November, 16:05.", "The permission apihighlimits is missing.",
			"Its history is still being gathered: all windows are covered on 14 December, 16:10.",
			"events until", "23 November, 16:00", "accounts until", "23 November, 14:10",
			"portal", "sql", "fails", "since", "22 November, 12:10",
			"permission: the platform does not let the exporter see what it must see. The log has the details.",
			"Last poll that succeeded: 22 November, 11:10.",
			"readings until", "22 November, 10:10",
			"forum", "discourse", "not polled yet", "no data yet",
		},
	}
	for id, want := range tests {
		if diff := cmp.Diff(want, lines(byID(t, root, id))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	header := find(root, func(n *html.Node) bool { return n.Data == "header" })
	if got, want := strings.Join(lines(header[0])[:3], " "), "Intranet scorecard As of Monday 23 November 2026, 16:10"; got != want {
		t.Errorf("the page is headed %q, want %q", got, want)
	}
	summary := find(root, func(n *html.Node) bool { return attribute(n, "class") == "summary" })
	if diff := cmp.Diff([]string{"1 critical", "1 warning", "1 no data", "1 warming up", "2 within limits"}, lines(summary[0])); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if strings.Contains(text, "the words of the error") {
		t.Error("the page shows an error, which the metrics do not")
	}
}

func TestHostileTextsStayTexts(t *testing.T) {
	root, _ := show(t, example())
	if n := find(root, func(n *html.Node) bool { return n.Data == "script" || n.Data == "img" }); len(n) > 0 {
		t.Errorf("a text became the element %s", n[0].Data)
	}
	for _, n := range find(root, func(n *html.Node) bool { return len(n.Attr) > 0 }) {
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("%s has the attribute %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
	link := find(byID(t, root, "kpi-monthly_active_ratio"), func(n *html.Node) bool { return n.Data == "a" })
	if want := "https://grafana.example.org/d/kpi?var-kpi=monthly_active_ratio"; len(link) != 1 || attribute(link[0], "href") != want {
		t.Errorf("the KPI does not link to %s", want)
	}
}

func TestNoObjectives(t *testing.T) {
	v := example()
	v.Config, v.KPIs = &config.Config{TimeZone: time.UTC}, nil
	root, _ := show(t, v)
	if got := lines(byID(t, root, "begin"))[0]; got != "No objectives yet" {
		t.Errorf("the page begins with %q", got)
	}
	if got := lines(byID(t, root, "platforms")); !strings.Contains(strings.Join(got, " "), "wiki mediawiki works") {
		t.Errorf("the platforms are not shown: %q", got)
	}
}
