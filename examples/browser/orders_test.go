package browser_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// The picture in docs is that of this test:
//
//	go test ./browser -run TestOrders -shots ../../docs
func TestOrders(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "orders")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../orders").CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(bin, "-http", "127.0.0.1:0", "-faults", "0.05", "-rate", "200", "-json")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Kill() // the test has failed already
			_ = cmd.Wait()
		}
	})
	said := bufio.NewReader(stderr)
	line, err := said.ReadString('\n')
	require.NoError(t, err)
	url := regexp.MustCompile(`http://\S+/console/`).FindString(line)
	require.NotEmpty(t, url, line)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, said) // what it says of the breaker
	}()

	p := newTab(t, 1400, 900, "light")
	p.open(url)
	p.until(card("payment.requested"))
	p.until(`parseFloat(document.getElementById('tile-letters').textContent) >= 3`)
	p.until(`/[1-9]\d* rejected/.test(document.querySelector('.circuit .muted')?.textContent)`)
	fill(p, "#order", "p99")
	p.until(`document.querySelector('#routes h3').textContent !== 'notification.count'`)
	if *shots != "" {
		p.until(`document.querySelector('#traffic .line').getAttribute('d').split('L').length > 28`)
	}
	p.shoot("console")

	fill(p, "#letters-query", "inventory")
	p.do(chromedp.Click(chromedp.CSS(`#letters-tools button`)))
	p.until(`document.querySelectorAll('.letter').length > 0 && [...document.querySelectorAll('.letter summary')].every((s) => s.textContent.includes('inventory'))`)
	p.do(chromedp.Click(chromedp.CSS(`.letter input`)), chromedp.Click(chromedp.CSS(`#letters-bar button.danger`)), chromedp.Click(chromedp.CSS(`#confirm-yes`)))
	p.until(`toasted.some((text) => text.includes('its order would never end'))`)
	p.do(chromedp.Click(chromedp.CSS(`#letters-bar button:not(.danger)`)))
	p.until(`toasted.includes('1 letter redriven')`)

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	<-drained
	err = cmd.Wait()
	ended = true
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 130, exit.ExitCode(), "interrupted, and all adds up")
	p.until(`document.getElementById('status').textContent === 'Closed' || document.getElementById('status').textContent === 'Disconnected'`)
	p.forgive(func(message string) bool {
		return strings.Contains(message, "403 (Forbidden)") || strings.Contains(message, "ERR_CONNECTION_REFUSED") ||
			strings.Contains(message, "ERR_INCOMPLETE_CHUNKED_ENCODING")
	})
}
