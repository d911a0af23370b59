// SPDX-License-Identifier: MIT

package labfile

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const whole = `# what a run does
load: [hw]
params:
  - hw.count=3
packages: [strace]
files: [data.txt, "conf/a:/etc/a"]
artifacts: ["out/*.log"]
nic: true
expect: threads.all(t, t.stops == 1)
tests:
  - run: tests/test_hw.c -v 'two words'
    env: {A: "1"}
    user: nobody
    timeout: 1m30s
  - run: tests/look.sh
`

func TestParse(t *testing.T) {
	f, err := Parse([]byte(whole), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Load: []string{"hw"}, Params: []string{"hw.count=3"}, Packages: []string{"strace"},
		Files: []string{"data.txt", "conf/a:/etc/a"}, Artifacts: []string{"out/*.log"}, NIC: true,
		Expect: []string{"threads.all(t, t.stops == 1)"},
		Tests: []Test{
			{Run: "tests/test_hw.c -v 'two words'", Env: map[string]string{"A": "1"}, User: "nobody",
				Timeout: Duration(90 * time.Second)},
			{Run: "tests/look.sh"},
		},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("read %+v; want %+v", f, want)
	}
	if f, err := Parse(nil, nil); err != nil || !reflect.DeepEqual(f, new(File)) {
		t.Errorf("an empty file: %+v, %v", f, err)
	}
}

// TestParseRefuses has what people write wrong, and what they must not reach.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"test: [x]\n":                                      "unknown field",
		"tests:\n  - prog: x\n":                            "unknown field",
		"tests:\n  - {}\n":                                 "test 1 has no program",
		"tests:\n  - run: x\n    timeout: 5\n":             "is no time",
		"tests:\n  - run: x\n    timeout: -1s":             "is no time",
		"tests: yes\n":                                     "kmodlab.yaml",
		"load: {a: b}\n":                                   "kmodlab.yaml",
		"a: [\n":                                           "kmodlab.yaml",
		"files: [/etc/shadow]\n":                           "not below its folder",
		"files: [../x]\n":                                  "not below its folder",
		"files: [a/../../x]\n":                             "not below its folder",
		"files: [\"\"]\n":                                  "not below its folder",
		"load: [a]\nload: [b]\n":                           "already defined",
		strings.Repeat("#", MaxSize+1):                     "larger than",
		"expect: {a: b}\n":                                 "kmodlab.yaml:1:",
		"expect: true\n":                                   "an expectation is a text",
		"expect: [a, [b]]\n":                               "kmodlab.yaml:1:13: an expectation is a text",
		"expect:\n  - !clean()\n":                          "kmodlab.yaml:2:5: an expectation is a text",
		"load: &a [x]\nexpect: [*a]\n":                     "an expectation is a text",
		"expect: a\nexpect: b\n":                           "already defined",
		"expect:\n" + strings.Repeat("- x\n", maxExpect+1): "more than",
		"artifacts:\n" + strings.Repeat("- x\n", maxArtifacts+1): "more than",
		"tests:\n" + strings.Repeat("- run: x\n", maxTests+1):    "more than",
	} {
		if f, err := Parse([]byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %+v, %v; want an error with %q", text, f, err, want)
		}
	}
}

