package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// closedInTheMiddle publishes three notifications, of which the first is being handled
// when the mediator is closed with no time left.
func closedInTheMiddle(t *testing.T, opts ...mediator.Option) (*mediator.Mediator, error) {
	begun, release := make(chan struct{}, 3), make(chan struct{})
	m, err := mediator.New(append(opts, mediator.BackgroundQueue(10, 1),
		mediator.Subscribe(func(context.Context, OrderPaid) error { begun <- struct{}{}; <-release; return nil }, mediator.Group("books")),
		mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group("audit")),
		mediator.Subscribe(func(context.Context, Receipt) error { return nil }, mediator.Group("other")))...)
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: i}, mediator.Background()))
	}
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	closed := m.Close(ctx)
	close(release)
	require.NoError(t, m.Close(t.Context()))
	return m, closed
}

func TestWhatCloseLeavesUndoneIsRedrivenByTheNextProcess(t *testing.T) {
	store := deadletter.NewMemory()
	m, closed := closedInTheMiddle(t)
	kept, err := deadletter.KeepUndone(t.Context(), m, store, closed)
	require.NoError(t, err)
	require.Equal(t, 4, kept)
	for _, l := range letters(t, store) {
		require.Zero(t, l.Attempts)
		require.Contains(t, l.Errors[0], "not handled before the mediator was closed: context canceled")
		require.WithinDuration(t, time.Now(), l.First, time.Minute)
	}

	got := map[string][]int{}
	next := newMediator(t,
		mediator.Subscribe(func(_ context.Context, p OrderPaid) error { got["books"] = append(got["books"], p.Receipt); return nil }, mediator.Group("books")),
		mediator.Subscribe(func(_ context.Context, p any) error {
			got["audit"] = append(got["audit"], p.(OrderPaid).Receipt)
			return nil
		}, mediator.Group("audit")))
	report, err := deadletter.Redrive(t.Context(), next, store)
	require.NoError(t, err)
	require.Equal(t, "4 redriven, 0 failed, 0 skipped", report.String())
	require.Equal(t, map[string][]int{"books": {1, 2}, "audit": {1, 2}}, got)
	require.Empty(t, letters(t, store))
}

func TestKeepUndoneHasNothingToKeep(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t)
	for _, closed := range []error{nil, errors.New("something else"), &mediator.UndoneError{Running: 1, Err: context.Canceled}} {
		kept, err := deadletter.KeepUndone(t.Context(), m, store, closed)
		require.NoError(t, err)
		require.Zero(t, kept)
	}
	require.Empty(t, letters(t, store))
}

func TestKeepUndoneSaysWhatItCouldNotKeep(t *testing.T) {
	m, closed := closedInTheMiddle(t)
	full := errors.New("disk full")
	var told int
	kept, err := deadletter.KeepUndone(t.Context(), m, &broken{Store: deadletter.NewMemory(), put: func() error { return full }}, closed,
		deadletter.OnLetter(func(_ context.Context, _ deadletter.Letter, err error) { require.ErrorIs(t, err, full); told++ }))
	require.Zero(t, kept)
	require.ErrorIs(t, err, full)
	var lost *deadletter.StoreError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, "books", lost.Letter.Group)
	require.Equal(t, 4, told)

	for _, wrong := range []func(){
		func() { _, _ = deadletter.KeepUndone(t.Context(), nil, deadletter.NewMemory(), closed) },
		func() { _, _ = deadletter.KeepUndone(t.Context(), m, nil, closed) },
		func() { _, _ = deadletter.KeepUndone(t.Context(), m, deadletter.NewMemory(), closed, nil) },
	} {
		require.Panics(t, wrong)
	}
}

type tenantKey struct{}

// The letters of what was queued and of what failed are redriven alike, so the headers
// are found alike, in the context of the publish, although that has ended.
func TestKeepUndoneHasTheHeadersOfThePublish(t *testing.T) {
	store := deadletter.NewMemory()
	headers := deadletter.Headers(func(ctx context.Context) map[string]string {
		require.NoError(t, ctx.Err())
		return map[string]string{"tenant": ctx.Value(tenantKey{}).(string)}
	})
	begun, release := make(chan struct{}, 4), make(chan struct{})
	m, err := mediator.New(mediator.BackgroundQueue(10, 1),
		mediator.Subscribe(func(context.Context, OrderPaid) error { begun <- struct{}{}; <-release; return nil }, mediator.Group("books")),
		mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group("audit")))
	require.NoError(t, err)
	for i, tenant := range []string{"A", "B", "C"} {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), tenantKey{}, tenant))
		require.NoError(t, mediator.Publish(ctx, m, OrderPaid{Receipt: i}, mediator.Background()))
		cancel()
	}
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	closed := m.Close(ctx)
	close(release)
	require.NoError(t, m.Close(t.Context()))
	kept, err := deadletter.KeepUndone(t.Context(), m, store, fmt.Errorf("shutdown: %w", closed), headers)
	require.NoError(t, err)
	require.Equal(t, 4, kept)
	got := map[string]map[string]int{"B": {}, "C": {}}
	for _, l := range letters(t, store) {
		got[l.Headers["tenant"]][string(l.Body)+l.Group]++
	}
	require.Equal(t, map[string]map[string]int{
		"B": {`{"Receipt":1}books`: 1, `{"Receipt":1}audit`: 1}, "C": {`{"Receipt":2}books`: 1, `{"Receipt":2}audit`: 1},
	}, got)
}

