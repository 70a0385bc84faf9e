package behaviors

import (
	"expvar"
	"fmt"
	"sync"
	"sync/atomic"
)

// published is the recorders that expvar shows, by name. What is published there
// cannot be taken back, so the variable stays and the recorder in it changes.
var published struct {
	sync.Mutex
	byName map[string]*atomic.Pointer[Recorder]
}

// Publish makes the figures of r a variable of package expvar, as JSON, which
// that serves at /debug/vars. If a Recorder has been published by the name, r
// takes its place. It is an error if the name is empty or taken by something else.
// The process keeps the Recorder, until another takes the name.
func (r *Recorder) Publish(name string) error {
	if name == "" {
		return fmt.Errorf("publish metrics: the name is empty")
	}
	published.Lock()
	defer published.Unlock()
	if slot, ok := published.byName[name]; ok {
		slot.Store(r)
		return nil
	}
	if expvar.Get(name) != nil {
		return fmt.Errorf("publish metrics: the expvar name %q is taken", name)
	}
	slot := &atomic.Pointer[Recorder]{}
	slot.Store(r)
	expvar.Publish(name, expvar.Func(func() any { return slot.Load().Snapshot().vars() }))
	if published.byName == nil {
		published.byName = map[string]*atomic.Pointer[Recorder]{}
	}
	published.byName[name] = slot
	return nil
}

// vars is the snapshot as expvar shows it.
func (s Snapshot) vars() any {
	return struct {
		Seconds  float64        `json:"seconds"`
		Messages []MessageStats `json:"messages"`
		Readings []Reading      `json:"readings,omitempty"`
	}{s.Elapsed.Seconds(), s.Entries, s.Readings}
}
