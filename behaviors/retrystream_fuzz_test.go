package behaviors_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// FuzzRetriedStream sets streams that fail anywhere against what a consumer must
// see: a prefix of the items, each once and in order, complete if and only if
// there is no error.
func FuzzRetriedStream(f *testing.F) {
	f.Add([]byte{2, 1, 0, 3}, uint8(0), true, uint8(9))
	f.Add([]byte{0, 0, 4}, uint8(1), false, uint8(9))
	f.Add([]byte{5, 5, 1, 1, 1, 1, 1}, uint8(1), true, uint8(3))
	f.Fuzz(func(t *testing.T, fails []byte, mode uint8, resumes bool, stop uint8) {
		synctest.Test(t, func(t *testing.T) {
			const of = "abcdefgh"
			b := &broken{resumes: resumes}
			for _, n := range fails[:min(len(fails), 30)] {
				b.failAt = append(b.failAt, int(n)%10)
			}
			m := newMediator(t, mediator.HandleStream(b.handle), mediator.Use(behaviors.Retry(behaviors.RetryConfig{
				Stream: behaviors.StreamMode(mode % 2), Budget: behaviors.NoBudget()})))
			got, n := "", 0
			var failed error
			for item, err := range mediator.Stream(t.Context(), m, letters{Of: of}) {
				if failed = err; err != nil {
					break
				}
				got += item
				if n++; n == int(stop) {
					break
				}
			}
			require.Equal(t, of[:len(got)], got)
			if failed == nil && n != int(stop) {
				require.Equal(t, of, got)
			}
			require.Condition(t, func() bool { return failed == nil || errors.Is(failed, errFlaky) })
		})
	})
}
