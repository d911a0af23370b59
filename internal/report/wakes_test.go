// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestWakesInStory: a test's call wakes a thread once, its child does it often.
func TestWakesInStory(t *testing.T) {
	r := withCalls()
	child := result.Task{Comm: "child", PID: 41, Site: "hw_ioctl+0x20 [hw]"}
	r.Threads = []result.Thread{{Name: "K1", PID: 45, Stages: result.ThreadStages{Function: ns(0)},
		Wakeups: []result.Wakeup{
			{By: result.Task{Comm: "t_hw", PID: 40, Site: "hw_write+0x10 [hw]"}, AtNS: 5e6 + 10},
			{By: child, AtNS: 6e6}, {By: child, AtNS: 7e6, Omitted: 98},
		}}}
	var out, drawn bytes.Buffer
	if err := Text(&out, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := Mermaid(&drawn, r); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"t_hw[40] wakes K1[45] in hw_write+0x10 [hw]", "6.0 ms child[41] wakes K1[45] 100 times in hw_ioctl+0x20 [hw]",
	} {
		if n := strings.Count(text, want); n != 1 {
			t.Errorf("%q is %d times in\n%s", want, n, out.String())
		}
	}
	for _, want := range []string{": wakes it", ": wakes it 100 times"} {
		if !strings.Contains(drawn.String(), want+"\n") {
			t.Errorf("%q is not in\n%s", want, drawn.String())
		}
	}
}
