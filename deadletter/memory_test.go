package deadletter_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func TestMemoryDropsTheOldestAndSaysSo(t *testing.T) {
	var dropped []string
	var m *deadletter.Memory
	m = deadletter.NewMemory(deadletter.Retention{Letters: 3, OnDrop: func(l deadletter.Letter) {
		n, err := m.Count(context.Background(), deadletter.Filter{}) // outside of locks
		dropped = append(dropped, fmt.Sprint(l.ID, n, err))
	}})
	for _, id := range []string{"c", "a", "d", "b", "e", "e"} {
		require.NoError(t, m.Put(t.Context(), deadletter.Letter{ID: id}))
	}
	require.Equal(t, []string{"a3 <nil>", "b3 <nil>"}, dropped)
	require.EqualValues(t, 2, m.Dropped())
	require.Len(t, letters(t, m), 3)
}

func TestMemoryIsBoundedInBytes(t *testing.T) {
	m := deadletter.NewMemory(deadletter.Retention{Bytes: 1000})
	for i := range 100 {
		require.NoError(t, m.Put(t.Context(), deadletter.Letter{ID: fmt.Sprintf("%03d", i), Body: make([]byte, 97)}))
	}
	require.Len(t, letters(t, m), 10)
	require.EqualValues(t, 90, m.Dropped())
	require.NoError(t, m.Put(t.Context(), deadletter.Letter{ID: "099", Body: make([]byte, 197)}), "in place of a smaller one")
	require.Len(t, letters(t, m), 9)
	require.ErrorIs(t, m.Put(t.Context(), deadletter.Letter{ID: "x", Body: make([]byte, 1000)}), deadletter.ErrTooLarge)
	require.Len(t, letters(t, m), 9, "nothing is dropped for what cannot be kept")
	for _, l := range letters(t, m) {
		require.NoError(t, m.Delete(t.Context(), l.ID))
	}
	require.NoError(t, m.Put(t.Context(), deadletter.Letter{ID: "x", Body: make([]byte, 999)}), "deleted letters do not count")
}

func TestMemoryForgetsWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := deadletter.NewMemory(deadletter.Retention{Age: time.Hour})
		for range 4 {
			require.NoError(t, m.Put(t.Context(), deadletter.Letter{ID: deadletter.NewID(), First: time.Now()}))
			time.Sleep(30 * time.Minute)
		}
		require.Len(t, letters(t, m), 3)
	})
}

func TestTheZeroMemoryHasDefaults(t *testing.T) {
	var m deadletter.Memory
	for range 10_001 {
		require.NoError(t, m.Put(t.Context(), deadletter.Letter{ID: deadletter.NewID()}))
	}
	n, err := m.Count(t.Context(), deadletter.Filter{})
	require.NoError(t, err)
	require.Equal(t, 10_000, n)
	require.EqualValues(t, 1, m.Dropped())
	require.ErrorIs(t, m.Put(t.Context(), deadletter.Letter{ID: "large", Body: make([]byte, 64<<20)}), deadletter.ErrTooLarge)
}
