package health_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newMediator wires a mediator and closes it at the end of the test. Warnings
// about the wiring fail the test.
func newMediator(t testing.TB, opts ...mediator.Option) *mediator.Mediator {
	t.Helper()
	m, err := mediator.New(append(opts, mediator.OnWarning(func(w string) { t.Errorf("warning: %s", w) }))...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close(context.WithoutCancel(t.Context()))) })
	return m
}

// newMonitor is a Monitor with a memory that does not change and a log that nobody
// reads, unless c has others.
func newMonitor(c health.Config) *health.Monitor {
	if c.Memory == nil {
		c.Memory = func() uint64 { return 10 << 20 }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return health.New(c)
}

// feed is the stream that the tests share: what it does is up to Run.
type feed struct {
	mediator.Yields[int]
	Run func(ctx context.Context, yield func(int, error) bool)
}

func feeding(ctx context.Context, f feed) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) { f.Run(ctx, yield) }
}

// feeds is the handler's option, under its name in the reports.
func feeds(bs ...mediator.Behavior) mediator.Option {
	return mediator.HandleStream(feeding, mediator.Named("feed"), mediator.Use(bs...))
}

// every delivers n items, one each d, the first after d.
func every(d time.Duration, n int) func(ctx context.Context, yield func(int, error) bool) {
	return func(ctx context.Context, yield func(int, error) bool) {
		for i := range n {
			if !sleep(ctx, d) || !yield(i, nil) {
				return
			}
		}
	}
}

// silent delivers n items at once, and then nothing until its context ends.
func silent(n int) func(ctx context.Context, yield func(int, error) bool) {
	return func(ctx context.Context, yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		<-ctx.Done()
	}
}

// sleep waits for d; false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// consume ranges over a feed on a goroutine of its own. What it returns cancels
// the stream and waits for it.
func consume(t testing.TB, m *mediator.Mediator, run func(ctx context.Context, yield func(int, error) bool)) (end func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var last error
		for _, err := range mediator.Stream(ctx, m, feed{Run: run}) {
			last = err
		}
		done <- last
	}()
	return func() error {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

// one is the only stream that runs.
func one(t testing.TB, r health.Report) health.Stream {
	t.Helper()
	require.Len(t, r.Streams, 1)
	return r.Streams[0]
}

// reasons is what the findings are about.
func reasons(found []health.Finding) []health.Reason {
	all := []health.Reason{}
	for _, f := range found {
		all = append(all, f.Reason)
	}
	return all
}
