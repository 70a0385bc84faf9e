package boltmediator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The file format of bbolt, version 2: pages of one size, of which the first two
// are metas; the valid one with the higher transaction number is in force. It
// names the root of a B+tree of pages, whose leaves hold the buckets, each of
// which is such a tree or lies within the leaf. All numbers have the byte order of
// the machine.
const (
	pageHeader  = 16 // id 8, flags 2, count 2, overflow 4
	elementSize = 16 // branch: pos 4, key 4, page 8; leaf: flags 4, pos 4, key 4, value 4
	metaSize    = 64
	bucketSize  = 16 // of the head of a bucket's value: root 8, sequence 8

	branchPage   = 1
	leafPage     = 2
	freelistPage = 16
	bucketFlag   = 1
	noFreelist   = ^uint64(0)

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	maxPage     = 16 << 20
	maxDepth    = 64
)

var order = binary.NativeEndian

type meta struct {
	pageSize, root, freelist, pages, txid uint64
}

// checker reads a file without trust in anything it says, where bbolt would panic,
// loop or read past its end.
type checker struct {
	r    io.ReaderAt
	size int64
	meta
	seen           map[uint64]bool // pages
	letters, bytes int64
	bad            []string // letters that are unreadable
	sizes          []byte   // as stored
	format         []byte
	outboxes       map[string]extent
}

// verify returns [ErrCorrupt] unless each page of the file, each letter, each
// record and their numbers are as they should be. What it has found otherwise is
// in the checker.
func verify(r io.ReaderAt, size int64) (*checker, error) {
	c := &checker{r: r, size: size, seen: map[uint64]bool{}, outboxes: map[string]extent{}}
	err := c.check()
	if err != nil && !errors.Is(err, ErrCorrupt) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return c, err
}

func (c *checker) check() error {
	m, err := readMeta(c.r)
	if err != nil {
		return err
	}
	c.meta = m
	if m.pages > uint64(c.size)/m.pageSize {
		return fmt.Errorf("it is cut off: %d bytes, of %d pages of %d bytes", c.size, m.pages, m.pageSize)
	}
	if err := c.page(m.root, c.bucket, 0); err != nil {
		return err
	}
	if err := c.free(); err != nil {
		return err
	}
	if c.format == nil && c.letters == 0 && len(c.seen) <= 2 {
		return nil // of a process that ended before it had made the buckets
	}
	if !bytes.Equal(c.format, formatValue) {
		return fmt.Errorf("it has the format %q, not %q", c.format, formatValue)
	}
	if len(c.sizes) == 16 {
		// The bytes are for the retention alone: Open corrects them.
		if letters := binary.BigEndian.Uint64(c.sizes); int64(letters) != c.letters {
			return fmt.Errorf("it has %d letters, and says %d", c.letters, letters)
		}
	} else if c.letters > 0 {
		return errors.New("it does not say how many letters it has")
	}
	return nil
}

// readMeta returns the meta that is in force. bbolt would make do with one of
// two; but the one that cannot be read may be the last that was acknowledged. A
// process that is killed leaves both whole, and so does a machine that fails: they
// lie within the first sector of their pages.
func readMeta(r io.ReaderAt) (meta, error) {
	first, ok := metaAt(r, 0)
	if !ok {
		for at := int64(1 << 10); at <= maxPage; at *= 2 {
			if m, ok := metaAt(r, at); ok && int64(m.pageSize) == at {
				return meta{}, errOneMeta
			}
		}
		return meta{}, errors.New("it is no bbolt file")
	}
	second, ok := metaAt(r, int64(first.pageSize))
	if !ok || second.pageSize != first.pageSize {
		return meta{}, errOneMeta
	}
	if second.txid > first.txid {
		return second, nil
	}
	return first, nil
}

var errOneMeta = errors.New("one of its two meta pages is damaged, so that the last letters may be missing")

