package exposition

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A documented metric is a row of a table in docs/metrics.md, without its text.
type documented struct{ Type, Labels string }

var row = regexp.MustCompile("(?m)^\\| `(intranet_[a-z_]+)` \\| ([a-z]+) \\| ([^|]*) \\|")

// TestDocumentation holds docs/metrics.md against what is really served.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]documented{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if _, twice := described[m[1]]; twice {
			t.Errorf("%s is described twice", m[1])
		}
		described[m[1]] = documented{Type: m[2], Labels: strings.TrimSpace(strings.ReplaceAll(m[3], "`", ""))}
	}

	var newest Gatherer
	newest.Set(full().build())
	families, err := prometheus.Gatherers{&newest, NewProcess(now, func() bool { return true })}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]documented{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "intranet_") {
			served[f.GetName()] = documented{Type: strings.ToLower(f.GetType().String()), Labels: labels(f)}
		}
	}
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("docs/metrics.md (-served +described):\n%s", diff)
	}
}

// labels lists the names of a family's labels, in the order of the table where it describes them.
func labels(f *dto.MetricFamily) string {
	if i := slices.IndexFunc(descriptions, func(d description) bool { return d.name == f.GetName() }); i >= 0 {
		return strings.Join(descriptions[i].labels, ", ")
	}
	var names []string
	for _, l := range f.Metric[0].Label {
		names = append(names, l.GetName())
	}
	return strings.Join(names, ", ")
}
