//go:build e2e

package e2e

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

//go:embed testdata/intranet.yml
var exporterConfig string

// A setup says what an exporter of a test polls, and how.
type setup struct {
	wiki             *wiki
	portal           *portalCopy
	limit            int    // of the KPI on pages created
	workforce        string // of the people across platforms
	accountsInterval time.Duration
}

// An exporter is the program under test.
type exporter struct {
	setup
	dir, config, url string
	runs             []*process // the last one may be running
	said             []string   // by notifications
}

// newExporter starts the exporter and waits until it has polled everything once.
func newExporter(t *testing.T, s setup) *exporter {
	e := &exporter{setup: s, dir: t.TempDir()}
	if e.accountsInterval == 0 {
		e.accountsInterval = 24 * time.Hour
	}
	e.configure(t)
	e.start(t)
	t.Cleanup(func() { e.leaksNothing(t) })
	e.polled(t)
	return e
}

// leaksNothing looks for the people, pages and secrets of the platforms in everything that the exporter
// shows, logs and stores.
func (e *exporter) leaksNothing(t *testing.T) {
	secrets := slices.Concat(surnames, []string{titleWord, "@example.org"})
	if e.wiki != nil {
		secrets = append(secrets, e.wiki.passwords...)
	}
	if e.portal != nil {
		secrets = append(secrets, e.portal.passwords...)
	}
	outputs := map[string]string{}
	for _, path := range []string{"/metrics", "/", "/-/ready", "/nothing"} {
		if response, err := http.Get(e.url + path); err == nil {
			outputs[path], _ = readAll(response)
		}
	}
	outputs["notifications"] = strings.Join(e.said, "\n")
	for _, process := range e.runs {
		outputs[process.log] = read(t, process.log)
	}
	stored, err := filepath.Glob(filepath.Join(e.dir, "data", "*"))
	if err != nil || len(stored) == 0 {
		t.Errorf("no state in %s: %v", e.dir, err)
	}
	for _, file := range stored {
		outputs[file] = read(t, file)
	}
	for name, output := range outputs {
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(output), strings.ToLower(secret)) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
}

// configure writes the config file.
func (e *exporter) configure(t *testing.T) {
	t.Helper()
	type server struct{ URL, PasswordFile string }
	values := struct {
		Wiki             *server
		Portal           string
		Limit, Target    int
		Workforce        string
		AccountsInterval string
	}{Workforce: e.workforce, Limit: e.limit, Target: e.limit + 100, AccountsInterval: fmt.Sprintf("%.0fs", e.accountsInterval.Seconds())}
	if e.wiki != nil {
		values.Wiki = &server{e.wiki.api(), write(t, e.wiki.passwords[len(e.wiki.passwords)-1], e.dir, "wiki.pass")}
	}
	if e.portal != nil {
		values.Portal = e.portal.dsnFile
	}
	var b strings.Builder
	if err := template.Must(template.New("").Parse(exporterConfig)).Execute(&b, values); err != nil {
		t.Fatal(err)
	}
	e.config = write(t, b.String(), e.dir, "intranet.yml")
}

// binary is the program that `make build` made.
func binary(t *testing.T) string {
	file, err := filepath.Abs("../intranet_exporter")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("%s; run make build", err)
	}
	return file
}

