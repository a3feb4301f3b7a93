package collector

import "hash/maphash"

// A hashed set holds hashes of strings, as a million names would be held for nothing else. That any two of them
// have the same is less likely than one in ten million, and the seed is another one next time.
type hashed struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func newHashed() hashed { return hashed{maphash.MakeSeed(), map[uint64]struct{}{}} }

// add tells whether s is new.
func (h hashed) add(s string) bool {
	before := len(h.hashes)
	h.hashes[maphash.String(h.seed, s)] = struct{}{}
	return len(h.hashes) > before
}

func (h hashed) has(s string) bool {
	_, ok := h.hashes[maphash.String(h.seed, s)]
	return ok
}
