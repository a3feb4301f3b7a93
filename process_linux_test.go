package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// anyPort is on an address of its own, as other tests take a free port of 127.0.0.1 some time before they use it.
const anyPort = "127.0.0.2:0"

// An exporter is the program under test, at work on an intranet.
type exporter struct {
	*intranet
	dir   string   // of the config file
	data  string   // the storage folder, as the exporter sees it
	enter []string // what runs the exporter, besides itself

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  *need.Buffer
	url  string

	shown map[string]state // what was shown of each platform, at least
	full  map[string]bool  // whether that was everything
	kpi   map[string]float64
}

func newExporter(t *testing.T, i *intranet) *exporter {
	t.Helper()
	e := &exporter{intranet: i, dir: t.TempDir(), shown: map[string]state{}, full: map[string]bool{}, kpi: map[string]float64{}}
	e.data = filepath.Join(e.dir, "data")
	if err := os.WriteFile(filepath.Join(e.dir, "portal.dsn"), []byte(i.file), 0o600); err != nil {
		t.Fatal(err)
	}
	e.configure(t, "^nobody$")
	return e
}

func (e *exporter) configure(t *testing.T, pattern string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, "intranet.yml"), []byte(e.config(pattern)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// command is the exporter with arguments.
func (e *exporter) command(args ...string) *exec.Cmd {
	args = slices.Concat(e.enter, []string{os.Args[0]}, args)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = e.dir
	cmd.Env = append(os.Environ(), asExporter+"=1")
	return cmd
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// start starts the exporter, and waits until it is ready.
func (e *exporter) start(t *testing.T) {
	t.Helper()
	e.log, e.done = &need.Buffer{}, make(chan struct{})
	e.cmd = e.command("--config.file="+filepath.Join(e.dir, "intranet.yml"), "--storage.path="+e.data, "--web.listen-address="+anyPort, "--web.enable-lifecycle", "--log.level=debug")
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, done := e.cmd, e.done
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() { e.kill() })
	e.until(t, "listening", func() error {
		said := listening.FindStringSubmatch(e.log.String())
		if said == nil {
			return errors.New("it does not say where")
		}
		e.url = "http://" + said[1]
		_, err := e.get("/-/ready")
		return err
	})
}

// kill ends the exporter without giving it a chance.
func (e *exporter) kill() {
	_ = e.cmd.Process.Kill()
	<-e.done
}

// until waits for a condition.
func (e *exporter) until(t *testing.T, what string, condition func() error) {
	t.Helper()
	limited, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-e.done:
			t.Fatalf("never %s: ended with %s; log:\n%s", what, e.cmd.ProcessState, e.log)
		case <-limited.Done():
			t.Fatalf("never %s: %s; log:\n%s", what, err, e.log)
		case <-tick.C:
		}
	}
}

func (e *exporter) get(path string) (string, error) {
	response, err := http.Get(e.url + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(string(body))
	}
	return string(body), err
}

// reload puts a config file in force that differs in nothing but a pattern: each platform is polled at once.
func (e *exporter) reload(t *testing.T, pattern string) {
	t.Helper()
	e.configure(t, pattern)
	response, err := http.Post(e.url+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("reload: %s", response.Status)
	}
}

// A scrape is what /metrics says: values by series.
type scrape map[string]float64

