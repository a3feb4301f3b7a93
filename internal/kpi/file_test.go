package kpi

import (
	"bytes"
	"compress/gzip"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/config"
)

func newestOf(r *record) []bucket { _, b := r.split(); return b }
func pastOf(r *record) []bucket   { b, _ := r.split(); return b }

func encoded(t testing.TB, records map[string]*record, part func(*record) []bucket) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := encode(&out, records, part); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// reread is what a restart makes of the records.
func reread(t testing.TB, records map[string]*record) map[string]*record {
	t.Helper()
	again := map[string]*record{}
	for _, part := range []func(*record) []bucket{pastOf, newestOf} {
		if err := decode(encoded(t, records, part), again); err != nil {
			t.Fatal(err)
		}
	}
	return again
}

// sealed is a file with the right header and checksum for its content.
func sealed(t testing.TB, format int, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	_, _ = fmt.Fprintf(&out, header+"\n", format)
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write(body)
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// content is the inside of a file with one record.
func content(t testing.TB, buckets ...bucket) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := gob.NewEncoder(&out).Encode(entry{KPI: "k", Data: t0, Buckets: buckets}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sample is a file as the exporter writes it.
func sample(t testing.TB) []byte {
	t.Helper()
	e, _, _ := Open(nil)
	e.Configure([]*config.KPI{ratio(nil), weekly(nil)})
	for _, m := range []time.Duration{0, 30, 59, 60, 200} {
		at := t0.Add(m * time.Minute)
		e.Update(at, wiki(value(active, float64(m), at), value(accounts, 49+float64(m), t0), value(created, 7, at)))
	}
	return encoded(t, e.records, newestOf)
}

func TestOpenUnusable(t *testing.T) {
	at := t0.Unix()
	fine := bucket{From: at, To: at + 1800, Value: 2, All: span{Min: 1, Max: 4}, Last: span{Min: 2, Max: 3}}
	with := func(edit func(*bucket)) []byte {
		b := fine
		edit(&b)
		return sealed(t, version, content(t, b))
	}
	whole := sample(t)
	flip := func(i int) []byte {
		flipped := bytes.Clone(whole)
		flipped[(len(whole)+i)%len(whole)] ^= 1
		return flipped
	}
	const noRecord, unread, order = "it does not begin like a KPI record", "its content can't be read: ", "its content is out of order"
	for _, tt := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", noRecord, nil},
		{"something else", noRecord, []byte("{}\n")},
		{"header cut", noRecord, whole[:20]},
		{"cut", unread + "unexpected EOF", whole[:len(whole)-1]},
		{"half", unread + "unexpected EOF", whole[:len(whole)/2]},
		{"nothing but the header", unread + "EOF", whole[:bytes.IndexByte(whole, '\n')+1]},
		{"one bit of the checksum", unread + "gzip: invalid checksum", flip(-8)},
		{"one bit of the length", unread + "gzip: invalid checksum", flip(-1)},
		{"something behind it", unread + "gzip: invalid header", append(bytes.Clone(whole), "more than nothing"...)},
		{"of an older exporter", "it has format 1, this version of the exporter reads 2", []byte("intranet_exporter KPI record, format 1, crc32 99914b93\n{}")},
		{"of a newer exporter", "it has format 3, this version of the exporter reads 2", sealed(t, 3, content(t, fine))},
		{"other content", unread + "unexpected EOF", sealed(t, version, []byte("{}"))},
		{"from nowhere", order, with(func(b *bucket) { b.From, b.To = 0, 0 })},
		{"backwards", order, with(func(b *bucket) { b.To = b.From - 1 })},
		{"over a day", order, with(func(b *bucket) { b.To = b.From + 15*perHour })},
		{"gap longer than all of it", order, with(func(b *bucket) { b.Gap = 1801 })},
		{"gap of less than nothing", order, with(func(b *bucket) { b.Gap = -1 })},
		{"extremes exchanged", order, with(func(b *bucket) { b.Last = span{Min: 3, Max: 2} })},
		{"last below all", order, with(func(b *bucket) { b.Last.Min = 0 })},
		{"last above all", order, with(func(b *bucket) { b.Last.Max = 5 })},
		{"value below the last", order, with(func(b *bucket) { b.Value = 1 })},
		{"value above the last", order, with(func(b *bucket) { b.Value = 4 })},
		{"twice the same hour", order, sealed(t, version, content(t, fine, fine))},
		{"fine", "", sealed(t, version, content(t, fine))},
	} {
		for _, file := range []string{newestFile, pastFile} {
			t.Run(tt.name+" in "+file, func(t *testing.T) {
				dir, path := openDir(t)
				other := map[string]string{newestFile: pastFile, pastFile: newestFile}[file]
				for name, data := range map[string][]byte{file: tt.data, other: sealed(t, version, nil)} {
					if err := os.WriteFile(filepath.Join(path, name), data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				e, warning, err := Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				if tt.want == "" {
					if warning != "" || len(e.records) != 1 {
						t.Errorf("warning %q, records %v", warning, e.records)
					}
					return
				}
				want := file + ": " + tt.want + "; set aside as kpi.past.unusable and kpi.state.unusable, and the record of KPI values starts anew, so that thresholds are crossed later than they would have been"
				if warning != want {
					t.Errorf("warning:\n got %s\nwant %s", warning, want)
				}
				if len(e.records) != 0 {
					t.Errorf("half loaded: %v", e.records)
				}
				if aside, err := os.ReadFile(filepath.Join(path, file+".unusable")); err != nil || !bytes.Equal(aside, tt.data) {
					t.Errorf("set aside: %q, %v", aside, err)
				}
				e.Configure(nil)
				e.Update(t0, nil) // works on
			})
		}
	}
}

// One file without the other is as bad as none: what is missing may have been the good values.
func TestOpenHalf(t *testing.T) {
	for _, tt := range []struct{ there, missing string }{{newestFile, pastFile}, {pastFile, newestFile}} {
		dir, path := openDir(t)
		if err := os.WriteFile(filepath.Join(path, tt.there), sample(t), 0o600); err != nil {
			t.Fatal(err)
		}
		e, warning, err := Open(dir)
		want := tt.missing + ": it is missing; set aside as " + tt.there + ".unusable, and the record of KPI values starts anew, so that thresholds are crossed later than they would have been"
		if err != nil || warning != want || len(e.records) != 0 {
			t.Errorf("warning %q, error %v, records %v", warning, err, e.records)
		}
	}
}

// Before anything was recorded nothing can be missing.
func TestACrashInTheFirstSave(t *testing.T) {
	dir, path := openDir(t)
	e := open(t, dir, weekly(nil))
	e.Update(t0, wiki(value(created, 1, t0)))
	if err := errors.Join(e.Save(), os.Remove(filepath.Join(path, newestFile))); err != nil {
		t.Fatal(err)
	}
	if _, warning, err := Open(dir); warning != "" || err != nil {
		t.Errorf("warning %q, error %v", warning, err)
	}
}

// A bit that has no meaning, such as the name of the system in the header of gzip, may be another.
func TestADamagedRecordIsNeverHalfUsed(t *testing.T) {
	good, want := sample(t), map[string]*record{}
	if err := decode(good, want); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		for bit := range 8 {
			bad[i] = good[i] ^ 1<<bit
			records := map[string]*record{}
			if err := decode(bad, records); err == nil && !cmp.Equal(want, records) {
				t.Fatalf("bit %d of byte %d was changed, and it was taken for %q", bit, i, bad[i])
			}
		}
		if err := decode(good[:i], map[string]*record{}); err == nil {
			t.Fatalf("cut at byte %d: not noticed", i)
		}
	}
}

// What can't be read at all is not set aside: somebody has to look.
func TestOpenUnreadable(t *testing.T) {
	for _, file := range []string{newestFile, pastFile} {
		dir, path := openDir(t)
		if err := os.Mkdir(filepath.Join(path, file), 0o700); err != nil {
			t.Fatal(err)
		}
		if e, warning, err := Open(dir); err == nil || e != nil || warning != "" {
			t.Errorf("%s: engine %v, warning %q, error %v", file, e, warning, err)
		}
	}
}

// Whatever a crash leaves of a Save at midnight, all that was saved before is there, and nothing is there twice.
func TestCrashAtMidnight(t *testing.T) {
	dir, path := openDir(t)
	e := open(t, dir, weekly(nil))
	read := func(file string) []byte {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(path, file))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var before map[string][]byte
	var then map[string]*record
	for n := range 49 {
		if n == 48 {
			before = map[string][]byte{pastFile: read(pastFile), newestFile: read(newestFile)}
			then = reread(t, e.records)
		}
		at := t0.Truncate(day).Add(time.Duration(n) * time.Hour)
		e.Update(at, wiki(value(created, float64(n), at)))
		if err := e.Save(); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name         string
		past, newest []byte
		want         map[string]*record
	}{
		{"none is written", before[pastFile], before[newestFile], then},
		{"one is written", read(pastFile), before[newestFile], then},
		{"both are written", read(pastFile), read(newestFile), e.records},
	} {
		got := map[string]*record{}
		for _, data := range [][]byte{tt.past, tt.newest} {
			if err := decode(data, got); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// FuzzDecode feeds content under a right header, and as a whole file.
func FuzzDecode(f *testing.F) {
	whole := sample(f)
	f.Add(whole)
	f.Add(content(f, bucket{From: 90000, To: 90000}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, in := range [][]byte{data, sealed(t, version, data)} {
			records := map[string]*record{}
			if decode(in, records) != nil {
				continue
			}
			for _, r := range records { // whatever is accepted can be worked with
				r.add(t0.Unix(), 1, false)
				r.points(0)
				r.cut(t0.Unix())
				limits(r, weekly(drop(0.3, 7*day, 0)), day)
			}
			if again := reread(t, records); len(again) > len(records) {
				t.Fatal("not read again")
			}
		}
	})
}
