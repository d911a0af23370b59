// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/junit"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/rundiff"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

type writer func(io.Writer, *result.Result) error

func written(t testing.TB, write writer, r *result.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var textFormats = map[string]writer{"md": Markdown, "mmd": Mermaid, "junit.xml": JUnit, "ktap": KTAP}

func TestFormatsGolden(t *testing.T) {
	crashed := inputs{Crashes: oops.Parse([]byte(oopsLog)), Finished: true}
	for ending, write := range textFormats {
		golden(t, "demo."+ending, written(t, write, resultOf(demoEvents(), done)))
		golden(t, "crash."+ending, written(t, write, resultOf(demoEvents()[:60], crashed)))
		golden(t, "trouble."+ending, written(t, write, resultOf(troubleEvents(), done)))
	}
}

// hostileResult has everything that a result can have, with hostile texts everywhere. The class of its verdict is ours,
// so that everything is shown.
func hostileResult(turn int) *result.Result {
	r := blindResult(fullEvents())
	whole := resultOf(hostileEvents(), inputs{Crashes: oops.Parse([]byte(oopsLog)), Finished: true})
	r.Machine, r.Phases, r.Hooks, r.Commands = whole.Machine, whole.Phases, whole.Hooks, whole.Commands
	r.Crashes, r.Console = whole.Crashes, whole.Console
	r.Verdict = whole.Verdict
	r.Verdict.Hint, r.Verdict.Evidence = "hint", make([]string, len(foreign.Hostile))
	r.Verdict.Also = []result.Verdict{{Class: result.Leak, Message: "m", Evidence: make([]string, len(foreign.Hostile))}}
	r.Leaks = []result.Leftover{{Kind: "memory", What: "x", Site: "y"}}
	r.Stuck = []result.Stuck{{Comm: "c", PID: 5, State: "s", Site: "t", Wait: "w", Stack: []string{"f"}}}
	r.Phases = append(r.Phases, result.Phase{Name: "build"})
	foreign.AddTests(r)
	foreign.AddExpectations(r)
	foreign.Poison(r, turn, "Schema", "Class", "Phases", "Outcome")
	for i := range r.Signals { // the others keep theirs: a test has no other outcomes
		r.Signals[i].Outcome = result.Outcome(foreign.Hostile[(turn+i)%len(foreign.Hostile)])
	}
	return r
}

// turns omits no text: each is in a quarter of all fields.
var turns = []int{0, 6, 12, 18}

func eachHostile(t *testing.T, check func(t *testing.T, r *result.Result)) {
	for _, turn := range turns {
		t.Run(fmt.Sprint(turn), func(t *testing.T) { check(t, hostileResult(turn)) })
	}
	t.Run("long", func(t *testing.T) {
		r := resultOf(demoEvents(), inputs{Crashes: oops.Parse([]byte(oopsLog)), Finished: true})
		foreign.AddTests(r)
		foreign.AddExpectations(r)
		foreign.Lengthen(r)
		check(t, r)
	})
}

// checkHarmless checks that a terminal can show a text.
func checkHarmless(t *testing.T, text []byte) {
	t.Helper()
	if !utf8.Valid(text) {
		t.Error("bytes that are no UTF-8")
	}
	for _, r := range string(text) {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029') {
			t.Fatalf("%U is written as it is", r)
		}
	}
}

func TestHostileText(t *testing.T) {
	eachHostile(t, func(t *testing.T, r *result.Result) {
		for _, verbose := range []bool{false, true} {
			checkHarmless(t, text(t, r, TextOptions{Verbose: verbose}))
		}
	})
}

func TestHostileJSON(t *testing.T) {
	eachHostile(t, func(t *testing.T, r *result.Result) {
		got := written(t, JSON, r)
		if !json.Valid(got) || !utf8.Valid(got) {
			t.Error("no JSON")
		}
	})
}

func TestHostileJUnit(t *testing.T) {
	eachHostile(t, func(t *testing.T, r *result.Result) {
		got := written(t, JUnit, r)
		checkHarmless(t, got)
		foreign.JUnit(t, got)
		var again junit.Suites
		if err := xml.Unmarshal(got, &again); err != nil {
			t.Fatal(err)
		}
		want := 1 + len(r.Tests) + len(r.Expectations)
		for _, test := range r.Tests {
			want += countSubtests(test.Subtests)
		}
		if len(again.Suites) != 1 || len(again.Suites[0].Cases) != want || again.Tests != want {
			t.Errorf("%d suites, %d tests, want one of %d cases", len(again.Suites), again.Tests, want)
		}
	})
}

func TestHostileKTAP(t *testing.T) {
	eachHostile(t, func(t *testing.T, r *result.Result) {
		got := written(t, KTAP, r)
		checkHarmless(t, got)
		checkKTAP(t, got, r)
	})
}

