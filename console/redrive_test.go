package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

// A double click, or two operators with the same list, must not have a card charged
// twice.
func TestALetterThatIsBeingRedrivenIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		var broken atomic.Bool
		broken.Store(true)
		var handled atomic.Int64
		m := newMediator(t, mediator.HandleCommand(func(_ context.Context, c do) error {
			if broken.Load() {
				return errRefused
			}
			handled.Add(1)
			time.Sleep(time.Second)
			return nil
		}, mediator.Use(deadletter.Behavior(store))))
		twice, once := letterOf(t, m, store, "twice"), letterOf(t, m, store, "once")
		broken.Store(false)
		h := console.Handler(m, console.DeadLetters(store), everybody())
		first, firstAnswer := action(t, h, "/redrive", fmt.Sprintf(`{"ids":[%q]}`, twice.ID)), httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(firstAnswer, first)
		}()
		synctest.Wait()

		second := decoded[redriven](t, act(t, h, "/redrive", fmt.Sprintf(`{"ids":[%q,%q]}`, twice.ID, once.ID)))
		<-done
		require.EqualValues(t, 2, handled.Load(), "each letter once")
		require.Equal(t, 1, decoded[redriven](t, firstAnswer).Redriven)
		require.Equal(t, [3]int{1, 0, 1}, [3]int{second.Redriven, second.Failed, second.Skipped})
		require.Len(t, second.Outcomes, 2)
		for _, o := range second.Outcomes {
			if o.ID == twice.ID {
				require.Equal(t, "skipped", o.Status)
				require.Equal(t, "it is being redriven already", o.Error)
			} else {
				require.Equal(t, "redriven", o.Status)
			}
		}
		n, err := store.Count(t.Context(), deadletter.Filter{})
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

// panicking is a store that panics once.
type panicking struct {
	deadletter.Store
	panicked atomic.Bool
}

func (s *panicking) Get(ctx context.Context, id string) (deadletter.Letter, error) {
	if !s.panicked.Swap(true) {
		panic("out of order")
	}
	return s.Store.Get(ctx, id)
}

func TestALetterCanBeRedrivenAgainHoweverThatEnded(t *testing.T) {
	memory := deadletter.NewMemory()
	var broken atomic.Bool
	broken.Store(true)
	m := newMediator(t, mediator.HandleCommand(func(context.Context, do) error {
		if broken.Load() {
			return errRefused
		}
		return nil
	}, mediator.Use(deadletter.Behavior(memory))))
	body := fmt.Sprintf(`{"ids":[%q]}`, letterOf(t, m, memory, "x").ID)
	h := console.Handler(m, console.DeadLetters(&panicking{Store: memory}), everybody())
	func() {
		defer func() { _ = recover() }() // as the server does, if the store's panic gets so far
		act(t, h, "/redrive", body)
	}()
	require.Equal(t, 1, decoded[redriven](t, act(t, h, "/redrive", body)).Failed)
	broken.Store(false)
	w := act(t, h, "/redrive", body)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, 1, decoded[redriven](t, w).Redriven)
}
