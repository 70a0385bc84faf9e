package main_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	ctx, interrupt := context.WithCancel(t.Context())
	said = &lines{}
	var stdout bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- orders.Run(ctx, append([]string{"-http", "127.0.0.1:0"}, args...), strings.NewReader(""), &stdout, said)
	}()
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
		body, err := json.Marshal(map[string]any{"ids": ids})
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/console/"+what, bytes.NewReader(body))
		require.NoError(t, err)
		r.Close = true
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Console-Token", token)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, string(text)
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