// checkKTAP checks that the kernel's parser sees one test with the run's outcome, and nothing else.
func checkKTAP(t *testing.T, got []byte, r *result.Result) {
	t.Helper()
	parsed := foreign.KTAP(t, got)
	if parsed.Errors != 0 || len(parsed.Tests) != 1 {
		t.Fatalf("%d tests with %d errors, want one without, in\n%s", len(parsed.Tests), parsed.Errors, got)
	}
	want := "FAILURE"
	if r.Verdict.Class == result.Pass {
		want = "SUCCESS"
	}
	p := parsed.Tests[0]
	if p.Name != ktapName(runName(r)) || p.Status != want || p.Errors != 0 ||
		len(p.Tests) != len(r.Tests)+len(r.Expectations) {
		t.Fatalf("the test is %q %s (%d errors, %d parts), want %q %s (%d parts) in\n%s", p.Name, p.Status, p.Errors,
			len(p.Tests), ktapName(runName(r)), want, len(r.Tests)+len(r.Expectations), got)
	}
	for i, test := range r.Tests {
		sameKTAP(t, i+1, test.Name, p.Tests[i], test.Subtests)
	}
	outcomes := map[result.ExpectedOutcome]string{
		result.ExpectedHeld: "SUCCESS", result.ExpectedFailed: "FAILURE", result.ExpectedUnknown: "SKIPPED",
	}
	for i, x := range r.Expectations {
		if got := p.Tests[len(r.Tests)+i]; got.Status != outcomes[x.Outcome] || got.Errors != 0 || len(got.Tests) != 0 {
			t.Errorf("expectation %q is %q %s", x.Text, got.Name, got.Status)
		}
	}
}

// sameKTAP checks that the parser sees a test's subtests, and no others.
func sameKTAP(t *testing.T, n int, name string, got foreign.Test, want []result.Subtest) {
	t.Helper()
	name = or(ktapName(name), fmt.Sprintf("number %d", n))
	if got.Name != name || got.Errors != 0 || len(got.Tests) != len(want) {
		t.Errorf("%q has %d parts and %d errors, want %q with %d", got.Name, len(got.Tests), got.Errors, name, len(want))
		return
	}
	for i, sub := range want {
		sameKTAP(t, i+1, sub.Name, got.Tests[i], sub.Tests)
	}
}

// TestVerdictsAsTests: whatever the verdict, a test report has one test, which passes or fails as the run did, and says
// what was checked.
func TestVerdictsAsTests(t *testing.T) {
	for _, class := range []result.Class{result.Pass, result.Build, result.Preflight, result.Host, result.Lost,
		result.Timeout, result.Leak, result.Panic, result.Oops} {
		r := resultOf(demoEvents(), done)
		r.Verdict = result.Verdict{Class: class, Message: "m", Hint: "h"}
		r.Title, r.Date = "one # two", "2026-11-29T16:30:05Z"
		if class == result.Build || class == result.Preflight {
			r.Machine = result.Machine{}
		}
		checkKTAP(t, written(t, KTAP, r), r)
		checkJUnit(t, written(t, JUnit, r), r)
		counts := map[checkState]int{}
		for _, c := range checks(r) {
			counts[c.state]++
			if c.name == result.Leak && c.state == checkPassed &&
				(class == result.Build || class == result.Lost || class == result.Preflight) {
				t.Errorf("%s: that nothing leaked is not known", class)
			}
		}
		failed := counts[checkFailed] + counts[checkBroken]
		if class != result.Pass && failed != 1 || class == result.Pass && counts[checkPassed] != len(checks(r)) {
			t.Errorf("%s: %d failed, %d passed", class, failed, counts[checkPassed])
		}
	}
}

// TestCheckSummary: what the run did not reach is not said to have passed.
func TestCheckSummary(t *testing.T) {
	r := resultOf(demoEvents(), done)
	r.Verdict = result.Verdict{Class: result.Oops, Message: "m"}
	for i := range r.Modules {
		r.Modules[i].Unloaded = false
	}
	got := strings.Join(checkSummary(checks(r)), "\n")
	const want = "failed: oops\n" +
		"passed: host, build, preflight, load, expectation, panic, lockup, hung, timeout, lost\n" +
		"not checked (not all modules were unloaded): leak"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	r.Modules = nil // a trace loads nothing, and looks for no leaks
	if got := checks(r); got[5].name != result.Leak || got[5].state != checkSkipped {
		t.Errorf("a run without modules: %+v", got[5])
	}
}

