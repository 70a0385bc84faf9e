package mediatortest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
)

// slowly is a subscriber that takes d.
func slowly[N any](d time.Duration) func(context.Context, N) error {
	return func(context.Context, N) error { time.Sleep(d); return nil }
}

// waited tells how long WaitPublished took for n notifications, and what it returned.
func waited[N any](t testing.TB, rec *mediatortest.Recorder, n int) (time.Duration, []N) {
	began := time.Now()
	found := mediatortest.WaitPublished[N](t, rec, n)
	return time.Since(began), found
}

func TestWaitPublishedWaitsForAllSubscribers(t *testing.T) {
	for name, how := range map[string][]mediator.Option{
		"in sequence": {mediator.Sequential()},
		"in parallel": {mediator.Parallel(0)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := mediatortest.NewRecorder()
				m := mediatortest.New(t, append(how, rec, mediator.BackgroundQueue(10, 1),
					mediator.Subscribe(slowly[OrderPaid](time.Second), mediator.Group("mail")),
					mediator.Subscribe(func(context.Context, described) error { time.Sleep(time.Second); return errDeclined }, mediator.Group("all")),
					mediator.Subscribe(tear, mediator.Group("print")),
					mediator.OnError(func(context.Context, error) {}))...)
				stop, err := mediator.Listen(m, slowly[any](time.Second), mediator.Group("late"))
				require.NoError(t, err)
				defer stop()
				began := time.Now()
				for i := range 2 {
					require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: i}, mediator.Background()))
				}
				want := []OrderPaid{{Receipt: 0}, {Receipt: 1}}
				require.Equal(t, want, mediatortest.WaitPublished[OrderPaid](t, rec, 2))
				took := map[bool]time.Duration{true: 6 * time.Second, false: 2 * time.Second}[name == "in sequence"]
				require.Equal(t, took, time.Since(began))
				require.Len(t, rec.Calls(), 2*5)
				for _, c := range rec.Calls() {
					require.True(t, c.Done)
				}

				took, again := waited[described](t, rec, 1)
				require.Zero(t, took, "it is so already")
				require.Equal(t, []described{want[0], want[1]}, again)
			})
		})
	}
}

// That no call is in progress does not mean that none is to come.
func TestWaitPublishedWaitsForWhatHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			if c.Handler() == "mail" {
				time.Sleep(time.Second) // here, the Recorder does not see it yet
			}
			return next(ctx, c)
		})
		rec := mediatortest.NewRecorder()
		m := mediatortest.New(t, mediator.Use(ahead), rec, mediator.Subscribe(slowly[described](time.Second), mediator.Group("mail")))
		go func() {
			if err := mediator.Publish(t.Context(), m, OrderPaid{Receipt: 7}); err != nil {
				t.Error(err)
			}
		}()
		took, found := waited[OrderPaid](t, rec, 1)
		require.Equal(t, 2*time.Second, took)
		require.Equal(t, []OrderPaid{{Receipt: 7}}, found)
	})
}

func TestWaitPublishedDoesNotWaitForWhoHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := mediatortest.NewRecorder()
		leave := make(chan func(), 1)
		m := mediatortest.New(t, rec, mediator.Subscribe(func(context.Context, OrderPaid) error {
			(<-leave)()
			return nil
		}))
		stop, err := mediator.Listen(m, slowly[OrderPaid](time.Hour), mediator.Group("late"))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{}, mediator.Background()))
		synctest.Wait()
		leave <- stop
		took, _ := waited[OrderPaid](t, rec, 1)
		require.Zero(t, took)
	})
}

// What was handed to one group alone does not stand for a publish to come.
func TestWaitPublishedDoesNotCountWhatOneGroupWasGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := mediatortest.NewRecorder()
		held := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			if c.Handler() == "print" {
				time.Sleep(time.Second) // before the Recorder sees it
			}
			return next(ctx, c)
		})
		m := mediatortest.New(t, mediator.Use(held), rec, mediator.BackgroundQueue(10, 1),
			mediator.Subscribe(slowly[OrderPaid](time.Second), mediator.Group("mail")),
			mediator.Subscribe(slowly[OrderPaid](time.Second), mediator.Group("print")))
		for range 3 {
			require.NoError(t, mediator.DispatchTo(t.Context(), m, "mediatortest_test.OrderPaid", "print", func(any) error { return nil }))
		}
		require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 1}, mediator.Background()))
		took, found := waited[OrderPaid](t, rec, 1)
		require.Equal(t, 3*time.Second, took)
		require.Len(t, found, 1)
	})
}

