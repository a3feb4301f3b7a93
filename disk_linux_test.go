package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A failing is a way in which writing fails, and works again.
type failing struct {
	begin, end func(t *testing.T, e *exporter)
	folder     func(e *exporter) string // the storage folder, as this test sees it
}

// TestADiskThatCanNotBeWritten lets real writes fail: numbers stay right, intranet_state_writable tells it, what is on
// disk stays as it was, and is what a restart goes on from.
func TestADiskThatCanNotBeWritten(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *exporter) failing{
		"limit on file size": limitFileSize,
		"full disk":          fillDisk,
		"read-only folder":   makeReadOnly,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIntranet(t, rand.New(rand.NewPCG(1, 2)))
			e := newExporter(t, i)
			f := prepare(t, e)
			e.start(t)
			e.caughtUp(t, true)
			e.writable(t, 1)
			var durable map[string]string
			e.betweenWrites(t, f, func(files map[string]string) {
				durable = files
				f.begin(t, e)
			})
			shown := maps.Clone(e.shown)
			i.grow(t, 2, 20, late)
			e.reload(t, "^nobody-1$")
			e.caughtUp(t, true)
			e.writable(t, 0)
			e.saysItOnce(t)
			e.has(t, f, durable)
			e.kill()

			e.shown = shown
			e.start(t) // where nothing can be written
			e.check(t)
			e.caughtUp(t, true)
			e.writable(t, 0)
			e.has(t, f, durable)

			f.end(t, e)
			e.reload(t, "^nobody-2$")
			e.written(t)
			e.check(t)
			e.kill()
			e.start(t)
			e.check(t)
			for platform, known := range e.shown {
				if known.events != e.latest() || known.accounts != e.latest() {
					t.Errorf("%s: %+v is known after a restart, want %d", platform, known, e.latest())
				}
			}
		})
	}
}

