package behaviors

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/unwrap"
	"github.com/fsmediator/mediator/internal/wrapped"
	"golang.org/x/sync/singleflight"
)

// ErrAbandoned is the cause with which [Coalesce] cancels the context of a run
// that every caller has left.
var ErrAbandoned = errors.New("every caller has left")

// Coalesce has the requests of one handler that have the same key and are in
// progress at the same time run once: all of them get the response of that run,
// the same value, or its error. key is called for each request, concurrently; a
// request for which it returns "" runs by itself. Notifications and streams pass.
//
// Whatever decides the answer must be in the key, or callers get each other's. It can
// hold nothing of the context; where a tenant, a user or a language there decides it,
// take [CoalesceBy].
//
// The run has the values of the first caller's context, but not its cancellation
// or deadline. A caller whose context ends leaves with that context's error, and
// the others are not disturbed. When the last one leaves, the run's context is
// cancelled ([ErrAbandoned]), and this last caller waits for it to end. Once one has
// left because its deadline passed, nobody joins that run any more, as it may hang: who
// comes then begins another. So callers with very different deadlines share less. A
// deadline for the run itself is a [Timeout] inside; [mediator.New] warns if there is
// one outside alone.
//
// A request that the run sends with its context, and that would wait for that run,
// since it has the same key or since the run of its key waits for that run in turn, does
// not: it runs by itself.
//
// A panic of the run reaches every caller that waits for it, as a panic with a
// [*mediator.PanicError]; [runtime.Goexit] is [mediator.ErrGoexit]. It allocates,
// for the run's goroutine. It panics if key is nil.
func Coalesce(key func(mediator.Call) string) mediator.Behavior {
	if key == nil {
		panic("behaviors: Coalesce: the key function is nil")
	}
	return &coalesce{func(_ context.Context, c mediator.Call) string { return key(c) }}
}

// CoalesceBy is [Coalesce] with a key that is also told the caller's context, for
// answers that depend on what is in it:
//
//	func(ctx context.Context, c mediator.Call) string { return tenantOf(ctx) + "/" + c.Message().(Find).SKU }
//
// The run has the values of the context of the first caller alone, so what of them
// decides the answer, also what it may see, belongs into the key. It panics if key is nil.
func CoalesceBy(key func(context.Context, mediator.Call) string) mediator.Behavior {
	if key == nil {
		panic("behaviors: CoalesceBy: the key function is nil")
	}
	return &coalesce{key}
}

type coalesce struct {
	key func(context.Context, mediator.Call) string
}

// BehaviorName returns "Coalesce".
func (*coalesce) BehaviorName() string { return "Coalesce" }

// CheckWiring warns of a time limit for the callers and none for the run.
func (*coalesce) CheckWiring(outer, inner []mediator.Behavior) []string {
	limited := func(b mediator.Behavior) bool { return limitsTime(b) && neighbor.Surely(b) }
	if slices.ContainsFunc(outer, limited) && !slices.ContainsFunc(inner, limitsTime) {
		return []string{"a Timeout stands around it and none inside: a run has no time limit, and whoever has joined one that hangs fails; put one inside as well"}
	}
	return nil
}

func limitsTime(b mediator.Behavior) bool {
	switch b := unwrap.Innermost(b).(type) {
	case *timeout:
		return true
	case *retry:
		return b.AttemptTimeout > 0
	}
	return false
}

func (b *coalesce) Wrap(next mediator.Next) mediator.Next {
	flights := &flights{next: next, byKey: map[string]*flight{}}
	return func(ctx context.Context, c mediator.Call) error {
		if c.Kind() != mediator.KindRequest {
			return next(ctx, c)
		}
		key := b.key(ctx, c)
		if key == "" {
			return next(ctx, c)
		}
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		return flights.join(ctx, c, key)
	}
}

// flights is the runs in progress of one handler.
type flights struct {
	next  mediator.Next
	group singleflight.Group

	mu    sync.Mutex
	byKey map[string]*flight // as in group
}

// flight is one run.
type flight struct {
	key     string
	callers int // that wait for it
	cancel  context.CancelCauseFunc
	late    atomic.Bool // a caller's deadline has passed
	waits   map[*flight]int
}

type flightKey struct{}

// flightOf is the run that has ctx, or has begun what has it; nil if there is none.
func flightOf(ctx context.Context) *flight {
	f, _ := ctx.Value(flightKey{}).(*flight)
	return f
}

// landing is how a run has ended.
type landing struct {
	response any
	err      error
	panicked *mediator.PanicError
}

func (s *flights) join(ctx context.Context, c mediator.Call, key string) error {
	in := flightOf(ctx)
	f, landed, err := s.board(ctx, c, key, in)
	switch {
	case err != nil:
		return err
	case f == nil:
		return s.next(ctx, c)
	}
	if in != nil {
		defer in.waited(f)
	}
	select {
	case r := <-landed:
		s.leave(f, false)
		return r.Val.(*landing).deliver(c)
	case <-ctx.Done():
	}
	if s.leave(f, isLate(ctx) || in != nil && in.late.Load()) {
		if r := (<-landed).Val.(*landing); r.panicked != nil {
			panic(r.panicked)
		}
	}
	return ending.Of(ctx)
}

// isLate tells whether ctx has ended because a deadline passed.
func isLate(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || wrapped.Is(context.Cause(ctx), context.DeadlineExceeded)
}

// board makes the caller one of those that wait for the run of the key, and
// begins it if there is none. It returns no flight if that run waits for the caller's,
// in.
func (s *flights) board(ctx context.Context, c mediator.Call, key string, in *flight) (*flight, <-chan singleflight.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.byKey[key]
	var run func() (any, error)
	if f == nil {
		fork, err := c.Fork()
		if err != nil {
			return nil, nil, err
		}
		f = &flight{key: key}
		detached, cancel := context.WithCancelCause(context.WithValue(context.WithoutCancel(ctx), flightKey{}, f))
		f.cancel = cancel
		run = func() (any, error) {
			landed := s.fly(detached, fork)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.forget(f)
			return landed, nil
		}
	}
	if in != nil && !in.wait(f) {
		return nil, nil, nil
	}
	s.byKey[key] = f
	f.callers++
	return f, s.group.DoChan(key, run), nil
}

// fly runs next on a goroutine of its own: what a panic or Goexit would leave
// undone in a singleflight is not.
func (s *flights) fly(ctx context.Context, c mediator.Call) *landing {
	r := &landing{err: mediator.ErrGoexit}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				r.panicked = caught.Panic(v)
			}
		}()
		err := s.next(ctx, c)
		r.response, r.err = c.Response(), err
	}()
	<-done
	return r
}

// leave takes a caller off f, and tells whether it was the last. If so, or if it is
// late, the next caller with the key begins another run.
func (s *flights) leave(f *flight, late bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.callers--
	if late {
		f.late.Store(true)
		s.forget(f)
	}
	if f.callers > 0 {
		return false
	}
	s.forget(f)
	f.cancel(ErrAbandoned)
	return true
}

// forget is called with mu held.
func (s *flights) forget(f *flight) {
	if s.byKey[f.key] == f {
		delete(s.byKey, f.key)
		s.group.Forget(f.key)
	}
}

// deliver gives the outcome to the caller of c.
func (r *landing) deliver(c mediator.Call) error {
	if r.panicked != nil {
		panic(r.panicked)
	}
	if r.err != nil {
		return r.err
	}
	return c.SetResponse(r.response)
}
