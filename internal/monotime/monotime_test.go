package monotime_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/internal/monotime"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDifferencesAreTheTimeThatPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := monotime.Nanos()
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, int64(1500*time.Millisecond), monotime.Nanos()-before)
	})
}

func TestItNeverGoesBack(t *testing.T) {
	last := monotime.Nanos()
	for range 10_000 {
		now := monotime.Nanos()
		require.GreaterOrEqual(t, now, last)
		last = now
	}
}
