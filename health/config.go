package health

import (
	"fmt"
	"log/slog"
	"runtime/metrics"
	"time"
)

// Config configures a [Monitor]. Its zero value means the defaults; the presets
// are functions that return one to be adjusted before use. Times of more than a year
// are a year, here and in [Check].
type Config struct {
	// Interval is how often each stream is reported and the policies may adjust
	// it, at least 10ms. A tenth of the shortest of Interval, Window and Stall apart, at
	// most a second, the Monitor looks at the streams: a stall is found at a look, not
	// at a report.
	// Default: 5s.
	Interval time.Duration
	// Window is what the present rate and the share of errors are taken over. It is at
	// least 10ms, and slides at the looks, in ten steps at most: it is never shorter than
	// this, and longer by a step and the time between two looks at most. That holds after
	// a silence, too, however long. If the process was stopped for longer than Window, so
	// that nobody has looked, it begins anew. Default: Interval, at least 1s.
	Window time.Duration
	// Stall is how long a stream may go without an item, and a request or a
	// subscriber run, before it is [Stalled]. Default: 30s; never if negative.
	//
	// A stream with items in a queue is stalled as a warning, for then it is the consumer
	// that takes none. Without a queue the handler runs on the consumer's goroutine, and
	// which of the two it is cannot be told: there, what one hanging consumer may do
	// is up to MaxUnhealthy.
	Stall time.Duration
	// MaxUnhealthy is the share of a message's running streams that must be [Unhealthy]
	// for the message, and so the process, to be: fewer make a warning. So one client
	// of many that hangs does not take the process out of service, and a stream that is
	// the only one of its message does. Default: 0.5; never if negative.
	MaxUnhealthy float64
	// MinRate is the items per second below which a stream has [LowThroughput],
	// once it is as old as Window. Default: 0, any rate will do.
	MinRate float64
	// MaxGrowth is the number of bytes that the process may grow by while a stream
	// runs: beyond it the stream has [HighMemory], a warning. It is counted from the
	// beginning of the stream, and whatever else the process does is part of it: for
	// streams that are older than the caches of the process, make room for those.
	// Default: 100 MiB; no limit if negative.
	MaxGrowth int64
	// MaxErrorRate is the share of errors among the items and errors of the last
	// Window from which a stream has a [HighErrorRate], and among the calls that
	// ended well or failed from which a request or a subscriber has. It counts once the
	// window holds ten. Default: 0.05; no limit if negative.
	MaxErrorRate float64
	// MaxDropRate is the share of the produced items of the last Window that its
	// queues may drop before a stream has [Exhaustion]. What is sampled out is not
	// dropped. A queue that is under pressure for a whole Window is exhausted in any
	// case. Default: 0.1; no limit if negative.
	MaxDropRate float64
	// Degraded is the share of its usual rate below which a stream has
	// [Degradation]. The usual rate is an average in which a rate of ten Windows ago
	// has lost two thirds of its weight. It counts once the stream is two Windows
	// old, and if a Window usually holds 20 items. Default: 0.5; none if negative.
	Degraded float64
	// Recovery is how many looks in a row must find a stream, request or subscriber
	// better before its status improves. To get worse one look is enough. Default: 5.
	Recovery int

	// Reporters are given a [Report] every Interval while streams or calls run.
	// Default: none.
	Reporters []Reporter
	// Policies adjust the streams, in this order, every Interval. Default:
	// [DefaultPolicies]; to only watch, give an empty slice that is not nil.
	Policies []Policy
	// Relax is for how many Intervals in a row a stream must be calm before what was
	// adjusted is undone, see [Adjustment].
	// Default: 3.
	Relax int
	// Logger is told of each adjustment, and of each panic that [Report].Panics counts.
	// Default: [slog.Default], as it is then.
	Logger *slog.Logger

	// Checks are the components that readiness and health depend on. More can be
	// added by [Monitor.AddCheck].
	Checks []Check
	// CheckTTL is how long a check's result holds good, so that many probes cost
	// one check. Default: 2s.
	CheckTTL time.Duration
	// Sources have a state of their own to show, such as breakers. Behaviors around
	// the same handler that are a [Source] are found without being named here.
	Sources []Source

	// MaxNames bounds the memory: it is how many messages (name, kind and
	// subscriber's group) have [Totals] of their own. What comes later is counted
	// together, as [OtherName]. Default: 1000.
	MaxNames int
	// Recent is how many of the streams that ended last are kept for
	// [Report].Ended. Default: 32; none if negative.
	Recent int
	// Memory returns the number of bytes in use. It is called once a look for all
	// streams together. Default: the heap objects that the latest garbage
	// collection found alive, and the stacks. So garbage is no growth.
	Memory func() uint64
}

