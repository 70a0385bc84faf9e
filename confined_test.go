package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/watch"
	"github.com/stretchr/testify/require"
)

// confined promises so of the behavior in it, which may recover panics.
type confined struct{ mediator.Behavior }

func (confined) ConfinesCall() bool { return true }

// promising is a behavior that promises to keep no Call.
func promising(f func(ctx context.Context, c mediator.Call, next mediator.Next) error) mediator.Behavior {
	return scoped{mediator.Around(f)}
}

// Where all promise to keep no Call, the calls of several goroutines stay apart.
func TestConfinedCallsStayApart(t *testing.T) {
	look := promising(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		key := c.Message().(get[int]).Key
		err := next(ctx, c)
		if err == nil && c.Response() != key || c.Message().(get[int]).Key != key {
			t.Errorf("the call of %d shows %v", key, c.Response())
		}
		return err
	})
	m := newMediator(t, mediator.Use(look, look, retry(1), look), mediator.Handle(func(ctx context.Context, q get[int]) (int, error) {
		if q.Key%3 == 0 {
			return q.Key - 1, errBoom
		}
		return q.Key, nil
	}))
	plain := newMediator(t, mediator.Use(look, look), mediator.Handle(func(ctx context.Context, q get[int]) (int, error) {
		if n, err := mediator.Send(ctx, m, q); err != nil {
			return n, err
		}
		return q.Key, nil
	}))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				q := get[int]{Key: 1000*g + i}
				got, err := mediator.Send(context.Background(), plain, q)
				if q.Key%3 == 0 {
					if !errors.Is(err, errBoom) {
						t.Errorf("%d: %v", q.Key, err)
					}
				} else if err != nil || got != q.Key {
					t.Errorf("%d: %d, %v", q.Key, got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestAConfinedCallEnds(t *testing.T) {
	var kept mediator.Call
	var again mediator.Next
	keep := promising(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if kept != (mediator.Call{}) {
			require.Nil(t, kept.Message(), "of the call before")
			require.ErrorIs(t, kept.SetResponse(7), mediator.ErrCallOver)
			require.ErrorIs(t, next(ctx, kept), mediator.ErrCallOver)
			require.ErrorIs(t, kept.View(func(any) error { panic("there is nothing to see") }), mediator.ErrCallOver)
		}
		kept, again = c, next
		return next(ctx, c)
	})
	runs := 0
	m := newMediator(t, mediator.Use(keep), mediator.Handle(func(_ context.Context, q get[int]) (int, error) {
		runs++
		return q.Key, nil
	}))
	for i := range 3 {
		got, err := mediator.Send(t.Context(), m, get[int]{Key: i})
		require.NoError(t, err)
		require.Equal(t, i, got)
		require.ErrorIs(t, kept.Err(), mediator.ErrCallOver)
		require.Nil(t, kept.Message())
		require.ErrorIs(t, again(t.Context(), kept), mediator.ErrCallOver)
	}
	require.Equal(t, 3, runs)
}

// A handler that panics or ends its goroutine leaves nothing to the next call.
func TestAConfinedCallThatIsUnwound(t *testing.T) {
	recovers := confined{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return retried(func() error { return next(ctx, c) })
	})}
	for name, bs := range map[string][]mediator.Behavior{
		"recovered inside of a retry":  {scoped{retry(2)}, recovers},
		"recovered outside of a retry": {recovers, scoped{retry(2)}},
		"not recovered":                {scoped{retry(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			runs, seen := 0, -1
			count := promising(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				defer func() { seen = watch.RunsOf(c) }()
				return next(ctx, c)
			})
			m := newMediator(t, mediator.Use(count), mediator.Use(bs...), mediator.Handle(func(_ context.Context, q get[int]) (int, error) {
				runs++
				switch {
				case q.Key == 1:
					panic("oh no")
				case q.Key == 2 && runs == 1:
					panic("once")
				case q.Key == 3:
					runtime.Goexit()
				}
				return q.Key, nil
			}))
			send := func(key int) (n int, err error) {
				runs = 0
				err = retried(func() error { n, err = mediator.Send(t.Context(), m, get[int]{Key: key}); return err })
				require.Equal(t, runs, seen, "runs of the handler")
				return n, err
			}
			for range 3 {
				n, err := send(0)
				require.NoError(t, err)
				require.Zero(t, n)
				_, err = send(1)
				require.ErrorContains(t, err, "oh no")
				n, err = send(2)
				if name == "recovered inside of a retry" {
					require.NoError(t, err)
					require.Equal(t, 2, n)
					require.Equal(t, 2, runs)
				} else {
					require.ErrorContains(t, err, "once")
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = send(3)
				}()
				<-done
			}
		})
	}
}

