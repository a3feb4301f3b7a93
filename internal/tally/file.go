package tally

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// The file of a platform's facts: a magic line with the version, progress as JSON, the counters, the rows of
// accounts, and a checksum over all of it. Numbers are little-endian. Rows are written as they lie in memory,
// column by column, so that a million accounts stream through a small buffer.
const (
	magic    = "intranet_exporter tally "
	version  = 3
	maxJSON  = 1 << 24
	maxRows  = 1<<rowBits - 1
	maxSlots = 1 << 20
	chunk    = 1 << 16 // bytes
)

var (
	errDamaged = errors.New("the file is damaged")
	errVersion = errors.New("another version of intranet_exporter wrote it")
	errKey     = errors.New("it was written with another key, or for another platform")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// encode writes f.
func (f *facts) encode(out io.Writer) error {
	sum := crc32.New(castagnoli)
	e := encoder{w: io.MultiWriter(out, sum)}
	e.write([]byte(magic))
	e.uint(version, 4)
	progress, err := json.Marshal(f.progress)
	if err != nil {
		return fmt.Errorf("encode progress: %w", err)
	}
	e.uint(uint64(len(progress)), 4)
	e.write(progress)

	e.uint(uint64(len(f.counts)), 1)
	for _, kind := range slices.Sorted(maps.Keys(f.counts)) {
		e.uint(uint64(len(kind)), 1)
		e.write([]byte(kind))
		e.uint(uint64(len(f.counts[kind])), 4)
		for _, at := range slices.Sorted(maps.Keys(f.counts[kind])) {
			e.uint(uint64(at), 8)
			e.uint(uint64(f.counts[kind][at]), 8)
		}
	}

	e.uint(uint64(len(f.keys)), 4)
	writeColumn(&e, f.keys, 8)
	writeColumn(&e, f.flags, 1)
	for _, column := range f.filled {
		writeColumn(&e, column, 1)
	}
	writeColumn(&e, f.who, 8)
	for _, column := range f.seen {
		writeColumn(&e, column, 4)
	}
	e.flush(0)
	if e.err != nil {
		return e.err
	}
	_, err = out.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// decode reads what encode wrote, all or nothing.
func decode(in io.Reader) (*facts, error) {
	sum := crc32.New(castagnoli)
	d := decoder{r: bufio.NewReaderSize(in, chunk), sum: sum}
	if string(d.bytes(len(magic))) != magic {
		return nil, d.failure()
	}
	switch v := d.uint(4); {
	case d.err != nil:
		return nil, d.failure()
	case v != version:
		return nil, errVersion
	}
	var p progress
	if raw := d.bytes(d.size(4, maxJSON)); d.err != nil || json.Unmarshal(raw, &p) != nil {
		return nil, d.failure()
	}
	f := newFacts("", "", p.Kinds)
	if p.Covered == nil || p.Numbers == nil {
		return nil, d.failure()
	}
	f.progress = p
	for range d.uint(1) {
		kind := measure.Kind(d.bytes(d.size(1, 1<<8)))
		for range d.size(4, maxSlots) {
			at, n := int64(d.uint(8)), int64(d.uint(8))
			if d.err != nil {
				return nil, d.failure()
			}
			count(f.counts, kind, at, n)
		}
	}
	rows := d.size(4, maxRows)
	f.keys = readColumn[key](&d, rows, 8)
	f.flags = readColumn[flag](&d, rows, 1)
	for range eights(f.Fields) {
		f.filled = append(f.filled, readColumn[uint8](&d, rows, 1))
	}
	if f.Joined {
		f.who = readColumn[key](&d, rows, 8)
	}
	for kind := range f.seen {
		f.seen[kind] = readColumn[second](&d, rows, 4)
	}
	want := sum.Sum32()
	if got := d.uint(4); d.err != nil || got != uint64(want) {
		return nil, d.failure()
	}
	if _, err := d.r.ReadByte(); err != io.EOF {
		return nil, d.failure()
	}
	f.grow(len(f.keys)*3/2 + 16)
	for i, k := range f.keys {
		if f.places[f.place(k)].row() != uint32(i) {
			return nil, errDamaged // a key stands twice
		}
	}
	return f, nil
}

// A cell is a number in a column.
type cell interface{ ~uint8 | ~uint32 | ~uint64 }

// writeColumn writes a column of cells of size bytes.
func writeColumn[T cell](e *encoder, column []T, size int) {
	for _, v := range column {
		e.uint(uint64(v), size)
		e.flush(chunk)
	}
}

// readColumn reads a column of n cells of size bytes. It grows as it is read: a file that is damaged
// may promise far more cells than it has.
func readColumn[T cell](d *decoder, n, size int) []T {
	var column []T
	buf := make([]byte, min(n*size, chunk))
	for len(column) < n && d.err == nil {
		buf = buf[:min(len(buf), (n-len(column))*size)]
		d.read(buf)
		for at := 0; at < len(buf); at += size {
			var v uint64
			for i, b := range buf[at : at+size] {
				v |= uint64(b) << (8 * i)
			}
			column = append(column, T(v))
		}
	}
	return column
}

// An encoder gathers small writes and keeps the first error.
type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

func (e *encoder) write(b []byte) { e.buf = append(e.buf, b...) }

// uint appends the lowest n bytes of v.
func (e *encoder) uint(v uint64, n int) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)[:len(e.buf)+n]
}

// flush hands on what has gathered once it is more than limit.
func (e *encoder) flush(limit int) {
	if len(e.buf) <= limit {
		return
	}
	if e.err == nil {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

// A decoder keeps the first error and returns zeros after it.
type decoder struct {
	r   *bufio.Reader
	sum io.Writer
	num [8]byte
	err error
}

// failure is why nothing can be decoded: reading failed, or what was read makes no sense.
func (d *decoder) failure() error {
	if d.err == nil || errors.Is(d.err, io.EOF) || errors.Is(d.err, io.ErrUnexpectedEOF) {
		return errDamaged
	}
	return d.err
}

// bytes reads n bytes.
func (d *decoder) bytes(n int) []byte {
	b := make([]byte, n)
	d.read(b)
	return b
}

func (d *decoder) read(b []byte) {
	if d.err == nil {
		_, d.err = io.ReadFull(d.r, b)
		_, _ = d.sum.Write(b)
	}
	if d.err != nil {
		clear(b)
	}
}

// uint reads a number of n bytes.
func (d *decoder) uint(n int) uint64 {
	clear(d.num[:])
	d.read(d.num[:n])
	return binary.LittleEndian.Uint64(d.num[:])
}

// size reads a length of n bytes that may be up to limit.
func (d *decoder) size(n, limit int) int {
	v := d.uint(n)
	if v > uint64(limit) {
		d.err = errDamaged
		return 0
	}
	return int(v)
}
