package behaviors_test

import (
	"testing"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func FuzzSliceNumber(f *testing.F) {
	f.Add(int64(0), int64(5), int64(10))
	f.Add(int64(7), int64(6), int64(1e9)) // a clock that was read before the window began
	f.Add(int64(-1<<62), int64(1<<62), int64(1<<63-1))
	f.Add(int64(0), int64(1<<63-1), int64(1<<40))
	f.Fuzz(func(t *testing.T, origin, now, span int64) {
		number, slice := behaviors.SliceNumber(origin, now, time.Duration(span))
		require.Equal(t, uint64(max(0, now-origin))/slice, number)
	})
}
