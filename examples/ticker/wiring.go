package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/examples/ticker/market"
	"github.com/fsmediator/mediator/health"
)

// system is the mediator and what stands around its handlers.
type system struct {
	mediator *mediator.Mediator
	market   *market.Market
	faults   *market.Faults
	monitor  *health.Monitor
	queues   map[string]*backpressure.Control // by consumer
}

// wire puts the market, the streams and what stands around them together. It is the
// only place that knows all of them.
func wire(c config, log *journal, logger *slog.Logger) (*system, error) {
	s := &system{queues: map[string]*backpressure.Control{}}
	s.faults = market.NewFaults(market.FaultsConfig{
		Cuts: c.faults, StallEvery: c.stallEvery, Seed: c.seed,
		OnFault: func(stream, what string) { log.add("injected: %s: %s", stream, what) },
	})
	s.market = market.New(s.faults)
	s.monitor = health.New(watch(c, log, logger))
	for name, q := range c.queues {
		q.OnPressure = func(e backpressure.Event) { log.pressure(name, e) }
		s.queues[name] = backpressure.Of(backpressure.New(q))
	}
	var err error
	s.mediator, err = mediator.New(
		mediator.OnWarning(func(warning string) { log.add("%s", warning) }),
		market.Handle[market.Fast](s.market, mediator.Use(s.around(fast, log, logger)...)),
		market.Handle[market.Slow](s.market, mediator.Use(s.around(slow, log, logger)...)),
		market.Handle[market.Mobile](s.market, mediator.Use(s.around(mobile, log, logger)...)),
		mediator.Handle(s.market.HandleNewest),
	)
	return s, err
}

// watch is how the streams are watched and adjusted: as package health has it for
// streams that somebody looks at, with the times of the flags.
func watch(c config, log *journal, logger *slog.Logger) health.Config {
	w := health.RealTime()
	w.Interval, w.Stall = c.interval, c.stall
	w.MinRate = 0 // a slow consumer under Block has the rate that it wants
	w.MaxErrorRate = 0.05
	w.Policies = append(health.DefaultPolicies(), health.Restart{})
	w.Reporters = []health.Reporter{health.ReporterFunc(log.report)}
	w.Logger = logger
	return w
}

// around is the behaviors of the stream of one consumer: those of
// [behaviors.StreamingPlatinum], in its order. Its retry is sooner here, for somebody
// looks on; its breaker leaves out the lines that go down, of which there may be more
// than of quotes, and both tell what they do.
func (s *system) around(consumer string, log *journal, logger *slog.Logger) []mediator.Behavior {
	return behaviors.StreamingPlatinum(behaviors.StreamingConfig{
		Logger: logger, Health: s.monitor, Backpressure: s.queues[consumer],
		Retry: &behaviors.RetryConfig{
			Retries: 5, Delay: 250 * time.Millisecond, MaxDelay: 5 * time.Second, Backoff: behaviors.Exponential,
			OnRetry: func(ctx context.Context, r behaviors.RetryEvent) {
				health.NoteError(ctx, r.Err)
				log.add("%s: resumed after %v: %v", r.Name, r.Waited.Round(time.Millisecond), r.Err)
			},
		},
		Breaker: &behaviors.BreakerConfig{
			FailureRatio: 0.5, MinCalls: 3, Window: 3 * time.Minute, Break: time.Minute, Classify: classify,
			OnStateChange: func(c behaviors.StateChange) { log.add("%s: the breaker is %v", c.Key, c.To) },
		},
	})
}

// classify has the breaker of a stream ignore that a line has gone down: that says
// nothing about what is at its other end.
func classify(err error) behaviors.Outcome {
	if errors.Is(err, market.ErrCut) || errors.Is(err, health.ErrStalled) {
		return behaviors.OutcomeIgnored
	}
	return behaviors.OutcomeOf(err)
}

// subscribe returns the stream that a consumer reads.
func (s *system) subscribe(consumer string) func(ctx context.Context, after uint64) iter.Seq2[market.Quote, error] {
	return func(ctx context.Context, after uint64) iter.Seq2[market.Quote, error] {
		from := market.Subscription{After: after}
		switch consumer {
		case fast:
			return mediator.Stream(ctx, s.mediator, market.Fast{Subscription: from})
		case slow:
			return mediator.Stream(ctx, s.mediator, market.Slow{Subscription: from})
		case mobile:
			return mediator.Stream(ctx, s.mediator, market.Mobile{Subscription: from})
		}
		panic(fmt.Sprintf("there is no consumer %q", consumer))
	}
}

// newest returns the number of the newest quote.
func (s *system) newest(ctx context.Context) (uint64, error) {
	return mediator.Send(ctx, s.mediator, market.Newest{})
}
