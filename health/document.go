package health

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
)

// document is an answer in the health+json format. Its checks have keys of the
// form "component:measurement".
type document struct {
	Status string                   `json:"status"`
	Output string                   `json:"output,omitempty"`
	Checks map[string][]measurement `json:"checks,omitempty"`
}

type measurement struct {
	ComponentID   string  `json:"componentId,omitempty"`
	ComponentType string  `json:"componentType"`
	ObservedValue float64 `json:"observedValue"`
	ObservedUnit  string  `json:"observedUnit,omitempty"`
	Status        string  `json:"status"`
	Time          string  `json:"time,omitempty"`
	Output        string  `json:"output,omitempty"`
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
		m := measurement{ComponentType: "component", ObservedValue: float64(c.Took.Microseconds()) / 1000, ObservedUnit: "ms"}
		if c.Err != nil {
			m.Output = c.Err.Error()
		}
		d.add(c.Name+":responseTime", m, c.Status, c.Time)
	}
}

// worstStreams is how many streams a document shows one by one.
const worstStreams = 100

// document has the memory, the components, the messages, and those of the streams
// that are not healthy.
func (r Report) document() *document {
	d := newDocument(r.Status)
	d.add("memory:used", measurement{ComponentType: "system", ObservedValue: float64(r.Memory), ObservedUnit: "bytes"}, Healthy, r.Time)
	d.components(r.Components)
	for _, t := range r.Totals {
		name := t.Name
		if t.Handler != "" {
			name += "/" + t.Handler
		}
		kind, unit := "component", "calls/s"
		if t.Kind == mediator.KindStream {
			unit = "items/s"
		}
		output := inWords(t.Findings)
		d.add(name+":rate", measurement{ComponentType: kind, ObservedValue: t.Rate, ObservedUnit: unit, Output: output}, t.Status, r.Time)
		d.add(name+":inFlight", measurement{ComponentType: kind, ObservedValue: float64(t.InFlight)}, t.Status, r.Time)
		d.add(name+":errorRate", measurement{ComponentType: kind, ObservedValue: t.ErrorRate * 100, ObservedUnit: "percent"}, t.Status, r.Time)
	}
	shown := 0
	for _, s := range r.Streams {
		if s.Status == Healthy || shown == worstStreams {
			continue
		}
		shown++
		d.add(s.Name+":stream", measurement{ComponentID: fmt.Sprint(s.ID), ComponentType: "component",
			ObservedValue: s.Rate, ObservedUnit: "items/s", Output: inWords(s.Findings)}, s.Status, r.Time)
	}
	return d
}
