package main

import "github.com/fsmediator/mediator/benchmarks/internal/table"

// groups are the tables and the bars that the mediator has to reach in them.
var groups = []table.Group{
	{
		Title: "Send", Bench: "Send", Unit: "ns/op", Baseline: "direct interface call",
		Bars: map[string]table.Bar{"ours": {Ratio: 2}},
	},
	{
		Title: "Send through 1 behavior", Bench: "SendBehaviors1", Unit: "ns/op",
		Baseline: "direct interface call, no behavior",
		Bars:     map[string]table.Bar{"ours": {Ratio: 12}, "ours-scoped": {Ratio: 12}},
	},
	{
		Title: "Send through 5 behaviors", Bench: "SendBehaviors5", Unit: "ns/op",
		Baseline: "direct interface call, no behavior",
		Bars:     map[string]table.Bar{"ours": {Ratio: 14}, "ours-scoped": {Ratio: 14}},
	},
	{
		Title: "Send on all cores, slowdown against Send on one", Bench: "SendParallel", Unit: "ns/core",
		Baseline: "direct interface call", Against: "Send",
		// No slower a core than on one. The tenth is for noise: what is shared would cost a multiple.
		Bars: map[string]table.Bar{"ours": {Ratio: 1.1}},
	},
	{
		Title: "Publish to 1 handler", Bench: "Publish1", Unit: "ns/op", Baseline: "loop over a slice of funcs",
		Bars: map[string]table.Bar{"ours": {Ratio: 4}},
	},
	{
		Title: "Publish to 10 handlers", Bench: "Publish10", Unit: "ns/op", Baseline: "loop over a slice of funcs",
		Bars: map[string]table.Bar{"ours": {Ratio: 2}},
	},
	{
		Title: "Stream of a million items", Bench: "Stream", Unit: "ns/item", Baseline: "the handler's own iter.Seq2",
		// A thousand allocations in a million items: what a run allocates once, and none an item.
		Bars: map[string]table.Bar{"ours-5-behaviors": {Ratio: 4, Allocs: 1000}},
	},
	{
		Title: "StreamChan of a million items, capacity 128", Bench: "StreamChan", Unit: "ns/item",
		Baseline: "goroutine and channel",
		Bars:     map[string]table.Bar{"ours": {Ratio: 1.3, Allocs: -1}, "ours-chan-handler": {Ratio: 1.3, Allocs: -1}},
	},
	{
		Title: "Send through one behavior, over one that does nothing", Bench: "Layer", Unit: "ns/op",
		Baseline: "a behavior that does nothing", Floor: "baseline",
		Bars: map[string]table.Bar{
			"retry": {Over: 5}, "recover": {Over: 5}, "fallback": {Over: 5},
			"validate": {Over: 5}, "validate-method": {Over: 5},
		},
	},
	{
		Title: "Send that a Recorder counts and times, over one through a behavior that does nothing", Bench: "Recorder",
		Unit: "ns/op", Baseline: "a behavior that does nothing", Floor: "baseline", Bars: map[string]table.Bar{"ours": {Over: 60}},
	},
	{
		Title: "Send through behaviors.Standard with a Recorder, over one without", Bench: "StandardRecorder",
		Unit: "ns/op", Baseline: "Standard, a logger of warnings", Floor: "baseline", Bars: map[string]table.Bar{"ours": {Over: 60}},
	},
	{
		Title: "Send through a closed circuit breaker", Bench: "CircuitBreaker", Unit: "ns/op",
		Baseline: "sony/gobreaker, rolling window, in a behavior", Floor: "noop", Apart: []string{"alone"},
		Bars: map[string]table.Bar{"ours": {Ratio: 0.5}},
	},
	{
		Title: "Send through a closed circuit breaker, on all cores", Bench: "CircuitBreakerParallel", Unit: "ns/core",
		Baseline: "sony/gobreaker, rolling window, in a behavior", Floor: "noop", Apart: []string{"alone"},
		Bars: map[string]table.Bar{"ours": {Ratio: 0.5}},
	},
	{
		Title: "Send through a rate limit", Bench: "RateLimit", Unit: "ns/op",
		Baseline: "x/time/rate, Allow, in a behavior", Floor: "noop", Apart: []string{"alone", "ours-alone"},
		Bars: map[string]table.Bar{"ours": {Ratio: 0.7}},
	},
	{
		Title: "Send through a bulkhead", Bench: "Bulkhead", Unit: "ns/op",
		Baseline: "x/sync/semaphore, TryAcquire and Release, in a behavior", Floor: "noop", Apart: []string{"alone"},
		Bars: map[string]table.Bar{"ours": {Ratio: 0.8}},
	},
	{
		Title: "Send through six layers: recover, metrics, rate limit, bulkhead, retry, circuit breaker", Bench: "SixLayers",
		Unit: "ns/op", Baseline: "failsafe-go, all six as its policies",
		Bars: map[string]table.Bar{"ours": {Ratio: 0.1}},
	},
	{
		Title: "Stream of a million items through backpressure.Buffer, capacity 1024", Bench: "Buffer", Unit: "ns/item",
		Baseline: "goroutine and chan(1024)",
		Bars:     map[string]table.Bar{"ours": {Ratio: 0.35, Allocs: 1000}},
	},
	{
		Title: "Stream through backpressure.Buffer whose producer waits for each item to arrive", Bench: "BufferHandOver",
		Unit: "ns/item", Baseline: "goroutine and chan(1024)",
	},
	{
		Title: "backpressure.DropOldest, capacity 1024, slow consumer, the producer's time", Bench: "SlowDropOldest",
		Unit: "ns/item", Baseline: "chan(1024), the oldest taken out when a select finds it full",
		Bars: map[string]table.Bar{"ours": {Ratio: 0.6, Allocs: 1000}},
	},
	{
		Title: "backpressure.Latest, slow consumer, the producer's time", Bench: "SlowLatest",
		Unit: "ns/item", Baseline: "chan(1), the oldest taken out when a select finds it full",
		Bars: map[string]table.Bar{"ours": {Ratio: 0.6, Allocs: 1000}},
	},
	{
		Title: "backpressure.Sample, 1 in 2, slow consumer, the producer's time", Bench: "SlowSample",
		Unit: "ns/item", Baseline: "chan, a count, and a select for every second item",
		Bars: map[string]table.Bar{"ours": {Ratio: 0.6, Allocs: 1000}},
	},
	{
		Title: "Stream of a million items that a health.Monitor watches, over one that nobody does", Bench: "StreamHealth",
		Unit: "ns/item", Baseline: "a behavior that does nothing", Floor: "baseline",
		Bars: map[string]table.Bar{"ours": {Over: 3, Allocs: 1000}},
	},
	{
		Title: "Put of a dead letter into a file, 64 callers", Bench: "Put", Unit: "ns/op", Baseline: "bbolt, DB.Batch",
		Bars: map[string]table.Bar{"ours": {Speed: 1.3, Allocs: -1}},
	},
}

// labels name the rows.
var labels = map[string]string{
	"ours":              "**mediator**",
	"ours-5-behaviors":  "**mediator**, 5 behaviors",
	"ours-chan-handler": "**mediator**, HandleStreamChan",
	"ours-scoped":       "**mediator**, behaviors that promise to keep no Call",
	"map":               "hand-written map of handlers",
	"EventBus":          "asaskevich/EventBus",
	"watermill":         "ThreeDotsLabs/watermill, gochannel",
	"ro":                "samber/ro",
	"ro-unsafe":         "samber/ro, NewUnsafeObservable",
	"retry":             "Retry",
	"recover":           "Recover",
	"fallback":          "Fallback",
	"validate":          "Validate, message without the method",
	"validate-method":   "Validate, message with the method",
	"noop":              "behaviors that do nothing, as many",
	"alone":             "the same peer without a mediator",
	"ours-alone":        "the mediator's limiter without a mediator",
	"four":              "failsafe-go, four policies, a listener and a deferred recover, in a behavior",
	"four-alone":        "failsafe-go, the four policies, a listener and a recover, without a mediator",
	"batch-of-callers":  "bbolt, DB.Batch with MaxBatchSize 64",
}
