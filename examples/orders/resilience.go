package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/payment"
	"github.com/fsmediator/mediator/health"
)

// resilience is what stands around the services so that they get along with
// faults. They know nothing of it.
type resilience struct {
	run      string // what the IDs of orders begin with
	faults   *faults
	recorder *behaviors.Recorder
	store    deadletter.Store
	durable  bool // a later run can have the letters
	dropped  func() uint64
	close    func() error
	log      *console

	opened, closed atomic.Int64 // how often the breaker did
	breaker        *behaviors.Breaker
	monitor        *health.Monitor // nil unless there is a site to show it
	site           *site           // nil until it is open
}

// The most dead letters kept in memory. A file keeps all of them.
const (
	mostLetters     = 200_000
	mostLetterBytes = 512 << 20
)

// newResilience opens the file of dead letters, if there is to be one.
func newResilience(c config, log *console) (*resilience, error) {
	r := &resilience{
		run: "o", faults: newFaults(c, behaviors.Attempt), recorder: behaviors.NewRecorder(),
		close: func() error { return nil }, log: log,
	}
	if c.http != "" {
		r.monitor = health.New(health.Config{})
	}
	if c.dlq == "" {
		memory := deadletter.NewMemory(deadletter.Retention{Letters: mostLetters, Bytes: mostLetterBytes})
		r.store, r.dropped = memory, memory.Dropped
		return r, nil
	}
	file, err := boltmediator.Open(c.dlq)
	if err != nil {
		return nil, err
	}
	r.store, r.durable, r.dropped, r.close = file, true, file.Dropped, file.Close
	r.run = "o" + strings.ToLower(rand.Text()[:10]) + "-"
	return r, nil
}

// around is what stands around the handlers, the outermost first. Subscribers may
// be called again: they do nothing twice. Requests may not, an order would be
// placed twice.
func (r *resilience) around() mediator.Option {
	subscribers := func(b mediator.Behavior) mediator.Behavior {
		return behaviors.When(behaviors.IsKind(mediator.KindNotification), b)
	}
	return mediator.Options(
		mediator.OnWarning(r.log.print),
		mediator.OnClose(func(ctx context.Context) error { return r.site.close(ctx) }),
		mediator.Use(r.watchers()...),
		mediator.Use(
			subscribers(mediator.Around(carryOrder)),
			subscribers(behaviors.Fallback(letterIsEnough)),
			subscribers(deadletter.Behavior(r.store, deadletter.Headers(r.headers))),
			subscribers(behaviors.Recover()),
			subscribers(behaviors.Retry(behaviors.RetryConfig{
				// Where the breaker is open, its error says itself when to come back.
				Retries: 3, Delay: 200 * time.Microsecond, MaxDelay: 2 * longestBreak,
				// The workers bound what waits for the provider: while its breaker is open,
				// orders are to wait, not to rush into dead letters for want of a budget.
				Budget: behaviors.NoBudget(),
			})),
			subscribers(r.faults),
		),
	)
}

// watchers are what stands around all handlers, and sees what the callers see.
func (r *resilience) watchers() []mediator.Behavior {
	if r.monitor == nil {
		return []mediator.Behavior{r.recorder}
	}
	return []mediator.Behavior{r.recorder, r.monitor}
}

// letterIsEnough has whoever published the message go on where the failure is kept
// in a dead letter. One that could not be kept is the publisher's.
func letterIsEnough(_ context.Context, err error) (mediator.None, error) {
	if _, lost := errors.AsType[*deadletter.StoreError](err); lost {
		return mediator.None{}, err
	}
	return mediator.None{}, nil
}

// chargeCard is a call of the payment provider, as a request, so that behaviors
// may stand around it alone.
type chargeCard struct {
	mediator.Command
	Payment messages.PaymentRequested
}

const (
	chargeName   = "provider.charge"
	chargeLimit  = 100 * time.Millisecond
	longestBreak = 80 * time.Millisecond
)

// MessageName implements [mediator.MessageNamer].
func (chargeCard) MessageName() string { return chargeName }

// guard puts behaviors around the charge of a provider. The retry is that of the
// subscriber who asks for it: one inside of another would multiply the attempts.
func (r *resilience) guard(p payment.Provider) mediator.Option {
	r.breaker = behaviors.CircuitBreaker(behaviors.BreakerConfig{
		ConsecutiveFailures: 5, Break: 10 * time.Millisecond, MaxBreak: longestBreak, Trials: 2, TrialWait: time.Second,
		Classify: func(err error) behaviors.Outcome {
			if _, declined := errors.AsType[*payment.DeclinedError](err); declined {
				return behaviors.OutcomeSuccess // the provider works
			}
			return behaviors.OutcomeOf(err)
		},
		OnStateChange: r.stateChanged,
	})
	return mediator.Handle(
		func(ctx context.Context, q chargeCard) (mediator.None, error) {
			return mediator.None{}, p.Charge(ctx, q.Payment)
		},
		mediator.Use(
			r.breaker, behaviors.Timeout(chargeLimit), r.faults))
}

func (r *resilience) stateChanged(c behaviors.StateChange) {
	text := fmt.Sprintf("circuit breaker of %s: %v -> %v", c.Key, c.From, c.To)
	switch c.To {
	case behaviors.StateOpen:
		r.opened.Add(1)
		text += fmt.Sprintf(" for %v", rounded(c.Break))
	case behaviors.StateClosed:
		r.closed.Add(1)
	default:
		return // what comes of the trials is told next
	}
	if c.Err != nil {
		text += ": " + printing.OneLine(c.Err)
	}
	r.log.print(text)
}

type orderKey struct{}

// carryOrder notes the order in the context of all that follows from it, so that
// each letter can say whose it is.
func carryOrder(ctx context.Context, c mediator.Call, next mediator.Next) error {
	if c.Name() == createdName {
		ctx = context.WithValue(ctx, orderKey{}, c.Message())
	}
	return next(ctx, c)
}

var createdName = messages.OrderCreated{}.MessageName()

// The headers of a letter.
const (
	runHeader   = "run"   // of the process that made it
	orderHeader = "order" // as JSON
	overHeader  = "over"  // set if the order had come to its end all the same
)

func (r *resilience) headers(ctx context.Context) map[string]string {
	h := map[string]string{runHeader: r.run}
	if o, ok := ctx.Value(orderKey{}).(messages.OrderCreated); ok {
		text, err := json.Marshal(o)
		if err != nil {
			panic(err) // becomes the error of the letter
		}
		h[orderHeader] = string(text)
	}
	return h
}

// readings returns how many retries and rejections the recorder has seen.
func (r *resilience) readings() (retries, rejected int64) {
	for _, reading := range r.recorder.Snapshot().Readings {
		switch reading.Name {
		case "retries":
			retries += int64(reading.Value)
		case "rejections":
			rejected += int64(reading.Value)
		}
	}
	return retries, rejected
}

// orderOf returns the ID of the order that a message is about, "" if it is about
// none.
func orderOf(message any) string {
	switch m := message.(type) {
	case messages.OrderCreated:
		return m.OrderID
	case messages.InventoryReserved:
		return m.OrderID
	case messages.InventoryRejected:
		return m.OrderID
	case messages.PaymentRequested:
		return m.OrderID
	case messages.PaymentProcessed:
		return m.OrderID
	case messages.PaymentFailed:
		return m.OrderID
	case messages.OrderCompleted:
		return m.Order.OrderID
	case messages.OrderCancelled:
		return m.Order.OrderID
	case chargeCard:
		return m.Payment.OrderID
	}
	return ""
}
