package natsmediator

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Codec turns messages into bytes and back, for one content type. It is used
// concurrently.
type Codec interface {
	// ContentType is the media type, without parameters: "application/json".
	ContentType() string
	// Append appends v's bytes to dst. v is a message, a response or an item, as a
	// value of its own type.
	Append(dst []byte, v any) ([]byte, error)
	// Decode fills in what target points to, which is of v's type and zero. It must
	// not keep data, and an error, or a panic, is the answer to what is malformed.
	Decode(data []byte, target any) error
}

// itemAppender returns what appends an item of a stream, of which there is the
// address. This package's own codecs make do with that; others get the item itself, as
// Append promises, which has to be allocated.
func itemAppender(c Codec) func(dst []byte, address any) ([]byte, error) {
	if own, ok := c.(interface {
		appendAt(dst []byte, address any) ([]byte, error)
	}); ok {
		return own.appendAt
	}
	return func(dst []byte, address any) ([]byte, error) {
		return c.Append(dst, reflect.ValueOf(address).Elem().Interface())
	}
}

// Errors of what came over the wire, and of what does not fit on it. But for
// ErrConnection they are not retried by behaviors.Retry: the same message would meet
// them again, and its handler may have run.
var (
	// ErrContentType: no codec of the node is for the message's content type.
	ErrContentType error = &retryError{text: "unknown content type"}
	// ErrMalformed: what came is not what the protocol or the codec takes.
	ErrMalformed error = &retryError{text: "malformed message"}
	// ErrTooLarge: a request, a response or an item of a stream is larger than what
	// the server lets through in one message, by default 1 MiB with its headers.
	ErrTooLarge error = &retryError{text: "larger than the server's limit"}
	// ErrConnection: a stream was cut off, because the peer fell silent, a frame is
	// missing, the connection broke, or the service's instance was closed. Or a call came while the node has no connection:
	// then nothing was sent.
	ErrConnection = errors.New("the connection to the service broke")
)

// retryError tells behaviors.Retryable whether another attempt may have better luck.
type retryError struct {
	text      string
	retryable bool
	err       error // what it is too
}

func (e *retryError) Error() string   { return e.text }
func (e *retryError) Unwrap() error   { return e.err }
func (e *retryError) Retryable() bool { return e.retryable }

// Codecs adds codecs to a node, for whatever arrives with their content types;
// [Encoding] has a [Remote] send with one. A codec for the content type of an
// earlier one replaces it, also [JSON] and [Binary], which are always there. It
// panics if a codec is nil or its content type no media type.
func Codecs(cs ...Codec) NodeOption {
	for i, c := range cs {
		if c == nil {
			panic(fmt.Sprintf("natsmediator: Codecs: codec %d of %d is nil", i+1, len(cs)))
		}
		media, params, err := mime.ParseMediaType(c.ContentType())
		if err != nil || len(params) > 0 || media != c.ContentType() {
			panic(fmt.Sprintf("natsmediator: Codecs: the content type %q is no media type in lower case without parameters", c.ContentType()))
		}
	}
	cs = slices.Clone(cs)
	return nodeOption(func(c *nodeConfig) { c.codecs = append(c.codecs, cs...) })
}

// JSON is the codec of "application/json", by encoding/json: the default.
func JSON() Codec { return jsonCodec{} }

type jsonCodec struct{}

func (jsonCodec) ContentType() string { return "application/json" }

// jsonAppender encodes into a slice: an Encoder that is used again saves the
// copy, and the allocation, of json.Marshal.
type jsonAppender struct {
	encoder *json.Encoder
	dst     []byte
}

func (a *jsonAppender) Write(p []byte) (int, error) {
	a.dst = append(a.dst, p...)
	return len(p), nil
}

var jsonAppenders = sync.Pool{New: func() any {
	a := &jsonAppender{}
	a.encoder = json.NewEncoder(a)
	return a
}}

func (jsonCodec) Append(dst []byte, v any) ([]byte, error) {
	a := jsonAppenders.Get().(*jsonAppender)
	a.dst = dst
	err := a.encoder.Encode(v)
	encoded := bytes.TrimSuffix(a.dst, []byte("\n"))
	a.dst = nil
	jsonAppenders.Put(a)
	if err != nil {
		return dst, err
	}
	return encoded, nil
}

func (c jsonCodec) appendAt(dst []byte, address any) ([]byte, error) { return c.Append(dst, address) }

func (jsonCodec) Decode(data []byte, target any) error { return json.Unmarshal(data, target) }

// Gob is a codec of "application/x-gob", by encoding/gob: for Go on both sides,
// and values that JSON has no form for. Each message carries the description of
// its type, which costs more than JSON does for small ones. encoding/gob is not
// hardened against hostile input, so a node only takes it if [Codecs] says so.
func Gob() Codec { return gobCodec{} }

type gobCodec struct{}

func (gobCodec) ContentType() string { return "application/x-gob" }

func (gobCodec) Append(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	if err := gob.NewEncoder(b).Encode(v); err != nil {
		return dst, err
	}
	return b.Bytes(), nil
}

func (c gobCodec) appendAt(dst []byte, address any) ([]byte, error) { return c.Append(dst, address) }

func (gobCodec) Decode(data []byte, target any) error {
	r := bytes.NewReader(data)
	if err := gob.NewDecoder(r).Decode(target); err != nil {
		return err
	}
	if r.Len() > 0 {
		return fmt.Errorf("%d bytes are left over", r.Len())
	}
	return nil
}

// codecs finds a codec by its content type.
type codecs map[string]Codec

func newCodecs(own []Codec) codecs {
	all := codecs{}
	for _, c := range append([]Codec{JSON(), Binary()}, own...) {
		all[c.ContentType()] = c
	}
	return all
}

// find returns the codec of a content type, JSON for none at all. Parameters,
// such as a charset, are left out of account.
func (cs codecs) find(contentType string) (Codec, error) {
	if contentType == "" {
		contentType = JSON().ContentType()
	}
	if c, ok := cs[contentType]; ok {
		return c, nil
	}
	media, _, _ := strings.Cut(contentType, ";")
	if c, ok := cs[strings.ToLower(strings.TrimSpace(media))]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("%w %q", ErrContentType, clip(contentType, 100))
}

// decode is c.Decode with its errors as ErrMalformed, its panics too.
func decode(c Codec, data []byte, target any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %s: panic: %v", ErrMalformed, c.ContentType(), v)
		}
	}()
	if err := c.Decode(data, target); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, c.ContentType(), err)
	}
	return nil
}

// encode is c.Append with its panics as errors.
func encode(c Codec, dst []byte, v any) (_ []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("encode %T as %s: panic: %v", v, c.ContentType(), p)
		}
	}()
	data, err := c.Append(dst, v)
	if err != nil {
		return dst, fmt.Errorf("encode %T as %s: %w", v, c.ContentType(), err)
	}
	return data, nil
}
