package benchmarks_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/fsmediator/mediator"
)

// openOursPublish publishes sequentially, the default.
func openOursPublish(tb testing.TB, subs []*tally) publishRun {
	opts := make([]mediator.Option, len(subs))
	for i, s := range subs {
		opts[i] = mediator.Subscribe(s.on, mediator.Group("tally-"+strconv.Itoa(i)))
	}
	m := newMediator(tb, opts...)
	return publishRun{
		publish: func(ctx context.Context, o order) error { return mediator.Publish(ctx, m, o) },
		loop: func(ctx context.Context, b *testing.B) {
			for b.Loop() {
				if err := mediator.Publish(ctx, m, sample); err != nil {
					b.Fatal(err)
				}
			}
		},
	}
}
