package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/intake"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// feed places orders with a fixed number of workers.
type feed struct {
	place   func(context.Context, messages.PlaceOrder) (messages.Receipt, error)
	workers int
	every   time.Duration // an order, 0 for no limit
	log     *console

	skipped     int64 // lines that are no order
	interrupted bool
	failed      atomic.Int64 // orders that place returned an error for
}

// run places orders until there are no more or ctx ends. Then it waits for the
// orders in progress, which do not notice that ctx ended. The error is that of
// the input.
func (f *feed) run(ctx context.Context, orders iter.Seq2[messages.PlaceOrder, error]) error {
	jobs := make(chan messages.PlaceOrder)
	var workers sync.WaitGroup
	for range f.workers {
		workers.Go(func() {
			for o := range jobs {
				f.handle(context.WithoutCancel(ctx), o)
			}
		})
	}
	err := f.distribute(ctx, read(ctx, orders), jobs)
	close(jobs)
	workers.Wait()
	return err
}

// distribute reports the lines that are no order, in their order, and passes the
// others on.
func (f *feed) distribute(ctx context.Context, lines <-chan line, jobs chan<- messages.PlaceOrder) error {
	var due <-chan time.Time
	if f.every > 0 {
		tick := time.NewTicker(f.every)
		defer tick.Stop()
		due = tick.C
	}
	for {
		var l line
		more := false
		if ctx.Err() == nil {
			select {
			case l, more = <-lines:
			case <-ctx.Done():
			}
		}
		switch _, malformed := errors.AsType[*intake.LineError](l.err); {
		case ctx.Err() != nil:
			f.interrupted = true
			return nil
		case !more:
			return nil
		case malformed:
			f.skipped++
			f.log.print(fmt.Sprintf("skipped %v", l.err))
		case l.err != nil:
			return l.err
		default:
			if due != nil {
				select {
				case <-due:
				case <-ctx.Done():
					f.interrupted = true
					return nil
				}
			}
			jobs <- l.order
		}
	}
}

func (f *feed) handle(ctx context.Context, o messages.PlaceOrder) {
	receipt, err := f.place(ctx, o)
	if err == nil {
		return
	}
	f.failed.Add(1)
	f.log.print(fmt.Sprintf("order %s of %s failed: %s", receipt.OrderID, o.Email, printing.OneLine(err)))
}

// line is an order that was read, or why there is none.
type line struct {
	order messages.PlaceOrder
	err   error
}

// read ranges over orders on a goroutine of its own, because a read from a
// terminal or a pipe may block and cannot be interrupted: when ctx ends, the
// goroutine ends with the read that it is in.
func read(ctx context.Context, orders iter.Seq2[messages.PlaceOrder, error]) <-chan line {
	lines := make(chan line)
	go func() {
		defer close(lines)
		for o, err := range orders {
			select {
			case lines <- line{order: o, err: err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}
