package otelmediator_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
)

// What one subscriber answers hides no failure of another.
func TestAPublishIsDeclinedIfAllThatItEndsWithAreAnswers(t *testing.T) {
	answers := behaviors.Business(errDeclined)
	for _, test := range []struct {
		mail, audit error
		ending      string
		errorType   any
		status      codes.Code
	}{
		{answers, nil, "declined", nil, codes.Unset},
		{answers, answers, "declined", nil, codes.Unset},
		{answers, errDeclined, "failed", "*errors.errorString", codes.Error},
		{errDeclined, answers, "failed", "*errors.errorString", codes.Error},
		{answers, behaviors.ErrLimited, "rejected", "rate_limited", codes.Error},
		{answers, &mediator.PanicError{Value: 1}, "panicked", "panic", codes.Error},
	} {
		r := newRig()
		m := newMediator(t, mediator.Use(r.behavior()),
			mediator.Subscribe(func(context.Context, paid) error { return test.mail }, mediator.Group("mail"), mediator.Named("paid")),
			mediator.Subscribe(func(context.Context, paid) error { return test.audit }, mediator.Group("audit")))
		err := mediator.Publish(t.Context(), m, paid{})
		require.ErrorIs(t, err, test.mail)
		s := r.span(t, "publish paid")
		got := attrs(s.Attributes)
		require.Equal(t, []any{test.ending, test.errorType}, []any{got["fsmediator.ending"], got["error.type"]})
		require.Equal(t, test.status, s.Status.Code)
		if test.status == codes.Error {
			require.Equal(t, err.Error(), s.Status.Description)
		} else {
			require.Equal(t, err.Error(), got["fsmediator.answer"])
		}
	}
}

// Who cancels a publish still sees what else went wrong.
func TestAPublishIsCanceledIfNothingElseWentWrong(t *testing.T) {
	canceled, answers := context.Canceled, behaviors.Business(errDeclined)
	for _, test := range []struct {
		mail, audit error
		ending      string
		errorType   string // "" if it is no failure
	}{
		{canceled, nil, "canceled", ""},
		{canceled, canceled, "canceled", ""},
		{canceled, answers, "canceled", ""},
		{canceled, errDeclined, "failed", "*errors.errorString"},
		{errDeclined, canceled, "failed", "*errors.errorString"},
		{canceled, behaviors.ErrFull, "rejected", "bulkhead_full"},
		{canceled, (*coded)(nil), "failed", "*otelmediator_test.coded"},
	} {
		r := newRig()
		ctx, cancel := context.WithCancel(t.Context())
		m := newMediator(t, mediator.Use(r.behavior()),
			mediator.Subscribe(func(context.Context, paid) error { cancel(); return test.mail }, mediator.Group("mail"), mediator.Named("paid")),
			mediator.Subscribe(func(context.Context, paid) error { <-ctx.Done(); return test.audit }, mediator.Group("audit")))
		require.Error(t, mediator.Publish(ctx, m, paid{}, mediator.Parallel(0)))
		s := r.span(t, "publish paid")
		kvs := map[string]any{"fsmediator.ending": test.ending}
		if test.errorType != "" {
			kvs["error.type"] = test.errorType
		}
		require.Subset(t, attrs(s.Attributes), kvs)
		require.Equal(t, test.errorType != "", s.Status.Code == codes.Error)
		require.Equal(t, test.errorType != "", hasEvent(s, "exception"))
		published := points(t, r.metrics(t)["messaging.client.operation.duration"])
		require.Len(t, published, 1)
		require.Subset(t, attrs(published[0].Attributes.ToSlice()), kvs)
	}
}

// committing wraps what publishes return, and adds an error of its own.
type committing struct {
	mediator.Behavior
	err error
}

func (c committing) WrapPublish(ctx context.Context, _ string, publish func(context.Context) error) error {
	return errors.Join(c.err, fmt.Errorf("commit: %w", publish(ctx)))
}

func TestWhoWrapsAPublishHidesNoFailure(t *testing.T) {
	transparent := mediator.BehaviorFunc(func(next mediator.Next) mediator.Next { return next })
	for _, test := range []struct {
		commit, mail, audit error
		ending              string
	}{
		{nil, behaviors.Business(errDeclined), errDeclined, "failed"},
		{behaviors.Business(errDeclined), errDeclined, nil, "failed"},
		{errDeclined, behaviors.Business(errDeclined), nil, "failed"},
		{behaviors.Business(errDeclined), behaviors.Business(errDeclined), nil, "declined"},
	} {
		r := newRig()
		m := newMediator(t, mediator.Use(r.behavior(), committing{transparent, test.commit}),
			mediator.Subscribe(func(context.Context, paid) error { return test.mail }, mediator.Group("mail"), mediator.Named("paid")),
			mediator.Subscribe(func(context.Context, paid) error { return test.audit }, mediator.Group("audit")))
		require.ErrorIs(t, mediator.Publish(t.Context(), m, paid{}), errDeclined)
		require.Equal(t, test.ending, attrs(r.span(t, "publish paid").Attributes)["fsmediator.ending"])
	}
}
