package natsmediator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Window is how many frames of a stream, of up to 64 items or 32 KiB, may be on
// their way to this consumer: what it holds at most, and what is sent in the time
// that its word takes to the producer. A larger item counts as the number of such
// frames that it would fill. Default: [DefaultWindow]. It panics if n is not from
// 1 to 4096.
func Window(n int) RemoteOption {
	if n < 1 || n > maxWindow {
		panic(fmt.Sprintf("natsmediator: Window(%d): it has to be from 1 to %d", n, maxWindow))
	}
	return remoteOption(func(c *remoteConfig) { c.window = n })
}

// Heartbeat is how often both sides of a stream send at least something. Who is
// silent three times as long is taken for dead. Default: [DefaultHeartbeat]. It
// panics if d is not from 10ms to 1m.
func Heartbeat(d time.Duration) RemoteOption {
	if d < minHeartbeat || d > maxHeartbeat {
		panic(fmt.Sprintf("natsmediator: Heartbeat(%v): it has to be from %v to %v", d, minHeartbeat, maxHeartbeat))
	}
	return remoteOption(func(c *remoteConfig) { c.heartbeat = d })
}

// RemoteStream is a mediator.HandleStream whose handler is elsewhere: the items
// come from an instance of the service that [Serve] offers, each run from one.
//
// The handler is at most a [Window] ahead of the consumer: it waits when that does
// not keep up, and nothing is dropped. Items travel in frames, but none waits for
// a frame to fill while the consumer has nothing to do. When the consumer leaves
// its loop, or its context ends, the handler's context is cancelled; so it is when
// the consumer's process dies or the connection between them breaks, after three
// heartbeats at most. For the consumer that is [ErrConnection], as it is if a
// frame is missing: a stream that was cut off never looks complete.
//
// What behaviors.ResumeFrom tells does not travel: a handler that goes on where it was
// wants its behaviors.Retry in its own process. One around the RemoteStream, as for
// connections that break and instances that are closed, wants behaviors.SkipDelivered.
//
// Errors, names and panics are as for [Remote]; there is no Timeout.
func RemoteStream[Q mediator.StreamRequest[T], T any](n *Node, service string, opts ...RemoteOption) mediator.Option {
	c := newRemoteConfig("RemoteStream", n, service, opts)
	if c.timeout > 0 {
		panic("natsmediator: RemoteStream: Timeout makes no sense on a stream: it is watched by heartbeats")
	}
	t := terms{window: uint64(c.window), heartbeat: c.heartbeat}
	if t.window == 0 {
		t.window = DefaultWindow
	}
	if t.heartbeat == 0 {
		t.heartbeat = DefaultHeartbeat
	}
	return mediator.Bind(func(*mediator.Mediator) mediator.Option {
		r := newRemote(n, service, c, StreamSubject)
		return mediator.HandleStream(func(ctx context.Context, q Q) iter.Seq2[T, error] {
			return func(yield func(T, error) bool) { consume(ctx, r, t, q, yield) }
		}, append(slices.Clone(c.handler), mediator.Use(r))...)
	})
}

// yields is how often a consumer without a frame lets others run before it says
// that it waits: what is on its way often comes meanwhile, and saves the message.
const yields = 2

// consume asks for a stream and yields its items.
func consume[T any](ctx context.Context, r *remote, t terms, q any, yield func(T, error) bool) {
	var zero T
	s, err := openStream(ctx, r, t, q)
	if err != nil {
		yield(zero, err)
		return
	}
	ended, decoding := false, false
	defer func() {
		s.close(ended) // also if the consumer leaves by a panic
		if decoding {
			yield(zero, r.n.wire.malformedReply(r.service, s.target.name, fmt.Errorf("%s: panic: %v", r.codec.ContentType(), recover())))
		}
	}()
	item := new(T) // one for all: Decode takes an address
	for {
		frame, err := s.next(ctx)
		if err != nil {
			yield(zero, err)
			return
		}
		switch frame.kind {
		case frameEnd:
			ended = true
			return
		case frameError:
			ended = true
			yield(zero, r.n.wire.remoteError(r.service, s.target.name, frame.body))
			return
		}
		for rest := frame.body; len(rest) > 0; {
			var data []byte
			if data, rest, err = nextItem(rest); err == nil {
				*item = zero
				decoding = true
				err = r.codec.Decode(data, item)
				decoding = false
			}
			if err != nil {
				yield(zero, r.n.wire.malformedReply(r.service, s.target.name, err))
				return
			}
			if !yield(*item, nil) {
				return
			}
		}
		s.used(len(frame.body))
	}
}

// remoteStream is the receiving side of one run of a stream.
type remoteStream struct {
	r        *remote
	target   *target
	terms    terms
	id       string
	inbox    string
	sub      *nats.Subscription
	begin    time.Time
	heard    atomic.Int64 // when the producer was last heard of, in nanoseconds since begin
	control  atomic.Pointer[string]
	number   uint64        // of the last frame; for the subscription's goroutine alone
	frames   chan received // never full, unless the producer does not heed the window
	consumed atomic.Uint64
	granted  uint64 // what the producer was last told of consumed
	once     sync.Once
	failed   chan struct{}
	err      error // why it failed, valid once failed is closed
	done     chan struct{}
	beating  sync.WaitGroup
}

// received is a frame without its number.
type received struct {
	kind byte
	body []byte
}

