package natsmediator

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// LettersOption is about one [Letters].
type LettersOption interface {
	applyLetters(c *lettersConfig)
}

type lettersConfig struct {
	replicas int
}

// LetterStore is a [deadletter.Store] in JetStream: one for a namespace, that all of
// its nodes share. See [Letters].
type LetterStore struct {
	n      *Node
	config lettersConfig
	name   string // of the stream
	prefix string // of the subjects

	stream atomic.Pointer[jetstream.Stream] // nil until the first use
}

var (
	_ deadletter.Store    = (*LetterStore)(nil)
	_ deadletter.Replacer = (*LetterStore)(nil)
)

// Letters returns the dead letters of the node's namespace. The stream is made by the
// first use that finds none, with the options of that; later ones change nothing.
//
// A letter is as safe as the stream when Put returns: synced, after [Embed], and on
// most of its [Replicas]. One that does not fit in a message of the server's is
// deadletter.ErrTooLarge. List asks the server for the IDs of all letters and reads
// those of a page; with a filter it reads letters until the page is full, and Count
// all of them. Nothing is dropped but by Delete.
//
// It panics if n or an option is nil.
func Letters(n *Node, opts ...LettersOption) *LetterStore {
	if n == nil {
		panic("natsmediator: Letters: the node is nil")
	}
	s := &LetterStore{n: n, name: streamName(n.ns, "letters", "v1"), prefix: n.ns + ".letters.v1."}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("natsmediator: Letters: option %d of %d is nil", i+1, len(opts)))
		}
		o.applyLetters(&s.config)
	}
	return s
}

// subject is the letter's: its ID in hexadecimal, which keeps the order of bytes.
func (s *LetterStore) subject(id string) string { return s.prefix + hex.EncodeToString([]byte(id)) }

