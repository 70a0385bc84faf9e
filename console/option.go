package console

import (
	"fmt"
	"net/http"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
)

// Option configures a [Handler].
type Option interface{ apply(c *config) }

type config struct {
	recorder  *behaviors.Recorder
	monitor   *health.Monitor
	store     deadletter.Store
	redriving []deadletter.RedriveOption
	authorize func(*http.Request, Action) error
	interval  time.Duration
}

type option func(c *config)

func (f option) apply(c *config) { f(c) }

// Recorder sets where all traffic is taken from. Default: for each handler, the
// Recorder that stands around it.
func Recorder(r *behaviors.Recorder) Option {
	must(r != nil, "Recorder: the Recorder is nil")
	return option(func(c *config) { c.recorder = r })
}

// Health sets whose report of streams and components is shown. Default: those of the
// monitors that stand around handlers.
func Health(m *health.Monitor) Option {
	must(m != nil, "Health: the Monitor is nil")
	return option(func(c *config) { c.monitor = m })
}

// DeadLetters has the letters of s shown; opts are for their redrives, such as
// [deadletter.Context] and [deadletter.Streams]. A letter that is refused, as by a rate
// limit, is waited for for a second, unless [deadletter.MaxWait] is among them: somebody
// looks at the page. One that another request to this Handler has redriven just then is
// skipped, so that a second click handles nothing twice; for what else redrives the same
// letters, see [deadletter.Redrive]. Default: no letters are shown.
func DeadLetters(s deadletter.Store, opts ...deadletter.RedriveOption) Option {
	must(s != nil, "DeadLetters: the Store is nil")
	for _, o := range opts {
		must(o != nil, "DeadLetters: a nil RedriveOption")
	}
	opts = append([]deadletter.RedriveOption{deadletter.MaxWait(redriveWait)}, opts...)
	return option(func(c *config) { c.store, c.redriving = s, opts })
}

// Authorize turns the actions on. f is called for each one with the request that asks
// for it, concurrently, and returns an error if it is not to be; the error's text is
// shown to who asked. To let everybody do everything, return nil. Default: there are
// no actions.
func Authorize(f func(r *http.Request, a Action) error) Option {
	must(f != nil, "Authorize: the function is nil")
	return option(func(c *config) { c.authorize = f })
}

// Interval sets how often the open pages are given new figures. Default: 1s. It panics
// if d is less than 10ms.
func Interval(d time.Duration) Option {
	must(d >= 10*time.Millisecond, "Interval(%v): it must be at least 10ms", d)
	return option(func(c *config) { c.interval = d })
}

const defaultInterval = time.Second

func must(ok bool, format string, args ...any) {
	if !ok {
		panic("console: " + fmt.Sprintf(format, args...))
	}
}
