// SPDX-License-Identifier: MIT

package book

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/testlab/browser"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
)

// hostile are texts that would set pwned, use the network, end an element, or mislead a reader.
var hostile = slices.Concat([]string{
	`<img src=x onerror="pwned=1;alert(1)">`, `</script><script>pwned=1</script>`, `</style><script>pwned=1</script>`,
	`<!--<script>`, `"><iframe src="http://example.invalid/"></iframe>`, `' onmouseover='pwned=1`,
	`" autofocus onfocus="pwned=1`, `</table></details></main>`, `<base href="http://example.invalid/">`,
	`{{.Script}}{{template "head"}}`, `&lt;script&gt;`,
	"\u202egnp.exe\u2066\u200f\u061c", "\x00\x1b[31mred\x07\u0085", strings.Repeat("1 MB of it ", 100_000),
	strings.Repeat("\x01", 1<<20), strings.Repeat("x", 5000), "line\nline\r\nline", "שלום", " ", "",
}, foreign.Hostile)

// hostileClass has each hostile text in each place.
func hostileClass(t testing.TB) *grade.Book {
	b := randomClass(t, 9, 60)
	n := 0
	text := func() string { n++; return hostile[n%len(hostile)] }
	for i := range b.Grades {
		g := &b.Grades[i]
		n = i
		g.Student, g.Submission, g.LabTitle = text(), fmt.Sprint(i)+text(), hostile[0]
		g.Kernels = []string{text()}
		if g.Fault != "" {
			g.Fault = "x" + text()
		}
		for j := range g.Build {
			g.Build[j] = text()
		}
		g.Crashes = []grade.Crash{{Class: text(), Place: text(), Message: text(), Scenario: text()}}
		for j := range g.Checks {
			c := &g.Checks[j]
			c.Title, c.Hint, c.File, c.Scenario, c.Say = text(), text(), text(), text(), []string{text(), text(), text()}
		}
	}
	for i := range b.Grades {
		b.Grades[i].Sum()
	}
	b, err := grade.NewBook(b.Grades)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var evil = Options{
	Page: func(*grade.Grade) string { return "javascript:pwned=1" },
	Stories: []Story{{Title: hostile[0], Caption: hostile[1],
		SVG: `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="parent.pwned=1">` +
			`<script>parent.pwned=1</script><image href="http://example.invalid/"/></svg>`}},
}

// harmless checks a file itself.
func harmless(t *testing.T, file []byte, most, scripts int) {
	t.Helper()
	if !utf8.Valid(file) || len(file) > most {
		t.Errorf("%d bytes, UTF-8: %v", len(file), utf8.Valid(file))
	}
	for _, r := range string(file) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			t.Errorf("%U is written as it is", r)
			return
		}
	}
	for text, n := range map[string]int{"<script": scripts, "</script": scripts, "<style": 1, "<img": 0, "<iframe": 0,
		"<base": 0, "</main": 1, `href="javascript:`: 0} {
		if text == "<img" && scripts == 0 {
			n = 1 // the picture
		}
		if got := bytes.Count(file, []byte(text)); got != n {
			t.Errorf("%d times %s, want %d", got, text, n)
		}
	}
}

func TestHostile(t *testing.T) {
	b := hostileClass(t)
	file := classFile(t, b, evil)
	harmless(t, file, 4<<20, 1)
	for i := range b.Grades {
		harmless(t, studentFile(t, &b.Grades[i], evil), 1<<20, 0)
	}
	for name, file := range map[string][]byte{"class": file, "student": studentFile(t, &b.Grades[3], evil)} {
		for _, width := range []int64{wide, phoneW} {
			t.Run(fmt.Sprint(name, width), func(t *testing.T) {
				tb := browser.Open(t, file, width, tall)
				browser.Eval[bool](tb, "(document.querySelectorAll('details').forEach(d => d.open = true), true)")
				tb.Settle()
				browser.Want(tb, "globalThis.pwned === undefined", true)
				browser.Want(tb, "document.querySelectorAll('iframe, object, embed, base, form, video, audio').length", 0)
				browser.Want(tb, "document.body.textContent.includes('<img src=x onerror=')", true)
				browser.Want(tb, "document.documentElement.scrollWidth", int(width))
				browser.Want(tb, "document.querySelector('header').getBoundingClientRect().height < 900", true)
			})
		}
	}
}

// TestSecrets: whatever a grade is, its student's page has nothing of hidden checks, of the machine's fault, of the
// kernel's reports, of the fingerprint and of other students.
func TestSecrets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		g := randomGrade(rnd)
		due := rnd.IntN(2) == 0
		g.Student, g.Shape = "me", "secretshape"
		g.Crashes = []grade.Crash{{Class: "secret", Place: "secret", Message: "secret", Scenario: "secret"}}
		if g.Fault != "" || rnd.IntN(9) == 0 {
			g.Fault = "secret machine"
		}
		var hidden []string
		for i := range g.Checks {
			c := &g.Checks[i]
			c.Visibility = []grade.Visibility{grade.Visible, grade.Hidden, grade.AfterDue}[rnd.IntN(3)]
			c.Title, c.Hint, c.Say = fmt.Sprintf("open title %d.", i), "open hint", []string{"open sentence"}
			if c.Visibility == grade.Hidden || !due && c.Visibility == grade.AfterDue {
				c.ID = fmt.Sprintf("secret-%d", i)
				c.Title, c.Hint, c.Say, c.File, c.Scenario = "secret", "secret", []string{"secret"}, "secret", "secret"
				hidden = append(hidden, c.ID)
			}
		}
		for i := range g.Checks {
			g.Checks[i].Needs = hidden
			if g.Checks[i].Status == grade.Skipped && len(hidden) > 0 {
				g.Checks[i].Say = []string{"skipped: " + hidden[0] + " did not pass"}
			}
		}
		g.Sum()
		page := string(studentFile(t, g, Options{Due: due, Known: []string{"secret"},
			Page: func(*grade.Grade) string { return "secret" }}))
		if i := strings.Index(page, "secret"); i >= 0 {
			t.Fatalf("due %v: %s", due, page[max(0, i-200):i+100])
		}
		for i := range g.Checks {
			title := fmt.Sprintf("open title %d.", i)
			if shown := g.Checks[i].Title == title && g.Fault == ""; strings.Contains(page, title) != shown {
				t.Fatalf("%s is shown: %v", title, !shown)
			}
		}
		if g.Fault == "" && (len(hidden) > 0) != strings.Contains(page, "more check") {
			t.Fatalf("%d checks are hidden, and the page says something else", len(hidden))
		}
	}
}
