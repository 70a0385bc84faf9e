// Package mediatortest helps to test what uses a mediator.
//
// [New] makes a mediator for one test. [Reply], [Fail], [Items] and [FailAfter]
// are handlers that a test says in one line. A [Recorder] tells what was sent,
// published and streamed:
//
//	rec := mediatortest.NewRecorder()
//	m := mediatortest.New(t, rec,
//		mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})),
//	)
//	err := shop.Checkout(t.Context(), m, basket)
//	require.NoError(t, err)
//	require.Equal(t, []Charge{{Cents: 1250}}, mediatortest.Sent[Charge](rec))
//	require.Equal(t, []OrderPaid{{Receipt: 7}}, mediatortest.Published[OrderPaid](rec))
//
// [WaitPublished] waits for what is published in the background, or by another
// goroutine, and for its subscribers.
//
// Code that takes a function from [mediator.SenderFor] needs no mediator to be
// tested: any function of that type will do, those of this package too.
package mediatortest
