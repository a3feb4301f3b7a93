package grafana

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// TestQueries asks a real Prometheus. Job one is a single exporter; two is the same with a replica that was not reloaded
// yet; none has no series.
func TestQueries(t *testing.T) {
	server := startPrometheus(t, now, history)
	t.Run("panels", server.testPanels)
	t.Run("scorecard", server.testScorecard)
	t.Run("actions", server.testActions)
	t.Run("variables", server.testVariables)
}

func (s server) testPanels(t *testing.T) {
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			t.Run(d.UID+"/"+p.Title, func(t *testing.T) {
				s.checkPanel(t, p, "one")
				for _, q := range p.Targets {
					one, two := identities(s.run(t, q, "one")), identities(s.run(t, q, "two"))
					if strings.Contains(q.Expr, "by (instance)") {
						if len(two) != 2*len(one) {
							t.Errorf("%s: %d results with two replicas, want one per instance", q.RefID, len(two))
						}
					} else if !slices.Equal(one, two) {
						t.Errorf("%s: with two replicas\n%q\nwith one\n%q", q.RefID, two, one)
					}
					if none := s.run(t, q, "none"); len(none) != 0 {
						t.Errorf("%s: data without a series of the job: %v", q.RefID, none)
					}
				}
			})
		}
		for _, a := range d.Annotations.List {
			if a.BuiltIn != 0 {
				continue
			}
			q := target{RefID: a.Name, Expr: a.Expr, Range: true}
			one, two, none := s.run(t, q, "one"), s.run(t, q, "two"), s.run(t, q, "none")
			if len(one) == 0 || len(two) != len(one) || len(none) != 0 {
				t.Errorf("annotation %s: %d results, with two replicas %d, without the job %d", a.Name, len(one), len(two), len(none))
			}
			for _, r := range one {
				s.checkAnnotation(t, a, r)
			}
		}
	}
}

// checkAnnotation holds that an annotation has its title, and stands where it belongs.
func (s server) checkAnnotation(t *testing.T, a annotation, r result) {
	t.Helper()
	for _, placeholder := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(a.TitleFormat, -1) {
		if r.Metric[placeholder[1]] == "" {
			t.Errorf("annotation %s: its title %s has nothing for %v", a.Name, a.TitleFormat, r.Metric)
		}
	}
	if !a.UseValueForTime {
		return
	}
	for _, v := range r.Values {
		ms, err := strconv.ParseFloat(v[1].(string), 64)
		if at := time.UnixMilli(int64(ms)); err != nil || at.Sub(s.end).Abs() > 365*day {
			t.Errorf("annotation %s: it stands at %s, and today is %s", a.Name, at, s.end)
		}
	}
}

// checkPanel holds that each query of a panel has an answer, of a shape that the rest of the panel can use.
func (s server) checkPanel(t *testing.T, p panel, job string) {
	t.Helper()
	answers := map[string][]result{}
	for _, q := range p.Targets {
		answers[q.RefID] = s.run(t, q, job)
		if len(answers[q.RefID]) == 0 {
			t.Errorf("%s: no data", q.RefID)
		}
		for _, placeholder := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(q.LegendFormat, -1) {
			for _, r := range answers[q.RefID] {
				if r.Metric[placeholder[1]] == "" {
					t.Errorf("%s: its legend %s has nothing for %v", q.RefID, q.LegendFormat, r.Metric)
				}
			}
		}
	}
	names := p.series(t, answers)
	if p.Type == "table" {
		names = p.columns(t, answers)
	}
	for _, o := range p.FieldConfig.Overrides {
		matches := func(name string) bool { return name == o.Matcher.Options }
		if o.Matcher.ID == "byRegexp" {
			matches = regexp.MustCompile(strings.Trim(o.Matcher.Options, "/")).MatchString
		}
		if !slices.ContainsFunc(names, matches) {
			t.Errorf("an override is for %q, which is none of %q", o.Matcher.Options, names)
		}
	}
	for _, by := range p.Options.SortBy {
		if !slices.Contains(names, by.DisplayName) {
			t.Errorf("sorted by %q, which is none of %q", by.DisplayName, names)
		}
	}
}

