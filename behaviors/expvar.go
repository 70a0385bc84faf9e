package behaviors

import (
	"expvar"
	"fmt"
	"math"
	"slices"
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

// vars is the snapshot as expvar shows it. JSON has no word for a reading that is no
// number, and expvar would show nothing at all.
func (s Snapshot) vars() any {
	var faults []string
	for _, err := range s.Faults {
		faults = append(faults, err.Error())
	}
	readings := slices.DeleteFunc(s.Readings, func(r Reading) bool { return math.IsNaN(r.Value) || math.IsInf(r.Value, 0) })
	return struct {
		Seconds  float64        `json:"seconds"`
		Messages []MessageStats `json:"messages"`
		Readings []Reading      `json:"readings,omitempty"`
		Faults   []string       `json:"faults,omitempty"`
	}{s.Elapsed.Seconds(), s.Entries, readings, faults}
}
