package dashboard_test

import (
	"encoding/json"
	"testing"

	"github.com/fsmediator/mediator/adapters/prommediator/internal/dashboard"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPanelsAreNumberedAndDoNotOverlap(t *testing.T) {
	b, err := dashboard.JSON()
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ RefID, Expr string }
			Type    string
		}
	}
	require.NoError(t, json.Unmarshal(b, &board))
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range board.Panels {
		require.NotEmpty(t, p.Title)
		require.False(t, ids[p.ID])
		ids[p.ID] = true
		require.Equal(t, p.Type == "row", len(p.Targets) == 0)
		refs := map[string]bool{}
		for _, q := range p.Targets {
			require.False(t, refs[q.RefID], p.Title)
			refs[q.RefID] = true
		}
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[at], p.Title)
				taken[at] = p.Title
			}
		}
	}
	require.Len(t, board.Panels, 28)
}
