package mediator

// FindAmong puts n types into a table and tells whether exactly those are found.
func FindAmong(n int) bool {
	all := []struct {
		entry entry
		found func(*table) bool
	}{
		among[[1]int](), among[[2]int](), among[[3]int](), among[[4]int](), among[[5]int](), among[[6]int](),
		among[[7]int](), among[[8]int](), among[[9]int](), among[[10]int](), among[[11]int](), among[[12]int](),
		among[string](), among[struct{ A int }](), among[map[string]int](), among[func()](), among[error](), among[*int](),
	}
	var entries []entry
	for _, a := range all[:n] {
		entries = append(entries, a.entry)
	}
	t := newTable(entries)
	for i, a := range all {
		if a.found(t) != (i < n) {
			return false
		}
	}
	return true
}

func among[E any]() struct {
	entry entry
	found func(*table) bool
} {
	e := new(E)
	return struct {
		entry entry
		found func(*table) bool
	}{
		entry{hash: typeHash[*E](), value: e},
		func(t *table) bool { got, ok := find[E](t); return ok && got == e },
	}
}

// TypeHashDiffers tells whether typeHash tells types apart and is stable.
func TypeHashDiffers() bool {
	first, again := typeHash[*int](), typeHash[*int]()
	return first == again && first != typeHash[*string]() && first != 0
}

// FindAmongCollisions puts entries of one hash into a table, so that all but one
// are not in their own slot, and tells whether exactly those are found.
func FindAmongCollisions() bool {
	all := []struct {
		entry entry
		found func(*table) bool
	}{among[[1]int](), among[[2]int](), among[[3]int]()}
	t := &table{slots: make([]any, 4), mul: 1, shift: 62}
	for i := range all {
		all[i].entry.hash = 3 << 62 // the last slot: the probe goes on at the first
	}
	t.place([]entry{all[0].entry, all[1].entry})
	first, _ := t.slots[3].(*[1]int)
	second, found := probe[[2]int](t, 3)
	_, other := probe[[3]int](t, 3)
	return any(first) == all[0].entry.value && found && any(second) == all[1].entry.value && !other
}
