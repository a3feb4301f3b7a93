package deploy

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// A service is what the tests here look at in a service of a compose file.
type service struct {
	Build       string
	Image       string
	User        string
	Command     []string
	Environment map[string]string
	Ports       []string
	Volumes     []string
	DependsOn   dependencies `yaml:"depends_on"`
	Restart     string
	Entrypoint  []string
	Profiles    []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Healthcheck struct{ Test []string }
}

// dependencies are names, as a list or with conditions.
type dependencies []string

func (d *dependencies) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(d))
	}
	var conditions map[string]any
	err := n.Decode(&conditions)
	*d = slices.Collect(maps.Keys(conditions))
	return err
}

type composition struct {
	Name     string
	Services map[string]service
	Volumes  map[string]any
}

func compose(t *testing.T, file string) composition {
	t.Helper()
	var c composition
	if err := yaml.Unmarshal([]byte(read(t, file)), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) == 0 {
		t.Fatalf("%s has no services", file)
	}
	return c
}

func TestComposeIsValid(t *testing.T) {
	const docker = "docker"
	if exec.Command(docker, "compose", "version").Run() != nil {
		t.Skip("docker compose is not installed, which not every Debian has")
	}
	run(t, docker, "compose", "-f", "compose.yaml", "config", "--quiet")
	own := []string{"compose", "-f", "compose.yaml", "-f", "compose.own.yaml", "config", "--quiet"}
	if out, err := exec.Command(docker, own...).CombinedOutput(); err == nil || !strings.Contains(string(out), "name the folder that holds intranet.yml") {
		t.Errorf("without INTRANET_CONFIG: %v\n%s", err, out)
	}
	t.Setenv("INTRANET_CONFIG", t.TempDir())
	run(t, docker, own...)
}

