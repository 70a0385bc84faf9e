package natsmediator

import (
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// workers take the messages of all endpoints of a service from one channel, and
// bounds how many are handled at a time. The goroutine that takes a message also
// handles it, after it has seen to it that another one is there to take the next:
// a hand-over from one goroutine to another would cost each request a good part
// of its time. So there are at most as many goroutines as requests being handled,
// and a few that wait.
type workers struct {
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
	// messageBuffer is how many messages the connection can hand over ahead of the
	// goroutine that takes them, which never does anything that waits.
	messageBuffer = 8192
	// maxIdle is how many goroutines wait for messages at most.
	maxIdle = 16
)

func newWorkers(limit, queued int) *workers {
	return &workers{messages: make(chan *nats.Msg, messageBuffer), byTopic: map[string]*endpoint{}, limit: limit, queued: queued}
}

// start has messages taken until the channel is closed.
func (w *workers) start() {
	w.idle.Add(1)
	w.running.Go(w.take)
}

// stop waits for everything that was taken. No subscription may use the channel
// any more.
func (w *workers) stop() {
	close(w.messages)
	w.running.Wait()
}

func (w *workers) take() {
	for msg := range w.messages {
		if w.idle.Add(-1) == 0 {
			w.start()
		}
		if e, ok := w.byTopic[msg.Sub.Subject]; ok {
			e.receive(msg)
		}
		if w.idle.Add(1) > maxIdle {
			w.idle.Add(-1)
			return
		}
	}
}

// admit handles c, or has it wait, and returns false if there is no room for it.
func (w *workers) admit(c *call) bool {
	w.mu.Lock()
	if w.active == w.limit {
		defer w.mu.Unlock()
		if len(w.queue) == w.queued {
			return false
		}
		w.queue = append(w.queue, c)
		return true
	}
	w.active++
	w.mu.Unlock()
	w.work(c)
	return true
}

// work handles c, and then what waits.
func (w *workers) work(c *call) {
	for c != nil {
		c = w.handle(c)
	}
}

func (w *workers) handle(c *call) (next *call) {
	returned := false
	defer func() {
		next = w.done()
		if !returned && next != nil { // the handler ends this goroutine
			w.running.Go(func() { w.work(next) })
		}
	}()
	c.e.handle(c)
	returned = true
	return nil
}

// done returns the call whose turn is next.
func (w *workers) done() *call {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.active--
		return nil
	}
	c := w.queue[0]
	w.queue[0] = nil
	if w.queue = w.queue[1:]; len(w.queue) == 0 {
		w.queue = nil // not to hold what the burst needed
	}
	return c
}
