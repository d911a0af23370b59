// SPDX-License-Identifier: MIT

package page

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// TestAbout: the page says what was run, where and when; that of an old recording leaves it out.
func TestAbout(t *testing.T) {
	r := golden(t, "demo")
	tb := open(t, r, wide, tall)
	want(tb, "document.querySelector('.about') === null", true)
	want(tb, "document.title", "signal_handling, send_signal: pass (kmodlab)")
	r.Title, r.Folder, r.Date = "one", "labs/one", "2026-11-29T16:30:05Z"
	tb = open(t, r, wide, tall)
	want(tb, "document.querySelector('.about').textContent", "one · labs/one · 29 November 2026, 16:30 UTC")
	want(tb, "document.querySelector('.about time').dateTime", r.Date)
	want(tb, "document.title", "one: pass (kmodlab)")
	r.Folder, r.Date = "one", "<not a date>"
	tb = open(t, r, wide, tall)
	want(tb, "document.querySelector('.about').textContent", "one · <not a date>")
}

// TestCrashOnce: what the verdict says of a crash is not said again, and its report stands with it. Other reports stand
// below.
func TestCrashOnce(t *testing.T) {
	r := golden(t, "null_thread")
	const times = "document.body.innerText.split(%q).length - 1"
	tb := open(t, r, wide, tall)
	title := r.Crashes[0].Title
	want(tb, fmt.Sprintf(times, title), 1)
	want(tb, "document.querySelectorAll('#verdict .report .guilty').length", 1)
	want(tb, "document.getElementById('crashes').hidden", true)
	want(tb, "[...document.querySelectorAll('summary')].some(s => s.textContent.includes('verdict rests on'))", false)

	r.Crashes = append(r.Crashes, result.Crash{Class: result.Panic, Title: "Kernel panic: enough"})
	r.Verdict.Message += " (and 1 more report)"
	tb = open(t, r, wide, tall)
	want(tb, fmt.Sprintf(times, title), 1)
	want(tb, "document.querySelectorAll('#crashes details.crash').length", 1)
	want(tb, "document.querySelector('#crashes summary').textContent", "panic Kernel panic: enough")

	r.Verdict = result.Verdict{Class: result.Leak, Message: "something else", Evidence: []string{"of its own"}}
	tb = open(t, r, wide, tall)
	want(tb, "document.querySelectorAll('#crashes details.crash').length", 2)
	want(tb, "document.querySelector('#crashes details').open", true)
	want(tb, "[...document.querySelectorAll('summary')].some(s => s.textContent.includes('verdict rests on'))", true)
}

// TestCrashMark: the bar of the thread that crashed has a mark, its lane says so, and a click on the mark finds it.
func TestCrashMark(t *testing.T) {
	for _, width := range []int64{wide, phoneW} {
		r := golden(t, "null_thread")
		tb := open(t, r, width, tall)
		const mark = `f => {
			const e = f.events.find(e => e.moment === "crash"), lane = f.laneOf(e.lane);
			return [f.x(e.at), f.y(kmodlab.rowTop(lane, 0)) + 10];
		}`
		want(tb, "kmodlab.view.lanes.filter(l => l.mark).map(l => l.title).join()",
			fmt.Sprintf("null_thread[%d]", r.Crashes[0].Task.PID))
		tb.Settle()
		const painted = `(() => {
			const [x, y] = (` + mark + `)(kmodlab.frame()), d = devicePixelRatio;
			const p = kmodlab.ctx.getImageData(Math.round(x * d), Math.round((y - 6) * d), 1, 1).data;
			return ` + "`rgb(${p[0]}, ${p[1]}, ${p[2]})`" + ` === kmodlab.colour("bad");
		})()`
		want(tb, painted, true)
		want(tb, "document.querySelectorAll('#legend .cross').length", 1)
		eval[bool](tb, "(document.getElementById('canvas').scrollIntoView({block: 'center'}), true)")
		x, y := middle(tb, mark)
		tb.Do(chromedp.MouseClickXY(x, y))
		want(tb, "kmodlab.model.story.events[kmodlab.selected].what", "crashes")
	}
}

// TestLegend: the legend is in sight when the page opens, and has the colours of what is drawn and no others.
func TestLegend(t *testing.T) {
	for _, name := range []string{"demo", "requests", "sigcases", "kthreads"} {
		tb := open(t, golden(t, name), 1280, tall)
		want(tb, "document.getElementById('legend').getBoundingClientRect().bottom < innerHeight / 2", true)
		drawn := eval[[]string](tb, `[...new Set(kmodlab.view.lanes.flatMap(l => l.segments.map(s => kmodlab.colour("stage-" + s.stage))))].sort()`)
		shown := eval[[]string](tb, `[...document.querySelectorAll("#legend .swatch")].map(e => getComputedStyle(e).backgroundColor).sort()`)
		if !slices.Equal(drawn, shown) {
			t.Errorf("%s: segments are %v, the legend has %v", name, drawn, shown)
		}
		drawn = eval[[]string](tb, `[...new Set(kmodlab.view.arrows.map(a => kmodlab.colour(a.link === "signal" && a.tone ? a.tone : "link-" + a.link)))].sort()`)
		shown = eval[[]string](tb, `[...new Set([...document.querySelectorAll("#legend .stroke")].map(e => getComputedStyle(e).borderTopColor))].sort()`)
		if !slices.Equal(drawn, shown) {
			t.Errorf("%s: arrows are %v, the legend has %v", name, drawn, shown)
		}
	}
}

