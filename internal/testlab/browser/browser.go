// SPDX-License-Identifier: MIT

// Package browser drives a headless Chromium in tests of the pages that we write.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// The tests drive one headless Chromium, each in a tab of its own.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop []context.CancelFunc
	err  error
}

// Main runs the tests of a package, and ends the browser after them.
func Main(m *testing.M) {
	code := m.Run()
	for _, stop := range browser.stop {
		stop()
	}
	os.Exit(code)
}

var errNoChromium = errors.New("no chromium: type scripts/setup.sh test (or apt-get install chromium)")

// patience is for a browser that hangs; it measures nothing.
const patience = 2 * time.Minute

func startBrowser() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		browser.err = errNoChromium
		return
	}
	silence := func(string, ...any) {} // about a protocol newer than its package
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(alloc, chromedp.WithErrorf(silence), chromedp.WithLogf(silence))
	browser.ctx, browser.stop = ctx, []context.CancelFunc{stopBrowser, stopAlloc}
	browser.err = chromedp.Do(ctx)
}

// Tab is one page in the browser, and any action that no page should take.
type Tab struct {
	t   testing.TB
	ctx context.Context
	url string

	mu       sync.Mutex
	mischief []string // errors, dialogs, requests
}

// Step is an action without a value.
type Step = chromedp.Action[chromedp.Void]

// Call makes a protocol command a step.
func Call[P, R any](cmd cdp.Command[P, R], params P) Step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Call(ctx, cmd, params)
		return err
	})
}

// Open shows a file. The test fails at its end if the page wrote to the console, threw, opened a dialog, violated its
// policy, or requested anything but itself.
func Open(t testing.TB, content []byte, width, height int64, before ...Step) *Tab {
	t.Helper()
	needs.Long(t, "it drives a browser")
	browser.once.Do(startBrowser)
	if errors.Is(browser.err, errNoChromium) {
		needs.Missing(t, "%v", browser.err)
	}
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, stop := chromedp.NewContext(browser.ctx)
	ctx, cancel := context.WithTimeout(ctx, patience)
	tb := &Tab{t: t, ctx: ctx, url: "file://" + file}
	t.Cleanup(func() {
		cancel()
		stop()
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, m := range tb.mischief {
			t.Error(m)
		}
	})
	if err := chromedp.Listen(ctx, tb.watch); err != nil {
		t.Fatal(err)
	}
	tb.Do(Call(network.Enable, network.EnableParams{}), Call(cdplog.Enable, cdp.Empty{}),
		Call(runtime.Enable, cdp.Empty{}),
		chromedp.EmulateViewport(width, height))
	tb.Do(append(before, chromedp.Navigate(tb.url))...)
	return tb
}

func (tb *Tab) watch(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		tb.blame("console: %v", ev.Args)
	case *runtime.EventExceptionThrown:
		tb.blame("exception: %s %v", ev.ExceptionDetails.Text, ev.ExceptionDetails.Exception)
	case *cdplog.EventEntryAdded:
		tb.blame("browser's log: %s", ev.Entry.Text)
	case *network.EventRequestWillBeSent:
		// Data is in the file already: the policy says whether it is shown.
		if ev.Request.URL != tb.url && !strings.HasPrefix(ev.Request.URL, "data:") {
			tb.blame("request for %.200s", ev.Request.URL)
		}
	case *cdppage.EventJavascriptDialogOpening:
		tb.blame("dialog: %s", ev.Message)
	}
}

func (tb *Tab) blame(format string, args ...any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.mischief = append(tb.mischief, fmt.Sprintf(format, args...))
}

// Do takes steps.
func (tb *Tab) Do(steps ...Step) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, steps...); err != nil {
		tb.t.Fatal(err)
	}
}

// Get runs an action and returns what it found.
func Get[T any](tb *Tab, action chromedp.Action[T]) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, action)
	if err != nil {
		tb.t.Fatal(err)
	}
	return v
}

// Eval evaluates a JavaScript expression.
func Eval[T any](tb *Tab, expression string) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Wait waits until an expression is true. (chromedp.Poll turns it into a function in the page, which the page's policy
// forbids.)
func (tb *Tab) Wait(expression string) {
	tb.t.Helper()
	for !Eval[bool](tb, "Boolean("+expression+")") {
		if tb.ctx.Err() != nil {
			tb.t.Fatalf("%s did not become true", expression)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Settle waits until everything requested is drawn.
func (tb *Tab) Settle() {
	tb.t.Helper()
	Eval[bool](tb, "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
}

// Want compares an expression's value with the expected one.
func Want[T comparable](tb *Tab, expression string, value T) {
	tb.t.Helper()
	if got := Eval[T](tb, expression); got != value {
		tb.t.Errorf("%s = %v; want %v", expression, got, value)
	}
}

// Screenshot takes a picture of what is in sight, or of the full page.
func (tb *Tab) Screenshot(full bool) []byte {
	tb.t.Helper()
	tb.Settle()
	if full {
		return Get(tb, chromedp.FullScreenshot(100))
	}
	return Get(tb, chromedp.CaptureScreenshot())
}

// Forgive forgets what the page has done so far.
func (tb *Tab) Forgive() {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.mischief = nil
}

// Context is that of the tab.
func (tb *Tab) Context() context.Context { return tb.ctx }

// Helper marks the caller as a helper of the tab's test.
func (tb *Tab) Helper() { tb.t.Helper() }
