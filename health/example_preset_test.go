package health_test

import (
	"fmt"

	"github.com/fsmediator/mediator/health"
)

func show(c health.Config) {
	fmt.Printf("every %v, stalled after %v, %v items/s, %d MiB, %v%% errors\n",
		c.Interval, c.Stall, c.MinRate, c.MaxGrowth>>20, 100*c.MaxErrorRate)
}

func ExampleHighPerformance() {
	show(health.HighPerformance())
	// Output: every 5s, stalled after 10s, 1000 items/s, 50 MiB, 1% errors
}

func ExampleDataProcessing() {
	show(health.DataProcessing())
	// Output: every 30s, stalled after 2m0s, 50 items/s, 200 MiB, 5% errors
}

func ExampleLongRunning() {
	show(health.LongRunning())
	// Output: every 1m0s, stalled after 5m0s, 10 items/s, 500 MiB, 10% errors
}

func ExampleRealTime() {
	c := health.RealTime()
	c.MinRate = 10 // a preset is a Config, to be adjusted
	show(c)
	// Output: every 2s, stalled after 5s, 10 items/s, 25 MiB, 0.1% errors
}

func ExampleDevelopment() {
	show(health.Development())
	// Output: every 10s, stalled after 30s, 1 items/s, 100 MiB, 20% errors
}

// Where a Retry stands inside of the Monitor, what stalls can be restarted.
func ExampleDefaultPolicies() {
	c := health.RealTime()
	c.Policies = append(health.DefaultPolicies(), health.Restart{})
	for _, p := range c.Policies {
		fmt.Printf("%T\n", p)
	}
	// Output:
	// health.Pacing
	// health.Capacity
	// health.Restart
}
