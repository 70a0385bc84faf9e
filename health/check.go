package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
)

// Check asks a component whether it works: the store of the dead letters, a
// transport, a database.
type Check struct {
	// Name is the component's, unique within the Monitor.
	Name string
	// Func returns nil if the component works. It should heed its context, which
	// ends after Timeout. One that does not is left running, and not started again
	// until it has returned; meanwhile the check has failed with [ErrCheckRunning].
	// A panic is a failure, too.
	Func func(ctx context.Context) error
	// Timeout is how long it may take; 50ms later the check has failed, whether Func
	// has returned or not. Default: 800ms, so that a probe is answered within the second
	// that Kubernetes gives it.
	Timeout time.Duration
	// Optional makes a failure a [Warning]: the process is still ready and healthy,
	// only worse.
	Optional bool
}

// ErrCheckRunning is the error of a check that has not returned although its time
// is over.
var ErrCheckRunning = errors.New("the check has not returned")

const defaultTimeout = 800 * time.Millisecond

// AddCheck adds a check to those of [Config]. It panics if the check has no name
// or function, a negative Timeout, or the name of another.
func (m *Monitor) AddCheck(c Check) {
	switch {
	case c.Name == "":
		panic("health: Check without a Name")
	case c.Func == nil:
		panic(fmt.Sprintf("health: Check %q: Func is nil", c.Name))
	case c.Timeout < 0:
		panic(fmt.Sprintf("health: Check %q: Timeout is %v: it cannot be negative", c.Name, c.Timeout))
	}
	orDefault(&c.Timeout, defaultTimeout)
	c.Timeout = min(c.Timeout, longest)
	m.checks.mu.Lock()
	defer m.checks.mu.Unlock()
	if slices.ContainsFunc(m.checks.all, func(known *checked) bool { return known.Name == c.Name }) {
		panic(fmt.Sprintf("health: two checks with the name %q", c.Name))
	}
	m.checks.all = append(m.checks.all, &checked{Check: c})
}

// checks is the checks of a Monitor.
type checks struct {
	ttl time.Duration

	mu  sync.Mutex
	all []*checked
}

// checked is a check and its latest result.
type checked struct {
	Check

	mu      sync.Mutex
	flight  *flight // the one in progress, or the latest
	latest  *flight // with a result
	running bool    // the function has not returned
}

// flight is one time that a check is made; what it found is valid once done is
// closed.
type flight struct {
	done  chan struct{}
	began time.Time
	ended time.Time
	err   error
}

// run makes all checks, in parallel, or takes the results that still hold good. It
// returns when all have a result, or when ctx ends.
func (cs *checks) run(ctx context.Context) []Component {
	all := cs.list()
	flights := make([]*flight, len(all))
	for i, c := range all {
		flights[i] = c.start(cs.ttl)
	}
	components := make([]Component, len(all))
	for i, c := range all {
		select {
		case <-flights[i].done:
			components[i] = c.component(flights[i])
		case <-ctx.Done():
			components[i] = Component{Name: c.Name, Status: c.failed(), Err: context.Cause(ctx), Time: flights[i].began}
		}
	}
	return components
}

func (cs *checks) list() []*checked {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.Clone(cs.all)
}

// components is the latest results, none for a check that was never made.
func (cs *checks) components() []Component {
	all := []Component{}
	for _, c := range cs.list() {
		c.mu.Lock()
		f := c.latest
		c.mu.Unlock()
		if f == nil {
			all = append(all, Component{Name: c.Name})
			continue
		}
		all = append(all, c.component(f))
	}
	return all
}

func (c *checked) component(f *flight) Component {
	component := Component{Name: c.Name, Err: f.err, Time: f.ended, Took: f.ended.Sub(f.began)}
	if f.err != nil {
		component.Status = c.failed()
	}
	return component
}

// failed is what a failure of the check makes of the status.
func (c *checked) failed() Status {
	if c.Optional {
		return Warning
	}
	return Unhealthy
}

// start returns the flight in progress, or one that holds good, or begins another.
// While a function that did not heed its time still runs, its last result holds.
func (c *checked) start(ttl time.Duration) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flight; f != nil {
		select {
		case <-f.done:
			if c.running || time.Since(f.ended) < ttl {
				return f
			}
		default:
			return f
		}
	}
	f := &flight{done: make(chan struct{}), began: time.Now()}
	c.flight, c.running = f, true
	go c.fly(f)
	return f
}

// fly makes the check, and ends when it has a result.
func (c *checked) fly(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	result := make(chan error, 1)
	go func() {
		defer cancel()
		c.call(ctx, result)
	}()
	late := time.NewTimer(c.Timeout + grace)
	defer late.Stop()
	select {
	case f.err = <-result:
	case <-late.C:
		f.err = fmt.Errorf("%w in %v", ErrCheckRunning, c.Timeout)
	}
	f.ended = time.Now()
	c.mu.Lock()
	c.latest = f
	c.mu.Unlock()
	close(f.done)
}

// grace is what a function has to return once its context has ended.
const grace = 50 * time.Millisecond

// call runs the function. It has returned once running is false.
func (c *checked) call(ctx context.Context, result chan<- error) {
	err := mediator.ErrGoexit
	defer func() {
		if v := recover(); v != nil {
			err = caught.Panic(v)
		}
		c.mu.Lock()
		c.running = false
		c.mu.Unlock()
		result <- err
	}()
	err = c.Func(ctx)
}
