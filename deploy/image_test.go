//go:build e2e

package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestImage builds the image without a daemon and without a registry: stand-ins of the two base images are made of
// what this machine has. Then it runs the exporter in it.
func TestImage(t *testing.T) {
	program, err := exec.LookPath("buildah")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs buildah and root, to change roots")
	}
	b := buildah{program, t.TempDir()}
	bases := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(read(t, "../Dockerfile"), -1)
	b.base(t, bases[0][1], golangFiles, "ENV PATH=/usr/local/go/bin:/usr/bin:/bin GOPROXY=file:///modules GOSUMDB=off GOTOOLCHAIN=local")
	b.base(t, bases[1][1], busyboxFiles, "ENV PATH=/bin")

	modules := filepath.Join(strings.TrimSpace(run(t, "go", "env", "GOMODCACHE")), "cache/download")
	b.run(t, "build", "--isolation=chroot", "--pull-never", "--format=docker", "--volume="+modules+":/modules:ro", "--tag=exporter", "..")

	var image struct {
		Docker struct {
			Config struct {
				User         string
				Cmd          []string
				Entrypoint   []string
				ExposedPorts map[string]struct{}
				Healthcheck  struct{ Test []string }
				Labels       map[string]string
			} `json:"config"`
		}
	}
	if err := json.Unmarshal([]byte(b.run(t, "inspect", "--type=image", "exporter")), &image); err != nil {
		t.Fatal(err)
	}
	config := image.Docker.Config
	equal(t, "user", config.User, "65534:65534")
	if _, ok := config.ExposedPorts["10042/tcp"]; !ok || config.Labels["org.opencontainers.image.licenses"] != "Apache-2.0" {
		t.Errorf("ports %v, labels %v", config.ExposedPorts, config.Labels)
	}

	settings := t.TempDir()
	write(t, filepath.Join(settings, "intranet.yml"), "platforms: [{name: wiki, type: mediawiki, url: 'http://127.0.0.1:1/api.php'}]\n")
	for _, path := range []string{settings, filepath.Join(settings, "intranet.yml")} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf(`%s & until %s; do sleep 0.1; done; id; ls -ln / | grep data; ls /data; wget -q -O - http://127.0.0.1:10042/metrics | grep build_info{; kill $!; wait`,
		strings.Join(slices.Concat(config.Entrypoint, config.Cmd), " "), strings.Join(config.Healthcheck.Test[1:], " "))
	container := strings.TrimSpace(b.run(t, "from", "--pull-never", "exporter"))
	said := b.run(t, "run", "--isolation=chroot", "--volume="+settings+":/etc/intranet_exporter:ro", container, "--", "/bin/sh", "-c", script)
	version := strings.TrimSpace(run(t, "git", "describe", "--tags", "--always", "--dirty"))
	if info, err := os.Stat("../.git"); err != nil || !info.IsDir() {
		version = "" // a work tree has its history elsewhere, where the build can't see it
	}
	contains(t, said, "uid=65534", "65534    65534", "\nkey\n", `version="`+version+`"`)
}

// A buildah keeps all that it makes in a folder.
type buildah struct{ program, dir string }

// run runs it in namespaces of its own, so that no mount outlives it and no port is taken.
func (b buildah) run(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{b.program, "--root=" + b.dir + "/root", "--runroot=" + b.dir + "/run", "--storage-driver=overlay"}, args...)
	cmd := exec.Command("unshare", append([]string{"--mount", "--net", "--propagation=private", "sh", "-c", `busybox ip link set lo up && exec "$@"`, "sh"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+b.dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// busyboxFiles and golangFiles lay out in a folder what a base image holds and the Dockerfile uses.
const (
	busyboxFiles = `
mkdir -p "$1/bin" "$1/etc" "$1/tmp"
cp "$(command -v busybox)" "$1/bin/busybox"
for applet in $(busybox --list | grep -vx busybox); do ln -s busybox "$1/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$1/etc/passwd"
`
	golangFiles = busyboxFiles + `
mkdir -p "$1/usr/local"
cp -r "$(go env GOROOT)" "$1/usr/local/go"
cp -L --parents /etc/ssl/certs/ca-certificates.crt "$1"
for program in $(command -v make) $(command -v git); do cp -L --parents $program $(ldd $program | grep -o '/[^ ]*') "$1"; done
`
)

// base makes a stand-in of a base image from files of this machine.
func (b buildah) base(t *testing.T, name, files, instruction string) {
	t.Helper()
	dir := t.TempDir()
	run(t, "sh", "-ec", files, "sh", dir)
	dockerfile := filepath.Join(t.TempDir(), "Dockerfile")
	write(t, dockerfile, "FROM scratch\nCOPY . /\n"+instruction+"\n")
	b.run(t, "build", "--isolation=chroot", "--file="+dockerfile, "--tag="+name, dir)
}
