package natsmediator

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outbox is the way of one type's events over a file: accept puts them in, the
// relay's goroutine sends them on.
type outbox struct {
	d    *durable
	file *boltmediator.Outbox

	js     jetstream.JetStream // its own: what nobody acknowledges is forgotten after sendTimeout
	stream jetstream.Stream    // of the relay's goroutine, nil before its first use

	idle     context.Context // ends when the relay is to end once nothing is left
	drain    context.CancelFunc
	stopping context.Context // ends when it is to end
	stop     context.CancelFunc
	done     chan struct{} // closed when it has ended
	once     sync.Once

	mu      sync.Mutex
	failure error // of the last batch, nil once one has succeeded

	reading, sending, refused trouble
}

func newOutbox(d *durable) (*outbox, error) {
	js, err := jetstream.New(d.n.nc, jetstream.WithPublishAsyncTimeout(sendTimeout))
	if err != nil {
		return nil, err
	}
	o := &outbox{js: js, d: d, file: d.config.outbox.Outbox(d.stream, d.config.outboxOpts...), done: make(chan struct{})}
	o.stopping, o.stop = context.WithCancel(context.Background())
	o.idle, o.drain = context.WithCancel(o.stopping)
	return o, nil
}

// accept returns once the event is synced.
func (o *outbox) accept(ctx context.Context, msg *nats.Msg) error {
	return o.file.Append(ctx, encodeRecord(msg))
}

func (o *outbox) start() error {
	err := o.d.n.spawn(func() {
		defer close(o.done)
		o.relay()
	})
	if err != nil {
		close(o.done)
	}
	return err
}

// close relays what there is, unless the server is away or ctx ends, and ends the
// relay. What is left stays in the file.
func (o *outbox) close(ctx context.Context) error {
	o.once.Do(func() {
		defer o.stop()
		o.drain()
		select {
		case <-o.done:
		case <-ctx.Done():
			o.stop()
			<-o.done
		}
		o.js.CleanupPublisher()
		if left := o.file.Depth(); left > 0 {
			o.d.log.Info("natsmediator: events are left in the outbox for the process that opens it next", "stream", o.d.stream, "events", left)
		}
	})
	return nil
}

const (
	// relayBatch is how many events are sent on at once: an atomic batch of the
	// server's has 1000 at most.
	relayBatch = 500
	relayWait  = 50 * time.Millisecond // after the first failure, doubled with each
	relayMost  = 2 * time.Second
)

// relay sends on what is in the file until close, or the end of the store.
func (o *outbox) relay() {
	wait := relayWait
	for after := uint64(0); ; {
		records := o.next(after)
		if len(records) == 0 {
			return
		}
		last, err := o.sendAll(records)
		if last > 0 {
			if acked := o.file.Ack(o.stopping, last); acked != nil {
				last, err = 0, errors.Join(err, acked)
			}
		}
		if errors.Is(err, boltmediator.ErrClosed) || o.stopping.Err() != nil {
			return
		}
		o.note(err)
		if err == nil {
			o.sending.over(o.d.log, "events from the outbox are relayed again", "stream", o.d.stream)
			after, wait = last, relayWait
			continue
		}
		after = max(after, last)
		o.sending.failed(o.d.log, slog.LevelWarn, "relaying events from the outbox: they are tried again", err, "stream", o.d.stream, "waiting", o.file.Depth())
		if !pause(o.idle, wait) {
			return
		}
		wait = min(2*wait, relayMost)
	}
}

// next waits for records. It returns none when the relay is to end.
func (o *outbox) next(after uint64) []boltmediator.Record {
	for {
		ctx := o.idle
		if o.idle.Err() != nil {
			if o.stopping.Err() != nil || o.file.Depth() == 0 {
				return nil
			}
			ctx = o.stopping
		}
		records, err := o.file.Next(ctx, after, relayBatch)
		if err == nil {
			o.reading.over(o.d.log, "the outbox can be read again", "stream", o.d.stream)
			return records
		}
		if errors.Is(err, boltmediator.ErrClosed) {
			return nil
		}
		if ctx.Err() != nil {
			continue
		}
		o.note(err)
		o.reading.failed(o.d.log, slog.LevelError, "reading the outbox", err, "stream", o.d.stream)
		if !pause(o.idle, relayMost) {
			return nil
		}
	}
}

func (o *outbox) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failure = err
}

// lastFailure is why the relay makes no progress, nil if it does.
func (o *outbox) lastFailure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failure
}
