package storage

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func read(t *testing.T, d *Dir, name string) string {
	t.Helper()
	var content []byte
	err := d.Read(name, func(r io.Reader) (err error) { content, err = io.ReadAll(r); return err })
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestASecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "data")
	d := open(t, path)
	want := "lock storage folder " + path + ": another process works in it; give each its own --storage.path"
	if _, err := Open(path); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestALockThatCanNotBeHadIsNoOtherProcess(t *testing.T) {
	want := "lock storage folder data: no locks available; it must be on a file system with locks"
	if err := notLocked("data", syscall.ENOLCK); err == nil || err.Error() != want || !errors.Is(err, syscall.ENOLCK) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReplaceIsAllOrNothingAndForTheOwnerAlone(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	if err := d.Replace("state", text("one")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("cut")
	err := d.Replace("state", func(w io.Writer) error { _, _ = io.WriteString(w, "tw"); return broken })
	if !errors.Is(err, broken) || d.Writable() {
		t.Errorf("err %v, writable %t", err, d.Writable())
	}
	if got := read(t, d, "state"); got != "one" {
		t.Errorf("after a failed write: %q", got)
	}
	if err := d.Replace("state", text("two")); err != nil || !d.Writable() {
		t.Errorf("err %v, writable %t", err, d.Writable())
	}
	if got := read(t, d, "state"); got != "two" {
		t.Errorf("after a write: %q", got)
	}
	if _, err := d.Key(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 || strings.Contains(e.Name(), "tmp") {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
}

// A folder is what it is, however its name is written, and a new one is for its owner alone.
func TestTheFolder(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "data")
	first, err := Open(path + "/")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := errors.Join(first.Replace("state", text("one")), os.Symlink(path, filepath.Join(parent, "link"))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(parent, "link")); err == nil || !strings.Contains(err.Error(), "another process works in it") {
		t.Error("a link leads around the lock:", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, filepath.Join(parent, "link"))
	if got := read(t, second, "state"); got != "one" {
		t.Errorf("through the link: %q", got)
	}

	// A file that is a link is replaced; what it leads to stays as it is.
	elsewhere := filepath.Join(parent, "elsewhere")
	if err := errors.Join(os.WriteFile(elsewhere, []byte("mine"), 0o644), os.Symlink(elsewhere, filepath.Join(path, "wiki.tally")), second.Replace("wiki.tally", text("new"))); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(path, "wiki.tally"))
	if err != nil || info.Mode() != 0o600 || read(t, second, "wiki.tally") != "new" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if content, err := os.ReadFile(elsewhere); err != nil || string(content) != "mine" {
		t.Errorf("%q, %v", content, err)
	}
}

func TestAnotherFileThatCanBeWrittenHidesNothing(t *testing.T) {
	d := open(t, t.TempDir())
	_ = d.Replace("wiki.tally", func(io.Writer) error { return errors.New("disk full") })
	if err := d.Replace("kpi.state", text("small")); err != nil || d.Writable() {
		t.Errorf("err %v, writable %t", err, d.Writable())
	}
	if err := d.Replace("wiki.tally", text("again")); err != nil || !d.Writable() {
		t.Errorf("err %v, writable %t", err, d.Writable())
	}
}

func TestPrune(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"wiki.tally", "gone.tally", "new.tally"} {
		if err := d.Replace(name, text(name)); err != nil {
			t.Fatal(err)
		}
		if name != "new.tally" {
			if err := os.Chtimes(filepath.Join(path, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.Prune(time.Now().Add(-time.Minute), func(name string) bool { return !strings.HasPrefix(name, "gone") }); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(path, "*.tally*"))
	if err != nil || len(left) != 2 || filepath.Base(left[0]) != "new.tally" || filepath.Base(left[1]) != "wiki.tally" {
		t.Error(left, err)
	}
}

func TestWhatAKilledProcessWasWritingGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data[1]") // a name that is a pattern too
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "wiki.tally.tmp123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if _, err := os.Stat(filepath.Join(path, "wiki.tally.tmp123")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestTheKeyStays(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	first, err := d.Key()
	if err != nil || len(first) != keySize {
		t.Fatal(first, err)
	}
	if again, err := d.Key(); err != nil || string(again) != string(first) {
		t.Error("the key changed", err)
	}
	if err := os.WriteFile(filepath.Join(path, "key"), first[:5], 0o600); err != nil {
		t.Fatal(err)
	}
	want := "it holds 5 bytes instead of 32; restore it, or delete the whole folder to start anew"
	if _, err := d.Key(); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSetAsideLosesNothing(t *testing.T) {
	d := open(t, t.TempDir())
	if err := d.Replace("state", text("odd")); err != nil {
		t.Fatal(err)
	}
	aside := d.SetAside("state")
	if aside != "state.unusable" || read(t, d, aside) != "odd" {
		t.Error(aside)
	}
	if err := d.Read("state", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for range 2 {
		if err := d.Remove(aside); err != nil {
			t.Error(err)
		}
	}
}

// What can't be set aside yet is not written over, nor removed: that waits until it can be.
func TestSetAsideLater(t *testing.T) {
	for name, change := range map[string]func(d *Dir) error{
		"replace": func(d *Dir) error { return d.Replace("state", text("new")) },
		"remove":  func(d *Dir) error { return d.Remove("state") },
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := open(t, path)
			inTheWay := filepath.Join(path, "state"+Aside)
			if err := errors.Join(d.Replace("state", text("odd")), os.MkdirAll(filepath.Join(inTheWay, "x"), 0o700)); err != nil {
				t.Fatal(err)
			}
			if got := d.SetAside("state"); !strings.HasPrefix(got, "state.unusable as soon as that can be done (rename ") || d.Writable() {
				t.Errorf("%s, writable %t", got, d.Writable())
			}
			if err := change(d); err == nil || d.Writable() || read(t, d, "state") != "odd" {
				t.Errorf("error %v, writable %t", err, d.Writable())
			}
			if err := os.RemoveAll(inTheWay); err != nil {
				t.Fatal(err)
			}
			for range 2 { // once it is done, it is done
				if err := change(d); err != nil || !d.Writable() || read(t, d, "state"+Aside) != "odd" {
					t.Errorf("error %v, writable %t", err, d.Writable())
				}
			}
		})
	}
}

func TestNoFolderKeepsNothing(t *testing.T) {
	var d *Dir
	if err := errors.Join(d.Replace("state", nil), d.Prune(time.Now(), nil), d.Remove("a"), d.Close()); err != nil || !d.Writable() {
		t.Error(err)
	}
	if err := d.Read("state", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	one, _ := d.Key()
	two, _ := d.Key()
	if len(one) != keySize || string(one) == string(two) {
		t.Error("the key must be a new one each time")
	}
}
