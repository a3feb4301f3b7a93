package main

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/canary"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// An aviary is a folder with a config file in which every secret is planted, platforms that are full of people, and
// all that came out of exporters that ran with it.
type aviary struct {
	t      *testing.T
	dir    string
	config string // its file
	wiki   *fakeWiki
	graph  *fakeGraph
	well   []string // platforms that work
	ill    []string // platforms that don't

	mu  sync.Mutex
	out map[string][]byte // by where it came out
}

// newAviary returns one that is searched when the test has ended, however that went.
func newAviary(t *testing.T) *aviary {
	a := &aviary{t: t, dir: t.TempDir(), out: map[string][]byte{}}
	t.Cleanup(a.search)
	a.wiki, a.graph = newFakeWiki(t), newFakeGraph(t)
	return a
}

// file writes a file and returns its name.
func (a *aviary) file(name, content string) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func (a *aviary) came(from string, what []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out[from] = append(a.out[from], what...)
}

// search looks through all that came out.
func (a *aviary) search() {
	search := canary.For(slices.Concat(people, serverSecrets, []string{secret("")})...)
	for _, from := range slices.Sorted(maps.Keys(a.out)) {
		found := search.In(a.out[from])
		for _, f := range found[:min(len(found), 3)] {
			a.t.Errorf("%s: found %s", from, f)
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// command prepares the exporter, with secrets in its environment.
func (a *aviary) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		a.t.Fatal(err)
	}
	cmd := exec.CommandContext(a.t.Context(), self, args...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), asExporter+"=1", "GOTRACEBACK=all", "WIKI_PASSWORD="+secret("env"), "PGPASSWORD="+secret("env"),
		"HTTPS_PROXY=http://"+url.UserPassword("jan", secret("env")).String()+"@127.0.0.1:1")
	return cmd
}

// run runs the exporter to its end, and returns its exit code and what it wrote.
func (a *aviary) run(args ...string) (int, string) {
	a.t.Helper()
	cmd := a.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		a.t.Fatal(err)
	}
	what := filepath.Base(strings.Join(args, " "))
	a.came("standard output of "+what, stdout.Bytes())
	a.came("standard error of "+what, stderr.Bytes())
	return cmd.ProcessState.ExitCode(), stdout.String() + stderr.String()
}

// A running is an exporter that serves.
type running struct {
	*aviary
	name   string
	url    string
	client *http.Client
	data   string // its folder
	cmd    *exec.Cmd
	stderr *need.Buffer
	ended  chan struct{}
	once   sync.Once
}

// serve starts the exporter.
func (a *aviary) serve(name string, args ...string) *running {
	a.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	r := &running{aviary: a, name: name, url: "http://" + address, client: &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		data: filepath.Join(a.dir, name), stderr: &need.Buffer{}, ended: make(chan struct{})}
	r.cmd = a.command(slices.Concat([]string{"serve", "--config.file=" + a.config, "--storage.path=" + r.data, "--web.listen-address=" + address,
		"--web.enable-lifecycle", "--log.level=debug"}, args)...)
	r.cmd.Stdout, r.cmd.Stderr = r.stderr, r.stderr
	if err := r.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	go r.watch()
	a.t.Cleanup(func() { r.end(syscall.SIGKILL) })
	return r
}

// watch collects the files that are only there for a moment.
func (r *running) watch() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.ended:
			return
		case <-tick.C:
			names, _ := filepath.Glob(filepath.Join(r.data, "*.tmp*"))
			for _, name := range names {
				r.came("temporary files of "+r.name, []byte(filepath.Base(name)))
				if content, err := os.ReadFile(name); err == nil {
					r.came("temporary files of "+r.name, content)
				}
			}
		}
	}
}

// end ends the exporter, if that was not done, and collects what it leaves.
func (r *running) end(how syscall.Signal) {
	r.once.Do(func() { r.collect(how) })
}

func (r *running) collect(how syscall.Signal) {
	_ = r.cmd.Process.Signal(how)
	select {
	case <-r.ended:
	case <-time.After(30 * time.Second):
		_ = r.cmd.Process.Kill()
		<-r.ended
		r.t.Errorf("%s did not end by %s", r.name, how)
	}
	r.came("log of "+r.name, []byte(r.stderr.String()))
	_ = filepath.WalkDir(r.data, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			content, _ := os.ReadFile(path)
			r.came("file "+strings.TrimPrefix(path, r.data), append([]byte(path), content...))
		}
		return nil
	})
}

func (r *running) until(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-r.ended:
			r.t.Fatalf("%s ended before it was %s:\n%s", r.name, what, r.stderr)
		default:
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s never was %s:\n%s", r.name, what, r.stderr)
		}
	}
}

// ask sends a request and returns the status and the body.
func (r *running) ask(method, path, accept string) (int, string) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	req.SetBasicAuth(people[2], secret("visitor"))
	return r.send(req)
}

// send sends a request, and returns the status and the body.
func (r *running) send(req *http.Request) (int, string) {
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, ""
	}
	dump, err := httputil.DumpResponse(resp, true)
	if err != nil {
		r.t.Error(err)
	}
	_ = resp.Body.Close()
	r.came("answer to "+req.Method+" "+req.URL.Path, dump)
	_, body, _ := strings.Cut(string(dump), "\r\n\r\n")
	return resp.StatusCode, body
}

// metrics are what is served now.
func (r *running) metrics() string {
	resp, err := r.client.Get(r.url + "/metrics")
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}
