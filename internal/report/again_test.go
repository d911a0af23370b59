// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/rundiff"
	"github.com/kmodlab/kmodlab/result"
)

func TestChangeLine(t *testing.T) {
	for _, c := range []struct {
		change rundiff.Change
		want   string
	}{
		{rundiff.Change{Kind: "verdict", Name: "verdict", Field: "class", Before: "pass", After: "oops"},
			"verdict: pass → oops"},
		{rundiff.Change{Kind: "thread", Name: "K1", Field: "there", Before: "no", After: "yes"}, "thread K1: new"},
		{rundiff.Change{Kind: "thread", Name: "K1", Field: "there", Before: "yes", After: "no"}, "thread K1: gone"},
		{rundiff.Change{Kind: "module", Name: "m", Field: "depends", After: "n"}, "module m: depends: nothing → n"},
		{rundiff.Change{Kind: "message", Field: "prints", Before: "a", After: "b"}, `a module prints "b", not "a"`},
		{rundiff.Change{Kind: "order", Name: "exit of K1", Field: "comes", Before: "first", After: "after end of m"},
			"exit of K1 comes after end of m, not first"},
	} {
		if got := changeLine(&c.change); got != c.want {
			t.Errorf("%+v: %s, want %s", c.change, got, c.want)
		}
	}
}

// TestAgainTimes: without KVM only long times count.
func TestAgainTimes(t *testing.T) {
	was, second, more := int64(1), int64(time.Second), int64(time.Second+1)
	for accel, shown := range map[string]string{"tcg": "more", "kvm": "less more"} {
		d := &rundiff.Diff{Before: rundiff.Side{Accel: accel}, After: rundiff.Side{Accel: accel}, Changes: []rundiff.Change{
			{Kind: "thread", Name: "less", BeforeNS: &was, AfterNS: &second},
			{Kind: "thread", Name: "more", BeforeNS: &was, AfterNS: &more},
		}}
		var b bytes.Buffer
		if err := Again(&b, &result.Result{}, d, "15:04:05", TextOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"less", "more"} {
			if got := strings.Contains(b.String(), "thread "+name); got != strings.Contains(shown, name) {
				t.Errorf("%s: a time that differs by %s than a second: shown %v", accel, name, got)
			}
		}
	}
}

func TestAgain(t *testing.T) {
	before, after := resultOf(demoEvents(), done), resultOf(troubleEvents(), done)
	before.Messages = []result.Message{{Module: "m", Text: "count is 3"}, {Module: "m", Text: "bye"}}
	after.Messages = []result.Message{{Module: "m", Text: "count is 5"}, {Module: "m", Text: "a \"new\" line"}}
	after.Warnings = []result.Warning{{File: "m.c", Line: 3, Column: 5, Text: "unused variable 'x' [-Wunused-variable]"}}
	for name, c := range map[string]struct {
		d   *rundiff.Diff
		opt TextOptions
	}{
		"again.txt":       {rundiff.Compare(before, after), TextOptions{}},
		"again_color.txt": {rundiff.Compare(before, after), TextOptions{Color: true, Width: 50}},
		"again_same.txt":  {rundiff.Compare(after, after), TextOptions{}},
		"again_alone.txt": {nil, TextOptions{}},
	} {
		var b bytes.Buffer
		if err := Again(&b, after, c.d, "15:04:05", c.opt); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
		checkLines(t, b.Bytes(), c.opt)
	}
	var b bytes.Buffer
	if err := Again(&b, after, rundiff.Compare(before, after), "15:04:05", TextOptions{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"The story", `  m prints "count is 5", not "count is 3"`, `  m no longer prints "bye"`, `  m prints "a \"new\" line"`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("with -v there is no %s:\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "more (-v)") {
		t.Errorf("-v leaves changes out:\n%s", &b)
	}
}

// TestAgainOfTests: what changed in tests and in what their calls return is a line each.
func TestAgainOfTests(t *testing.T) {
	a, b := withCalls(), withCalls()
	a.Tests[0].Outcome, a.Tests[0].Reason = result.TestPass, ""
	a.Calls[3].Ret = ns(0)
	a.Tests = append(a.Tests, result.Test{Name: "old.sh", Outcome: result.TestPass})
	b.Tests[0].Subtests = []result.Subtest{{Name: "reset\x1b", Outcome: result.TestFail}}
	b.Tests = append(b.Tests, result.Test{Name: "new.sh", Outcome: result.TestSkip, Reason: "no device"})
	var out bytes.Buffer
	if err := Again(&out, b, rundiff.Compare(a, b), "12:00", TextOptions{}); err != nil {
		t.Fatal(err)
	}
	const want = `changed since 12:00:
  test t_hw: outcome: pass → fail: exit status 1
  test t_hw: reset\x1b: new: fail
  test old.sh: gone
  test new.sh: new: skip: no device
  call ioctl /dev/hw (request 0x4801) by t_hw: returned: 0 → -ENOTTY
`
	if _, got, _ := strings.Cut(out.String(), "changed"); "changed"+got != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
