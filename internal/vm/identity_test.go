// SPDX-License-Identifier: MIT

package vm

import (
	"strings"
	"testing"
)

const cpuinfo = `processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 85
model name	: Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz
stepping	: 4
microcode	: 0x2007006
cpu MHz		: 1000.027
flags		: fpu vme tsc
bogomips	: 4200.05

processor	: 1
vendor_id	: GenuineIntel
bogomips	: 4205.00
`

// TestModelOf: two hosts are alike only if a guest cannot tell one from the other, its clock included.
func TestModelOf(t *testing.T) {
	one := modelOf(cpuinfo)
	for name, c := range map[string]struct {
		old, new string
		same     bool
	}{
		"clocked up":           {"1000.027", "3700.000", true},
		"booted again":         {"4200.05", "4199.98", true},
		"other processor":      {"4205.00", "4100.00", true},
		"other frequency":      {"4200.05", "5199.98", false},
		"other microcode":      {"0x2007006", "0x2007007", false},
		"a flag more":          {"vme tsc", "vme tsc avx2", false},
		"other model":          {"model\t\t: 85", "model\t\t: 106", false},
		"without a frequency":  {"bogomips	: 4200.05\n", "", false},
		"frequency is no word": {"4200.05", "fast", false},
	} {
		other := modelOf(strings.Replace(cpuinfo, c.old, c.new, 1))
		if (other == one) != c.same {
			t.Errorf("%s: %q, and before %q", name, other, one)
		}
	}
}
