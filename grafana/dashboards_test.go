// Package grafana tests the dashboards: that they are well made, and that each of their queries answers what its panel needs.
package grafana

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
)

// A dashboard is what the tests here look at in one.
type dashboard struct {
	File          string `json:"-"`
	ID            *int   // null: Grafana gives one
	Inputs        any    `json:"__inputs"`
	UID           string
	Title         string
	Description   string
	Editable      bool
	SchemaVersion int
	Templating    struct{ List []variable }
	Annotations   struct{ List []annotation }
	Panels        []panel
}

type datasource struct{ Type, UID string }

type variable struct {
	Name, Type, Regex, Definition string
	Refresh                       int
	Datasource                    datasource
	Query                         any
}

// An annotation has its query twice: some versions of Grafana read it from the one place, some from the other.
type annotation struct {
	Name            string
	BuiltIn         int
	Datasource      datasource
	Expr, Step      string
	Target          struct{ Expr, Interval string }
	TitleFormat     string
	UseValueForTime bool
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  struct{ X, Y, W, H int }
	Interval                 string
	Targets                  []target
	FieldConfig              struct {
		Defaults struct {
			Unit, NoValue string
			Thresholds    *thresholds
		}
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	}
	Options struct {
		SortBy []struct{ DisplayName string }
	}
	Transformations []struct {
		ID      string
		Options struct {
			ByField       string
			Include       struct{ Pattern string }
			ConfigRefID   string `json:"configRefId"`
			Mappings      []struct{ FieldName string }
			ExcludeByName map[string]bool
			RenameByName  map[string]string
			IndexByName   map[string]int
		}
	}
}

type thresholds struct {
	Mode  string
	Steps []struct{ Value *float64 }
}

type target struct {
	RefID                      string `json:"refId"`
	Datasource                 datasource
	Expr, LegendFormat, Format string
	Instant, Range             bool
}

func dashboards(t *testing.T) []dashboard {
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d dashboards", err, len(files))
	}
	var all []dashboard
	for _, file := range files {
		d := dashboard{File: file}
		if err := json.Unmarshal(read(t, file), &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d)
	}
	return all
}

// chosen is the data source of the dashboard's variable; files that are provisioned can't have any other.
var chosen = datasource{"prometheus", "${datasource}"}

func TestDashboards(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range dashboards(t) {
		t.Run(d.File, func(t *testing.T) {
			var tidy bytes.Buffer
			if err := json.Indent(&tidy, read(t, d.File), "", "  "); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(tidy.Bytes(), read(t, d.File)) {
				t.Error("is not indented by two spaces")
			}
			if d.UID == "" || uids[d.UID] {
				t.Errorf("uid %q is missing or taken", d.UID)
			}
			uids[d.UID] = true
			if d.Title == "" || d.Description == "" {
				t.Error("no title or no description")
			}
			if d.ID != nil || d.Inputs != nil || d.Editable || d.SchemaVersion < 39 {
				t.Error("want id null, no __inputs, editable false and schemaVersion 39 or later: it is provisioned as it is")
			}
			for _, name := range []string{"datasource", "job"} {
				if !slices.ContainsFunc(d.Templating.List, func(v variable) bool { return v.Name == name }) {
					t.Errorf("no variable %s", name)
				}
			}
			for _, v := range d.Templating.List {
				if v.Type == "query" && (v.Datasource != chosen || v.Refresh != 2) {
					t.Errorf("variable %s: want the data source of the dashboard, and refresh 2, with the time range", v.Name)
				}
				if query, _ := v.Query.(map[string]any); v.Type == "query" && query["query"] != v.Definition {
					t.Errorf("variable %s: the query %v is not its definition %q", v.Name, v.Query, v.Definition)
				}
			}
			for _, a := range d.Annotations.List {
				if a.BuiltIn == 0 && (a.Datasource != chosen || a.Expr == "" || a.Expr != a.Target.Expr || a.Step != a.Target.Interval) {
					t.Errorf("annotation %s: want the data source of the dashboard, and the same query for all versions of Grafana", a.Name)
				}
			}
		})
	}
}

