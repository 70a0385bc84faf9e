package boltmediator

import (
	"bytes"
	"errors"
	"fmt"
)

// bucket checks an element of the root: all are buckets, and ours.
func (c *checker) bucket(flags uint32, key, value []byte, depth int) error {
	var leaf leafFunc
	switch {
	case flags == bucketFlag && bytes.Equal(key, lettersBucket):
		leaf = c.letter
	case flags == bucketFlag && bytes.Equal(key, metaBucket):
		leaf = c.note
	case flags == bucketFlag && bytes.HasPrefix(key, outboxPrefix):
		return c.outbox(key, value, depth)
	default:
		return fmt.Errorf("it has %q, which is not of ours", key)
	}
	return c.contents(key, value, leaf, depth)
}

// contents checks what a bucket holds.
func (c *checker) contents(key, value []byte, leaf leafFunc, depth int) error {
	if len(value) < bucketSize {
		return fmt.Errorf("bucket %q has no head", key)
	}
	if root := order.Uint64(value); root != 0 {
		return c.page(root, leaf, depth+1)
	}
	if len(value) < bucketSize+pageHeader {
		return fmt.Errorf("bucket %q has no page", key)
	}
	return c.tree(value[bucketSize:], fmt.Sprintf("bucket %q", key), leaf, depth+1)
}

func (c *checker) letter(flags uint32, key, value []byte, _ int) error {
	if flags != 0 {
		return fmt.Errorf("letter %q has flags", key)
	}
	l, err := decode(key, value)
	c.letters++
	c.bytes += int64(l.Size())
	if errors.Is(err, ErrUnreadable) {
		c.bad = append(c.bad, string(key))
		return nil
	}
	return err
}

// outbox checks that no record is missing.
func (c *checker) outbox(key, value []byte, depth int) error {
	var e extent
	err := c.contents(key, value, func(flags uint32, k, v []byte, _ int) error {
		r, err := decodeRecord(k, v)
		switch {
		case err != nil:
			return err
		case flags != 0 || r.ID == 0:
			return fmt.Errorf("%q: record %d is none", key, r.ID)
		case e.first == 0:
			e.first = r.ID
		case r.ID != e.last+1:
			return fmt.Errorf("%q: record %d follows record %d", key, r.ID, e.last)
		}
		e.last = r.ID
		e.bytes += int64(len(v))
		return nil
	}, depth)
	if err != nil {
		return err
	}
	last := order.Uint64(value[8:])
	if e.first == 0 {
		e.first, e.last = last+1, last
	}
	if e.last != last {
		return fmt.Errorf("%q: its last record is %d, not %d", key, e.last, last)
	}
	c.outboxes[string(bytes.TrimPrefix(key, outboxPrefix))] = e
	return nil
}

func (c *checker) note(_ uint32, key, value []byte, _ int) error {
	switch {
	case bytes.Equal(key, sizeKey):
		c.sizes = bytes.Clone(value)
	case bytes.Equal(key, formatKey):
		c.format = bytes.Clone(value)
	}
	return nil
}
