package natsmediator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/fsmediator/mediator/internal/ending"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Metadata of streams and consumers.
const (
	metaName       = "mediator-name"
	metaGroup      = "mediator-group"
	metaPartitions = "mediator-partitions"
	metaProgram    = "mediator-program"
)

// program is what the running program is called: the path of its main package.
var program = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" {
		return info.Path
	}
	return filepath.Base(os.Args[0])
})

// advisories are what the server publishes when a consumer of a stream has had a
// message as often as it may.
func advisories(stream, consumer string) string {
	return "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES." + stream + "." + consumer
}

// streamName is what the stream of something in a namespace is called. Names of
// streams and consumers have no dots, blanks, wildcards and slashes.
func streamName(namespace, kind, name string) string {
	return namespace + "_" + kind + "_" + entityName(name)
}

// entityName writes what is no letter, digit, dash or underscore as %XX of its
// bytes. A long name is cut, and told from others by its hash.
func entityName(s string) string {
	const most = 120
	s = escape(s, func(s string, i int) bool { return isToken(s[i : i+1]) })
	if len(s) <= most {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return s[:most-17] + "_" + hex.EncodeToString(sum[:8])
}

// ensureStream makes the event's stream, or changes it to what options say.
func (d *durable) ensureStream(ctx context.Context) error {
	return retry(ctx, func(ctx context.Context) error {
		s, made, err := d.findStream(ctx, d.streamConfig())
		if err == nil && !made {
			var c jetstream.StreamConfig
			if c, err = d.change(s.CachedInfo().Config); err == nil && !reflect.DeepEqual(c, s.CachedInfo().Config) {
				s, err = d.n.js().UpdateStream(ctx, c)
			}
		}
		if err != nil {
			return fmt.Errorf("stream %s: %w", d.stream, err)
		}
		d.had = s.CachedInfo()
		d.atomic = d.had.Config.AllowAtomicPublish
		return nil
	})
}

// findStream makes the event's stream if there is none, and leaves one that is there as
// it is.
func (d *durable) findStream(ctx context.Context, c jetstream.StreamConfig) (s jetstream.Stream, made bool, err error) {
	js := d.n.js()
	s, err = js.Stream(ctx, d.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = js.CreateStream(ctx, c)
		if made = err == nil; errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
			s, err = js.Stream(ctx, d.stream)
		}
	}
	return s, made, err
}

// isGone tells of an error that a stream may be gone, or its server.
func isGone(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse)
}

// restoreStream makes the event's stream again if somebody has deleted it, and tells so,
// once in the process: the events that it had are lost. Those that call it at the same
// time share one attempt. It changes no stream that is there: the options of a process
// may be older than those of others.
func (d *durable) restoreStream(ctx context.Context) (*jetstream.StreamInfo, error) {
	select {
	case r := <-d.restoring.DoChan("", d.tryRestore):
		info, _ := r.Val.(*jetstream.StreamInfo) // nil with an error
		return info, r.Err
	case <-ctx.Done():
		return nil, ending.Of(ctx)
	}
}

// tryRestore is one attempt at that. [Node.Close] waits for it.
func (d *durable) tryRestore() (any, error) {
	ctx, end, err := d.n.making(context.Background())
	if err != nil {
		return nil, err
	}
	defer end()
	limited, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	s, made, err := d.findStream(limited, d.had.Config)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", d.stream, ending.Told(ctx, err))
	}
	if made {
		d.log.Warn("natsmediator: the stream of an event was gone, with all that it had: it is made again", "stream", d.stream)
	}
	return s.CachedInfo(), nil
}

func (d *durable) streamConfig() jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name:        d.stream,
		Description: "events " + d.name + " of version " + strconv.Itoa(d.config.major),
		Subjects:    []string{d.prefix + "*", advisories(d.stream, "*")},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew, // what is stored is not given up for what is not
		MaxAge:      DefaultRetention,
		MaxBytes:    -1,
		Duplicates:  DefaultDedupWindow,
		Replicas:    1,
		Metadata:    map[string]string{metaName: d.name, metaPartitions: strconv.Itoa(d.config.partitions)},
	}
	c, _ = d.change(c)
	return c
}

