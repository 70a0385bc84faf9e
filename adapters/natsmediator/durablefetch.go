package natsmediator

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// fetcher gets the messages of one durable consumer.
type fetcher struct {
	t       *taking
	config  jetstream.ConsumerConfig
	created time.Time     // when the stream was made that has the consumer; of the goroutine of run
	slots   chan struct{} // one for each message in hand
	deliver func(*message, *nats.MsgMetadata)
	pull    *puller // of the goroutine of run; nil ahead of the first request, and after one that failed

	fetching, mending trouble
}

func newFetcher(ctx context.Context, t *taking, c jetstream.ConsumerConfig, prefetch int, deliver func(*message, *nats.MsgMetadata)) (*fetcher, error) {
	if _, err := t.d.ensureConsumer(ctx, c); err != nil {
		return nil, err
	}
	f := &fetcher{t: t, config: c, created: t.d.had.Created, slots: make(chan struct{}, prefetch), deliver: deliver}
	f.fetching.patience = fetchPatience
	return f, nil
}

// fetchPatience is how long fetching may fail until it is told: a connection that was
// lost interrupts each consumer, and has been told itself.
const fetchPatience = 10 * time.Second

func (f *fetcher) run() {
	defer f.end(f.giveBack)
	wait := 50 * time.Millisecond
	for {
		n := f.reserve()
		if n == 0 {
			return
		}
		got, err := f.get(n)
		if f.t.stopping.Err() != nil {
			return
		}
		if err == nil || got > 0 {
			f.fetching.over(f.t.d.log, "events are fetched again", "stream", f.t.d.stream, "consumer", f.config.Durable)
			wait = 50 * time.Millisecond
			continue
		}
		if errors.Is(err, nats.ErrDisconnected) {
			f.awaitConnection()
			continue
		}
		f.fetching.failed(f.t.d.log, slog.LevelWarn, "fetching events: it is tried again", err, "stream", f.t.d.stream, "consumer", f.config.Durable)
		if !pause(f.t.stopping, wait) {
			return
		}
		wait = min(2*wait, 5*time.Second)
		f.mend(err)
	}
}

// awaitConnection waits until there is one, or fetching is to stop.
func (f *fetcher) awaitConnection() {
	nc := f.t.d.n.nc
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	if nc.IsConnected() {
		return
	}
	select {
	case <-connected:
	case <-f.t.stopping.Done():
	}
}

// reserve waits for room, and takes all there is.
func (f *fetcher) reserve() (n int) {
	select {
	case f.slots <- struct{}{}:
	case <-f.t.stopping.Done():
		return 0
	}
	for n = 1; ; n++ {
		select {
		case f.slots <- struct{}{}:
		default:
			return n
		}
	}
}

func (f *fetcher) release() { <-f.slots }

// oneByOne is how many messages one request is for if the server does not send another
// before that is settled; so none waits here unseen, and the next comes at once.
const oneByOne = 100

// get gets at most n messages, for which there are slots.
func (f *fetcher) get(n int) (got int, err error) {
	defer func() {
		for range n - got {
			f.release()
		}
	}()
	batch := n
	if f.config.MaxAckPending == 1 {
		batch = oneByOne
	}
	if f.pull == nil {
		if f.pull, err = newPuller(f.t.d.n.nc, f.t.d.stream, f.config.Durable, max(oneByOne, cap(f.slots))); err != nil {
			f.pull = nil
			return 0, err
		}
	}
	got, over, err := f.receive(n, batch)
	if over {
		f.end(func(msg *message) {
			if got == n {
				f.giveBack(msg)
				return
			}
			got++
			f.begin(msg)
		})
	}
	return got, err
}

// receive gets at most n messages. over tells that there are to be no more requests like
// that.
func (f *fetcher) receive(n, batch int) (got int, over bool, err error) {
	silence := time.NewTimer(2 * pullHeartbeat)
	defer silence.Stop()
	if err := f.pull.ask(batch); err != nil {
		return 0, true, err
	}
	for got < n {
		select {
		case msg := <-f.pull.msgs:
			silence.Reset(2 * pullHeartbeat)
			m, ended, err := f.pull.take(msg)
			if m != nil {
				got++
				f.begin(m)
			}
			if ended {
				return got, err != nil, err
			}
		case <-silence.C:
			return got, true, jetstream.ErrNoHeartbeat
		case <-f.t.stopping.Done():
			return got, true, nil
		}
	}
	return got, false, nil
}

// end has nothing more come, and give called with what is on its way.
func (f *fetcher) end(give func(*message)) {
	if f.pull != nil {
		f.pull.end(give)
		f.pull = nil
	}
}

func (f *fetcher) giveBack(msg *message) { f.t.d.tell("give back", msg, msg.Nak()) }

// begin has a message handled, for which there is a slot, unless it is in hand: the
// server delivers it again if a process that has no time to breathe, or no connection,
// does not tell it so.
func (f *fetcher) begin(msg *message) {
	md, err := msg.Metadata()
	if err != nil { // no message of a consumer
		f.t.d.log.Error("natsmediator: a message without metadata", "stream", f.t.d.stream, "error", err)
		f.release()
		return
	}
	s := storedAs(md)
	if !f.t.alive.add(s, msg) {
		f.release()
		return
	}
	f.t.handlers.Go(func() { // its own, which a handler may end by Goexit
		defer f.release()
		defer f.t.alive.remove(s)
		f.deliver(msg, md)
	})
}

// mend makes the stream and the consumer again if somebody has deleted them.
func (f *fetcher) mend(err error) {
	if !errors.Is(err, jetstream.ErrConsumerDeleted) && !errors.Is(err, jetstream.ErrConsumerNotFound) &&
		!errors.Is(err, jetstream.ErrStreamNotFound) && !isTransient(err) {
		return
	}
	f.t.mending.Lock() // the others find what one has made
	defer f.t.mending.Unlock()
	ctx, cancel := context.WithTimeout(f.t.stopping, 5*time.Second)
	defer cancel()
	s, err := f.t.d.restoreStream(ctx)
	if err == nil {
		f.t.alive.drop(s.Created)
		err = f.makeAgain(ctx, s.Created)
	}
	switch {
	case err == nil:
		f.mending.over(f.t.d.log, "a consumer is there again", "stream", f.t.d.stream, "consumer", f.config.Durable)
	case ctx.Err() == nil:
		f.mending.failed(f.t.d.log, slog.LevelWarn, "making a consumer again", err, "stream", f.t.d.stream, "consumer", f.config.Durable)
	}
}

// makeAgain makes the consumer if it is gone. In a stream that is another one than before
// it has all events, for Publish has acknowledged them when the group was there.
func (f *fetcher) makeAgain(ctx context.Context, created time.Time) error {
	c := f.config
	if !created.Equal(f.created) {
		c.DeliverPolicy = jetstream.DeliverAllPolicy
	}
	f.t.d.shortened.Store(false) // others may have started since
	made, err := f.t.d.ensureConsumer(ctx, c)
	if err != nil {
		return err
	}
	f.created = created
	if made {
		f.t.failuresOf(c.Metadata[metaGroup]).forgetAll(c.Durable)
		what := "the group gets all events again that are stored"
		switch {
		case c.Durable == advisoryConsumer:
			what = "it gets all advisories again that are stored"
		case c.DeliverPolicy == jetstream.DeliverNewPolicy:
			what = "the group missed what came in between"
		}
		f.t.d.log.Warn("natsmediator: a consumer was gone: it is made again, and "+what, "stream", f.t.d.stream, "consumer", c.Durable)
	}
	return nil
}
