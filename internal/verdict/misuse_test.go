// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// TestAddMisuse: whose code finds the memory that was freed twice is chance; who freed it is not.
func TestAddMisuse(t *testing.T) {
	misuse := []result.Misuse{{Kind: "double free", Site: "m_exit+0x20 [m]", First: "m_exit+0x10 [m]"}}
	page := result.Crash{Class: result.Oops, Type: "bad-page", Title: "BUG: Bad page state", Log: []string{"BUG"}}
	own := page
	own.Frames, own.Guilty = []result.Frame{{Function: "m_exit", Module: "m"}}, new(int)
	for name, tt := range map[string]struct {
		crash result.Crash
		want  bool
	}{"others' code": {page, true}, "the module's code": {own, false}} {
		v := Judge(&evidence.Evidence{Finished: true}, &result.Result{Crashes: []result.Crash{tt.crash}, Misuse: misuse})
		got := strings.Contains(v.Message, "; a double free in m_exit+0x20 [m]")
		if v.Class != result.Oops || got != tt.want {
			t.Errorf("%s: %s: %s", name, v.Class, v.Message)
		}
	}
}
