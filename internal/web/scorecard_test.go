package web

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
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

var now = time.Date(2026, 11, 23, 15, 10, 0, 0, time.UTC)

// hostile is markup, several lines, a word without end, right to left, and people made of several.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}} & 'quoted'` +
	"\nDonaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft \u202eמימין לשמאל 👩‍👩‍👧‍👦"

func week(name string) measure.Ref { return measure.Ref{Measure: name, Window: measure.Windows[1]} }

func month(name string) measure.Ref { return measure.Ref{Measure: name, Window: measure.Windows[2]} }

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
		Warning:   &config.Threshold{Below: new(0.65), Sustain: 7 * day, Action: "Interview two departments.", Within: 36 * time.Hour},
		Decisions: []config.Decision{{Date: now.AddDate(-1, 0, 0), Decision: "keep", Why: "It moved."}, {Date: now.AddDate(0, -1, 0), Decision: "refine", Why: hostile}},
		Review:    now.Add(-day), URL: "https://grafana.example.org/d/kpi?var-kpi=monthly_active_ratio",
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
	drafts := &config.KPI{
		Name: "drafts", Title: "Page edits", Platform: "wiki", Owner: "hr", Review: now.Add(day), Status: config.Proposed,
		Measure: week("page_edits"), Unit: "edits", Direction: config.Higher, Target: &config.Target{Value: 100},
		Warning:  &config.Threshold{Below: new(70.0), Drop: new(0.2), Against: 28 * day, Action: "Look."},
		Critical: &config.Threshold{Drop: new(0.5), Against: 7 * day, Action: "Look again."},
	}
	people := &config.KPI{
		Name: "people", Title: "People", Platform: "wiki", Status: config.Context, // without owner and review
		Measure: measure.Ref{Measure: "accounts"}, Unit: "accounts", Direction: config.Higher, Target: &config.Target{Value: 2000},
	}
	gone := &config.KPI{
		Name: "gone", Title: "Gone", Platform: "portal", Owner: "hr", Review: now.Add(day),
		Measure: measure.Ref{Measure: "pages"}, Unit: "pages", Direction: config.Higher, Warning: &config.Threshold{Below: new(7.0), Action: "Look."},
	}
	retired := &config.KPI{Name: "visits", Title: "Visits", Status: config.Retired, Reason: hostile}
	return View{
		Now: now,
		Past: pasts(map[*config.KPI][]kpi.Point{
			survey: {{At: now.Add(-80 * day), Value: 6}, {At: now.Add(-79 * day), Value: 5}, {At: now.Add(-75 * day), Value: 6.5}},
		}),
		Config: &config.Config{TimeZone: amsterdam, Notes: []config.Note{{Date: now.Add(-40 * day), Text: hostile}}, Objectives: []*config.Objective{
			{Name: "knowledge_sharing", Title: "Knowledge sharing", Description: "Colleagues write down what they know, and find what others wrote.", KPIs: []*config.KPI{pages, gone, drafts, people, retired}},
			{Name: "reach", Title: "Reach", Description: hostile, KPIs: []*config.KPI{active, survey, logins, range_}},
		}},
		KPIs: []kpi.State{
			{KPI: pages, Known: true, Value: 8, Earlier: new(20.0), Data: now.Add(-10 * time.Minute), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 25, Threshold: pages.Warning, Breached: true, Start: now.Add(-9 * day)},
				{Severity: "critical", Condition: "below", At: 10, Threshold: pages.Critical, Breached: true, Start: now.Add(-4 * day)},
			}},
			{KPI: active, Known: true, Value: 0.6287, Numerator: 4120, Denominator: 6553, Earlier: new(0.6), Data: now.Add(-time.Hour), Limits: []kpi.Limit{
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
			{KPI: drafts, Known: true, Value: 64, Earlier: new(64.0), Data: now.Add(-time.Hour), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 70, Threshold: drafts.Warning},
				{Severity: "warning", Condition: "drop", At: 51.2, Threshold: drafts.Warning},
				{Severity: "critical", Condition: "drop", WarmingUp: true, Threshold: drafts.Critical},
			}},
			{KPI: people, Known: true, Value: 1210, Earlier: new(1200.0), Data: now.Add(-2 * time.Hour)},
			{KPI: gone, Limits: []kpi.Limit{{Severity: "warning", Condition: "below", At: 7, Threshold: gone.Warning}}},
		},
		Statuses: []poll.Status{
			{
				Platform: &config.Platform{Name: "wiki", Type: "mediawiki", MaxAge: 2 * day, Description: collector.Description{
					Events:      []collector.EventSource{{Kind: measure.PageCreated}, {Kind: measure.PageEdit}, {Kind: measure.Login}},
					Permissions: []collector.Permission{{Name: "apihighlimits", Lost: "nothing but time"}, {Name: "read"}},
				}},
				Success: true, LastSuccess: now.Add(-5 * time.Minute), Granted: map[string]bool{"apihighlimits": false, "read": true},
				Snapshot: &tally.Snapshot{
					Values: []tally.Value{
						{Basis: measure.Event, AsOf: now.Add(-10 * time.Minute)},
						{Ref: measure.Ref{Measure: "accounts"}, Value: 1210, Basis: measure.Account, AsOf: now.Add(-2 * time.Hour)},
						{Ref: measure.Ref{Measure: "accounts_excluded", Label: "own"}, Value: 1, Basis: measure.Account, AsOf: now.Add(-2 * time.Hour)},
						{Ref: measure.Ref{Measure: "accounts_excluded", Label: "guest"}, Value: 0, Basis: measure.Account, AsOf: now.Add(-2 * time.Hour)},
						{Ref: measure.Ref{Measure: "accounts_excluded", Label: "disabled"}, Value: 1083, Basis: measure.Account, AsOf: now.Add(-2 * time.Hour)},
					},
					Expected: map[measure.Ref]time.Time{
						week("contributors"): now.Add(day), week("authors"): now.Add(day), week("logged_in_users"): now.Add(day),
						week("logins"): now.Add(day), week("pages_created"): now.Add(day), week("page_edits"): now.Add(day),
						month("contributors"): now.Add(22 * day), month("authors"): now.Add(22 * day), month("pages_created"): now.Add(22 * day), month("page_edits"): now.Add(22 * day),
						month("logins"): now.Add(10 * day),
					},
				},
			},
			{
				Platform: &config.Platform{Name: "portal", Type: "sql", MaxAge: 2 * day}, LastSuccess: now.Add(-29 * time.Hour),
				Failing: cause.Permission, FailingSince: now.Add(-28 * time.Hour), Failures: []error{errors.New("the words of the error")},
				Snapshot: &tally.Snapshot{Values: []tally.Value{{Basis: measure.Reported, AsOf: now.Add(-30 * time.Hour)}}},
			},
			{Platform: &config.Platform{Name: "forum", Type: "discourse"}},
		},
	}
}

