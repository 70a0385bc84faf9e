package order

import (
	"context"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/ledger"
)

// Resume is for mediator.OnStart, behind what carries the messages, if orders are
// [Kept]: it tells again what the process before may have died before telling.
// Whoever has heard it does nothing twice.
func Resume(m *mediator.Mediator) error { return mediator.Exec(context.Background(), m, resume{}) }

type resume struct{ mediator.Command }

// MessageName implements [mediator.MessageNamer].
func (resume) MessageName() string { return "order.resume" }

// takeUp goes on with the orders in the ledger, if there is one.
func (s *service) takeUp(l *ledger.Ledger) mediator.Option {
	if l == nil {
		return mediator.Options()
	}
	untold, err := s.book.load()
	return mediator.Options(
		ledger.Loaded(err),
		mediator.HandleCommand(func(ctx context.Context, _ resume) error {
			for _, o := range untold.created {
				if err := mediator.Publish(ctx, s.m, o); err != nil {
					return err
				}
			}
			for _, e := range untold.failed {
				if err := mediator.Publish(ctx, s.m, e); err != nil {
					return err
				}
			}
			return nil
		}),
	)
}