// change puts into a stream's configuration what options say, and leaves what they
// do not.
func (d *durable) change(c jetstream.StreamConfig) (jetstream.StreamConfig, error) {
	if len(c.Subjects) == 0 || c.Subjects[0] != d.prefix+"*" {
		return c, fmt.Errorf("it is for the subjects %v, not for %s*: another namespace or event has it", c.Subjects, d.prefix)
	}
	if has, want := c.Metadata[metaPartitions], strconv.Itoa(d.config.partitions); has != want {
		return c, fmt.Errorf("it has %q partitions, not %s: keys would change partitions, and lose their order; use that number, or another EventVersion", has, want)
	}
	c.AllowAtomicPublish = true // servers before 2.12 leave that out
	if d.config.replicas > 0 {
		c.Replicas = d.config.replicas
	}
	if d.config.retention > 0 {
		c.MaxAge, c.MaxBytes = d.config.retention, d.config.maxBytes
	}
	if d.config.dedup > 0 {
		c.Duplicates = d.config.dedup
	}
	if c.MaxAge > 0 {
		c.Duplicates = min(c.Duplicates, c.MaxAge)
	}
	return c, nil
}

// consumerName is the durable consumer of a group. What follows a percent is no hex
// digit, so that it is no name of another group.
func (d *durable) consumerName(group string) string {
	if d.config.service != "" {
		return d.config.service + "%_" + entityName(group)
	}
	return entityName(group)
}

// consumers are the durable consumers of a group: one, or one a partition.
func (d *durable) consumers(group string) []string {
	name := d.consumerName(group)
	if !d.keyed {
		return []string{name}
	}
	names := make([]string, d.config.partitions)
	for p := range names {
		names[p] = name + "%p" + strconv.Itoa(p)
	}
	return names
}

// hopeless is how many deliveries without an outcome are enough for an event not to
// be handled again. They are more than the attempts, for an event that waits in a
// process that ends is delivered again without having been handled.
func (d *durable) hopeless() int { return d.config.attempts + giveBacks }

// giveBacks is how often that may happen to one event: the server counts deliveries,
// and does not tell those from others.
const giveBacks = 10

// spareDeliveries is how often the server delivers an event beyond that: for the
// letter, which may need several if its store is away.
const spareDeliveries = 20

// ensureConsumer makes one durable consumer, or changes it to what options say. made tells
// that there was none.
func (d *durable) ensureConsumer(ctx context.Context, c jetstream.ConsumerConfig) (made bool, err error) {
	c.AckPolicy = jetstream.AckExplicitPolicy
	c.AckWait = d.config.ackWait
	err = retry(ctx, func(ctx context.Context) error {
		there, err := d.n.js().Consumer(ctx, d.stream, c.Durable)
		if err == nil { // where it began cannot be changed
			has := there.CachedInfo().Config
			c.DeliverPolicy, c.OptStartSeq, c.OptStartTime = has.DeliverPolicy, has.OptStartSeq, has.OptStartTime
			d.warnOfAnother(has, c)
			if has.AckWait > c.AckWait && !d.shortened.Load() {
				if err := d.shorten(ctx); err != nil {
					return fmt.Errorf("consumer %s: %w", c.Durable, err)
				}
				d.shortened.Store(true) // for all consumers
			}
		} else if !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("consumer %s: %w", c.Durable, err)
		}
		made = made || err != nil
		if _, err = d.n.js().CreateOrUpdateConsumer(ctx, d.stream, c); err != nil {
			return fmt.Errorf("consumer %s: %w", c.Durable, err)
		}
		return nil
	})
	return made, err
}

// warnOfAnother tells if the group was last another program's, which may be there still.
func (d *durable) warnOfAnother(has, wanted jetstream.ConsumerConfig) {
	other, ours := has.Metadata[metaProgram], wanted.Metadata[metaProgram]
	if group := wanted.Metadata[metaGroup]; other != ours && other != "" && ours != "" {
		if _, told := d.warned.LoadOrStore(group, true); told { // of another partition
			return
		}
		d.log.Warn("natsmediator: a group of this name was another program's: if both are there, each event reaches one of them alone; "+
			"give the groups other names, or each program its ForService", "event", d.name, "group", group, "other", clip(other, 200), "this", ours)
	}
}

// attemptTimeout is how long one question may take: a cluster without a leader does
// not answer at all.
const attemptTimeout = 3 * time.Second

// retry calls f again while it fails with what may pass: a cluster without a
// leader, a server that is just starting.
func retry(ctx context.Context, f func(ctx context.Context) error) error {
	for {
		limited, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := f(limited)
		cancel()
		if err == nil || !isTransient(err) || !pause(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

func isTransient(err error) bool {
	if e, ok := errors.AsType[*jetstream.APIError](err); ok {
		return e.Code == 503
	}
	for _, known := range []error{nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, jetstream.ErrNoStreamResponse, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// pause waits, and returns false if ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
