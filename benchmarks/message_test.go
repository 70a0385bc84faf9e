package benchmarks_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// order is the message of every benchmark that is not a stream: four words, as a small real message has.
type order struct {
	SKU        string
	Qty, Price int
}

// receipt answers an order.
type receipt struct {
	SKU   string
	Total int
}

var errQty = errors.New("quantity must be positive")

// place is the work of every request handler.
func place(_ context.Context, o order) (receipt, error) {
	if o.Qty <= 0 {
		return receipt{}, errQty
	}
	return receipt{SKU: o.SKU, Total: o.Qty * o.Price}, nil
}

var (
	sample        = order{SKU: "kettle-2", Qty: 3, Price: 2499}
	sampleReceipt = receipt{SKU: "kettle-2", Total: 7497}
)

// probe counts what a contender really ran. Timed runs pass a nil probe, which costs every contender the same
// comparison.
type probe struct{ handled, behaved atomic.Int64 }

// handle counts a call of a handler.
func (p *probe) handle() {
	if p != nil {
		p.handled.Add(1)
	}
}

// behave counts a call of a behavior.
func (p *probe) behave() {
	if p != nil {
		p.behaved.Add(1)
	}
}

// tally is one subscriber: it keeps what it received, without a lock, since every contender calls one
// subscriber from one goroutine at a time.
type tally struct {
	calls, total int
	_            [6]int // a cache line of its own, for contenders that run subscribers on several cores
}

// on is the work of every subscriber.
func (t *tally) on(_ context.Context, o order) error {
	if o.Qty <= 0 {
		return errQty
	}
	t.calls++
	t.total += o.Qty * o.Price
	return nil
}

func tallies(n int) []*tally {
	ts := make([]*tally, n)
	for i := range ts {
		ts[i] = new(tally)
	}
	return ts
}

func requireTallies(tb testing.TB, ts []*tally, calls int) {
	tb.Helper()
	for i, t := range ts {
		require.Equal(tb, calls, t.calls, "calls of subscriber %d", i)
		require.Equal(tb, calls*sampleReceipt.Total, t.total, "total of subscriber %d", i)
	}
}

// tick is the item of every stream: four words.
type tick struct {
	Symbol     string
	Seq, Price int
}

// sum is what a consumer makes of a stream; a lost, doubled or damaged item changes it.
type sum struct{ items, seqs, prices int }

func (s *sum) add(t tick) {
	s.items++
	s.seqs += t.Seq
	s.prices += t.Price
}

func wantSum(n int) sum { return sum{items: n, seqs: n * (n - 1) / 2, prices: 5 * n} }

// ticks is the work of every stream's handler. It is not inlined, so that its sequence is called through a func
// value by every consumer, also by the baseline.
//
//go:noinline
func ticks(n int) iter.Seq2[tick, error] {
	return func(yield func(tick, error) bool) {
		for i := range n {
			if !yield(tick{Symbol: "ACME", Seq: i, Price: 5}, nil) {
				return
			}
		}
	}
}
