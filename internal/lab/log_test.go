// SPDX-License-Identifier: MIT

package lab

import "testing"

func TestStamped(t *testing.T) {
	for record, want := range map[string]string{
		"4,615,13526850,-;WARNING: it is":                   "[   13.526850] WARNING: it is",
		"4,615,13526850,-,caller=T89;WARNING: it is":        "[   13.526850][T89] WARNING: it is",
		"6,1,0,c; text\n SUBSYSTEM=acpi\n DEVICE=+acpi:LNX": "[    0.000000]  text",
		"6,1,123456789012345,-;late":                        "[123456789.012345] late",
		"6,1,-5,-;odd":                                      "odd",
		"6;odd":                                             "odd",
		"":                                                  "",
	} {
		if got := stamped(record); got != want {
			t.Errorf("%q: %q, want %q", record, got, want)
		}
	}
}
