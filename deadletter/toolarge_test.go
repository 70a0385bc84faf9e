package deadletter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// A letter grows by its new error and its stack. Its text is what the store has room for,
// and if there is none, what it was.
func TestALetterThatOutgrowsItsStoreDoesNoHarm(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for name, tc := range map[string]struct {
		body int
		text int // how long that of the only error is
	}{
		"without most of its error": {100, 1024},
		"as it was":                 {1500, len("declined")},
	} {
		t.Run(name, func(t *testing.T) {
			store := deadletter.NewMemory(deadletter.Retention{Bytes: 2000})
			m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Subscribe(func(_ context.Context, p OrderPaid) error {
				if p.Receipt == 1 {
					return errors.New(long)
				}
				return nil
			}, mediator.Group("stock")))
			put := func(id, receipt string, size int) {
				require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: id, Kind: mediator.KindNotification, Name: "deadletter_test.OrderPaid",
					Group: "stock", Errors: []string{"declined"}, Body: append([]byte(`{"Receipt":`+receipt+`}`), make([]byte, size)...), ContentType: "padded"}))
			}
			put("1", "1", tc.body)
			put("2", "2", 0)
			for turn := range 2 {
				report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Codecs(padded{}))
				require.NoError(t, err)
				require.Equal(t, []int{1, 1 - turn}, []int{report.Failed, report.Redriven})
				require.Greater(t, len(report.Outcomes[0].Err.Error()), len(long), "all of it is told")
				left := theLetter(t, store)
				require.Equal(t, left.Errors, report.Outcomes[0].Letter.Errors)
				require.Len(t, left.Errors, 1)
				require.Equal(t, tc.text, len(left.Errors[0])) //nolint:testifylint // Len would print it
			}
		})
	}
}

// padded is JSON with zero bytes after it.
type padded struct{}

func (padded) ContentType() string        { return "padded" }
func (padded) Encode(any) ([]byte, error) { return nil, errors.New("it only decodes") }
func (padded) Decode(body []byte, target any) error {
	return json.Unmarshal(bytes.TrimRight(body, "\x00"), target)
}

func TestALetterThatIsTooLargeIsKeptWithLessOfItsError(t *testing.T) {
	long := errors.New(strings.Repeat("x", 3000))
	store := deadletter.NewMemory(deadletter.Retention{Bytes: 2000})
	h := &switched{err: long}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(h.charge),
		mediator.HandleCommand(func(context.Context, Bulky) error { return long }))
	_, err := mediator.Send(t.Context(), m, Charge{Cents: 5})
	require.Equal(t, long, err)
	l := theLetter(t, store)
	require.Equal(t, []string{strings.Repeat("x", 1021) + "…"}, l.Errors)
	require.JSONEq(t, `{"Cents":5}`, string(l.Body))

	err = mediator.Exec(t.Context(), m, Bulky{Text: strings.Repeat("y", 2000)})
	require.ErrorIs(t, err, deadletter.ErrTooLarge)
	lost, ok := errors.AsType[*deadletter.StoreError](err)
	require.True(t, ok)
	require.Equal(t, []string{long.Error()}, lost.Letter.Errors, "all of it is told")
	theLetter(t, store)
}

// Bulky is a message of any size.
type Bulky struct {
	mediator.Command
	Text string
}
