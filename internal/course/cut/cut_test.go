// SPDX-License-Identifier: MIT

package cut

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const loop = `int before;
//! nobody reads this
static int loop(void *unused)
{
	//> TODO 1: loop until kthread_stop() is called.
	//>2 kthread_should_stop() tells that.
	//>
	//>3 Sleep in between.
	while (!kthread_should_stop())
		msleep(10);
	//- msleep(1);
	//-
	//-	/* deeper */
	//=3
	return 0;
	//- return 1;
	//<
}
`

// TestCut has each level of one source.
func TestCut(t *testing.T) {
	for _, c := range []struct{ name, file, source, solution, one, two, three string }{
		{"C", "a.c", loop,
			"int before;\nstatic int loop(void *unused)\n{\n" +
				"\twhile (!kthread_should_stop())\n\t\tmsleep(10);\n\treturn 0;\n}\n",
			"int before;\nstatic int loop(void *unused)\n{\n" +
				"\t/*\n\t * TODO 1: loop until kthread_stop() is called.\n\t *\n\t */\n" +
				"\tmsleep(1);\n\n\t\t/* deeper */\n\treturn 1;\n}\n",
			"int before;\nstatic int loop(void *unused)\n{\n" +
				"\t/*\n\t * TODO 1: loop until kthread_stop() is called.\n\t * kthread_should_stop() tells that.\n\t *\n" +
				"\t */\n\tmsleep(1);\n\n\t\t/* deeper */\n\treturn 1;\n}\n",
			"int before;\nstatic int loop(void *unused)\n{\n" +
				"\t/*\n\t * TODO 1: loop until kthread_stop() is called.\n\t * kthread_should_stop() tells that.\n\t *\n" +
				"\t * Sleep in between.\n\t */\n\tmsleep(1);\n\n\t\t/* deeper */\n\treturn 0;\n}\n"},
		{"all is given", "a.h", "//> TODO: x\n//=2\nint x;\n//<\n", "int x;\n", "/* TODO: x */\n", "int x;\n", "int x;\n"},
		{"a part is given", "a.c", "//> TODO\na\n//=2\nb\n//=\nc\n//- d\n//<\ne", "a\nb\nc\ne",
			"/* TODO */\nd\ne", "/* TODO */\nb\nd\ne", "/* TODO */\nb\nd\ne"},
		{"Kbuild", "Kbuild", "# SPDX\n#> TODO: name the module\n#>2 obj-m does\nobj-m += a.o\n#- # obj-m\n#<\n",
			"# SPDX\nobj-m += a.o\n", "# SPDX\n# TODO: name the module\n# obj-m\n",
			"# SPDX\n# TODO: name the module\n# obj-m does\n# obj-m\n",
			"# SPDX\n# TODO: name the module\n# obj-m does\n# obj-m\n"},
		{"a script", "t/a.sh", "#!/bin/sh\n#----\n#! note\n#> TODO x\necho\n#<\n", "#!/bin/sh\n#----\necho\n",
			"#!/bin/sh\n#----\n# TODO x\n", "#!/bin/sh\n#----\n# TODO x\n", "#!/bin/sh\n#----\n# TODO x\n"},
		{"a script's interpreter after a blank", "a.sh", "#! /bin/sh\n:\n", "#! /bin/sh\n:\n", "#! /bin/sh\n:\n",
			"#! /bin/sh\n:\n", "#! /bin/sh\n:\n"},
		{"Markdown", "README.md", "# a\n<!-- lecturer -->\nsecret\n<!-- /lecturer -->\n<!-- a comment -->\nb\n",
			"# a\nsecret\n<!-- a comment -->\nb\n", "# a\n<!-- a comment -->\nb\n", "# a\n<!-- a comment -->\nb\n",
			"# a\n<!-- a comment -->\nb\n"},
		{"strings and comments", "a.c", "char *s = \"/*\"; char c = '\"'; // /*\n/* \" */\n//> TODO\nx; /* a\nb */\n//<\n",
			"char *s = \"/*\"; char c = '\"'; // /*\n/* \" */\nx; /* a\nb */\n",
			"char *s = \"/*\"; char c = '\"'; // /*\n/* \" */\n/* TODO */\n",
			"char *s = \"/*\"; char c = '\"'; // /*\n/* \" */\n/* TODO */\n",
			"char *s = \"/*\"; char c = '\"'; // /*\n/* \" */\n/* TODO */\n"},
		{"a string of two lines", "a.c", "s = \"a\\\nb \\\" /*\";\n//! note\nx\n", "s = \"a\\\nb \\\" /*\";\nx\n",
			"s = \"a\\\nb \\\" /*\";\nx\n", "s = \"a\\\nb \\\" /*\";\nx\n", "s = \"a\\\nb \\\" /*\";\nx\n"},
		{"rules that are no markers", "a.c", "//----\n//====\n//!\nx", "//----\n//====\nx", "//----\n//====\nx",
			"//----\n//====\nx", "//----\n//====\nx"},
		{"no kind that has markers", "a.txt", "//> TODO\r\n\x00", "//> TODO\r\n\x00", "//> TODO\r\n\x00",
			"//> TODO\r\n\x00", "//> TODO\r\n\x00"},
		{"empty", "a.c", "", "", "", "", ""},
	} {
		f, problems := Parse(c.file, []byte(c.source))
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.name, problems)
			continue
		}
		got := []string{string(f.Solution())}
		for level := MinLevel; level <= MaxLevel; level++ {
			got = append(got, string(f.Starter(level)))
		}
		if diff := cmp.Diff([]string{c.solution, c.one, c.two, c.three}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestProblems has what people get wrong, each with all that is said.
func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name, file, source string
		want               []string
	}{
		{"nobody ends it", "a.c", "a\n//> TODO\nx\n", []string{"2: nobody ends this block: put //< after its last line"}},
		{"nested", "a.c", "//> TODO 1\nx\n//> TODO 2\ny\n//<\n",
			[]string{"3: a block begins inside the one of line 1: end that with //< first"}},
		{"no block", "a.c", "//<\n//- x\n//=\n", []string{"1: the marker //< is outside of a block: a block begins with //> TODO",
			"2: the marker //- is outside of a block: a block begins with //> TODO",
			"3: the marker //= is outside of a block: a block begins with //> TODO"}},
		{"no TODO", "a.c", "//> start it\nx\n//<\n//>2 TODO\nx\n//<\n", []string{
			"1: a block begins with //> TODO and the task", "4: a block begins with //> TODO and the task"}},
		{"level", "a.c", "//> TODO\n//>4 x\n//=0\nx\n//-2 y\n//<2\n//<", []string{"2: //>4: the levels of help are 1 to 3",
			"3: //=0: the levels of help are 1 to 3", "5: no number follows //-: it is the same at every level of help",
			"6: no number follows //<: it is the same at every level of help"}},
		{"no blank", "a.c", "//>TODO\n//> TODO\nx\n//-return 0;\n//=x\n//-----\n//<\n", []string{
			"1: put a blank after //>", "4: put a blank after //-", "5: put a blank after //=",
			`6: "//-----" is no marker, and looks like one`}},
		{"empty", "a.c", "//> TODO\n//<\n", []string{"1: the block has no line of the solution"}},
		{"order", "a.c", "//> TODO\nx\n//- y\nz\n//<\n", []string{
			"4: a line of the solution follows what stands in for the lines before: put //= between them"}},
		{"nothing to stand in for", "a.c", "//> TODO\n//- y\n//=\nz\n//<\n", []string{
			"2: //- stands in for the lines before it, and there are none"}},
		{"text after it", "a.c", "//> TODO\nx\n//= y\nz\n//< end\n", []string{
			"3: nothing follows //= on its line", "5: nothing follows //< on its line"}},
		{"comment", "a.c", "/*\n//> TODO\n*/\n", []string{"2: the marker //> is inside a comment: end the comment before it"}},
		{"comment in a block", "a.c", "//> TODO\n/* a\n//<\n*/\n//<\n", []string{
			"3: the marker //< is inside a comment: end the comment before it"}},
		{"string", "a.c", "s = \"a\\\n//> TODO\\\n\";\n", []string{
			"2: the marker //> is inside a line that a backslash continues: put it before or after"}},
		{"macro", "a.c", "#define A \\\n\t//> TODO\n\tx\n", []string{
			"2: the marker //> is inside a line that a backslash continues: put it before or after"}},
		{"backslash", "a.c", "//> TODO \\\nx\n", []string{
			"1: the marker //> ends in a backslash, which makes the next line a comment, too"}},
		{"comment in the text", "a.c", "//> TODO */ x /*\nx\n//<\n", []string{
			"1: the text becomes a comment: it cannot have /* or */ in it"}},
		{"CRLF", "a.c", "//> TODO\r\nx\n//<\n", []string{
			"1: the line ends in CR LF: save the file with the line ends of Unix"}},
		{"a marker stands in", "a.c", "//> TODO\nx\n//- //> TODO\n//<\n", []string{"3: a marker cannot be what stands in"}},
		{"binary", "a.c", "\x00", []string{"1: this is not text: it has a NUL byte"}},
		{"lecturer", "README.md", "<!-- lecturer -->\n<!-- lecturer -->\n<!-- /lecturer -->\n<!-- /lecturer -->\n" +
			"x <!-- lecturer -->\n<!--LECTURER-->\n", []string{
			"2: a lecturer's part begins inside the one of line 1: end that with <!-- /lecturer --> first",
			"4: no lecturer's part is open here: it begins with <!-- lecturer -->",
			"5: a marker is alone on its line: <!-- lecturer --> or <!-- /lecturer -->",
			"6: nobody ends this block: put <!-- /lecturer --> after its last line"}},
	} {
		_, problems := Parse(c.file, []byte(c.source))
		var got []string
		for _, p := range problems {
			got = append(got, fmt.Sprintf("%d: %s", p.Line, p.Text))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestHidden builds sources at random. Each line says in its text to whom it may go.
func TestHidden(t *testing.T) {
	for seed := range 500 {
		source := random(seed)
		f, problems := Parse("a.c", []byte(source))
		if len(problems) > 0 {
			t.Fatalf("%v in\n%s", problems, source)
		}
		checkSolution(t, source, string(f.Solution()))
		for _, step := range f.Help() {
			for _, m := range regexp.MustCompile(`from(\d)`).FindAllStringSubmatch(fmt.Sprint(step.Text, step.Lines), -1) {
				if from := int(m[1][0] - '0'); from != step.Level {
					t.Fatalf("the help of level %d has %q of\n%s", step.Level, m[0], source)
				}
			}
		}
		for level := MinLevel; level <= MaxLevel; level++ {
			starter := string(f.Starter(level))
			for _, m := range regexp.MustCompile(`from(\d)`).FindAllStringSubmatch(starter, -1) {
				if from := int(m[1][0] - '0'); from > level {
					t.Fatalf("level %d has a line %q:\n%s\nof\n%s", level, m[0], starter, source)
				}
			}
			checkStarter(t, source, starter)
			if again, problems := Parse("a.c", []byte(starter)); len(problems) > 0 || again.Marked() {
				t.Fatalf("the starter has markers: %v\n%s", problems, starter)
			}
		}
	}
}

// random writes a source. A small generator of its own makes the same text from the same seed for ever.
func random(seed int) string {
	n := uint32(seed)*2654435761 + 1
	below := func(most uint32) uint32 { n = n*1664525 + 1013904223; return n >> 16 % most }
	var b strings.Builder
	for range below(5) {
		for range below(3) {
			fmt.Fprintf(&b, "\tplain%d();\n", below(9))
		}
		fmt.Fprintf(&b, "\t//> TODO %d: from1\n", below(9))
		for range below(3) {
			level := below(3) + 1
			fmt.Fprintf(&b, "\t//>%d text from%d\n", level, level)
		}
		for i := range below(3) + 1 {
			level := "9"
			if i > 0 || below(2) == 0 {
				level = fmt.Sprint(below(3) + 1)
				fmt.Fprintf(&b, "\t//=%s\n", level)
			}
			fmt.Fprintf(&b, "\tsolution%d(); /* from%s */\n", below(9), level)
			for range below(2) {
				b.WriteString("\t//- instead();\n")
			}
		}
		b.WriteString("\t//! from9\n\t//<\n")
	}
	return b.String()
}

var markerLine = regexp.MustCompile(`^[ \t]*//[-<>=!][0-9]*([ \t]|$)`)

// checkSolution holds the solution to the source without its marker lines.
func checkSolution(t *testing.T, source, solution string) {
	t.Helper()
	var want strings.Builder
	for line := range strings.Lines(source) {
		if !markerLine.MatchString(strings.TrimSuffix(line, "\n")) {
			want.WriteString(line)
		}
	}
	if diff := cmp.Diff(want.String(), solution); diff != "" {
		t.Fatalf("the solution is not the source without its marker lines (-want +got):\n%s", diff)
	}
}

// checkStarter wants each line of the starter in the source, be it in a marker.
func checkStarter(t *testing.T, source, starter string) {
	t.Helper()
	lines := strings.Split(source, "\n")
	for line := range strings.Lines(starter) {
		text := strings.TrimSpace(line)
		text = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "/*"), "* "), "*/"))
		if text == "" || text == "*" {
			continue
		}
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, text) }) {
			t.Fatalf("the starter has a line that the source lacks: %q\n%s", line, source)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a.c", loop)
	for seed := range 5 {
		f.Add("a.c", random(seed))
	}
	f.Add("Kbuild", "#> TODO\nx\n#<\n")
	f.Add("README.md", "<!-- lecturer -->\nx\n<!-- /lecturer -->\n")
	f.Add("a.c", "s = \"a\\\n/*\";\n//> TODO\n'\\''\n//- \"\n//<\n")
	f.Fuzz(func(t *testing.T, name, source string) {
		file, problems := Parse(name, []byte(source))
		for _, p := range problems {
			if p.Line < 1 || p.Line > strings.Count(source, "\n")+1 || strings.Contains(p.Text, "\n") {
				t.Fatalf("problem %+v", p)
			}
		}
		if len(problems) > 0 {
			return
		}
		solution := file.Solution()
		again, problems := Parse(name, solution)
		if len(problems) > 0 || again.Marked() {
			t.Fatalf("the solution of %q still has markers: %v\n%q", source, problems, solution)
		}
		if !file.Marked() && string(solution) != source {
			t.Fatalf("without a marker, %q became %q", source, solution)
		}
		if syntaxOf(name) == cSyntax {
			checkSolution(t, source, string(solution))
		}
		for level := MinLevel; level <= MaxLevel; level++ {
			file.Starter(level)
		}
	})
}
