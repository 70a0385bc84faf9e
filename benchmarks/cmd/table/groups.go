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
		Bars:     map[string]table.Bar{"ours": {Ratio: 12}},
	},
	{
		Title: "Send through 5 behaviors", Bench: "SendBehaviors5", Unit: "ns/op",
		Baseline: "direct interface call, no behavior",
		Bars:     map[string]table.Bar{"ours": {Ratio: 14}},
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
}

// labels name the rows.
var labels = map[string]string{
	"ours":              "**mediator**",
	"ours-5-behaviors":  "**mediator**, 5 behaviors",
	"ours-chan-handler": "**mediator**, HandleStreamChan",
	"map":               "hand-written map of handlers",
	"EventBus":          "asaskevich/EventBus",
	"watermill":         "ThreeDotsLabs/watermill, gochannel",
	"ro":                "samber/ro",
	"ro-unsafe":         "samber/ro, NewUnsafeObservable",
}
