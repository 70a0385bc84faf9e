package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// layer is a behavior, and what it does in the plain-Go model.
type layer struct {
	behavior mediator.Behavior
	model    func(next func() (string, error)) (string, error)
}

func setText(c mediator.Call, f func(string) string) error {
	text, _ := c.Response().(string)
	return c.SetResponse(f(text))
}

// layers are one of each thing that a behavior may do.
var layers = []layer{
	{noop, func(next func() (string, error)) (string, error) { return next() }},
	{mediator.BehaviorFunc(func(next mediator.Next) mediator.Next { return next }),
		func(next func() (string, error)) (string, error) { return next() }},
	{retry(2), func(next func() (string, error)) (s string, err error) {
		if s, err = next(); err != nil {
			s, err = next()
		}
		return s, err
	}},
	{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := next(ctx, c); err != nil {
			return err
		}
		return setText(c, func(s string) string { return s + "+" })
	}), func(next func() (string, error)) (string, error) {
		s, err := next()
		if err == nil {
			s += "+"
		}
		return s, err
	}},
	{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { return c.SetResponse("short") }),
		func(func() (string, error)) (string, error) { return "short", nil }},
	{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { return errBoom }),
		func(func() (string, error)) (string, error) { return "", errBoom }},
	{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := next(ctx, c); err == nil {
			return nil
		}
		return c.SetResponse("fallback")
	}), func(next func() (string, error)) (string, error) {
		if s, err := next(); err == nil {
			return s, nil
		}
		return "fallback", nil
	}},
	{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { // twice, always
		_ = next(ctx, c)
		return next(ctx, c)
	}), func(next func() (string, error)) (string, error) {
		_, _ = next()
		return next()
	}},
	{recovering, func(next func() (string, error)) (s string, err error) {
		defer func() {
			if v := recover(); v != nil {
				s, err = "", fmt.Errorf("recovered: %v", v)
			}
		}()
		return next()
	}},
	{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { // on another goroutine
		done := make(chan error)
		go func() {
			var err error
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("recovered: %v", v)
				}
				done <- err
			}()
			err = next(ctx, c)
		}()
		return <-done
	}), func(next func() (string, error)) (s string, err error) {
		defer func() {
			if v := recover(); v != nil {
				s, err = "", fmt.Errorf("recovered: %v", v)
			}
		}()
		return next()
	}},
	{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fork, err := c.Fork()
		if err != nil {
			return err
		}
		if err := next(ctx, fork); err != nil {
			return err
		}
		return c.SetResponse(fork.Response())
	}), func(next func() (string, error)) (string, error) {
		s, err := next()
		if err != nil {
			s = ""
		}
		return s, err
	}},
	{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { // also after a panic
		if err := retried(func() error { return next(ctx, c) }); err == nil {
			return nil
		}
		return next(ctx, c)
	}), func(next func() (string, error)) (s string, _ error) {
		if err := retried(func() (err error) { s, err = next(); return err }); err == nil {
			return s, nil
		}
		return next()
	}},
}

// retried is f, with a panic as an error.
func retried(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("recovered: %v", v)
		}
	}()
	return f()
}

// scoped promises what the behavior in it may keep or not.
type scoped struct{ mediator.Behavior }

func (scoped) ScopedCall() bool { return true }

