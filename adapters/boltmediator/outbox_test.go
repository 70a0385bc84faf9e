package boltmediator_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// pending returns all records of o, read in pieces.
func pending(t testing.TB, o *boltmediator.Outbox) (records []boltmediator.Record) {
	t.Helper()
	after := uint64(0)
	for n := o.Depth(); len(records) < n; {
		page, err := o.Next(t.Context(), after, 7)
		require.NoError(t, err)
		records = append(records, page...)
		after = page[len(page)-1].ID
	}
	return records
}

func TestAnOutboxIsFirstInFirstOut(t *testing.T) {
	path := file(t)
	s := open(t, path)
	o := s.Outbox("orders")
	require.Zero(t, o.Depth())
	var want []boltmediator.Record
	for n := range uint64(20) {
		data := binary.BigEndian.AppendUint64(nil, n)
		require.NoError(t, o.Append(t.Context(), data, nil))
		clear(data) // it was not kept
		want = append(want,
			boltmediator.Record{ID: 2*n + 1, Data: binary.BigEndian.AppendUint64(nil, n)},
			boltmediator.Record{ID: 2*n + 2, Data: []byte{}})
	}
	require.NoError(t, o.Append(t.Context()), "nothing")
	require.Equal(t, 40, o.Depth())
	require.Equal(t, want, pending(t, o))

	require.NoError(t, o.Ack(t.Context(), 13))
	require.NoError(t, o.Ack(t.Context(), 5), "again")
	require.Equal(t, 27, o.Depth())
	require.Equal(t, want[13:], pending(t, s.Outbox("orders")))
	two, err := o.Next(t.Context(), 30, 2)
	require.NoError(t, err)
	require.Equal(t, want[30:32], two)
	gone, err := o.Next(t.Context(), 3, 1)
	require.NoError(t, err)
	require.Equal(t, want[13:14], gone, "what follows is no longer there")
	require.NoError(t, s.Close())

	s = open(t, path)
	o = s.Outbox("orders")
	require.Equal(t, want[13:], pending(t, o))
	require.NoError(t, o.Ack(t.Context(), 40))
	require.Zero(t, o.Depth())
	require.NoError(t, s.Close())

	s = open(t, path)
	o = s.Outbox("orders")
	require.Zero(t, o.Depth())
	require.NoError(t, o.Append(t.Context(), []byte("x")))
	require.EqualValues(t, 41, pending(t, o)[0].ID, "no ID is given twice")
	require.NoError(t, s.Close())

	s = open(t, path, boltmediator.ReadOnly())
	o = s.Outbox("orders")
	require.Len(t, pending(t, o), 1)
	require.ErrorIs(t, o.Append(t.Context(), nil), boltmediator.ErrReadOnly)
	require.ErrorIs(t, o.Ack(t.Context(), 41), boltmediator.ErrReadOnly)
}

func TestOutboxesAndLettersDoNotMeet(t *testing.T) {
	path := file(t)
	s := open(t, path)
	a, b := s.Outbox("a"), s.Outbox("b")
	require.NoError(t, a.Append(t.Context(), []byte("1"), []byte("2")))
	require.NoError(t, b.Append(t.Context(), []byte("3")))
	require.NoError(t, s.Put(t.Context(), letter(1, 10)))
	require.NoError(t, a.Ack(t.Context(), 1))
	for range 2 {
		require.Equal(t, []boltmediator.Record{{ID: 2, Data: []byte("2")}}, pending(t, a))
		require.Equal(t, []boltmediator.Record{{ID: 1, Data: []byte("3")}}, pending(t, b))
		require.Len(t, all(t, s), 1)
		require.NoError(t, s.Close())
		s = open(t, path)
		a, b = s.Outbox("a"), s.Outbox("b")
	}
}

func TestStoreWithAnOutboxIsADeadLetterStore(t *testing.T) {
	mediatortest.DeadLetters(t, func(t testing.TB) deadletter.Store {
		s := open(t, file(t))
		o := s.Outbox("orders")
		require.NoError(t, o.Append(t.Context(), []byte("1"), []byte("2")))
		require.NoError(t, o.Ack(t.Context(), 1))
		t.Cleanup(func() { // before the store is closed
			require.Equal(t, 1, o.Depth())
		})
		return s
	})
}

func TestAFullOutboxRefusesAndTakesAgain(t *testing.T) {
	s := open(t, file(t))
	o := s.Outbox("orders", boltmediator.MaxDepth(3, 1000))
	require.NoError(t, o.Append(t.Context(), []byte("1"), []byte("2")))
	err := o.Append(t.Context(), []byte("3"), []byte("4"))
	require.ErrorIs(t, err, boltmediator.ErrFull)
	require.EqualError(t, err, `boltmediator: append to outbox "orders": outbox is full: it has 2 records of 12 bytes`)
	require.Equal(t, 2, o.Depth(), "none of them")
	require.NoError(t, o.Append(t.Context(), []byte("3")))
	require.ErrorIs(t, o.Append(t.Context(), nil), boltmediator.ErrFull)
	require.NoError(t, o.Ack(t.Context(), 2))
	require.ErrorIs(t, o.Append(t.Context(), make([]byte, 990)), boltmediator.ErrFull)
	require.NoError(t, o.Append(t.Context(), make([]byte, 980)))
	require.ErrorIs(t, o.Append(t.Context(), make([]byte, 1000)), deadletter.ErrTooLarge)
	require.ErrorIs(t, o.Append(t.Context(), nil, nil, nil, nil), deadletter.ErrTooLarge)
	require.NoError(t, s.Outbox("orders").Append(t.Context(), make([]byte, 1000)), "another limit")
}