func TestWaitPublishedOfOneMediatorIsNotForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := mediatortest.NewRecorder()
		mail := mediator.Subscribe(slowly[OrderPaid](time.Second), mediator.Group("mail"))
		near, far := mediatortest.New(t, rec, mail), mediatortest.New(t, mediator.Use(mediator.Around(
			func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				time.Sleep(time.Second)
				return next(ctx, c)
			})), rec, mail)
		for _, m := range []*mediator.Mediator{near, far} {
			require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{}, mediator.Background()))
		}
		took, _ := waited[OrderPaid](t, rec, 2)
		require.Equal(t, 3*time.Second, took)
	})
}

func TestWaitPublishedOfARelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := mediatortest.NewRecorder()
		m := mediatortest.New(t, rec, mediator.Relay(slowly[OrderPaid](time.Second), mediator.Named("paid")),
			mediator.Subscribe(slowly[OrderPaid](3*time.Second), mediator.Group("mail")))
		require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{}, mediator.Background()))
		took, _ := waited[OrderPaid](t, rec, 1)
		require.Equal(t, time.Second, took)

		go func() {
			if err := mediator.DispatchTo(t.Context(), m, "paid", "mail", func(any) error { return nil }); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		took, _ = waited[OrderPaid](t, rec, 1)
		require.Equal(t, 3*time.Second, took)
	})
}

func TestWaitPublishedSaysWhatIsMissing(t *testing.T) {
	for want, published := range map[string]int{
		"WaitPublished: 0 of 2 mediatortest_test.OrderPaid published: waiting for calls: context deadline exceeded; recorded: none":                                                                                                                           0,
		"WaitPublished: 1 of 2 mediatortest_test.OrderPaid published, not done: mail, stock: waiting for calls: context deadline exceeded; recorded: notification mediatortest_test.OrderPaid; notification mediatortest_test.OrderPaid to mail, in progress": 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeT{ctx: t.Context()}
			began := time.Now()
			f.run(func(tb testing.TB) {
				rec := mediatortest.NewRecorder()
				m := mediatortest.New(t, rec,
					mediator.Subscribe(slowly[OrderPaid](15*time.Second), mediator.Group("mail")),
					mediator.Subscribe(slowly[OrderPaid](0), mediator.Group("stock")))
				for range published {
					require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{}, mediator.Background()))
				}
				mediatortest.WaitPublished[OrderPaid](tb, rec, 2)
			})
			require.True(t, f.fatal)
			require.Equal(t, []string{want}, f.errors)
			require.Equal(t, 10*time.Second, time.Since(began))
		})
	}
}

func TestWaitPublishedEndsWithTheTest(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	f := &fakeT{ctx: ended}
	f.run(func(tb testing.TB) { mediatortest.WaitPublished[OrderPaid](tb, mediatortest.NewRecorder(), 1) })
	require.True(t, f.fatal)
	require.Contains(t, f.errors[0], "context canceled")
}

func TestWaitPublishedOfNothingIsAMistake(t *testing.T) {
	f := &fakeT{ctx: t.Context()}
	f.run(func(tb testing.TB) { mediatortest.WaitPublished[OrderPaid](tb, mediatortest.NewRecorder(), 0) })
	require.Equal(t, []string{"WaitPublished: n is 0: nothing to wait for; Published tells what there is"}, f.errors)
}

// Nor does it if it was a subscriber of that publish that handed it on.
func TestWaitPublishedDoesNotCountWhatASubscriberGaveOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := mediatortest.NewRecorder()
		held := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			if c.Handler() == "print" {
				time.Sleep(time.Second) // before the Recorder sees it
			}
			return next(ctx, c)
		})
		var m *mediator.Mediator
		m = mediatortest.New(t, mediator.Use(held), rec, mediator.BackgroundQueue(10, 1),
			mediator.Subscribe(func(ctx context.Context, _ OrderPaid) error {
				return mediator.DispatchTo(ctx, m, "mediatortest_test.OrderPaid", "print", func(any) error { return nil })
			}, mediator.Group("mail")),
			mediator.Subscribe(slowly[OrderPaid](time.Second), mediator.Group("print")))
		require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 1}, mediator.Background()))
		took, found := waited[OrderPaid](t, rec, 1)
		require.Len(t, found, 1)
		require.Equal(t, 4*time.Second, took)
	})
}
