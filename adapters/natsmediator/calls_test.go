package natsmediator_test

import (
	"strconv"
	"testing"

	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

func TestTheLatestCancelsAreRememberedAndNoMore(t *testing.T) {
	var c natsmediator.Calls
	for i := range natsmediator.EarlyCancels + 1 {
		c.Cancel(strconv.Itoa(i))
	}
	require.Equal(t, natsmediator.EarlyCancels, c.Remembered())

	require.True(t, c.Begin("0"), "the eldest is forgotten")
	for i := 1; i <= natsmediator.EarlyCancels; i++ {
		require.False(t, c.Begin(strconv.Itoa(i)), "%d was cancelled ahead of its call", i)
		require.True(t, c.Begin(strconv.Itoa(i)), "%d is another call", i)
	}
	require.Zero(t, c.Remembered())

	c.Cancel("again")
	c.Cancel("again")
	require.Equal(t, 1, c.Remembered(), "once is enough")
}