// TestExpect: an expectation is written in several ways, and what is wrong in it is said at its place in the file.
// check finds an X.
func TestExpect(t *testing.T) {
	check := func(text string) *Slip {
		before, _, found := strings.Cut(text, "X")
		if !found {
			return nil
		}
		lines := strings.Split(before, "\n")
		return &Slip{len(lines), utf8.RuneCountInString(lines[len(lines)-1]) + 1, "an X"}
	}
	for text, want := range map[string]string{
		"expect: a == 1\n":                                    "a == 1",
		"expect: [a, 'b', \"c\"]\n":                           "a|b|c",
		"expect:\n  - a && b\n  - 'size(\"x\") == 1'\n":       "a && b|size(\"x\") == 1",
		"expect: |\n  a &&\n    b\n":                          "a &&\n  b",
		"expect: >-\n  a &&\n  b\n":                           "a && b",
		"expect: []\n":                                        "",
		"expect:\n":                                           "",
		"expect: '  a X'\n":                                   "kmodlab.yaml:1:14: an X",
		"load: [a]\nexpect: a == X\n":                         "kmodlab.yaml:2:14: an X",
		"expect:\n  - a\n  - 'é == X'\n":                      "kmodlab.yaml:3:11: an X",
		"expect: [a, \"é\\tX\"]\n":                            "kmodlab.yaml:1:17: an X",
		"expect:\n  - |\n    a &&\n      X\n  - X\n":          "kmodlab.yaml:4:7: an X",
		"expect:\r\n  - >-\r\n    a\r\n    bb X\r\n":          "kmodlab.yaml:4:8: an X",
		"# é\nexpect: |\n  X\nnic: true\n":                    "kmodlab.yaml:3:3: an X",
		"load: [a]\nexpect: X\nnic: [no]\n":                   "kmodlab.yaml: ",
		"nic: true\nexpect:\n- tests.all(t, t.name != \"X\")": "kmodlab.yaml:3:27: an X",
	} {
		f, err := Parse([]byte(text), check)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = strings.Join(f.Expect, "|")
		}
		if got != want && !(strings.HasSuffix(want, ": ") && strings.Contains(got, want)) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestParseBomb: aliases make no file larger than its types allow.
func TestParseBomb(t *testing.T) {
	text := "load: &a [x,x,x,x,x,x,x,x,x,x]\nparams: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\npackages: [*b,*b,*b,*b,*b,*b,*b,*b]\n"
	if f, err := Parse([]byte(text), nil); err == nil {
		t.Errorf("lists in lists of strings: %+v", f)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("expect:\n  - >-\n    a\n    bb X\n  - \"é\\tX\"\n"))
	wrong := func(text string) *Slip {
		return &Slip{Line: 1 + strings.Count(text, "\n"), Column: len(text), Message: "X"}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text, nil)
		if err != nil {
			return
		}
		if _, err := Parse(text, wrong); (err != nil) != (len(file.Expect) > 0) {
			t.Errorf("%d expectations, and all are wrong: %v", len(file.Expect), err)
		}
		for _, word := range file.Files {
			source, _, _ := strings.Cut(word, ":")
			if Below(source) != nil {
				t.Errorf("%q leads out", word)
			}
		}
	})
}

// TestHostileNesting: the parser needs memory that grows with the square of a file's depth. Most of these took seconds,
// or gigabytes.
func TestHostileNesting(t *testing.T) {
	for name, text := range map[string]string{
		"sequences":         strings.Repeat("- ", MaxSize/2),
		"brackets":          "load: " + strings.Repeat("[", MaxSize/2),
		"braces":            strings.Repeat("{a: ", MaxSize/4),
		"brackets in lines": "load:\n" + strings.Repeat(" [\n", 100),
		"pairs":             "load: [" + strings.Repeat("a: ", MaxSize/4) + "]",
		"tags":              strings.Repeat("! ", MaxSize/2),
		"keys":              strings.Repeat("? ", MaxSize/2),
		"indents":           strings.Repeat(" ", maxIndent) + " load: [a]",
		"lines":             "load: [a] # |\n" + strings.Repeat(" \n", MaxSize/4),
	} {
		began := time.Now()
		_, err := Parse([]byte(text), nil)
		if err == nil || !strings.Contains(err.Error(), "nested too deeply") && !strings.Contains(err.Error(), "lines") {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: refused after %v", name, took)
		}
	}
	// What a person may write is not refused.
	f, err := Parse([]byte("# ---------- a file ----------\nload: [a, b]\ntests:\n  - run: \"a.c -x --y 'z: [ { '\"\n"+
		"    env: {A: \"b: c\", D: e}\n    timeout: 24h\n"), nil)
	if err != nil || len(f.Tests) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := Parse([]byte("tests:\n  - run: a\n    timeout: 2562047h\n"), nil); err == nil {
		t.Error("a test may take 292 years")
	}
}
