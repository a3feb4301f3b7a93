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
// one after the other, so that a million accounts stream through a small buffer.
const (
	magic    = "intranet_exporter tally "
	version  = 1
	maxJSON  = 1 << 24
	maxRows  = 1 << 28
	maxSlots = 1 << 20
)

var (
	errDamaged = errors.New("the file is damaged")
	errVersion = errors.New("a newer version of intranet_exporter wrote it")
	errKey     = errors.New("it was written with another key")
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
	for i, k := range f.keys {
		e.uint(uint64(k), 8)
		e.uint(uint64(f.flags[i]), 1)
		e.uint(f.filled[i], 8)
		for kind := range f.seen {
			e.uint(uint64(f.seen[kind][i]), 4)
		}
		e.flush(1 << 16)
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
	d := decoder{r: bufio.NewReaderSize(in, 1<<16), sum: sum}
	if string(d.bytes(len(magic))) != magic {
		return nil, d.failure()
	}
	switch v := d.uint(4); {
	case d.err != nil:
		return nil, d.failure()
	case v > version:
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
	row := make([]byte, 8+1+8+4*len(f.seen))
	for range d.size(4, maxRows) {
		if d.read(row); d.err != nil {
			return nil, d.failure()
		}
		i := f.account(key(binary.LittleEndian.Uint64(row)))
		f.flags[i], f.filled[i] = flag(row[8]), binary.LittleEndian.Uint64(row[9:])
		for kind := range f.seen {
			f.seen[kind][i] = second(binary.LittleEndian.Uint32(row[17+4*kind:]))
		}
	}
	want := sum.Sum32()
	if got := d.uint(4); d.err != nil || got != uint64(want) {
		return nil, d.failure()
	}
	if _, err := d.r.ReadByte(); err != io.EOF {
		return nil, d.failure()
	}
	return f, nil
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
