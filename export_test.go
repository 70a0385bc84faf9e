package mediator

type sample struct {
	entry entry
	found func(*table) bool
}

func among[E any]() sample {
	e := new(E)
	return sample{
		entry{hash: typeHash[*E](), value: e},
		func(t *table) bool {
			got, ok := probe[E](t)
			if direct, inSlot := find[E](t); inSlot && direct != got {
				return false
			}
			return ok && got == e
		},
	}
}

func samples() []sample {
	return []sample{
		among[[1]int](), among[[2]int](), among[[3]int](), among[[4]int](), among[[5]int](), among[[6]int](),
		among[[7]int](), among[[8]int](), among[[9]int](), among[[10]int](), among[[11]int](), among[[12]int](),
		among[string](), among[struct{ A int }](), among[map[string]int](), among[func()](), among[error](), among[*int](),
	}
}

// FindAmong puts n types into a table and tells whether exactly those are found.
func FindAmong(n int) bool {
	var before *table
	return exactly(n, func(entries []entry) *table {
		before = newTable(entries, before)
		return newTable(entries, before)
	})
}

// FindAmongCollisions is FindAmong with a table in which nothing is in its own
// slot but what happens to be.
func FindAmongCollisions(n int) bool {
	return exactly(n, func(entries []entry) *table {
		t := &table{slots: make([]any, 32), mul: 0, shift: 59} // everything hashes to slot 0
		t.place(entries)
		return t
	})
}

func exactly(n int, build func([]entry) *table) bool {
	all := samples()
	var entries []entry
	for _, a := range all[:n] {
		entries = append(entries, a.entry)
	}
	t := build(entries)
	for i, a := range all {
		if a.found(t) != (i < n) {
			return false
		}
	}
	return true
}

// TypeHashDiffers tells whether typeHash tells types apart and is stable.
func TypeHashDiffers() bool {
	first, again := typeHash[*int](), typeHash[*int]()
	return first == again && first != typeHash[*string]() && first != 0
}
