package boltmediator_test

import (
	"testing"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// FuzzOutbox compares an outbox with a slice. Each byte is one operation.
func FuzzOutbox(f *testing.F) {
	f.Add([]byte{1, 9, 17, 2, 3, 0, 4, 1, 2})
	f.Add([]byte{255, 128, 127, 64, 63, 32, 31, 16, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 16 {
			ops = ops[:16]
		}
		path := file(t)
		var s *boltmediator.Store
		var o *boltmediator.Outbox
		reopen := func() {
			var err error
			s, err = boltmediator.Open(path)
			require.NoError(t, err)
			o = s.Outbox("fuzz", boltmediator.MaxDepth(50, 4000))
		}
		reopen()
		var model []boltmediator.Record
		last, size := uint64(0), 0
		for _, op := range ops {
			n := uint64(op / 4)
			switch op % 4 {
			case 0, 1:
				var records [][]byte
				added := 0
				for i := range n%8 + 1 {
					records = append(records, make([]byte, i*uint64(op)))
					added += 5 + len(records[i])
				}
				err := o.Append(t.Context(), records...)
				switch {
				case added > 4000:
					require.ErrorIs(t, err, deadletter.ErrTooLarge)
				case len(model)+len(records) > 50 || size+added > 4000:
					require.ErrorIs(t, err, boltmediator.ErrFull)
				default:
					require.NoError(t, err)
					for _, r := range records {
						last++
						model = append(model, boltmediator.Record{ID: last, Data: r})
					}
					size += added
				}
			case 2:
				upTo := last - min(last, n%8)
				require.NoError(t, o.Ack(t.Context(), upTo))
				for len(model) > 0 && model[0].ID <= upTo {
					size -= 5 + len(model[0].Data)
					model = model[1:]
				}
			case 3:
				require.NoError(t, s.Close())
				reopen()
			}
			require.Equal(t, len(model), o.Depth())
			if len(model) > 0 {
				require.Equal(t, model, pending(t, o))
			}
		}
		require.NoError(t, s.Close())
	})
}
