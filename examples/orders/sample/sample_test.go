package sample_test

import (
	"bufio"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func generate(t *testing.T, n int, seed uint64) (orders []messages.PlaceOrder) {
	t.Helper()
	for o, err := range sample.Generate(n, seed) {
		require.NoError(t, err)
		require.NoError(t, o.Validate())
		orders = append(orders, o)
	}
	return orders
}

func TestGenerate(t *testing.T) {
	orders := generate(t, 2000, 7)
	require.Len(t, orders, 2000)
	require.Equal(t, orders, generate(t, 2000, 7))
	require.NotEqual(t, orders, generate(t, 2000, 8))
	require.Equal(t, orders[:10], generate(t, 10, 7), "more orders begin with the same")
	for range sample.Generate(5, 1) {
		break
	}
}

// The totals of a run do not depend on the order of work only if this holds.
func TestScarceAndCommon(t *testing.T) {
	const n = 5000
	stock := sample.GeneratedStock(n)
	wanted := map[string]int64{}
	scarce := []string{"LAMP-SIGNED", "POT-COPPER"}
	prices := map[string]int64{}
	for _, o := range generate(t, n, 1) {
		wanted[o.SKU] += int64(o.Qty)
		if slices.Contains(scarce, o.SKU) {
			require.Equal(t, 1, o.Qty)
			require.False(t, strings.HasSuffix(o.Card, sample.NoFunds))
			if prices[o.SKU] == 0 {
				prices[o.SKU] = o.UnitCents
			}
			require.Equal(t, prices[o.SKU], o.UnitCents)
		}
	}
	require.Len(t, stock, len(sample.Stock()))
	for sku, left := range stock {
		if slices.Contains(scarce, sku) {
			require.Greater(t, wanted[sku], left, sku)
			require.Positive(t, left, sku)
		} else {
			require.GreaterOrEqual(t, left, wanted[sku], sku)
		}
	}
	require.Positive(t, wanted["GIFT-CARD"])
	require.NotContains(t, stock, "GIFT-CARD")
}

func TestSampleFileHasSeveralHundredLines(t *testing.T) {
	lines := 0
	for in := bufio.NewScanner(sample.Orders()); in.Scan(); {
		lines++
	}
	require.Equal(t, 417, lines)
}
