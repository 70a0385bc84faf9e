package market

import (
	"iter"
	"math"
	"math/rand/v2"
)

// Walk returns quotes without end: each symbol's price goes on a random walk of its
// own, from a price of its own. The same seed gives the same quotes.
func Walk(symbols []string, seed uint64) iter.Seq2[Quote, error] {
	return func(yield func(Quote, error) bool) {
		random := rand.New(rand.NewPCG(seed, uint64(len(symbols))))
		prices := make([]float64, len(symbols))
		for i := range prices {
			prices[i] = 20 * math.Exp(3*random.Float64())
		}
		for {
			i := random.IntN(len(symbols))
			// Far from 100 the walk is drawn back, or some day prices would be out of sight.
			prices[i] *= math.Exp(step*random.NormFloat64() - step*step*math.Log(prices[i]/100))
			if !yield(Quote{Symbol: symbols[i], Price: math.Round(prices[i]*100) / 100}, nil) {
				return
			}
		}
	}
}

// step is the standard deviation of a price's change from one quote to the next.
const step = 0.0015
