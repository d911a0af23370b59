// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestAroundRows: half of the lines are before the moment, and there are as many as asked for, if there are as many.
func TestAroundRows(t *testing.T) {
	var rows []row
	for i := range 10 {
		rows = append(rows, row{at: int64(10 * i), timed: true})
	}
	moment := func(v int64) *int64 { return &v }
	for _, tt := range []struct {
		at          *int64
		lines       int
		first, last int64 // times
	}{
		{nil, 4, 60, 90},
		{moment(50), 4, 40, 70},
		{moment(55), 4, 40, 70},
		{moment(-5), 4, 0, 30},
		{moment(0), 4, 0, 30},
		{moment(500), 4, 60, 90},
		{moment(80), 4, 60, 90},
		{moment(50), 40, 0, 90},
	} {
		got := around(rows, tt.at, tt.lines)
		if len(got) != min(tt.lines, 10) || got[0].at != tt.first || got[len(got)-1].at != tt.last {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
	if got := around(nil, moment(5), 4); len(got) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}

// TestAround shows the lines around a call, the verdict, and the beginning of what a build printed.
func TestAround(t *testing.T) {
	r := withCalls()
	at := int64(4e6)
	r.Verdict = result.Verdict{
		Class: result.TestFailed, Message: "test t_hw failed", Hint: "look", Evidence: []string{"one\x1b[2J"},
	}
	var out bytes.Buffer
	if err := Around(&out, r, &at, 2, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 || !strings.Contains(lines[0], "ioctl /dev/hw") || !strings.Contains(lines[1], "write /dev/hw") ||
		lines[2] != "test: test t_hw failed" || lines[3] != "hint: look" || lines[4] != `  one\x1b[2J` {
		t.Errorf("%q", lines)
	}
	var printed strings.Builder
	for i := range 100 {
		fmt.Fprintf(&printed, "hw.c:%d: error\n", i)
	}
	out.Reset()
	failed := &result.Result{
		Verdict:  result.Verdict{Class: result.Build, Message: "hw.c:0: error"},
		Commands: []result.Command{{Argv: []string{"make"}, Output: printed.String(), Exit: 2}},
	}
	if err := Around(&out, failed, nil, 10, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  # make\n", "hw.c:0: error\n", "hw.c:18: error\n", "… 82 lines more\n", "build: hw.c:0: error\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