// What a confined call can be answered with is what any other can.
func TestAConfinedCallIsAnsweredByABehavior(t *testing.T) {
	answer := func(f func(ctx context.Context, c mediator.Call, next mediator.Next) error) (int, error) {
		m := newMediator(t, mediator.Use(promising(f)), mediator.Handle(func(_ context.Context, q get[int]) (int, error) { return q.Key, nil }))
		var n int
		var err error
		for range 3 { // frames are used again
			n, err = mediator.Send(t.Context(), m, get[int]{Key: 5})
		}
		return n, err
	}
	n, err := answer(func(_ context.Context, c mediator.Call, _ mediator.Next) error { return c.SetResponse(9) })
	require.NoError(t, err)
	require.Equal(t, 9, n)
	n, err = answer(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return errors.Join(next(ctx, c), c.SetResponse(c.Response().(int)+1))
	})
	require.NoError(t, err)
	require.Equal(t, 6, n)
	_, err = answer(func(context.Context, mediator.Call, mediator.Next) error { return nil })
	require.ErrorIs(t, err, mediator.ErrNoResponse)
	n, err = answer(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return c.View(func(message any) error {
			return c.SetResponse(message.(*get[int]).Key * 2)
		})
	})
	require.NoError(t, err)
	require.Equal(t, 10, n)
	n, err = answer(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fork, err := c.Fork()
		return errors.Join(err, next(ctx, fork), c.SetResponse(fork.Response().(int)+2))
	})
	require.NoError(t, err)
	require.Equal(t, 7, n)
	n, err = answer(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		for i := range 4 {
			if err := next(ctx, c); err != nil || c.Response() != 5 {
				return errors.New("run " + strconv.Itoa(i))
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 5, n)
}

func TestAConfinedNextRefusesACallOfAnotherMessage(t *testing.T) {
	var other mediator.Next
	keep := promising(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		other = next
		return next(ctx, c)
	})
	swap := promising(func(ctx context.Context, c mediator.Call, _ mediator.Next) error { return other(ctx, c) })
	m := newMediator(t,
		mediator.Handle(func(context.Context, get[int]) (int, error) { return 1, nil }, mediator.Use(keep)),
		mediator.Handle(func(context.Context, get[string]) (string, error) { return "", nil }, mediator.Use(swap)))
	_, err := mediator.Send(t.Context(), m, get[int]{})
	require.NoError(t, err)
	_, err = mediator.Send(t.Context(), m, get[string]{})
	require.ErrorIs(t, err, mediator.ErrMessageType)
	require.ErrorIs(t, other(t.Context(), mediator.Call{}), mediator.ErrCallOver)
}

// Subscribers are confined like requests, each by what stands around it.
func TestConfinedSubscribers(t *testing.T) {
	var got []string
	note := func(name string) func(context.Context, created) error {
		return func(_ context.Context, n created) error {
			got = append(got, name+n.ID)
			return nil
		}
	}
	twice := promising(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return errors.Join(next(ctx, c), next(ctx, c))
	})
	m := newMediator(t, mediator.Subscribe(note("a"), mediator.Use(twice)), mediator.Subscribe(note("b"), mediator.Use(twice, noop)),
		mediator.Subscribe(func(ctx context.Context, n any) error { return note("c")(ctx, n.(created)) }, mediator.Use(confined{twice})))
	for _, id := range []string{"1", "2"} {
		require.NoError(t, mediator.Publish(t.Context(), m, created{ID: id}))
	}
	require.Equal(t, []string{"a1", "a1", "b1", "b1", "c1", "c1", "a2", "a2", "b2", "b2", "c2", "c2"}, got)
}

// What a frame that waits for its next call held of the last one can be collected.
func TestACallThatIsOverKeepsNothing(t *testing.T) {
	type large [1 << 16]byte
	for name, b := range map[string]mediator.Behavior{"guarded": noop, "confined": scopedNoop{}} {
		t.Run(name, func(t *testing.T) {
			m := newMediator(t, mediator.Use(b), mediator.Handle(func(_ context.Context, q get[*large]) (*large, error) { return &large{}, nil }))
			send := func() (asked, answered weak.Pointer[large]) {
				q := get[*large]{Key: &large{}}
				r, err := mediator.Send(t.Context(), m, q)
				require.NoError(t, err)
				return weak.Make(q.Key), weak.Make(r)
			}
			asked, answered := send()
			runtime.GC() // the first that a pooled frame outlives
			require.Nil(t, asked.Value())
			require.Nil(t, answered.Value())
		})
	}
}

// What a panic leaves behind, once recovered, is in nobody's way.
func TestAConfinedCallIsSeenAfterAPanic(t *testing.T) {
	look := promising(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		err := next(ctx, c)
		return errors.Join(err, c.View(func(message any) error {
			require.Equal(t, &get[int]{Key: 4}, message)
			return nil
		}))
	})
	recovers := confined{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return retried(func() error { return next(ctx, c) })
	})}
	m := newMediator(t, mediator.Use(look, recovers), mediator.Handle(func(context.Context, get[int]) (int, error) { panic("oh no") }))
	_, err := mediator.Send(t.Context(), m, get[int]{Key: 4})
	require.EqualError(t, err, "recovered: oh no")
}

