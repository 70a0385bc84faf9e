package health_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

var (
	errSoldOut = behaviors.Business(errors.New("sold out"))
	errBroken  = errors.New("broken")
)

// ends has a request, a subscriber and a stream end by err, n times each, one each
// 40ms, and returns what a monitor around them says a second later.
func ends(t *testing.T, n int, err error) (r health.Report, healthz int) {
	t.Helper()
	h := newMonitor(health.Config{})
	m := newMediator(t, jobs(h), feeds(h),
		mediator.Subscribe(func(context.Context, told) error { return err }, mediator.Named("told"), mediator.Use(h)))
	for range n {
		require.ErrorIs(t, mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { return err }}), err)
		require.ErrorIs(t, mediator.Publish(t.Context(), m, told{}), err)
		for _, got := range mediator.Stream(t.Context(), m, feed{Run: func(_ context.Context, yield func(int, error) bool) { yield(0, err) }}) {
			require.ErrorIs(t, got, err)
		}
		time.Sleep(40 * time.Millisecond)
	}
	time.Sleep(time.Second)
	healthz, _ = get(h.Handler(), "/healthz")
	return h.Snapshot(), healthz
}

func TestAnswersOfTheBusinessAreNoErrors(t *testing.T) {
	for name, err := range map[string]error{
		"business": errSoldOut, "invalid": behaviors.ErrInvalid, "wrapped": fmt.Errorf("place: %w", errSoldOut), "joined": errors.Join(errBroken, errSoldOut),
	} {
		synctest.Test(t, func(t *testing.T) {
			r, healthz := ends(t, 100, err)
			require.Equal(t, 200, healthz, name)
			require.Equal(t, health.Healthy, r.Status, name)
			require.Len(t, r.Totals, 3)
			for _, totals := range r.Totals {
				require.Equal(t, []uint64{100, 0, 100, 0, 0}, []uint64{totals.Started, totals.Failed, totals.Declined, totals.Rejected, totals.Errors}, name)
				require.Zero(t, totals.ErrorRate)
				require.Zero(t, totals.Rate, "nor are they successes")
			}
			for _, s := range r.Ended {
				require.Equal(t, health.Healthy, s.Status)
				require.ErrorIs(t, s.Err, err, "it is shown all the same")
				require.Zero(t, s.Errors)
			}
		})
	}
}

func TestLoadThatIsShedIsNoError(t *testing.T) {
	for _, err := range []error{behaviors.ErrLimited, behaviors.ErrFull, behaviors.ErrMemory, behaviors.ErrOpen,
		fmt.Errorf("maintenance: %w", behaviors.ErrRefused), &behaviors.RetryError{Tries: 1, Err: behaviors.ErrFull, Stopped: behaviors.ErrRetryTime}} {
		synctest.Test(t, func(t *testing.T) {
			r, healthz := ends(t, 100, err)
			require.Equal(t, 200, healthz, err)
			require.Equal(t, health.Healthy, r.Status, err)
			for _, totals := range r.Totals {
				require.Equal(t, []uint64{100, 0, 0, 100, 0}, []uint64{totals.Started, totals.Failed, totals.Declined, totals.Rejected, totals.Errors}, err)
			}
		})
	}
}

func TestAPanicWithAnAnswerIsAnError(t *testing.T) {
	for _, err := range []error{&mediator.PanicError{Value: errSoldOut}, errors.Join(errSoldOut, mediator.ErrGoexit)} {
		synctest.Test(t, func(t *testing.T) {
			r, healthz := ends(t, 100, err)
			require.Equal(t, 503, healthz)
			require.EqualValues(t, 100, r.Totals[0].Failed)
			require.Zero(t, r.Totals[0].Declined)
		})
	}
}

// What says nothing of the handler is on neither side of the share.
func TestAnswersDoNotHideFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{MaxErrorRate: 0.5})
		m := newMediator(t, jobs(h))
		for i := range 200 { // over 4s: one in twenty fails, the rest is declined or turned away
			_ = mediator.Exec(t.Context(), m, job{Do: func(context.Context) error {
				switch {
				case i%20 == 0:
					return errBroken
				case i%2 == 0:
					return errSoldOut
				}
				return behaviors.ErrLimited
			}})
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Second / 2)
		totals := h.Snapshot().Totals[0]
		require.Equal(t, []uint64{10, 90, 100}, []uint64{totals.Failed, totals.Declined, totals.Rejected})
		require.InDelta(t, 1, totals.ErrorRate, 1e-9)
		require.Equal(t, health.Unhealthy, totals.Status)
	})
}

