package tally

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

// sample returns facts with something of everything.
func sample() *facts {
	f := newFacts("source", "who", []measure.Kind{measure.Login, measure.PageView})
	f.KeyCheck, f.Own, f.Total, f.Full = "key", 1<<63+5, 3, true
	f.Through, f.Listed = start.Truncate(slot), start
	f.setFields([]string{"1", "2", "3", "4", "5", "6", "7", "8", "9"})
	f.Covered[measure.Login] = start.Add(-measure.Longest)
	f.Numbers["pages"] = number{collector.Reading{Ref: measure.Ref{Measure: "pages"}, Value: 7.5, AsOf: start}, "query"}
	for id, at := range []second{secondOf(start), 0, secondOf(start) - 7} {
		i := f.account(key(id) * 0x9e3779b97f4a7c15)
		f.flags[i], f.filled[0][i], f.filled[1][i] = listed|enabled, uint8(id), uint8(id+1)
		f.see(i, id%2, at)
		count(f.counts, measure.Login, slotOf(start), int64(id))
	}
	return f
}

func encoded(t testing.TB, f *facts) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFactsSurviveTheFile(t *testing.T) {
	f := sample()
	got, err := decode(bytes.NewReader(encoded(t, f)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, got, cmp.AllowUnexported(facts{}, table{}), cmpopts.IgnoreFields(table{}, "places"), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestADamagedFileIsNeverHalfUsed(t *testing.T) {
	good := encoded(t, sample())
	for i := range good {
		bad := bytes.Clone(good)
		for bit := range 8 {
			bad[i] = good[i] ^ 1<<bit
			if _, err := decode(bytes.NewReader(bad)); err == nil {
				t.Fatalf("a changed bit %d of byte %d was not noticed", bit, i)
			}
		}
		if _, err := decode(bytes.NewReader(good[:i])); !errors.Is(err, errDamaged) {
			t.Fatalf("cut at byte %d: %v", i, err)
		}
	}
	if _, err := decode(bytes.NewReader(append(bytes.Clone(good), 0))); !errors.Is(err, errDamaged) {
		t.Error("more than the whole:", err)
	}
	other := bytes.Clone(good)
	other[len(magic)]++
	if _, err := decode(bytes.NewReader(other)); !errors.Is(err, errVersion) {
		t.Error("another version:", err)
	}
	twice := sample()
	twice.keys[1] = twice.keys[0]
	if _, err := decode(bytes.NewReader(encoded(t, twice))); !errors.Is(err, errDamaged) {
		t.Error("a key that stands twice:", err)
	}
}

func TestAFileThatCanNotBeUsedIsSetAside(t *testing.T) {
	good := encoded(t, sample())
	for name, tc := range map[string]struct {
		content []byte
		want    string
	}{
		"damaged":     {good[:50], "read state portal.tally: the file is damaged; it is set aside as portal.tally.unusable and the platform is read anew"},
		"empty":       {nil, "read state portal.tally: the file is damaged; it is set aside as portal.tally.unusable and the platform is read anew"},
		"another key": {good, "read state portal.tally: it was written with another key, or for another platform; it is set aside as portal.tally.unusable and the platform is read anew"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.mustPoll(0)
			if err := b.dir.Replace("portal.tally", func(w io.Writer) error { _, err := w.Write(tc.content); return err }); err != nil {
				t.Fatal(err)
			}
			again, warning, err := Open(b.dir, secret, b.platform)
			if err != nil || warning != tc.want {
				t.Fatalf("got %q, %v; want %q", warning, err, tc.want)
			}
			b.Tally = again
			b.mustPoll(time.Minute)
			if len(b.asked) != 5 {
				t.Errorf("asked %q, want everything anew", b.asked)
			}
		})
	}
}

func TestTheFileOfAnotherPlatformIsSetAside(t *testing.T) {
	b := newBench(t, nil)
	b.accounts = []collector.Account{person("ann")}
	b.mustPoll(0)
	var content []byte
	if err := b.dir.Read("portal.tally", func(r io.Reader) (err error) { content, err = io.ReadAll(r); return err }); err != nil {
		t.Fatal(err)
	}
	if err := b.dir.Replace("wiki.tally", func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
		t.Fatal(err)
	}
	wiki := *b.platform
	wiki.Name = "wiki"
	other, warning, err := Open(b.dir, secret, &wiki)
	want := "read state wiki.tally: it was written with another key, or for another platform; it is set aside as wiki.tally.unusable and the platform is read anew"
	if err != nil || warning != want {
		t.Fatalf("got %q, %v; want %q", warning, err, want)
	}
	if got := values(other.Snapshot()); got != "" {
		t.Errorf("half used: %s", got)
	}
}

func TestAFileThatCanNotBeReadIsLeftAlone(t *testing.T) {
	path := t.TempDir()
	dir, err := storage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	if err := os.Mkdir(filepath.Join(path, "portal.tally"), 0o700); err != nil { // reading a folder fails
		t.Fatal(err)
	}
	if _, warning, err := Open(dir, secret, newBench(t, nil).platform); err == nil {
		t.Error("no error, and the warning", warning)
	}
}

func TestAFolderThatCanNotBeWrittenKeepsNumbersComing(t *testing.T) {
	path := t.TempDir()
	dir, err := storage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	b := newBench(t, nil)
	b.dir = dir
	b.reopen()
	b.add(measure.Login, "ann", start.Add(-time.Hour))
	if err := os.RemoveAll(filepath.Clean(path)); err != nil {
		t.Fatal(err)
	}
	report := b.Update(t.Context(), b.clock)
	if report.Storage == nil || len(report.Errors) != 0 || dir.Writable() {
		t.Errorf("report %+v, writable %t", report, dir.Writable())
	}
	b.want("logins over 1d 1\nlogins over 7d 1\nlogins over 28d 1", "logins")
}

func FuzzDecode(f *testing.F) {
	good := encoded(f, sample())
	f.Add(good)
	f.Add(good[:60])
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := decode(bytes.NewReader(b))
		if (facts == nil) == (err == nil) {
			t.Fatal("neither facts nor an error")
		}
		if err == nil && !bytes.Equal(encoded(t, facts), b) {
			// Only what encode writes is taken: anything else must differ in the order of its maps alone.
			if _, err := decode(bytes.NewReader(encoded(t, facts))); err != nil {
				t.Fatal(err)
			}
		}
	})
}
