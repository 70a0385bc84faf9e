package backpressure

import "fmt"

// Strategy is what a boundary does when the consumer is slower than the producer:
// the handler, and the behaviors inside of the boundary. Whatever it is, items keep
// their order.
type Strategy uint8

const (
	// Buffer keeps every item. While the queue is full, the producer waits. It goes on
	// when there is room; with a capacity of 64 or more when half of it is, since to
	// wake a producer costs more than an item. The watermarks only tell pressure. It is
	// the default.
	Buffer Strategy = iota
	// Block keeps every item. When the depth has reached High×Capacity, the producer
	// waits until it has fallen to Low×Capacity.
	Block
	// DropNewest keeps what is queued. Under pressure, the item that arrives is
	// dropped. The producer never waits.
	DropNewest
	// DropOldest keeps what arrives. Under pressure, the oldest item of the queue is
	// dropped for each that arrives, so that the depth does not grow. The producer
	// never waits.
	DropOldest
	// Latest queues one item, always the newest: the one that it finds queued is
	// dropped. The producer never waits. Capacity, High and Low are not used: there
	// is pressure while an item is queued.
	Latest
	// Fail keeps every item until there is pressure. Then the item that arrives is
	// dropped, the handler is stopped, and the stream ends with an [*OverflowError],
	// after what is queued. The producer never waits.
	Fail
	// Sample keeps every item until there is pressure. Then it keeps 1 in
	// SampleEvery, the first that arrives among them; the others are counted as
	// sampled out, not as dropped. While the queue is full, the producer waits with
	// what it keeps.
	Sample
	// Throttle keeps every item. With the depth between Low×Capacity and
	// High×Capacity, it keeps the producer's items apart by a time that grows from 0 to
	// MaxDelay, and doubles with each twentieth of the way: so a producer comes to rest
	// at the rate of its consumer, whether that is a million items a second or one in
	// some seconds. When the depth falls while it waits, so does the wait. While the
	// queue is full, the producer waits. What is less than a millisecond is added up
	// and waited for at once.
	Throttle

	strategies
)

var strategyNames = [strategies]string{"Buffer", "Block", "DropNewest", "DropOldest", "Latest", "Fail", "Sample", "Throttle"}

// String returns the name of the constant.
func (s Strategy) String() string {
	if s < strategies {
		return strategyNames[s]
	}
	return fmt.Sprintf("Strategy(%d)", uint8(s))
}

// MarshalText gives the strategy as String does.
func (s Strategy) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// evicts tells whether the strategy makes room in the queue by dropping.
func (s Strategy) evicts() bool { return s == DropOldest || s == Latest }

// loses tells whether the strategy leaves out items, and goes on.
func (s Strategy) loses() bool { return s.drops() || s == Sample }

// drops tells whether the strategy gives up items.
func (s Strategy) drops() bool { return s.evicts() || s == DropNewest }
