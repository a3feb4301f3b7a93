package tally

import (
	"math/bits"
	"slices"
)

// A key is the pseudonym of an account: 64 bits of an HMAC-SHA256 with the installation's key. Among a
// million accounts the chance that any two share one is 3 in 100 million.
type key uint64

// A table numbers keys in the order in which they come: the row of a key in every column. It holds 13 to 21
// bytes a key, where a map of Go's would take up to 50; with a million accounts that is most of the memory.
type table struct {
	keys   []key
	places []place // each row's is the first free one from the key's own on
}

// A place holds a row in 28 bits, and four bits of its key above them, which spare most looks at keys of others:
// with a million accounts each is a trip to memory.
type place uint32

const rowBits = 28

func newPlace(row uint32, k key) place { return place(row+1) | place(k)<<rowBits }

func (p place) isFree() bool       { return p == 0 }
func (p place) row() uint32        { return uint32(p&(1<<rowBits-1)) - 1 }
func (p place) mayBeOf(k key) bool { return p>>rowBits == place(k)<<rowBits>>rowBits }

// row returns the row of k, and makes it the last one where there is none.
func (t *table) row(k key) (row uint32, added bool) {
	if 4*len(t.keys) >= 3*len(t.places) {
		t.grow(len(t.places)*3/2 + 16)
	}
	at := t.place(k)
	if t.places[at].isFree() {
		t.places[at] = newPlace(uint32(len(t.keys)), k)
		t.keys = append(t.keys, k)
		added = true
	}
	return t.places[at].row(), added
}

// place returns the index of the place where k is, or where it belongs. Keys are evenly spread as they are, and
// need no hash.
func (t *table) place(k key) int {
	first, _ := bits.Mul64(uint64(k), uint64(len(t.places)))
	for i := int(first); ; i++ {
		if i == len(t.places) {
			i = 0
		}
		if p := t.places[i]; p.isFree() || p.mayBeOf(k) && t.keys[p.row()] == k {
			return i
		}
	}
}

// grow makes n places.
func (t *table) grow(n int) {
	t.places = make([]place, n)
	for row, k := range t.keys {
		t.places[t.place(k)] = newPlace(uint32(row), k)
	}
}

// keep drops all rows but those that are kept, which move up.
func (t *table) keep(kept []bool) {
	t.keys = keep(slices.Clone(t.keys), kept) // see adopt
	t.grow(len(t.keys)*3/2 + 16)
}

// keep drops all rows of a column but those that are kept.
func keep[T any](column []T, kept []bool) []T {
	n := 0
	for i, v := range column {
		if kept[i] {
			column[n] = v
			n++
		}
	}
	return column[:n]
}
