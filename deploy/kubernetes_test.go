package deploy

import (
	"flag"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the generated files anew")

const (
	prometheusRuleFile = "kubernetes/prometheusrule.yaml"

	// prometheusRule stands before the groups.
	prometheusRule = `# The rules for the Prometheus Operator. Generated from ../prometheus/intranet.rules.yml; edit that, and then
# go test ./deploy -run PrometheusRule -update
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: intranet-exporter
  labels:
    app.kubernetes.io/name: intranet-exporter # add what the ruleSelector of your Prometheus asks for
spec:
`
)

func TestPrometheusRule(t *testing.T) {
	var want strings.Builder
	want.WriteString(prometheusRule)
	for line := range strings.Lines(read(t, rulesFile)) {
		if line != "\n" {
			want.WriteString("  ")
		}
		want.WriteString(line)
	}
	if *update {
		write(t, prometheusRuleFile, want.String())
	}
	text := read(t, prometheusRuleFile)
	if text != want.String() {
		t.Errorf("%s is not what %s makes; run this test with -update", prometheusRuleFile, rulesFile)
	}

	type rules struct{ Groups []map[string]any }
	var ours rules
	var theirs struct {
		Kind string
		Spec rules
	}
	if err := yaml.Unmarshal([]byte(read(t, rulesFile)), &ours); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(text), &theirs); err != nil {
		t.Fatal(err)
	}
	if theirs.Kind != "PrometheusRule" || len(ours.Groups) == 0 || !reflect.DeepEqual(theirs.Spec, ours) {
		t.Errorf("%s has other groups than %s", prometheusRuleFile, rulesFile)
	}
}
