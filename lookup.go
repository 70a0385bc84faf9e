package mediator

import "math/bits"

// table finds a value by the type it has, in a few nanoseconds and without a
// lock: an open hash table with linear probing that is built once and never
// changed. A slot is verified by the type assertion of whoever looks, so the hash
// only has to be good, never right.
type table struct {
	slots []any
	mul   uint64
	shift uint8
}

// entry is a value for a table and the hash of its type, see typeHash.
type entry struct {
	hash  uint64
	value any
}

// newTable returns nil for no entries; a nil table finds nothing. With at least
// four slots an entry, one of a few multipliers mostly gives each entry its own
// slot; if none does, the one with the fewest collisions is taken.
func newTable(entries []entry) *table {
	if len(entries) == 0 {
		return nil
	}
	size := bits.Len(uint(len(entries))) + 2
	t := &table{slots: make([]any, 1<<size), shift: uint8(64 - size)}
	// From the golden ratio (Knuth, TAOCP 6.4), and on by a linear congruence.
	mul, best, fewest := uint64(0x9E3779B97F4A7C15), uint64(0), len(entries)
	for range 16 {
		t.mul = mul
		if n := t.place(entries); n < fewest {
			best, fewest = mul, n
		}
		if fewest == 0 {
			return t
		}
		mul = mul*0xD1342543DE82EF95 + 2
	}
	t.mul = best
	t.place(entries)
	return t
}

// place fills the slots anew and counts the entries that are not in their own.
func (t *table) place(entries []entry) (collisions int) {
	clear(t.slots)
	mask := len(t.slots) - 1
	for _, e := range entries {
		i := int(e.hash * t.mul >> t.shift)
		if t.slots[i] != nil {
			collisions++
		}
		for t.slots[i] != nil {
			i = (i + 1) & mask
		}
		t.slots[i] = e.value
	}
	return collisions
}

// find returns t's value of type *E if it is in its own slot: the look that is
// inlined where it is used. What it does not find, probe may.
func find[E any](t *table) (*E, bool) {
	if t == nil {
		return nil, false
	}
	e, ok := t.slots[typeHash[*E]()*t.mul>>(t.shift&63)].(*E)
	return e, ok
}

// probe returns t's value of type *E, wherever it is.
func probe[E any](t *table) (*E, bool) {
	if t == nil {
		return nil, false
	}
	mask := uint64(len(t.slots) - 1)
	for i := typeHash[*E]() * t.mul >> t.shift; t.slots[i] != nil; i = (i + 1) & mask {
		if e, ok := t.slots[i].(*E); ok {
			return e, true
		}
	}
	return nil, false
}