func TestPanels(t *testing.T) {
	for _, d := range dashboards(t) {
		ids := map[int]bool{}
		for i, p := range d.Panels {
			t.Run(d.UID+"/"+p.Title, func(t *testing.T) {
				if p.Title == "" || p.Description == "" {
					t.Error("no title or no description")
				}
				if p.ID == 0 || ids[p.ID] {
					t.Errorf("id %d is missing or taken", p.ID)
				}
				ids[p.ID] = true
				if !slices.Contains([]string{"stat", "table", "timeseries", "state-timeline"}, p.Type) {
					t.Errorf("unknown type %q", p.Type)
				}
				if p.Datasource != chosen {
					t.Errorf("data source is %v, want %v", p.Datasource, chosen)
				}
				at := p.GridPos
				if at.X < 0 || at.Y < 0 || at.W < 1 || at.H < 1 || at.X+at.W > 24 {
					t.Errorf("lies outside the grid: %+v", at)
				}
				for _, other := range d.Panels[:i] {
					if o := other.GridPos; at.X < o.X+o.W && o.X < at.X+at.W && at.Y < o.Y+o.H && o.Y < at.Y+at.H {
						t.Errorf("overlaps %q", other.Title)
					}
				}
				p.checkFields(t)
				p.checkTargets(t)
			})
		}
	}
}

func (p panel) checkFields(t *testing.T) {
	if p.FieldConfig.Defaults.NoValue == "" {
		t.Error("does not say what it shows without data")
	}
	checkUnit(t, p.FieldConfig.Defaults.Unit)
	if limits := p.FieldConfig.Defaults.Thresholds; limits != nil {
		checkSteps(t, *limits)
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			switch property.ID {
			case "unit":
				checkUnit(t, decode[string](t, property.Value))
			case "thresholds":
				checkSteps(t, decode[thresholds](t, property.Value))
			}
		}
	}
}

func (p panel) checkTargets(t *testing.T) {
	if len(p.Targets) == 0 {
		t.Error("no query")
	}
	tables := map[string]bool{}
	for i, q := range p.Targets {
		tables[q.RefID] = q.Format == "table"
		if q.Datasource != chosen {
			t.Errorf("%s: data source is %v, want %v", q.RefID, q.Datasource, chosen)
		}
		if q.RefID == "" || slices.ContainsFunc(p.Targets[:i], func(o target) bool { return o.RefID == q.RefID }) {
			t.Errorf("refId %q is missing or taken", q.RefID)
		}
		if q.Instant == q.Range {
			t.Errorf("%s: want either instant or range", q.RefID)
		}
		if tables[q.RefID] && !q.Instant || p.Type == "table" && !tables[q.RefID] || p.Type == "stat" && !q.Instant {
			t.Errorf("%s: tables and stats need instant queries, those of a table its format", q.RefID)
		}
		// History may have been backfilled with a value an hour.
		if strings.Contains(q.Expr, "$__interval") && p.Interval != "1h" {
			t.Errorf("%s: a window of $__interval needs 1h as the least interval", q.RefID)
		}
	}
	for _, transformation := range p.Transformations {
		if o := transformation.Options; transformation.ID == "configFromData" && !tables[o.ConfigRefID] {
			t.Errorf("configFromData: %q is no table of this panel", o.ConfigRefID)
		}
	}
}

func checkUnit(t *testing.T, unit string) {
	t.Helper()
	if !slices.Contains([]string{"bytes", "locale", "percentunit", "s", "short", "string", "time:YYYY-MM-DD", "time:YYYY-MM-DD HH:mm"}, unit) {
		t.Errorf("Grafana has no unit %q, or it is new here", unit)
	}
}

// checkSteps demands one base step, the first, and ascending values: Grafana does not sort them.
func checkSteps(t *testing.T, of thresholds) {
	t.Helper()
	if of.Mode != "absolute" || len(of.Steps) == 0 || of.Steps[0].Value != nil {
		t.Fatal("thresholds have no base step")
	}
	for i, step := range of.Steps[1:] {
		if step.Value == nil || i > 0 && *step.Value <= *of.Steps[i].Value {
			t.Error("thresholds do not ascend")
		}
	}
}

