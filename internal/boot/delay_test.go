// SPDX-License-Identifier: MIT

package boot

import (
	"slices"
	"testing"
)

func TestLoopsPerTick(t *testing.T) {
	const cpuinfo, config = "cpu MHz\t\t: 2445.404\nbogomips\t: 4890.80\n", "CONFIG_NO_HZ=y\nCONFIG_HZ=250\n"
	for name, tt := range map[string]struct {
		cpuinfo, config string
		want            []string
	}{
		"both":                {cpuinfo, config, []string{"lpj=9781600"}},
		"another rate":        {cpuinfo, "CONFIG_HZ=1000\n", []string{"lpj=2445400"}},
		"no rate":             {cpuinfo, "", nil},
		"another processor":   {"BogoMIPS\t: 50.00\n", config, nil},
		"a processor at rest": {"bogomips\t: 0.00\n", config, nil},
	} {
		if got := loopsPerTick(tt.cpuinfo, tt.config); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
