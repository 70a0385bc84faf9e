package behaviors_test

import (
	"fmt"

	"github.com/fsmediator/mediator/behaviors"
)

func printBreaker(c behaviors.BreakerConfig) {
	fmt.Println(c.FailureRatio, c.MinCalls, c.Window, c.Break, c.Trials)
}

func ExampleBreakerSensitive() {
	printBreaker(behaviors.BreakerSensitive())
	// Output: 0.3 3 30s 15s 2
}

func ExampleBreakerResilient() {
	printBreaker(behaviors.BreakerResilient())
	// Output: 0.7 10 2m0s 1m0s 5
}

func ExampleBreakerDatabase() {
	printBreaker(behaviors.BreakerDatabase())
	// Output: 0.4 5 1m0s 45s 2
}

func ExampleBreakerExternalAPI() {
	printBreaker(behaviors.BreakerExternalAPI())
	// Output: 0.6 8 3m0s 1m0s 3
}

func printMemoryGuard(c behaviors.MemoryGuardConfig) {
	fmt.Println(c.Limit>>20, "MiB,", c.Growth>>20, "MiB a second for", c.Interval)
}

func ExampleMemoryGuardBalanced() {
	printMemoryGuard(behaviors.MemoryGuardBalanced())
	// Output: 512 MiB, 10 MiB a second for 30s
}

func ExampleMemoryGuardHighPerformance() {
	printMemoryGuard(behaviors.MemoryGuardHighPerformance())
	// Output: 1024 MiB, 50 MiB a second for 1m0s
}

func ExampleMemoryGuardDevelopment() {
	printMemoryGuard(behaviors.MemoryGuardDevelopment())
	// Output: 2048 MiB, 100 MiB a second for 10s
}
