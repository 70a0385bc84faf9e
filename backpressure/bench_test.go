package backpressure_test

import (
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
)

// BenchmarkItem has the cost of an item where the consumer keeps up.
func BenchmarkItem(b *testing.B) {
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		b.Run(s.String(), func(b *testing.B) {
			m, _ := bounded(b, backpressure.Config{Strategy: s, Capacity: 1024, High: 1}, countUp)
			b.ReportAllocs()
			for _, err := range mediator.Stream(b.Context(), m, count{N: b.N}) {
				if err != nil && s != backpressure.Fail {
					b.Fatal(err)
				}
			}
		})
	}
}
