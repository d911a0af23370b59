// SPDX-License-Identifier: MIT

package session

import (
	"strings"
	"testing"
)

func TestOddInit(t *testing.T) {
	for _, said := range []string{ // 6.1 and 7.2
		"do_init_module: 'my_mod'->init suspiciously returned 7, it should follow 0/-E convention",
		"my_mod: init suspiciously returned 7, it should follow 0/-E convention",
	} {
		odd := oddInit(said)
		if odd == nil || !strings.HasPrefix(odd.Message, "init of my_mod returned 7,") || odd.Hint == "" {
			t.Errorf("%q: %+v", said, odd)
		}
	}
	if odd := oddInit("m: unknown parameter 'x' ignored"); odd != nil {
		t.Errorf("%+v of another warning", odd)
	}
}
