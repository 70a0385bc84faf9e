package behaviors

import (
	"context"
	"reflect"
	"sync/atomic"

	"github.com/fsmediator/mediator"
)

// ResumeFrom returns how many items of the stream request q were delivered
// before ctx's attempt: 0 in the first, and where no [Retry] is around. By
// calling it, before its first item, the handler says that it will begin after
// them, so that a Retry may start the stream again although items were
// delivered. It is for the handler of q, with the context and the request it
// got:
//
//	func quotes(ctx context.Context, q Quotes) iter.Seq2[Quote, error] {
//		return read(ctx, q.Symbol, behaviors.ResumeFrom(ctx, q))
//	}
//
// A handler of another message that is given the same context learns nothing
// from it. Types of which values cannot be compared are told apart by type alone.
func ResumeFrom(ctx context.Context, q any) int {
	at := 0
	p, _ := ctx.Value(positionKey{}).(*position)
	for ; p != nil; p = p.outer {
		if p.isOf(q) {
			p.asked.Store(true)
			at += p.begin
		}
	}
	return at
}

type positionKey struct{}

// position is where an attempt of a stream begins.
type position struct {
	call     mediator.Call
	begin    int
	restarts bool // the Retry may start it again after items, asked or not
	asked    atomic.Bool
	advanced atomic.Bool // the attempt has delivered an item that is new
	outer    *position   // that of the Retry around
}

// goesOn tells whether a Retry around c, if it begins another attempt, has it go on
// after new items that the present one, with ctx, has delivered.
func goesOn(ctx context.Context, c mediator.Call) bool {
	p, _ := ctx.Value(positionKey{}).(*position)
	for ; p != nil; p = p.outer {
		if p.advanced.Load() && (p.restarts || p.asked.Load()) && p.isOf(c.Message()) {
			return true
		}
	}
	return false
}

func (p *position) isOf(q any) bool {
	if q == nil || p.call.Type() != reflect.TypeOf(q) {
		return false
	}
	if !reflect.ValueOf(q).Comparable() {
		return true
	}
	message := p.call.Message()
	return reflect.ValueOf(message).Comparable() && message == q
}