// series returns the names of a panel's series. It holds that configFromData finds the fields that it maps.
func (p panel) series(t *testing.T, answers map[string][]result) []string {
	t.Helper()
	configs := map[string]bool{}
	for _, transformation := range p.Transformations {
		configs[transformation.Options.ConfigRefID] = true
		for _, mapping := range transformation.Options.Mappings {
			config := answers[transformation.Options.ConfigRefID]
			if len(config) != 1 || config[0].Metric[mapping.FieldName] == "" {
				t.Errorf("%s: want one row with a %s: %v", transformation.ID, mapping.FieldName, config)
			}
		}
	}
	var names []string
	for _, q := range p.Targets {
		if configs[q.RefID] {
			continue
		}
		for _, r := range answers[q.RefID] {
			name := q.LegendFormat
			for label, value := range r.Metric {
				name = strings.ReplaceAll(name, "{{"+label+"}}", value)
			}
			names = append(names, name)
		}
	}
	return names
}

// columns does to the names of columns what Grafana's transformations do, and holds that they find what they name:
// Grafana leaves out without a word what they don't find.
func (p panel) columns(t *testing.T, answers map[string][]result) []string {
	t.Helper()
	frames := make([][]string, len(p.Targets))
	for i, q := range p.Targets {
		value := "Value"
		if len(p.Targets) > 1 {
			value += " #" + q.RefID
		}
		labels := map[string]bool{}
		for _, r := range answers[q.RefID] {
			for label := range r.Metric {
				labels[label] = true
			}
		}
		frames[i] = append([]string{"Time"}, append(slices.Sorted(maps.Keys(labels)), value)...)
	}
	columns := frames[0]
	for _, transformation := range p.Transformations {
		o := transformation.Options
		switch transformation.ID {
		case "joinByField":
			joined := []string{o.ByField}
			for i, q := range p.Targets {
				seen := map[string]bool{}
				for _, r := range answers[q.RefID] {
					key := r.Metric[o.ByField]
					if key == "" || seen[key] {
						t.Errorf("%s: not one row for each %s: %v", q.RefID, o.ByField, r.Metric)
					}
					seen[key] = true
				}
				for _, name := range frames[i] {
					if name != o.ByField && name != "Time" && slices.Contains(joined, name) {
						t.Errorf("%s: column %s is there twice", q.RefID, name)
					}
					if name != o.ByField {
						joined = append(joined, name)
					}
				}
			}
			columns = joined
			frames = [][]string{joined}
		case "filterFieldsByName":
			keep := regexp.MustCompile(o.Include.Pattern)
			columns = slices.DeleteFunc(columns, func(name string) bool { return !keep.MatchString(name) })
		case "organize":
			for _, names := range [][]string{slices.Collect(maps.Keys(o.ExcludeByName)), slices.Collect(maps.Keys(o.RenameByName)), slices.Collect(maps.Keys(o.IndexByName))} {
				for _, name := range names {
					if !slices.Contains(columns, name) {
						t.Errorf("organizes %q, which is none of %q", name, columns)
					}
				}
			}
			columns = slices.DeleteFunc(columns, func(name string) bool { return o.ExcludeByName[name] })
			if len(columns) != len(o.IndexByName) {
				t.Errorf("columns %q have an order for %d", columns, len(o.IndexByName))
			}
			slices.SortFunc(columns, func(a, b string) int { return cmp.Compare(o.IndexByName[a], o.IndexByName[b]) })
			for i, name := range columns {
				if renamed := o.RenameByName[name]; renamed != "" {
					columns[i] = renamed
				}
			}
		default:
			t.Errorf("transformation %s is not understood here", transformation.ID)
		}
	}
	if len(frames) != 1 {
		t.Errorf("%d frames make no one table", len(frames))
	}
	return columns
}