// TestNamesOfArrows: no name of an arrow is struck through by an arrow, or lies on a bar or on another name.
func TestNamesOfArrows(t *testing.T) {
	const struck = `(() => {
		const k = kmodlab, f = k.frame();
		k.paint();
		const shafts = k.inSight(f).map(([, e]) => k.shaft(f, e)), boxes = k.segmentBoxes(f);
		const bad = k.last.named.filter((r, i) => shafts.some(s => k.crosses(s, r)) || boxes.some(b => k.meets(r, b)) ||
			k.last.named.some((o, j) => j > i && k.meets(r, o)));
		return [k.last.named.length, bad.length];
	})()`
	for _, name := range []string{"demo", "sigcases", "requests"} {
		for _, width := range []int64{1280, phoneW} {
			tb := open(t, golden(t, name), width, tall)
			names := 0
			for range 6 {
				n := eval[[]int](tb, struck)
				if names += n[0]; n[1] > 0 {
					t.Errorf("%s, %d pixels wide: %d of %d names are struck through", name, width, n[1], n[0])
				}
				tb.Do(chromedp.Click(chromedp.CSS("#zoom-in")))
			}
			if names == 0 {
				t.Errorf("%s, %d pixels wide: no arrow has its name", name, width)
			}
		}
	}
}

// TestDetailInWords: whatever is selected, the detail has no name of the contract.
func TestDetailInWords(t *testing.T) {
	for _, name := range []string{"demo", "requests", "sigcases", "null_thread"} {
		tb := open(t, golden(t, name), wide, tall)
		raw := eval[[]string](tb, `(() => {
			const found = new Set(), box = document.getElementById("detail");
			for (const e of kmodlab.view.events.slice(0, 400)) {
				kmodlab.on.select(e.index);
				const names = [...box.querySelectorAll("dt, .chain button, h4")].map(e => e.textContent).join("\n");
				for (const m of names.match(/\w*_(ns|ms|ret|by)\b|\]\.|\w+\.\w+_\w+/g) ?? []) found.add(m);
			}
			return [...found];
		})()`)
		if len(raw) > 0 {
			t.Errorf("%s: the detail says %q", name, raw)
		}
	}
}

// TestSourceOnPhone: a long source line scrolls within its block, and the page stays as wide as the screen.
func TestSourceOnPhone(t *testing.T) {
	r := golden(t, "null_thread")
	f := &r.Crashes[0].Frames[*r.Crashes[0].Guilty]
	f.Source = []result.Line{{Number: f.Line - 1, Text: "\tif (x)"},
		{Number: f.Line, Text: "\t\treturn " + strings.Repeat("a_long_name + ", 20) + "0;"}}
	r.Sources = map[string]result.Source{}
	for _, p := range r.Places() {
		r.Sources[p] = result.Source{File: f.File, Line: f.Line, Source: f.Source}
	}
	tb := open(t, r, phoneW, phoneH)
	eval[bool](tb, "(kmodlab.on.select(kmodlab.view.events.find(e => e.moment === 'requested').index), true)")
	for _, block := range []string{"#verdict .source", "#detail .source"} {
		want(tb, fmt.Sprintf(`(() => {
			const s = document.querySelector(%q), code = s.querySelector(".hit");
			s.scrollLeft = 100;
			return s.scrollLeft === 100 && s.clientWidth < 390 && s.scrollWidth > 1000 &&
				code.getBoundingClientRect().height < 30 && getComputedStyle(s).overflowX === "auto";
		})()`, block), true)
	}
	want(tb, "document.documentElement.scrollWidth", phoneW)
	// Tabs are as wide as in an editor.
	want(tb, "document.querySelector('#verdict .source').textContent.includes("+
		fmt.Sprintf("%q", "  "+lanes.Untab("\tif (x)"))+")", true)
}

// TestOthersReports: what the kernel reported without the modules stands apart from the verdict.
func TestOthersReports(t *testing.T) {
	r := golden(t, "demo")
	r.Unrelated = []result.Crash{{Title: "BUG: soft lockup", Task: &result.Task{Comm: "init", PID: 1},
		Log: []string{"a line"}}}
	r.Taint = []string{"out-of-tree module", "warning"}
	tb := open(t, r, wide, tall)
	want(tb, "document.querySelectorAll('.report').length", 0)
	want(tb, "document.getElementById('sections').textContent.includes('BUG: soft lockupin init[1]a line')", true)
	want(tb, "document.getElementById('sections').textContent.includes('tainted the kernel: out-of-tree module, warning')", true)
}

// TestUnchecked: what the compiler warned of, and what nobody looked for, is said.
func TestUnchecked(t *testing.T) {
	r := golden(t, "demo")
	r.Warnings = []result.Warning{{File: "a.c", Line: 3, Column: 7, Text: "unused variable 'x'"}}
	r.Unchecked = []result.Unchecked{{Module: "m", What: "paths", Function: "kern_path", Why: "they are copied"}}
	tb := open(t, r, wide, tall)
	want(tb, "document.getElementById('sections').textContent.includes(\"unused variable 'x'\")", true)
	want(tb, "[...document.querySelectorAll('#sections tr')].some(r => r.textContent === 'pathsmkern_paththey are copied')", true)
}
