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
