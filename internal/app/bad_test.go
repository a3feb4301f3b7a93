package app

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/net/html"
)

// A reload with any of the files that package config refuses changes nothing.
func TestNoBadFileChangesAnything(t *testing.T) {
	files, err := filepath.Glob("../../config/testdata/bad/*.yml")
	if err != nil || len(files) < 200 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	e := start(t, nil)
	shown := func() string {
		_, metrics := e.get("/metrics")
		return strings.Join(slices.DeleteFunc(strings.Split(metrics, "\n"), func(line string) bool {
			return !strings.HasPrefix(line, "intranet_kpi") && !strings.HasPrefix(line, "intranet_objective") && !strings.HasPrefix(line, "intranet_note") &&
				!strings.HasPrefix(line, "intranet_measure") && !strings.HasPrefix(line, "intranet_collector_max_age")
		}), "\n")
	}
	before := shown()
	if !strings.Contains(before, `note="New home page"`) {
		t.Fatalf("it shows too little:\n%s", before)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e.write(string(content))
		code, text := e.reload()
		if code != http.StatusInternalServerError || !strings.Contains(text, "intranet.yml:") {
			t.Errorf("%s: %d %s", filepath.Base(file), code, text)
		}
		if diff := cmp.Diff(before, shown()); diff != "" || !e.has("intranet_config_last_reload_successful 0") {
			t.Fatalf("%s changed what is shown:\n%s", filepath.Base(file), diff)
		}
	}
	e.write(valid)
	if code, text := e.reload(); code != http.StatusOK || !e.has("intranet_config_last_reload_successful 1") {
		t.Errorf("a good file afterwards: %d %s", code, text)
	}
}

// hostile is a text with all that means something to YAML, the exposition format, JSON, HTML, templates, or a
// terminal, and may be in a text nevertheless.
const hostile = "Say \"hi\", 'so'\n{{ $labels.kpi }} {{ template \"x\" }} ${HOME} %s \\n C:\\temp <b onclick=alert(1)>&amp;</b> <@here> 🎉 \u202eשלום\u202c # } EOF"

// Texts arrive as they were written, in labels, on the page, and in what check writes for programs.
func TestTextsArriveUnharmed(t *testing.T) {
	quoted, err := json.Marshal(hostile) // which is YAML too
	if err != nil {
		t.Fatal(err)
	}
	texts := strings.NewReplacer(
		"Ask three departments for one page each.", string(quoted), "New home page", string(quoted),
		"name: sharing", "name: sharing\n    title: "+string(quoted)+"\n    description: "+string(quoted),
		"measure: pages_created", "title: "+string(quoted)+"\n        why: "+string(quoted)+"\n        measure: pages_created",
		"review: 2099-01-15", "review: 2099-01-15\n        decisions: [{date: 2026-01-01, decision: keep, why: "+string(quoted)+"}]",
	).Replace(valid)
	e := start(t, nil)
	e.write(texts)
	if code, text := e.reload(); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}

	_, metrics := e.get("/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(metrics))
	if err != nil {
		t.Fatal(err)
	}
	for name, label := range map[string]string{
		"intranet_kpi_info": "title", "intranet_kpi_action_info": "action", "intranet_objective_info": "description", "intranet_note_timestamp_seconds": "note",
	} {
		got := ""
		for _, m := range families[name].GetMetric() {
			for _, l := range m.Label {
				if l.GetName() == label {
					got = l.GetValue()
				}
			}
		}
		if got != hostile {
			t.Errorf("%s: got %s=%q", name, label, got)
		}
	}

	_, page := e.get("/")
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for n := range root.Descendants() {
		if n.Type == html.TextNode && strings.Contains(n.Data, hostile) {
			found++
		}
		for _, attr := range n.Attr {
			if attr.Key == "onclick" {
				t.Error("a text became markup")
			}
		}
	}
	if found < 3 { // title and description of the objective, title of the KPI
		t.Errorf("the page has the text %d times:\n%s", found, page)
	}

	s := initStand("")
	if err := s.Check(t.Context(), e.options.ConfigFile, CheckOptions{Format: "json"}); err != nil {
		t.Fatal(err)
	}
	var said report
	if err := json.Unmarshal([]byte(s.out.String()), &said); err != nil {
		t.Fatal(err)
	}
	k := said.KPIs[0]
	if diff := cmp.Diff(slices.Repeat([]string{hostile}, 5), []string{k.Title, k.Why, k.Limits[0].Action, k.Decisions[0].Why, said.Notes[0].Text}); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
}
