// SPDX-License-Identifier: MIT

package verdict

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func TestInPlace(t *testing.T) {
	for _, c := range []struct {
		signal string
		at     *result.Place
		want   string
	}{
		{"SIGSEGV", nil, ""},
		{"SIGSEGV", &result.Place{}, ""},
		{"SIGSEGV", &result.Place{Object: "/lab/t", Function: "main", File: "t.c", Line: 2}, " in main (t.c:2)"},
		{"SIGFPE", &result.Place{Object: "/lab/t", Function: "f", File: "/home/me/t.c", Line: 2}, " in f (t.c:2)"},
		{"SIGSEGV", &result.Place{Object: "/lab/t", Function: "main", Offset: 18}, " in main+0x12"},
		{"SIGSEGV", &result.Place{Object: "/usr/lib/libc.so.6", Offset: 4711}, " in libc.so.6"},
		{"SIGABRT", &result.Place{Object: "/usr/lib/libc.so.6", Offset: 4711}, ""},
	} {
		if got := inPlace(c.signal, c.at); got != c.want {
			t.Errorf("%s at %+v: %q, want %q", c.signal, c.at, got, c.want)
		}
	}
}