func metaAt(r io.ReaderAt, at int64) (m meta, ok bool) {
	b := make([]byte, pageHeader+metaSize)
	if _, err := r.ReadAt(b, at); err != nil {
		return m, false
	}
	b = b[pageHeader:]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:56])
	if order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion || order.Uint64(b[56:]) != sum.Sum64() {
		return m, false
	}
	m = meta{uint64(order.Uint32(b[8:])), order.Uint64(b[16:]), order.Uint64(b[32:]), order.Uint64(b[40:]), order.Uint64(b[48:])}
	return m, m.pageSize >= 1<<10 && m.pageSize <= maxPage
}

// read returns a page with its overflow and marks it as seen.
func (c *checker) read(id uint64) ([]byte, error) {
	if id < 2 || id >= c.pages {
		return nil, fmt.Errorf("it refers to page %d of %d", id, c.pages)
	}
	head := make([]byte, pageHeader)
	if _, err := c.r.ReadAt(head, int64(id*c.pageSize)); err != nil {
		return nil, err
	}
	overflow := uint64(order.Uint32(head[12:]))
	if order.Uint64(head) != id || overflow >= c.pages-id {
		return nil, fmt.Errorf("page %d is not itself", id)
	}
	for p := id; p <= id+overflow; p++ {
		if c.seen[p] {
			return nil, fmt.Errorf("page %d is in use twice", p)
		}
		c.seen[p] = true
	}
	page := make([]byte, (overflow+1)*c.pageSize)
	_, err := c.r.ReadAt(page, int64(id*c.pageSize))
	return page, err
}

type leafFunc func(flags uint32, key, value []byte, depth int) error

// page checks the tree below a page.
func (c *checker) page(id uint64, leaf leafFunc, depth int) error {
	b, err := c.read(id)
	if err != nil {
		return err
	}
	return c.tree(b, fmt.Sprintf("page %d", id), leaf, depth)
}

func (c *checker) tree(b []byte, where string, leaf leafFunc, depth int) error {
	flags, count := order.Uint16(b[8:]), uint64(order.Uint16(b[10:]))
	if flags != branchPage && flags != leafPage || pageHeader+count*elementSize > uint64(len(b)) || depth > maxDepth || flags == branchPage && count == 0 {
		return fmt.Errorf("%s is neither branch nor leaf", where)
	}
	var last []byte
	for i := range count {
		at := pageHeader + i*elementSize
		e := b[at:]
		var kind, pos, key, value uint64
		if flags == branchPage {
			pos, key = uint64(order.Uint32(e)), uint64(order.Uint32(e[4:]))
		} else {
			kind, pos, key, value = uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		}
		start := at + pos
		if key == 0 && flags == leafPage || start < pageHeader+count*elementSize || start+key+value > uint64(len(b)) {
			return fmt.Errorf("%s: element %d lies outside", where, i)
		}
		k := b[start : start+key : start+key]
		if i > 0 && bytes.Compare(last, k) >= 0 {
			return fmt.Errorf("%s: its keys are out of order", where)
		}
		last = k
		var err error
		if flags == branchPage {
			err = c.page(order.Uint64(e[8:]), leaf, depth+1)
		} else {
			err = leaf(uint32(kind), k, b[start+key:start+key+value], depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// free checks the list of free pages: a page in it and in use would be
// overwritten.
func (c *checker) free() error {
	if c.freelist == noFreelist {
		return nil
	}
	b, err := c.read(c.freelist)
	if err != nil {
		return err
	}
	count, at := uint64(order.Uint16(b[10:])), uint64(pageHeader)
	if count == 0xFFFF {
		count, at = order.Uint64(b[at:]), at+8
	}
	if order.Uint16(b[8:]) != freelistPage || count > (uint64(len(b))-at)/8 {
		return fmt.Errorf("page %d is no list of free pages", c.freelist)
	}
	for i := range count {
		id := order.Uint64(b[at+i*8:])
		if id < 2 || id >= c.pages || c.seen[id] {
			return fmt.Errorf("page %d is free and in use", id)
		}
		c.seen[id] = true
	}
	return nil
}
