package natsmediator

import (
	"encoding/binary"
	"fmt"

	"github.com/nats-io/nats.go"
)

// A record of the outbox is an event as it is to be sent:
//
//	format   1 byte, recordFormat
//	subject  a string: uvarint, its length, and so many bytes
//	headers  uvarint, their number; each a string, its key, then uvarint, the number
//	         of its values, and these, strings
//	body     the rest
//
// Each event that is published makes one, with its publisher waiting, so it is not
// JSON.
const recordFormat = 1

func encodeRecord(msg *nats.Msg) []byte {
	size := 1 + stringRoom(msg.Subject) + binary.MaxVarintLen64 + len(msg.Data)
	for k, values := range msg.Header {
		size += stringRoom(k) + binary.MaxVarintLen64
		for _, v := range values {
			size += stringRoom(v)
		}
	}
	b := appendString(append(make([]byte, 0, size), recordFormat), msg.Subject)
	b = binary.AppendUvarint(b, uint64(len(msg.Header)))
	for k, values := range msg.Header {
		b = binary.AppendUvarint(appendString(b, k), uint64(len(values)))
		for _, v := range values {
			b = appendString(b, v)
		}
	}
	return append(b, msg.Data...)
}

func stringRoom(s string) int { return binary.MaxVarintLen64 + len(s) }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeRecord keeps data: it is the message's body.
func decodeRecord(data []byte) (*nats.Msg, error) {
	if len(data) == 0 || data[0] != recordFormat {
		return nil, fmt.Errorf("%w: no record of an event, or one of another version", ErrMalformed)
	}
	r := recordReader{rest: data[1:]}
	msg := &nats.Msg{Subject: r.text(), Header: nats.Header{}}
	for range r.number() {
		key := r.text()
		values := make([]string, r.number())
		for i := range values {
			values[i] = r.text()
		}
		msg.Header[key] = values
	}
	if msg.Data = r.rest; r.short || msg.Subject == "" {
		return nil, fmt.Errorf("%w: a record that makes no sense", ErrMalformed)
	}
	return msg, nil
}

// recordReader reads what is left of a record.
type recordReader struct {
	rest  []byte
	short bool // it has less than it says
}

// number reads a length, or a number of things that have one byte at least.
func (r *recordReader) number() int {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > uint64(len(r.rest)-n) {
		r.rest, r.short = nil, true
		return 0
	}
	r.rest = r.rest[n:]
	return int(v)
}

func (r *recordReader) text() string {
	n := r.number()
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
