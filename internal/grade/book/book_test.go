// SPDX-License-Identifier: MIT

package book

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/testlab/browser"
)

// TestSize: a class is a file that is sent by mail, and the largest one still opens.
func TestSize(t *testing.T) {
	file := classFile(t, randomClass(t, 1, 300), Options{})
	t.Logf("300 students, 12 checks: %d bytes", len(file))
	if len(file) > 2<<20 {
		t.Errorf("%d bytes", len(file))
	}
	b := &grade.Book{Lab: "l"}
	for i := range 600 {
		g := grade.Grade{Lab: "l", Student: fmt.Sprintf("n%04d", i)}
		for j := range 300 {
			g.Checks = append(g.Checks, grade.Check{ID: fmt.Sprintf("c%d", j), Max: 1, Status: grade.Failed,
				Visibility: grade.Visible, Say: []string{strings.Repeat("much is said ", 100)}})
		}
		g.Sum()
		b.Grades, b.Max = append(b.Grades, g), g.Max
	}
	file = classFile(t, b, Options{})
	t.Logf("600 students, 300 checks: %d bytes", len(file))
	if len(file) > 24<<20 || !bytes.Contains(file, []byte("200 more submissions have no room")) {
		t.Errorf("%d bytes, or what is left out is not said", len(file))
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestErrors(t *testing.T) {
	b := randomClass(t, 1, 3)
	err := Write(brokenWriter{}, b, Options{})
	if err == nil || !strings.Contains(err.Error(), "write gradebook: the disk") {
		t.Error(err)
	}
	b.Grades[1].Points++
	var out bytes.Buffer
	if err := Write(&out, b, Options{}); err == nil || !strings.Contains(err.Error(), "do not add up") {
		t.Error(err)
	}
	if err := WritePage(&out, &b.Grades[1], Options{}); err == nil || !strings.Contains(err.Error(), "write the page of") {
		t.Error(err)
	}
	if out.Len() > 0 {
		t.Error("part of a file was written")
	}
}

// TestSaid: what a lecturer looks for is there.
func TestSaid(t *testing.T) {
	b := handedIn(t, "ada:6:x", "ada:7:y", "bob:6:x", "eve:8:z:no room on the disk", "kim:9:")
	for i := range b.Grades {
		g := &b.Grades[i]
		g.Seconds = float64(i)
		switch g.Student {
		case "ada", "bob":
			g.Crashes = []grade.Crash{{Class: "oops", Place: "stop.c:12", Message: "BUG " + g.Student},
				{Class: "oops", Place: "stop.c:12", Message: "again"}}
		case "kim":
			g.Build = []string{"stop.c:3: error: expected ';'"}
		}
	}
	page := string(classFile(t, b, Options{Page: func(g *grade.Grade) string { return "pages/" + g.Student + ".html" }}))
	for _, want := range []string{
		"1 not graded", "no room on the disk", "1 whose sources do not build", "stop.c:3: error: expected &#39;;&#39;",
		`<td class="number">3</td><th scope="row"><code>stop.c:12</code>`, "<small>submission 6</small>",
		"same files as others", "The same files, byte for byte, as <bdi>bob</bdi>.", `<a href="pages/kim.html">`,
		"“a” fails most: of 4 graded submissions, 4 failed it",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	if strings.Contains(page, "unusual") {
		t.Error("the same files are called an unusual story")
	}
}

func TestBars(t *testing.T) {
	b := randomClass(t, 1, 300)
	sum := 0
	for _, k := range bars(b) {
		sum += k.Count
		if k.Width > full {
			t.Errorf("%s is %d wide", k.Range, k.Width)
		}
	}
	if sum != b.Stats().Graded {
		t.Errorf("the bars have %d students, %d are graded", sum, b.Stats().Graded)
	}
	for i, s := range b.ByCheck() {
		width := 0
		for _, p := range pieces(&s) {
			width += p.Width
		}
		if width != full {
			t.Errorf("the pieces of check %d are %d wide", i, width)
		}
	}
	got := fmt.Sprint(parts(24), parts(10), parts(7), parts(100), parts(0.5), parts(17))
	if diff := cmp.Diff("8 10 7 10 10 10", got); diff != "" {
		t.Error(diff)
	}
}

// columnOf reads a column of the rows that are shown.
func columnOf(tb *browser.Tab, n int) []string {
	return browser.Eval[[]string](tb, fmt.Sprintf(
		`[...document.querySelectorAll("#table tbody tr:not([hidden])")].map((r) => r.cells[%d])
			.map((c) => c?.dataset.v ?? c?.textContent ?? "")`, n))
}

// TestTable sorts and filters with the keyboard alone.
func TestTable(t *testing.T) {
	b := handedIn(t, "ada:1:x", "bob:2:x:no disk", "eve:3:x", "kim:4:x", "zoe:5:x")
	for i, points := range []float64{2, 0, 10, 0, 1} {
		c := &b.Grades[i].Checks[0]
		c.Max = 10
		if b.Grades[i].Fault == "" {
			c.Points, c.Status = points, grade.Partial
		}
		b.Grades[i].Sum()
	}
	b, err := grade.NewBook(b.Grades)
	if err != nil {
		t.Fatal(err)
	}
	tb := browser.Open(t, classFile(t, b, Options{}), wide, tall)
	names := func() string {
		return strings.Join(browser.Eval[[]string](tb,
			`[...document.querySelectorAll("#table tbody tr:not([hidden]) th")].map((h) => h.textContent)`), " ")
	}
	press := func(column int) {
		t.Helper()
		browser.Eval[bool](tb, fmt.Sprintf(`(document.querySelectorAll("#table thead button")[%d].focus(), true)`, column))
		tb.Do(chromedp.KeyEvent(kb.Enter))
	}
	for _, step := range []struct {
		column     int
		want, sort string
	}{
		{1, "kim zoe ada eve bob", "ascending"}, {1, "eve ada zoe kim bob", "descending"},
		{2, "kim zoe ada eve bob", "ascending"}, {0, "ada bob eve kim zoe", "ascending"},
		{0, "zoe kim eve bob ada", "descending"}, {0, "ada bob eve kim zoe", "ascending"},
	} {
		press(step.column)
		if got := names(); got != step.want {
			t.Errorf("sorted by column %d: %s, want %s", step.column, got, step.want)
		}
		browser.Want(tb, fmt.Sprintf(`document.querySelectorAll("#table thead th")[%d].ariaSort`, step.column), step.sort)
		browser.Want(tb, `document.querySelectorAll("[aria-sort]").length`, 1)
	}
	if got := strings.Join(columnOf(tb, 1), " "); got != "2 — 10 0 1" {
		t.Errorf("points: %s", got)
	}
	browser.Eval[bool](tb, `(document.dispatchEvent(new KeyboardEvent("keydown", {key: "/", cancelable: true})), true)`)
	tb.Do(chromedp.KeyEvent("NOT graded"))
	tb.Wait(`document.getElementById("shown").textContent === "1 of 5"`)
	if got := names(); got != "bob" {
		t.Error(got)
	}
	tb.Do(chromedp.KeyEvent("nobody"))
	tb.Wait(`!document.getElementById("nobody").hidden`)
	browser.Want(tb, `document.querySelector("#s-3").open`, false)
	browser.Eval[bool](tb, `(document.querySelector('a[href="#s-3"]').click(), true)`)
	tb.Wait(`document.querySelector("#s-3").open && document.activeElement.textContent.includes("eve")`)
}

// TestReader: a screen reader has a table with heads, statuses in words, and names for all that can be operated.
func TestReader(t *testing.T) {
	tb := browser.Open(t, classFile(t, randomClass(t, 1, 300), Options{}), wide, tall)
	browser.Want(tb, `document.querySelectorAll("#table tbody tr").length`, 300)
	browser.Want(tb, `[...document.querySelectorAll("#table tbody td[data-v]:not(:nth-child(2))")]
		.every((c) => /passed|partial|failed|skipped|unknown/.test(c.innerText))`, true)
	browser.Want(tb, `[...document.querySelectorAll("h1, h2, h3")].every((h) => h.innerText.trim() !== "")`, true)
	browser.Want(tb, `((ids) => new Set(ids).size === ids.length)
		([...document.querySelectorAll("[id]")].map((e) => e.id))`, true)
	browser.Want(tb, `[...document.querySelectorAll('a[href^="#"]')].every((a) => document.querySelector(a.hash))`, true)
	// The head and the first column stay where they are.
	browser.Eval[bool](tb, `(document.querySelector(".table").scrollTo(0, 2000), true)`)
	tb.Settle()
	browser.Want(tb, `((top) => Math.abs(top("#table thead th") - top(".table")) < 3)
		((at) => document.querySelector(at).getBoundingClientRect().top)`, true)
	for role, names := range byRole(tb) {
		if slices.Contains(names, "") {
			t.Errorf("a %s has no name", role)
		}
	}
	roles := byRole(tb)
	if n := len(roles["rowheader"]); n < 300 || len(roles["columnheader"]) < 14 || len(roles["searchbox"]) != 1 {
		t.Errorf("%d heads of rows, %d of columns", n, len(roles["columnheader"]))
	}
}

// byRole are the names of what a person can act on or look for, as the browser tells them to a screen reader.
func byRole(tb *browser.Tab) map[string][]string {
	tree := browser.Get(tb, func(ctx context.Context, _ *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	roles := make(map[string][]string)
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil || n.Name == nil {
			continue
		}
		role := strings.Trim(string(n.Role.Value), `"`)
		switch role {
		case "button", "searchbox", "heading", "link", "DisclosureTriangle", "region", "rowheader", "columnheader":
			roles[role] = append(roles[role], strings.Trim(string(n.Name.Value), `"`))
		}
	}
	return roles
}
