package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestStateThatCanNotBeUsed changes what is on disk between two runs: either the platforms are read anew, or the
// exporter refuses to start. One sentence says so, and nothing is half used.
func TestStateThatCanNotBeUsed(t *testing.T) {
	i := newIntranet(t, rand.New(rand.NewPCG(3, 4)))
	e := newExporter(t, i)
	e.start(t)
	e.caughtUp(t, true)
	e.kill()
	const otherKey = "it was written with another key, or for another platform; it is set aside as"
	for name, tc := range map[string]struct {
		change func(in func(string) string) error
		warns  []string
		fails  string // "" = it starts
	}{
		"nothing": {change: func(func(string) string) error { return nil }},
		"key lost": {
			change: func(in func(string) string) error { return os.Remove(in("key")) },
			warns:  []string{"read state wiki.tally: " + otherKey, "read state here.tally: " + otherKey},
		},
		"killed while the key was written": {
			change: func(in func(string) string) error { return os.Rename(in("key"), in("key.tmp1")) },
			warns:  []string{"read state wiki.tally: " + otherKey},
		},
		"key empty": {
			change: func(in func(string) string) error { return os.Truncate(in("key"), 0) },
			fails:  "key: it holds 0 bytes instead of 32; restore it, or delete the whole folder to start anew",
		},
		"key cut": {
			change: func(in func(string) string) error { return os.Truncate(in("key"), 31) },
			fails:  "key: it holds 31 bytes instead of 32; restore it, or delete the whole folder to start anew",
		},
		"key is a folder": {
			change: func(in func(string) string) error {
				return errors.Join(os.Remove(in("key")), os.Mkdir(in("key"), 0o700))
			},
			fails: "is a directory",
		},
		"files swapped": {
			change: func(in func(string) string) error {
				return errors.Join(os.Rename(in("wiki.tally"), in("x")), os.Rename(in("here.tally"), in("wiki.tally")), os.Rename(in("x"), in("here.tally")))
			},
			warns: []string{"read state wiki.tally: " + otherKey + " wiki.tally.unusable and the platform is read anew", "read state here.tally: " + otherKey},
		},
		"tally empty": {
			change: func(in func(string) string) error { return os.Truncate(in("wiki.tally"), 0) },
			warns:  []string{"read state wiki.tally: the file is damaged; it is set aside as wiki.tally.unusable and the platform is read anew"},
		},
		"record in place of a tally": {
			change: func(in func(string) string) error { return os.Rename(in("kpi.state"), in("wiki.tally")) },
			warns:  []string{"read state wiki.tally: the file is damaged; it is set aside as wiki.tally.unusable"},
		},
		"tally in place of the record": {
			change: func(in func(string) string) error { return os.Rename(in("wiki.tally"), in("kpi.state")) },
			warns:  []string{"kpi.state: it does not begin like a KPI record; set aside as kpi.past.unusable and kpi.state.unusable"},
		},
		"tally is a folder": {
			change: func(in func(string) string) error {
				return errors.Join(os.Remove(in("wiki.tally")), os.Mkdir(in("wiki.tally"), 0o700))
			},
			fails: "load platform wiki: read state wiki.tally: read ",
		},
		"record is a folder": {
			change: func(in func(string) string) error {
				return errors.Join(os.Remove(in("kpi.state")), os.Mkdir(in("kpi.state"), 0o700))
			},
			fails: "read state kpi.state: read ",
		},
		"folder is a file": {
			change: func(in func(string) string) error {
				return errors.Join(os.RemoveAll(in("")), os.WriteFile(in(""), nil, 0o600))
			},
			fails: "create storage folder: mkdir ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := newExporter(t, i)
			if err := os.CopyFS(changed.data, os.DirFS(e.data)); err != nil {
				t.Fatal(err)
			}
			if err := tc.change(func(file string) string { return filepath.Join(changed.data, file) }); err != nil {
				t.Fatal(err)
			}
			if tc.fails != "" {
				changed.refuses(t, tc.fails)
				return
			}
			changed.start(t)
			changed.check(t)
			changed.caughtUp(t, true)
			log := strings.ReplaceAll(changed.log.String(), `\"`, `"`)
			for _, warning := range tc.warns {
				if !strings.Contains(log, warning) {
					t.Errorf("the log lacks %q:\n%s", warning, log)
				}
			}
			aside, err := filepath.Glob(filepath.Join(changed.data, "*.unusable"))
			if err != nil || len(aside) < len(tc.warns) || strings.Count(log, ".unusable") != len(aside) {
				t.Errorf("set aside: %q, %v; log:\n%s", aside, err, log)
			}
		})
	}
}

// refuses sees that the exporter ends at once, with code 1 and a message.
func (e *exporter) refuses(t *testing.T, message string) {
	t.Helper()
	out, err := e.command("--storage.path="+e.data, "--web.listen-address="+anyPort, "--config.file=intranet.yml").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !bytes.Contains(out, []byte(message)) {
		t.Errorf("ended with %v, want code 1 and %q:\n%s", err, message, out)
	}
}

// TestOneProcessHoldsTheFolder starts others beside a running exporter.
func TestOneProcessHoldsTheFolder(t *testing.T) {
	e := newExporter(t, newIntranet(t, rand.New(rand.NewPCG(5, 6))))
	e.start(t)
	e.caughtUp(t, true)
	e.refuses(t, "lock storage folder "+e.data+": another process works in it; give each its own --storage.path")

	commands := func() {
		t.Helper()
		for _, args := range [][]string{{"poll"}, {"check"}, {"check", "--live"}} {
			cmd := e.command(append(args, "--config.file=intranet.yml")...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%q: %v\n%s", args, err, out)
			}
		}
	}
	commands() // beside it
	e.check(t)
	e.kill()
	before := e.modified(t)
	commands() // alone
	if diff := cmp.Diff(before, e.modified(t)); diff != "" {
		t.Errorf("other commands touched the folder (-before +after): %s", diff)
	}
	e.start(t) // the lock went with the process
	e.check(t)
}

// modified tells when each file in the storage folder was written.
func (e *exporter) modified(t *testing.T) map[string]time.Time {
	t.Helper()
	entries, err := os.ReadDir(e.data)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]time.Time{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		times[entry.Name()] = info.ModTime()
	}
	return times
}
