package natsmediator

import (
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// JetStream is that of the node's connection, to look at what is there.
func JetStream(n *Node) jetstream.JetStream { return n.js() }

var (
	EncodeLetter = encodeLetter
	DecodeLetter = decodeLetter
	EncodeRecord = encodeRecord
	DecodeRecord = decodeRecord
)

// Waits is how long an event waits that fails each time, with what holds by default,
// before it is a dead letter.
func Waits() (sum time.Duration) {
	d := &durable{config: newDurableConfig(nil)}
	for delivered := range uint64(d.config.attempts - 1) {
		sum += d.delay(delivered+1, nil)
	}
	return sum
}

// News tells a log of letters.
type News struct{ n news }

func (n *News) Add(log *slog.Logger, event, group, cause string) { n.n.add(log, event, group, cause) }
func (n *News) Close(log *slog.Logger, event string)             { n.n.close(log, event) }

// MostFailures is how many events are remembered whose letters could not be stored.
const MostFailures = mostFailures

// FailureLife is how long each is, unless it is asked for.
const FailureLife = failureLife

// Failures are those.
type Failures struct{ f failures }

func (f *Failures) Note(sequence uint64, err error) {
	f.f.note(stored{place{"c", sequence}, 0}, outcome{err: err})
}

// Of is nil if the event is not known.
func (f *Failures) Of(sequence uint64) error {
	o, _ := f.f.of(stored{place{"c", sequence}, 0})
	return o.err
}
