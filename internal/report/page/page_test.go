// SPDX-License-Identifier: MIT

package page

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/internal/testlab/browser"
	"github.com/kmodlab/kmodlab/result"
)

// real are the results of runs in VMs that the tests show.
var real = []string{"demo", "requests", "sigcases", "kthreads", "null_thread", "no_should_stop"}

const (
	wide, tall     = 1440, 900
	phoneW, phoneH = 390, 844
)

func dark() step {
	return browser.Call(emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
}

func foreground(r *result.Result) []lanes.Event {
	var events []lanes.Event
	for _, e := range lanes.Build(r).Events {
		if !e.Background {
			events = append(events, e)
		}
	}
	return events
}

// TestRealRuns shows each run wide and on a phone: everything is there, nothing is beyond the page's edge, nothing is
// written to the console, nothing is requested.
func TestRealRuns(t *testing.T) {
	for _, name := range real {
		for _, width := range []int64{wide, phoneW} {
			t.Run(fmt.Sprintf("%s/%d", name, width), func(t *testing.T) {
				r := golden(t, name)
				tb := open(t, r, width, phoneH)
				want(tb, "kmodlab.view.events.length", len(foreground(r)))
				want(tb, "Number(document.querySelector('#rows .row').getAttribute('aria-setsize'))", len(foreground(r)))
				want(tb, "document.getElementById('verdict-message').textContent", lanes.Plain(r.Verdict.Message))
				want(tb, "document.querySelectorAll('.report').length", len(r.Crashes))
				want(tb, "document.documentElement.scrollWidth", int(width))
				want(tb, "document.documentElement.scrollHeight > 900", true)
				if n := colours(t, tb.Screenshot(false)); n < 12 {
					t.Errorf("the page has %d colours; is it drawn?", n)
				}
				want(tb, "[...document.querySelectorAll('main *')].some(e => e.textContent === '[object Object]' || e.textContent.includes('undefined'))", false)
			})
		}
	}
}

// colours counts those that fill at least a hundred pixels.
func colours(t *testing.T, shot []byte) int {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[color.Color]int{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			seen[img.At(x, y)]++
		}
	}
	n := 0
	for _, points := range seen {
		if points >= 100 {
			n++
		}
	}
	return n
}

// middle is where a thing is on the canvas, in the page's coordinates.
func middle(tb *tab, thing string) (x, y float64) {
	tb.Helper()
	tb.Settle()
	at := eval[[]float64](tb, `(() => {
		const f = kmodlab.frame(), r = kmodlab.canvas.getBoundingClientRect();
		const [x, y] = (`+thing+`)(f);
		return [r.left + x, r.top + y];
	})()`)
	return at[0], at[1]
}

// segment finds the middle of the n-th segment of a stage.
func segment(tb *tab, stage string) (x, y float64) {
	tb.Helper()
	return middle(tb, `f => {
		for (const lane of f.lanes) for (const s of lane.segments)
			if (s.stage === "`+stage+`") return [(f.x(s.begin) + f.x(s.end)) / 2, f.y(kmodlab.rowTop(lane, s.row)) + 9];
	}`)
}

