// SPDX-License-Identifier: MIT

package labfile

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

const whole = `# what a run does
load: [hw]
params:
  - hw.count=3
packages: [strace]
files: [data.txt, "conf/a:/etc/a"]
tests:
  - run: tests/test_hw.c -v 'two words'
    env: {A: "1"}
    user: nobody
    timeout: 1m30s
  - run: tests/look.sh
`

func TestParse(t *testing.T) {
	f, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Load: []string{"hw"}, Params: []string{"hw.count=3"}, Packages: []string{"strace"},
		Files: []string{"data.txt", "conf/a:/etc/a"},
		Tests: []Test{
			{Run: "tests/test_hw.c -v 'two words'", Env: map[string]string{"A": "1"}, User: "nobody",
				Timeout: Duration(90 * time.Second)},
			{Run: "tests/look.sh"},
		},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("read %+v; want %+v", f, want)
	}
	if f, err := Parse(nil); err != nil || !reflect.DeepEqual(f, new(File)) {
		t.Errorf("an empty file: %+v, %v", f, err)
	}
}

// TestParseRefuses has what people write wrong, and what they must not reach.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"test: [x]\n":                          "unknown field",
		"tests:\n  - prog: x\n":                "unknown field",
		"tests:\n  - {}\n":                     "test 1 has no program",
		"tests:\n  - run: x\n    timeout: 5\n": "is no time",
		"tests:\n  - run: x\n    timeout: -1s": "is no time",
		"tests: yes\n":                         "kmodlab.yaml",
		"load: {a: b}\n":                       "kmodlab.yaml",
		"a: [\n":                               "kmodlab.yaml",
		"files: [/etc/shadow]\n":               "not below its folder",
		"files: [../x]\n":                      "not below its folder",
		"files: [a/../../x]\n":                 "not below its folder",
		"files: [\"\"]\n":                      "not below its folder",
		"load: [a]\nload: [b]\n":               "already defined",
		strings.Repeat("#", MaxSize+1):         "larger than",
		"tests:\n" + strings.Repeat("- run: x\n", maxTests+1): "more than",
	} {
		if f, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %+v, %v; want an error with %q", text, f, err, want)
		}
	}
}

// TestParseBomb: aliases make no file larger than its types allow.
func TestParseBomb(t *testing.T) {
	text := "load: &a [x,x,x,x,x,x,x,x,x,x]\nparams: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\npackages: [*b,*b,*b,*b,*b,*b,*b,*b]\n"
	if f, err := Parse([]byte(text)); err == nil {
		t.Errorf("lists in lists of strings: %+v", f)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text)
		if err != nil {
			return
		}
		for _, word := range file.Files {
			source, _, _ := strings.Cut(word, ":")
			if Below(source) != nil {
				t.Errorf("%q leads out", word)
			}
		}
	})
}
