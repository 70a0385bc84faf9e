package boltmediator

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/fsmediator/mediator/deadletter"
)

// A letter is stored under its ID as
//
//	version  1 byte: 1
//	checksum 4 bytes, big endian: CRC-32C of all that follows
//	length   uvarint: of the JSON
//	JSON     the letter but for its body
//	body     the rest
const (
	letterVersion = 1
	letterHeader  = 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode returns the value of l and l as it will be read: JSON does not keep what
// is no UTF-8. It refuses what could not be read at all.
func encode(l deadletter.Letter) (value []byte, read deadletter.Letter, err error) {
	body := l.Body
	l.Body = nil
	head, err := json.Marshal(l)
	if err != nil {
		return nil, read, err
	}
	if err := json.Unmarshal(head, &read); err != nil {
		return nil, read, fmt.Errorf("it could not be read again: %w", err)
	}
	if read.ID != l.ID {
		return nil, read, fmt.Errorf("%w: %q would be read as %q", deadletter.ErrID, l.ID, read.ID)
	}
	read.Body = body
	value = make([]byte, letterHeader, letterHeader+binary.MaxVarintLen32+len(head)+len(body))
	value[0] = letterVersion
	value = binary.AppendUvarint(value, uint64(len(head)))
	value = append(append(value, head...), body...)
	binary.BigEndian.PutUint32(value[1:], crc32.Checksum(value[letterHeader:], castagnoli))
	return value, read, nil
}

// decode copies what it needs of value. It is ErrUnreadable if value is whole and
// still no letter, otherwise ErrCorrupt; the letter then has the ID and no more.
func decode(id, value []byte) (l deadletter.Letter, err error) {
	sentinel := ErrCorrupt
	defer func() {
		if err != nil {
			l, err = deadletter.Letter{ID: string(id)}, fmt.Errorf("%w: letter %q: %w", sentinel, id, err)
		}
	}()
	if len(value) < letterHeader {
		return l, fmt.Errorf("it has %d bytes", len(value))
	}
	if value[0] != letterVersion {
		return l, fmt.Errorf("it is of version %d, not %d", value[0], letterVersion)
	}
	rest := value[letterHeader:]
	if binary.BigEndian.Uint32(value[1:]) != crc32.Checksum(rest, castagnoli) {
		return l, errors.New("its checksum is wrong")
	}
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return l, errors.New("its length is wrong")
	}
	sentinel = ErrUnreadable
	head, body := rest[n:n+int(size)], rest[n+int(size):]
	if err := json.Unmarshal(head, &l); err != nil {
		return l, err
	}
	if l.ID != string(id) {
		if l.ID != asJSON(string(id)) { // the key is outside of the checksum
			sentinel = ErrCorrupt
		}
		return l, fmt.Errorf("it says that it is %q", l.ID)
	}
	l.Body = append([]byte(nil), body...)
	return l, nil
}

// asJSON is what JSON makes of a string: not the same if that is no UTF-8.
func asJSON(s string) (read string) {
	text, err := json.Marshal(s)
	if err != nil || json.Unmarshal(text, &read) != nil {
		return s
	}
	return read
}
