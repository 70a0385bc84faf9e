package mediatortest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
)

// fakeT notes what a test would be told.
type fakeT struct {
	testing.TB
	ctx      context.Context
	cleanups []func()
	errors   []string
	fatal    bool
}

func (f *fakeT) Helper()                  {}
func (f *fakeT) Context() context.Context { return f.ctx }
func (f *fakeT) Cleanup(clean func())     { f.cleanups = append(f.cleanups, clean) }
func (f *fakeT) Error(args ...any)        { f.errors = append(f.errors, fmt.Sprint(args...)) }

func (f *fakeT) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func (f *fakeT) Fatal(args ...any) {
	f.Error(args...)
	f.fatal = true
	panic(f)
}

func (f *fakeT) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

// run runs test and then the cleanups, as the testing package does.
func (f *fakeT) run(test func(t testing.TB)) {
	func() {
		defer func() {
			if v := recover(); v != nil && v != any(f) {
				panic(v)
			}
		}()
		test(f)
	}()
	for _, clean := range slices.Backward(f.cleanups) {
		clean()
	}
}

func TestNewEndsTheTestOnWiringErrors(t *testing.T) {
	f := &fakeT{}
	returned := false
	f.run(func(t testing.TB) {
		reply := mediator.Handle(mediatortest.Reply[Charge](Receipt{}))
		mediatortest.New(t, reply, reply)
		returned = true
	})
	require.True(t, f.fatal)
	require.False(t, returned)
	require.Len(t, f.errors, 1)
	require.Contains(t, f.errors[0], mediator.ErrDuplicateHandler.Error())
	require.Contains(t, f.errors[0], "Charge")
}

func TestNewClosesAndDrains(t *testing.T) {
	f := &fakeT{}
	var m *mediator.Mediator
	handled := 0
	f.run(func(tb testing.TB) {
		m = mediatortest.New(tb, mediator.BackgroundQueue(10, 1),
			mediator.Subscribe(func(context.Context, OrderPaid) error { handled++; return nil }))
		for range 5 {
			require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{}, mediator.Background()))
		}
	})
	require.Empty(t, f.errors)
	require.Equal(t, 5, handled)
	require.ErrorIs(t, mediator.Publish(t.Context(), m, OrderPaid{}), mediator.ErrClosed)
}

func TestNewToleratesAClosedMediator(t *testing.T) {
	f := &fakeT{}
	f.run(func(tb testing.TB) {
		require.NoError(t, mediatortest.New(tb).Close(t.Context()))
	})
	require.Empty(t, f.errors)
}

func TestNewTellsWhatIsLeftUndone(t *testing.T) {
	for published, want := range map[int]string{
		1: "notifications not handled: 0, goroutines still running: 1: context deadline exceeded",
		3: "notifications not handled: 2, goroutines still running: 1: context deadline exceeded; queued: [{Receipt:1} {Receipt:2}]",
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeT{}
			release := make(chan struct{})
			start := time.Now()
			f.run(func(tb testing.TB) {
				m := mediatortest.New(tb, mediator.BackgroundQueue(10, 1),
					mediator.Subscribe(func(context.Context, OrderPaid) error { <-release; return nil }))
				for i := range published {
					require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: i}, mediator.Background()))
				}
				synctest.Wait()
			})
			close(release)
			require.Equal(t, 10*time.Second+100*time.Millisecond, time.Since(start), "and the moment that Close gives what it cancels")
			require.Equal(t, []string{"mediator: close: " + want}, f.errors)
		})
	}
}
