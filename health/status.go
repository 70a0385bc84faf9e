package health

import (
	"fmt"
	"strconv"
	"time"
)

// Status is how something is doing. A greater one is worse.
type Status uint8

// The statuses.
const (
	Healthy   Status = iota
	Warning          // something to look at; it works
	Unhealthy        // it does not do what it is there for
	Failed           // it has ended by an error
)

var statusNames = [...]string{"healthy", "warning", "unhealthy", "failed"}

// String returns the status in lower case.
func (s Status) String() string { return nameOf(statusNames[:], uint8(s), "Status") }

// MarshalText gives the status as String does.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reason is what a [Finding] is about.
type Reason uint8

// The reasons.
const (
	Stalled       Reason = iota + 1 // no item for too long, or a call that takes too long
	LowThroughput                   // fewer items per second than asked for
	Degradation                     // far fewer items per second than usual
	HighMemory                      // the process has grown too much since the stream began
	HighErrorRate                   // too many errors among the items or calls
	Exhaustion                      // a queue stays full, or drops too much
	Failure                         // ended by an error
)

var reasonNames = [...]string{"", "stalled", "low throughput", "degradation", "high memory", "high error rate", "exhaustion", "error"}

// String returns the reason in lower case: "low throughput".
func (r Reason) String() string { return nameOf(reasonNames[:], uint8(r), "Reason") }

// MarshalText gives the reason as String does.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func nameOf(names []string, i uint8, of string) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", of, i)
}

// Finding is one thing that is wrong.
type Finding struct {
	Reason Reason
	Status Status // what it makes of the status
	// Value is what was found and Limit what it should have kept to, in the unit of
	// the reason: seconds, items per second, bytes, or a share. For Exhaustion it is
	// the share dropped, and the share of its capacity that a queue has filled if
	// Limit is 1. Both are 0 for Failure.
	Value, Limit float64
	// Err is why it ended, for Failure.
	Err error
}

// String tells it in words: "stalled: 12s, limit 10s".
func (f Finding) String() string {
	var value, limit string
	switch f.Reason {
	case Stalled:
		value, limit = seconds(f.Value), seconds(f.Limit)
	case LowThroughput, Degradation:
		value, limit = rate(f.Value), rate(f.Limit)
	case HighMemory:
		value, limit = strconv.FormatInt(int64(f.Value)/mib, 10)+" MiB more", strconv.FormatInt(int64(f.Limit)/mib, 10)+" MiB"
	case HighErrorRate:
		value, limit = percent(f.Value), percent(f.Limit)
	case Exhaustion:
		if f.Limit == 1 {
			return f.Reason.String() + ": a queue stays full"
		}
		value, limit = percent(f.Value)+" dropped", percent(f.Limit)
	default:
		if f.Err != nil {
			return f.Reason.String() + ": " + f.Err.Error()
		}
		return f.Reason.String()
	}
	return f.Reason.String() + ": " + value + ", limit " + limit
}

// MarshalText gives the finding as String does.
func (f Finding) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

func seconds(v float64) string {
	return time.Duration(v * float64(time.Second)).Round(time.Millisecond).String()
}
func rate(v float64) string    { return short(v) + "/s" }
func percent(v float64) string { return short(v*100) + "%" }

// short is v to three digits.
func short(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// worst is the greatest status among the findings.
func worst(found []Finding) (s Status) {
	for _, f := range found {
		s = max(s, f.Status)
	}
	return s
}

// hysteresis is a status that gets worse at once and better after some looks in
// a row: it is the worst of so many looks.
type hysteresis struct {
	status Status
	found  []Finding       // at the latest look
	left   [Failed + 1]int // by status: for how many looks it still holds
}

// look takes what was found now.
func (h *hysteresis) look(found []Finding, recovery int) {
	h.found = found
	h.left[worst(found)] = recovery
	h.status = Healthy
	for s := range h.left {
		if h.left[s] > 0 {
			h.left[s]--
			h.status = Status(s)
		}
	}
}
