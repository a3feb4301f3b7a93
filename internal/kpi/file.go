package kpi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

// The file is one line of header, which has the format's version and a checksum of the rest, and the
// records as JSON.
const (
	file    = "kpi.state"
	version = 1
	header  = "intranet_exporter KPI record, format %d, crc32 %08x\n"
)

// Open reads the record that an earlier process left in dir; none is fine. A file that can't be used is
// renamed, the record starts anew, and the warning says so.
func Open(dir *storage.Dir) (e *Engine, warning string, err error) {
	e = &Engine{dir: dir, records: map[string]*record{}}
	var data []byte
	err = dir.Read(file, func(r io.Reader) (err error) {
		data, err = io.ReadAll(r)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return e, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	records, unusable := decode(data)
	if unusable != nil {
		aside, err := dir.SetAside(file)
		if err != nil {
			return nil, "", fmt.Errorf("set aside a file that can't be used: %w", err)
		}
		return e, fmt.Sprintf("%s: %s; it is %s now, and the record of KPI values starts anew, so that thresholds are crossed later than they would have been", file, unusable, aside), nil
	}
	e.records = records
	return e, "", nil
}

// Save writes the record if it has changed. What is not saved is lost with the process, so save before
// anybody sees the states.
func (e *Engine) Save() error {
	if !e.changed {
		return nil
	}
	data, err := encode(e.records)
	if err != nil {
		return fmt.Errorf("encode %s: %w", file, err)
	}
	if err := e.dir.Replace(file, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
		return err
	}
	e.changed = false
	return nil
}

func encode(records map[string]*record) ([]byte, error) {
	body, err := json.Marshal(records)
	if err != nil {
		return nil, err
	}
	return append([]byte(sealing(body)), body...), nil
}

// sealing is the header of a file with this content.
func sealing(body []byte) string { return fmt.Sprintf(header, version, crc32.ChecksumIEEE(body)) }

// decode returns all records or none.
func decode(data []byte) (map[string]*record, error) {
	head, body, _ := bytes.Cut(data, []byte("\n"))
	var format int
	var sum uint32
	if _, err := fmt.Sscanf(string(head)+"\n", header, &format, &sum); err != nil {
		return nil, errors.New("it does not begin like a KPI record")
	}
	if format != version {
		return nil, fmt.Errorf("it has format %d, this version of the exporter reads %d", format, version)
	}
	if string(head)+"\n" != sealing(body) {
		return nil, errors.New("its checksum is wrong")
	}
	records := map[string]*record{}
	if err := json.Unmarshal(body, &records); err != nil {
		return nil, fmt.Errorf("its content can't be read: %w", err)
	}
	for _, r := range records {
		if !r.valid() {
			return nil, errors.New("its content is out of order")
		}
	}
	if records == nil { // the content is null
		return nil, errors.New("its content is missing")
	}
	return records, nil
}

// valid tells whether add could have made the record.
func (r *record) valid() bool {
	if r == nil {
		return false
	}
	for i, b := range r.Buckets {
		switch {
		case b.To.Before(b.From), b.To.Sub(b.From) >= time.Hour,
			b.Last.Min > b.Last.Max, b.Last.Min < b.All.Min, b.Last.Max > b.All.Max,
			i > 0 && !b.From.After(r.Buckets[i-1].To):
			return false
		}
	}
	return true
}
