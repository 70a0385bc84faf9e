package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/deadletter"
	orders "github.com/fsmediator/mediator/examples/orders"
)

// lines is what a program says, line by line.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// patience is how long the program may take for something.
const patience = 30 * time.Second

var address = regexp.MustCompile(`the console is at (http://\S+)/console/`)

// open runs the program with -http until stop, which returns what it came to.
func open(t *testing.T, args ...string) (url string, said *lines, stop func() (code int, stdout string)) {
	t.Helper()
	return openWith(t, func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
		return orders.Run(ctx, args, strings.NewReader(""), stdout, stderr)
	}, args...)
}

// openWith is open with a way to run the program.
func openWith(t *testing.T, run func(ctx context.Context, args []string, stdout, stderr io.Writer) int,
	args ...string,
) (url string, said *lines, stop func() (code int, stdout string)) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	said = &lines{}
	var stdout bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, append([]string{"-http", "127.0.0.1:0"}, args...), &stdout, said) }()
	stop = sync.OnceValues(func() (int, string) {
		interrupt()
		return <-ended, stdout.String()
	})
	t.Cleanup(func() { stop() })
	require.Eventually(t, func() bool { return address.MatchString(said.String()) }, patience, 10*time.Millisecond, "%s", said)
	return address.FindStringSubmatch(said.String())[1], said, stop
}

// fetch returns what is at an address, and closes the connection.
func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(text)
}

func TestSite(t *testing.T) {
	url, said, stop := open(t, "-n", "300", "-rate", "100000")
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "all orders are placed") }, patience, 10*time.Millisecond)
	for path, want := range map[string]string{
		"/":                  "<title>Mediator console</title>",
		"/console/":          "<title>Mediator console</title>",
		"/console/graph.mmd": "order.created",
		"/livez":             "",
		"/readyz":            "",
		"/healthz":           "",
		"/metrics":           `message="order.place"`,
		"/debug/vars":        `"name":"order.place"`,
	} {
		status, body := fetch(t, url+path)
		require.Equal(t, http.StatusOK, status, "%s: %s", path, body)
		require.Contains(t, body, want, path)
	}
	status, _ := fetch(t, url+"/elsewhere")
	require.Equal(t, http.StatusNotFound, status)

	// A page that is open does not hold up the end.
	response, err := http.Get(url + "/console/events")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	began := time.Now()
	code, stdout := stop()
	require.Zero(t, code, "%s", said)
	require.Less(t, time.Since(began), patience)
	require.Regexp(t, `placed +300 `, stdout)
	http.DefaultClient.CloseIdleConnections()
}

func TestSiteOfAShopThatNeverCloses(t *testing.T) {
	url, said, stop := open(t, "-rate", "500", "-json")
	require.Eventually(t, func() bool {
		_, body := fetch(t, url+"/metrics")
		return strings.Contains(body, `message="order.completed"`)
	}, patience, 20*time.Millisecond)
	code, stdout := stop()
	require.Equal(t, 130, code, "%s", said)
	s := decode(t, stdout)
	require.True(t, s.Interrupted)
	require.Positive(t, s.Placed)
	require.Less(t, s.Placed, int64(100_000), "it does not go as fast as it can")
}

// A letter that was redriven from the console is mended, one that was deleted would
// lose an order.
func TestLettersOnTheSite(t *testing.T) {
	url, said, stop := open(t, "-n", "400", "-rate", "100000", "-faults", "0.3", "-seed", "7")
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "all orders are placed") }, patience, 10*time.Millisecond)
	list := func() (ids []string) {
		_, body := fetch(t, url+"/console/letters")
		var found struct{ Letters []struct{ ID string } }
		require.NoError(t, json.Unmarshal([]byte(body), &found))
		for _, l := range found.Letters {
			ids = append(ids, l.ID)
		}
		return ids
	}
	ids := list()
	require.NotEmpty(t, ids)
	_, page := fetch(t, url+"/console/")
	token := regexp.MustCompile(`data-token="([^"]+)"`).FindStringSubmatch(page)[1]
	act := func(what string, ids []string) (int, string) {
		status, body, err := post(t.Context(), url+"/console/"+what, token, ids)
		require.NoError(t, err)
		return status, body
	}
	status, body := act("delete", ids[:1])
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "its order would never end")
	// What follows from a redriven message may leave letters of its own.
	for rounds := 0; len(ids) > 0; rounds++ {
		require.Less(t, rounds, 100)
		status, body = act("redrive", ids)
		require.Equal(t, http.StatusOK, status, body)
		require.Contains(t, body, `"failed":0,"skipped":0`)
		ids = list()
	}
	code, stdout := stop()
	require.Zero(t, code, "%s", said)
	require.Regexp(t, `dead letters left +0`, stdout)
}

