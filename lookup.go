package mediator

import "math/bits"

// table finds a value by the type it has, in a few nanoseconds and without a
// lock. It is built once and never changed. A slot is verified by the type
// assertion of whoever looks, so the hash only has to be good, never right.
type table struct {
	mul uint64
	// home is what find looks at: one slot a hash and no search. Its size is a
	// constant, so that the look loads neither a pointer nor a length, and needs no
	// bounds check.
	home [homes]any
	// slots hold all values, those too whose place in home is taken: an open hash
	// table with linear probing.
	slots []any
	shift uint8
}

const (
	homes     = 1 << homeBits
	homeBits  = 9
	homeShift = 64 - homeBits
)

// entry is a value for a table and the hash of its type, see typeHash.
type entry struct {
	hash  uint64
	value any
}

// newTable returns nil for no entries; a nil table finds nothing. Of a few
// multipliers it takes the one that leaves the fewest entries without a home, that of
// the table before first.
func newTable(entries []entry, before *table) *table {
	if len(entries) == 0 {
		return nil
	}
	size := bits.Len(uint(len(entries))) + 2
	t := &table{slots: make([]any, 1<<size), shift: uint8(64 - size)}
	// From the golden ratio (Knuth, TAOCP 6.4), and on by a linear congruence.
	mul, fewest := uint64(0x9E3779B97F4A7C15), len(entries)
	if before != nil {
		t.mul, fewest = before.mul, homeless(entries, before.mul)
	}
	for range 32 {
		if fewest == 0 {
			break
		}
		if n := homeless(entries, mul); n < fewest {
			t.mul, fewest = mul, n
		}
		mul = mul*0xD1342543DE82EF95 + 2
	}
	t.place(entries)
	return t
}

// homeless counts the entries whose home another one has.
func homeless(entries []entry, mul uint64) (n int) {
	var taken [homes]bool
	for _, e := range entries {
		home := &taken[e.hash*mul>>homeShift]
		if *home {
			n++
		}
		*home = true
	}
	return n
}

// place fills the slots.
func (t *table) place(entries []entry) {
	mask := len(t.slots) - 1
	for _, e := range entries {
		if home := &t.home[e.hash*t.mul>>homeShift]; *home == nil {
			*home = e.value
		}
		i := int(e.hash * t.mul >> t.shift)
		for t.slots[i] != nil {
			i = (i + 1) & mask
		}
		t.slots[i] = e.value
	}
}

// find returns t's value of type *E if it is in its home: the look that is
// inlined where it is used. What it does not find, probe may.
func find[E any](t *table) (*E, bool) {
	if t == nil {
		return nil, false
	}
	e, ok := t.home[typeHash[*E]()*t.mul>>homeShift].(*E)
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
