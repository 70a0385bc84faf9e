package natsmediator

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"reflect"
)

// Binary is the codec of "application/octet-stream", for small messages at high
// rates: []byte and string as they are, what implements encoding.BinaryAppender or
// encoding.BinaryMarshaler, and encoding.BinaryUnmarshaler, by its methods, and
// values of a fixed size, of sized numbers alone, by encoding/binary, big endian.
// Anything else, an int for one, is an error.
func Binary() Codec { return binaryCodec{} }

type binaryCodec struct{}

func (binaryCodec) ContentType() string { return "application/octet-stream" }

func (binaryCodec) Append(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return append(dst, v...), nil
	case string:
		return append(dst, v...), nil
	case encoding.BinaryAppender:
		return v.AppendBinary(dst)
	case encoding.BinaryMarshaler:
		data, err := v.MarshalBinary()
		return append(dst, data...), err
	}
	data, err := binary.Append(dst, binary.BigEndian, v)
	if err != nil {
		return dst, fmt.Errorf("it has no fixed size and no AppendBinary: %w", err)
	}
	return data, nil
}

func (c binaryCodec) appendAt(dst []byte, address any) ([]byte, error) {
	switch v := address.(type) {
	case *[]byte:
		return append(dst, *v...), nil
	case *string:
		return append(dst, *v...), nil
	case encoding.BinaryAppender:
		return v.AppendBinary(dst)
	}
	if v := reflect.ValueOf(address).Elem(); v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		return c.Append(dst, v.Interface())
	}
	return c.Append(dst, address)
}

func (c binaryCodec) Decode(data []byte, target any) error {
	switch t := target.(type) {
	case *[]byte:
		*t = append([]byte{}, data...)
		return nil
	case *string:
		*t = string(data)
		return nil
	case encoding.BinaryUnmarshaler:
		return t.UnmarshalBinary(data)
	}
	if v := reflect.ValueOf(target).Elem(); v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return c.Decode(data, v.Interface())
	}
	n, err := binary.Decode(data, binary.BigEndian, target)
	if err != nil {
		return fmt.Errorf("it has no fixed size and no UnmarshalBinary, or the data is too short: %w", err)
	}
	if n != len(data) {
		return fmt.Errorf("%d bytes are left over", len(data)-n)
	}
	return nil
}
