package natsmediator

import (
	"context"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
)

// builtinCodes are the errors of this library. A name on the wire stays as it is. One
// with a dot is none that [ErrorCode] takes, so that a new one is nobody's own.
var builtinCodes = []errorCode{
	{"no_handler", mediator.ErrNoHandler},
	{"closed", mediator.ErrClosed},
	{"message_type", mediator.ErrMessageType},
	{"no_response", mediator.ErrNoResponse},
	{"queue_full", mediator.ErrQueueFull},
	{"goexit", mediator.ErrGoexit},
	{"mediator.duplicate_handler", mediator.ErrDuplicateHandler},
	{"mediator.call_over", mediator.ErrCallOver},
	{"mediator.next_running", mediator.ErrNextRunning},
	{"mediator.stopped", mediator.ErrStopped},
	{"mediator.unsubscribed", mediator.ErrUnsubscribed},

	{"open", behaviors.ErrOpen},
	{"limited", behaviors.ErrLimited},
	{"full", behaviors.ErrFull},
	{"invalid", behaviors.ErrInvalid},
	{"memory", behaviors.ErrMemory},
	{"behaviors.refused", behaviors.ErrRefused},
	{"behaviors.retry_budget", behaviors.ErrRetryBudget},
	{"behaviors.retry_time", behaviors.ErrRetryTime},
	{"behaviors.delivered", behaviors.ErrDelivered},
	{"behaviors.shorter", behaviors.ErrShorter},
	{"behaviors.hedged", behaviors.ErrHedged},
	{"behaviors.abandoned", behaviors.ErrAbandoned},

	{"backpressure.overflow", backpressure.ErrOverflow},
	{"health.stalled", health.ErrStalled},
	{"health.check_running", health.ErrCheckRunning},

	{"deadletter.not_found", deadletter.ErrNotFound},
	{"deadletter.id", deadletter.ErrID},
	{"deadletter.too_large", deadletter.ErrTooLarge},
	{"deadletter.content_type", deadletter.ErrContentType},
	{"deadletter.unreached", deadletter.ErrUnreached},

	{"boltmediator.closed", boltmediator.ErrClosed},
	{"boltmediator.locked", boltmediator.ErrLocked},
	{"boltmediator.corrupt", boltmediator.ErrCorrupt},
	{"boltmediator.unreadable", boltmediator.ErrUnreadable},
	{"boltmediator.disk", boltmediator.ErrDisk},
	{"boltmediator.read_only", boltmediator.ErrReadOnly},
	{"boltmediator.full", boltmediator.ErrFull},
	{"boltmediator.no_record", boltmediator.ErrNoRecord},

	{"content_type", ErrContentType},
	{"malformed", ErrMalformed},
	{"too_large", ErrTooLarge},
	{"connection", ErrConnection},
	{"natsmediator.locked", ErrLocked},
	{"natsmediator.stream_full", ErrStreamFull},
	{"natsmediator.lag", ErrLag},
	{"natsmediator.outbox", ErrOutbox},
	{"natsmediator.letters", ErrLetters},

	{"canceled", context.Canceled},
	{"deadline_exceeded", context.DeadlineExceeded},
}
