// SPDX-License-Identifier: MIT

package boot

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/vm"
)

var (
	reBogoMIPS = lazyregexp.New(`(?m)^bogomips\s*: (\d+)\.(\d\d)$`)
	reHZ       = lazyregexp.New(`(?m)^CONFIG_HZ=(\d+)$`)
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
	speed, rate := reBogoMIPS.FindStringSubmatch(cpuinfo), reHZ.FindStringSubmatch(config)
	if speed == nil || rate == nil {
		return nil
	}
	hundredths, err := strconv.ParseUint(speed[1]+speed[2], 10, 64)
	hz, err2 := strconv.ParseUint(rate[1], 10, 64)
	if err != nil || err2 != nil || hundredths == 0 || hz == 0 {
		return nil
	}
	return []string{fmt.Sprintf("lpj=%d", hundredths*(500000/100)/hz)} // BogoMIPS are 500,000 loops a second
}
