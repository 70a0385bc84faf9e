package natsmediator

import (
	"fmt"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/internal/answer"
)

// DurableOption is about one [Durable].
type DurableOption interface {
	applyDurable(c *durableConfig)
}

// StoreOption is about what JetStream keeps, of [Durable] and of [Letters].
type StoreOption interface {
	DurableOption
	LettersOption
}

// What holds unless options say otherwise.
const (
	DefaultPartitions  = 8
	DefaultWorkers     = 8
	DefaultAttempts    = 20
	DefaultAckWait     = 30 * time.Second
	DefaultBackoff     = time.Second
	DefaultMaxBackoff  = time.Minute
	DefaultRetention   = 7 * 24 * time.Hour
	DefaultDedupWindow = 2 * time.Minute
)

const leastAckWait = 100 * time.Millisecond

type durableConfig struct {
	handler    []mediator.HandlerOption
	major      int
	encoding   string
	service    string
	partitions int
	workers    int
	prefetch   int
	attempts   int
	ackWait    time.Duration
	backoff    time.Duration
	maxBackoff time.Duration
	letters    deadletter.Store
	giveUp     func(error) bool
	fromNow    bool
	outbox     *boltmediator.Store
	outboxOpts []boltmediator.OutboxOption

	// Of the stream; zero leaves what it has, or the default.
	replicas  int
	retention time.Duration
	maxBytes  int64
	dedup     time.Duration
}

func newDurableConfig(opts []DurableOption) durableConfig {
	c := durableConfig{giveUp: answer.Is, major: 1, partitions: DefaultPartitions, workers: DefaultWorkers, attempts: DefaultAttempts,
		ackWait: DefaultAckWait, backoff: DefaultBackoff, maxBackoff: DefaultMaxBackoff}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("natsmediator: Durable: option %d of %d is nil", i+1, len(opts)))
		}
		o.applyDurable(&c)
	}
	if c.prefetch == 0 {
		c.prefetch = 2 * c.workers
	}
	return c
}

type durableOption func(c *durableConfig)

func (f durableOption) applyDurable(c *durableConfig) { f(c) }

// Publishing hands options to the mediator.Relay that [Durable] makes: mediator.Use
// for behaviors around the publishing, mediator.Named for the event's name, which
// processes without a subscriber need if it is not the default.
func Publishing(opts ...mediator.HandlerOption) DurableOption {
	opts = slices.Clone(opts)
	return durableOption(func(c *durableConfig) { c.handler = append(c.handler, opts...) })
}

// EventVersion is the major version of the event: part of its subject. Default: 1.
// It panics if major is not positive.
func EventVersion(major int) DurableOption {
	checkPositive("EventVersion", major)
	return durableOption(func(c *durableConfig) { c.major = major })
}

// EventEncoding has events stored by the codec of a content type, one of the node's
// [Codecs]; those that come may be of any of them. Default: that of [JSON].
func EventEncoding(contentType string) DurableOption {
	return durableOption(func(c *durableConfig) { c.encoding = contentType })
}

// ForService sets the groups of this process apart from those of other services
// that have the same names. Without it, a group is one in the whole namespace. It
// panics if the name is not made of letters, digits, dashes and underscores.
func ForService(name string) DurableOption {
	checkToken("ForService", name)
	return durableOption(func(c *durableConfig) { c.service = name })
}

// Partitions is how many partitions the events of a [Keyed] type have, and so how
// many of them a group handles at the same time at most. It is fixed once the first
// process has started: another number is an error of New. Default:
// [DefaultPartitions]; it is 1 for types without a key. It panics if n is not
// positive or above 256.
func Partitions(n int) DurableOption {
	if n <= 0 || n > 256 {
		panic(fmt.Sprintf("natsmediator: Partitions(%d): it has to be 1 to 256", n))
	}
	return durableOption(func(c *durableConfig) { c.partitions = n })
}

// Workers is how many events each group of a process handles at the same time.
// Default: [DefaultWorkers]. It panics if n is not positive.
func Workers(n int) DurableOption {
	checkPositive("Workers", n)
	return durableOption(func(c *durableConfig) { c.workers = n })
}

// Prefetch is how many events each group of a process has at the same time: those
// being handled and those that wait for a worker. The server is told of all of them
// that they are in progress, so that however long handlers take none is given to
// another process. Events of a [Keyed] type are not fetched ahead. Default: twice
// [Workers]. It panics if n is not positive.
func Prefetch(n int) DurableOption {
	checkPositive("Prefetch", n)
	return durableOption(func(c *durableConfig) { c.prefetch = n })
}

// Attempts is how often an event is delivered to a group at most before it becomes
// a dead letter. With [Backoff], it says for how long what a handler depends on may be
// away: by default 10 to 14 minutes. An event of a [Keyed] type holds up its partition
// for as long. What a process that ends gives back without having handled it was
// delivered, and counts. Default: [DefaultAttempts]. It panics if n is not positive.
func Attempts(n int) DurableOption {
	checkPositive("Attempts", n)
	return durableOption(func(c *durableConfig) { c.attempts = n })
}

