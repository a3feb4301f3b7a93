package exposition

import (
	"bytes"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

var update = flag.Bool("update", false, "write the golden files anew")

const day = 24 * time.Hour

var now = time.Date(2026, 11, 23, 15, 10, 0, 0, time.UTC)

// hostile holds everything that has a meaning in the exposition formats, HTML or templates, and a byte that is no UTF-8.
const hostile = "Say \"hi\"\n{{ $labels.kpi }} \\n C:\\temp <b>&amp;</b> 🎉 } # EOF \xff"

// A scene is everything that Build gets.
type scene struct {
	statuses []poll.Status
	people   *tally.Snapshot
	kpis     []kpi.State
	cfg      *config.Config
}

func (s scene) build() []*dto.MetricFamily {
	external := &url.URL{Scheme: "https", Host: "kpi.example.org", Path: "/intranet"}
	return Build(now, s.statuses, s.people, s.kpis, s.cfg, external)
}

func wiki() *config.Platform {
	return &config.Platform{
		Name: "wiki", Type: "mediawiki", MaxAge: 2 * day,
		Description: collector.Description{
			Events: []collector.EventSource{
				{Kind: measure.PageCreated, Source: "list=allrevisions"},
				{Kind: measure.PageEdit, Source: "list=allrevisions"},
			},
			Accounts: &collector.AccountSource{Source: "list=allusers", Profile: []string{"emailable", "user_page"}},
			Readings: []collector.ReadingSource{
				{Ref: measure.Ref{Measure: "pages"}, Source: "meta=siteinfo"},
				{Ref: measure.Ref{Measure: "pages_stale"}, Source: "list=querypage"},
			},
			Permissions: []collector.Permission{{Name: "read", Required: true}, {Name: "apihighlimits"}},
		},
	}
}

func portal() *config.Platform {
	d := collector.Description{
		Accounts: &collector.AccountSource{Source: "accounts", LastLogin: true},
		Readings: []collector.ReadingSource{
			{Ref: measure.Ref{Measure: "page_views", Window: measure.Window(30 * day)}, Source: "readings"},
			{Ref: measure.Ref{Measure: measure.Custom, Label: "survey_score"}, Source: hostile, Unit: measure.Ratio},
			{Ref: measure.Ref{Measure: measure.Custom, Label: "desk_calls"}, Source: "readings", Unit: "calls"},
			{Ref: measure.Ref{Measure: "pages_visited", Window: measure.Windows[0]}, Source: "readings"},
			{Ref: measure.Ref{Measure: "site_page_views", Label: "news", Window: measure.Windows[1]}, Source: "readings"},
			{Ref: measure.Ref{Measure: "site_visitors", Label: "news", Window: measure.Windows[1]}, Source: "readings"},
		},
		Permissions: []collector.Permission{{Name: "select accounts", Required: true}},
	}
	for _, kind := range measure.EventKinds {
		d.Events = append(d.Events, collector.EventSource{Kind: kind, Source: "events." + string(kind)})
	}
	return &config.Platform{Name: "portal", Type: "sql", MaxAge: 2*day + 12*time.Hour, Description: d}
}

// people stands for the wiki and the portal together.
func people() *config.Platform {
	p := &config.Platform{Name: config.People, Type: "across platforms", MaxAge: 2*day + 12*time.Hour}
	read := func(name, source string, windows ...measure.Window) {
		for _, w := range windows {
			p.Description.Readings = append(p.Description.Readings, collector.ReadingSource{Ref: measure.Ref{Measure: name, Window: w}, Source: source})
		}
	}
	read("people", "wiki: accounts, portal: accounts", 0)
	read("people_active", "wiki: contributors, portal: active_users", measure.Windows...)
	read("people_logged_in", "portal: logged_in_users", measure.Windows...)
	read("accounts_unjoined", "wiki: accounts, portal: accounts", 0)
	return p
}

func goal(text string, kpis ...*config.KPI) *config.Objective {
	return &config.Objective{Name: "knowledge_sharing", Title: "Knowledge sharing", Description: text, KPIs: kpis}
}

func pagesCreated() *config.KPI {
	return &config.KPI{
		Name: "pages_created_weekly", Title: "Pages created per week", Objective: "knowledge_sharing", Platform: "wiki",
		Measure: measure.Ref{Measure: "pages_created", Window: measure.Window(7 * day)}, Unit: "pages", Direction: config.Higher,
		Target:   &config.Target{Value: 40, By: now.Add(200 * day)},
		Warning:  &config.Threshold{Below: new(25.0), Sustain: 3 * day, Action: "Editors' round: ask three departments for one page each.", Within: 14 * day},
		Critical: &config.Threshold{Below: new(10.0), Sustain: day, Action: hostile},
		Owner:    "intranet-manager", Review: now.Add(53 * day),
	}
}

func activeRatio() *config.KPI {
	return &config.KPI{
		Name: "monthly_active_ratio", Title: hostile, Objective: "knowledge_sharing", Platform: "portal",
		Measure: measure.Ref{Measure: "active_users", Window: measure.Window(28 * day)}, Per: &measure.Ref{Measure: "accounts"},
		Unit: measure.Ratio, Direction: config.Higher,
		Warning: &config.Threshold{Below: new(0.65), Sustain: 7 * day, Action: "Interview the two departments that come least.", Within: 36 * time.Hour},
		Owner:   "communications", Review: now.Add(53 * day), URL: "https://grafana.example.org/d/intranet-kpi?var-kpi=monthly_active_ratio",
	}
}

func deskCalls() *config.KPI {
	return &config.KPI{
		Name: "desk_calls", Title: "Calls to the service desk", Objective: "knowledge_sharing", Platform: "portal",
		Measure: measure.Ref{Measure: measure.Custom, Label: "desk_calls"}, Unit: "calls", Direction: config.Range,
		Warning:  &config.Threshold{Below: new(10.0), Above: new(90.0), Action: "Look at the five commonest questions.", Within: 14 * day},
		Critical: &config.Threshold{Below: new(0.0), Above: new(200.0), Action: "Call the suppliers together.", Within: day},
		Owner:    "service-desk", Review: now.Add(53 * day),
	}
}

// firstScrape is seen by whoever scrapes before the first poll.
func firstScrape() scene {
	errors := map[cause.Cause]uint64{}
	for _, c := range cause.All {
		errors[c] = 0
	}
	k := pagesCreated()
	return scene{
		people:   &tally.Snapshot{},
		statuses: []poll.Status{{Platform: wiki(), Errors: errors}},
		kpis: []kpi.State{{KPI: k, WarmingUp: true, Limits: []kpi.Limit{
			{Severity: "warning", Condition: "below", At: 25, Threshold: k.Warning},
			{Severity: "critical", Condition: "below", At: 10, Threshold: k.Critical},
		}}},
		cfg: &config.Config{People: people(), Objectives: []*config.Objective{goal("Colleagues write down what they know.", k)}},
	}
}

// values gives each measure that p delivers a value, in every window.
func values(p *config.Platform, asOf time.Time) []tally.Value {
	var all []tally.Value
	for i, d := range p.Description.Measures() {
		refs := []measure.Ref{d.Ref}
		switch m, _ := measure.Lookup(d.Measure); m.Label {
		case "reason":
			refs = []measure.Ref{{Measure: m.Name, Label: "own"}, {Measure: m.Name, Label: "guest"}}
		case "platform":
			refs = []measure.Ref{{Measure: m.Name, Label: "portal"}, {Measure: m.Name, Label: "wiki"}}
		case "field":
			refs = []measure.Ref{{Measure: m.Name, Label: "emailable"}, {Measure: m.Name, Label: "user_page"}}
		}
		value := float64(100 + i)
		if d.Unit == measure.Ratio {
			value /= 1000
		}
		for _, ref := range refs {
			all = append(all, tally.Value{Ref: ref, Value: value, Basis: d.Basis, AsOf: asOf})
		}
	}
	return all
}

// full has a healthy wiki and a portal that fails and still has old values, one of them too old, and KPIs in every state.
func full() scene {
	w, p := wiki(), portal()
	sinceNov := now.Add(-28 * day)

	wikiValues := values(w, now.Add(-10*time.Minute))
	portalValues := values(p, now.Add(-30*time.Hour))
	for i := range portalValues {
		if portalValues[i].Label == "survey_score" {
			portalValues[i].AsOf = now.Add(-61 * time.Hour) // one hour past max_age
		}
		if portalValues[i].Label == "desk_calls" {
			portalValues[i].AsOf = now.Add(-60 * time.Hour) // to the second: not older
			portalValues[i].Value = 201.5
		}
	}

	pages, active, calls := pagesCreated(), activeRatio(), deskCalls()
	pages.Baseline = &config.Baseline{Value: 12, Date: now.Add(-300 * day)}
	survey := &config.KPI{
		Name: "survey", Title: "Survey", Objective: "knowledge_sharing", Platform: "portal", Owner: "communications", Review: now.Add(-day),
		Measure: measure.Ref{Measure: measure.Custom, Label: "survey_score"}, Unit: measure.Ratio, Direction: config.Higher,
		Warning: &config.Threshold{Below: new(0.7), Action: "Ask what is missing.", Within: 30 * day},
	}
	views := &config.KPI{
		Name: "views", Title: "Views", Objective: "knowledge_sharing", Platform: "portal", Owner: "communications", Review: now.Add(53 * day),
		Measure: measure.Ref{Measure: "page_views", Window: measure.Window(28 * day)}, Unit: "views", Direction: config.Lower,
		Warning: &config.Threshold{Above: new(1e6), Action: "Ask what is looked for.", Within: 30 * day},
	}
	return scene{
		people: &tally.Snapshot{Values: values(people(), now.Add(-30*time.Hour))},
		statuses: []poll.Status{
			{
				Platform: w, Success: true, LastSuccess: now.Add(-5 * time.Minute), Duration: 2340 * time.Millisecond,
				Snapshot: &tally.Snapshot{Values: wikiValues, CoveredSince: map[measure.Kind]time.Time{measure.PageCreated: sinceNov, measure.PageEdit: sinceNov}},
				Granted:  map[string]bool{"read": true, "apihighlimits": false},
				Requests: map[string]uint64{"200": 412, "503": 2, "error": 1},
				Errors:   map[cause.Cause]uint64{cause.Unavailable: 3},
			},
			{
				Platform: p, LastSuccess: now.Add(-29 * time.Hour), Failing: cause.Auth, FailingSince: now.Add(-28 * time.Hour), Failures: []error{errors.New("connect: password refused")},
				Snapshot: &tally.Snapshot{Values: portalValues, CoveredSince: map[measure.Kind]time.Time{measure.Login: now.Add(-14 * day), measure.PageView: sinceNov}},
				Granted:  map[string]bool{"select accounts": true},
				Requests: map[string]uint64{"ok": 9000, "error": 57},
				Errors:   map[cause.Cause]uint64{cause.Auth: 57},
			},
		},
		kpis: []kpi.State{
			{KPI: pages, Known: true, Value: 8, Data: now.Add(-10 * time.Minute), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 25, Threshold: pages.Warning, Breached: true, Start: now.Add(-9 * day)},
				{Severity: "critical", Condition: "below", At: 10, Threshold: pages.Critical, Breached: true, Start: now.Add(-4 * day)},
			}},
			{KPI: active, Known: true, Value: 0.64375, Numerator: 412, Denominator: 640, Data: now.Add(-30 * time.Hour), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 0.65, Threshold: active.Warning, Start: now.Add(-2 * day)},
			}},
			{KPI: calls, Known: true, Value: 201.5, Data: now.Add(-60 * time.Hour), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 10, Threshold: calls.Warning},
				{Severity: "warning", Condition: "above", At: 90, Threshold: calls.Warning, Breached: true, Start: now.Add(-3 * day)},
				{Severity: "critical", Condition: "below", At: 0, Threshold: calls.Critical},
				{Severity: "critical", Condition: "above", At: 200, Threshold: calls.Critical, Breached: true, Start: now.Add(-3 * day)},
			}},
			{KPI: survey, Data: now.Add(-61 * time.Hour), Limits: []kpi.Limit{ // its value is too old, its verdict stays
				{Severity: "warning", Condition: "below", At: 0.7, Threshold: survey.Warning, Breached: true, Start: now.Add(-20 * day)},
			}},
			{KPI: views, WarmingUp: true, Expected: now.Add(7 * day), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "above", At: 1e6, Threshold: views.Warning},
			}},
		},
		cfg: &config.Config{
			People:     people(),
			Objectives: []*config.Objective{goal(hostile, pages, active, calls, survey, views)},
			Notes:      []config.Note{{Date: now.Add(-56 * day).Truncate(day), Text: "New home page"}, {Date: now.Add(30 * day).Truncate(day), Text: hostile}},
		},
	}
}

