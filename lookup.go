package mediator

import "math/bits"

// table finds a value by the type it has, in a few nanoseconds and without a
// lock: an open hash table that is built once, never changed, and sized so that
// no two of its entries share a slot. A slot is verified by the type assertion
// of whoever looks, so the hash only has to be good, never right.
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

// newTable returns nil for no entries; a nil table finds nothing.
func newTable(entries []entry) *table {
	if len(entries) == 0 {
		return nil
	}
	// An odd multiplier from the golden ratio (Knuth, TAOCP 6.4), then others
	// derived from it, and a larger table when none of them separates the
	// entries. At four slots an entry and more, few tries are needed.
	for size := bits.Len(uint(len(entries))) + 2; ; size++ {
		t := &table{mul: 0x9E3779B97F4A7C15, shift: uint8(64 - size)}
		for range 32 {
			t.slots = make([]any, 1<<size)
			if t.place(entries) {
				return t
			}
			t.mul = t.mul*0xD1342543DE82EF95 | 1
		}
	}
}

func (t *table) place(entries []entry) bool {
	for _, e := range entries {
		slot := &t.slots[e.hash*t.mul>>t.shift]
		if *slot != nil {
			return false
		}
		*slot = e.value
	}
	return true
}

// find returns t's value of type *E.
func find[E any](t *table) (*E, bool) {
	if t == nil {
		return nil, false
	}
	e, ok := t.slots[typeHash[*E]()*t.mul>>(t.shift&63)].(*E)
	return e, ok
}
