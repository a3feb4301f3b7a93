package demo

import (
	"context"
	"encoding/json"
	"fmt"
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

func TestMoments(t *testing.T) {
	end := time.Date(2026, 11, 20, 12, 3, 4, 0, time.UTC)
	all := slices.Collect(Moments(365*24*time.Hour, end))
	if n := len(all); n != 364*24+24*12+1 {
		t.Errorf("%d moments", n)
	}
	if first, last := all[0], all[len(all)-1]; !first.Equal(time.Date(2025, 11, 20, 12, 0, 0, 0, time.UTC)) || !last.Equal(end.Truncate(5*time.Minute)) {
		t.Errorf("from %s to %s", first, last)
	}
	for i, at := range all[1:] {
		want := time.Hour
		if all[len(all)-1].Sub(all[i]) <= 24*time.Hour {
			want = 5 * time.Minute
		}
		if at.Sub(all[i]) != want {
			t.Errorf("%s comes after %s", at, all[i])
		}
	}
}

func TestSeriesAreEscaped(t *testing.T) {
	h := history{"x_total": {kind: "counter", help: `a "b" \ ` + "\nc", series: map[string][]sample{}}}
	h["x_total"].series[seriesName("x_total", nil)] = []sample{{time.Unix(60, 0), 1e6}, {time.Unix(120, 0), 0.25}}
	var b strings.Builder
	if err := h.write(&b); err != nil {
		t.Fatal(err)
	}
	want := `# HELP x a \"b\" \\ \nc
# TYPE x counter
x_total{instance="localhost:10042",job="intranet"} 1e+06 60
x_total{instance="localhost:10042",job="intranet"} 0.25 120
# EOF
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

// A history goes into a real Prometheus, and what it answers there is what happened.
func TestHistory(t *testing.T) {
	const length = 30 * time.Hour
	end := time.Date(2026, 11, 20, 12, 3, 0, 0, time.UTC)
	last := end.Truncate(fineStep)
	file := filepath.Join(t.TempDir(), "history.om")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	told := time.Time{}
	if err := WriteHistory(t.Context(), out, 1, length, end, func(at time.Time) { told = at }); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if !told.Equal(last) {
		t.Errorf("it ends at %s", told)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	checkForm(t, string(content))

	data := filepath.Join(t.TempDir(), "data")
	if answer, err := exec.Command(need.Program(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", file, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %s, %s", err, answer)
	}
	address := startPrometheus(t, need.Program(t, "prometheus"), data)

	past := NewOrganisation(1, end).Feed().Until(end)
	for _, tc := range []struct {
		query string
		at    time.Time
		want  float64
	}{
		{`intranet_logins{platform="portal",window="7d"}`, last, truth("portal", past, last)["logins over 7d"]},
		{`intranet_logins{platform="portal",window="7d"}`, last.Add(-7*time.Hour + 2*time.Minute), truth("portal", past, last.Add(-7*time.Hour))["logins over 7d"]},
		{`intranet_page_views{platform="portal",window="1d"}`, last.Add(-27 * time.Hour), truth("portal", past, last.Add(-27*time.Hour))["page_views over 1d"]},
		{`intranet_page_edits{platform="wiki",window="28d"}`, last.Add(-25 * time.Hour), truth("wiki", past, last.Add(-25*time.Hour))["page_edits over 28d"]},
		{`intranet_accounts{platform="wiki"}`, last.Add(-6 * time.Hour), truth("wiki", past, last.Add(-6*time.Hour))["accounts"]}, // just listed
		{`intranet_kpi_value{kpi="pages_created_monthly"}`, last, truth("wiki", past, last)["pages_created over 28d"]},
		{`sum(intranet_kpi_breached)`, last, 2}, // for the third verdict, 30 hours are too short
		{`count(count by (job, instance) ({__name__=~".+",job="intranet",instance="localhost:10042"}))`, last, 1},
		{`count({__name__=~"intranet_.+"}) - count({__name__=~"intranet_.+",job="intranet",instance="localhost:10042"})`, last, 0},
		{`count(intranet_kpi_info{status="active"} * on (kpi) group_left () intranet_kpi_value)`, last, 7},
		{`min(increase(intranet_collector_requests_total[6h])) > bool 10`, last, 1},
		{`sum(increase(intranet_collector_errors_total[6h]))`, last, 0},
		{`min(min_over_time(intranet_collector_success[29h]))`, last, 1},
		{`count_over_time(intranet_collector_success{platform="wiki"}[24h])`, last.Add(-time.Minute), 288},
		{`time() - intranet_collector_data_timestamp_seconds{platform="portal",basis="event"}`, last, 300},
	} {
		if got := query(t, address, tc.query, tc.at); math.Abs(got-tc.want) > 1e-9 || math.IsNaN(got) {
			t.Errorf("%s at %s is %v, not %v", tc.query, tc.at, got, tc.want)
		}
	}
}

var line = regexp.MustCompile(`^([a-z_]+)(\{instance="localhost:10042",job="intranet"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\}) (\S+) (\d+)$`)

// checkForm checks what OpenMetrics demands: each family once, each series in one piece and in order, an end.
func checkForm(t *testing.T, content string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	if n := len(lines); lines[n-1] != "# EOF" || strings.Count(content, "# EOF") != 1 {
		t.Error("it does not end with # EOF, once")
	}
	family, series, at := "", "", 0
	families, all := map[string]bool{}, map[string]bool{}
	for _, l := range lines[:len(lines)-1] {
		if head, ok := strings.CutPrefix(l, "# TYPE "); ok {
			family, _, _ = strings.Cut(head, " ")
			if families[family] {
				t.Errorf("%s is there twice", family)
			}
			families[family] = true
			continue
		}
		if strings.HasPrefix(l, "# HELP ") {
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("no sample: %s", l)
		}
		if strings.TrimSuffix(m[1], "_total") != family {
			t.Fatalf("under %s stands %s", family, l)
		}
		now, _ := strconv.Atoi(m[4])
		if name := m[1] + m[2]; name != series {
			if all[name] {
				t.Fatalf("%s is there in two pieces", name)
			}
			all[name], series = true, name
		} else if now <= at {
			t.Fatalf("not in order: %s", l)
		}
		at = now
	}
}

// startPrometheus serves what is in a folder until the test ends, and returns its address.
func startPrometheus(t *testing.T, program, data string) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=100y", "--web.listen-address="+address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return address
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("Prometheus does not become ready")
		}
	}
}

// query returns the one value that a query has at a time.
func query(t *testing.T, address, expr string, at time.Time) float64 {
	t.Helper()
	params := url.Values{"query": {expr}, "time": {strconv.FormatInt(at.Unix(), 10)}}
	r, err := http.Get("http://" + address + "/api/v1/query?" + params.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Data.Result) != 1 {
		t.Errorf("%s at %s has %d values; %s", expr, at, len(answer.Data.Result), answer.Error)
		return math.NaN()
	}
	value, err := strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
