package tally_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/tally"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestATallyCountsByName(t *testing.T) {
	var counts tally.Tally
	require.Empty(t, slices.Collect(counts.Readings("retries")))
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() { counts.Add("n" + strconv.Itoa(i%3)) })
	}
	wg.Wait()
	require.Equal(t, []mediator.Reading{
		{Scope: "n0", Name: "retries", Value: 10},
		{Scope: "n1", Name: "retries", Value: 10},
		{Scope: "n2", Name: "retries", Value: 10},
	}, slices.Collect(counts.Readings("retries")))
	for r := range counts.Readings("retries") {
		require.Equal(t, "n0", r.Scope)
		counts.Add("n0") // nothing is locked
		break
	}
}

func TestATallyIsBoundedInTheNumberOfNames(t *testing.T) {
	var counts tally.Tally
	for i := range tally.Max + 20 {
		counts.Add(strconv.Itoa(i))
	}
	all := slices.Collect(counts.Readings("letters"))
	require.Len(t, all, tally.Max+1)
	require.Equal(t, behaviors.OtherName, tally.Other)
	at := slices.IndexFunc(all, func(r mediator.Reading) bool { return r.Scope == tally.Other })
	require.InDelta(t, 20, all[at].Value, 0)
}
