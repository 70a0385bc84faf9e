// Package closed remembers which orders are over, so that a message about one of
// them that comes once more does nothing.
package closed

import "strings"

// Set is the orders that are over. It holds those that are not: the numbers in an
// ID are given one after the other, so its size is that of the orders in progress,
// however many are over. The zero Set is empty. It is not safe for concurrent use.
type Set struct {
	runs map[string]*run
	odd  map[string]struct{} // IDs that are over and fit in no run
}

// run is the IDs with one beginning.
type run struct {
	next int64              // all from here on are open
	open map[int64]struct{} // below next
}

// mostAhead is how far a number may be ahead of those seen so far: there are never
// more orders in progress.
const mostAhead = 1 << 14

// Add notes that the order is over.
func (s *Set) Add(id string) {
	if r, n := s.find(id); r != nil {
		delete(r.open, n)
		return
	}
	if s.odd == nil {
		s.odd = map[string]struct{}{}
	}
	s.odd[id] = struct{}{}
}

// Has tells whether the order is over.
func (s *Set) Has(id string) bool {
	if _, ok := s.odd[id]; ok {
		return true
	}
	r, n := s.find(id)
	if r == nil {
		return false
	}
	_, open := r.open[n]
	return !open
}

// find returns the run of the ID, which knows all numbers up to that of the ID;
// nil if it has none.
func (s *Set) find(id string) (*run, int64) {
	begin, n, ok := Split(id)
	if !ok {
		return nil, 0
	}
	r := s.runs[begin]
	if r == nil {
		r = &run{next: 1, open: map[int64]struct{}{}}
	}
	if n > r.next+mostAhead {
		return nil, 0
	}
	for ; r.next <= n; r.next++ {
		r.open[r.next] = struct{}{}
	}
	if s.runs == nil {
		s.runs = map[string]*run{}
	}
	s.runs[begin] = r
	return r, n
}

// Split cuts the ID of an order into its beginning and the number at its end. It
// is not ok if there is none from 1 on.
func Split(id string) (begin string, n int64, ok bool) {
	begin = strings.TrimRight(id, "0123456789")
	digits := id[len(begin):]
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' {
		return id, 0, false
	}
	for _, d := range digits {
		n = n*10 + int64(d-'0')
	}
	return begin, n, true
}
