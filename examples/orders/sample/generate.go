package sample

import (
	"iter"
	"math/rand/v2"
	"strconv"

	"github.com/fsmediator/mediator/examples/orders/messages"
)

// MaxGenerated is the most orders that [Generate] makes.
const MaxGenerated = 100_000_000

const (
	mostPieces    = 5   // of one product in a generated order
	oneInScarce   = 25  // generated orders that want something scarce
	oneInDeclined = 20  // of the others, those whose card is declined
	oneInUnknown  = 200 // of the others, those for a product the shop does not have
)

// Cards that the shop's payment provider treats in a way of its own, by how they
// end; all others are good.
const (
	NoFunds     = "-0002"
	ExpiredCard = "-0069"
	NoAnswer    = "-0119" // neither charged nor declined: no order of the sample has one
)

// Generate yields n orders. The same seed yields the same orders.
func Generate(n int, seed uint64) iter.Seq2[messages.PlaceOrder, error] {
	return func(yield func(messages.PlaceOrder, error) bool) {
		random := rand.New(rand.NewPCG(seed, 0))
		common, scarce := split()
		for range n {
			if !yield(generate(random, common, scarce), nil) {
				return
			}
		}
	}
}

// GeneratedStock is [Stock] for n generated orders: enough of what is common, and
// about half of what is wanted of what is scarce.
func GeneratedStock(n int) map[string]int64 {
	_, scarce := split()
	stock := map[string]int64{}
	for _, p := range products {
		stock[p.sku] = int64(n) * mostPieces
	}
	for _, p := range scarce {
		stock[p.sku] = int64(n) / int64(2*oneInScarce*len(scarce))
	}
	return stock
}

func generate(random *rand.Rand, common, scarce []product) messages.PlaceOrder {
	customer := strconv.Itoa(random.IntN(1_000_000))
	o := messages.PlaceOrder{
		Customer: "Customer " + customer,
		Email:    "customer" + customer + "@example.com",
		Card:     "visa-4242",
		Qty:      1,
	}
	var p product
	switch {
	case random.IntN(oneInScarce) == 0:
		p = scarce[random.IntN(len(scarce))]
	default:
		p = common[random.IntN(len(common))]
		o.Qty = 1 + random.IntN(mostPieces)
		if random.IntN(oneInDeclined) == 0 {
			o.Card = "visa" + NoFunds
		} else if random.IntN(oneInUnknown) == 0 {
			p.sku = "GIFT-CARD"
		}
	}
	o.SKU, o.UnitCents = p.sku, p.cents
	return o
}

func split() (common, scarce []product) {
	for _, p := range products {
		if p.scarce {
			scarce = append(scarce, p)
		} else {
			common = append(common, p)
		}
	}
	return common, scarce
}