// A promise is about requests and notifications: the Call of a stream ends with its
// attempt, whoever still has it.
func TestStreamsAreGuardedWhateverIsPromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept []mediator.Call
		givesUp := confined{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			kept = append(kept, c)
			done := make(chan error, 1)
			go func() { done <- next(ctx, c) }()
			select {
			case err := <-done:
				return err
			case <-time.After(time.Second):
				return errBoom
			}
		})}
		var runs atomic.Int32
		release := make(chan struct{})
		m := newMediator(t, mediator.Use(scoped{retry(2)}, givesUp), mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
			first := runs.Add(1) == 1
			return func(yield func(int, error) bool) {
				if first {
					<-release
					return
				}
				if kept[0].Interrupt(errBoom) {
					t.Error("a Call of the attempt before interrupts this one")
				}
				yield(7, nil)
			}
		}))
		var got []int
		for n, err := range mediator.Stream(t.Context(), m, count{}) {
			require.NoError(t, err)
			got = append(got, n)
		}
		close(release)
		require.Equal(t, []int{7}, got)
	})
}

func TestAForkShowsAPointerAsItIs(t *testing.T) {
	m := newMediator(t, mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fork, err := c.Fork()
		require.NoError(t, err)
		return errors.Join(next(ctx, c), fork.View(func(message any) error {
			require.IsType(t, &pointer{}, message)
			return nil
		}))
	})), mediator.Handle(func(_ context.Context, q *pointer) (int, error) { return q.Key, nil }))
	n, err := mediator.Send(t.Context(), m, &pointer{Key: 3})
	require.NoError(t, err)
	require.Equal(t, 3, n)
}

type pointer struct {
	mediator.Returns[int]
	Key int
}

// FuzzConfined has behaviors do what bytes say, where all promise to keep their Call and
// beside one that does not: what they see is the same.
func FuzzConfined(f *testing.F) {
	f.Add([]byte{2, 0, 1, 6, 3}, []byte{0, 1})
	f.Add([]byte{3, 2, 6, 2, 4, 0, 8, 10, 5, 11}, []byte{1, 0, 3, 2})
	f.Add([]byte{1, 4, 0, 9, 6, 7}, []byte{3, 3, 0})
	f.Add([]byte{2, 5, 2, 7, 0, 8, 0}, []byte{0, 2})
	f.Fuzz(func(t *testing.T, script, outcomes []byte) {
		if len(script) < 2 || len(script) > 40 || len(outcomes) == 0 || len(outcomes) > 16 {
			return
		}
		require.Equal(t, follow(t, script, outcomes, noop), follow(t, script, outcomes))
	})
}

// follow runs calls through behaviors that follow the script, and returns what they say.
func follow(t *testing.T, script, outcomes []byte, outside ...mediator.Behavior) (log []string) {
	n := int(script[0])%3 + 1
	bs := outside
	for i := range n {
		from, to := 1+i*(len(script)-1)/n, 1+(i+1)*(len(script)-1)/n
		bs = append(bs, promising(follower(fmt.Sprint("b", i), script[from:to], &log)))
	}
	calls := 0
	var m *mediator.Mediator
	m = newMediator(t, mediator.Use(bs...), mediator.Handle(func(ctx context.Context, q get[int]) (int, error) {
		n := calls
		calls++
		switch outcomes[n%len(outcomes)] % 4 {
		case 0:
			panic("handler")
		case 1:
			return n, errBoom
		case 2:
			if q.Key > 0 && n < 20 {
				v, err := mediator.Send(ctx, m, get[int]{Key: q.Key - 1})
				return v + 1000, err
			}
		}
		return n, nil
	}))
	for i := range 3 {
		err := retried(func() error {
			v, err := mediator.Send(t.Context(), m, get[int]{Key: i})
			log = append(log, fmt.Sprint("sent ", v))
			return err
		})
		log = append(log, fmt.Sprint(err, errors.Is(err, mediator.ErrNoResponse)))
	}
	return log
}

func follower(name string, script []byte, log *[]string) func(ctx context.Context, c mediator.Call, next mediator.Next) error {
	return func(ctx context.Context, c mediator.Call, next mediator.Next) (err error) {
		say := func(a ...any) { *log = append(*log, name+" "+fmt.Sprintln(a...)) }
		for _, step := range script {
			switch step % 11 {
			case 0, 1:
				err = next(ctx, c)
				say("next", err)
			case 2, 3:
				err = retried(func() error { return next(ctx, c) })
				say("recovered", err)
			case 4:
				say("set", c.SetResponse(100+len(*log)))
			case 5:
				fork, failed := c.Fork()
				if failed == nil {
					err = retried(func() error { return next(ctx, fork) })
				}
				say("fork", failed, err, fork.Response(), fork.Message())
			case 6:
				say("view", c.View(func(message any) error { say("sees", *message.(*get[int])); return nil }))
			case 7:
				say("message", c.Message(), c.Response())
			case 8:
				say("runs", watch.RunsOf(c), c.Err())
			case 9:
				err = next(ctx, c.OnItem(func() {}))
				say("tapped", err)
			case 10:
				switch len(*log) % 4 {
				case 0:
					return fmt.Errorf("%s fails", name)
				case 1:
					panic(name + " panics")
				}
			}
		}
		return err
	}
}