func (e *exporter) scrape(t *testing.T) scrape {
	t.Helper()
	body, err := e.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	s := scrape{}
	for line := range strings.Lines(body) {
		name, value, ok := cutLast(strings.TrimSpace(line), " ")
		if ok && !strings.HasPrefix(line, "#") {
			if s[name], err = strconv.ParseFloat(value, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// of returns the measures of one platform, without its name.
func (s scrape) of(platform string) map[string]float64 {
	own := map[string]float64{}
	label := fmt.Sprintf("platform=%q", platform)
	for name, v := range s {
		metric, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		all := strings.Split(labels, ",")
		if !slices.Contains(all, label) || !slices.ContainsFunc(measure.All, func(m measure.Measure) bool { return m.Metric == metric }) {
			continue
		}
		if all = slices.DeleteFunc(all, func(l string) bool { return l == label }); len(all) > 0 {
			metric += "{" + strings.Join(all, ",") + "}"
		}
		own[metric] = v
	}
	return own
}

// dataTime is until when the platform's events are counted.
func (s scrape) dataTime(platform string) time.Time {
	return time.Unix(int64(s[fmt.Sprintf(`intranet_collector_data_timestamp_seconds{basis="event",platform=%q}`, platform)]), 0)
}

// check compares a scrape with the truth as of its own data time. What it knows may be older than the last version,
// and is never older than what was shown before.
func (e *exporter) check(t *testing.T) {
	t.Helper()
	s := e.scrape(t)
	for _, platform := range platforms {
		got := s.of(platform)
		end := s.dataTime(platform)
		known := e.knows(got, platform, end)
		if before := e.shown[platform]; known.latest(before) != known {
			t.Errorf("%s: %+v is known, and %+v was before", platform, known, before)
		}
		e.shown[platform] = known
		want := e.truth(platform, known, end)
		e.full[platform] = e.full[platform] || len(got) == len(want)
		for name := range got {
			if _, ok := want[name]; !ok {
				t.Errorf("%s: %s is there, and nobody knows it", platform, name)
			}
		}
		for name, w := range want {
			if g, ok := got[name]; !ok && e.full[platform] || ok && math.Abs(g-w) > 1e-9 {
				t.Errorf("%s: %s is %v (%t), want %v as of %s with %+v", platform, name, g, ok, w, end, known)
			}
		}
	}
	e.checkKPI(t, s)
}

// checkKPI sees that a verdict stays what it was, and the value that of the measure.
func (e *exporter) checkKPI(t *testing.T, s scrape) {
	t.Helper()
	if v, ok := s[`intranet_kpi_value{kpi="pages_weekly"}`]; ok && v != s[`intranet_pages_created{platform="wiki",window="7d"}`] {
		t.Errorf("the value of the KPI is %v", v)
	}
	for name, v := range s {
		if strings.HasPrefix(name, "intranet_kpi_breach") && v != 0 {
			if before, ok := e.kpi[name]; ok && before != v {
				t.Errorf("%s is %v, and was %v", name, v, before)
			}
			e.kpi[name] = v
		}
	}
	for name := range e.kpi {
		if _, ok := s[name]; !ok {
			t.Errorf("%s is gone", name)
		}
	}
}

// created is the series that each version changes.
const created = `intranet_pages_created{window="1d"}`

// knows finds the versions that the numbers are of, each of which adds an account, a login and a page. It looks at
// none from before those that were shown.
func (e *exporter) knows(got map[string]float64, platform string, end time.Time) state {
	known := state{}
	before := e.shown[platform]
	for v := max(1, min(before.accounts, before.events, before.pages)); v <= e.latest(); v++ {
		truth := e.truth(platform, state{v, v, v}, end)
		if got["intranet_accounts"] == truth["intranet_accounts"] {
			known.accounts = v
		}
		if g, ok := got[created]; ok && g == truth[created] {
			known.events = v
		}
		if got["intranet_pages"] == truth["intranet_pages"] {
			known.pages = v
		}
	}
	return known
}

func (e *exporter) latest() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// caughtUp waits until the last version is shown, and all of it is right. The wiki's pages come with a walk.
func (e *exporter) caughtUp(t *testing.T, accounts bool) {
	t.Helper()
	v := e.latest()
	e.until(t, "caught up", func() error {
		s := e.scrape(t)
		for _, platform := range platforms {
			got, want := s.of(platform), e.truth(platform, state{v, v, v}, s.dataTime(platform))
			if got[created] != want[created] || got["intranet_pages"] != want["intranet_pages"] && platform != "wiki" || accounts && got["intranet_accounts"] != want["intranet_accounts"] {
				return fmt.Errorf("%s: got %v, want %v", platform, got, want)
			}
		}
		return nil
	})
	e.check(t)
}
