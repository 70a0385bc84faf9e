package mediatortest_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
)

func TestLocalHandlersConform(t *testing.T) {
	mediatortest.Transport(t, func(t testing.TB, handlers mediator.Option) *mediator.Mediator {
		return mediatortest.New(t, handlers)
	})
}

// bridge takes messages from one mediator to another, with the faults that are set.
type bridge struct {
	far    *mediator.Mediator
	ended  context.Context // of the test, for what a fault leaves behind
	ctx    func(ctx context.Context) (context.Context, context.CancelFunc)
	answer func(*mediatortest.Answer)
	err    func(error) error
	stream func(ctx context.Context) context.Context
	items  func(items iter.Seq2[mediatortest.Answer, error]) iter.Seq2[mediatortest.Answer, error]
}

func (b *bridge) ask(ctx context.Context, q mediatortest.Ask) (mediatortest.Answer, error) {
	type result struct {
		answer mediatortest.Answer
		err    error
	}
	over := make(chan result, 1)
	go func() {
		ctx, cancel := b.ctx(ctx)
		defer cancel()
		a, err := mediator.Send(ctx, b.far, q)
		over <- result{a, err}
	}()
	select {
	case r := <-over:
		b.answer(&r.answer)
		return r.answer, b.err(r.err)
	case <-ctx.Done():
		return mediatortest.Answer{}, ctx.Err()
	}
}

func (b *bridge) tell(ctx context.Context, c mediatortest.Tell) error {
	ctx, cancel := b.ctx(ctx)
	defer cancel()
	return b.err(mediator.Exec(ctx, b.far, c))
}

func (b *bridge) count(ctx context.Context, q mediatortest.Count) iter.Seq2[mediatortest.Answer, error] {
	return b.items(mediator.Stream(b.stream(ctx), b.far, q))
}

// TestTransportFindsFaults breaks one promise after the other, of which the check with
// that name is to know.
func TestTransportFindsFaults(t *testing.T) {
	faults := map[string]func(*bridge){
		"ResponsesComeBack": func(b *bridge) { b.answer = func(a *mediatortest.Answer) { a.List = nil } },
		"ManyAtOnce": func(b *bridge) {
			var calls atomic.Int64
			b.answer = func(a *mediatortest.Answer) { a.Number += calls.Add(1) / 64 }
		},
		"ErrorsComeBack": func(b *bridge) {
			b.err = func(err error) error {
				if err != nil {
					err = errors.New(err.Error())
				}
				return err
			}
		},
		"CancelReachesTheHandler": func(b *bridge) {
			b.ctx = func(context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(b.ended) }
		},
		"DeadlineReachesTheHandler": func(b *bridge) {
			b.ctx = func(ctx context.Context) (context.Context, context.CancelFunc) {
				without, cancel := context.WithCancel(b.ended)
				context.AfterFunc(ctx, cancel)
				return without, cancel
			}
		},
		"StreamsAreWholeAndInOrder": func(b *bridge) {
			b.items = func(items iter.Seq2[mediatortest.Answer, error]) iter.Seq2[mediatortest.Answer, error] {
				return func(yield func(mediatortest.Answer, error) bool) {
					for a, err := range items {
						if a.Number != 2999 && !yield(a, err) {
							return
						}
					}
				}
			}
		},
		"AStreamsErrorComesLastAndOnce": func(b *bridge) { b.items = withoutErrors },
		"EachRangeIsARun": func(b *bridge) {
			var runs atomic.Int64
			b.items = func(items iter.Seq2[mediatortest.Answer, error]) iter.Seq2[mediatortest.Answer, error] {
				if runs.Add(1) > 1 {
					return func(func(mediatortest.Answer, error) bool) {}
				}
				return items
			}
		},
		"LeavingAStreamEndsTheHandler": func(b *bridge) {
			b.items = func(items iter.Seq2[mediatortest.Answer, error]) iter.Seq2[mediatortest.Answer, error] {
				return func(yield func(mediatortest.Answer, error) bool) {
					next, stop := iter.Pull2(items)
					context.AfterFunc(b.ended, stop) // far too late
					for {
						a, err, ok := next()
						if !ok || !yield(a, err) {
							return
						}
					}
				}
			}
		},
		"CancelEndsAStream": func(b *bridge) {
			b.stream = func(context.Context) context.Context { return b.ended }
		},
	}
	require.ElementsMatch(t, mediatortest.TransportCheckNames(), slices.Collect(maps.Keys(faults)), "each check has a fault to find")
	for name, change := range faults {
		t.Run(name, func(t *testing.T) {
			require.False(t, failsTransport(t, name, func(*bridge) {}))
			require.True(t, failsTransport(t, name, change))
		})
	}
}

func withoutErrors(items iter.Seq2[mediatortest.Answer, error]) iter.Seq2[mediatortest.Answer, error] {
	return func(yield func(mediatortest.Answer, error) bool) {
		for a, err := range items {
			if err != nil || !yield(a, nil) {
				return
			}
		}
	}
}

// failedT notes a failure.
type failedT struct {
	testing.TB
	failed atomic.Bool
}

func (f *failedT) Helper()               {}
func (f *failedT) Fatal(...any)          { f.failed.Store(true); runtime.Goexit() }
func (f *failedT) Fatalf(string, ...any) { f.Fatal() }
func (f *failedT) Errorf(string, ...any) { f.failed.Store(true) }

// failsTransport tells whether the check fails.
func failsTransport(t *testing.T, name string, change func(*bridge)) bool {
	ended, end := context.WithCancel(t.Context())
	fake := &failedT{TB: t}
	var wg sync.WaitGroup
	wg.Go(func() {
		defer end()
		mediatortest.CheckTransport(ended, fake, name, 500*time.Millisecond, func(_ testing.TB, handlers mediator.Option) *mediator.Mediator {
			b := &bridge{
				far: mediatortest.New(t, handlers), ended: ended, ctx: context.WithCancel, stream: func(ctx context.Context) context.Context { return ctx },
				answer: func(*mediatortest.Answer) {}, err: func(err error) error { return err },
				items: func(items iter.Seq2[mediatortest.Answer, error]) iter.Seq2[mediatortest.Answer, error] { return items },
			}
			change(b)
			return mediatortest.New(t, mediator.Handle(b.ask), mediator.HandleCommand(b.tell), mediator.HandleStream(b.count))
		})
	})
	wg.Wait()
	return fake.failed.Load()
}
