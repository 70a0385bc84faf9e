package natsmediator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// A frame is a message from the producer of a stream to its consumer:
//
//	kind    1 byte
//	number  uvarint: of this frame, from 1 on; a beat has that of the last one
//	items   each a uvarint, its length, and so many bytes; of frameItems alone
//	error   JSON, an errorBody; of frameError alone
//
// While the consumer has much before it, several frames of items go in one message,
// which costs the engine less. The number is that of the first of them:
//
//	kind    1 byte, manyFrames
//	number  uvarint
//	frames  each its length, 4 bytes, big endian, and its items
//
// Its reply subject is where the consumer's messages go, each of which says
//
//	kind      1 byte
//	consumed  uvarint: units of frames used up so far; of controlCredit alone
//
// The producer starts with a beat, so that the consumer knows where to write.
const (
	frameBeat  = 'b' // alive, and nothing else to say
	frameItems = 'i'
	manyFrames = 'm'
	frameEnd   = 'e'
	frameError = 'x'

	controlCredit = 'c' // also the consumer's beat
	controlStop   = 's' // it wants no more
)

// What a frame holds: a full one is sent. An item that is larger than a frame has
// one to itself.
const (
	frameItemLimit = 64
	frameByteLimit = 32 << 10
)

// heldBytes is how large a message may be for another frame to be added to it. It is
// where more gains next to nothing.
const heldBytes = 14 << 10

// lengthRoom is what a frame's length takes in a message of many.
const lengthRoom = 4

// units is what a frame counts of the consumer's window: the begun multiples of a
// full frame's bytes, so that large items do not get around it.
func units(frame int) uint64 {
	return uint64(max(frame-1, 0)/frameByteLimit) + 1
}

// Headers of a request of a stream.
const (
	headerWindow    = "Mediator-Window"    // units that may be on their way
	headerHeartbeat = "Mediator-Heartbeat" // how often both sides send at least, in nanoseconds
)

// What both sides go by, unless [Window] and [Heartbeat] say otherwise.
const (
	DefaultWindow    = 128
	DefaultHeartbeat = 2 * time.Second
)

// beatsMissed is how many heartbeats may be missing until the peer counts as dead.
const beatsMissed = 3

// The bounds of what a producer lets its consumer ask for.
const (
	maxWindow    = 4096
	minHeartbeat = 10 * time.Millisecond
	maxHeartbeat = time.Minute
)

// terms are what the two sides of a stream go by.
type terms struct {
	window    uint64
	heartbeat time.Duration
}

func (t terms) write(h nats.Header) {
	h[headerWindow] = []string{strconv.FormatUint(t.window, 10)}
	h[headerHeartbeat] = []string{strconv.FormatInt(int64(t.heartbeat), 10)}
}

// silence is how long a living peer is never silent.
func (t terms) silence() time.Duration { return beatsMissed * t.heartbeat }

func readTerms(h nats.Header) (terms, error) {
	t := terms{window: DefaultWindow, heartbeat: DefaultHeartbeat}
	if v := h.Get(headerWindow); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil || n < 1 || n > maxWindow {
			return t, fmt.Errorf("%w: %s is %q, not from 1 to %d", ErrMalformed, headerWindow, clip(v, 100), maxWindow)
		}
		t.window = n
	}
	if v := h.Get(headerHeartbeat); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if d := time.Duration(n); err != nil || d < minHeartbeat || d > maxHeartbeat {
			return t, fmt.Errorf("%w: %s is %q, not the nanoseconds of %v to %v", ErrMalformed, headerHeartbeat, clip(v, 100), minHeartbeat, maxHeartbeat)
		}
		t.heartbeat = time.Duration(n)
	}
	return t, nil
}

var errFrame = fmt.Errorf("%w: a frame that makes no sense", ErrMalformed)

// parseFrame splits a frame into its parts.
func parseFrame(data []byte) (kind byte, number uint64, rest []byte, err error) {
	if len(data) < 2 {
		return 0, 0, nil, errFrame
	}
	number, n := binary.Uvarint(data[1:])
	if n <= 0 {
		return 0, 0, nil, errFrame
	}
	switch rest = data[1+n:]; data[0] {
	case frameBeat, frameEnd:
		if len(rest) > 0 {
			return 0, 0, nil, errFrame
		}
	case manyFrames:
		if len(rest) < lengthRoom {
			return 0, 0, nil, errFrame
		}
	case frameItems, frameError:
	default:
		return 0, 0, nil, errFrame
	}
	return data[0], number, rest, nil
}

// nextFrame splits the first frame off what is left of a message's.
func nextFrame(frames []byte) (frame, rest []byte, err error) {
	if len(frames) < lengthRoom {
		return nil, nil, errFrame
	}
	size, frames := uint64(binary.BigEndian.Uint32(frames)), frames[lengthRoom:]
	if size > uint64(len(frames)) {
		return nil, nil, errFrame
	}
	return frames[:size:size], frames[size:], nil
}

// nextItem splits the first item off what is left of a frame's.
func nextItem(items []byte) (item, rest []byte, err error) {
	size, n := binary.Uvarint(items)
	if n <= 0 || size > uint64(len(items)-n) {
		return nil, nil, errFrame
	}
	end := n + int(size)
	return items[n:end:end], items[end:], nil
}

// parseControl reads what a consumer sent.
func parseControl(data []byte) (kind byte, consumed uint64, err error) {
	switch {
	case len(data) == 1 && data[0] == controlStop:
		return controlStop, 0, nil
	case len(data) > 1 && data[0] == controlCredit:
		consumed, n := binary.Uvarint(data[1:])
		if n == len(data)-1 {
			return controlCredit, consumed, nil
		}
	}
	return 0, 0, errors.New("a control message that makes no sense")
}

func appendFrame(dst []byte, kind byte, number uint64) []byte {
	return binary.AppendUvarint(append(dst, kind), number)
}

// isNoResponders tells the server's word that nobody listens where a message with
// this reply subject was sent.
func isNoResponders(msg *nats.Msg) bool {
	return len(msg.Data) == 0 && msg.Header.Get("Status") == "503"
}
