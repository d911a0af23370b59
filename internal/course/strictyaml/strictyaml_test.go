// SPDX-License-Identifier: MIT

package strictyaml

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/labfile"
)

type whole struct {
	Title string            `yaml:"title"`
	Words []string          `yaml:"words"`
	One   []string          `yaml:"check,one"`
	Parts []part            `yaml:"parts,named"`
	List  []part            `yaml:"list"`
	Env   map[string]string `yaml:"env"`
	On    bool              `yaml:"on"`
	Count int               `yaml:"count"`
	Part  *part             `yaml:"part"`
	Time  labfile.Duration  `yaml:"time"`
	Other string            `yaml:"-"`
}

type part struct {
	Name string `yaml:"-"`
	Text string `yaml:"text"`
	N    int    `yaml:"n"`
}

const sample = `# a comment
title: A title
words: [a, "b c", 3]
check: x == 1
parts:
  first: {text: hello, n: 2}
  second:
  3rd:
    n: 0
list:
  - text: |
      two
      lines
    n: 1
env: {A: "1", B: true}
on: true
count: -7
part: {n: 9}
time: 1m30s
`

var sampleValue = whole{
	Title: "A title", Words: []string{"a", "b c", "3"}, One: []string{"x == 1"},
	Parts: []part{{"first", "hello", 2}, {Name: "second"}, {Name: "3rd"}},
	List:  []part{{Text: "two\nlines\n", N: 1}}, Env: map[string]string{"A": "1", "B": "true"},
	On: true, Count: -7, Part: &part{N: 9}, Time: labfile.Duration(90 * time.Second),
}