// An error that no mediator has made has no contexts, and a function that panics costs no letter.
func TestKeepUndoneWithoutHeadersKeepsTheLetters(t *testing.T) {
	store := deadletter.NewMemory()
	m, closed := closedInTheMiddle(t)
	torn := deadletter.Headers(func(context.Context) map[string]string { panic("torn") })
	kept, err := deadletter.KeepUndone(t.Context(), m, store, closed, torn)
	require.Equal(t, 4, kept)
	require.ErrorContains(t, err, "torn")
	kept, err = deadletter.KeepUndone(t.Context(), m, store, &mediator.UndoneError{Queued: []any{OrderPaid{}}, Err: context.Canceled}, torn)
	require.Equal(t, 2, kept)
	require.NoError(t, err)
	for _, l := range letters(t, store) {
		require.Empty(t, l.Headers)
	}
}

func TestKeepUndoneCountsWhatIsStoredThoughSomethingWentWrong(t *testing.T) {
	type picture struct{ Draw func() } // no JSON
	for name, tc := range map[string]struct {
		message any
		opts    []deadletter.Option
		body    string
		text    string
	}{
		"a message that cannot be encoded": {message: picture{}, text: "json: unsupported type"},
		"a function that panics": {message: OrderPaid{Receipt: 7}, opts: []deadletter.Option{
			deadletter.OnLetter(func(context.Context, deadletter.Letter, error) { panic("torn") })}, body: `{"Receipt":7}`, text: "torn"},
	} {
		t.Run(name, func(t *testing.T) {
			store := deadletter.NewMemory()
			m := newMediator(t, mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group("audit")))
			kept, err := deadletter.KeepUndone(t.Context(), m, store, &mediator.UndoneError{Queued: []any{tc.message}, Names: []string{"it"}, Err: context.Canceled}, tc.opts...)
			require.Equal(t, 1, kept)
			require.ErrorContains(t, err, tc.text)
			var problem *deadletter.StoreError
			require.ErrorAs(t, err, &problem)
			require.Equal(t, tc.body, string(theLetter(t, store).Body))
			require.Equal(t, "it", theLetter(t, store).Name)
		})
	}
}

// Note is a request and a notification, of which a relay takes care when it is published.
type Note struct{ mediator.Command }

func TestKeepUndoneMakesLettersForGroupsAlone(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t,
		mediator.HandleCommand(func(context.Context, Note) error { return nil }),
		mediator.Relay(func(context.Context, Note) error { return nil }),
		mediator.Subscribe(func(context.Context, Note) error { return nil }, mediator.Group("books"), mediator.Named("note")),
		mediator.Subscribe(func(context.Context, OrderPaid) error { return nil }, mediator.Group("other"), mediator.Named("paid")),
		mediator.Subscribe(func(context.Context, Fact) error { return nil }, mediator.Group("facts")))
	undone := &mediator.UndoneError{Queued: []any{Note{}, &OrderPaid{}, nil, OrderPaid{}}, Err: context.Canceled}
	kept, err := deadletter.KeepUndone(t.Context(), m, store, undone)
	require.Equal(t, 4, kept)
	require.EqualError(t, err, "dead letter "+lostLetter(t, err).ID+" of note: its Relay was not given it: there are letters for the groups of this mediator alone")
	require.Equal(t, "{}", string(lostLetter(t, err).Body))
	var got [][2]string
	for _, l := range letters(t, store) {
		require.Equal(t, mediator.KindNotification, l.Kind)
		got = append(got, [2]string{l.Name, l.Group})
	}
	require.Equal(t, [][2]string{{"note", "books"}, {"deadletter_test.OrderPaid", "facts"}, {"paid", "facts"}, {"paid", "other"}}, got,
		"without names, those of the routes and of the types")
}

func lostLetter(t *testing.T, err error) deadletter.Letter {
	t.Helper()
	lost, ok := errors.AsType[*deadletter.StoreError](err)
	require.True(t, ok)
	return lost.Letter
}

// Whom a relay reaches elsewhere has no group here.
func TestKeepUndoneTellsOfWhatWasNotRelayed(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Relay(func(context.Context, OrderPaid) error { return nil }, mediator.Named("paid")))
	kept, err := deadletter.KeepUndone(t.Context(), m, store,
		&mediator.UndoneError{Queued: []any{OrderPaid{Receipt: 7}, OrderPaid{Receipt: 8}}, Names: []string{"paid", "paid"}, Err: context.Canceled})
	require.Zero(t, kept)
	require.Empty(t, letters(t, store))
	require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 2, "each is told")
	l := lostLetter(t, err)
	require.Equal(t, "paid", l.Name)
	require.Empty(t, l.Group)
	require.JSONEq(t, `{"Receipt":7}`, string(l.Body))
}
