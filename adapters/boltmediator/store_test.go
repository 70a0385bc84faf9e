package boltmediator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
)

func TestStoreIsADeadLetterStore(t *testing.T) {
	mediatortest.DeadLetters(t, func(t testing.TB) deadletter.Store { return open(t, file(t)) })
}

func TestLettersOutliveTheStore(t *testing.T) {
	path := file(t)
	s := open(t, path)
	for n := range 300 {
		require.NoError(t, s.Put(t.Context(), letter(n, n*10)))
	}
	require.NoError(t, s.Delete(t.Context(), letter(7, 0).ID))
	require.NoError(t, s.Close())

	for _, opts := range [][]boltmediator.Option{nil, {boltmediator.ReadOnly()}} {
		s = open(t, path, opts...)
		letters := all(t, s)
		require.Len(t, letters, 299)
		require.Equal(t, letter(299, 2990), letters[298])
		n, err := s.Count(t.Context(), deadletter.Filter{})
		require.NoError(t, err)
		require.Equal(t, 299, n)
		require.NoError(t, s.Close())
	}
}

func TestRedriveFromAFile(t *testing.T) {
	path := file(t)
	s := open(t, path)
	type OrderPaid struct{ Receipt int }
	failing := true
	handled := 0
	wire := func(s deadletter.Store) *mediator.Mediator {
		return mediatortest.New(t, mediator.Use(deadletter.Behavior(s)), mediator.Subscribe(func(_ context.Context, o OrderPaid) error {
			if failing || o.Receipt == 3 {
				return errDeclined
			}
			handled++
			return nil
		}, mediator.Group("stock")))
	}
	m := wire(s)
	for i := range 6 {
		require.ErrorIs(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: i}), errDeclined)
	}
	require.NoError(t, s.Close())

	s = open(t, path)
	failing = false
	report, err := deadletter.Redrive(t.Context(), wire(s), s)
	require.NoError(t, err)
	require.Equal(t, "5 redriven, 1 failed, 0 skipped", report.String())
	require.Equal(t, 5, handled)
	left := all(t, s)
	require.Len(t, left, 1)
	require.Equal(t, 2, left[0].Attempts)
}

func TestCloseIsIdempotentAndFinal(t *testing.T) {
	s := open(t, file(t))
	require.NoError(t, s.Put(t.Context(), letter(1, 10)))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, getErr := s.Get(t.Context(), "x")
	_, _, listErr := s.List(t.Context(), deadletter.Filter{}, "", 0)
	_, countErr := s.Count(t.Context(), deadletter.Filter{})
	for _, err := range []error{s.Put(t.Context(), letter(2, 10)), s.Delete(t.Context(), "x"), getErr, listErr, countErr} {
		require.ErrorIs(t, err, boltmediator.ErrClosed)
	}
	require.EqualError(t, s.Put(t.Context(), letter(2, 10)), `boltmediator: put "letter-00000002": store is closed`)
}

// What Close finds waiting is stored or refused, never lost after a nil.
func TestCloseWhileLettersArePut(t *testing.T) {
	path := file(t)
	s := open(t, path)
	const callers = 16
	acknowledged := make([][]int, callers)
	var wg, begun sync.WaitGroup
	begun.Add(callers)
	for i := range callers {
		wg.Go(func() {
			defer func() {
				if acknowledged[i] == nil {
					begun.Done()
				}
			}()
			for n := i; ; n += callers {
				if err := s.Put(context.Background(), letter(n, 100)); err != nil {
					if !errors.Is(err, boltmediator.ErrClosed) {
						t.Error(err)
					}
					return
				}
				if acknowledged[i] = append(acknowledged[i], n); len(acknowledged[i]) == 1 {
					begun.Done()
				}
			}
		})
	}
	begun.Wait()
	require.NoError(t, s.Close())
	wg.Wait()
	s = open(t, path)
	for _, numbers := range acknowledged {
		require.NotEmpty(t, numbers)
		for _, n := range numbers {
			_, err := s.Get(t.Context(), letter(n, 0).ID)
			require.NoError(t, err)
		}
	}
}

