package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator/examples/internal/input"
	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/intake"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/sample"
)

// source is where the orders come from.
type source struct {
	name   string
	orders func() (iter.Seq2[messages.PlaceOrder, error], error)
	total  int // 0 if not known
	stock  map[string]int64
	close  func() error
}

func open(c config, stdin io.Reader) (source, error) {
	s := source{stock: sample.Stock(), close: func() error { return nil }}
	if c.n > 0 {
		s.name, s.total, s.stock = fmt.Sprintf("the generator (%d)", c.n), c.n, sample.GeneratedStock(c.n)
		s.orders = func() (iter.Seq2[messages.PlaceOrder, error], error) { return sample.Generate(c.n, 1), nil }
		return s, nil
	}
	in, err := input.Open(c.in, stdin, input.Source{Name: "the sample file", Reader: sample.Orders()})
	if err != nil {
		return s, err
	}
	s.name, s.close = in.Name, in.Close
	s.orders = func() (iter.Seq2[messages.PlaceOrder, error], error) { return intake.Orders(in, intake.FormatOf(c.in)) }
	return s, nil
}

// workers is how many orders wait for their receipt at a time.
const workers = 16

// feed places orders.
type feed struct {
	place func(context.Context, messages.PlaceOrder) (messages.Receipt, error)
	run   string        // what the IDs of the orders begin with
	after func(n int64) // is called when n orders have been handed out, on one goroutine
	log   *console

	skipped     int64 // lines that are no order
	interrupted bool
	accepted    atomic.Int64
	failed      atomic.Int64 // orders of which there is no receipt
}

// placeAll places orders until there are no more or ctx ends. Then it waits for the
// receipts of those that are on their way. The error is that of the input.
func (f *feed) placeAll(ctx context.Context, s source) error {
	jobs := make(chan messages.PlaceOrder)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for o := range jobs {
				f.handle(context.WithoutCancel(ctx), o)
			}
		})
	}
	err := f.distribute(ctx, read(ctx, s), jobs)
	close(jobs)
	all.Wait()
	return err
}

func (f *feed) distribute(ctx context.Context, lines <-chan line, jobs chan<- messages.PlaceOrder) error {
	for n := int64(0); ; {
		var l line
		more := false
		select {
		case l, more = <-lines:
		case <-ctx.Done():
		}
		_, malformed := errors.AsType[*intake.LineError](l.err)
		switch {
		case ctx.Err() != nil:
			f.interrupted = true
			return nil
		case !more:
			return nil
		case malformed && !l.none:
			f.skipped++
			f.log.printf("skipped %v", l.err)
		case l.err != nil:
			return l.err
		default:
			n++
			// An order that may be placed twice, for want of an answer, needs its ID first.
			l.order.OrderID = fmt.Sprintf("%s-%d", f.run, n)
			jobs <- l.order
			f.after(n)
		}
	}
}

func (f *feed) handle(ctx context.Context, o messages.PlaceOrder) {
	if _, err := f.place(ctx, o); err != nil {
		f.failed.Add(1)
		f.log.printf("order %s of %s failed: %s", o.OrderID, o.Email, printing.OneLine(err))
		return
	}
	f.accepted.Add(1)
}

// line is an order that was read, or why there is none.
type line struct {
	order messages.PlaceOrder
	err   error
	none  bool // there are no orders to be read
}

// read reads on a goroutine of its own, because a read from a terminal or a pipe may
// block and cannot be interrupted: when ctx ends, the goroutine ends with the read
// that it is in.
func read(ctx context.Context, s source) <-chan line {
	lines := make(chan line)
	go func() {
		defer close(lines)
		pass := func(l line) bool {
			select {
			case lines <- l:
				return true
			case <-ctx.Done():
				return false
			}
		}
		orders, err := s.orders()
		if err != nil {
			pass(line{err: err, none: true})
			return
		}
		for o, err := range orders {
			if !pass(line{order: o, err: err}) {
				return
			}
		}
	}()
	return lines
}
