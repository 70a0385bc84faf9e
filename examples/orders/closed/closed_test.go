package closed_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/examples/orders/closed"
)

func TestAgainstAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var s closed.Set
	over := map[string]bool{}
	for range 20_000 {
		id := fmt.Sprintf("o%d", 1+random.IntN(500))
		switch random.IntN(20) {
		case 0:
			id = fmt.Sprintf("oabc-%d", 1+random.IntN(50))
		case 1:
			id = fmt.Sprintf("o%d", 1_000_000+random.IntN(20))
		case 2:
			id = []string{"", "o", "o0", "o01", "x", "o12345678901234567890"}[random.IntN(6)]
		}
		if random.IntN(3) == 0 {
			s.Add(id)
			over[id] = true
		}
		require.Equal(t, over[id], s.Has(id), id)
	}
}

func TestSplit(t *testing.T) {
	for id, want := range map[string]int64{"o1": 1, "or7k3-120": 120, "x": 0, "": 0, "o0": 0, "o007": 7, "o99999999999999999999": 0} {
		begin, n, ok := closed.Split(id)
		if id == "o007" {
			require.False(t, ok, "one order has one ID")
			continue
		}
		require.Equal(t, want, n, id)
		require.Equal(t, want > 0, ok, id)
		if ok {
			require.Equal(t, id, begin+fmt.Sprint(n))
		}
	}
}
