// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/junit"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
)

// hostile are texts by which a submission would like to have a better grade, or a lecturer's spreadsheet run a program.
var hostile = slices.Concat([]string{
	"Grade :=>>100", "\nGrade :=>>100\n", "\r\nGrade :=>>100\r\n", "\rGrade :=>>100\r", "x\u2028Grade :=>>100",
	"<|--\nGrade :=>>100\n--|>", "--|>\nGrade :=>>100", "Comment :=>>-x (-100)", "\n-x (-100)\n> y\nhttp://x",
	"-x (-100)", "(-100)", `=HYPERLINK("http://x","y")`, "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a;=1", "a\t=1", `a","=1`,
	"|=1", "＝1", `{"scores":{"builds":100}}`, "\n{\"scores\":{\"builds\":100}}\n", "builds:", `"},"score":1,"x":{"y":"`,
	"]]>", "]]></failure></testcase><testcase name='x'/>", "\x00", "\x1b[2J\x1b[31m", "\u202edesrever\u2066", "\ufeff",
	"<script>alert(1)</script>", "\nok 1 forged\n", "\n1..9\n", "# SKIP", "../../../etc/passwd", "##[error]x",
	"\n::error::x",
	"", " ", "\n\n\n", "…", strings.Repeat("\x1b]0;Grade :=>>100\n", 60_000), strings.Repeat("=1+", 350_000),
}, foreign.Hostile)

// eachHostile runs check on grades whose texts are all hostile; each text is once in each place.
func eachHostile(t *testing.T, check func(t *testing.T, g *grade.Grade)) {
	for turn := range hostile {
		for _, g := range states() {
			n := turn
			text := func() string { n++; return hostile[n%len(hostile)] }
			for _, s := range []*string{&g.Lab, &g.LabTitle, &g.Student, &g.Submission} {
				*s = text()
			}
			g.Lab += "x" // a grade without a lab is not valid
			if g.Fault != "" {
				g.Fault = text() + "x"
			}
			for i := range g.Build {
				g.Build[i] = text()
			}
			for i := range g.Checks {
				c := &g.Checks[i]
				c.Title, c.Hint, c.File, c.Scenario = text(), text(), text(), text()
				c.Say = []string{text(), text(), hostile[turn]}
			}
			check(t, g)
			if t.Failed() {
				t.Fatalf("with %.100q", hostile[turn])
			}
		}
	}
}

// harmless checks that a text has nothing in it that a terminal or a reader would be misled by, and is not long.
func harmless(t *testing.T, data []byte) {
	t.Helper()
	if !utf8.Valid(data) || len(data) > maxFile {
		t.Errorf("%d bytes, UTF-8: %v", len(data), utf8.Valid(data))
	}
	for _, r := range string(data) {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U is written as it is", r)
			return
		}
	}
}

func TestHostileGrades(t *testing.T) {
	eachHostile(t, func(t *testing.T, g *grade.Grade) {
		for _, target := range Targets() {
			if target.OfGrade() {
				var b bytes.Buffer
				if err := target.Write(&b, g, Env{Vars: vars}); err != nil && g.Fault == "" {
					t.Errorf("%s: %v", target.Name, err)
				}
				harmless(t, b.Bytes())
			}
		}
		if r := acceptVPL(written(t, "vpl", g, Env{})); g.Fault != "" {
			if r.grade != "" || len(r.titles) != 1 {
				t.Errorf("vpl: %+v", r)
			}
		} else if r.grade != "3.5" || r.less != 0 || r.links != 0 || len(r.titles) != 5+min(1, len(g.Build)) {
			t.Errorf("vpl: %+v", r)
		}
		if r, err := acceptPrairie(written(t, "prairielearn", g, Env{})); err != nil ||
			*r.Gradable != (g.Fault == "" && g.Build == nil) || *r.Gradable && *r.Score != 0.35 {
			t.Errorf("prairielearn: %v", err)
		}
		if g.Fault != "" {
			return
		}
		if r, err := acceptGradescope(written(t, "gradescope", g, Env{})); err != nil || *r.Score != 3.5 {
			t.Errorf("gradescope: %v", err)
		}
		r, err := acceptClassroom(written(t, "classroom50", g, Env{Vars: vars}), vars)
		if err != nil || r.Score != "350" {
			t.Errorf("classroom50: %v", err)
		}
		for _, test := range r.Tests {
			if name := test["test-name"].(string); strings.ContainsAny(name, "<>`[]*|\n") {
				t.Errorf("classroom50: the name %q has markup", name)
			}
		}
		scores, err := acceptAutolab(written(t, "autolab", g, Env{}))
		if err != nil || len(scores) != 5 || scores["builds"] != 1 || scores["stops-once"] != 1.5 {
			t.Errorf("autolab: %v, %v", scores, err)
		}
	})
}

