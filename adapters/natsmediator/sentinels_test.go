package natsmediator_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// sentinels are those of the library that a handler can return: see
// TestErrorsKeepTheirIdentity.
var sentinels = map[string]error{
	"mediator.ErrNoHandler":        mediator.ErrNoHandler,
	"mediator.ErrDuplicateHandler": mediator.ErrDuplicateHandler,
	"mediator.ErrClosed":           mediator.ErrClosed,
	"mediator.ErrMessageType":      mediator.ErrMessageType,
	"mediator.ErrNoResponse":       mediator.ErrNoResponse,
	"mediator.ErrCallOver":         mediator.ErrCallOver,
	"mediator.ErrNextRunning":      mediator.ErrNextRunning,
	"mediator.ErrQueueFull":        mediator.ErrQueueFull,
	"mediator.ErrGoexit":           mediator.ErrGoexit,
	"mediator.ErrStopped":          mediator.ErrStopped,
	"mediator.ErrUnsubscribed":     mediator.ErrUnsubscribed,
	"behaviors.ErrOpen":            behaviors.ErrOpen,
	"behaviors.ErrLimited":         behaviors.ErrLimited,
	"behaviors.ErrFull":            behaviors.ErrFull,
	"behaviors.ErrInvalid":         behaviors.ErrInvalid,
	"behaviors.ErrMemory":          behaviors.ErrMemory,
	"behaviors.ErrRefused":         behaviors.ErrRefused,
	"behaviors.ErrRetryBudget":     behaviors.ErrRetryBudget,
	"behaviors.ErrRetryTime":       behaviors.ErrRetryTime,
	"behaviors.ErrDelivered":       behaviors.ErrDelivered,
	"behaviors.ErrShorter":         behaviors.ErrShorter,
	"behaviors.ErrHedged":          behaviors.ErrHedged,
	"behaviors.ErrAbandoned":       behaviors.ErrAbandoned,
	"backpressure.ErrOverflow":     backpressure.ErrOverflow,
	"health.ErrStalled":            health.ErrStalled,
	"health.ErrCheckRunning":       health.ErrCheckRunning,
	"deadletter.ErrNotFound":       deadletter.ErrNotFound,
	"deadletter.ErrID":             deadletter.ErrID,
	"deadletter.ErrTooLarge":       deadletter.ErrTooLarge,
	"deadletter.ErrContentType":    deadletter.ErrContentType,
	"deadletter.ErrUnreached":      deadletter.ErrUnreached,
	"boltmediator.ErrClosed":       boltmediator.ErrClosed,
	"boltmediator.ErrLocked":       boltmediator.ErrLocked,
	"boltmediator.ErrCorrupt":      boltmediator.ErrCorrupt,
	"boltmediator.ErrUnreadable":   boltmediator.ErrUnreadable,
	"boltmediator.ErrDisk":         boltmediator.ErrDisk,
	"boltmediator.ErrReadOnly":     boltmediator.ErrReadOnly,
	"boltmediator.ErrFull":         boltmediator.ErrFull,
	"boltmediator.ErrNoRecord":     boltmediator.ErrNoRecord,
	"natsmediator.ErrContentType":  natsmediator.ErrContentType,
	"natsmediator.ErrMalformed":    natsmediator.ErrMalformed,
	"natsmediator.ErrTooLarge":     natsmediator.ErrTooLarge,
	"natsmediator.ErrConnection":   natsmediator.ErrConnection,
	"natsmediator.ErrLocked":       natsmediator.ErrLocked,
	"natsmediator.ErrStreamFull":   natsmediator.ErrStreamFull,
	"natsmediator.ErrLag":          natsmediator.ErrLag,
	"natsmediator.ErrOutbox":       natsmediator.ErrOutbox,
	"natsmediator.ErrLetters":      natsmediator.ErrLetters,
}

// TestSentinelsAreAll finds what is missing above, and so on the wire, in the
// packages' files.
func TestSentinelsAreAll(t *testing.T) {
	var all []string
	for name, dir := range map[string]string{
		"mediator": "../..", "behaviors": "../../behaviors", "backpressure": "../../backpressure", "health": "../../health",
		"deadletter": "../../deadletter", "boltmediator": "../boltmediator", "natsmediator": ".",
	} {
		files, err := fs.Glob(os.DirFS(dir), "*.go")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, file), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, v := range exportedErrs(f) {
				all = append(all, name+"."+v)
			}
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(sentinels)), all)
}

func exportedErrs(f *ast.File) (names []string) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			for _, id := range spec.(*ast.ValueSpec).Names {
				if strings.HasPrefix(id.Name, "Err") {
					names = append(names, id.Name)
				}
			}
		}
	}
	return names
}
