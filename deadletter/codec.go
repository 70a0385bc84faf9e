package deadletter

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/fsmediator/mediator/internal/caught"
)

// Codec turns messages into the bodies of letters and back. Its methods must be
// safe for concurrent use.
type Codec interface {
	// ContentType is the media type of the bodies; Redrive finds the codec of a
	// letter by it.
	ContentType() string
	// Encode returns the message's body. An error leaves the message to the next
	// codec.
	Encode(message any) ([]byte, error)
	// Decode fills in the message at target, a pointer to a zero one.
	Decode(body []byte, target any) error
}

// JSON is the default [Codec], application/json with [encoding/json]: of a struct
// it keeps the exported fields.
func JSON() Codec { return jsonCodec{} }

type jsonCodec struct{}

func (jsonCodec) ContentType() string                  { return "application/json" }
func (jsonCodec) Encode(message any) ([]byte, error)   { return json.Marshal(message) }
func (jsonCodec) Decode(body []byte, target any) error { return json.Unmarshal(body, target) }

// Codecs adds codecs, before [JSON], which is always there. [Behavior] encodes a
// message with the first that can; [Redrive] decodes a letter with the first of
// its content type. It panics if one is nil or two have one content type, as Behavior and
// Redrive do if they are of two Codecs.
func Codecs(cs ...Codec) SharedOption { return codecs(nil).and(cs) }

type codecs []Codec

func (cs codecs) applyBehavior(k *keeper)  { k.codecs = k.codecs.and(cs) }
func (cs codecs) applyRedrive(r *redriver) { r.codecs = r.codecs.and(cs) }

// and is cs and those added.
func (cs codecs) and(added codecs) codecs {
	all := slices.Clone(cs)
	for _, c := range added {
		must(c != nil, "Codecs: a nil Codec")
		must(!slices.ContainsFunc(all, func(o Codec) bool { return o.ContentType() == c.ContentType() }), "Codecs: two for %q", c.ContentType())
		all = append(all, c)
	}
	return all
}

// encode tries all codecs, JSON last.
func (cs codecs) encode(message any) (body []byte, contentType string, err error) {
	var errs []error
	for _, c := range append(slices.Clip(cs), JSON()) {
		var body []byte
		err := guard(func() (err error) {
			body, err = c.Encode(message)
			return err
		})
		if err == nil {
			return body, c.ContentType(), nil
		}
		errs = append(errs, fmt.Errorf("encode %T as %s: %w", message, c.ContentType(), err))
	}
	return nil, "", errors.Join(errs...)
}

func (cs codecs) decode(l Letter, target any) error {
	for _, c := range append(slices.Clip(cs), JSON()) {
		if c.ContentType() == l.ContentType {
			return c.Decode(l.Body, target)
		}
	}
	return fmt.Errorf("%w %q", ErrContentType, l.ContentType)
}

// guard calls f, a function of the user's, whose panic must not cost the letter.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = caught.Panic(v)
		}
	}()
	return f()
}
