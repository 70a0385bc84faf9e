package benchmarks_test

import (
	"context"
	"testing"

	"github.com/samber/ro"
)

// openSeq ranges over the handler's own sequence.
func openSeq(_ testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	return func(context.Context) (sum, error) {
		var s sum
		p.handle()
		for t, err := range ticks(n) {
			if err != nil {
				return s, err
			}
			s.add(t)
		}
		return s, nil
	}
}

// openChan sends the handler's sequence from a goroutine into a channel and ranges over that.
func openChan(_ testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	return func(context.Context) (sum, error) {
		var s sum
		out := make(chan tick, chanCapacity)
		go func() {
			defer close(out)
			p.handle()
			for t := range ticks(n) {
				out <- t
			}
		}()
		for t := range out {
			s.add(t)
		}
		return s, nil
	}
}

// openRo makes an observable as its documentation does.
func openRo(_ testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	return subscribe(ro.NewObservable(emit(n, p)))
}

// openRoUnsafe leaves out the lock around each item, which a source with one goroutine does not need.
func openRoUnsafe(_ testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	return subscribe(ro.NewUnsafeObservable(emit(n, p)))
}

func emit(n int, p *probe) func(ro.Observer[tick]) ro.Teardown {
	return func(dst ro.Observer[tick]) ro.Teardown {
		p.handle()
		for t, err := range ticks(n) {
			if err != nil {
				dst.Error(err)
				return nil
			}
			dst.Next(t)
		}
		dst.Complete()
		return nil
	}
}

func subscribe(source ro.Observable[tick]) func(context.Context) (sum, error) {
	return func(ctx context.Context) (sum, error) {
		var (
			s    sum
			fail error
		)
		sub := source.SubscribeWithContext(ctx, ro.NewObserver(
			func(t tick) { s.add(t) },
			func(err error) { fail = err },
			func() {},
		))
		defer sub.Unsubscribe()
		sub.Wait()
		return s, fail
	}
}