// FuzzChains runs chains of behaviors against the same in plain Go. The handler
// fails or panics as outcomes say, one bit pair a call. From 128 on, a behavior's
// Call is scoped.
func FuzzChains(f *testing.F) {
	f.Add([]byte{2, 3}, uint32(1))
	f.Add([]byte{9, 2, 7, 3, 0}, uint32(0b100110))
	f.Add([]byte{6, 2, 8, 4}, uint32(2))
	f.Add([]byte{10, 2, 9, 3}, uint32(0b0110))
	f.Add([]byte{128 + 2, 3, 128 + 8, 2, 128 + 7}, uint32(0b100110))
	f.Add([]byte{11, 7, 10}, uint32(0b10001001))                            // a panic between two attempts
	f.Add([]byte{128 + 7, 128 + 8, 128 + 10, 128 + 11}, uint32(0b10001001)) // all promise to keep no Call
	f.Add([]byte{128 + 9, 128 + 2, 128 + 3}, uint32(0b10011001))
	f.Fuzz(func(t *testing.T, chain []byte, outcomes uint32) {
		if len(chain) > 8 {
			chain = chain[:8]
		}
		handler := func() func() (string, error) {
			calls := 0
			return func() (string, error) {
				outcome := outcomes >> (2 * (calls % 16)) & 3
				calls++
				switch outcome {
				case 1:
					return "failed", errBoom
				case 2:
					panic("oh no")
				}
				return fmt.Sprint("r", calls), nil
			}
		}
		handle, model := handler(), handler()
		var bs []mediator.Behavior
		for _, kind := range slices.Backward(chain) {
			l, inner := layers[int(kind)%len(layers)], model
			model = func() (string, error) { return l.model(inner) }
			if bs = append([]mediator.Behavior{l.behavior}, bs...); kind >= 128 {
				bs[0] = scoped{bs[0]}
			}
		}
		m := newMediator(t, mediator.Use(bs...), mediator.Handle(func(context.Context, get[string]) (string, error) { return handle() }))
		for range 3 {
			want, wantPanic, wantErr := caught(model)
			got, panicked, err := caught(func() (string, error) { return mediator.Send(t.Context(), m, get[string]{}) })
			require.Equal(t, wantPanic, panicked)
			require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(err))
			if wantErr == nil {
				require.Equal(t, want, got)
			}
		}
	})
}

func caught(f func() (string, error)) (s string, panicked any, err error) {
	defer func() { panicked = recover() }()
	s, err = f()
	return s, nil, err
}

// FuzzMisuse has behaviors keep calls and nexts, run them on other goroutines
// and return early, in every order the bytes say, while other calls go on. Each
// message carries a number and each response repeats it: a response with another
// call's number would be seen. From 128 on, a byte also makes a behavior promise
// that it does none of that.
func FuzzMisuse(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{3, 3, 1, 0, 2, 2, 7, 6, 5})
	f.Add([]byte{4, 4, 4, 1, 1, 1})
	f.Add([]byte{128, 1, 2, 128 + 3, 4, 128 + 5, 6, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 || len(script) > 64 {
			return
		}
		var stragglers sync.WaitGroup
		async := stragglers.Go
		type kept struct {
			c    mediator.Call
			next mediator.Next
		}
		keep := make(chan kept, 64)
		misuse := func(salt int) mediator.Behavior {
			b := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				q, ok := c.Message().(get[int])
				if !ok {
					return c.Err() // on a goroutine left behind
				}
				select {
				case keep <- kept{c, next}:
				default:
				}
				switch script[(q.Key+salt)%len(script)] % 8 {
				case 0: // forgets next
					async(func() { _ = next(ctx, c) })
					return errTimeout
				case 1: // a late next and a late look
					err := next(ctx, c)
					async(func() { _ = next(ctx, c); _ = c.SetResponse(-1); _ = c.Message() })
					return err
				case 2: // two at once
					async(func() { _ = next(ctx, c) })
					return next(ctx, c)
				case 3: // somebody else's call
					select {
					case k := <-keep:
						if k.c != c {
							if got, ok := k.c.Message().(get[int]); ok && got.Key == q.Key {
								return errors.New("an old handle shows this call")
							}
							async(func() { _ = k.next(ctx, k.c) })
						}
					default:
					}
				case 4: // answers while next runs
					async(func() { _ = next(ctx, c) })
					return c.SetResponse(q.Key)
				case 5:
					_ = next(ctx, c)
				case 6:
					if fork, err := c.Fork(); err == nil {
						async(func() { _ = next(ctx, fork) })
					}
				case 7: // looks while next runs
					async(func() {
						_ = c.View(func(message any) error {
							if got := message.(*get[int]).Key; got != q.Key {
								t.Errorf("call %d shows call %d", q.Key, got)
							}
							return nil
						})
						_ = c.Response()
					})
				}
				return next(ctx, c)
			})
			if script[salt%len(script)] >= 128 { // a promise that is broken
				return scoped{b}
			}
			return b
		}
		m := newMediator(t, mediator.Use(misuse(0), retry(2), misuse(3), misuse(5)), mediator.Handle(func(_ context.Context, q get[int]) (int, error) {
			return q.Key, nil
		}))
		for n := 1; n <= 2*len(script); n++ {
			got, err := mediator.Send(context.Background(), m, get[int]{Key: n})
			if err == nil && got != n && got != -1 {
				t.Fatalf("call %d got the response of call %d", n, got)
			}
		}
		stragglers.Wait()
	})
}
