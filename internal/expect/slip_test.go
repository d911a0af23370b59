// SPDX-License-Identifier: MIT

package expect

import (
	"errors"
	"strings"
	"testing"
)

// TestSlips has a text that is wrong, where, and what is said of it.
func TestSlips(t *testing.T) {
	for _, c := range []struct {
		text         string
		line, column int
		says         string
	}{
		{`threads.all(t, t.stopps == 1)`, 1, 17, "a thread has no field stopps; did you mean stops?"},
		{"threads.size() == 2 &&\n  threads.all(t, t.stopps == 1)", 2, 19, "did you mean stops?"},
		{`thread.all(t, t.stops == 1)`, 1, 1, "there is no thread here; did you mean threads?"},
		{`threads.all(t, t.stages_ns.exit == 1)`, 1, 27, "stages_ns of a thread has no field exit; it has requested, picked_up,"},
		{`everything.thread.size() == 1`, 1, 11, "a result has no field thread; did you mean threads?"},
		{`threads.name == "x"`, 1, 8, "a list has no fields"},
		{`threads[0].stops.x == 1`, 1, 17, "a number has no fields"},
		{`threads.all(t, t.stops == "1")`, 1, 24, "== cannot be used between a number and text"},
		{`threads.all(t, t.stop_ret < "1")`, 1, 27, "< cannot be used between a number that may be null and text"},
		{`!threads`, 1, 1, "! cannot be used with a list"},
		{`threads.all(t, t.stops = 1)`, 1, 24, "a single = compares nothing; write =="},
		{`threads.all(t, t.alive and t.stops == 1)`, 1, 24, "write && for and"},
		{`threads.all(t, t.alive or t.stops == 1)`, 1, 24, "write || for or"},
		{`threads.all(t t.stops == 1)`, 1, 15, "t is not expected here"},
		{`threads.all(t, t.stops == 1`, 1, 28, ") is missing at the end"},
		{`threads.size() ==`, 1, 18, "the expression ends too early"},
		{`"abc`, 1, 1, "the text that begins here has no end"},
		{`threads.size()`, 1, 1, "an expectation is true or false; this is a number"},
		{`module("x").loaded_ns`, 1, 1, "an expectation is true or false; this is a number that may be null"},
		{`threads`, 1, 1, "an expectation is true or false; this is a list"},
		{`null`, 1, 1, "this is null"},
		{`foo(1)`, 1, 4, "there is no function foo"},
		{`threads.al(t, t.stops == 1)`, 1, 11, "there is no function al; did you mean all?"},
		{`threads.all(t)`, 1, 12, "all is not called like this; write LIST.all(x, x.FIELD == VALUE)"},
		{`printed()`, 1, 8, "printed needs something in its parentheses; write printed(text)"},
		{`printed(3)`, 1, 8, "printed does not take a number; write printed(text)"},
		{`order("a")`, 1, 6, "order takes times, not text; write order(time, time, …)"},
		{`threads.exists(t, t.of(3))`, 1, 23, "of does not take a thread and a number; write x.of(module)"},
		{`errno.ENOMEN == 3`, 1, 1, "the kernel has no error number ENOMEN; did you mean errno.ENOMEM?"},
		{`verdict.class == pass`, 1, 18, `there is no pass here; if it is text, write "pass"`},
		{`kernel < version("6")`, 1, 17, `"6" is no version; write two numbers, such as "6.1"`},
		{`kernel < "6.1"`, 1, 8, "< cannot be used between a version and text"},
		{`threads.all(t, t.name.matches("("))`, 1, 30, "the pattern is wrong: missing closing )"},
		{`printed_like("[")`, 1, 13, "the pattern is wrong: missing closing ]"},
		{`Thread{name: "x"} == threads[0]`, 1, 7, "an expectation looks at a result and makes no Thread"},
		{``, 1, 1, "the expectation is empty"},
		{" \n ", 1, 1, "the expectation is empty"},
		{"\xff", 1, 1, "not UTF-8"},
		{strings.Repeat("true && ", 600) + "true", 1, 1, "has 4804 bytes; 4096 are allowed"},
		{strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300), 1, 0, "nested too deep"},
		{strings.Repeat("[", 300) + strings.Repeat("]", 300) + " == []", 1, 0, "nested too deep"},
		{"\x1b[2Jx == 1", 1, 1, ""},
	} {
		_, err := Compile(c.text)
		var s *Slip
		if !errors.As(err, &s) {
			t.Errorf("%.60q: %v, want a slip", c.text, err)
			continue
		}
		if c.column > 0 && (s.Line != c.line || s.Column != c.column) || !strings.Contains(s.Message, c.says) {
			t.Errorf("%.60q: %s\nwant %d:%d: …%s…", c.text, s, c.line, c.column, c.says)
		}
		if strings.ContainsAny(s.String(), "\x1b\r") || len(s.String()) > 900 {
			t.Errorf("%.60q: the slip is not fit for a terminal: %q", c.text, s)
		}
	}
}

// TestCaret shows where the slip is, in a long line as well.
func TestCaret(t *testing.T) {
	_, err := Compile("true &&\n\tthreads.all(t, t.stopps == 1)")
	var s *Slip
	if !errors.As(err, &s) {
		t.Fatal(err)
	}
	want := "2:18: a thread has no field stopps; did you mean stops?\n" +
		"        threads.all(t, t.stopps == 1)\n" +
		"                        ^"
	if s.String() != want {
		t.Errorf("said\n%s\nwant\n%s", s, want)
	}
	many := strings.Repeat("true && ", 100)
	_, err = Compile(many + "verdict.clas == 'pass' && " + many + "true")
	if !errors.As(err, &s) {
		t.Fatal(err)
	}
	lines := strings.Split(s.String(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "    …") || !strings.HasSuffix(lines[1], "…") {
		t.Fatalf("a long line is shown as\n%s", s)
	}
	if at := strings.Index(lines[2], "^"); []rune(lines[1])[at] != '.' {
		t.Errorf("the caret is not below the dot:\n%s", s)
	}
}
