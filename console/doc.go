// Package console shows a mediator at work: one page, live, with every message and
// the behaviors around its handlers, traffic and latencies, circuit breakers, running
// streams and dead letters.
//
//	recorder := behaviors.NewRecorder()
//	m, err := mediator.New(mediator.Use(recorder, …), …)
//	mux.Handle("/console/", http.StripPrefix("/console", console.Handler(m)))
//
// It shows what it finds: the wiring by [mediator.Mediator.Inspect], and around the
// handlers a [behaviors.Recorder] for the traffic, each [behaviors.Breaker], the
// boundaries of package backpressure, and whatever else is a [behaviors.Source].
// Dead letters are shown if [DeadLetters] is given.
//
// Where several subscribers to interfaces have one [mediator.Group], and a type that
// they get has no subscriber of its own, or is of both, nothing tells their calls apart:
// those are in the totals alone.
//
// # Who may do what
//
// Whoever reaches the handler sees everything, the bodies of dead letters included:
// put what lets in only those who may see that in front of it. To isolate a
// breaker, redrive a letter and the like is off, unless [Authorize] is given, which
// is asked each time. A request for an action must come from the page itself: it
// needs the token that the page has been given, and is refused if the browser says
// that it comes from another origin.
//
// That somebody sits at this machine is not enough to let them in: a page from
// elsewhere whose name was made to resolve to this machine is of the console's own
// origin to the browser, and gets the token. What has no other way to tell who asks
// must look at the Host of the request, too, and take no name that is not its own.
//
// The page loads nothing from elsewhere, and its content security policy keeps it from
// doing so. All that it shows is put in place as text.
//
// # What goes wrong in what it shows
//
// A behavior, a Source, a component of a Monitor or a store that panics, or ends its
// goroutine, is named on the page, and what else there is to show is shown: in place
// of the name of a behavior that panics, its type. But a Recorder asks the sources that
// it watches, too, so where one of those fails there are no figures of that Recorder.
//
// No Source may block. While one does there are no new samples, and the last page that
// is closed waits for it: so may [http.Server.Shutdown]. The page's files, the dead
// letters and the actions are there all the same. A store of dead letters may take its
// time: no sample waits for the count, and its context ends with the last page, which
// waits for it for a second at most. A count that does not mind its context goes on
// alone then, and until it ends there is no other.
//
// # What it costs
//
// Nothing, while nobody looks: no goroutine, no timer, no memory that grows. While
// pages are open, one goroutine takes a sample each [Interval] for all of them; it
// takes longer pauses when a sample takes it long. Another counts the dead letters
// now and then, so that a store that is slow holds up nothing else. At most 64 pages
// can be open at once; one that does not keep up skips samples. A page that is hidden
// disconnects.
//
// # What it needs
//
// A server whose answers can be flushed: inside of an [http.TimeoutHandler], which keeps
// an answer until it is whole, there is the page and why nothing on it moves. A
// middleware between the two that has a Flush which does nothing hides that.
//
// # How it ends
//
// The connection of a page, a stream of server-sent events, ends with the request's
// context, and with a last sample as soon as [mediator.Mediator.Close] begins. So
// [http.Server.Shutdown] is a function for [mediator.OnClose], as the example of
// [Handler] shows: it waits for the requests that have begun, whose contexts go on, and
// for no page. A page that takes nothing any more is left after five seconds.
// A Shutdown before Close would wait for the pages.
package console