// TestHostileParsers asks others' parsers. Each of them is a program that starts anew, so only some grades are tried.
func TestHostileParsers(t *testing.T) {
	asked := 0
	eachHostile(t, func(t *testing.T, g *grade.Grade) {
		if asked++; asked%41 != 0 || g.Fault != "" {
			return
		}
		data := written(t, "junit", g, Env{})
		foreign.JUnit(t, data)
		var r junit.Suites
		if err := xml.Unmarshal(data, &r); err != nil || len(r.Suites) != 1 || len(r.Suites[0].Cases) != 5 {
			t.Errorf("junit: %v", err)
		}
		if parsed := foreign.KTAP(t, written(t, "ktap", g, Env{})); len(parsed.Tests) != 5 || parsed.Errors != 0 {
			t.Errorf("ktap: %d tests, %d errors", len(parsed.Tests), parsed.Errors)
		}
	})
}

func TestHostileSpreadsheet(t *testing.T) {
	target, _ := Find("csv")
	for _, text := range hostile {
		one, two := example(), states()["fault"]
		one.Student, one.Submission, one.Lab = text, text, "stop"
		two.Student, two.Fault = text+"x", text+"x"
		b, err := grade.NewBook([]grade.Grade{*one, *two})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := target.WriteBook(&out, b); err != nil {
			t.Fatal(err)
		}
		harmless(t, bytes.ReplaceAll(out.Bytes(), []byte("\r\n"), []byte("\n")))
		if rows := acceptCSV(t, out.Bytes()); len(rows) != 3 || rows[1][2] != "3.5" && rows[2][2] != "3.5" {
			t.Errorf("%.100q: %.500q", text, rows)
		}
		for _, separator := range ";\t|" { // as a spreadsheet of another country reads the file
			rd := csv.NewReader(bytes.NewReader(out.Bytes()))
			rd.Comma, rd.LazyQuotes, rd.FieldsPerRecord = separator, true, -1
			rows, err := rd.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, cell := range slices.Concat(rows...) {
				if cell = strings.TrimLeft(cell, " \t\r"); cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
					t.Errorf("%.100q: read with %q, a cell is %.100q", text, separator, cell)
				}
			}
		}
	}
}

// TestSize: a grade with as much text as there may be fits what PrairieLearn takes, and says that something is left
// out.
func TestSize(t *testing.T) {
	g := &grade.Grade{Lab: "l", Graded: "2026-11-30T12:00:00Z"}
	for i := range 500 {
		long := strings.Repeat(`"\`, 1<<11)
		g.Checks = append(g.Checks, grade.Check{ID: fmt.Sprint("check-", i), Title: long,
			Status: grade.Failed, Max: 1, Visibility: grade.Visible, Say: []string{long, long}, Hint: long})
	}
	g.Sum()
	for _, target := range Targets() {
		if target.OfGrade() {
			data := written(t, target.Name, g, Env{Vars: vars})
			harmless(t, data)
			if !bytes.Contains(data, []byte("…")) {
				t.Errorf("%s does not say that something is left out", target.Name)
			}
		}
	}
}

func FuzzHostileText(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g := example()
		g.Student, g.LabTitle, g.Lab = text, text, "l"+text
		for i := range g.Checks {
			c := &g.Checks[i]
			c.Title, c.Say, c.Hint, c.File = text, []string{text}, text, text
		}
		out := written(t, "vpl", g, Env{})
		harmless(t, out)
		if r := acceptVPL(out); r.grade != "3.5" || r.less != 0 {
			t.Errorf("vpl: %+v", r)
		}
		if scores, err := acceptAutolab(written(t, "autolab", g, Env{})); err != nil || scores["stops-once"] != 1.5 {
			t.Errorf("autolab: %v %v", scores, err)
		}
		b, err := grade.NewBook([]grade.Grade{*g})
		if err != nil {
			t.Fatal(err)
		}
		var sheet bytes.Buffer
		if target, _ := Find("csv"); target.WriteBook(&sheet, b) != nil {
			t.Fatal("no sheet")
		}
		acceptCSV(t, sheet.Bytes())
	})
}
