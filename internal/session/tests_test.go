// SPDX-License-Identifier: MIT

package session

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// TestTestOutput checks what is kept of a program's output, and that TAP is read to its end.
func TestTestOutput(t *testing.T) {
	told := 0
	out := testOutput{tell: func(p []byte) { told += len(p) }}
	first := "1..2\nok 1 - a\n" + strings.Repeat("noise\n", 100_000)
	out.Write([]byte(first))
	out.Write([]byte("ok 2 - b\n"))
	var seen evidence.Test
	out.end(&seen, wire.ExecResult{})
	if seen.TAP == nil || len(seen.TAP.Tests) != 2 || seen.TAP.Failed() || seen.Unread {
		t.Errorf("TAP %+v, unread %t", seen.TAP, seen.Unread)
	}
	if told != len(first)+9 || int64(told) != int64(len(seen.Output)-len(omission))+seen.Omitted {
		t.Errorf("told %d, kept %d, omitted %d", told, len(seen.Output), seen.Omitted)
	}
	if !strings.HasPrefix(seen.Output, "1..2\n") || !strings.HasSuffix(seen.Output, "noise\nok 2 - b\n") {
		t.Errorf("kept %q … %q", seen.Output[:20], seen.Output[len(seen.Output)-20:])
	}
}

// TestTestOutputUnsent checks an output of which the guest sent only the ends.
func TestTestOutputUnsent(t *testing.T) {
	out := testOutput{tell: func([]byte) {}}
	out.Write([]byte("begin\n"))
	var seen evidence.Test
	out.end(&seen, wire.ExecResult{Omitted: 1 << 40, Tail: []byte("end\n")})
	if seen.Output != "begin\n"+omission+"end\n" {
		t.Errorf("kept %q", seen.Output)
	}
	if !seen.Unread || seen.Omitted != 1<<40 || seen.TAP != nil {
		t.Errorf("unread %t, omitted %d, TAP %v", seen.Unread, seen.Omitted, seen.TAP)
	}
}