// statuses has a KPI in each status that has series, with limits on drops and rises.
func statuses() scene {
	searches := &config.KPI{
		Name: "searches_in_vain", Title: "Searches in vain", Objective: "knowledge_sharing", Platform: "portal", Status: config.Active,
		Measure: measure.Ref{Measure: "searches_without_result", Window: measure.Window(7 * day)}, Unit: "searches", Direction: config.Lower,
		Baseline: &config.Baseline{Value: 400, Date: now.Add(-300 * day)},
		Warning:  &config.Threshold{Above: new(500.0), Drop: new(0.9), Rise: new(0.25), Against: 28 * day, Action: "Read what is looked for.", Within: 14 * day},
		Critical: &config.Threshold{Rise: new(1.0), Against: 7 * day, Action: "Ask whether the index is whole.", Within: day},
		Owner:    "intranet-manager", Review: now.Add(53 * day),
	}
	comments := &config.KPI{ // nobody has agreed to it yet
		Name: "comments", Title: "Comments", Objective: "knowledge_sharing", Platform: "portal", Status: config.Proposed,
		Measure: measure.Ref{Measure: "comments", Window: measure.Window(7 * day)}, Unit: "comments", Direction: config.Higher,
		Baseline: &config.Baseline{Value: 50, Date: now.Add(-300 * day)}, Target: &config.Target{Value: 200},
		Warning: &config.Threshold{Below: new(150.0), Drop: new(0.3), Against: 28 * day, Action: "Ask a question.", Within: 14 * day},
		Owner:   "communications", Review: now.Add(53 * day),
	}
	people := &config.KPI{
		Name: "people", Title: "Accounts", Objective: "knowledge_sharing", Platform: "portal", Status: config.Context,
		Measure: measure.Ref{Measure: "accounts"}, Unit: "accounts", Direction: config.Higher, Target: &config.Target{Value: 900},
		Warning: &config.Threshold{Below: new(10.0), Action: "None."}, Owner: "communications", Review: now.Add(53 * day),
	}
	return scene{
		kpis: []kpi.State{
			{KPI: searches, Known: true, Value: 420, Data: now.Add(-30 * time.Hour), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "above", At: 500, Threshold: searches.Warning},
				{Severity: "warning", Condition: "drop", At: 32.8, Threshold: searches.Warning},
				{Severity: "warning", Condition: "rise", At: 410, Threshold: searches.Warning, Breached: true, Start: now.Add(-2 * day)},
				{Severity: "critical", Condition: "rise", WarmingUp: true, Threshold: searches.Critical},
			}},
			{KPI: comments, Known: true, Value: 120, Data: now.Add(-30 * time.Hour), Limits: []kpi.Limit{
				{Severity: "warning", Condition: "below", At: 150, Threshold: comments.Warning},
				{Severity: "warning", Condition: "drop", At: 77, Threshold: comments.Warning},
			}},
			{KPI: people, Known: true, Value: 640, Data: now.Add(-30 * time.Hour)},
		},
		cfg: &config.Config{Objectives: []*config.Objective{goal("Colleagues find what they look for.", searches, comments, people)}},
	}
}

