package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	ticker "github.com/fsmediator/mediator/examples/ticker"
)

// build compiles the program, as go run does.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "ticker")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

// start runs the program with a page, until the end of the test, and returns where
// that is, and what ends the program as Ctrl-C does and returns what it has printed.
func start(t *testing.T, bin string, args ...string) (url string, interrupt func() (stdout, stderr string)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, append([]string{"-http", "127.0.0.1:0"}, args...)...)
	var stdout, said bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	in := bufio.NewReader(stderr)
	line, err := in.ReadString('\n')
	require.NoError(t, err)
	url = regexp.MustCompile(`http://\S+`).FindString(line)
	require.NotEmpty(t, url, line)
	return url, func() (string, string) {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_, err := io.Copy(&said, in)
		require.NoError(t, err)
		require.NoError(t, cmd.Wait(), "%s%s", stdout.String(), said.String())
		return stdout.String(), said.String()
	}
}

// do returns the status code, the header and the body of an answer.
func do(t *testing.T, method, url string, header http.Header) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	maps.Copy(r.Header, header)
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, answer.Header, string(body)
}

// views reads the events of a page until f returns false, and returns what is wrong
// with them. It may be called on any goroutine.
func views(ctx context.Context, url string, f func(ticker.View) bool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events", nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it was read only
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		return errors.New(kind)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			if lines.Text() != "" {
				return errors.New(lines.Text())
			}
			continue
		}
		// The statuses are words, which the type does not read.
		var v struct {
			ticker.View
			Status    string `json:"status"`
			Consumers []struct {
				ticker.ConsumerView
				Status string `json:"status"`
			} `json:"consumers"`
		}
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			return err
		}
		for _, c := range v.Consumers {
			v.View.Consumers = append(v.View.Consumers, c.ConsumerView)
		}
		if !f(v.View) {
			return nil
		}
	}
	return lines.Err()
}

func TestPage(t *testing.T) {
	bin := build(t)
	url, interrupt := start(t, bin, "-rate", "100", "-symbols", "ACME,BOLT", "-strategy", "buffer", "-slow", "0s")

	code, header, body := do(t, "GET", url+"/", nil)
	require.Equal(t, 200, code)
	require.Contains(t, body, "<title>Ticker</title>")
	require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'self'")
	for path, kind := range map[string]string{"/app.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml"} {
		code, header, _ = do(t, "GET", url+path, nil)
		require.Equal(t, 200, code, path)
		require.Contains(t, header.Get("Content-Type"), kind)
	}
	for _, probe := range []string{"/livez", "/readyz", "/healthz"} {
		code, _, body = do(t, "GET", url+probe, nil)
		require.Equal(t, 200, code, probe)
		require.Equal(t, "ok\n", body)
	}
	_, header, body = do(t, "GET", url+"/healthz?verbose", nil)
	require.Equal(t, "application/health+json", header.Get("Content-Type"))
	require.Contains(t, body, "quotes.fast")

	for _, refused := range []struct {
		method, path string
		header       http.Header
		code         int
	}{
		{"GET", "/nothing", nil, 404},
		{"POST", "/", nil, 405},
		{"GET", "/stall/fast", nil, 404},
		{"POST", "/stall/nobody", nil, 404},
		{"POST", "/stall/fast", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"POST", "/stall/fast", http.Header{"Origin": {"http://example.com"}}, 403},
	} {
		code, _, _ = do(t, refused.method, url+refused.path, refused.header)
		require.Equal(t, refused.code, code, "%v", refused)
	}

	// A view after the other, in each of which the counts add up.
	n, quotes := 0, uint64(0)
	require.NoError(t, views(t.Context(), url, func(v ticker.View) bool {
		require.GreaterOrEqual(t, v.Quotes, quotes)
		quotes = v.Quotes
		for _, c := range v.Consumers {
			require.Equal(t, c.Produced, c.Delivered+c.Dropped+c.SampledOut+c.Abandoned+uint64(c.Queued))
		}
		n++
		return n < 10
	}))
	require.Positive(t, quotes)

	code, _, _ = do(t, "POST", url+"/stall/mobile", nil)
	require.Equal(t, 204, code)
	require.NoError(t, views(t.Context(), url, func(v ticker.View) bool {
		for _, e := range v.Journal {
			if e.Text == "quotes.mobile: healthy again" || strings.HasPrefix(e.Text, "quotes.mobile: resumed after") {
				return false
			}
		}
		return true
	}))

	// Those who look get the last view.
	over := make(chan bool)
	go func() {
		last := false
		first := true
		err := views(t.Context(), url, func(v ticker.View) bool {
			if first {
				over <- false
				first = false
			}
			last = v.Over
			return true
		})
		over <- last && err == nil
	}()
	<-over
	stdout, _ := interrupt()
	require.True(t, <-over)
	require.Contains(t, stdout, "All counts add up.\n")
}

// One viewer more than there is room for is turned away, and those who are gone make
// room.
func TestManyViewers(t *testing.T) {
	url, interrupt := start(t, build(t))
	client := http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	var open []*http.Response
	for range 50 {
		answer, err := client.Get(url + "/events")
		require.NoError(t, err)
		require.Equal(t, 200, answer.StatusCode)
		open = append(open, answer)
	}
	code, _, _ := do(t, "GET", url+"/events", nil)
	require.Equal(t, 503, code)
	for _, answer := range open {
		require.NoError(t, answer.Body.Close())
	}
	require.Eventually(t, func() bool {
		answer, err := client.Get(url + "/events")
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == 200
	}, 20*time.Second, 50*time.Millisecond)
	interrupt()
}

func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	cmd := exec.CommandContext(t.Context(), build(t), "-http", taken.Addr().String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	require.Equal(t, 2, exit.ExitCode())
	require.Regexp(t, `^ticker: -http 127\.0\.0\.1:\d+: listen tcp .*\n$`, stderr.String())
}

func TestProgram(t *testing.T) {
	bin := build(t)
	file := filepath.Join(t.TempDir(), "prices.csv")
	require.NoError(t, os.WriteFile(file, []byte("symbol,price\nACME,1.25\nACME,cheap\nBOLT,3\n"), 0o600))

	t.Run("file", func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), bin, "-http", "", "-in", file, "-rate", "100")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run())
		require.Equal(t, "ticker: skipped line 3: price \"cheap\" is not a number\n", stderr.String())
		require.Contains(t, stdout.String(), "2 quotes of "+file)
		require.Contains(t, stdout.String(), "1 rows skipped")
		require.NotContains(t, stdout.String(), "\x1b")
	})

	t.Run("interrupt", func(t *testing.T) {
		url, interrupt := start(t, bin, "-rate", "50", "-strategy", "slow=block", "-drain", "100ms")
		require.NoError(t, views(t.Context(), url, func(v ticker.View) bool { return v.Quotes < 100 }))
		stdout, stderr := interrupt()
		require.Contains(t, stderr, "ticker: the market is closed; consumers have 100ms for what is queued\n")
		require.Regexp(t, `(?m)^\d+ quotes of a random walk \(seed 1\) in \S+, stopped$`, stdout)
		require.Contains(t, stdout, "All counts add up.\n")
	})
}
