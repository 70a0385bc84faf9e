package console_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/console"
)

// A function of OnClose can wait for the pages that are open, and for those that are
// opened meanwhile. They have the last sample at once.
func TestPagesEndWhenTheMediatorBeginsToClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		var h http.Handler
		var early *openPage
		waited := false
		m = newMediator(t, mediator.Handle(handleAsk), mediator.OnClose(func(ctx context.Context) error {
			require.True(t, next[sample](t, early, "sample").Closed)
			<-early.ended
			late := open(t, h)
			require.Len(t, next[wiring](t, late, "wiring").Routes, 1)
			require.True(t, next[sample](t, late, "sample").Closed)
			<-late.ended
			waited = true
			_, err := mediator.Send(ctx, m, ask{})
			return err
		}))
		h = console.Handler(m, console.Interval(time.Hour))
		early = open(t, h)
		require.False(t, next[sample](t, early, "sample").Closed)
		began := time.Now()
		require.NoError(t, m.Close(t.Context()))
		require.True(t, waited)
		require.Zero(t, time.Since(began))
	})
}

// With a page open and a request in its handler, a server that is shut down by Close
// ends the page and finishes the request, and there is time for what waits in the
// background.
func TestShutdownByClose(t *testing.T) {
	server := &http.Server{ReadHeaderTimeout: time.Minute}
	begun, goOn := make(chan struct{}), make(chan struct{})
	const queued = 50
	heard := 0
	m := newMediator(t,
		mediator.Handle(func(ctx context.Context, q ask) (int, error) {
			close(begun)
			select {
			case <-goOn:
				return q.N, nil
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		}),
		mediator.Subscribe(func(context.Context, told) error {
			<-goOn
			heard++
			return nil
		}),
		mediator.BackgroundQueue(queued, 1),
		mediator.OnClose(server.Shutdown),
	)
	mux := http.NewServeMux()
	mux.Handle("/console/", http.StripPrefix("/console", console.Handler(m, console.Interval(time.Hour))))
	mux.HandleFunc("POST /ask", func(w http.ResponseWriter, r *http.Request) {
		if _, err := mediator.Send(r.Context(), m, ask{N: 1}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	server.Handler = mux
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	url := "http://" + listener.Addr().String()
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer client.CloseIdleConnections()

	for range queued {
		require.NoError(t, mediator.Publish(t.Context(), m, told{}, mediator.Background()))
	}
	page, err := client.Get(url + "/console/events")
	require.NoError(t, err)
	defer func() { _ = page.Body.Close() }()
	answered := make(chan error, 1)
	go func() {
		response, err := client.Post(url+"/ask", "", nil)
		if err != nil {
			answered <- err
			return
		}
		if response.StatusCode != http.StatusOK {
			err = errors.New(response.Status)
		}
		answered <- errors.Join(err, response.Body.Close())
	}()
	<-begun

	closed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		closed <- m.Close(ctx)
	}()
	last := event{}
	readEvents(page.Body, func(e event) bool {
		last = e
		return true
	})
	require.Contains(t, last.data, `"closed":true`)
	select {
	case err := <-closed:
		require.Fail(t, "Close has not waited for the request", "%v", err)
	default:
	}
	close(goOn)
	require.NoError(t, <-answered)
	require.NoError(t, <-closed)
	require.Equal(t, queued, heard)
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}