// TestSelectors holds every selector against what the exporter exposes, and against the rules for shipped queries.
func TestSelectors(t *testing.T) {
	labels := map[string][]string{}
	counters := map[string]bool{}
	for _, family := range exposed(t) {
		counters[family.GetName()] = family.GetType() == dto.MetricType_COUNTER
		labels[family.GetName()] = []string{"job"}
		for _, l := range family.Metric[0].Label {
			labels[family.GetName()] = append(labels[family.GetName()], l.GetName())
		}
	}
	selector := regexp.MustCompile(`(\w+\()?\b((?:intranet|process|go)_[a-z_]+)(?:\{([^}]*)\})?(?:\[([^]]*)\])?`)
	matcher := regexp.MustCompile(`(\w+)(?:=~|=)"`)
	for _, d := range dashboards(t) {
		for name, expr := range d.expressions() {
			found := selector.FindAllStringSubmatch(expr, -1)
			if len(found) == 0 {
				t.Errorf("%s: no selector", name)
			}
			for _, s := range found {
				function, metric, matchers, window := s[1], s[2], s[3], s[4]
				if labels[metric] == nil {
					t.Errorf("%s: the exporter does not expose %s", name, metric)
				}
				if !strings.Contains(matchers, `job="$job"`) && !strings.HasSuffix(name, "/variable job") {
					t.Errorf("%s: %s is not of one job", name, metric)
				}
				for _, m := range matcher.FindAllStringSubmatch(matchers, -1) {
					if !slices.Contains(labels[metric], m[1]) {
						t.Errorf("%s: %s has no label %s", name, metric, m[1])
					}
				}
				if rated := function == "rate(" || function == "increase("; rated != counters[metric] {
					t.Errorf("%s: rate and increase are for counters, and counters for them: %s", name, metric)
				}
				if function == "rate(" && window != "$__rate_interval" {
					t.Errorf("%s: rate over %s, want $__rate_interval", name, window)
				}
			}
		}
	}
}

// expressions returns every query by where it stands.
func (d dashboard) expressions() map[string]string {
	all := map[string]string{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all[d.UID+"/"+p.Title+"/"+q.RefID] = q.Expr
		}
	}
	for _, a := range d.Annotations.List {
		if a.BuiltIn == 0 {
			all[d.UID+"/annotation "+a.Name] = a.Expr
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			all[d.UID+"/variable "+v.Name] = v.Definition
		}
	}
	return all
}

// exposed are all series that the exporter has: those of internal/exposition's test, and those of a process.
func exposed(t *testing.T) []*dto.MetricFamily {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	golden, err := parser.TextToMetricFamilies(bytes.NewReader(read(t, "../internal/exposition/testdata/full.prom")))
	if err != nil {
		t.Fatal(err)
	}
	all, err := exposition.NewProcess(now, func() bool { return true }).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range golden {
		all = append(all, family)
	}
	return all
}

func TestProvisioning(t *testing.T) {
	type entry struct{ Name, Type string }
	var files [2]struct {
		Version    int     `yaml:"apiVersion"`
		Sources    []entry `yaml:"datasources"`
		Dashboards []entry `yaml:"providers"`
	}
	for i, name := range []string{"provisioning/datasources/prometheus.yml", "provisioning/dashboards/intranet.yml"} {
		if err := yaml.Unmarshal(read(t, name), &files[i]); err != nil || files[i].Version != 1 {
			t.Errorf("%s: %v, apiVersion %d", name, err, files[i].Version)
		}
	}
	if got, want := files[0].Sources, (entry{"Prometheus", "prometheus"}); !slices.Equal(got, []entry{want}) {
		t.Errorf("data sources %v, want %v", got, want)
	}
	if got, want := files[1].Dashboards, (entry{"intranet", "file"}); !slices.Equal(got, []entry{want}) {
		t.Errorf("dashboards from %v, want %v", got, want)
	}
}

func decode[T any](t *testing.T, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
