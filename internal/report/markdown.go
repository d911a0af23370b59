// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// maxMarkdown bounds the rows of the table; whoever wants more is better served by another format.
const maxMarkdown = 2000

// Markdown writes the story for notes and issues: the verdict, the story as a table, the kernel's report. Text from the
// guest goes into code spans and code blocks, where it cannot be markup.
func Markdown(w io.Writer, r *result.Result) error {
	buf := bufio.NewWriter(plain.Guard(w))
	v := &r.Verdict
	fmt.Fprintf(buf, "**%s**: %s\n", code(string(v.Class)), code(v.Message))
	if v.Hint != "" {
		fmt.Fprintf(buf, "\nHint: %s\n", code(v.Hint))
	}
	for _, a := range v.Also {
		fmt.Fprintf(buf, "\nAlso **%s**: %s\n", code(string(a.Class)), code(a.Message))
	}
	if m := &r.Machine; m.Kernel != "" {
		fmt.Fprintf(buf, "\nLinux %s (%s), %s\n", code(m.Kernel), code(m.Name), code(strings.TrimSpace(m.Accel+" "+m.QEMU)))
	}
	rows := story(r, false)
	if len(rows) > 0 {
		fmt.Fprint(buf, "\n| time | who | what | how it went |\n|---:|---|---|---|\n")
	}
	for i, row := range rows {
		if i == maxMarkdown {
			fmt.Fprintf(buf, "\nThe other formats have %d more rows.\n", len(rows)-i)
			break
		}
		when := ""
		if row.timed {
			when = moment(row.at)
		}
		fmt.Fprintf(buf, "| %s | %s | %s | %s |\n", when, cell(row.who), cell(row.what), cell(row.how))
	}
	markdownTests(buf, r.Tests)
	markdownExpectations(buf, r.Expectations)
	for i := range r.Crashes {
		fmt.Fprintf(buf, "\nThe kernel said: %s\n\n", code(r.Crashes[i].Title))
		block(buf, r.Crashes[i].Log)
	}
	warningsBlock(buf, r.Warnings)
	if r.Dropped.Total > 0 {
		fmt.Fprintf(buf, "\n%s\n", plural(r.Dropped.Total, "trace record was lost.", "trace records were lost."))
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write Markdown report: %w", err)
	}
	return nil
}

// markdownTests writes a table of the tests, and below it what of each that failed a person wants to see first.
func markdownTests(buf io.Writer, list []result.Test) {
	if len(list) == 0 {
		return
	}
	fmt.Fprint(buf, "\n| test | outcome | took | why |\n|---|---|---:|---|\n")
	for i := range list[:min(len(list), maxMarkdown)] {
		t, took := &list[i], ""
		if t.Outcome != result.TestNotRun {
			took = span(int64(t.MS * 1e6))
		}
		fmt.Fprintf(buf, "| %s | %s | %s | %s |\n", cell(cut(t.Name)), cell(outcomeWords[t.Outcome]), cell(took),
			cell(cut(t.Reason)))
	}
	for i := range list[:min(len(list), maxMarkdown)] {
		t := &list[i]
		if t.Outcome != result.TestFail {
			continue
		}
		fmt.Fprintf(buf, "\n%s failed:\n", code(cmp.Or(strings.TrimSpace(cut(t.Name)), "a test")))
		failed := failedSubtests(t.Subtests, "")
		for _, f := range failed[:min(len(failed), testSubtests)] {
			fmt.Fprintf(buf, "\nNot ok: %s\n", code(cut(f.name)))
		}
		if lines := strings.Split(strings.TrimRight(t.Output, "\n"), "\n"); t.Output != "" {
			fmt.Fprintln(buf)
			block(buf, lines[max(0, len(lines)-testLines):])
		}
	}
}

// code makes a code span of a text, with a fence longer than any in it.
func code(s string) string {
	s = strings.Join(strings.Fields(clean(unglue(s))), " ")
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s)+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// cell is a code span in a table, where a bar would end the cell even so.
func cell(s string) string { return strings.ReplaceAll(code(s), "|", `\|`) }

// block writes lines as a code block. They are indented, so that none looks like one of ours in the log of a CI server
// that prints the file.
func block(w io.Writer, lines []string) {
	fence := "```"
	for _, line := range lines {
		if n := longestRun(line); n >= len(fence) {
			fence = strings.Repeat("`", n+1)
		}
	}
	fmt.Fprintf(w, "%stext\n", fence)
	for _, line := range lines {
		fmt.Fprintln(w, strings.TrimRight("  "+clean(line), " "))
	}
	fmt.Fprintln(w, fence)
}

// longestRun is the length of the longest run of backquotes.
func longestRun(s string) int {
	most, n := 0, 0
	for i := range len(s) {
		if n++; s[i] != '`' {
			n = 0
		}
		most = max(most, n)
	}
	return most
}
