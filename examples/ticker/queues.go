package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fsmediator/mediator/backpressure"
)

// The names of the consumers.
const (
	fast   = "fast"
	slow   = "slow"
	mobile = "mobile"
)

var consumerNames = []string{fast, slow, mobile}

var strategies = map[string]backpressure.Strategy{
	"block": backpressure.Block, "buffer": backpressure.Buffer, "dropnewest": backpressure.DropNewest,
	"dropoldest": backpressure.DropOldest, "latest": backpressure.Latest, "fail": backpressure.Fail,
	"sample": backpressure.Sample, "throttle": backpressure.Throttle,
}

var presets = map[string]func() backpressure.Config{
	"nodataloss": backpressure.NoDataLoss, "highthroughput": backpressure.HighThroughput,
	"memoryconstrained": backpressure.MemoryConstrained, "realtime": backpressure.RealTime,
	"analytics": backpressure.Analytics, "balanced": backpressure.Balanced,
}

// defaults are the strategies of consumers for which nothing is chosen.
var defaults = map[string]backpressure.Strategy{
	fast: backpressure.Buffer, slow: backpressure.DropOldest, mobile: backpressure.Latest,
}

// parseQueues sets the boundary of each consumer.
func (c *config) parseQueues(strategy, preset string, capacity int) error {
	chosen, err := choose("strategy", strategy, strategies)
	chosenPresets, err2 := choose("preset", preset, presets)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	c.queues = map[string]backpressure.Config{}
	for _, name := range consumerNames {
		q := backpressure.Config{Strategy: defaults[name], Capacity: defaultQueue}
		if p, ok := chosenPresets[name]; ok {
			q = p()
		}
		if s, ok := chosen[name]; ok {
			q.Strategy = s
		}
		if capacity > 0 {
			q.Capacity = capacity
		}
		c.queues[name] = q
	}
	return nil
}

// choose reads "NAME" for all consumers, or "CONSUMER=NAME,…".
func choose[V any](what, list string, of map[string]V) (map[string]V, error) {
	chosen := map[string]V{}
	if list == "" {
		return chosen, nil
	}
	for part := range strings.SplitSeq(list, ",") {
		who, name, one := strings.Cut(strings.TrimSpace(part), "=")
		if !one {
			who, name = "", who
		}
		v, ok := of[strings.ToLower(name)]
		switch {
		case !ok:
			return nil, fmt.Errorf("-%s %s: there is no %q, but %s", what, list, name, strings.Join(slices.Sorted(maps.Keys(of)), ", "))
		case one && !slices.Contains(consumerNames, who):
			return nil, fmt.Errorf("-%s %s: there is no consumer %q, but %s", what, list, who, strings.Join(consumerNames, ", "))
		}
		for _, consumer := range consumerNames {
			if !one || consumer == who {
				chosen[consumer] = v
			}
		}
	}
	return chosen, nil
}
