package tally

import "math/bits"

// A key is the pseudonym of an account: 64 bits of an HMAC-SHA256 with the installation's key. Among a
// million accounts the chance that any two share one is 3 in 100 million.
type key uint64

// A table numbers keys in the order in which they come: the row of a key in every column. It holds 13 to 21
// bytes a key, where a map of Go's would take up to 50; with a million accounts that is most of the memory.
type table struct {
	keys  []key
	slots []uint32 // 1 + row, at the first free place from the key's own on; 0 = free
}

// row returns the row of k, and makes it the last one where there is none.
func (t *table) row(k key) (row uint32, added bool) {
	if 4*len(t.keys) >= 3*len(t.slots) {
		t.grow(len(t.slots)*3/2 + 16)
	}
	slot := t.slot(k)
	if t.slots[slot] == 0 {
		t.keys = append(t.keys, k)
		t.slots[slot] = uint32(len(t.keys))
		added = true
	}
	return t.slots[slot] - 1, added
}

// slot returns where k is, or where it belongs. Keys are evenly spread as they are, and need no hash.
func (t *table) slot(k key) int {
	first, _ := bits.Mul64(uint64(k), uint64(len(t.slots)))
	for i := int(first); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		if row := t.slots[i]; row == 0 || t.keys[row-1] == k {
			return i
		}
	}
}

// grow makes n slots.
func (t *table) grow(n int) {
	t.slots = make([]uint32, n)
	for i, k := range t.keys {
		t.slots[t.slot(k)] = uint32(i + 1)
	}
}

// keep drops all rows but those that are kept, which move up.
func (t *table) keep(kept []bool) {
	t.keys = keep(t.keys, kept)
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
