package behaviors_test

import (
	"context"
	"encoding/json"
	"expvar"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestPublishTwiceShowsTheLatest(t *testing.T) {
	const name = "mediator of this test"
	for calls := 1; calls <= 3; calls++ {
		r := behaviors.NewRecorder()
		m := newMediator(t, mediator.Use(r), askFor(func(context.Context) error { return nil }))
		require.NoError(t, r.Publish(name))
		require.NoError(t, r.Publish(name))
		for range calls {
			_, err := mediator.Send(t.Context(), m, ask{})
			require.NoError(t, err)
		}
		var got struct {
			Messages []struct {
				Name    string
				Started int
			}
		}
		require.NoError(t, json.Unmarshal([]byte(expvar.Get(name).String()), &got))
		require.Len(t, got.Messages, 1)
		require.Equal(t, "ask", got.Messages[0].Name)
		require.Equal(t, calls, got.Messages[0].Started)
	}
}

func TestPublishByANameThatIsTaken(t *testing.T) {
	r := behaviors.NewRecorder()
	require.ErrorContains(t, r.Publish("memstats"), "taken")
	require.Error(t, r.Publish(""))
}