func TestALimiterThatTurnsMostCallsAwayKeepsTheProcessHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, jobs(h, behaviors.RateLimit(behaviors.NewLimiter(1, 1))))
		limited := 0
		for range 100 {
			if errors.Is(mediator.Exec(t.Context(), m, job{Do: succeed}), behaviors.ErrLimited) {
				limited++
			}
			time.Sleep(40 * time.Millisecond)
		}
		require.Greater(t, limited, 90)
		healthz, _ := get(h.Handler(), "/healthz")
		require.Equal(t, 200, healthz)
		totals := h.Snapshot().Totals[0]
		require.EqualValues(t, limited, totals.Rejected)
		require.Zero(t, totals.Failed)
	})
}

func TestAnOpenBreakerIsAWarningOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, jobs(h, behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: time.Hour})))
		for range 100 {
			require.Error(t, mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { return errBroken }}))
			time.Sleep(40 * time.Millisecond)
		}
		healthz, _ := get(h.Handler(), "/healthz")
		require.Equal(t, 200, healthz)
		r := h.Snapshot()
		require.Equal(t, health.Warning, r.Status)
		require.Equal(t, []uint64{1, 99}, []uint64{r.Totals[0].Failed, r.Totals[0].Rejected})
		require.Equal(t, health.Healthy, r.Totals[0].Status)
		require.Len(t, r.Components, 1)
		require.ErrorIs(t, r.Components[0].Err, behaviors.ErrOpen)
	})
}

// Each of the calls that fill a bulkhead runs into its time limit.
func TestABulkheadFullOfCallsThatHangIsUnhealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, jobs(h, behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 5}), behaviors.Timeout(time.Second)))
		for range 100 {
			go func() {
				_ = mediator.Exec(t.Context(), m, job{Do: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
			}()
			time.Sleep(40 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		healthz, _ := get(h.Handler(), "/healthz")
		require.Equal(t, 503, healthz)
		totals := h.Snapshot().Totals[0]
		require.GreaterOrEqual(t, totals.Failed, uint64(10))
		require.Equal(t, totals.Started, totals.Failed+totals.Rejected)
	})
}

func TestANotedAnswerIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, feeds(h))
		for range mediator.Stream(t.Context(), m, feed{Run: func(ctx context.Context, yield func(int, error) bool) {
			health.NoteError(ctx, behaviors.ErrInvalid)
			yield(1, nil)
		}}) {
		}
		require.EqualValues(t, 1, h.Snapshot().Totals[0].Errors)
	})
}

// refused is an error whose nil pointer is no nil error, and panics when asked.
type refused struct{ cause error }

func (r *refused) Error() string { return r.cause.Error() }
func (r *refused) Unwrap() error { return r.cause }

func TestErrorsThatPanicWhenAskedAreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, jobs(h), feeds(h))
		bad := (*refused)(nil)
		require.Equal(t, bad, mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { return bad }}))
		for _, err := range mediator.Stream(t.Context(), m, feed{Run: func(_ context.Context, yield func(int, error) bool) { yield(0, bad) }}) {
			require.Equal(t, bad, err)
		}
		for range mediator.Stream(t.Context(), m, feed{Run: func(_ context.Context, yield func(int, error) bool) { yield(0, nil); yield(0, bad) }}) {
			break
		}
		time.Sleep(time.Hour)
		r := h.Snapshot()
		require.Empty(t, r.Streams)
		require.Len(t, r.Totals, 2)
		for _, x := range r.Totals {
			require.Zero(t, x.InFlight, x.Name)
			require.EqualValues(t, 1, x.Failed, x.Name)
		}
	})
}

func TestTimeInAQueueIsNoLoadThatIsShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, rec := newMonitor(health.Config{}), behaviors.NewRecorder()
		m := newMediator(t, mediator.Use(rec), jobs(h, behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Queue: 1, MaxWait: time.Hour})))
		release := make(chan struct{})
		held := make(chan error, 1)
		go func() {
			held <- mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { <-release; return nil }})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, mediator.Exec(ctx, m, job{Do: succeed}), behaviors.ErrFull)
		close(release)
		require.NoError(t, <-held)
		x := h.Snapshot().Totals[0]
		require.Equal(t, []uint64{2, 1, 0}, []uint64{x.Started, x.Failed, x.Rejected})
		require.EqualValues(t, 1, rec.Snapshot().Entries[0].Count(behaviors.TimedOut), "as the Recorder has it")
	})
}
