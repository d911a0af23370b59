// SPDX-License-Identifier: MIT

package tap

import (
	"fmt"
	"strings"
	"testing"
)

// shown is a result in few words: outcome and name, the parts in brackets.
func shown(list []Test) string {
	var words []string
	for _, t := range list {
		w := string(t.Outcome) + " " + t.Name
		if t.Reason != "" {
			w += " (" + t.Reason + ")"
		}
		if len(t.Notes) > 0 {
			w += " {" + strings.Join(t.Notes, "|") + "}"
		}
		if len(t.Tests) > 0 {
			w += " [" + shown(t.Tests) + "]"
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		failed     bool
		flaws      string
	}{
		"TAP": {
			text: "1..3\nok 1 - opens\nnot ok 2 reads\nok\n", want: "pass opens, fail reads, pass ", failed: true,
		},
		"a plan at the end": {text: "TAP version 13\nok 1 a\nok 2 b\n1..2\n", want: "pass a, pass b"},
		"directives": {text: "1..6\nok 1 a # SKIP no device\nnot ok 2 b # TODO later\nok 3 c # XFAIL known\n" +
			"not ok 4 d # TIMEOUT 45 seconds\nok 5 # skipped\nok 6 e # todo\n",
			want: "skip a (no device), xfail b (later), xfail c (known), fail d (TIMEOUT 45 seconds), skip , pass e", failed: true},
		"KTAP": {text: "KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n    KTAP version 1\n    1..1\n" +
			"    # a: at once\n    ok 1 inner\n  ok 1 first\n  # it says why\n  not ok 2 second\nnot ok 1 suite\n",
			want: "fail suite [pass first [pass inner {a: at once}], fail second {it says why}]", failed: true},
		"TAP 14": {text: "TAP version 14\n# Subtest: outer\n    ok 1 in\n    1..1\nok 1 - outer\n  ---\n" +
			"  not ok 7\n  message: ok\n  ...\n1..1\n", want: "pass outer {Subtest: outer} [pass in]"},
		"a part fails": {text: "1..1\n    1..2\n    ok 1 a\n    not ok 2 b\nok 1 c\n", want: "pass c [pass a, fail b]",
			failed: true},
		"a part that is to fail": {text: "1..1\n    1..1\n    not ok 1 a\nnot ok 1 b # TODO\n", want: "xfail b [fail a]"},
		"YAML without an end": {text: "TAP version 13\nok 1 a\n  ---\n  x: y\n\nnot ok 2 b\n1..2\n", want: "pass a, fail b",
			failed: true},
		"kselftest": {text: "TAP version 13\n1..2\n# selftests: lib: a.sh\n# TAP version 13\n# 1..2\n# ok 1 one\n" +
			"# # more\n# not ok 2 two\n# # Totals: pass:1 fail:1\nnot ok 1 selftests: lib: a.sh # exit=1\n" +
			"# selftests: lib: b.sh\nok 2 selftests: lib: b.sh # SKIP\n",
			want: "fail selftests: lib: a.sh # exit=1 {selftests: lib: a.sh} [pass one, fail two {more}], " +
				"skip selftests: lib: b.sh {selftests: lib: b.sh}", failed: true},
		"carriage returns": {text: "1..1\r\nok 1 a\r\n", want: "pass a"},
		"none":             {text: "1..0 # SKIP no root\n"},
		"broken off": {text: "1..2\nok 1 a\n", want: "pass a", failed: true,
			flaws: "planned are 2 tests, and there are 1 results"},
		"broken off inside": {text: "KTAP version 1\n1..1\n    1..2\n    ok 1 a\n    ok 2 b\n", want: "pass a, pass b", failed: true,
			flaws: `there is no result of the test to which "a" belongs; planned are 1 tests, and there are 2 results`},
		"nothing": {text: "TAP version 13\n", failed: true, flaws: "there is no result of a test"},
		"bails": {
			text: "1..1\nok 1 a\nBail out! no /dev/hw\n", want: "pass a", failed: true, flaws: "it bailed out: no /dev/hw",
		},
		"noise": {
			text: "hello\n1..1\nok so far\n# ok so far\nokay 3\n ... \nok 1 a\n",
			want: "pass so far, pass a {ok so far}", failed: true, flaws: "planned are 1 tests, and there are 2 results",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 3, len(c.text)} {
				var r Reader
				for rest := c.text; rest != ""; rest = rest[min(size, len(rest)):] {
					fmt.Fprint(&r, rest[:min(size, len(rest))])
				}
				got := r.Result()
				if got == nil {
					t.Fatal("no tests were seen")
				}
				if shown(got.Tests) != c.want || got.Failed() != c.failed || strings.Join(got.Flaws, "; ") != c.flaws {
					t.Errorf("%s\nwant %s\n%v, %q", shown(got.Tests), c.want, got.Failed(), got.Flaws)
				}
				if skipped := got.Skipped != ""; skipped != (name == "none") {
					t.Errorf("skipped: %q", got.Skipped)
				}
			}
		})
	}
}

// TestNoTests: what a program prints that does not speak of tests is nothing.
func TestNoTests(t *testing.T) {
	for _, text := range []string{"", "ok 1 looks like one\n", "# 1 of 2\n", "1..\n", strings.Repeat("x", 1<<20)} {
		var r Reader
		fmt.Fprint(&r, text)
		if got := r.Result(); got != nil {
			t.Errorf("%.20q: %+v", text, got)
		}
	}
}

// TestBounds: a program that wants to fill memory does not.
func TestBounds(t *testing.T) {
	var r Reader
	fmt.Fprintln(&r, "TAP version 13")
	for i := range 3 * maxTests {
		fmt.Fprintf(&r, "%s# note\n%snot ok %d %s # TODO\n", strings.Repeat(" ", i%40), strings.Repeat(" ", i%40), i,
			strings.Repeat("x", i%100*100))
	}
	got := r.Result()
	if got.More != 2*maxTests || !got.Failed() || len(got.Flaws) > maxFlaws {
		t.Errorf("%d more, %d flaws", got.More, len(got.Flaws))
	}
	var count func(list []Test, depth int) int
	count = func(list []Test, depth int) (n int) {
		for _, x := range list {
			n += 1 + count(x.Tests, depth+1)
			if len(x.Name) > maxLine || len(x.Notes) > maxNotes || depth > maxDepth {
				t.Fatalf("depth %d, %d notes, a name of %d bytes", depth, len(x.Notes), len(x.Name))
			}
		}
		return n
	}
	if n := count(got.Tests, 1); n != maxTests {
		t.Errorf("%d tests are kept", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("KTAP version 1\n1..1\n  1..1\n  ok 1 a # SKIP b\nok 1 c\n")
	f.Add("TAP version 14\n    ok\n  ---\n  x\n  ...\nBail out!\n# # ok 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		var whole, parts Reader
		fmt.Fprint(&whole, text)
		for i := range len(text) {
			fmt.Fprint(&parts, text[i:i+1])
		}
		a, b := whole.Result(), parts.Result()
		if (a == nil) != (b == nil) || a != nil && (shown(a.Tests) != shown(b.Tests) || len(a.Flaws) != len(b.Flaws)) {
			t.Errorf("%+v\n%+v", a, b)
		}
	})
}