func TestALockedFileIsAClearError(t *testing.T) {
	path := file(t)
	s := open(t, path)
	_, err := boltmediator.Open(path, boltmediator.LockTimeout(time.Millisecond))
	require.ErrorIs(t, err, boltmediator.ErrLocked)
	require.EqualError(t, err, "boltmediator: open "+path+": file is locked by another process, or opened twice, for more than 1ms")
	_, err = boltmediator.Open(path, boltmediator.LockTimeout(time.Millisecond), boltmediator.ReadOnly())
	require.ErrorIs(t, err, boltmediator.ErrLocked)
	require.NoError(t, s.Close())

	one, two := open(t, path, boltmediator.ReadOnly()), open(t, path, boltmediator.ReadOnly())
	require.ErrorIs(t, one.Put(t.Context(), letter(1, 1)), boltmediator.ErrReadOnly)
	require.ErrorIs(t, two.Delete(t.Context(), "x"), boltmediator.ErrReadOnly)
	require.NoError(t, one.Close())
	require.ErrorIs(t, one.Put(t.Context(), letter(1, 1)), boltmediator.ErrClosed)
}

func TestRetentionDropsTheOldestAndSaysSo(t *testing.T) {
	path := file(t)
	var dropped []string
	keep := deadletter.Retention{Letters: 10, OnDrop: func(l deadletter.Letter) { dropped = append(dropped, l.ID) }}
	s := open(t, path, boltmediator.Retain(keep))
	for n := range 15 {
		require.NoError(t, s.Put(t.Context(), letter(n, 100)))
	}
	require.NoError(t, s.Put(t.Context(), letter(14, 50)), "in place of another")
	require.Len(t, all(t, s), 10)
	require.Equal(t, []string{letter(0, 0).ID, letter(1, 0).ID, letter(2, 0).ID, letter(3, 0).ID, letter(4, 0).ID}, dropped)
	require.EqualValues(t, 5, s.Dropped())
	require.NoError(t, s.Close())

	dropped = nil
	size := int64(letter(5, 100).Size())
	keep.Letters, keep.Bytes = 0, 3*size
	s = open(t, path, boltmediator.Retain(keep))
	require.Len(t, dropped, 7, "Open drops what is too much")
	require.Len(t, all(t, s), 3)
	require.ErrorIs(t, s.Put(t.Context(), letter(20, 10_000)), deadletter.ErrTooLarge)
	require.Len(t, all(t, s), 3)
	require.NoError(t, s.Close())

	keep = deadletter.Retention{Age: time.Hour}
	s = open(t, path, boltmediator.Retain(keep))
	require.Empty(t, all(t, s))
	fresh := letter(30, 1)
	fresh.First = time.Now().UTC()
	require.NoError(t, s.Put(t.Context(), fresh))
	require.Len(t, all(t, s), 1)
	require.NoError(t, s.Close())
	require.Panics(t, func() { boltmediator.Retain(deadletter.Retention{Letters: -1}) })
}

func TestAnEndedContextDoesNotWait(t *testing.T) {
	s := open(t, file(t))
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			err := s.Put(ctx, letter(n, 100))
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if err == nil {
				if _, err := s.Get(context.Background(), letter(n, 0).ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestWhatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	_, err := boltmediator.Open(dir)
	require.ErrorContains(t, err, "boltmediator: open "+dir+": it is not a regular file")
	_, err = boltmediator.Open(filepath.Join(dir, "no", "letters.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = boltmediator.Open(filepath.Join(dir, "none.db"), boltmediator.ReadOnly())
	require.ErrorIs(t, err, os.ErrNotExist)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is left behind")

	empty := filepath.Join(dir, "empty.db")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	open(t, empty)
	require.Panics(t, func() { _, _ = boltmediator.Open(empty, nil) })
	require.Panics(t, func() { boltmediator.LockTimeout(0) })
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	path := file(t)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			s, err := boltmediator.Open(path, boltmediator.LockTimeout(time.Minute))
			if err == nil {
				err = errors.Join(s.Put(context.Background(), letter(n, 10)), s.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, all(t, open(t, path)), 8)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, fmt.Sprint(entries))
}
