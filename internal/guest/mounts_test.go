// SPDX-License-Identifier: MIT

package guest

import "testing"

func TestParseMount(t *testing.T) {
	for line, want := range map[string]string{
		"36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw\n": "/mnt ext3",
		`36 35 0:5 / /a\040b\134c rw - tmpfs none rw`:                     `/a b\c tmpfs`,
		`36 35 0:5 / /a\9 rw - tmpfs none rw`:                             `/a\9 tmpfs`,
		"36 35 0:5 / /a rw - \n":                                          "",
		"- -":                                                             "",
		"":                                                                "",
	} {
		m, err := parseMount(line)
		got := m.at + " " + m.kind
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