// Those that find it full do not hold up those that do not, and together they
// fill it to the brim and not beyond.
func TestAnOutboxIsFilledToTheBrimByManyAtOnce(t *testing.T) {
	s := open(t, file(t))
	o := s.Outbox("orders", boltmediator.MaxDepth(100, 1<<20))
	var mu sync.Mutex
	refused := 0
	var wg sync.WaitGroup
	for range 130 {
		wg.Go(func() {
			if err := o.Append(context.Background(), []byte("x")); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if refused++; !errors.Is(err, boltmediator.ErrFull) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 30, refused)
	require.Len(t, pending(t, o), 100)
}

// One transaction has not room for all that wait: none of them is forgotten.
func TestMoreCallersThanATransactionHas(t *testing.T) {
	const callers = 3000
	s := open(t, file(t))
	o := s.Outbox("orders")
	holding, release := make(chan struct{}), make(chan struct{})
	var all, begun sync.WaitGroup
	all.Go(func() {
		if err := s.Behind(func(*bbolt.Tx) error { close(holding); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-holding
	begun.Add(callers)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range callers {
		all.Go(func() {
			begun.Done()
			if err := o.Append(ctx, []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	close(release)
	all.Wait()
	require.Equal(t, callers, o.Depth())
}

func TestNextWaitsForARecord(t *testing.T) {
	s := open(t, file(t))
	o := s.Outbox("orders")
	const records = 200
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := range records {
			if err := o.Append(context.Background(), fmt.Append(nil, n)); err != nil {
				t.Error(err)
			}
		}
	})
	after := uint64(0)
	for after < records {
		page, err := o.Next(t.Context(), after, 0)
		require.NoError(t, err)
		for _, r := range page {
			require.Equal(t, fmt.Sprint(after), string(r.Data))
			after++
			require.Equal(t, after, r.ID)
		}
		require.NoError(t, o.Ack(t.Context(), after))
	}
	wg.Wait()
	require.Zero(t, o.Depth())
}

func TestNextEndsWithItsContextAndTheStore(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := boltmediator.Open(path)
		require.NoError(t, err)
		o := s.Outbox("orders")
		require.NoError(t, o.Append(t.Context(), []byte("x")))
		ctx, cancel := context.WithCancelCause(t.Context())
		errs := make(chan error)
		next := func(ctx context.Context) {
			_, err := o.Next(ctx, 1, 1)
			errs <- err
		}
		go next(ctx)
		synctest.Wait()
		cancel(errDeclined)
		err = <-errs
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errDeclined)

		go next(t.Context())
		synctest.Wait()
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-errs, boltmediator.ErrClosed)
		require.ErrorIs(t, o.Append(t.Context(), nil), boltmediator.ErrClosed)
		require.ErrorIs(t, o.Ack(t.Context(), 1), boltmediator.ErrClosed)
		_, err = o.Next(t.Context(), 0, 1)
		require.ErrorIs(t, err, boltmediator.ErrClosed)
	})
}

func TestOneNextReturnsNotTooMuch(t *testing.T) {
	s := open(t, file(t))
	o := s.Outbox("orders")
	big := make([]byte, 400<<10)
	require.NoError(t, o.Append(t.Context(), big, big, big, big, make([]byte, 3<<20)))
	page, err := o.Next(t.Context(), 0, 0)
	require.NoError(t, err)
	require.Len(t, page, 3)
	page, err = o.Next(t.Context(), 4, 0)
	require.NoError(t, err)
	require.Len(t, page, 1, "at least one")
}

func TestARecordThatNeverWasIsAClearError(t *testing.T) {
	s := open(t, file(t))
	o := s.Outbox("orders")
	require.NoError(t, o.Append(t.Context(), []byte("x")))
	_, err := o.Next(t.Context(), 2, 1)
	require.ErrorIs(t, err, boltmediator.ErrNoRecord)
	err = o.Ack(t.Context(), 2)
	require.ErrorIs(t, err, boltmediator.ErrNoRecord)
	require.EqualError(t, err, `boltmediator: acknowledge in outbox "orders": record was never appended: 2, the last is 1`)
	require.Equal(t, 1, o.Depth())
}

func TestWhatIsNoOutbox(t *testing.T) {
	s := open(t, file(t))
	require.PanicsWithValue(t, "boltmediator: Outbox: a name of 0 bytes: it has to have 1 to 255", func() { s.Outbox("") })
	require.Panics(t, func() { s.Outbox(strings.Repeat("x", 256)) })
	require.Panics(t, func() { s.Outbox("x", nil) })
	require.PanicsWithValue(t, "boltmediator: MaxDepth(0, 1): both have to be positive", func() { boltmediator.MaxDepth(0, 1) })
	require.Panics(t, func() { boltmediator.MaxDepth(1, 0) })
}
