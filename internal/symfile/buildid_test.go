// SPDX-License-Identifier: MIT

package symfile

import (
	"strings"
	"testing"
)

func TestBuildID(t *testing.T) {
	xen := "\x04\x00\x00\x00\x05\x00\x00\x00\x06\x00\x00\x00Xen\x00linux\x00\x00\x00"
	gnu := "\x04\x00\x00\x00\x03\x00\x00\x00\x03\x00\x00\x00GNU\x00\x01\xab\xff\x00"
	for name, test := range map[string]struct{ notes, want string }{
		"first": {gnu, "01abff"}, "second": {xen + gnu, "01abff"}, "none": {xen, ""}, "nothing": {"", ""},
		"cut": {gnu[:14], ""}, "too long": {strings.Replace(gnu, "\x03\x00\x00\x00", "\xff\xff\xff\xff", 1), ""},
	} {
		if got := buildIDOf([]byte(test.notes)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
