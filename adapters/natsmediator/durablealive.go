package natsmediator

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// alive is the messages in hand.
type alive struct {
	mu   sync.Mutex
	msgs map[place]held
}

type held struct {
	msg   *message
	nanos int64 // when the event was stored
}

// place tells messages apart, but not their deliveries.
type place struct {
	consumer string
	sequence uint64
}

// stored tells events apart also if their stream was made again, and counts from one.
type stored struct {
	place
	nanos int64
}

func storedAs(md *nats.MsgMetadata) stored {
	return stored{place{md.Consumer, md.Sequence.Stream}, md.Timestamp.UnixNano()}
}

// add returns false if another delivery of the message is in hand. Of an event that has
// the place of another one, since the stream was deleted and made again, the server is told
// from then on, and of the other no more.
func (a *alive) add(s stored, msg *message) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h, ok := a.msgs[s.place]; ok {
		if h.nanos == s.nanos {
			return false
		}
		h.msg.drop()
	}
	if a.msgs == nil {
		a.msgs = map[place]held{}
	}
	a.msgs[s.place] = held{msg, s.nanos}
	return true
}

// drop has the server told no more of what was stored before then, when the stream was
// made: the place of such an event is, or will be, that of another one.
func (a *alive) drop(before time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range a.msgs {
		if h.nanos < before.UnixNano() {
			h.msg.drop()
		}
	}
}

func (a *alive) remove(s stored) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.msgs[s.place].nanos == s.nanos {
		delete(a.msgs, s.place)
	}
}

func (a *alive) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.msgs)
}

func (a *alive) all() (msgs []*message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range a.msgs {
		msgs = append(msgs, h.msg)
	}
	return msgs
}

// keepAlive tells the server of what is in hand, until nothing is any more.
func (t *taking) keepAlive() {
	wait := t.d.config.ackWait
	tick := time.NewTicker(wait / 3)
	defer tick.Stop()
	var telling trouble
	for {
		select {
		case <-tick.C:
		case shorter := <-t.shorter:
			if shorter < wait {
				wait = shorter
				tick.Reset(wait / 3)
			}
		case <-t.base.Done():
			return
		}
		for _, m := range t.alive.all() {
			if err := m.InProgress(); err != nil {
				telling.failed(t.d.log, slog.LevelWarn, "telling the server that events are in progress", err, "stream", t.d.stream)
				break
			}
			telling.over(t.d.log, "the server can be told again that events are in progress", "stream", t.d.stream)
		}
	}
}

// ackWaitSubject is where processes that have the event's groups hear of one that is
// about to make the AckWait of these shorter.
func (d *durable) ackWaitSubject() string { return d.n.ns + ".ackwait.v1." + d.stream }

// heed hears of that, until the function it returns is called.
func (t *taking) heed() (stop func(), err error) {
	sub, err := t.d.n.nc.Subscribe(t.d.ackWaitSubject(), func(msg *nats.Msg) {
		shorter, err := time.ParseDuration(string(msg.Data))
		if err != nil || shorter < leastAckWait {
			return // no such process says that
		}
		select {
		case t.shorter <- shorter:
		case <-t.base.Done():
		}
	})
	if err != nil {
		return nil, err
	}
	return func() { _ = sub.Unsubscribe() }, nil // it fails if the connection is closed
}

// shorten tells the others that a consumer's AckWait is about to be shorter, so that
// what they have in hand is not taken from them.
func (d *durable) shorten(ctx context.Context) error {
	if err := d.n.nc.Publish(d.ackWaitSubject(), []byte(d.config.ackWait.String())); err != nil {
		return err
	}
	if err := d.n.nc.FlushWithContext(ctx); err != nil {
		return err
	}
	pause(ctx, shortenPatience)
	return nil
}

// shortenPatience is how long they have to say that it is in progress.
const shortenPatience = 200 * time.Millisecond