func TestLinkedBothWays(t *testing.T) {
	tb := open(t, golden(t, "demo"), wide, tall)
	// From the list to the timeline.
	tb.Do(chromedp.Click(chromedp.CSS("#event-6")))
	want(tb, "kmodlab.selected", 6)
	want(tb, "document.querySelector('#detail h3').textContent", "K1[120] calls inc_func [signal_handling]")
	want(tb, "document.querySelector('.row.selected').id", "event-6")
	want(tb, "document.getElementById('live').textContent.includes('inc_func')", true)
	// And back, to a row that was not in the document.
	want(tb, "document.querySelector('#event-33') === null", true)
	x, y := middle(tb, `f => {
		const lane = f.lanes.find(l => l.name === "modprobe" && l.pid === 143), s = lane.segments.at(-1);
		return [(f.x(s.begin) + f.x(s.end)) / 2, f.y(kmodlab.rowTop(lane, s.row)) + 9];
	}`)
	tb.Do(chromedp.MouseClickXY(x, y))
	want(tb, "kmodlab.selected", 33)
	want(tb, "document.querySelector('.row.selected').id", "event-33")
	want(tb, inSight("document.querySelector('.row.selected')", "list"), true)
	// The moments of the thread can be followed.
	tb.Do(chromedp.Click(chromedp.CSS("#detail .chain li:first-child button")))
	want(tb, "kmodlab.selected", 1)
	// A click on an arrow finds what it is about: K2's signal to K1.
	x, y = middle(tb, `f => {
		const e = kmodlab.ends(f, f.arrows.find(a => a.link === "signal"));
		return [(e.x1 + e.x2) / 2, (e.y1 + e.y2) / 2];
	}`)
	tb.Do(chromedp.MouseClickXY(x, y))
	want(tb, "document.querySelector('#detail h3').textContent", "K2[127] SIGUSR1 to K1")
	// A click elsewhere deselects.
	x, y = middle(tb, "f => [f.width - 3, f.y(0) + 3]")
	tb.Do(chromedp.MouseClickXY(x, y))
	want(tb, "kmodlab.selected", -1)
}

// inSight reports whether an element is in the visible part of a box.
func inSight(element, box string) string {
	return "((r, b) => r.top >= b.top - 1 && r.bottom <= b.bottom + 1)(" + element +
		".getBoundingClientRect(), document.getElementById('" + box + "').getBoundingClientRect())"
}

// TestHoverShowsEverything points at K1's function: every field of the thread is shown by name, its stacks, and the
// source line if the result has it.
func TestHoverShowsEverything(t *testing.T) {
	r := golden(t, "demo")
	r.Sources = map[string]result.Source{"startup+0x3a [signal_handling]": {
		File: "signal_handling.c", Line: 97,
		Source: []result.Line{{Number: 96, Text: "\t/* before */"},
			{Number: 97, Text: "\tk1 = kthread_run(inc_func, NULL, \"K1\");"}},
	}}
	tb := open(t, r, wide, tall)
	x, y := segment(tb, "function")
	tb.Do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
	tb.Wait("!document.getElementById('tip').hidden")
	text := eval[string](tb, "document.getElementById('detail').textContent")
	for _, s := range []string{
		"requested by", "modprobe[114] in startup+0x3a [signal_handling]", "taken by kthreadd", "273.9 µs", "task flags",
		"PF_KTHREAD", "kthread_create gave",
		"stop 1: called by", "how it ended", "returned 0", "do_one_initcall+0x59", "kthread_stop+0x108",
		"signal_handling.c:97",
		"kthread_run(inc_func",
	} {
		if !strings.Contains(text, s) {
			t.Errorf("the detail lacks %q", s)
		}
	}
	want(tb, "kmodlab.selected", 0) // pointing selects nothing
	tb.Do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))
	tb.Wait("document.getElementById('tip').hidden")
	want(tb, "document.querySelector('#detail h3').textContent", "modprobe[114] finit_module signal_handling")
}

const visible = "(kmodlab.to - kmodlab.from)"