// post asks the console for an action on letters, as its page does.
func post(ctx context.Context, url, token string, ids []string) (status int, body string, err error) {
	asked, err := json.Marshal(map[string]any{"ids": ids})
	if err != nil {
		return 0, "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(asked))
	if err != nil {
		return 0, "", err
	}
	r.Close = true
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Console-Token", token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), errors.Join(err, response.Body.Close())
}

// heldStore holds up who gets the letter until goOn is closed, but not once their context
// has ended.
type heldStore struct {
	deadletter.Store
	letter string
	begun  func()
	goOn   chan struct{}
}

func (s heldStore) Get(ctx context.Context, id string) (deadletter.Letter, error) {
	if id == s.letter {
		s.begun()
		select {
		case <-s.goOn:
		case <-ctx.Done():
			return deadletter.Letter{}, context.Cause(ctx)
		}
	}
	return s.Store.Get(ctx, id)
}

// What has begun when the shop closes is finished, and a page that is open ends.
func TestTheSiteFinishesWhatItHasBegun(t *testing.T) {
	letters := deadletter.NewMemory()
	const id = "00000000-0000-7000-8000-000000000001"
	require.NoError(t, letters.Put(t.Context(), deadletter.Letter{ID: id, Name: "nobody handles this"}))
	begun := make(chan struct{})
	store := heldStore{Store: letters, letter: id, begun: sync.OnceFunc(func() { close(begun) }), goOn: make(chan struct{})}
	url, said, stop := openWith(t, func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
		return orders.RunStored(ctx, store, args, stdout, stderr)
	}, "-n", "10")
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "all orders are placed") }, patience, 10*time.Millisecond)
	page, err := http.Get(url + "/console/events")
	require.NoError(t, err)
	defer func() { _ = page.Body.Close() }()
	_, html := fetch(t, url+"/console/")
	token := regexp.MustCompile(`data-token="([^"]+)"`).FindStringSubmatch(html)[1]
	type answer struct {
		status int
		body   string
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		status, body, err := post(t.Context(), url+"/console/redrive", token, []string{id})
		answered <- answer{status, body, err}
	}()
	<-begun

	ended := make(chan int, 1)
	go func() {
		code, _ := stop()
		ended <- code
	}()
	seen, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	require.Contains(t, string(seen), `"closed":true`)
	require.Empty(t, answered)
	require.Empty(t, ended)
	close(store.goOn)
	a := <-answered
	require.NoError(t, a.err)
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.body, `"skipped":1`)
	require.Contains(t, a.body, "no handler", "it came to the mediator while that still took calls")
	<-ended
	require.NotContains(t, said.String(), "canceled")
	require.NotContains(t, said.String(), "deadline")
	http.DefaultClient.CloseIdleConnections()
}

func TestAnAddressThatIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	code, stdout, stderr := run(t, "", "-http", listener.Addr().String(), "-dlq", filepath.Join(t.TempDir(), "letters.db"))
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "-http "+listener.Addr().String())
	require.Contains(t, stderr, "address already in use")
}

func TestGraph(t *testing.T) {
	code, stdout, stderr := run(t, "", "-graph")
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	require.True(t, strings.HasPrefix(stdout, "flowchart LR\n"), stdout)
	for _, name := range []string{"order.created", "inventory.service.created", "group inventory", "request for messages.Receipt"} {
		require.Contains(t, stdout, name)
	}
	require.NotContains(t, stdout, "Retry")

	code, stdout, _ = run(t, "", "-graph=mermaid", "-faults", "0.1")
	require.Zero(t, code)
	require.Regexp(t, `"Recorder → \w+\.carryOrder\? → Fallback\? → DeadLetters\? → Recover\? → Retry\? → faults\? → CircuitBreaker → Timeout → faults"`, stdout)

	path := filepath.Join(t.TempDir(), "letters.db")
	code, stdout, _ = run(t, "", "-graph=dot", "-dlq", path)
	require.Zero(t, code)
	require.True(t, strings.HasPrefix(stdout, "digraph mediator {\n"), stdout)
	require.NoFileExists(t, path, "to draw is to do nothing")
}

func TestRate(t *testing.T) {
	s, _ := runJSON(t, "-n", "200", "-rate", "400")
	require.EqualValues(t, 200, s.Placed)
	require.GreaterOrEqual(t, s.ElapsedSeconds, 0.49, "200 orders, 400 a second")
}
