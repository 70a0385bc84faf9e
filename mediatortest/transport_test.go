package mediatortest_test

import (
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/mediatortest"
)

func TestLocalHandlersConform(t *testing.T) {
	mediatortest.Transport(t, func(t testing.TB, handlers mediator.Option) *mediator.Mediator {
		return mediatortest.New(t, handlers)
	})
}
