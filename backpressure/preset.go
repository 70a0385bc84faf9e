package backpressure

import "time"

// NoDataLoss never drops an item, and slows the producer down long before the queue
// is full: for what must arrive, from producers that can wait.
func NoDataLoss() Config {
	return Config{Strategy: Throttle, Capacity: 50_000, High: 0.9, Low: 0.3, MaxDelay: 5 * time.Second}
}

// HighThroughput drops the oldest items of a large queue: for producers that must
// not be held up.
func HighThroughput() Config {
	return Config{Strategy: DropOldest, Capacity: 10_000, High: 0.7, Low: 0.3}
}

// MemoryConstrained has a small queue, and keeps every second item when that is half
// full.
func MemoryConstrained() Config {
	return Config{Strategy: Sample, Capacity: 1000, High: 0.5, Low: 0.2, SampleEvery: 2}
}

// RealTime drops the oldest items early: for feeds of thousands of items a second
// whose consumers care for the present. What a slow consumer gets is up to 3000
// items behind: a second at 3000 items a second, but five minutes at ten. For a
// slower feed set Capacity to what may be late, and where only the very last item
// matters, use [Latest].
func RealTime() Config {
	return Config{Strategy: DropOldest, Capacity: 5000, High: 0.6, Low: 0.2}
}

// Analytics samples under pressure: 1 in 10 at first, and then as many as the
// consumer is found to bear.
func Analytics() Config {
	return Config{Strategy: Sample, Capacity: 25_000, High: 0.8, Low: 0.4, SampleEvery: 10, Adaptive: true}
}

// Balanced never drops an item, and holds the producer up when the queue is full.
func Balanced() Config {
	return Config{Strategy: Buffer, Capacity: 10_000, High: 0.8, Low: 0.5}
}