// open returns the stream. Callers that find none each make it: the server makes one.
func (s *LetterStore) open(ctx context.Context) (jetstream.Stream, error) {
	if err := ending.Of(ctx); err != nil {
		return nil, err
	}
	if stream := s.stream.Load(); stream != nil {
		return *stream, nil
	}
	stream, err := s.n.js().Stream(ctx, s.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = s.create(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.stream.Store(&stream)
	return stream, nil
}

func (s *LetterStore) create(ctx context.Context) (jetstream.Stream, error) {
	ctx, end, err := s.n.making(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	copies := max(s.config.replicas, 1)
	stream, err := s.n.js().CreateStream(ctx, jetstream.StreamConfig{
		Name: s.name, Description: "dead letters", Subjects: []string{s.prefix + "*"}, MaxMsgsPerSubject: 1,
		Discard: jetstream.DiscardOld, Replicas: copies,
		AllowDirect: copies == 1, // by others than the leader, what was just stored may not be found
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster, with other options
		return s.n.js().Stream(ctx, s.name)
	}
	return stream, ending.Told(ctx, err)
}

// Put implements [deadletter.Store].
func (s *LetterStore) Put(ctx context.Context, l deadletter.Letter) error {
	return s.failed(ctx, "put", l.ID, s.put(ctx, l))
}

func (s *LetterStore) put(ctx context.Context, l deadletter.Letter, opts ...jetstream.PublishOpt) error {
	if err := ending.Of(ctx); err != nil {
		return err
	}
	if err := deadletter.CheckID(l.ID); err != nil {
		return err
	}
	data, err := encodeLetter(l)
	if err != nil {
		return err
	}
	if _, err := s.open(ctx); err != nil {
		return err
	}
	_, err = s.n.js().Publish(ctx, s.subject(l.ID), data, append(opts, jetstream.WithExpectStream(s.name))...)
	if api, ok := errors.AsType[*jetstream.APIError](err); errors.Is(err, nats.ErrMaxPayload) || ok && api.ErrorCode == messageExceedsMaximum {
		return fmt.Errorf("%w: %d bytes: %w", deadletter.ErrTooLarge, len(data), err)
	}
	return err
}

// Codes of the server's errors.
const (
	messageExceedsMaximum = 10054
	headerExceedsMaximum  = 10097
	wrongLastSequence     = jetstream.JSErrCodeStreamWrongLastSequence
)

// Replace implements [deadletter.Replacer].
func (s *LetterStore) Replace(ctx context.Context, l deadletter.Letter) error {
	return s.failed(ctx, "replace", l.ID, s.settled(func() error {
		msg, err := s.message(ctx, l.ID)
		if err != nil {
			return err
		}
		return s.put(ctx, l, jetstream.WithExpectLastSequencePerSubject(msg.Sequence))
	}))
}

// Delete implements [deadletter.Store].
func (s *LetterStore) Delete(ctx context.Context, id string) error {
	return s.failed(ctx, "delete", id, s.settled(func() error {
		msg, err := s.message(ctx, id)
		if err != nil {
			return err
		}
		// The server checks only between messages that come in what the last one is,
		// so a mark takes the letter's place before that goes: a Replace at the same
		// time would bring it back.
		mark := &nats.Msg{Subject: s.subject(id), Header: nats.Header{headerDeleted: {"1"}}}
		ack, err := s.n.js().PublishMsg(ctx, mark, jetstream.WithExpectStream(s.name), jetstream.WithExpectLastSequencePerSubject(msg.Sequence))
		if err != nil {
			return err
		}
		return s.sweep(ctx, ack.Sequence)
	}))
}

// headerDeleted marks what stands in the place of a deleted letter for a moment, or
// until it is next seen, if the process ended in between.
const headerDeleted = "Mediator-Deleted"

// sweep removes the mark of a deleted letter, unless another letter has its place.
func (s *LetterStore) sweep(ctx context.Context, sequence uint64) error {
	stream, err := s.open(ctx)
	if err != nil {
		return err
	}
	err = stream.DeleteMsg(ctx, sequence)
	if err != nil { // the server says in several ways that it is gone
		if _, gone := stream.GetMsg(ctx, sequence); errors.Is(gone, jetstream.ErrMsgNotFound) {
			return nil
		}
	}
	return err
}

// settled calls change again while others were faster.
func (s *LetterStore) settled(change func() error) error {
	const tries = 100
	for i := 1; ; i++ {
		err := change()
		api, ok := errors.AsType[*jetstream.APIError](err)
		if i == tries || !ok || api.ErrorCode != wrongLastSequence {
			return err
		}
	}
}

// message reads a letter's message. A mark is none.
func (s *LetterStore) message(ctx context.Context, id string) (*jetstream.RawStreamMsg, error) {
	stream, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if deadletter.CheckID(id) != nil {
		return nil, deadletter.ErrNotFound
	}
	msg, err := stream.GetLastMsgForSubject(ctx, s.subject(id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, deadletter.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if msg.Header.Get(headerDeleted) != "" {
		return nil, errors.Join(deadletter.ErrNotFound, s.sweep(ctx, msg.Sequence))
	}
	return msg, nil
}

// Get implements [deadletter.Store].
func (s *LetterStore) Get(ctx context.Context, id string) (l deadletter.Letter, err error) {
	msg, err := s.message(ctx, id)
	if err == nil {
		l, err = decodeLetter(id, msg.Data)
	}
	return l, s.failed(ctx, "get", id, err)
}

// List implements [deadletter.Store]. A letter that cannot be read, as somebody else
// may have published, is passed over.
func (s *LetterStore) List(ctx context.Context, f deadletter.Filter, after string, limit int) (letters []deadletter.Letter, next string, err error) {
	if limit <= 0 {
		limit = deadletter.DefaultPage
	}
	err = s.each(ctx, f, after, limit, func(l deadletter.Letter) bool {
		if len(letters) == limit {
			next = letters[limit-1].ID
			return false
		}
		letters = append(letters, l)
		return true
	})
	if err != nil {
		return nil, "", s.failed(ctx, "list", "", err)
	}
	return letters, next, nil
}

// Count implements [deadletter.Store]. With the zero Filter it is one question to the
// server.
func (s *LetterStore) Count(ctx context.Context, f deadletter.Filter) (n int, err error) {
	if f == (deadletter.Filter{}) {
		info, err := s.info(ctx)
		if err != nil {
			return 0, s.failed(ctx, "count", "", err)
		}
		return int(info.State.Msgs), nil
	}
	err = s.each(ctx, f, "", readAhead, func(deadletter.Letter) bool { n++; return true })
	return n, s.failed(ctx, "count", "", err)
}

// readAhead is how many letters are read at the same time at most.
const readAhead = 32

// each calls do with the matching letters after the cursor, until it returns false.
func (s *LetterStore) each(ctx context.Context, f deadletter.Filter, after string, limit int, do func(deadletter.Letter) bool) error {
	ids, err := s.ids(ctx, after)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(ids, min(limit, readAhead-1)+1) {
		letters := make([]*deadletter.Letter, len(chunk))
		errs := make([]error, len(chunk))
		var wg sync.WaitGroup
		for i, id := range chunk {
			wg.Go(func() { letters[i], errs[i] = s.read(ctx, id) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		for _, l := range letters {
			if l != nil && f.Match(*l) && !do(*l) {
				return nil
			}
		}
	}
	return nil
}

// read returns nil if the letter is gone, or is none.
func (s *LetterStore) read(ctx context.Context, id string) (*deadletter.Letter, error) {
	msg, err := s.message(ctx, id)
	if errors.Is(err, deadletter.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := decodeLetter(id, msg.Data)
	if err != nil {
		s.n.config.log.Warn("natsmediator: a letter that cannot be read", "id", id, "error", err)
		return nil, nil
	}
	return &l, nil
}

// ids returns those of all letters after the cursor, in order.
func (s *LetterStore) ids(ctx context.Context, after string) ([]string, error) {
	info, err := s.info(ctx, jetstream.WithSubjectFilter(s.prefix+"*"))
	if err != nil {
		return nil, err
	}
	var ids []string
	for subject := range info.State.Subjects {
		id, err := hex.DecodeString(strings.TrimPrefix(subject, s.prefix))
		if err == nil && string(id) > after && s.subject(string(id)) == subject {
			ids = append(ids, string(id))
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// info asks for that of the stream, by a handle of its own: Info is not safe for use
// while others read.
func (s *LetterStore) info(ctx context.Context, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	if _, err := s.open(ctx); err != nil {
		return nil, err
	}
	stream, err := s.n.js().Stream(ctx, s.name)
	if err != nil {
		return nil, err
	}
	if len(opts) == 0 {
		return stream.CachedInfo(), nil
	}
	return stream.Info(ctx, opts...)
}

// failed says what could not be done. A stream that is gone is made again by the
// next call.
func (s *LetterStore) failed(ctx context.Context, op, id string, err error) error {
	if err == nil {
		return nil
	}
	if isGone(err) {
		s.stream.Store(nil)
	}
	if id != "" {
		op = fmt.Sprintf("%s %q", op, clip(id, 100))
	}
	return fmt.Errorf("natsmediator: %s dead letters: %w", op, explained(ending.Told(ctx, err)))
}