// show renders a page, and proves that it parses and that the style is the one that the policy allows.
func show(t *testing.T, v View, path string) (*html.Node, string) {
	t.Helper()
	r := do(newHandler(func(o *Options) { o.View = func() View { return v } }), "GET", path)
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

// paths are those of all pages of a view.
func paths(v View) []string {
	all := []string{"/"}
	for _, s := range v.KPIs {
		all = append(all, "/kpi/"+s.KPI.Name)
	}
	return all
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

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
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
	root, page := show(t, example(), "/")
	tests := map[string][]string{
		"kpi-pages_created_weekly": {
			"Pages created per week", "wiki · pages created in 7 days",
			"8 pages", "data", "10 minutes old",
			"critical", "since", "Thursday, 16:10", "down 12 from 20 in 28 days, for the worse",
			"Less than 1 % of the target", "target 1,240 pages by 30 June 2027", "warning", "below 25 pages", "critical", "below 10 pages",
			"intranet manager", "review on", "15 January 2027",
			"Agreed action, within 7 days:", "The sponsor puts it on the management agenda.",
		},
		"kpi-monthly_active_ratio": {
			"Monthly active people", "portal · active users in 28 days ÷ accounts",
			"62.9 %", "4,120 of 6,553", "data", "1 hour old",
			"on track", "up 2.9 points from 60 % in 28 days, for the better", "It is below 65 % since Saturday, 16:10; if it stays there, it counts as warning from 28 November 2026 on.",
			"warning", "below 65 %",
			"communications", "review overdue", "since", "22 November 2026", "last decision: refine,", "23 October 2026",
		},
		"kpi-survey": {
			hostile, "portal · survey score",
			"no value", "data", "400 days old",
			"warning", "since", "14 September 2026", "The last verdict stands.",
			"The platform has not shown the exporter all that it must see since yesterday, 12:10.",
			"warning", "below 7 " + hostile,
			"hr", "review on", "24 November 2026",
			"Agreed action:", hostile,
		},
		"kpi-logins": {
			"Logins", "portal · logins in 28 days",
			"no value",
			"warming up", "Its first value comes from 7 December 2026 on.",
			"warning", "below 7 logins",
			"hr", "review on", "24 November 2026",
		},
		"kpi-desk_calls": {
			"Calls", "portal · desk calls",
			"50 calls", "data", "less than a minute old",
			"on track", "change in 28 days not known yet",
			"Within the range", "warning", "below 10 calls", "warning", "above 90 calls",
			"hr", "review on", "24 November 2026",
		},
		"kpi-gone": {
			"Gone", "portal · pages",
			"no value",
			"without data", "The platform has not shown the exporter all that it must see since yesterday, 12:10.",
			"warning", "below 7 pages",
			"hr", "review on", "24 November 2026",
		},
		"kpi-drafts": {
			"Page edits", "wiki · page edits in 7 days",
			"64 edits", "data", "1 hour old",
			"proposed", "unchanged in 28 days",
			"64 % of the target", "target 100 edits", "warning", "below 70 edits",
			"warning", "more than 20 % below 28 days earlier; today that is below 51.2 edits",
			"critical", "more than 50 % below 7 days earlier; what that was is not known yet",
			"hr", "review on", "24 November 2026",
		},
		"kpi-people": {
			"People", "wiki · accounts",
			"1,210 accounts", "data", "2 hours old",
			"for context", "up 10 from 1,200 in 28 days",
		},
		"platform-wiki": {
			"wiki", "mediawiki",
			"works", "7-day values come from tomorrow, 16:10 on.",
			"28-day values of contributors, authors, pages created and page edits come from 15 December 2026 on.",
			"28-day values of logins come from 3 December 2026 on.",
			"The permission “apihighlimits” is missing; it costs nothing but time.",
			"events until", "today, 16:00", "accounts until", "today, 14:10",
			"1,210 accounts counted, 1,084 not: 1 of the exporter itself and 1,083 disabled.",
		},
		"platform-portal": {
			"portal", "sql",
			"fails", "The platform has not shown the exporter all that it must see since yesterday, 12:10; the numbers are from then.",
			"readings until", "yesterday, 10:10",
		},
		"platform-forum": {
			"forum", "discourse",
			"not polled yet", "The first poll is running; it reads what happened before, which may take hours.",
			"no data yet",
		},
	}
	for id, want := range tests {
		if diff := cmp.Diff(want, lines(byID(t, root, id))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	// Without any style, too, it is text that one can read.
	plain := strings.Join(strings.Fields(text(byID(t, root, "kpi-pages_created_weekly"))), " ")
	if want := "Pages created per week wiki · pages created in 7 days 8 pages data 10 minutes old ● critical since Thursday, 16:10 ↓ down 12 from 20 in 28 days, for the worse Less than 1 % of the target " +
		"target 1,240 pages by 30 June 2027 warning below 25 pages critical below 10 pages intranet manager review on 15 January 2027 " +
		"Agreed action, within 7 days: The sponsor puts it on the management agenda."; plain != want {
		t.Errorf("without style it reads\n%s, want\n%s", plain, want)
	}
	retired := find(root, func(n *html.Node) bool { return n.Data == "p" && strings.HasPrefix(text(n), "Retired: ") })
	if len(retired) != 1 || text(retired[0]) != "Retired: Visits – "+hostile {
		t.Errorf("%d KPIs are retired", len(retired))
	}
	header := find(root, func(n *html.Node) bool { return n.Data == "header" })
	if got, want := strings.Join(lines(header[0])[:5], " "), "Intranet scorecard As of Monday 23 November 2026, 16:10 · next review on 24 November 2026"; got != want {
		t.Errorf("the page is headed %q, want %q", got, want)
	}
	summary := find(root, func(n *html.Node) bool { return attribute(n, "class") == "summary" })
	if diff := cmp.Diff([]string{"1 critical", "1 warning", "2 on track", "1 without data", "1 warming up", "1 proposed", "1 for context"}, lines(summary[0])); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if strings.Contains(page, "the words of the error") {
		t.Error("the page shows an error, which the metrics do not")
	}
}

func TestHostileTextsStayTexts(t *testing.T) {
	v := example()
	for _, path := range paths(v) {
		root, _ := show(t, v, path)
		if n := find(root, func(n *html.Node) bool { return n.Data == "script" || n.Data == "img" }); len(n) > 0 {
			t.Errorf("%s: a text became the element %s", path, n[0].Data)
		}
		for _, n := range find(root, func(n *html.Node) bool { return len(n.Attr) > 0 }) {
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(a.Val, "javascript:") {
					t.Errorf("%s: %s has the attribute %s=%q", path, n.Data, a.Key, a.Val)
				}
			}
		}
	}
}

func TestNoObjectives(t *testing.T) {
	v := example()
	v.Config, v.KPIs = &config.Config{TimeZone: time.UTC}, nil
	root, _ := show(t, v, "/")
	if got := text(byID(t, root, "begin")); got != "No objectives yet" {
		t.Errorf("the page begins with %q", got)
	}
	if got := lines(byID(t, root, "platform-wiki"))[0]; got != "wiki" {
		t.Errorf("the first platform is %q", got)
	}

	// Whoever takes the example over has a config file that loads.
	example := text(find(root, func(n *html.Node) bool { return n.Data == "pre" })[0])
	file := "platforms:\n  - name: wiki\n    type: mediawiki\n    url: https://wiki.example.org/w/api.php\n" + example
	cfg, err := config.Parse("intranet.yml", []byte(file), collector.Types, func(string) collector.Options { return collector.Options{} })
	if err != nil {
		t.Fatalf("%v, in\n%s", err, file)
	}
	if k := cfg.KPIs()[0]; k.Name != "pages_created_weekly" || k.Warning == nil || k.Review.Before(now) {
		t.Errorf("the example says %+v", k)
	}
}

// What browsers, and those who hear the page instead of seeing it, go by.
func TestStructure(t *testing.T) {
	type page struct {
		View
		path string
	}
	pages := map[string]page{}
	for name, v := range map[string]View{"ordinary": ordinary(), "hostile": example()} {
		for _, path := range paths(v) {
			pages[name+" "+path] = page{v, path}
		}
	}
	for name, page := range pages {
		root, _ := show(t, page.View, page.path)
		elements := func(names ...string) []*html.Node {
			return find(root, func(n *html.Node) bool { return slices.Contains(names, n.Data) })
		}
		if got := attribute(elements("html")[0], "lang"); got != "en" {
			t.Errorf("%s: the language is %q", name, got)
		}
		for _, landmark := range []string{"header", "main", "footer", "h1", "title"} {
			if n := len(elements(landmark)); n != 1 {
				t.Errorf("%s: there are %d of %s", name, n, landmark)
			}
		}
		var headings []string
		for _, h := range elements("h1", "h2", "h3", "h4", "h5", "h6") {
			headings = append(headings, h.Data)
		}
		want := append([]string{"h1"}, slices.Repeat([]string{"h2"}, len(page.Config.Objectives)+1)...)
		if page.path != "/" {
			want = slices.Repeat([]string{"h2"}, len(elements("section"))+1)
			want[0] = "h1"
		}
		if !slices.Equal(headings, want) {
			t.Errorf("%s: the headings are %v, want %v", name, headings, want)
		}
		for _, table := range elements("table") {
			if first := table.FirstChild.NextSibling; first.Data != "caption" || text(first) == "" {
				t.Errorf("%s: a table begins with %s", name, first.Data)
			}
		}
		for _, th := range elements("th") {
			if want := map[string]string{"thead": "col", "tbody": "row"}[th.Parent.Parent.Data]; !strings.HasPrefix(attribute(th, "scope"), want) {
				t.Errorf("%s: %q has the scope %q", name, text(th), attribute(th, "scope"))
			}
		}
		for _, svg := range elements("svg") {
			said := attribute(svg, "role") == "img" && strings.HasPrefix(attribute(svg, "aria-label"), "A line from ")
			if svg.Parent.Data != "svg" && !said && attribute(svg, "aria-hidden") != "true" { // the words beside a bar say the same
				t.Errorf("%s: a picture is neither told nor hidden", name)
			}
		}
		ids := map[string]bool{}
		for _, n := range find(root, func(n *html.Node) bool { return attribute(n, "id") != "" }) {
			if id := attribute(n, "id"); ids[id] {
				t.Errorf("%s: the id %s is there twice", name, id)
			} else {
				ids[id] = true
			}
		}
		for _, n := range find(root, func(n *html.Node) bool { return n.Data == "a" || attribute(n, "aria-labelledby") != "" }) {
			id, within := strings.CutPrefix(attribute(n, "href"), "#")
			if n.Data != "a" {
				id, within = attribute(n, "aria-labelledby"), true
			}
			if within && id != "ZgotmplZ" && !ids[id] {
				t.Errorf("%s: nothing has the id %s", name, id)
			}
		}
		for _, n := range find(root, func(n *html.Node) bool {
			return attribute(n, "src") != "" || slices.Contains([]string{"script", "link", "iframe", "form"}, n.Data)
		}) {
			t.Errorf("%s: there is an element %s", name, n.Data)
		}
	}
}

// Everything can be read in both schemes, and told apart from what is around it.
func TestContrast(t *testing.T) {
	rule := regexp.MustCompile(`--(\w+): #([0-9a-f]{3,6});`)
	light, dark, found := strings.Cut(style, "scheme: dark)")
	if !found {
		t.Fatal("there is no dark scheme")
	}
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]float64{}
		for _, m := range rule.FindAllStringSubmatch(css, -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, paper := range []string{"paper", "tint"} {
			for colour, least := range map[string]float64{"ink": 4.5, "soft": 4.5, "ok": 4.5, "warn": 4.5, "crit": 4.5, "now": 3} {
				a, b := colours[colour], colours[paper]
				if got := (max(a, b) + 0.05) / (min(a, b) + 0.05); got < least || a == 0 || b == 0 {
					t.Errorf("%s on %s has a contrast of %.2f in the %s scheme, want %v", colour, paper, got, scheme, least)
				}
			}
		}
	}
}

// luminance is the relative luminance of WCAG 2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	rgb, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(c uint64) float64 {
		v := float64(c&255) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(rgb>>16) + 0.7152*linear(rgb>>8) + 0.0722*linear(rgb)
}
