package natsmediator

import (
	"context"
	"sync"
	"sync/atomic"
)

// calls are the requests and streams that a service has in progress, by the ids
// that their callers gave them, to be cancelled by.
type calls struct {
	count atomic.Int64

	mu    sync.Mutex
	byID  map[string]context.CancelFunc
	early map[string]struct{}  // cancelled ahead of the call
	order [earlyCancels]string // the same, a ring
	next  int
}

// earlyCancels is how many ids are remembered that no call had when it was to be
// cancelled: the request and its cancel come by different subscriptions, so
// either may be seen first. Most of them are other instances' calls.
const earlyCancels = 1024

// maxID is how long an id may be to count; those of this package have 22 bytes.
const maxID = 64

// begin notes a call. It returns false if it was cancelled already. A call
// without an id, or with that of another one, cannot be cancelled by its caller.
func (c *calls) begin(id string, cancel context.CancelFunc) (end func(), ok bool) {
	if id == "" || len(id) > maxID {
		return func() {}, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, cancelled := c.early[id]; cancelled {
		delete(c.early, id)
		return nil, false
	}
	if _, taken := c.byID[id]; taken {
		return func() {}, true
	}
	if c.byID == nil {
		c.byID = map[string]context.CancelFunc{}
	}
	c.byID[id] = cancel
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.byID, id)
	}, true
}

// cancel ends the context of the call with the id.
func (c *calls) cancel(id string) {
	if id == "" || len(id) > maxID {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel, ok := c.byID[id]; ok {
		cancel()
		return
	}
	if _, again := c.early[id]; again {
		return
	}
	if c.early == nil {
		c.early = map[string]struct{}{}
	}
	delete(c.early, c.order[c.next])
	c.early[id], c.order[c.next] = struct{}{}, id
	c.next = (c.next + 1) % earlyCancels
}
