package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	orders "github.com/fsmediator/mediator/examples/orders"
	"github.com/fsmediator/mediator/examples/orders/inventory"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/notification"
	"github.com/fsmediator/mediator/examples/orders/order"
	"github.com/fsmediator/mediator/examples/orders/payment"
)

// shop wires the services as the program does, with something of the test's in
// between.
func shop(provider payment.Provider, deliver func(context.Context, notification.Notice) error, more ...mediator.Option,
) func(map[string]int64) (*mediator.Mediator, error) {
	return func(stock map[string]int64) (*mediator.Mediator, error) {
		opts := append(more, order.Module(), inventory.Module(stock), payment.Module(provider))
		if deliver != nil {
			opts = append(opts, notification.Module(deliver))
		}
		return mediator.New(opts...)
	}
}

var provider = payment.Provider{Charge: orders.Charge, Refund: orders.Refund}

// trace notes which handler gets what, nested as the calls are.
func trace(into *[]string) mediator.Behavior {
	depth := 0
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		entry := strings.Repeat("  ", depth) + c.Name()
		if c.Handler() != "" {
			entry += " to " + c.Handler()
		}
		*into = append(*into, entry)
		depth++
		defer func() { depth-- }()
		return next(ctx, c)
	})
}

func TestSagas(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*messages.PlaceOrder)
		want  string
	}{
		"completed": {func(*messages.PlaceOrder) {}, `
order.place
  order.created to inventory
    inventory.reserved to order
      payment.requested to payment
        payment.processed to order
          order.completed to inventory
          order.completed to payment
          order.completed to notification`},
		"out of stock": {func(p *messages.PlaceOrder) { p.Qty = 11 }, `
order.place
  order.created to inventory
    inventory.rejected to order
      order.cancelled to inventory
      order.cancelled to payment
      order.cancelled to notification`},
		"card declined": {func(p *messages.PlaceOrder) { p.Card = "visa-0002" }, `
order.place
  order.created to inventory
    inventory.reserved to order
      payment.requested to payment
        payment.failed to order
          order.cancelled to inventory
          order.cancelled to payment
          order.cancelled to notification`},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			m, err := shop(provider, orders.Deliver, mediator.Use(trace(&got)))(map[string]int64{"CUP": 10})
			require.NoError(t, err)
			p := messages.PlaceOrder{Customer: "Ada", Email: "a@b.c", SKU: "CUP", Qty: 1, UnitCents: 5, Card: "visa-1"}
			c.spoil(&p)
			_, err = mediator.Send(t.Context(), m, p)
			require.NoError(t, err)
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), strings.Join(got, "\n"))
		})
	}
}

func runWired(t *testing.T, wire func(map[string]int64) (*mediator.Mediator, error), args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = orders.RunWired(t.Context(), wire, args, strings.NewReader(strings.Repeat(line+"\n", 3)), &out, &log)
	return code, out.String(), log.String()
}

func TestServiceThatFails(t *testing.T) {
	t.Run("payment", func(t *testing.T) {
		down := payment.Provider{
			Charge: func(context.Context, messages.PaymentRequested) error { return errors.New("provider is down") },
			Refund: orders.Refund,
		}
		code, stdout, stderr := runWired(t, shop(down, orders.Deliver), "-in", "-", "-json")
		require.Equal(t, 1, code)
		s := decode(t, stdout)
		require.EqualValues(t, 3, s.Failed)
		require.Equal(t, map[string]int64{"processing failed": 3}, s.ByReason)
		require.Empty(t, s.Problems, "a failed order is compensated")
		require.Equal(t, 3, strings.Count(stderr, "provider is down\n"), stderr)

		_, stdout, _ = runWired(t, shop(down, orders.Deliver), "-in", "-")
		require.Regexp(t, `\n  failed +3  reported above\n`, stdout)
	})

	t.Run("payment, after the charge", func(t *testing.T) {
		lost := errors.New("message lost")
		lose := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			if c.Name() == "payment.processed" {
				return lost
			}
			return next(ctx, c)
		})
		refunds := 0
		careful := payment.Provider{Charge: orders.Charge, Refund: func(context.Context, messages.PaymentRequested) error {
			refunds++
			return nil
		}}
		code, stdout, stderr := runWired(t, shop(careful, orders.Deliver, mediator.Use(lose)), "-in", "-", "-json", "-workers", "1")
		require.Equal(t, 1, code)
		s := decode(t, stdout)
		require.EqualValues(t, 3, s.Compensated)
		require.Empty(t, s.Problems, "the money is given back: %s", stderr)
		require.Equal(t, 3, refunds)
	})

	t.Run("notification", func(t *testing.T) {
		full := func(context.Context, notification.Notice) error { return errors.New("mailbox full") }
		code, stdout, stderr := runWired(t, shop(provider, full), "-in", "-", "-json")
		require.Equal(t, 1, code)
		s := decode(t, stdout)
		require.EqualValues(t, 3, s.Failed)
		require.EqualValues(t, 3, s.Completed, "the order is done, only the notice is not sent")
		require.Empty(t, s.Problems)
		require.Equal(t, 3, strings.Count(stderr, "\n"), stderr)
	})
}

