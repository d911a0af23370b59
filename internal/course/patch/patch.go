// SPDX-License-Identifier: MIT

// Package patch applies a unified diff, as diff -u and git diff write it, to files in memory. It is strict: each hunk
// fits at its very line, or the patch does not apply, and it is said where and why. It is pure.
package patch

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Problem is what is wrong with a patch.
type Problem struct {
	Line int // of the patch, from 1
	Text string
}

// Apply returns the files that a patch changes, as they are after it. The patch cannot make, remove or rename a file.
// files is left alone.
func Apply(text []byte, files map[string][]byte) (map[string][]byte, []Problem) {
	// gitdiff skips what it does not know. Here nothing may be lost.
	places, problem := scan(text)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	diffs, _, err := gitdiff.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, []Problem{parseProblem(err)}
	}
	if len(diffs) == 0 || len(diffs) != len(places) {
		return nil, []Problem{{1, "this is no unified diff: write it with diff -u or git diff"}}
	}
	changed, problems := map[string][]byte{}, []Problem(nil)
	for i, d := range diffs {
		say := func(format string, args ...any) {
			problems = append(problems, Problem{places[i].header, fmt.Sprintf(format, args...)})
		}
		name := name(d, files)
		source, known := files[name]
		switch {
		case d.IsNew || d.IsDelete || d.IsRename || d.IsCopy || d.IsBinary || d.NewMode != 0:
			say("it makes, removes, renames or replaces a file: a variant changes lines of the solution's files only")
		case !known:
			say("it changes %q, which the solution does not have", name)
		case changed[name] != nil:
			say("it changes %s a second time: put all its hunks under one header", name)
		default:
			data, problem := one(name, source, d, places[i])
			if problem != nil {
				problems = append(problems, *problem)
			}
			changed[name] = data
		}
	}
	if problems != nil {
		return nil, problems
	}
	return changed, nil
}

// name is the file that is changed. In what diff -u writes, gitdiff leaves the prefixes that git has.
func name(d *gitdiff.File, files map[string][]byte) string {
	if short, prefixed := strings.CutPrefix(d.NewName, "b/"); prefixed && files[d.NewName] == nil {
		return short
	}
	return d.NewName
}

func one(name string, source []byte, d *gitdiff.File, at place) ([]byte, *Problem) {
	for i, f := range d.TextFragments {
		if i > 0 && f.OldPosition < d.TextFragments[i-1].OldPosition {
			return nil, &Problem{at.hunks[i], "the hunks are not in the order of their lines"}
		}
	}
	var out bytes.Buffer
	err := gitdiff.Apply(&out, bytes.NewReader(source), d)
	var e *gitdiff.ApplyError
	switch {
	case err == nil && bytes.Equal(out.Bytes(), source):
		return nil, &Problem{at.header, "it changes nothing"}
	case err == nil:
		return out.Bytes(), nil
	case !errors.As(err, &e) || e.Fragment < 1 || e.Fragment > len(d.TextFragments):
		return nil, &Problem{at.header, fmt.Sprintf("it cannot be applied to %s: %v", name, err)}
	}
	return nil, conflict(name, source, e, d.TextFragments[e.Fragment-1], at)
}

// conflict says where a hunk does not fit: what the patch has there, and what the file has.
func conflict(name string, source []byte, e *gitdiff.ApplyError, f *gitdiff.TextFragment, at place) *Problem {
	hunk := at.hunks[e.Fragment-1]
	line := max(e.Line, f.OldPosition)
	say := func(why string) *Problem {
		return &Problem{hunk, fmt.Sprintf("no longer applies: hunk %d at line %d of the solution's %s: %s", e.Fragment, line,
			name, why)}
	}
	if !errors.Is(e, &gitdiff.Conflict{}) {
		return say(e.Error())
	}
	lines := bytes.SplitAfter(source, []byte("\n"))
	if e.FragmentLine < 1 || e.FragmentLine > len(f.Lines) {
		return say(strings.TrimPrefix(e.Error(), "conflict: ") + elsewhere(lines, f))
	}
	found := "the end"
	if line <= int64(len(lines)) {
		found = fmt.Sprintf("%q", bytes.TrimSuffix(lines[line-1], []byte("\n")))
	}
	wanted := strings.TrimSuffix(f.Lines[e.FragmentLine-1].Line, "\n")
	return say(fmt.Sprintf("the patch has %q there, the file %s%s", wanted, found, elsewhere(lines, f)))
}

// elsewhere says at which other line a hunk would fit.
func elsewhere(lines [][]byte, f *gitdiff.TextFragment) string {
	var old []string
	for _, l := range f.Lines {
		if l.Old() {
			old = append(old, l.Line)
		}
	}
	for start := 0; len(old) > 0 && len(old) <= maxSought && start+len(old) <= len(lines); start++ {
		if fits(lines[start:], old) {
			return fmt.Sprintf("; it would fit at line %d: make the patch anew", start+1)
		}
	}
	return ""
}

// maxSought bounds a hunk that is looked for elsewhere, in lines.
const maxSought = 200

func fits(lines [][]byte, old []string) bool {
	for i := range old {
		if string(lines[i]) != old[i] {
			return false
		}
	}
	return true
}
