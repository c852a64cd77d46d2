// Package chromium starts headless browsers for tests.
package chromium

import (
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rivet-go/rivet/interop/fixture"
)

// Patience is what a step of a test has on a machine that others load; most take
// some ten milliseconds.
const Patience = 30 * time.Second

// Start starts a browser with a profile of its own and returns a context whose
// children are its tabs. It ends with the test, which is skipped where there is
// no browser, or fails where tests must not be skipped.
func Start(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		const why = "no Chromium on the PATH; Debian's is installed by apt-get install chromium"
		if fixture.Required() {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless,
		chromedp.NoSandbox, // which needs more rights than containers have
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), // small in containers
		chromedp.WSURLReadTimeout(Patience),
	)
	t.Cleanup(stop)
	browser, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil {
			t.Error(err)
		}
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return browser
}

// Open opens a tab with the page at url, once that has loaded. What the page logs
// is the test's log, and told to logged, which may be nil.
func Open(t *testing.T, browser context.Context, url string, logged func(chromedp.ConsoleMessage)) context.Context {
	t.Helper()
	tab, leave := chromedp.NewContext(browser)
	if err := chromedp.Do(tab); err != nil {
		leave()
		t.Fatal(err)
	}
	messages := chromedp.Console(tab)
	var logging sync.WaitGroup
	logging.Go(func() {
		for m, err := range messages {
			if err != nil {
				return // the tab is closed
			}
			t.Logf("%s: %v", url, m)
			if logged != nil {
				logged(m)
			}
		}
	})
	t.Cleanup(func() {
		leave()
		logging.Wait()
	})
	ctx, cancel := context.WithTimeout(tab, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("the page does not load: %v", err)
	}
	return tab
}

// Wait waits until an expression is true in the page of a tab, and fails the test
// when it does not become so. What is said is what has not happened.
func Wait(t *testing.T, tab context.Context, what, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, Patience)
	defer cancel()
	err := chromedp.Do(ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(0)))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
