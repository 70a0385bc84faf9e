package mediatortest

import "github.com/fsmediator/mediator"

// Sent returns the requests of type Q that r recorded, in order. If Q is an
// interface, such as [mediator.Request][Order], it is all that implement it.
func Sent[Q mediator.Request[R], R any](r *Recorder) []Q {
	return messages[Q](r, mediator.KindRequest)
}

// Published returns the notifications of type N that were published, in order,
// each once, whether it has subscribers or not. If N is an interface, it is all
// that implement it; any, for one, gives all. The Recorder has to be an option of
// the mediator, not of subscribers. What is published in the background counts
// from when a worker takes it: [WaitPublished] waits for that.
func Published[N any](r *Recorder) []N {
	return messages[N](r, mediator.KindNotification)
}

// Streamed returns the stream requests of type Q, in order, one for each run.
func Streamed[Q mediator.StreamRequest[T], T any](r *Recorder) []Q {
	return messages[Q](r, mediator.KindStream)
}

// CallsOf returns the calls whose message is an M, with their outcomes, in the
// order in which they began: of a notification, as it was published and for each
// subscriber.
func CallsOf[M any](r *Recorder) []Call {
	var calls []Call
	for _, c := range r.Calls() {
		if _, ok := c.Message.(M); ok {
			calls = append(calls, c)
		}
	}
	return calls
}

func messages[M any](r *Recorder, kind mediator.Kind) []M { return messagesOf[M](r.Calls(), kind) }

func messagesOf[M any](calls []Call, kind mediator.Kind) []M {
	var found []M
	for _, c := range calls {
		if m, ok := c.Message.(M); ok && c.Kind == kind && c.Handler == "" {
			found = append(found, m)
		}
	}
	return found
}
