// SPDX-License-Identifier: MIT

package report

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func TestStuckAndAlso(t *testing.T) {
	deep := []string{"kthread_stop+0x66", "a+0x1", "b+0x1", "c+0x1", "d+0x1", "e+0x1", "f+0x1", "g+0x1", "too_deep+0x1"}
	r := &result.Result{
		Stuck: []result.Stuck{{Comm: "modprobe\x1b[31m", PID: 9, State: "uninterruptible", Stack: deep},
			{Comm: "CPU 1", State: result.Running}},
		Verdict: result.Verdict{Class: result.Hung, Message: "it waits", Hint: "look",
			Also: []result.Verdict{{Class: result.Timeout, Message: "modprobe did not end"}}},
	}
	var out strings.Builder
	if err := Text(&out, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[9] uninterruptible\n", "    kthread_stop+0x66\n", "  CPU 1 running\n",
		"hint: look\nalso: timeout: modprobe did not end\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "too_deep") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("too much in:\n%s", out.String())
	}
	out.Reset()
	if err := Text(&out, r, TextOptions{Verbose: true}); err != nil || !strings.Contains(out.String(), "too_deep") {
		t.Errorf("verbose leaves out frames (%v):\n%s", err, out.String())
	}
}