// TestADamagedFileInAReadOnlyFolder starts where what can't be used can't be set aside either, until it can.
func TestADamagedFileInAReadOnlyFolder(t *testing.T) {
	t.Parallel()
	i := newIntranet(t, rand.New(rand.NewPCG(7, 8)))
	e := newExporter(t, i)
	f := makeReadOnly(t, e)
	e.start(t)
	e.caughtUp(t, true)
	e.kill()
	damaged := []string{"wiki.tally", "kpi.state"}
	for _, file := range damaged {
		if err := os.WriteFile(filepath.Join(f.folder(e), file), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.begin(t, e)
	durable, err := e.files(f)
	if err != nil {
		t.Fatal(err)
	}

	clear(e.shown)
	clear(e.full)
	clear(e.kpi)
	e.start(t)
	e.writable(t, 0)
	e.caughtUp(t, true)
	e.writable(t, 0)
	e.has(t, f, durable)
	for _, file := range damaged {
		if aside := file + ".unusable as soon as that can be done (rename "; !strings.Contains(e.log.String(), aside) {
			t.Errorf("the log lacks %q:\n%s", aside, e.log)
		}
	}

	f.end(t, e)
	e.reload(t, "^nobody-2$")
	e.written(t)
	files, err := e.files(f)
	for _, file := range damaged {
		if files[file+".unusable"] != "damaged" || err != nil {
			t.Errorf("%s was not set aside: %v", file, err)
		}
	}
	e.check(t)
	e.kill()
	e.start(t)
	e.check(t)
}

func (e *exporter) writable(t *testing.T, want float64) {
	t.Helper()
	if got := e.scrape(t)["intranet_state_writable"]; got != want {
		t.Errorf("intranet_state_writable is %v, want %v; log:\n%s", got, want, e.log)
	}
}

// written waits until all that was due is on disk.
func (e *exporter) written(t *testing.T) {
	t.Helper()
	e.until(t, "written", func() error {
		if s := e.scrape(t); s["intranet_state_writable"] != 1 {
			return errors.New("intranet_state_writable is 0")
		}
		return nil
	})
}

// saysItOnce sees that the log tells what was not written once a poll, and once of the KPIs.
func (e *exporter) saysItOnce(t *testing.T) {
	t.Helper()
	said, polled := map[string]int{}, map[string]int{"": 0}
	for line := range strings.Lines(e.log.String()) {
		_, after, _ := strings.Cut(line, " platform=")
		platform, _, _ := strings.Cut(after, " ")
		switch {
		case strings.Contains(line, `msg="State not written"`):
			said[platform]++
		case strings.Contains(line, "msg=Polled"):
			polled[platform]++
		}
	}
	for platform, polls := range polled {
		if n := said[platform]; n > polls+1 || n == 0 && platform != "" { // the last poll may not have ended
			t.Errorf("%q: %d times in %d polls the log says that state was not written:\n%s", platform, n, polls, e.log)
		}
	}
}

// betweenWrites does something while the exporter is stopped, and nothing half written or half read anew: of that, the
// file could still be deleted.
func (e *exporter) betweenWrites(t *testing.T, f failing, do func(files map[string]string)) {
	t.Helper()
	pid := e.cmd.Process.Pid
	e.until(t, "between two writes", func() error {
		if err := errors.Join(unix.Kill(pid, unix.SIGSTOP), unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED, nil)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Kill(pid, unix.SIGCONT) }()
		files, err := e.files(f)
		for name := range files {
			if strings.Contains(name, ".tmp") || strings.Contains(name, ".reread") {
				err = fmt.Errorf("there is %s", name)
			}
		}
		if err == nil {
			do(files)
		}
		return err
	})
}

// has waits until the files are those of before: some poll may be trying to write.
func (e *exporter) has(t *testing.T, f failing, durable map[string]string) {
	t.Helper()
	e.until(t, "as it was", func() error {
		files, err := e.files(f)
		if diff := cmp.Diff(durable, files); err == nil && diff != "" {
			err = fmt.Errorf("files changed (-before +after):\n%s", diff)
		}
		return err
	})
}

// files are those in the storage folder, by name. What the exporter removes in the meantime is not among them.
func (e *exporter) files(f failing) (map[string]string, error) {
	entries, err := os.ReadDir(f.folder(e))
	files := map[string]string{}
	for _, entry := range entries {
		if entry.Name() == filler {
			continue
		}
		content, failed := os.ReadFile(filepath.Join(f.folder(e), entry.Name()))
		if errors.Is(failed, fs.ErrNotExist) {
			continue
		}
		files[entry.Name()], err = string(content), errors.Join(err, failed)
	}
	return files, err
}

// limitFileSize makes the exporter unable to write a file at all; it needs no rights.
func limitFileSize(*testing.T, *exporter) failing {
	limit := func(t *testing.T, e *exporter, size uint64) {
		t.Helper()
		var now unix.Rlimit
		if err := unix.Prlimit(e.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &now); err != nil {
			t.Fatal(err)
		}
		now.Cur = min(size, now.Max)
		if err := unix.Prlimit(e.cmd.Process.Pid, unix.RLIMIT_FSIZE, &now, nil); err != nil {
			t.Fatal(err)
		}
	}
	return failing{
		begin: func(t *testing.T, e *exporter) {
			limit(t, e, 0)
			e.enter = []string{"sh", "-c", `ulimit -S -f 0 && exec "$@"`, "sh"} // from the next start on
		},
		end: func(t *testing.T, e *exporter) {
			limit(t, e, unix.RLIM_INFINITY)
			e.enter = nil
		},
		folder: func(e *exporter) string { return e.data },
	}
}

// filler is a file that leaves no room for others.
const filler = "filler"

// fillDisk puts the storage folder on a disk of its own, which is full.
func fillDisk(t *testing.T, e *exporter) failing {
	n := newNamespace(t, e, "mount -t tmpfs -o size=8m none .")
	waste := filepath.Join(n.outside(e), filler)
	return failing{
		begin: func(t *testing.T, _ *exporter) {
			f, err := os.Create(waste)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			for block := make([]byte, 4096); err == nil; {
				_, err = f.Write(block)
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		},
		end: func(t *testing.T, _ *exporter) {
			if err := os.Remove(waste); err != nil {
				t.Fatal(err)
			}
		},
		folder: n.outside,
	}
}

// makeReadOnly lays a read-only view of the storage folder over it.
func makeReadOnly(t *testing.T, e *exporter) failing {
	n := newNamespace(t, e, "mount --bind . .")
	do := func(script string) func(*testing.T, *exporter) {
		return func(t *testing.T, e *exporter) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), n.enter[0], append(n.enter[1:], "sh", "-c", script, "sh", e.data)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %s", err, out)
			}
		}
	}
	return failing{begin: do(`mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"`), end: do(`mount -o remount,rw,bind "$1"`), folder: n.outside}
}

// A namespace holds mounts that nobody else sees, and that end with it.
type namespace struct {
	pid   int
	enter []string // runs a command in it
}

// newNamespace makes one in which the storage folder is mounted, and lets the exporter work in it. The test is
// skipped where that is not allowed.
func newNamespace(t *testing.T, e *exporter, mount string) *namespace {
	t.Helper()
	if err := os.Mkdir(e.data, 0o700); err != nil {
		t.Fatal(err)
	}
	unshare, enter := []string{"--mount"}, []string{"--mount"}
	if os.Getuid() != 0 {
		unshare, enter = append(unshare, "--map-root-user"), append(enter, "--user", "--preserve-credentials")
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append(unshare, "sh", "-c", mount+" && echo mounted && exec cat")...)
	cmd.Dir = e.data
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe() // it ends with this test, however that ends
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Skipf("a file system of its own can't be had: %s", err)
	}
	said, err := bufio.NewReader(stdout).ReadString('\n')
	if said != "mounted\n" {
		_, _ = io.Copy(io.Discard, stdout)
		t.Skipf("a file system of its own can't be had: %v, %v, %s", err, cmd.Wait(), &stderr)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	pid := cmd.Process.Pid
	n := &namespace{pid: pid, enter: append([]string{"nsenter", "--target", strconv.Itoa(pid)}, enter...)}
	e.enter = n.enter
	return n
}

// outside is the storage folder as it is seen from outside.
func (n *namespace) outside(e *exporter) string { return fmt.Sprintf("/proc/%d/root%s", n.pid, e.data) }