func TestZoomAndPan(t *testing.T) {
	tb := open(t, golden(t, "demo"), wide, tall)
	all := eval[float64](tb, visible)
	changes := func(how string, grows int, expression string, steps ...step) {
		t.Helper()
		before := eval[float64](tb, expression)
		tb.Do(steps...)
		tb.Settle()
		switch after := eval[float64](tb, expression); {
		case grows < 0 && after >= before, grows > 0 && after <= before, grows == 0 && after != before:
			t.Errorf("%s: %s went from %v to %v", how, expression, before, after)
		}
	}
	wheel := func(dx, dy float64, modifiers chromedp.Modifier) step {
		return browser.Call(input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: input.DispatchMouseEventTypeMouseWheel, X: 600, Y: 400, DeltaX: dx + 1e-6, // a zero would be left out
			DeltaY: dy + 1e-6, Modifiers: int64(modifiers), PointerType: input.DispatchMouseEventPointerTypeMouse,
		})
	}
	changes("the button +", -1, visible, chromedp.Click(chromedp.CSS("#zoom-in")))
	changes("the button −", 1, visible, chromedp.Click(chromedp.CSS("#zoom-out")))
	changes("ctrl and wheel", -1, visible, wheel(0, -120, chromedp.ModifierCtrl))
	changes("shift and wheel", 1, "kmodlab.from", wheel(0, 120, chromedp.ModifierShift))
	changes("wheel to the left", -1, "kmodlab.from", wheel(-60, 0, 0))
	changes("the wheel alone", 0, "kmodlab.from", wheel(0, 60, 0))
	changes("dragging to the left", 1, "kmodlab.from", chromedp.DragAndDropXY(700, 600, 500, 600))
	tb.Do(chromedp.Focus(chromedp.CSS("#canvas")))
	changes("the key +", -1, visible, chromedp.KeyEvent("+"))
	changes("the key -", 1, visible, chromedp.KeyEvent("-"))
	changes("shift and right", 1, "kmodlab.from",
		chromedp.KeyEvent(kb.ArrowRight, chromedp.KeyModifiers(chromedp.ModifierShift)))
	changes("a double click", -1, visible, chromedp.MouseClickXY(800, 600, chromedp.ClickCount(1)),
		chromedp.MouseClickXY(800, 600, chromedp.ClickCount(2)))
	tb.Do(chromedp.KeyEvent("0"))
	want(tb, visible, all)
	for range 60 {
		tb.Do(chromedp.KeyEvent("+"))
	}
	want(tb, visible+" > 0", true)
	tb.Do(chromedp.Click(chromedp.CSS("#scale-time")))
	want(tb, "document.getElementById('scale-time').getAttribute('aria-pressed')", "true")
	want(tb, "Math.abs(kmodlab.scale.length - 2305312204) < 2", true)
}

// press is a key as a person presses it: whoever handles the key also gets the character. (chromedp.KeyEvent sends both
// separately.)
func press(key string) []step {
	return []step{
		browser.Call(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key,
			Text: key}),
		browser.Call(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: key}),
	}
}

func TestTouch(t *testing.T) {
	tb := open(t, golden(t, "demo"), phoneW, phoneH,
		browser.Call(emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true}))
	touch := func(kind input.DispatchTouchEventType, points ...float64) step {
		p := input.DispatchTouchEventParams{Type: kind, TouchPoints: []*input.TouchPoint{}}
		for i := 0; i < len(points); i += 2 {
			id := float64(i / 2)
			p.TouchPoints = append(p.TouchPoints, &input.TouchPoint{X: points[i], Y: points[i+1], ID: &id})
		}
		return browser.Call(input.DispatchTouchEvent, p)
	}
	_, y := middle(tb, "f => [10, 200]")
	before := eval[float64](tb, visible)
	tb.Do(touch("touchStart", 150, y, 200, y), touch("touchMove", 120, y, 230, y), touch("touchMove", 80, y, 280, y),
		touch("touchEnd"))
	if after := eval[float64](tb, visible); after > before/2 {
		t.Errorf("two fingers apart: %v of the axis are visible; before %v", after, before)
	}
	from := eval[float64](tb, "kmodlab.from")
	tb.Do(touch("touchStart", 300, y), touch("touchMove", 280, y), touch("touchMove", 150, y), touch("touchEnd"))
	if after := eval[float64](tb, "kmodlab.from"); after <= from {
		t.Errorf("one finger to the left: the axis begins at %v; before %v", after, from)
	}
}

