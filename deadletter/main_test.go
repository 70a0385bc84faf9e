package deadletter_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type Charge struct {
	mediator.Returns[Receipt]
	Cents int
}

type Receipt struct{ ID int }

type OrderPaid struct{ Receipt int }

type Rates struct {
	mediator.Yields[int]
	Currency string
}

var errDeclined = errors.New("declined")

func newMediator(t testing.TB, opts ...mediator.Option) *mediator.Mediator {
	t.Helper()
	m, err := mediator.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close(context.WithoutCancel(t.Context()))) })
	return m
}

// letters returns all letters of s.
func letters(t testing.TB, s deadletter.Store) (all []deadletter.Letter) {
	t.Helper()
	for l, err := range deadletter.All(t.Context(), s, deadletter.Filter{}) {
		require.NoError(t, err)
		all = append(all, l)
	}
	return all
}

// theLetter returns the only letter of s.
func theLetter(t testing.TB, s deadletter.Store) deadletter.Letter {
	t.Helper()
	all := letters(t, s)
	require.Len(t, all, 1)
	return all[0]
}

// switched is a handler that fails until it is mended, and counts.
type switched struct {
	mu    sync.Mutex
	err   error
	calls int
}

func (s *switched) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *switched) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return s.err
}

func (s *switched) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *switched) charge(context.Context, Charge) (Receipt, error) { return Receipt{ID: 1}, s.run() }
func (s *switched) paid(context.Context, OrderPaid) error           { return s.run() }

// broken is a store whose calls fail as the functions say that are set.
type broken struct {
	deadletter.Store
	put    func() error
	del    func() error
	list   func() error
	get    func() error
	puts   []deadletter.Letter
	putCtx func(context.Context)
}

func (b *broken) Put(ctx context.Context, l deadletter.Letter) error {
	b.puts = append(b.puts, l)
	if b.putCtx != nil {
		b.putCtx(ctx)
	}
	if b.put != nil {
		if err := b.put(); err != nil {
			return err
		}
	}
	return b.Store.Put(ctx, l)
}

func (b *broken) Delete(ctx context.Context, id string) error {
	if b.del != nil {
		if err := b.del(); err != nil {
			return err
		}
	}
	return b.Store.Delete(ctx, id)
}

func (b *broken) Get(ctx context.Context, id string) (deadletter.Letter, error) {
	if b.get != nil {
		if err := b.get(); err != nil {
			return deadletter.Letter{}, err
		}
	}
	return b.Store.Get(ctx, id)
}

func (b *broken) List(ctx context.Context, f deadletter.Filter, after string, limit int) ([]deadletter.Letter, string, error) {
	if b.list != nil {
		if err := b.list(); err != nil {
			return nil, "", err
		}
	}
	return b.Store.List(ctx, f, after, limit)
}