// Backoff is how long an event that failed waits for its next attempt: first after
// the first, then twice as long each time, up to most; an error whose method
// RetryAfter() time.Duration says more has its way. Each wait is shortened at random
// by up to a quarter, so that what failed together is not tried together. Default:
// [DefaultBackoff] and [DefaultMaxBackoff]. It panics if first is not positive or
// most is less.
func Backoff(first, most time.Duration) DurableOption {
	if first <= 0 || most < first {
		panic(fmt.Sprintf("natsmediator: Backoff(%v, %v): the first has to be positive, and the most no less", first, most))
	}
	return durableOption(func(c *durableConfig) { c.backoff, c.maxBackoff = first, most })
}

// AckWait is how long the server waits for a sign of life of a process that has an
// event before it gives the event to another. Default: [DefaultAckWait]. It panics
// if d is less than 100ms: the sign is given every third of it. Of processes of a group
// that have another one, the server goes by the one that started last, or last made the
// consumer again. If that makes it shorter, it tells the others first, which give the
// sign as often from then on.
func AckWait(d time.Duration) DurableOption {
	if d < leastAckWait {
		panic(fmt.Sprintf("natsmediator: AckWait(%v): it has to be at least 100ms", d))
	}
	return durableOption(func(c *durableConfig) { c.ackWait = d })
}

// DeadLetters is where events go that failed for good. Default: [Letters] of the
// node. It panics if s is nil.
func DeadLetters(s deadletter.Store) DurableOption {
	if s == nil {
		panic("natsmediator: DeadLetters: the store is nil")
	}
	return durableOption(func(c *durableConfig) { c.letters = s })
}

// GiveUpIf has an event become a dead letter at once if f says so of the error of its
// handler: there is no use in trying again. f is called concurrently. Default: if it is
// an answer of the business, see behaviors.Business. It panics if f is nil.
func GiveUpIf(f func(err error) bool) DurableOption {
	if f == nil {
		panic("natsmediator: GiveUpIf: the function is nil")
	}
	return durableOption(func(c *durableConfig) { c.giveUp = f })
}

// FromNow has groups that are new begin with what is published from then on. Default:
// with all that is there, as have all groups in a stream that was deleted and is made
// again.
func FromNow() DurableOption { return durableOption(func(c *durableConfig) { c.fromNow = true }) }

// Outbox has Publish return once the event is synced in s, an outbox of which is
// named like the event's stream; from there it is relayed to JetStream, in order,
// and in batches. A file has one process, so each needs its own. What the server refuses
// for good becomes a dead letter in s.
// It panics if s is nil.
func Outbox(s *boltmediator.Store, opts ...boltmediator.OutboxOption) DurableOption {
	if s == nil {
		panic("natsmediator: Outbox: the store is nil")
	}
	opts = slices.Clone(opts)
	return durableOption(func(c *durableConfig) { c.outbox, c.outboxOpts = s, opts })
}

// Replicas is how many servers of a cluster keep a copy, 1, 3 or 5: with 3, one may
// be lost. Default: what there is, 1 for what is new. It panics if n is another number.
func Replicas(n int) StoreOption {
	if n <= 0 || n%2 == 0 || n > 5 {
		panic(fmt.Sprintf("natsmediator: Replicas(%d): it has to be 1, 3 or 5", n))
	}
	return replicas(n)
}

type replicas int

func (n replicas) applyDurable(c *durableConfig) { c.replicas = int(n) }
func (n replicas) applyLetters(c *lettersConfig) { c.replicas = int(n) }

// Retention is how long events are kept, handled or not, and how many bytes of
// them: a group that is away for longer misses some, and while there are too many
// bytes Publish fails. Default: what there is, [DefaultRetention] and no limit of
// its own for what is new. It panics if age is not positive or maxBytes negative; 0
// is no limit.
func Retention(age time.Duration, maxBytes int64) DurableOption {
	if age <= 0 || maxBytes < 0 {
		panic(fmt.Sprintf("natsmediator: Retention(%v, %d): the age has to be positive, and the bytes must not be negative", age, maxBytes))
	}
	if maxBytes == 0 {
		maxBytes = -1
	}
	return durableOption(func(c *durableConfig) { c.retention, c.maxBytes = age, maxBytes })
}

// DedupWindow is for how long the server knows the IDs of events, to store each
// once. It takes memory there: some 100 bytes an event. Default: what there is,
// [DefaultDedupWindow] for what is new. It panics if d is less than 100ms.
func DedupWindow(d time.Duration) DurableOption {
	if d < 100*time.Millisecond {
		panic(fmt.Sprintf("natsmediator: DedupWindow(%v): it has to be at least 100ms", d))
	}
	return durableOption(func(c *durableConfig) { c.dedup = d })
}