func openStream(ctx context.Context, r *remote, t terms, q any) (*remoteStream, error) {
	msg, id, err := r.message(ctx, q)
	if err != nil {
		return nil, err
	}
	t.write(msg.Header)
	s := &remoteStream{
		r: r, target: r.target.Load(), terms: t, id: id, inbox: r.n.nc.NewInbox(), begin: time.Now(),
		// One more than the window, for the end.
		frames: make(chan received, t.window+1), failed: make(chan struct{}), done: make(chan struct{}),
	}
	msg.Reply = s.inbox
	if s.sub, err = r.n.nc.Subscribe(s.inbox, s.receive); err == nil {
		if err = r.n.nc.PublishMsg(msg); err != nil {
			err = errors.Join(err, ignoreClosed(s.sub.Unsubscribe()))
		}
	}
	if err != nil {
		return nil, r.unsent(msg, err)
	}
	s.beating.Go(s.beat)
	return s, nil
}

// receive is given what the producer sends, on the subscription's goroutine. It
// never waits.
func (s *remoteStream) receive(msg *nats.Msg) {
	select {
	case <-s.failed: // what comes after a gap must not look like a whole
		return
	default:
	}
	if err := s.accept(msg); err != nil {
		s.fail(err)
	}
}

func (s *remoteStream) accept(msg *nats.Msg) error {
	switch {
	case isNoResponders(msg) && s.control.Load() == nil:
		return noService(s.r.service, s.target.name, s.target.subject)
	case isNoResponders(msg):
		return s.broken("the service's instance is gone")
	case msg.Header.Get(micro.ErrorCodeHeader) != "":
		return s.r.n.wire.remoteError(s.r.service, s.target.name, msg.Data)
	}
	kind, number, body, err := parseFrame(msg.Data)
	if err != nil {
		return s.r.n.wire.malformedReply(s.r.service, s.target.name, err)
	}
	s.heard.Store(int64(time.Since(s.begin)))
	if s.control.Load() == nil && msg.Reply != "" {
		s.control.Store(&msg.Reply)
	}
	want := s.number
	if kind != frameBeat {
		want++
	}
	if number != want {
		return s.broken(fmt.Sprintf("frame %d came in place of %d", number, want))
	}
	switch kind {
	case frameBeat:
		return nil
	case manyFrames:
		for len(body) > 0 {
			var frame []byte
			if frame, body, err = nextFrame(body); err != nil {
				return s.r.n.wire.malformedReply(s.r.service, s.target.name, err)
			}
			if err := s.put(received{frameItems, frame}); err != nil {
				return err
			}
		}
		return nil
	}
	return s.put(received{kind, body})
}

// put hands the consumer a frame.
func (s *remoteStream) put(f received) error {
	s.number++
	select {
	case s.frames <- f:
		return nil
	default:
		return s.broken("the producer does not heed the window")
	}
}

func (s *remoteStream) broken(why string) error {
	return s.r.fail(s.r.n.whyLate(fmt.Errorf("%w: %s", ErrConnection, why), s.target.subject))
}

// fail ends the stream with err, behind the frames that have come.
func (s *remoteStream) fail(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.failed)
	})
}

// next returns the next frame.
func (s *remoteStream) next(ctx context.Context) (received, error) {
	for range yields {
		select {
		case f := <-s.frames:
			return f, nil
		default:
			runtime.Gosched()
		}
	}
	s.grant(s.consumed.Load())
	select {
	case f := <-s.frames:
		return f, nil
	case <-ctx.Done():
		return received{}, s.r.ended(ctx)
	case <-s.r.n.ctx.Done():
		return received{}, s.r.fail(errNodeClosed)
	case <-s.failed:
	}
	select {
	case f := <-s.frames: // what came before it failed
		return f, nil
	default:
		return received{}, s.err
	}
}

// used grants the producer room for more, not for each frame, but well before it
// has to wait. A consumer that has to wait itself grants what it has, see next.
func (s *remoteStream) used(size int) {
	if consumed := s.consumed.Add(units(size)); consumed-s.granted >= max(s.terms.window/4, 1) {
		s.grant(consumed)
	}
}

func (s *remoteStream) grant(consumed uint64) {
	if consumed == s.granted {
		return
	}
	s.granted = consumed
	s.tell(consumed)
}

func (s *remoteStream) tell(consumed uint64) {
	if to := s.control.Load(); to != nil {
		_ = s.r.n.nc.PublishRequest(*to, s.inbox, binary.AppendUvarint([]byte{controlCredit}, consumed)) // the next beat says it again
	}
}

// beat tells the producer that the consumer is there, also while its loop body
// takes its time, and notices when the producer has fallen silent.
func (s *remoteStream) beat() {
	ticker := time.NewTicker(s.terms.heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ticker.C:
		}
		if silent := time.Since(s.begin) - time.Duration(s.heard.Load()); silent > s.terms.silence() {
			s.fail(s.broken(fmt.Sprintf("the service has been silent for %v", silent.Round(time.Millisecond))))
			return
		}
		s.tell(s.consumed.Load())
	}
}

// close leaves nothing behind. Unless the stream has ended, its producer is told.
func (s *remoteStream) close(ended bool) {
	close(s.done)
	s.beating.Wait()
	nc := s.r.n.nc
	var err error
	if to := s.control.Load(); !ended && to != nil {
		err = nc.Publish(*to, []byte{controlStop})
	} else if !ended {
		s.r.cancel(s.id)
	}
	err = errors.Join(ignoreClosed(err), ignoreClosed(s.sub.Unsubscribe()))
	if err != nil {
		s.r.n.config.log.Warn("natsmediator: end of stream not sent", "service", s.r.service, "message", s.target.name, "error", err)
	}
}
