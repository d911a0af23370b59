// SPDX-License-Identifier: MIT

package page

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPicture checks that the README's screenshot exists and has this page's shape; with KMODLAB_UPDATE=1 it takes it
// again. Pixels depend on a machine's fonts, so they are not compared.
func TestPicture(t *testing.T) {
	file := filepath.Join("..", "..", "..", "docs", "pictures", "page.png")
	const width, height = 1280, 860
	if os.Getenv("KMODLAB_UPDATE") != "" {
		tb := open(t, golden(t, "demo"), width, height)
		tb.Do(chromedp.Click(chromedp.CSS("#event-7")))
		tb.Do(chromedp.Evaluate[chromedp.Void]("document.activeElement.blur()"))
		if err := os.WriteFile(file, tb.Screenshot(false), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; type make docs", err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if s := img.Bounds().Size(); s.X != width || s.Y != height || len(b) > 300<<10 || colours(t, b) < 12 {
		t.Errorf("%s: %v, %d bytes", file, s, len(b))
	}
}
