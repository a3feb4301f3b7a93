package kpi

import (
	"bytes"
	"compress/gzip"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

// The record is kept in two files: each poll changes the newest day of it, and only midnight what came before.
// Both are one line of header with the format's version, and the records as gob, in gzip, which has the checksum.
const (
	newestFile = "kpi.state"
	pastFile   = "kpi.past"
	version    = 2
	header     = "intranet_exporter KPI record, format %d"
)

// An entry is what a file has of one record.
type entry struct {
	KPI     string
	Data    time.Time
	Buckets []bucket
}

// Open reads the record that an earlier process left in dir; none is fine, and so is one file with nothing in it, which
// is what a crash leaves of the first Save. If a file can't be used both are
// renamed, the record starts anew, and the warning says so.
func Open(dir *storage.Dir) (e *Engine, warning string, err error) {
	e = &Engine{dir: dir, records: map[string]*record{}}
	var unusable error
	var there, missing []string
	for _, file := range []string{pastFile, newestFile} { // in the order of time
		var data []byte
		err := dir.Read(file, func(r io.Reader) (err error) {
			data, err = io.ReadAll(r)
			return err
		})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, file)
		case err != nil:
			return nil, "", err
		default:
			there = append(there, file)
			if err := decode(data, e.records); err != nil {
				unusable = fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	if unusable == nil && len(e.records) > 0 && len(missing) > 0 {
		unusable = fmt.Errorf("%s: it is missing", missing[0])
	}
	if unusable == nil {
		return e, "", nil
	}
	for i, file := range there {
		there[i] = dir.SetAside(file)
	}
	e.records = map[string]*record{}
	return e, fmt.Sprintf("%s; set aside as %s, and the record of KPI values starts anew, so that thresholds are crossed later than they would have been", unusable, strings.Join(there, " and ")), nil
}

// Save writes what has changed of the record. What is not saved is lost with the process, so save before
// anybody sees the states.
func (e *Engine) Save() error {
	// The past comes first: a crash between the two leaves a day in both, which reading puts right.
	if e.turned {
		if err := e.write(pastFile, func(r *record) []bucket { past, _ := r.split(); return past }); err != nil {
			return err
		}
		e.turned = false
	}
	if e.changed {
		if err := e.write(newestFile, func(r *record) []bucket { _, newest := r.split(); return newest }); err != nil {
			return err
		}
		e.changed = false
	}
	return nil
}

func (e *Engine) write(file string, part func(*record) []bucket) error {
	return e.dir.Replace(file, func(w io.Writer) error { return encode(w, e.records, part) })
}

func encode(w io.Writer, records map[string]*record, part func(*record) []bucket) error {
	if _, err := fmt.Fprintf(w, header+"\n", version); err != nil {
		return err
	}
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	out := gob.NewEncoder(zip)
	for _, id := range slices.Sorted(maps.Keys(records)) {
		r := records[id]
		if buckets := part(r); len(buckets) > 0 {
			if err := out.Encode(entry{KPI: id, Data: r.Data, Buckets: buckets}); err != nil {
				return err
			}
		}
	}
	return zip.Close()
}

// decode puts the content of a file behind what is in the records already. After an error they are half done.
func decode(data []byte, records map[string]*record) error {
	head, body, _ := bytes.Cut(data, []byte("\n"))
	var format int
	if _, err := fmt.Sscanf(string(head), header, &format); err != nil {
		return errors.New("it does not begin like a KPI record")
	}
	if format != version {
		return fmt.Errorf("it has format %d, this version of the exporter reads %d", format, version)
	}
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("its content can't be read: %w", err)
	}
	content, err := io.ReadAll(zip) // to the checksum, which gob might not ask for
	if err != nil {
		return fmt.Errorf("its content can't be read: %w", err)
	}
	in := gob.NewDecoder(bytes.NewReader(content))
	for {
		var e entry
		switch err := in.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("its content can't be read: %w", err)
		case !valid(e.Buckets):
			return errors.New("its content is out of order")
		}
		r := records[e.KPI]
		if r == nil {
			r = &record{}
			records[e.KPI] = r
		}
		after := r.end() // else the other file has it too
		r.Buckets = append(r.Buckets, slices.DeleteFunc(e.Buckets, func(b bucket) bool { return b.From <= after })...)
		r.Data = e.Data
	}
}

// valid tells whether add and age could have made the buckets.
func valid(buckets []bucket) bool {
	for i, b := range buckets {
		switch {
		case b.From <= 0, b.To < b.From, b.To/perDay != b.From/perDay, b.Gap < 0, b.Gap > b.To-b.From,
			b.Last.Min > b.Last.Max, b.Last.Min < b.All.Min, b.Last.Max > b.All.Max,
			b.Value < b.Last.Min, b.Value > b.Last.Max,
			i > 0 && b.From <= buckets[i-1].To:
			return false
		}
	}
	return true
}