func TestDecode(t *testing.T) {
	for name, text := range map[string]string{"Unix": sample, "Windows": strings.ReplaceAll(sample, "\n", "\r\n")} {
		var w whole
		if _, problems := Decode([]byte(text), &w); len(problems) > 0 {
			t.Fatalf("%s: %v", name, problems)
		}
		if diff := cmp.Diff(sampleValue, w); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestEncode: what is written is read as the same.
func TestEncode(t *testing.T) {
	odd := sampleValue
	odd.Title = "no: 'x' # \"y\" {"
	odd.Words = []string{"", " a", "true", "~", "1", "- x", "a: b", "!x", "&x", "*x", "\ttab", "é\u2028"}
	odd.One = []string{"one", "two\n  lines\n"}
	odd.Env = map[string]string{"A:": "null", "B C": "\n", "D": "trailing \n\n"}
	for _, w := range []whole{{}, sampleValue, odd} {
		text, err := Encode(w)
		if err != nil {
			t.Fatal(err)
		}
		var again whole
		if _, problems := Decode(text, &again); len(problems) > 0 {
			t.Errorf("%v\n%s", problems, text)
			continue
		}
		if diff := cmp.Diff(w, again); diff != "" {
			t.Errorf("(-want +got):\n%s\n%s", diff, text)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"tittle: x\nword: [y]\nzzz: 1\n", []string{
			`1:1 unknown field "tittle": did you mean title?`, `2:1 unknown field "word": did you mean words?`,
			`3:1 unknown field "zzz": known here are title, words, check, parts, list, env, on, count, part, time`}},
		{"title: [a]\nwords: b\ncount: x\non: maybe\nparts: 3\n", []string{
			"1:8 title: a text is needed here, not a list",
			`2:8 words: a list is needed here ([a, b], or lines that begin with -), not "b"`,
			`3:8 count: a whole number is needed here, not "x"`, `4:5 on: write true or false, not "maybe"`,
			`5:8 parts: fields with a name each are needed here (name: value), not 3`}},
		{"parts:\n  a: {txt: x}\n  b:\n    n: 1.5\n", []string{
			`2:7 unknown field "txt": did you mean text?`, "4:8 n: a whole number is needed here, not 1.5"}},
		{"list: [{text: {}}, x]\n", []string{"1:15 text: a text is needed here, not fields",
			`1:20 list: fields with a name each are needed here (name: value), not "x"`}},
		{"title:\nenv: {A: }\nwords: [~]\n", []string{
			"1:1 title has no value", "2:9 A has no value", "3:9 words has no value"}},
		{"count: 99999999999\n", []string{"1:8 count: 99999999999 is no number that can stand here"}},
		{"time: 5\n", []string{`1:7 time: "5" is no time: write 500ms, 10s or 2m`}},
		{"title: &a x\nwords: *a\nenv: !!map {}\n", []string{"1:8 an anchor (&) is not read here: write the value out",
			"2:8 an alias (*) is not read here: write the value out, or put it in quotes",
			"3:6 a tag (!) is not read here: put a text that begins with ! in quotes"}},
		{"<<: {title: x}\n", []string{"1:1 a name must be a plain word here"}},
		{"? [a]\n: b\n", []string{"2:1 found an invalid key for this map"}},
		{"title: x\ntitle: y\n", []string{`2:1 mapping key "title" already defined at [1:1]`}},
		{"a: [\n", []string{`1:4 sequence end token ']' not found`}},
		{"title: x\n---\ntitle: y\n", []string{"2:1 a second document begins here: the file has one"}},
		{"- a\n", []string{"1:1 the file: fields with a name each are needed here (name: value), not a list"}},
		{strings.Repeat("[", 100), []string{"1:1 line 1 is nested too deeply"}},
		{strings.Repeat("#", labfile.MaxSize+1), []string{"1:1 the file is larger than 64 KiB"}},
	} {
		var w whole
		_, problems := Decode([]byte(c.text), &w)
		var got []string
		for _, p := range problems {
			got = append(got, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Text))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%.60q (-want +got):\n%s", c.text, diff)
		}
	}
}

// TestWithin looks for the letter X, which each text has once, at the place that the decoded text gives.
func TestWithin(t *testing.T) {
	for _, text := range []string{
		"title: abc X\n",
		"title:   'it''s X'\n",
		"title: \"tab\\t\\u00e9\\x41\\\"X\"\n",
		"title: \"a\\nb X\"\n",
		"title: \"a\n\n    b\\\n   c X\"\n",
		"title: 'a\n  b X'\n",
		"title: a\n  b\n\n  c X\n",
		"title: |\n  one\n  two X\n",
		"title: |-\n\n  one\n\n    deep\n  two X\n",
		"title: >\n  one\n  two X\n",
		"title: >-\n  one\n    deep X\n",
		"title: ééé X\n",
		"title: | # why\n    é\n    éX\n",
		"{title: a X}\n",
		"title: X\n",
		"title:\n  a X\n",
		"# é\n\ntitle: |\n  X\n",
	} {
		var w whole
		d, problems := Decode([]byte(text), &w)
		if len(problems) > 0 {
			t.Errorf("%q: %v", text, problems)
			continue
		}
		line, column := where(w.Title)
		wantLine, wantColumn := where(text)
		if gotLine, gotColumn := d.Within(line, column, "title"); gotLine != wantLine || gotColumn != wantColumn {
			t.Errorf("%q: %d:%d of the value is at %d:%d, want %d:%d", text, line, column, gotLine, gotColumn,
				wantLine, wantColumn)
		}
	}
}

func where(text string) (line, column int) {
	before, _, _ := strings.Cut(text, "X")
	last := before[strings.LastIndex(before, "\n")+1:]
	return strings.Count(before, "\n") + 1, len([]rune(last)) + 1
}

func TestPlace(t *testing.T) {
	var w whole
	d, _ := Decode([]byte(sample), &w)
	for _, c := range []struct {
		line, column int
		path         []any
	}{
		{2, 1, []any{"title"}}, {3, 9, []any{"words", 0}}, {3, 12, []any{"words", 1}}, {6, 3, []any{"parts", 0}},
		{6, 24, []any{"parts", 0, "n"}}, {9, 5, []any{"parts", 2, "n"}}, {11, 5, []any{"list", 0}},
		{11, 5, []any{"list", 0, "missing"}}, {15, 15, []any{"env", "B"}}, {2, 1, []any{"missing"}},
	} {
		if line, column := d.Place(c.path...); line != c.line || column != c.column {
			t.Errorf("%v is at %d:%d, want %d:%d", c.path, line, column, c.line, c.column)
		}
	}
}

// FuzzEncode: any text that can be in a file is read as it was written.
func FuzzEncode(f *testing.F) {
	f.Add("two\n  lines\n", "A: b")
	f.Add("\ttab", "\n")
	f.Add("\x00\x7f\u2028", "é")
	f.Fuzz(func(t *testing.T, title, word string) {
		if !utf8.ValidString(title) || !utf8.ValidString(word) || len(title)+len(word) > 1000 {
			return
		}
		w := whole{Title: title, Words: []string{word, title}, One: []string{word}, Env: map[string]string{"A": title}}
		text, err := Encode(w)
		if err != nil {
			t.Fatal(err)
		}
		var again whole
		if _, problems := Decode(text, &again); len(problems) > 0 || !cmp.Equal(w, again) {
			t.Fatalf("%v\n%s\n%s", problems, text, cmp.Diff(w, again))
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(sample)
	f.Add("title: \"a\n\n    b\\\n   c X\"\n")
	f.Add("parts: {a: {text: >-\n x}}")
	f.Fuzz(func(t *testing.T, text string) {
		var w whole
		d, problems := Decode([]byte(text), &w)
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Text == "" {
				t.Fatalf("problem %+v", p)
			}
		}
		for line := range 4 {
			for column := range 4 {
				if l, c := d.Within(line, column*7, "title"); l < 1 || c < 1 {
					t.Fatalf("place %d:%d", l, c)
				}
			}
		}
	})
}