// start starts the exporter; its state is that of the last time.
func (e *exporter) start(t *testing.T) {
	t.Helper()
	listen := address(t)
	if e.url != "" {
		listen = strings.TrimPrefix(e.url, "http://") // Prometheus finds it where it was
	}
	e.url = "http://" + listen
	process := start(t, "exporter", exec.Command(binary(t), "serve", "--config.file="+e.config, "--storage.path="+filepath.Join(e.dir, "data"),
		"--web.listen-address="+listen, "--web.external-url="+e.url, "--web.enable-lifecycle", "--log.level=debug"))
	e.runs = append(e.runs, process)
	process.listening(t, listen)
	if err := e.ready(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the exporter without giving it a chance.
func (e *exporter) kill() { e.runs[len(e.runs)-1].stop(syscall.SIGKILL) }

func (e *exporter) ready() error {
	_, err := get(e.url + "/-/ready")
	return err
}

// reload asks the exporter to read its config file again.
func (e *exporter) reload() error {
	response, err := http.Post(e.url+"/-/reload", "", nil)
	if err != nil {
		return err
	}
	body, err := readAll(response)
	if response.StatusCode != http.StatusOK {
		return errors.New(body)
	}
	return err
}

// platforms lists the names of what the exporter polls.
func (e *exporter) platforms() (names []string) {
	if e.wiki != nil {
		names = append(names, "wiki")
	}
	if e.portal != nil {
		names = append(names, "portal")
	}
	return names
}

// polled waits until each platform was polled with success after now.
func (e *exporter) polled(t *testing.T) {
	t.Helper()
	now := time.Now()
	for _, platform := range e.platforms() {
		e.polledSince(t, platform, now)
	}
}

func (e *exporter) polledSince(t *testing.T, platform string, since time.Time) {
	t.Helper()
	eventually(t, 2*time.Minute, func() error {
		m := e.scrape(t)
		if last := m.at("intranet_collector_last_success_timestamp_seconds", platform, ""); last.Before(since) {
			return fmt.Errorf("the last successful poll of %s is of %s", platform, last)
		}
		return nil
	})
}

// listed waits until each platform's accounts and pages were listed after now, in polls that succeeded.
func (e *exporter) listed(t *testing.T) {
	t.Helper()
	now := time.Now()
	for _, platform := range e.platforms() {
		eventually(t, 2*time.Minute, func() error {
			m := e.scrape(t)
			polled := m.at("intranet_collector_last_success_timestamp_seconds", platform, "")
			for _, basis := range []string{"account", "reading"} {
				if at := m.at("intranet_collector_data_timestamp_seconds", platform, basis); at.Before(now) || polled.Before(at) {
					return fmt.Errorf("%s: the data time of %s is %s, and the last successful poll was at %s", platform, basis, at, polled)
				}
			}
			return nil
		})
	}
}

// A metrics is one scrape: values by series, written as on /metrics: name{label="value"} with the labels in order.
type metrics map[string]float64

// scrape reads /metrics.
func (e *exporter) scrape(t *testing.T) metrics {
	t.Helper()
	body, err := get(e.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	m := metrics{}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		end := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || end < 0 {
			continue
		}
		if m[line[:end]], err = strconv.ParseFloat(line[end+1:], 64); err != nil {
			t.Fatalf("%s: %s", line, err)
		}
	}
	return m
}

func series(name string, labels ...string) string {
	if len(labels) == 0 {
		return name
	}
	slices.Sort(labels)
	return name + "{" + strings.Join(labels, ",") + "}"
}

// of returns the value of a series of a platform; more is further labels, such as `window="7d"`.
func (m metrics) of(name, platform string, more ...string) (float64, bool) {
	v, ok := m[series(name, append(more, fmt.Sprintf("platform=%q", platform))...)]
	return v, ok
}

// at returns a time of a platform, in the series with the given basis, or in that without one.
func (m metrics) at(name, platform, basis string) time.Time {
	var labels []string
	if basis != "" {
		labels = append(labels, fmt.Sprintf("basis=%q", basis))
	}
	seconds, _ := m.of(name, platform, labels...)
	return time.UnixMilli(int64(seconds * 1000))
}

// dataTime is until when the platform's events are counted.
func (m metrics) dataTime(platform string) time.Time {
	return m.at("intranet_collector_data_timestamp_seconds", platform, "event")
}

// measures returns the platform's part of the vocabulary, without the label platform; of people across platforms the
// part is that of none.
func (m metrics) measures(platform string) map[string]float64 {
	own := map[string]float64{}
	for name, v := range m {
		metric, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		if !slices.ContainsFunc(measure.All, func(x measure.Measure) bool { return x.Metric == metric && x.Counting != measure.Across }) {
			continue
		}
		var others []string
		of := false
		for _, label := range strings.Split(labels, ",") {
			if label == fmt.Sprintf("platform=%q", platform) {
				of = true
			} else {
				others = append(others, label)
			}
		}
		if of {
			own[series(metric, others...)] = v
		}
	}
	return own
}

// equalsTruth compares every measure that is exposed with what the platforms' own databases hold: no
// series may be missing, none too many, and each number the same.
func (e *exporter) equalsTruth(t *testing.T) {
	t.Helper()
	m := e.scrape(t)
	for _, platform := range e.platforms() {
		for _, difference := range differences(m.measures(platform), e.truth(t, platform, m.dataTime(platform))) {
			t.Errorf("%s: %s", platform, difference)
		}
	}
}

// truth counts every measure of a platform in its own database.
func (e *exporter) truth(t *testing.T, platform string, at time.Time) map[string]float64 {
	t.Helper()
	if platform == "wiki" {
		return e.wiki.truth(t, at)
	}
	return e.portal.truth(t, at)
}

// differences tells where numbers are not the wanted ones.
func differences(got, want map[string]float64) (found []string) {
	for name, w := range want {
		switch g, ok := got[name]; {
		case !ok:
			found = append(found, fmt.Sprintf("%s is missing, want %v", name, w))
		case math.Abs(g-w) > 1e-9:
			found = append(found, fmt.Sprintf("%s is %v, want %v", name, g, w))
		}
	}
	for name, g := range got {
		if _, ok := want[name]; !ok {
			found = append(found, fmt.Sprintf("%s is %v, and nothing was expected", name, g))
		}
	}
	slices.Sort(found)
	return found
}

// get returns the body of a page, or an error if the status is not 200.
func get(url string) (string, error) {
	response, err := http.Get(url)
	if err != nil {
		return "", err
	}
	body, err := readAll(response)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return body, err
}

func readAll(response *http.Response) (string, error) {
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
