package health

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
)

// document is an answer in the health+json format. Its checks have keys of the
// form "component:measurement": a check has its responseTime, and what a [Source]
// tells of is a state.
type document struct {
	Status string                   `json:"status"`
	Output string                   `json:"output,omitempty"`
	Checks map[string][]measurement `json:"checks,omitempty"`
}

type measurement struct {
	ComponentID   string   `json:"componentId,omitempty"`
	ComponentType string   `json:"componentType"`
	ObservedValue *float64 `json:"observedValue,omitempty"`
	ObservedUnit  string   `json:"observedUnit,omitempty"`
	Status        string   `json:"status"`
	Time          string   `json:"time,omitempty"`
	Output        string   `json:"output,omitempty"`
}

// draftStatus is the word of the format for s.
func draftStatus(s Status) string {
	switch s {
	case Healthy:
		return "pass"
	case Warning:
		return "warn"
	}
	return "fail"
}

func newDocument(s Status) *document {
	return &document{Status: draftStatus(s), Checks: map[string][]measurement{}}
}

func (d *document) encode() string {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil { // a rate that is no number
		return fmt.Sprintf(`{"status":%q,"output":%q}`, d.Status, err)
	}
	return string(text) + "\n"
}

func (d *document) add(key string, m measurement, s Status, at time.Time) {
	m.Status = draftStatus(s)
	if !at.IsZero() {
		m.Time = at.UTC().Format(time.RFC3339Nano)
	}
	d.Checks[key] = append(d.Checks[key], m)
}

func (d *document) components(all []Component) {
	for _, c := range all {
		m, key := measurement{ComponentType: "component"}, c.Name+":state"
		if !c.Time.IsZero() { // it was asked, and took a time to answer
			m.ObservedValue, m.ObservedUnit, key = new(float64(c.Took.Microseconds())/1000), "ms", c.Name+":responseTime"
		}
		if c.Err != nil {
			m.Output = c.Err.Error()
		}
		d.add(key, m, c.Status, c.Time)
	}
}

// worstStreams is how many streams a document shows one by one.
const worstStreams = 100

// document has the memory, the components, the messages, and the worst of the streams
// that are not healthy.
func (r Report) document() *document {
	d := newDocument(r.Status)
	d.add("memory:used", measurement{ComponentType: "system", ObservedValue: new(float64(r.Memory)), ObservedUnit: "bytes"}, Healthy, r.Time)
	d.components(r.Components)
	for _, t := range r.Totals {
		name := t.Name
		if t.Handler != "" {
			name += "/" + t.Handler
		}
		unit := "calls/s"
		if t.Kind == mediator.KindStream {
			unit = "items/s"
		}
		output := inWords(t.Findings)
		d.add(name+":rate", measurement{ComponentType: "component", ObservedValue: new(t.Rate), ObservedUnit: unit, Output: output}, t.Status, r.Time)
		d.add(name+":inFlight", measurement{ComponentType: "component", ObservedValue: new(float64(t.InFlight))}, t.Status, r.Time)
		d.add(name+":errorRate", measurement{ComponentType: "component", ObservedValue: new(t.ErrorRate * 100), ObservedUnit: "percent"}, t.Status, r.Time)
	}
	shown := slices.DeleteFunc(slices.Clone(r.Streams), func(s Stream) bool { return s.Status == Healthy })
	slices.SortStableFunc(shown, func(a, b Stream) int { return cmp.Compare(b.Status, a.Status) })
	for _, s := range shown[:min(len(shown), worstStreams)] {
		d.add(s.Name+":stream", measurement{ComponentID: fmt.Sprint(s.ID), ComponentType: "component",
			ObservedValue: new(s.Rate), ObservedUnit: "items/s", Output: inWords(s.Findings)}, s.Status, r.Time)
	}
	return d
}