// The services do not rest on subscribers being called one after the other.
func TestSubscribersInParallel(t *testing.T) {
	code, stdout, stderr := runWired(t, shop(provider, orders.Deliver, mediator.Parallel(0)), "-n", "2000", "-json")
	require.Zero(t, code, stderr)
	s := decode(t, stdout)
	s.addsUp(t)
	_, stdout, _ = run(t, "", "-n", "2000", "-json")
	require.Equal(t, decode(t, stdout).Stock, s.Stock)
}

// What one service tells another may come from elsewhere: by name, as JSON.
func TestServicesAreReachedByName(t *testing.T) {
	m, err := shop(provider, orders.Deliver)(map[string]int64{"CUP-BLUE": 3})
	require.NoError(t, err)
	send := func(name, message string) any {
		response, err := mediator.Dispatch(t.Context(), m, name, func(target any) error {
			return json.Unmarshal([]byte(message), target)
		})
		require.NoError(t, err, name)
		return response
	}
	require.Equal(t, messages.Receipt{OrderID: "o1"}, send("order.place", line))
	o := messages.OrderCreated{OrderID: "x1", SKU: "CUP-BLUE", Qty: 1}
	wire, err := json.Marshal(o)
	require.NoError(t, err)
	require.Nil(t, send("order.created", string(wire)))
	levels := func() (levels []messages.StockLevel) {
		for level, err := range mediator.Stream(t.Context(), m, messages.ListStock{}) {
			require.NoError(t, err)
			levels = append(levels, level)
		}
		return levels
	}
	require.Equal(t, []messages.StockLevel{{SKU: "CUP-BLUE", Reserved: 1, Sold: 2}}, levels())
	require.Nil(t, send("order.cancelled", `{"order":{"order_id":"x1"}}`))
	require.Equal(t, []messages.StockLevel{{SKU: "CUP-BLUE", Left: 1, Sold: 2}}, levels())
	for _, name := range []string{
		"order.completed", "inventory.reserved", "inventory.rejected", "payment.processed", "payment.failed",
	} {
		require.Nil(t, send(name, `{"order_id":"nobody's"}`))
	}
	require.Nil(t, send("payment.requested", `{"order_id":"x2","cents":5}`))
	require.EqualValues(t, 2505, send("payment.count", "{}").(messages.PaymentCounts).ChargedCents)
	require.EqualValues(t, 3, send("notification.count", "{}").(messages.NoticeCounts).Sent)
	require.EqualValues(t, 1, send("order.count", "{}").(messages.OrderCounts).Placed)
}

func TestNumbersThatDoNotAddUp(t *testing.T) {
	// Orders that nobody tells the inventory about stay open.
	deaf := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if c.Name() == "order.created" {
			return nil
		}
		return next(ctx, c)
	})
	code, stdout, stderr := runWired(t, shop(provider, orders.Deliver, mediator.Use(deaf)), "-in", "-")
	require.Equal(t, 1, code)
	require.Equal(t, "orders: the numbers do not add up: placed is 3, completed + compensated is 0\n"+
		"orders: the numbers do not add up: orders still open is 3, none is 0\n", stderr)
	require.Contains(t, stdout, "DOES NOT ADD UP: placed is 3")
}

func TestWiringThatIsWrong(t *testing.T) {
	code, stdout, stderr := runWired(t, shop(provider, orders.Deliver, mediator.Use(nil)))
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "behavior 1 of 1 is nil")

	code, stdout, stderr = runWired(t, shop(provider, nil))
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "no handler for messages.CountNotices")
}

func TestStatus(t *testing.T) {
	m, err := shop(provider, orders.Deliver)(map[string]int64{"CUP-BLUE": 3})
	require.NoError(t, err)
	for range 2 {
		_, err = mediator.Send(t.Context(), m, messages.PlaceOrder{
			Customer: "Ada", Email: "a@b.c", SKU: "CUP-BLUE", Qty: 2, UnitCents: 5, Card: "visa-1",
		})
		require.NoError(t, err)
	}
	require.Equal(t, "2 placed, 1 completed, 1 compensated", orders.Status(t.Context(), m, 0))
	require.Equal(t, "2 placed of 2,000 (0%), 1 completed, 1 compensated", orders.Status(t.Context(), m, 2000))
	require.NoError(t, m.Close(t.Context()))
	require.Contains(t, orders.Status(t.Context(), m, 0), "closed")
}
