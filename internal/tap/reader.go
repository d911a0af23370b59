// SPDX-License-Identifier: MIT

package tap

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Reader is an io.Writer that reads tests. The zero value is ready.
type Reader struct {
	line    []byte
	spoke   bool // a version or a plan was there
	yaml    int  // the indentation of a block of YAML, plus one; 0 outside of one
	open    []level
	flaws   []string
	skipped string
	count   int
}

// level are the tests of one indentation. They wait for the result of the test that they belong to.
type level struct {
	indent int
	tests  []Test
	notes  []string
	plan   int // how many tests there should be; -1 if that was not said
}

// Write takes some output. It never fails.
func (r *Reader) Write(p []byte) (int, error) {
	n := len(p)
	for {
		part, rest, ended := bytes.Cut(p, []byte("\n"))
		r.line = append(r.line, part[:min(len(part), maxLine-len(r.line))]...)
		if !ended {
			return n, nil
		}
		r.end()
		p = rest
	}
}

func (r *Reader) end() {
	r.take(strings.TrimRight(string(r.line), "\r \t"))
	r.line = r.line[:0]
}

// Result ends the output. It is nil if the program did not speak of tests: there was neither a version nor a plan.
func (r *Reader) Result() *Result {
	r.end()
	if !r.spoke {
		return nil
	}
	result := &Result{Skipped: r.skipped, More: max(0, r.count-maxTests)}
	for len(r.open) > 0 {
		l := r.pop()
		if len(r.open) == 0 {
			result.Tests = l.tests
			break
		}
		r.orphans(l)
	}
	if len(result.Tests) == 0 && r.skipped == "" {
		r.flaw("there is no result of a test")
	}
	result.Flaws = r.flaws
	return result
}

// The lines of TAP. kselftest puts "# " before each line of a test that it runs, as others put spaces.
var (
	version = regexp.MustCompile(`^K?TAP version \d+$`)
	plan    = regexp.MustCompile(`^1\.\.(\d{1,9})(?:\s*#\s*(?i:skip)\S*\s*(.*))?$`)
	outcome = regexp.MustCompile(`^(not )?ok(?:[ \t]+(\d{1,9}))?(?:[ \t]+-)?(?:[ \t]+|$)`)
	marked  = regexp.MustCompile(`^#[ \t]*(?i:(skip|todo|xfail|timeout|error))[^ \t]*[ \t]*`)
)

func (r *Reader) take(line string) {
	body := line
	for rest := body; rest != ""; body = rest {
		if rest = strings.TrimPrefix(strings.TrimLeft(body, " \t"), "# "); rest == body {
			break
		}
	}
	indent := len(line) - len(body)
	if r.yaml > 0 && (indent >= r.yaml-1 || body == "") {
		if body == "..." && indent == r.yaml-1 {
			r.yaml = 0
		}
		return
	}
	r.yaml = 0 // a line that is less indented ends it, too
	// Most of what programs print is none of this, and may be much.
	switch {
	case strings.HasPrefix(body, "TAP version "), strings.HasPrefix(body, "KTAP version "):
		if version.MatchString(body) {
			r.spoke = true
			r.level(indent)
		}
		return
	case strings.HasPrefix(body, "1.."):
		if found := plan.FindStringSubmatch(body); found != nil {
			r.planned(indent, found)
		}
		return
	case strings.HasPrefix(body, "ok"), strings.HasPrefix(body, "not ok"):
		found := outcome.FindStringSubmatch(body)
		remark := strings.Contains(line[:indent], "#") && found != nil && found[2] == "" // such as "# ok so far"
		if found != nil && !remark {
			r.outcome(indent, found[1] != "", body[len(found[0]):])
			return
		}
	case strings.HasPrefix(body, "Bail out!"):
		r.flaw("it bailed out: %s", cmp.Or(strings.TrimSpace(body[len("Bail out!"):]), "no reason given"))
		return
	case body == "---" && len(r.open) > 0 && indent > r.top().indent:
		r.yaml = indent + 1
		return
	}
	if text := strings.TrimLeft(line, " \t"); strings.HasPrefix(text, "#") {
		r.note(strings.TrimSpace(strings.TrimLeft(text, " \t#")))
	}
}

func (r *Reader) planned(indent int, found []string) {
	r.spoke = true
	n, _ := strconv.Atoi(found[1])
	if l := r.level(indent); l != nil {
		l.plan = n
	}
	if n == 0 && len(r.open) == 1 {
		r.skipped = cmp.Or(found[2], "no reason given")
	}
}

// outcome takes the result of a test. What is open below it are its parts.
func (r *Reader) outcome(indent int, failed bool, text string) {
	var parts []Test
	for len(r.open) > 0 && r.top().indent > indent {
		l := r.pop()
		if len(r.open) > 0 && r.top().indent > indent {
			r.orphans(l)
			continue
		}
		parts = l.tests
	}
	l := r.level(indent)
	t := newTest(failed, text)
	t.Tests, t.Notes, l.notes = parts, l.notes, nil
	if r.count++; r.count <= maxTests {
		l.tests = append(l.tests, t)
	} else {
		l.tests = append(l.tests, parts...)
	}
}

// newTest reads what follows the number of a test: its name, and a directive.
func newTest(failed bool, text string) Test {
	t := Test{Name: text, Outcome: Pass}
	if failed {
		t.Outcome = Fail
	}
	for i := strings.IndexByte(text, '#'); i >= 0; {
		if m := marked.FindStringSubmatch(text[i:]); m != nil {
			t.Name = strings.TrimRight(text[:i], " \t")
			t.mark(strings.ToUpper(m[1]), text[i+len(m[0]):])
			break
		}
		next := strings.IndexByte(text[i+1:], '#')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return t
}

func (t *Test) mark(word, reason string) {
	switch t.Reason = reason; word {
	case "SKIP":
		t.Outcome = Skip
	case "XFAIL":
		t.Outcome = XFail
	case "TODO":
		if t.Outcome == Fail {
			t.Outcome = XFail
		}
	default:
		t.Outcome, t.Reason = Fail, strings.TrimSpace(word+" "+reason)
	}
}

// level is the open level of an indentation, or a new one. It is nil for a line between two levels.
func (r *Reader) level(indent int) *level {
	for i := range r.open {
		if r.open[i].indent == indent {
			return &r.open[i]
		}
	}
	switch {
	case len(r.open) > 0 && r.top().indent > indent:
		return nil
	case len(r.open) == maxDepth:
		return r.top()
	}
	r.open = append(r.open, level{indent: indent, plan: -1})
	return r.top()
}

func (r *Reader) top() *level { return &r.open[len(r.open)-1] }

func (r *Reader) pop() level {
	l := *r.top()
	r.open = r.open[:len(r.open)-1]
	if n := len(l.tests); l.plan >= 0 && l.plan != n && r.count <= maxTests {
		r.flaw("planned are %d tests, and there are %d results", l.plan, n)
	}
	return l
}

// orphans keeps tests whose own test has no result.
func (r *Reader) orphans(l level) {
	if len(l.tests) == 0 {
		return
	}
	r.flaw("there is no result of the test to which %q belongs", l.tests[0].Name)
	r.top().tests = append(r.top().tests, l.tests...)
}

func (r *Reader) note(text string) {
	if len(r.open) > 0 && text != "" && len(r.top().notes) < maxNotes {
		r.top().notes = append(r.top().notes, text)
	}
}

func (r *Reader) flaw(format string, args ...any) {
	if len(r.flaws) < maxFlaws {
		r.flaws = append(r.flaws, fmt.Sprintf(format, args...))
	}
}
