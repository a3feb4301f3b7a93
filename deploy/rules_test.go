// Package deploy tests what surrounds the exporter: rules, notifications and their documentation.
package deploy

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

const rulesFile = "prometheus/intranet.rules.yml"

// exposed is what the exporter serves of platforms and KPIs; the process adds its own.
const exposed = "../internal/exposition/testdata/full.prom"

// promtools are Debian's, and a newer one where INTRANET_PROMTOOL3 names it.
func promtools(t *testing.T) []string {
	all := []string{need.Program(t, "promtool")}
	if newer := os.Getenv("INTRANET_PROMTOOL3"); newer != "" {
		all = append(all, newer)
	}
	return all
}

func TestRulesFile(t *testing.T) {
	for _, promtool := range promtools(t) {
		run(t, promtool, "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
		run(t, promtool, "check", "config", "prometheus/prometheus.yml")
	}
}

func TestRules(t *testing.T) {
	for _, promtool := range promtools(t) {
		run(t, promtool, append([]string{"test", "rules"}, glob(t, "prometheus/tests/*.yml")...)...)
	}
}

// TestRulesOnWhatIsExposed feeds the rules with what the exporter really says, KPIs of every status among it.
func TestRulesOnWhatIsExposed(t *testing.T) {
	type series struct{ Series, Values string }
	type sample struct {
		Labels string
		Value  int
	}
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	crossed := func(kpi, severity, condition string) sample {
		return sample{fmt.Sprintf(`{alertname="IntranetKPIThresholdCrossed",kpi=%q,severity=%q,condition=%q}`, kpi, severity, condition), 1}
	}
	for _, tc := range []struct {
		exposition string
		alerts     []sample
	}{
		{exposed, []sample{
			crossed("desk_calls", "critical", "above"),
			crossed("desk_calls", "warning", "above"),
			crossed("pages_created_weekly", "critical", "below"),
			crossed("pages_created_weekly", "warning", "below"),
			crossed("survey", "warning", "below"),
			{`{alertname="IntranetKPIWithoutValue",kpi="survey",severity="warning"}`, 1},
		}},
		{"../internal/exposition/testdata/statuses.prom", []sample{crossed("searches_in_vain", "warning", "rise")}},
	} {
		input := []series{{`intranet_exporter_build_info{job="intranet",instance="a"}`, "1x60"}}
		for _, m := range regexp.MustCompile(`(?m)^(intranet_(?:kpi|objective|exporter)_\w+){(.*)} (\S+)$`).FindAllStringSubmatch(read(t, tc.exposition), -1) {
			labels := strings.ReplaceAll(m[2], "\uFFFD", "?") // promtool takes it for a broken file
			input = append(input, series{m[1] + `{job="intranet",instance="a",` + labels + "}", m[3] + "x60"})
		}
		test, err := yaml.Marshal(map[string]any{
			"rule_files": []string{rules},
			"tests": []map[string]any{{"interval": "1m", "input_series": input, "promql_expr_test": []map[string]any{{
				"expr":      `group by (alertname, kpi, severity, condition) (ALERTS{alertstate="firing"})`,
				"eval_time": "45m", "exp_samples": tc.alerts,
			}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "exposed.yml")
		write(t, file, string(test))
		for _, promtool := range promtools(t) {
			run(t, promtool, "test", "rules", file)
		}
	}
}

// A mutant is the rules file with a mistake, which the tests in one file must find.
type mutant struct {
	name     string
	old, new string
	tests    string
}

func TestRulesMutants(t *testing.T) {
	promtools := promtools(t)
	mutants := []mutant{
		{"a verdict of 0 fires", ") == 1", ") == 0", "threshold"},
		{"any verdict fires", ") == 1", ") >= 0", "threshold"},
		{"an alert per instance", "max without (instance, pod) (\n", "max without () (\n", "threshold"},
		{"an alert per pod", "max without (instance, pod) (\n", "max without (instance) (\n", "threshold"},
		{"all replicas must agree", "max without (instance, pod) (\n", "min without (instance, pod) (\n", "threshold"},
		{"labels of the target are lost", "max without (instance, pod) (\n", "max by (job, kpi, severity, condition, objective, kpi_owner, platform) (\n", "threshold"},
		{"the text is part of the identity", ") == 1", ") * on (job, kpi, severity) group_left (action) intranet_kpi_action_info == 1", "threshold"},
		{"no class", "labels:\n          class: kpi\n        annotations", "annotations", "threshold"},
		{"any of two texts", "topk(1, ", "(", "threshold"},
		{"the older of two texts", "topk(1, ", "bottomk(1, ", "threshold"},
		{"texts of another job", `intranet_kpi_info{job=%q,kpi=%q}" $labels.job $labels.kpi`, `intranet_kpi_info{kpi=%q}" $labels.kpi`, "threshold"},
		{"a link to another exporter", `intranet_exporter_info{job=%q}" $labels.job`, `intranet_exporter_info{job!=%q}" ""`, "threshold"},
		{"objective of another job", `{job=%q,objective=%q}" $labels.job $labels.objective`, `{objective=%q}" $labels.objective`, "threshold"},
		{"value of another job", `intranet_kpi_value{job=%q,kpi=%q})" $labels.job`, `intranet_kpi_value{kpi=%q})"`, "threshold"},
		{"limit of another severity", `intranet_kpi_threshold{job=%q,kpi=%q,severity=%q,condition=%q})" $labels.job $labels.kpi $labels.severity`, `intranet_kpi_threshold{job=%q,kpi=%q,condition=%q})" $labels.job $labels.kpi`, "threshold"},
		{"start of another severity", `seconds{job=%q,kpi=%q,severity=%q,condition=%q})" $labels.job $labels.kpi $labels.severity`, `seconds{job=%q,kpi=%q,severity!=%q,condition=%q})" $labels.job $labels.kpi $labels.severity`, "threshold"},
		{"action of another severity", `action_info{job=%q,kpi=%q,severity=%q}" $labels.job $labels.kpi $labels.severity`, `action_info{job=%q,kpi=%q,severity!=%q}" $labels.job $labels.kpi $labels.severity`, "threshold"},
		{"a ratio without percent", `eq $unit "ratio"`, `eq $unit "share"`, "threshold"},
		{"an exponent", `printf "%.2f"`, `printf "%.4g"`, "threshold"},
		{"trailing zeros", ` | reReplaceAll "[.]?0+$" ""`, ``, "threshold"},
		{"lost zeros", `"[.]?0+$"`, `"[.0]+$"`, "threshold"},

		{"a drop is told as a limit that stands", `eq $labels.condition "drop"`, `eq $labels.condition "fall"`, "threshold"},
		{"a rise is told as a limit that stands", `eq $labels.condition "rise"`, `eq $labels.condition "climb"`, "threshold"},
		{"the limit of another condition", `severity=%q,condition=%q}" $labels.job $labels.kpi $labels.severity $labels.condition`, `severity=%q}" $labels.job $labels.kpi $labels.severity`, "threshold"},
		{"1 pages", `(-?1 .*[^su])`, `(-?0 .*[^su])`, "threshold"},
		{"1 searche", `^(-?1 .*ch)es( per |$)|`, ``, "threshold"},
		{"1 bonu", `[^su]`, `[^s]`, "threshold"},
		{"-1 pages", `-?1`, `1`, "threshold"},
		{"11 page", `^(-?1 `, `(-?1 `, "threshold"},
		{"1 logins per account", `( per |$)`, `($)`, "threshold"},

		{"a failed scrape ends alerts", "(last_over_time(intranet_kpi_breached[6h])", "(intranet_kpi_breached", "scraping"},
		{"the last verdict counts while there is a newer one", "[6h]) unless on (job) intranet_exporter_build_info)", "[6h]))", "scraping"},
		{"any job that answers will do", "[6h]) unless on (job) intranet_exporter_build_info", "[6h]) unless on () (group by () (intranet_exporter_build_info))", "scraping"},
		{"verdicts hold shorter", "[6h]", "[5h]", "scraping"},
		{"verdicts hold longer", "[6h", "[7h", "scraping"},
		{"verdicts of any answer count", ")) - 60", ")) - 6000", "scraping"},
		{"verdicts of no answer count", ")) - 60", ")) + 60", "scraping"},
		{"a comparison that fails with two KPIs", "> on (job) group_left ()\n", "> on (job)\n", "scraping"},
		{"texts end with a failed scrape", " or max_over_time(timestamp(%[1]s)[6h:1m])", "", "scraping"},
		{"any text of the last six hours", "topk(1, timestamp(%[1]s) or max_over_time(timestamp(%[1]s)[6h:1m]))", "topk(1, last_over_time(%[1]s[6h]))", "scraping"},
		{"removed exporters are forgotten sooner", "[1d]", "[12h]", "scraping"},
		{"removed exporters are reported longer", "[1d]", "[2d]", "scraping"},

		{"a review is due before its date", "timestamp_seconds) < time()", "timestamp_seconds) > time()", "review"},
		{"a review is due at its date", "timestamp_seconds) < time()", "timestamp_seconds) <= time()", "review"},
		{"a review per replica", "max without (instance, pod) (intranet_kpi_review", "max without () (intranet_kpi_review", "review"},

		{"context is reviewed", "\n          unless on (job, kpi)\n          intranet_kpi_info{status=\"context\"}", "", "review"},
		{"what is proposed is never reviewed", `{status="context"}`, `{status!="active"}`, "review"},
		{"context of another job", "unless on (job, kpi)\n          intranet_kpi_info", "unless on (kpi)\n          intranet_kpi_info", "review"},

		{"what is proposed has to have a value", `{status="active"}`, `{status=~"active|proposed"}`, "data"},
		{"warming up is no excuse", `{status="active"}`, "", "data"},
		{"context has to have a value", `{status="active"}`, `{status!="warming_up"}`, "data"},
		{"the value of another job will do", "unless on (job, kpi)", "unless on (kpi)", "data"},
		{"an alert without value per replica", "group by (job, kpi, objective)", "group by (job, kpi, objective, instance)", "data"},
		{"a match that fails with two bases", "> on (job, platform) group_left ()", "> on (job, platform)", "data"},
		{"the limit of another job", "> on (job, platform) group_left ()\n          max by (job, platform)", "> on (platform) group_left ()\n          max by (platform)", "data"},
		{"limits of replicas collide", "max by (job, platform) (intranet_collector_max_age_seconds)", "intranet_collector_max_age_seconds", "data"},
		{"one stale replica is enough", "max without (instance, pod) (intranet_collector_data", "min without (instance, pod) (intranet_collector_data", "data"},
		{"one failing replica is enough", "max without (instance, pod) (intranet_collector_success", "min without (instance, pod) (intranet_collector_success", "data"},
		{"any cause", "topk(1, sum", "bottomk(1, sum", "data"},
		{"a cause without failures", "[2h])) > 0)", "[2h])))", "data"},
		{"never is a date", "last_success_timestamp_seconds{job=%q,platform=%q}) > 0", "last_success_timestamp_seconds{job=%q,platform=%q})", "data"},
		{"one replica without permission is enough", "max without (instance, pod) (intranet_collector_perm", "min without (instance, pod) (intranet_collector_perm", "data"},
		{"all replicas must refuse the file", "min without (instance, pod) (intranet_config", "max without (instance, pod) (intranet_config", "data"},
		{"all replicas must fail to write", "min without (instance, pod) (intranet_state", "max without (instance, pod) (intranet_state", "data"},
		{"one replica down is enough", "group by (job) (last_over_time(intranet_exporter_build_info[1d]))\n          unless on (job)", "last_over_time(intranet_exporter_build_info[1d])\n          unless", "data"},
	}
	rules := read(t, rulesFile)
	waits := regexp.MustCompile(`- alert: (\w+)\n(?: {8,}.*\n)* {8}for: (\w+)\n`).FindAllStringSubmatch(rules, -1)
	if want := strings.Count(rules, "\n        for: "); len(waits) != want {
		t.Fatalf("found %d alerts that wait, want %d", len(waits), want)
	}
	for _, m := range waits {
		text, alert, wait := m[0], m[1], m[2]
		d, err := time.ParseDuration(wait)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []time.Duration{0, d - time.Minute, d + time.Minute} {
			changed := strings.Replace(text, "for: "+wait, fmt.Sprintf("for: %.0fm", other.Minutes()), 1)
			mutants = append(mutants, mutant{fmt.Sprintf("%s for %s", alert, other), text, changed, "data"})
		}
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(rules, m.old) {
				t.Fatalf("%s has no %q to mutate", rulesFile, m.old)
			}
			dir := t.TempDir()
			mutated := filepath.Join(dir, filepath.Base(rulesFile))
			test := filepath.Join(dir, "tests", m.tests+".yml")
			write(t, mutated, strings.ReplaceAll(rules, m.old, m.new))
			write(t, test, read(t, "prometheus/tests/"+m.tests+".yml"))
			for _, promtool := range promtools {
				run(t, promtool, "check", "rules", mutated)
				out, err := exec.Command(promtool, "test", "rules", test).CombinedOutput()
				if err == nil {
					t.Errorf("%s.yml passes with this mistake", m.tests)
				} else if !strings.Contains(string(out), "FAILED") {
					t.Errorf("%s.yml did not run: %s", m.tests, out)
				}
			}
		})
	}
}

// A rule is what the tests here look at in a rule.
type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) []rule {
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(read(t, rulesFile)), &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no rules")
	}
	return all
}

func TestAlertsAreDocumented(t *testing.T) {
	var sections []string
	for _, heading := range regexp.MustCompile(`(?m)^## (Intranet\w+)$`).FindAllStringSubmatch(read(t, "../docs/alerts.md"), -1) {
		sections = append(sections, heading[1])
	}
	var names []string
	for _, r := range alerts(t) {
		names = append(names, r.Alert)
		link := r.Annotations["runbook_url"]
		if want := "alerts#" + strings.ToLower(r.Alert) + "{{ end }}"; !strings.HasSuffix(link, want) && r.Alert != "IntranetExporterDown" {
			t.Errorf("%s: runbook_url is %q, want it to end with %q", r.Alert, link, want)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: no summary or no description", r.Alert)
		}
		if class := r.Labels["class"]; class != "kpi" && class != "data" {
			t.Errorf("%s: class is %q, want kpi or data", r.Alert, class)
		}
	}
	if !slices.Equal(sections, names) {
		t.Errorf("sections of docs/alerts.md:\n%q\nalerts:\n%q", sections, names)
	}
}

func TestSeriesExist(t *testing.T) {
	var series []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(read(t, exposed), -1) {
		series = append(series, m[1])
	}
	process, err := exposition.NewProcess(time.Now(), func() bool { return true }).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range process {
		series = append(series, family.GetName())
	}
	name := regexp.MustCompile(`\bintranet_[a-z_]+`)
	check := func(where, text string) {
		for _, n := range name.FindAllString(text, -1) {
			if n != "intranet_exporter" && !slices.Contains(series, n) {
				t.Errorf("%s names %s, which the exporter does not have", where, n)
			}
		}
	}
	for _, r := range alerts(t) {
		check(r.Alert, strings.Join(append(slices.Collect(maps.Values(r.Annotations)), r.Expr), "\n"))
	}
	check("docs/alerts.md", read(t, "../docs/alerts.md"))
}

// TestMetricsAreClean holds what is exposed against Prometheus's own rules for names and helps.
func TestMetricsAreClean(t *testing.T) {
	for _, promtool := range promtools(t) {
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(read(t, exposed))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

func glob(t *testing.T, pattern string) []string {
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %d files", pattern, err, len(names))
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, name, text string) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
