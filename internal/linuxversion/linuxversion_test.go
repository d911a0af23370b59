// SPDX-License-Identifier: MIT

package linuxversion

import "testing"

func TestParse(t *testing.T) {
	for release, want := range map[string]struct {
		major, minor int
		ok           bool
	}{
		"6.1.0-9-amd64": {6, 1, true}, "5.10": {5, 10, true}, "7.3-rc1": {7, 3, true}, "6.12+deb13-amd64": {6, 12, true},
		"": {}, "6": {}, "v6.1": {}, "6.": {}, "6.1x": {}, "12345.1": {}, "-6.1": {},
	} {
		if major, minor, ok := Parse(release); major != want.major || minor != want.minor || ok != want.ok {
			t.Errorf("%q: %d, %d, %t, want %v", release, major, minor, ok, want)
		}
	}
}
