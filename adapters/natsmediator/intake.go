package natsmediator

import (
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// intake takes the messages of all endpoints of a service from one channel, and
// bounds how many are handled at a time. The goroutine that takes a message also
// handles it, after it has seen to it that another one is there to take the next:
// a hand-over from one goroutine to another would cost each request a good part
// of its time. So there are at most as many goroutines as requests being handled,
// and a few that wait.
type intake struct {
	messages chan *nats.Msg
	byTopic  map[string]*endpoint // by subject
	limit    int
	queued   int // at most
	running  sync.WaitGroup
	idle     atomic.Int64 // goroutines that wait for a message

	mu     sync.Mutex
	active int
	queue  []*call // waits while active is at the limit
}

const (
	// intakeBuffer is how many messages the connection can hand over ahead of the
	// goroutine that takes them, which never does anything that waits.
	intakeBuffer = 8192
	// maxIdle is how many goroutines wait for messages at most.
	maxIdle = 16
)

func newIntake(limit, queued int) *intake {
	return &intake{messages: make(chan *nats.Msg, intakeBuffer), byTopic: map[string]*endpoint{}, limit: limit, queued: queued}
}

// start has messages taken until the channel is closed.
func (in *intake) start() {
	in.idle.Add(1)
	in.running.Go(in.take)
}

// stop waits for everything that was taken. No subscription may use the channel
// any more.
func (in *intake) stop() {
	close(in.messages)
	in.running.Wait()
}

func (in *intake) take() {
	for msg := range in.messages {
		if in.idle.Add(-1) == 0 {
			in.start()
		}
		if e, ok := in.byTopic[msg.Sub.Subject]; ok {
			e.receive(msg)
		}
		if in.idle.Add(1) > maxIdle {
			in.idle.Add(-1)
			return
		}
	}
}

// admit handles c, or has it wait, and returns false if there is no room for it.
func (in *intake) admit(c *call) bool {
	in.mu.Lock()
	if in.active == in.limit {
		defer in.mu.Unlock()
		if len(in.queue) == in.queued {
			return false
		}
		in.queue = append(in.queue, c)
		return true
	}
	in.active++
	in.mu.Unlock()
	in.work(c)
	return true
}

// work handles c, and then what waits.
func (in *intake) work(c *call) {
	for c != nil {
		c = in.handle(c)
	}
}

func (in *intake) handle(c *call) (next *call) {
	returned := false
	defer func() {
		next = in.done()
		if !returned && next != nil { // the handler ends this goroutine
			in.running.Go(func() { in.work(next) })
		}
	}()
	c.e.handle(c)
	returned = true
	return nil
}

// done returns the call whose turn is next.
func (in *intake) done() *call {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.queue) == 0 {
		in.active--
		return nil
	}
	c := in.queue[0]
	in.queue[0] = nil
	if in.queue = in.queue[1:]; len(in.queue) == 0 {
		in.queue = nil // not to hold what the burst needed
	}
	return c
}
