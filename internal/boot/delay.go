// SPDX-License-Identifier: MIT

package boot

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/vm"
)

// delayWords tells a guest without KVM how many cycles a tick has. It knows that of its first processor, from its
// counter's frequency; for each other one it tries how many fit in a tick, and on a busy host that comes out too small,
// up to a factor of thousands: udelay() and mdelay() then hardly wait. A guest's counter is the host's.
func (o Options) delayWords() []string {
	if o.Accel != vm.TCG || runtime.GOARCH != "amd64" || o.Kernel == nil {
		return nil
	}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	config, err := os.ReadFile(filepath.Join(o.Kernel.Root, "boot", "config-"+o.Kernel.Release))
	if err != nil {
		return nil
	}
	return loopsPerTick(string(cpuinfo), string(config))
}

// loopsPerTick is the kernel's word for the number of loops in a tick, from what the host says of its processor and the
// configuration of the guest's kernel; nothing if one of them does not say it.
func loopsPerTick(cpuinfo, config string) []string {
	whole, part, _ := strings.Cut(valueOf(cpuinfo, "bogomips", ":"), ".")
	if len(part) != 2 {
		return nil
	}
	hundredths, err := strconv.ParseUint(whole+part, 10, 64)
	hz, err2 := strconv.ParseUint(valueOf(config, "CONFIG_HZ", "="), 10, 64)
	if err != nil || err2 != nil || hundredths == 0 || hz == 0 {
		return nil
	}
	return []string{fmt.Sprintf("lpj=%d", hundredths*(500000/100)/hz)} // BogoMIPS are 500,000 loops a second
}

// valueOf is what the first line of that name says, "" if there is none.
func valueOf(text, name, sep string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, sep); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
