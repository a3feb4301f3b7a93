package kpi

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sealed is a file with the right header for its content.
func sealed(format int, body string) []byte {
	return append(fmt.Appendf(nil, header, format, crc32.ChecksumIEEE([]byte(body))), body...)
}

// sample is a file as the exporter writes it.
func sample(t testing.TB) []byte {
	t.Helper()
	e, _, _ := Open(nil)
	k := ratio(nil)
	other := weekly(nil)
	e.kpis = append(e.kpis, k, other)
	for _, m := range []time.Duration{0, 30, 59, 60, 200} {
		at := t0.Add(m * time.Minute)
		e.Update(at, wiki(value(active, float64(m), at), value(accounts, 49+float64(m), t0), value(created, 7, at)))
	}
	data, err := encode(e.records)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpenUnusable(t *testing.T) {
	const bucket = `{"from":"2026-11-02T09:00:00Z","to":"2026-11-02T09:30:00Z","all":{"min":1,"max":4},"last":{"min":2,"max":3}}`
	record := func(buckets string) []byte {
		return sealed(version, `{"k":{"data":"2026-11-02T09:30:00Z","buckets":[`+buckets+`]}}`)
	}
	edit := func(from, to string) []byte {
		return record(string(bytes.Replace([]byte(bucket), []byte(from), []byte(to), 1)))
	}
	whole := sample(t)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-9] ^= 1
	const noRecord, order = "it does not begin like a KPI record", "its content is out of order"
	for _, tt := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", noRecord, nil},
		{"something else", noRecord, []byte("{}\n")},
		{"header cut", noRecord, whole[:20]},
		{"cut", "its checksum is wrong", whole[:len(whole)-1]},
		{"nothing but the header", "its checksum is wrong", whole[:bytes.IndexByte(whole, '\n')+1]},
		{"one bit", "its checksum is wrong", flipped},
		{"of a newer exporter", "it has format 2, this version of the exporter reads 1", sealed(2, `{}`)},
		{"no JSON", "its content can't be read: unexpected end of JSON input", sealed(version, `{`)},
		{"null", "its content is missing", sealed(version, `null`)},
		{"null record", order, sealed(version, `{"k":null}`)},
		{"backwards", order, edit("09:30", "08:30")},
		{"over an hour", order, edit("09:30", "10:00")},
		{"extremes exchanged", order, edit(`"min":2`, `"min":4`)},
		{"last below all", order, edit(`"min":2`, `"min":0`)},
		{"last above all", order, edit(`"max":3`, `"max":5`)},
		{"twice the same hour", order, record(bucket + "," + bucket)},
		{"fine", "", record(bucket)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, path := openDir(t)
			if err := os.WriteFile(filepath.Join(path, file), tt.data, 0o600); err != nil {
				t.Fatal(err)
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
			want := "kpi.state: " + tt.want + "; it is kpi.state.unusable now, and the record of KPI values starts anew, so that thresholds are crossed later than they would have been"
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

func TestADamagedRecordIsNeverHalfUsed(t *testing.T) {
	good := sample(t)
	for i := range good {
		bad := bytes.Clone(good)
		for bit := range 8 {
			bad[i] = good[i] ^ 1<<bit
			if records, err := decode(bad); err == nil || records != nil {
				t.Fatalf("bit %d of byte %d was changed, and it was taken for %q", bit, i, bad[i])
			}
		}
		if records, err := decode(good[:i]); err == nil || records != nil {
			t.Fatalf("cut at byte %d: not noticed", i)
		}
	}
	if records, err := decode(append(good, ' ')); err == nil || records != nil {
		t.Error("more than the whole: not noticed")
	}
}

// What can't be read at all is not set aside: somebody has to look.
func TestOpenUnreadable(t *testing.T) {
	dir, path := openDir(t)
	if err := os.Mkdir(filepath.Join(path, file), 0o700); err != nil {
		t.Fatal(err)
	}
	if e, warning, err := Open(dir); err == nil || e != nil || warning != "" {
		t.Errorf("engine %v, warning %q, error %v", e, warning, err)
	}
}

// FuzzDecode feeds content under a right header, and as a whole file.
func FuzzDecode(f *testing.F) {
	whole := sample(f)
	f.Add(whole)
	f.Add(whole[bytes.IndexByte(whole, '\n')+1:])
	f.Add([]byte(`{"k":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, in := range [][]byte{data, sealed(version, string(data))} {
			records, err := decode(in)
			if (records == nil) != (err != nil) {
				t.Fatalf("records %v, error %v", records, err)
			}
			if err != nil {
				continue
			}
			for _, r := range records { // whatever is accepted can be worked with
				r.add(t0, 1, false)
				r.start(func(s span) bool { return s.below(2) }, time.Hour)
			}
			out, err := encode(records)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := decode(out); err != nil || len(again) != len(records) {
				t.Fatalf("not read again: %v", err)
			}
		}
	})
}