// testScorecard holds what the table of the scorecard says of KPIs in every state.
func (s server) testScorecard(t *testing.T) {
	absent := math.NaN()
	type row struct{ now, target, attainment, status, change, trend float64 }
	const (
		within, noLimits, warmingUp, noData, warning, critical = 0, 1, 2, 3, 4, 5
		better, same, worse                                    = 1, 0, -1
	)
	want := map[string]row{
		"pages_created_weekly": {8, 40, 0.2, critical, 0.8, better},
		"monthly_active_ratio": {64.375, absent, absent, within, 6.4375, better},
		"desk_calls":           {201.5, absent, 90 / 201.5, critical, 20.15, absent},
		"survey":               {absent, absent, absent, warning, absent, absent},
		"views":                {absent, absent, absent, warmingUp, absent, absent},

		"higher_reached":  {90, 80, 1, within, 9, better},
		"higher_negative": {-10, 20, 0, within, -1, worse},
		"higher_of_zero":  {5, 0, 1, within, 0.5, better},
		"lower_reached":   {4, 5, 1, within, 0.4, worse},
		"lower_missed":    {12, 5, 5. / 12, warning, 1.2, worse},
		"lower_at_zero":   {0, 0, 1, noLimits, 0, same},
		"lower_above_0":   {3, 0, 0, noLimits, 0.3, worse},
		"range_within":    {5, 20, 1, within, 0.5, absent},
		"range_below":     {1, 20, 0.5, warning, 0.1, absent},
		"lost":            {absent, 7, absent, noData, absent, absent},
	}
	p := find(t, "intranet-kpi", "KPIs by objective")
	for _, job := range []string{"one", "two"} {
		column := func(ref string) map[string]float64 {
			i := slices.IndexFunc(p.Targets, func(q target) bool { return q.RefID == ref })
			values := map[string]float64{}
			for _, r := range s.run(t, p.Targets[i], job) {
				values[r.Metric["kpi"]] = r.number(t)
			}
			return values
		}
		texts := column("A")
		if got, want := slices.Sorted(maps.Keys(texts)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
			t.Fatalf("rows of job %s: %q\nwant %q", job, got, want)
		}
		columns := map[string]func(row) float64{
			"B": func(r row) float64 { return r.now },
			"C": func(r row) float64 { return r.target },
			"D": func(r row) float64 { return r.attainment },
			"E": func(r row) float64 { return r.status },
			"F": func(r row) float64 { return r.change },
			"G": func(r row) float64 { return r.trend },
		}
		for ref, of := range columns {
			got := column(ref)
			for kpi, r := range want {
				value, there := got[kpi]
				if !there {
					value = absent
				}
				if w := of(r); math.IsNaN(w) != math.IsNaN(value) || math.Abs(w-value) > 1e-9 {
					t.Errorf("job %s, column %s of %s is %v, want %v", job, ref, kpi, value, w)
				}
			}
		}
	}
}

// testActions holds that the sponsor reads what was agreed, of the higher severity only.
func (s server) testActions(t *testing.T) {
	p := find(t, "intranet-kpi", "What to do now")
	var got []string
	for _, r := range s.run(t, p.Targets[0], "two") {
		m := r.Metric
		got = append(got, fmt.Sprintf("%s %s: %.11s within %q, %s, since %s", m["kpi"], m["severity"], m["action"], m["within"], m["kpi_owner"],
			time.UnixMilli(int64(r.number(t))).UTC().Format(time.DateOnly)))
	}
	slices.Sort(got)
	want := []string{
		`desk_calls critical: Call the su within "1d", service-desk, since 2026-11-20`,
		`lower_missed warning: Do as agree within "14d", editor, since 2026-11-18`,
		`pages_created_weekly critical: Say "hi"` + "\n{{" + ` within "", intranet-manager, since 2026-11-19`,
		`range_below warning: Do as agree within "14d", editor, since 2026-11-18`,
		`survey warning: Ask what is within "30d", communications, since 2026-11-03`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// testVariables asks for the values of variables as Grafana does.
func (s server) testVariables(t *testing.T) {
	want := map[string][]string{
		"intranet-kpi/job":           {"one", "two"},
		"intranet-exporter/job":      {"one", "two"},
		"intranet-exporter/platform": {"portal", "wiki"},
		"intranet-kpi/kpi": {"desk_calls: Calls to the service desk", "higher_negative: Higher negative", "higher_of_zero: Higher of zero", "higher_reached: Higher reached",
			"lost: Lost", "lower_above_0: Lower above 0", "lower_at_zero: Lower at zero", "lower_missed: Lower missed", "lower_reached: Lower reached",
			"monthly_active_ratio: Say \"hi\"\n{{ $labels.kpi }} \\n C:\\temp <b>&amp;</b> 🎉 } # EOF �",
			"pages_created_weekly: Pages created per week", "range_below: Range below", "range_within: Range within", "survey: Survey", "views: Views"},
	}
	for _, d := range dashboards(t) {
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			query := s.substitute(v.Definition, "two")
			var got []string
			if m := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(query); m != nil {
				s.get(t, "label/"+m[2]+"/values", url.Values{"match[]": {m[1]}, "start": {unix(now.Add(-time.Hour))}, "end": {unix(now)}}, &got)
			} else if m := regexp.MustCompile(`^query_result\((.+)\)$`).FindStringSubmatch(query); m != nil {
				filter := regexp.MustCompile(strings.Trim(v.Regex, "/"))
				for _, r := range s.instant(t, m[1]) {
					var labels []string
					for _, name := range slices.Sorted(maps.Keys(r.Metric)) {
						labels = append(labels, fmt.Sprintf(`%s="%s"`, name, r.Metric[name]))
					}
					text := fmt.Sprintf("{%s} %v %d", strings.Join(labels, ","), r.Value[1], now.UnixMilli())
					option := filter.FindStringSubmatch(text)
					if option == nil {
						t.Fatalf("%s does not match %q", v.Regex, text)
					}
					got = append(got, option[filter.SubexpIndex("value")]+": "+option[filter.SubexpIndex("text")])
				}
				slices.Sort(got)
			}
			if name := d.UID + "/" + v.Name; !slices.Equal(got, want[name]) {
				t.Errorf("%s: %q, want %q", name, got, want[name])
			}
		}
	}
}

func find(t *testing.T, uid, title string) panel {
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			if d.UID == uid && p.Title == title {
				return p
			}
		}
	}
	t.Fatalf("no panel %s/%s", uid, title)
	return panel{}
}