func TestSearch(t *testing.T) {
	r := golden(t, "demo")
	tb := open(t, r, wide, tall)
	tb.Do(press("/")...)
	want(tb, "document.activeElement.id", "search")
	tb.Do(chromedp.KeyEvent("sigusr1 k2"))
	tb.Wait("document.getElementById('count').textContent === '4 of 40'")
	want(tb, "document.querySelectorAll('#rows .row').length", 4)
	want(tb, "kmodlab.hits.size", 4)
	tb.Do(chromedp.KeyEvent(kb.Enter))
	want(tb, "kmodlab.selected", 23)
	tb.Do(chromedp.KeyEvent(kb.Enter))
	want(tb, "kmodlab.selected", 24)
	want(tb, "document.activeElement.id", "search")
	// Text that is only in fields and stacks is found too.
	tb.Do(chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("resolve_symbol"))
	tb.Wait("document.getElementById('count').textContent === '5 of 40'")
	tb.Do(chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("no such thing"))
	tb.Wait("document.getElementById('count').textContent === '0 of 40'")
	tb.Do(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Escape))
	tb.Wait("document.getElementById('count').textContent === '40 events'")
}

// TestKeyboardOnly reaches everything with keys, and can see where the focus is.
func TestKeyboardOnly(t *testing.T) {
	tb := open(t, golden(t, "demo"), wide, tall)
	var order []string
	for range 14 {
		tb.Do(chromedp.KeyEvent(kb.Tab))
		order = append(order, eval[string](tb,
			"document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
		want(tb, "document.activeElement.matches(':focus-visible')", true)
		if order[len(order)-1] != "skip" {
			want(tb, "getComputedStyle(document.activeElement).outlineStyle", "solid")
		}
	}
	for _, id := range []string{"skip", "scale-steps", "scale-time", "zoom-out", "zoom-in", "zoom-fit", "theme", "canvas",
		"now"} {
		if !strings.Contains(strings.Join(order, " "), id) {
			t.Errorf("the tab key does not reach %s: %v", id, order)
		}
	}
	tb.Do(chromedp.Focus(chromedp.CSS("#canvas")), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	want(tb, "kmodlab.selected", 2)
	tb.Do(chromedp.KeyEvent(kb.ArrowDown))
	want(tb, "kmodlab.model.story.events[kmodlab.selected].who", "K1[120]")
	tb.Do(chromedp.KeyEvent(kb.ArrowUp))
	want(tb, "kmodlab.model.story.events[kmodlab.selected].who", "kthreadd[2]")
	tb.Do(chromedp.KeyEvent(kb.End))
	want(tb, "kmodlab.selected", 39)
	want(tb, inSight("document.querySelector('.row.selected')", "list"), true)
	tb.Do(chromedp.KeyEvent(kb.Enter))
	want(tb, "document.activeElement.id", "detail")
	tb.Do(chromedp.Focus(chromedp.CSS("#list")), chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.ArrowDown),
		chromedp.KeyEvent(kb.PageDown))
	want(tb, "kmodlab.selected > 5", true)
	want(tb, "document.getElementById('list').getAttribute('aria-activedescendant') === 'event-' + kmodlab.selected", true)
	want(tb, inSight("document.querySelector('.row.selected')", "list"), true)
	tb.Do(chromedp.KeyEvent(kb.Escape))
	want(tb, "kmodlab.selected", -1)
}

// TestNames reads the browser's accessibility tree: everything that a person can act on has a name.
func TestNames(t *testing.T) {
	tb := open(t, golden(t, "null_thread"), wide, tall)
	tree, err := chromedp.Run(tb.Context(),
		func(ctx context.Context, _ *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
			return chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		})
	if err != nil {
		t.Fatal(err)
	}
	acts := map[string]int{"button": 0, "searchbox": 0, "listbox": 0, "option": 0, "application": 0,
		"DisclosureTriangle": 0, "heading": 0, "link": 0}
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role := text(n.Role)
		if _, ok := acts[role]; !ok {
			continue
		}
		acts[role]++
		if text(n.Name) == "" {
			t.Errorf("a %s has no name", role)
		}
	}
	for role, n := range acts {
		if n == 0 {
			t.Errorf("the page has no %s", role)
		}
	}
}

func text(v *accessibility.Value) string {
	var s string
	if v == nil || json.Unmarshal([]byte(v.Value), &s) != nil {
		return ""
	}
	return s
}

func TestDark(t *testing.T) {
	ground := func(tb *tab) color.Color {
		img, _, err := image.Decode(bytes.NewReader(tb.Screenshot(false)))
		if err != nil {
			t.Fatal(err)
		}
		x, y := middle(tb, "f => [f.width - 4, 6]")
		return color.GrayModel.Convert(img.At(int(x), int(y)))
	}
	tb := open(t, golden(t, "demo"), wide, tall, dark())
	if g := ground(tb).(color.Gray); g.Y > 60 {
		t.Errorf("the canvas is %v on a dark screen", g)
	}
	tb.Do(chromedp.Click(chromedp.CSS("#theme")))
	if g := ground(tb).(color.Gray); g.Y < 200 {
		t.Errorf("the canvas is %v after the button Light", g)
	}
}

// TestPaper prints: the whole timeline as a picture and the whole list as text; afterwards the page is as before.
func TestPaper(t *testing.T) {
	tb := open(t, golden(t, "demo"), wide, tall, dark())
	tb.Do(chromedp.Click(chromedp.CSS("#zoom-in")), chromedp.Click(chromedp.CSS("#zoom-in")))
	before := eval[float64](tb, visible)
	pdf := get(tb, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), chromedp.PDFPaper(chromedp.PaperA4)))
	if n := len(regexp.MustCompile(`/Type /Page\b`).FindAll(pdf, -1)); n < 2 || n > 8 {
		t.Errorf("%d pages", n)
	}
	// Chromium prints what is on the canvas as curves and text.
	drawn := streams(pdf)
	curves := len(regexp.MustCompile(`(?m) c$`).FindAll(drawn, -1))
	words := len(regexp.MustCompile(`(?m)T[jJ]$`).FindAll(drawn, -1))
	if curves < 100 || words < 200 {
		t.Errorf("%d curves and %d texts are on paper", curves, words)
	}
	want(tb, visible, before)
	want(tb, "document.documentElement.dataset.theme ?? ''", "")
	want(tb, "kmodlab.canvas.getBoundingClientRect().height < 700", true)
}

// streams are the drawing instructions of a PDF.
func streams(pdf []byte) []byte {
	var all []byte
	for _, m := range regexp.MustCompile(`(?s)FlateDecode.*?stream\r?\n(.*?)endstream`).FindAllSubmatch(pdf, -1) {
		if r, err := zlib.NewReader(bytes.NewReader(m[1])); err == nil {
			b, _ := io.ReadAll(r) // a font's stream may hold anything
			all = append(all, b...)
		}
	}
	return all
}

// TestSize bounds the page's size without data.
func TestSize(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, &result.Result{}); err != nil {
		t.Fatal(err)
	}
	if n := b.Len(); n > 400<<10 {
		t.Errorf("an empty page has %d bytes", n)
	}
	tb := browser.Open(t, b.Bytes(), wide, tall)
	tb.Wait("globalThis.kmodlab?.paints > 0")
	want(tb, "document.documentElement.scrollWidth", wide)
}

type brokenWriter struct{ left int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	r := golden(t, "demo")
	for _, left := range []int{0, 100, 2000, 60000} {
		if err := HTML(&brokenWriter{left}, r); err == nil || !strings.HasPrefix(err.Error(), "write HTML report: ") {
			t.Errorf("with room for %d bytes: %v", left, err)
		}
	}
}
