// Package browser_test looks at the console with a browser.
package browser_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var shots = flag.String("shots", "", "keep the screenshots in this folder")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chromium returns the path of the browser. A test without one fails: what it is to
// show would not be shown.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	require.FailNow(t, "there is no Chromium: apt-get install --yes chromium")
	return ""
}

// tab is one tab of a browser. Its methods end the test if they fail.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	said     []string // what the page has written to its console: it should be nothing
	forgiven func(message string) bool
}

// forgive has what the page complains about be none of its faults.
func (p *tab) forgive(what func(message string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgiven = what
}

// recordToasts has in the page's variable toasted the texts of all toasts: each is shown
// for seconds alone, and a test may be slower.
const recordToasts = `window.toasted = [];
new MutationObserver((changes) => {
	for (const { addedNodes } of changes) {
		for (const node of addedNodes) if (node.classList?.contains('toast')) toasted.push(node.textContent);
	}
}).observe(document, { childList: true, subtree: true });`

// patience is how long a page may take to show something.
const patience = 30 * time.Second

// startBrowser starts one, which end stops.
func startBrowser(t *testing.T) (ctx context.Context, end func(), err error) {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it does not work for root
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	end = func() {
		cancel()
		stop()
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, err
	}
	return ctx, end, nil
}

// newTab starts a browser for the test, with a window of that size and the color
// scheme "light" or "dark".
func newTab(t *testing.T, width, height int64, scheme string) *tab {
	t.Helper()
	ctx, end, err := startBrowser(t)
	for range 2 {
		if err == nil {
			break
		}
		t.Logf("start the browser once more: %v", err) // Chromium crashes now and then as it starts
		ctx, end, err = startBrowser(t)
	}
	require.NoError(t, err, "start the browser")
	page := &tab{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for message, err := range messages {
			if err != nil {
				return
			}
			page.mu.Lock()
			page.said = append(page.said, fmt.Sprint(message))
			page.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("end the browser: %v", err)
		}
		end()
		<-listened
		page.mu.Lock()
		defer page.mu.Unlock()
		if page.forgiven != nil {
			page.said = slices.DeleteFunc(page.said, page.forgiven)
		}
		if len(page.said) > 0 {
			t.Errorf("the page complains: %q", page.said)
		}
	})
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	require.NoError(t, err)
	page.begin(recordToasts)
	page.do(chromedp.EmulateViewport(width, height))
	return page
}

// begin has what is opened from now on run the script before its own.
func (p *tab) begin(script string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	require.NoError(p.t, err)
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, steps...))
}

func (p *tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

// eval returns what an expression in the page is.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(p.t, err, expression)
	return v
}

// until waits for an expression in the page to be true.
func (p *tab) until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void]("!!("+expression+")", chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(0)))
	require.NoError(p.t, err, "waiting for %s; the page shows:\n%s", expression, eval[string](p, `document.body.innerText`))
}

// shoot takes a picture of what is in the window.
func (p *tab) shoot(name string) []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// What has been scrolled to is painted two frames later.
	_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err)
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	if *shots != "" {
		require.NoError(p.t, os.WriteFile(filepath.Join(*shots, name+".png"), picture, 0o644))
	}
	return picture
}
