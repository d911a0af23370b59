// SPDX-License-Identifier: MIT

package page

import (
	"bytes"
	"context"
	"encoding/json"
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
	"github.com/kmodlab/kmodlab/result"
)

// The tests drive one headless Chromium, each in a tab of its own.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop []context.CancelFunc
	err  error
}

func TestMain(m *testing.M) {
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

// tab is one page in the browser, and any action that no page should take.
type tab struct {
	t   testing.TB
	ctx context.Context
	url string

	mu       sync.Mutex
	mischief []string // errors, dialogs, requests
}

type step = chromedp.Action[chromedp.Void]

// call makes a protocol command a step.
func call[P, R any](cmd cdp.Command[P, R], params P) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Call(ctx, cmd, params)
		return err
	})
}

// open shows the page of r. The test fails at its end if the page wrote to the console, threw, opened a dialog,
// violated its policy, or requested anything but itself.
func open(t testing.TB, r *result.Result, width, height int64, before ...step) *tab {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	tb := openFile(t, b.Bytes(), width, height, before...)
	tb.wait("globalThis.kmodlab?.paints > 0")
	return tb
}

func openFile(t testing.TB, content []byte, width, height int64, before ...step) *tab {
	t.Helper()
	needs.Long(t, "it drives a browser")
	browser.once.Do(startBrowser)
	if errors.Is(browser.err, errNoChromium) {
		needs.Missing(t, "%v", browser.err)
	}
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, stop := chromedp.NewContext(browser.ctx)
	ctx, cancel := context.WithTimeout(ctx, patience)
	tb := &tab{t: t, ctx: ctx, url: "file://" + file}
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
	tb.do(call(network.Enable, network.EnableParams{}), call(cdplog.Enable, cdp.Empty{}),
		call(runtime.Enable, cdp.Empty{}),
		chromedp.EmulateViewport(width, height))
	tb.do(append(before, chromedp.Navigate(tb.url))...)
	return tb
}

func (tb *tab) watch(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		tb.blame("console: %v", ev.Args)
	case *runtime.EventExceptionThrown:
		tb.blame("exception: %s %v", ev.ExceptionDetails.Text, ev.ExceptionDetails.Exception)
	case *cdplog.EventEntryAdded:
		tb.blame("browser's log: %s", ev.Entry.Text)
	case *network.EventRequestWillBeSent:
		if ev.Request.URL != tb.url {
			tb.blame("request for %s", ev.Request.URL)
		}
	case *cdppage.EventJavascriptDialogOpening:
		tb.blame("dialog: %s", ev.Message)
	}
}

func (tb *tab) blame(format string, args ...any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.mischief = append(tb.mischief, fmt.Sprintf(format, args...))
}

func (tb *tab) do(steps ...step) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, steps...); err != nil {
		tb.t.Fatal(err)
	}
}

// get runs an action and returns what it found.
func get[T any](tb *tab, action chromedp.Action[T]) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, action)
	if err != nil {
		tb.t.Fatal(err)
	}
	return v
}

// eval evaluates a JavaScript expression.
func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression is true. (chromedp.Poll turns it into a function in the page, which the page's policy
// forbids.)
func (tb *tab) wait(expression string) {
	tb.t.Helper()
	for !eval[bool](tb, "Boolean("+expression+")") {
		if tb.ctx.Err() != nil {
			tb.t.Fatalf("%s did not become true", expression)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// settle waits until everything requested is drawn.
func (tb *tab) settle() {
	tb.t.Helper()
	eval[bool](tb, "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
}

// want compares an expression's value with the expected one.
func want[T comparable](tb *tab, expression string, value T) {
	tb.t.Helper()
	if got := eval[T](tb, expression); got != value {
		tb.t.Errorf("%s = %v; want %v", expression, got, value)
	}
}

func (tb *tab) screenshot(full bool) []byte {
	tb.t.Helper()
	tb.settle()
	if full {
		return get(tb, chromedp.FullScreenshot(100))
	}
	return get(tb, chromedp.CaptureScreenshot())
}

// golden reads a result of a real run in a VM (testdata/README.md).
func golden(t testing.TB, name string) *result.Result {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "real", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &result.Result{}
	if err := json.NewDecoder(strings.NewReader(string(b))).Decode(r); err != nil {
		t.Fatal(err)
	}
	return r
}
