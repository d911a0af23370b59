// SPDX-License-Identifier: MIT

package page

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/kmodlab/kmodlab/internal/testlab/browser"
	"github.com/kmodlab/kmodlab/result"
)

func TestMain(m *testing.M) { browser.Main(m) }

type (
	tab  = browser.Tab
	step = browser.Step
)

func get[T any](tb *tab, action chromedp.Action[T]) T { tb.Helper(); return browser.Get(tb, action) }

func eval[T any](tb *tab, expression string) T { tb.Helper(); return browser.Eval[T](tb, expression) }

func want[T comparable](tb *tab, expression string, value T) {
	tb.Helper()
	browser.Want(tb, expression, value)
}

// open shows the page of r. The test fails at its end if the page wrote to the console, threw, opened a dialog,
// violated its policy, or requested anything but itself.
func open(t testing.TB, r *result.Result, width, height int64, before ...step) *tab {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	tb := browser.Open(t, b.Bytes(), width, height, before...)
	tb.Wait("globalThis.kmodlab?.paints > 0")
	return tb
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