var scenes = map[string]func() scene{"first_scrape": firstScrape, "full": full, "statuses": statuses}

func TestGolden(t *testing.T) {
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			got := encode(t, expfmt.NewFormat(expfmt.TypeTextPlain), scene().build())
			need.Golden(t, *update, filepath.Join("testdata", name+".prom"), got)
		})
	}
}

func TestWhatAPlatformOnlyCounts(t *testing.T) {
	p := &config.Platform{Name: "directory", MaxAge: day}
	s := &tally.Snapshot{}
	for i, ref := range []measure.Ref{
		{Measure: "accounts"}, {Measure: "accounts_excluded", Label: "disabled"}, {Measure: "accounts_excluded", Label: "guest"},
		{Measure: "profile_field_filled", Label: "phone"},
	} {
		p.Description.Readings = append(p.Description.Readings, collector.ReadingSource{Ref: ref, Source: "users/$count"})
		s.Values = append(s.Values, tally.Value{Ref: ref, Value: float64(i), Basis: measure.Reported, AsOf: now})
	}
	got := map[string]float64{}
	for _, family := range (scene{statuses: []poll.Status{{Platform: p, Snapshot: s}}, cfg: &config.Config{}}).build() {
		for _, m := range family.Metric {
			if name := family.GetName(); !strings.HasPrefix(name, "intranet_collector_") && name != "intranet_exporter_info" {
				series := name
				for _, l := range m.Label {
					series += " " + l.GetValue()
				}
				got[series] = m.GetGauge().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{
		"intranet_accounts directory":                                               0,
		"intranet_accounts_excluded directory disabled":                             1,
		"intranet_accounts_excluded directory guest":                                2,
		"intranet_profile_field_filled_ratio phone directory":                       3,
		"intranet_measure_info reading accounts directory users/$count":             1,
		"intranet_measure_info reading accounts_excluded directory users/$count":    1,
		"intranet_measure_info reading profile_field_filled directory users/$count": 1,
	}, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestBuildIsDeterministic(t *testing.T) {
	first := encode(t, expfmt.NewFormat(expfmt.TypeTextPlain), full().build())
	for range 20 {
		if again := encode(t, expfmt.NewFormat(expfmt.TypeTextPlain), full().build()); !bytes.Equal(first, again) {
			t.Fatalf("a second build differs:\n%s", cmp.Diff(string(first), string(again)))
		}
	}
}

func TestNames(t *testing.T) {
	families := full().build()
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	there := map[string]bool{}
	for _, f := range families {
		there[f.GetName()] = true
		if !strings.HasSuffix(f.GetHelp(), ".") {
			t.Errorf("%s: help is no sentence: %q", f.GetName(), f.GetHelp())
		}
		for _, suffix := range []string{"_total", "_count", "_percent"} {
			if f.GetType() == dto.MetricType_GAUGE && strings.HasSuffix(f.GetName(), suffix) {
				t.Errorf("%s: a gauge must not end in %s", f.GetName(), suffix)
			}
		}
	}
	for _, d := range descriptions {
		if !there[d.name] {
			t.Errorf("%s is described, and in no scene", d.name)
		}
	}
	for _, m := range measure.All {
		if !there[m.Metric] {
			t.Errorf("%s: no series of measure %s", m.Metric, m.Name)
		}
	}
}

func TestHostileTextsSurvive(t *testing.T) {
	text := encode(t, expfmt.NewFormat(expfmt.TypeTextPlain), full().build())
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ToValidUTF8(hostile, "\uFFFD")
	for name, label := range map[string]string{
		"intranet_kpi_info": "title", "intranet_kpi_action_info": "action", "intranet_objective_info": "description", "intranet_measure_info": "source",
		"intranet_note_timestamp_seconds": "note",
	} {
		found := false
		for _, m := range families[name].GetMetric() {
			for _, l := range m.Label {
				found = found || l.GetName() == label && l.GetValue() == want
			}
		}
		if !found {
			t.Errorf("%s: no series has %s=%q", name, label, want)
		}
	}
}

func TestGathererServesTheNewest(t *testing.T) {
	var g Gatherer
	if families, err := g.Gather(); len(families) != 0 || err != nil {
		t.Errorf("before the first: got %v, %v", families, err)
	}
	g.Set(firstScrape().build())
	g.Set(full().build())
	families, err := g.Gather()
	if want := len(full().build()); len(families) != want || err != nil {
		t.Errorf("got %d families and error %v, want %d", len(families), err, want)
	}
}

// TestScrapesShare has its point under the race detector: scrapes at the same time get the same families.
func TestScrapesShare(t *testing.T) {
	var newest Gatherer
	newest.Set(full().build())
	before := encode(t, expfmt.NewFormat(expfmt.TypeTextPlain), full().build())
	handler := promhttp.HandlerFor(prometheus.Gatherers{&newest, prometheus.NewRegistry()}, promhttp.HandlerOpts{EnableOpenMetrics: true})
	var scrapes sync.WaitGroup
	for i := range 8 {
		scrapes.Go(func() {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			if i%2 == 0 {
				r.Header.Set("Accept", "application/openmetrics-text")
			}
			w := httptest.NewRecorder()
			if handler.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Errorf("answered %d", w.Code)
			}
		})
	}
	scrapes.Wait()
	families, _ := newest.Gather()
	if after := encode(t, expfmt.NewFormat(expfmt.TypeTextPlain), families); !bytes.Equal(before, after) {
		t.Errorf("a scrape changed what the next one gets:\n%s", cmp.Diff(string(before), string(after)))
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "", day: "1d", 7 * day: "7d", 36 * time.Hour: "1d12h", 90 * time.Minute: "1h30m"} {
		if got := duration(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

func TestProcess(t *testing.T) {
	writable := true
	p := NewProcess(now, func() bool { return writable })
	check := func(step string, reloaded, at, state float64) {
		t.Helper()
		for name, want := range map[string]float64{
			"intranet_config_last_reload_successful":                reloaded,
			"intranet_config_last_reload_success_timestamp_seconds": at,
			"intranet_state_writable":                               state,
			"intranet_exporter_build_info":                          1,
		} {
			if got := value(t, p, name); got != want {
				t.Errorf("%s: %s is %v, want %v", step, name, got, want)
			}
		}
	}
	start := timestamp(now)
	check("at start", 1, start, 1)
	writable = false
	p.Reloaded(now.Add(time.Minute), os.ErrInvalid)
	check("after a failed reload", 0, start, 0)
	p.Reloaded(now.Add(2*time.Minute), nil)
	check("after a good one", 1, start+120, 0)
}

func value(t *testing.T, p *Process, name string) float64 {
	t.Helper()
	families, err := p.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

func encode(t *testing.T, format expfmt.Format, families []*dto.MetricFamily) []byte {
	t.Helper()
	var out bytes.Buffer
	e := expfmt.NewEncoder(&out, format)
	for _, f := range families {
		if err := e.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}