func TestCompose(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z./]+:v?\d+\.\d+\.\d+$`)
	unprivileged := regexp.MustCompile(`^[1-9]\d*:\d+$`)
	secret := regexp.MustCompile(`(?i)pass|secret|token|_key`)
	c := compose(t, "compose.yaml")
	for name, s := range c.Services {
		if s.Build == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q is not pinned to a release", name, s.Image)
		}
		if s.Build == "" && !unprivileged.MatchString(s.User) { // the Dockerfile names its own
			t.Errorf("%s: user is %q, want a number that is not root's", name, s.User)
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s is not hardened", name)
		}
		if once := s.Restart == "no"; once != (len(s.Ports) == 0) {
			t.Errorf("%s: restart %q and ports %v: what stays has something to look at, what ends has not", name, s.Restart, s.Ports)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
		for key := range s.Environment {
			if secret.MatchString(key) {
				t.Errorf("%s: %s looks like a secret", name, key)
			}
		}
		for _, other := range s.DependsOn {
			if _, ok := c.Services[other]; !ok {
				t.Errorf("%s depends on %s, which is not there", name, other)
			}
		}
		for _, v := range s.Volumes {
			source, target, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(source, ".") {
				if _, ok := c.Volumes[source]; !ok {
					t.Errorf("%s: volume %s is not declared", name, source)
				}
				continue
			}
			if !strings.HasSuffix(target, ":ro") {
				t.Errorf("%s can write to %s", name, source)
			}
			if info, err := os.Stat(source); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if info.IsDir() {
				t.Errorf("%s: %s is a folder, and may hold more than is meant", name, source)
			}
		}
	}
	own := compose(t, "compose.own.yaml")
	if own.Name == c.Name {
		t.Error("the simulated organisation and your own would share volumes")
	}
	for name, s := range c.Services {
		if simulated := s.Restart == "no"; simulated != (len(own.Services[name].Profiles) > 0) {
			t.Errorf("%s: of what is simulated: %v, left out by compose.own.yaml: %v", name, simulated, !simulated)
		}
	}
}

func TestDockerfileHasTheGoOfTheModule(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "../go.mod"))
	contains(t, read(t, "../Dockerfile"), "\nFROM golang:"+version[1]+" AS build\n")
}

// The files for compose differ from those to start from in what is listed here, and in nothing else.
func TestComposeFiles(t *testing.T) {
	same := func(t *testing.T, file string, want map[string]any) {
		t.Helper()
		if diff := cmp.Diff(want, parse(t, read(t, file))); diff != "" {
			t.Error(diff)
		}
	}
	t.Run("prometheus", func(t *testing.T) {
		addresses := strings.NewReplacer("localhost:10042", "exporter:10042", "localhost:9093", "alertmanager:9093")
		same(t, "compose/prometheus.yml", parse(t, addresses.Replace(read(t, "prometheus/prometheus.yml"))))
	})
	t.Run("grafana", func(t *testing.T) {
		addresses := strings.NewReplacer("localhost:9090", "prometheus:9090")
		same(t, "compose/datasource.yml", parse(t, addresses.Replace(read(t, "../grafana/provisioning/datasources/prometheus.yml"))))
	})
	t.Run("alertmanager", func(t *testing.T) {
		want := parse(t, read(t, alertmanagerFile))
		global := want["global"].(map[string]any)
		delete(global, "smtp_auth_username")
		delete(global, "smtp_auth_password_file")
		global["smtp_smarthost"], global["smtp_require_tls"] = "mail:1025", false
		route := want["route"].(map[string]any)
		route["group_wait"], route["group_interval"] = "10s", "1m"
		for _, r := range route["routes"].([]any) {
			delete(r.(map[string]any), "active_time_intervals")
			delete(r.(map[string]any), "mute_time_intervals")
			delete(r.(map[string]any), "routes")
		}
		delete(want, "time_intervals")
		want["templates"] = []any{"intranet.tmpl"} // all roles read English
		want["receivers"] = slices.DeleteFunc(want["receivers"].([]any), func(r any) bool {
			name := r.(map[string]any)["name"].(string)
			return name == "communications" || strings.HasSuffix(name, " in Dutch")
		})
		same(t, "compose/alertmanager.yml", want)
	})
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestComposeServers runs what compose.yaml would run, with its command lines and files, from a scrape to a mail.
func TestComposeServers(t *testing.T) {
	prometheus, promtool := need.Program(t, "prometheus"), need.Program(t, "promtool")
	program, amtool := need.Program(t, "prometheus-alertmanager"), need.Program(t, "amtool")
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../internal/exposition/testdata/full.prom")
	}))
	t.Cleanup(exporter.Close)
	mails := smtpSink(t)
	services := compose(t, "compose.yaml").Services

	files := mounts(t, services["alertmanager"], "mail:1025", mails.addr, "group_wait: 10s", "group_wait: 2s")
	run(t, amtool, "check-config", filepath.Join(files, "etc/alertmanager/alertmanager.yml"))
	am := listen(t, program, arguments(files, services["alertmanager"])...)
	healthy(t, services["alertmanager"], am)

	files = mounts(t, services["prometheus"], "exporter:10042", exporter.Listener.Addr().String(),
		"alertmanager:9093", strings.TrimPrefix(am, "http://"), "_interval: 1m", "_interval: 1s")
	run(t, promtool, "check", "config", filepath.Join(files, "etc/prometheus/prometheus.yml"))
	listen(t, prometheus, arguments(files, services["prometheus"])...)

	m := mails.next(t)
	for m.to != "<service-desk@example.org>" {
		m = mails.next(t)
	}
	equal(t, "subject", m.subject, "Calls to the service desk is above its critical limit")
	contains(t, m.text, "What to do, as agreed:\nCall the suppliers together.")
}

// TestComposeHistory runs what makes blocks of the simulated weeks before today, twice.
func TestComposeHistory(t *testing.T) {
	need.Program(t, "promtool")
	data, tsdb := t.TempDir(), t.TempDir()
	write(t, filepath.Join(data, "history.om"), "# TYPE x gauge\nx 1 1790000000\n# EOF\n")
	entrypoint := compose(t, "compose.yaml").Services["blocks"].Entrypoint
	script := strings.NewReplacer("/data", data, "/prometheus", tsdb).Replace(entrypoint[2])
	for range 2 {
		run(t, entrypoint[0], entrypoint[1], script)
		if n := len(glob(t, tsdb+"/*/meta.json")); n != 1 {
			t.Errorf("%d blocks, want 1", n)
		}
		equal(t, "what is left", strings.Join(glob(t, data+"/*"), " "), data+"/done")
	}
}

// mounts lays out a service's own files as they are inside its container, after replacing old by new, pair by pair.
func mounts(t *testing.T, s service, oldnew ...string) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, v := range s.Volumes {
		if parts := strings.Split(v, ":"); strings.HasPrefix(parts[0], ".") {
			write(t, filepath.Join(root, parts[1]), strings.NewReplacer(oldnew...).Replace(read(t, parts[0])))
		}
	}
	return root
}

// arguments are a service's command line, for the files in root and a free port on loopback.
func arguments(root string, s service) []string {
	args := []string{"--web.listen-address=127.0.0.1:0"}
	for _, a := range s.Command {
		if flag, value, _ := strings.Cut(a, "="); strings.HasPrefix(value, "/") {
			a = flag + "=" + filepath.Join(root, value)
		}
		args = append(args, a)
	}
	return args
}

// healthy runs a service's health check, against url and against nothing.
func healthy(t *testing.T, s service, url string) {
	t.Helper()
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	check := func(url string) error {
		args := strings.Fields(address.ReplaceAllString(strings.Join(s.Healthcheck.Test[1:], " "), url))
		return exec.Command(args[0], args[1:]...).Run()
	}
	if err := check(url); err != nil {
		t.Error("health check:", err)
	}
	var exit *exec.ExitError
	if err := check("http://127.0.0.1:1"); !errors.As(err, &exit) {
		t.Error("health check of what is not there:", err)
	}
}
