package browser_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// ticker is the program of examples/ticker, running.
type ticker struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	stdout bytes.Buffer
	rest   chan struct{} // closed when all it says has been read
}

// startTicker runs the program with the flags and a page until the end of the test.
func startTicker(t *testing.T, flags ...string) *ticker {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "ticker")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../ticker").CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := &ticker{t: t, rest: make(chan struct{})}
	p.cmd = exec.Command(bin, append([]string{"-http", "127.0.0.1:0", "-json", "-duration", "3m"}, flags...)...)
	p.cmd.Stdout = &p.stdout
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill() // the test has failed already
			<-p.rest
			_ = p.cmd.Wait()
		}
	})
	said := bufio.NewReader(stderr)
	line, err := said.ReadString('\n')
	go func() {
		defer close(p.rest)
		_, _ = io.Copy(io.Discard, said) // the same is on the page
	}()
	require.NoError(t, err)
	p.url = regexp.MustCompile(`http://\S+`).FindString(line)
	require.NotEmpty(t, p.url, line)
	return p
}

// probe returns the status code of an endpoint.
func (p *ticker) probe(path string) int {
	p.t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(p.url + path)
	require.NoError(p.t, err)
	require.NoError(p.t, answer.Body.Close())
	return answer.StatusCode
}

// of finds something of a consumer's card, in JavaScript.
func of(consumer, selector string) string {
	return `document.querySelector('.consumer[data-name=` + consumer + `] ` + selector + `')`
}

const statusText = `document.getElementById('status').textContent`

// The prices move; a line that stalls makes the status unhealthy, on the page and for
// a probe, and the prices stand still; the monitor interrupts the stream, the retry
// resumes it, and all is well again.
func TestTickerRecovers(t *testing.T) {
	program := startTicker(t, "-rate", "40", "-slow", "0s", "-stay", "1h", "-strategy", "buffer", "-symbols", "ACME,BOLT")
	p := newTab(t, 1280, 1000, "light")
	p.open(program.url)
	p.until(statusText + ` === 'healthy'`)
	p.until(`document.querySelectorAll('.price').length === 2`)
	const price = `document.querySelector('.price[data-name=ACME] .now').textContent`
	for range 3 {
		before := eval[string](p, price)
		p.until(price + ` !== ` + quoted(before))
	}
	p.until(`document.querySelector('.price polyline').getAttribute('points').split(' ').length > 20`)
	require.Equal(t, http.StatusOK, program.probe("/healthz"))
	require.Equal(t, http.StatusOK, program.probe("/readyz"))

	p.do(chromedp.Click(chromedp.CSS(`.consumer[data-name=fast] button`)))
	p.until(statusText + ` === 'unhealthy'`)
	p.until(of("fast", ".pill") + `.textContent === 'unhealthy'`)
	require.NotEqual(t, "unhealthy", eval[string](p, of("slow", ".pill")+`.textContent`))
	p.shoot("ticker-unhealthy")
	p.until(statusText + ` === 'healthy'`)
	for _, said := range []string{
		"injected: quotes.fast: the line stalls", "quotes.fast: unhealthy (stalled: ", "quotes.fast: interrupted: stalled: ", "quotes.fast: resumed after ", "quotes.fast: healthy again",
	} {
		p.until(`[...document.querySelectorAll('#journal span')].some((e) => e.textContent.includes(` + quoted(said) + `))`)
	}
	p.until(`/interrupted and resumed: \d/.test(` + of("fast", ".notes") + `.textContent)`)
	before := eval[string](p, price)
	p.until(price + ` !== ` + quoted(before))
	require.Equal(t, http.StatusOK, program.probe("/healthz"))
	require.Equal(t, 0, eval[int](p, `parseInt(`+of("fast", ".n-dropped")+`.textContent)`))

	require.NoError(t, program.cmd.Process.Signal(os.Interrupt))
	p.until(statusText + ` === 'over'`)
	<-program.rest
	require.NoError(t, program.cmd.Wait(), "%s", program.stdout.String())
	_, text, _ := bytes.Cut(program.stdout.Bytes(), []byte("{"))
	var summary struct {
		Stalls, Interrupted int
		Problems            []string
	}
	require.NoError(t, json.Unmarshal(append([]byte("{"), text...), &summary))
	require.Empty(t, summary.Problems)
	require.Equal(t, 1, summary.Stalls)
	require.Positive(t, summary.Interrupted)
}

// While the stream is unhealthy, /healthz says so, and /readyz and /livez do not.
func TestTickerProbes(t *testing.T) {
	program := startTicker(t, "-rate", "40", "-stall", "1s", "-interval", "10s", "-strategy", "buffer", "-slow", "0s", "-stay", "1h")
	p := newTab(t, 800, 600, "light")
	p.open(program.url)
	p.until(statusText + ` === 'healthy'`)
	p.do(chromedp.Click(chromedp.CSS(`.consumer[data-name=mobile] button`)))
	p.until(statusText + ` === 'unhealthy'`)
	require.Equal(t, http.StatusServiceUnavailable, program.probe("/healthz"))
	require.Equal(t, http.StatusOK, program.probe("/readyz"))
	require.Equal(t, http.StatusOK, program.probe("/livez"))
	p.until(statusText + ` === 'healthy'`)
}

func TestTickerLooks(t *testing.T) {
	program := startTicker(t, "-rate", "300", "-stay", "4s", "-away", "2s", "-stall-every", "4s", "-strategy", "slow=sample,mobile=dropoldest")
	for _, look := range []struct {
		name, scheme  string
		width, height int64
	}{
		{"light", "light", 1280, 1100},
		{"dark", "dark", 1280, 1100},
		{"tablet", "light", 820, 1200},
		{"phone", "light", 390, 844},
		{"phone-dark", "dark", 360, 740},
	} {
		t.Run(look.name, func(t *testing.T) {
			p := newTab(t, look.width, look.height, look.scheme)
			p.open(program.url)
			p.until(`document.querySelectorAll('.price').length === 6 && document.querySelectorAll('.consumer').length === 3`)
			p.until(`document.querySelectorAll('#journal li').length > 4`)
			p.shoot("ticker-" + look.name)
			require.Zero(t, eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`), "nothing is cut off at the side")
			require.Empty(t, eval[[]string](p, `[...document.querySelectorAll('main *')].filter((e) => e.checkVisibility() && !e.closest('svg') &&
				e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5).map((e) => e.className + ' ' + e.textContent.slice(0, 40))`))
			require.Empty(t, eval[[]string](p, `[...document.querySelectorAll('article *')].filter((e) => e.checkVisibility() &&
				e.getBoundingClientRect().right > e.closest('article').getBoundingClientRect().right).map((e) => e.className + ' ' + e.textContent.slice(0, 40))`), "what is in a card stays in it")
			require.Empty(t, eval[[]string](p, offenders))
			eval[int](p, `(document.getElementById('consumers').scrollIntoView(), 0)`)
			p.shoot("ticker-" + look.name + "-consumers")
			eval[int](p, `(document.getElementById('journal').scrollIntoView(), 0)`)
			p.shoot("ticker-" + look.name + "-journal")
		})
	}
}