// OtherName is the name that the messages beyond [Config].MaxNames are counted
// under. Its kind is 0.
const OtherName = "other"

const mib = 1 << 20

// HighPerformance is for streams that are expected to be fast, and few errors.
func HighPerformance() Config {
	return Config{Interval: 5 * time.Second, Stall: 10 * time.Second, MinRate: 1000, MaxGrowth: 50 * mib, MaxErrorRate: 0.01}
}

// DataProcessing is for imports, exports and the like.
func DataProcessing() Config {
	return Config{Interval: 30 * time.Second, Stall: 2 * time.Minute, MinRate: 50, MaxGrowth: 200 * mib, MaxErrorRate: 0.05}
}

// LongRunning is for streams that go on for hours.
func LongRunning() Config {
	return Config{Interval: time.Minute, Stall: 5 * time.Minute, MinRate: 10, MaxGrowth: 500 * mib, MaxErrorRate: 0.1}
}

// RealTime is for streams that somebody watches.
func RealTime() Config {
	return Config{Interval: 2 * time.Second, Stall: 5 * time.Second, MinRate: 100, MaxGrowth: 25 * mib, MaxErrorRate: 0.001}
}

// Development tolerates much.
func Development() Config {
	return Config{Interval: 10 * time.Second, Stall: 30 * time.Second, MinRate: 1, MaxGrowth: 100 * mib, MaxErrorRate: 0.2}
}

// complete returns c with its defaults. It panics if c makes no sense.
func (c Config) complete() Config {
	refuse := func(bad bool, field string, v any, why string) {
		if bad {
			panic(fmt.Sprintf("health: %s is %v: %s", field, v, why))
		}
	}
	refuse(c.Interval != 0 && c.Interval < 10*time.Millisecond, "Interval", c.Interval, "it must be at least 10ms")
	refuse(c.Window != 0 && c.Window < 10*time.Millisecond, "Window", c.Window, "it must be at least 10ms")
	refuse(!(c.MinRate >= 0), "MinRate", c.MinRate, "it cannot be negative")
	refuse(!(c.MaxUnhealthy <= 1), "MaxUnhealthy", c.MaxUnhealthy, "it is a share, at most 1")
	refuse(!(c.MaxErrorRate <= 1), "MaxErrorRate", c.MaxErrorRate, "it is a share, at most 1")
	refuse(!(c.MaxDropRate <= 1), "MaxDropRate", c.MaxDropRate, "it is a share, at most 1")
	refuse(!(c.Degraded <= 1), "Degraded", c.Degraded, "it is a share, at most 1")
	refuse(c.Recovery < 0, "Recovery", c.Recovery, "it cannot be negative")
	refuse(c.Relax < 0, "Relax", c.Relax, "it cannot be negative")
	refuse(c.CheckTTL < 0, "CheckTTL", c.CheckTTL, "it cannot be negative")
	refuse(c.MaxNames < 0, "MaxNames", c.MaxNames, "it cannot be negative")
	for i, r := range c.Reporters {
		refuse(r == nil, fmt.Sprintf("Reporters[%d]", i), nil, "leave it out")
	}
	for i, p := range c.Policies {
		refuse(p == nil, fmt.Sprintf("Policies[%d]", i), nil, "leave it out")
	}
	for i, s := range c.Sources {
		refuse(s == nil, fmt.Sprintf("Sources[%d]", i), nil, "leave it out")
	}
	orDefault(&c.Interval, 5*time.Second)
	orDefault(&c.Window, max(c.Interval, time.Second))
	orDefault(&c.Stall, 30*time.Second)
	orDefault(&c.MaxGrowth, 100*mib)
	orDefault(&c.MaxUnhealthy, 0.5)
	orDefault(&c.MaxErrorRate, 0.05)
	orDefault(&c.MaxDropRate, 0.1)
	orDefault(&c.Degraded, 0.5)
	orDefault(&c.Recovery, 5)
	orDefault(&c.Relax, 3)
	orDefault(&c.CheckTTL, 2*time.Second)
	orDefault(&c.MaxNames, 1000)
	orDefault(&c.Recent, 32)
	c.Recent = max(c.Recent, 0)
	c.Interval, c.Window, c.Stall = min(c.Interval, longest), min(c.Window, longest), min(c.Stall, longest)
	if c.Policies == nil {
		c.Policies = DefaultPolicies()
	}
	if c.Memory == nil {
		c.Memory = memoryInUse
	}
	return c
}

// longest is a time that can still be added to others, and multiplied by what they are
// multiplied by here.
const longest = 365 * 24 * time.Hour

// orDefault replaces a zero value.
func orDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// memoryInUse is what Config.Memory is by default.
func memoryInUse() uint64 {
	samples := [...]metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples[:])
	var sum uint64
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	return sum
}
