package deadletter

import (
	"context"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/answer"
)

// unanswered is the default of [If]: a notification has no caller who waits for an
// answer of the business.
func unanswered(_ context.Context, c mediator.Call, err error) bool {
	return c.Kind() == mediator.KindNotification || !answer.Is(err)
}