// A server is a Prometheus that holds a history, which ended at some time.
type server struct {
	url string
	end time.Time
	kpi string // chosen on the scorecard
}

// startPrometheus starts one that ends with the test. history writes what it holds, as OpenMetrics.
func startPrometheus(t *testing.T, end time.Time, history func(*testing.T, io.Writer)) server {
	dir := t.TempDir()
	file := filepath.Join(dir, "history.om")
	data := filepath.Join(dir, "data")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	history(t, out)
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(need.Program(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=10000h", "--quiet", file, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()

	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), need.Program(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=10y", "--web.listen-address="+address)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() { <-exited }) // the end of the context kills it, before the folder is removed

	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-exited:
			t.Fatalf("Prometheus ended:\n%s", log.String())
		case <-tick.C:
			if resp, err := http.Get("http://" + address + "/-/ready"); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return server{"http://" + address, end, "pages_created_weekly"}
				}
			}
		}
	}
}

// A result is a series of an answer, with one value or many.
type result struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

func (r result) number(t *testing.T) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(r.Value[1].(string), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// identities returns the labels of each result, sorted.
func identities(results []result) []string {
	var all []string
	for _, r := range results {
		all = append(all, fmt.Sprint(r.Metric))
	}
	slices.Sort(all)
	return all
}

// run asks what Grafana would ask, over a week where it is a range.
func (s server) run(t *testing.T, q target, job string) []result {
	t.Helper()
	expr := s.substitute(q.Expr, job)
	if !q.Range {
		return s.instant(t, expr)
	}
	var data struct{ Result []result }
	s.get(t, "query_range", url.Values{"query": {expr}, "start": {unix(s.end.Add(-7 * day))}, "end": {unix(s.end)}, "step": {"1h"}}, &data)
	return data.Result
}

// substitute fills in the variables.
func (s server) substitute(expr, job string) string {
	return strings.NewReplacer("$__rate_interval", "4h", "$__interval", "1h", "$job", job, "$kpi", s.kpi, "$platform", ".+").Replace(expr)
}

func (s server) instant(t *testing.T, expr string) []result {
	t.Helper()
	var data struct{ Result []result }
	s.get(t, "query", url.Values{"query": {expr}, "time": {unix(s.end)}}, &data)
	return data.Result
}

func (s server) get(t *testing.T, path string, values url.Values, data any) {
	t.Helper()
	resp, err := http.Get(s.url + "/api/v1/" + path + "?" + values.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Status != "success" {
		t.Fatalf("%s\n%s", answer.Error, values.Get("query"))
	}
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