// checkJUnit checks that the one test case says how the run went.
func checkJUnit(t *testing.T, got []byte, r *result.Result) {
	t.Helper()
	foreign.JUnit(t, got)
	var again junit.Suites
	if err := xml.Unmarshal(got, &again); err != nil {
		t.Fatal(err)
	}
	suite := again.Suites[0]
	c, class := suite.Cases[0], r.Verdict.Class
	if c.Name != r.Title || suite.Timestamp != "2026-11-29T16:30:05" {
		t.Errorf("%s: the test is %q of %q", class, c.Name, suite.Timestamp)
	}
	fault := c.Failure
	if class.ExitStatus() == 3 {
		fault = c.Error
	}
	switch {
	case class == result.Pass:
		if again.Failures+again.Errors != 0 || c.Failure != nil || c.Error != nil {
			t.Errorf("pass: %d failures, %d errors", again.Failures, again.Errors)
		}
	case again.Failures+again.Errors != 1 || fault == nil:
		t.Errorf("%s: %d failures, %d errors", class, again.Failures, again.Errors)
	case fault.Type != string(class) || fault.Message != "m" || !strings.Contains(fault.Text, "hint: h"):
		t.Errorf("%s: the fault is %+v", class, fault)
	}
	if head, _, _ := strings.Cut(c.Out, "\n\n"); !strings.Contains(head, "ed: ") ||
		strings.Contains(head, "failed: "+string(class)) == (class == result.Pass) {
		t.Errorf("%s: the checks are %q", class, head)
	}
}

// TestHostileMermaid: the parser sees the intended arrows and texts.
func TestHostileMermaid(t *testing.T) {
	eachHostile(t, func(t *testing.T, r *result.Result) {
		got := written(t, Mermaid, r)
		checkHarmless(t, got)
		list := messages(r)
		list = list[:min(len(list), maxMessages)]
		d := foreign.Mermaid(t, got)
		if d.Type != "sequence" || len(d.Messages) != len(list) {
			t.Fatalf("%s with %d messages, want a sequence with %d", d.Type, len(d.Messages), len(list))
		}
		for i, m := range d.Messages {
			if want := mermaidPlain(list[i].text); mermaidDecoded(m.Text) != want {
				t.Errorf("message %d is %q, want %q", i, mermaidDecoded(m.Text), want)
			}
		}
	})
}

// mermaidPlain is a text as a reader should see it.
func mermaidPlain(s string) string {
	if s = strings.TrimSpace(cut(unglue(s))); s == "" {
		return "?"
	}
	return s
}

// mermaidDecoded decodes the entities that Mermaid keeps until it draws: ﬂ°°35¶ß stands for #35;.
func mermaidDecoded(s string) string {
	for {
		before, rest, ok := strings.Cut(s, "ﬂ°°")
		if !ok {
			return strings.TrimSpace(s)
		}
		number, after, _ := strings.Cut(rest, "¶ß")
		var r rune
		fmt.Sscan(number, &r)
		s = before + string(r) + after
	}
}

// TestHostileMarkdown: a foreign parser sees paragraphs, our table, our bold words and code, and nothing that a guest
// began.
func TestHostileMarkdown(t *testing.T) {
	allowed := []string{"paragraph", "strong", "codespan", "text", "table", "code", "space"}
	eachHostile(t, func(t *testing.T, r *result.Result) {
		got := written(t, Markdown, r)
		checkHarmless(t, got)
		counts := make(map[string]int)
		for _, token := range foreign.Markdown(t, got) {
			counts[token.Type]++
			if !slices.Contains(allowed, token.Type) {
				t.Errorf("a %s: %.80q", token.Type, token.Text)
			}
			if token.Type == "text" && strings.Contains(token.Text, "forged") {
				t.Errorf("text of the guest outside of code: %.80q", token.Text)
			}
		}
		failed := 0
		for _, test := range r.Tests {
			if test.Outcome == result.TestFail {
				failed++
			}
		}
		want := map[string]int{"table": 3, "code": len(r.Crashes) + failed, "strong": 1 + len(r.Verdict.Also)}
		for kind, n := range want {
			if counts[kind] != n {
				t.Errorf("%d of %s, want %d", counts[kind], kind, n)
			}
		}
	})
}

func TestReadJSONAgain(t *testing.T) {
	r := hostileResult(3)
	first := written(t, JSON, r)
	again, err := ReadJSON(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	var one, two any // bytes that are not UTF-8 may be written in two ways
	if err := errors.Join(json.Unmarshal(first, &one), json.Unmarshal(written(t, JSON, again), &two)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error(diff)
	}
}

func TestDiffText(t *testing.T) {
	before, after := resultOf(demoEvents(), done), resultOf(troubleEvents(), done)
	for name, opt := range map[string]TextOptions{"diff.txt": {}, "diff_color.txt": {Color: true, Width: 50}} {
		var b bytes.Buffer
		if err := Diff(&b, rundiff.Compare(before, after), opt); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
		checkLines(t, b.Bytes(), opt)
	}
	eachHostile(t, func(t *testing.T, r *result.Result) {
		var b bytes.Buffer
		if err := Diff(&b, rundiff.Compare(before, r), TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := Again(&b, r, rundiff.Compare(before, r), "12:00:00", TextOptions{}); err != nil {
			t.Fatal(err)
		}
		checkHarmless(t, b.Bytes())
	})
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
