// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// machineType is QEMU's board. Under TCG q35 and pc boot equally fast (two measurements of 8 boots each, medians 2.7
// and 2.6 s on a loaded host; equal to 0.1 % in guest instructions). q35 has PCI Express, like today's machines.
const machineType = "q35"

// sandbox denies a QEMU that a guest has taken over what QEMU never needs: starting programs, raising privileges,
// changing priorities (seccomp; Debian's QEMU is built with it).
const sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

// kernelDefaults are the kernel words of every machine.
//   - nokaslr: symbol tables can be cached per kernel.
//   - panic=-1: restart at once, which ends QEMU under -no-reboot.
//   - log_buf_len, printk.devkmsg: a splat and the lines of user space stay readable.
//   - cryptomgr.notests: no self-tests of ciphers.
//   - no_timer_check: the test of the timer's wiring is for broken boards.
//   - tsc=reliable: the clock is a CPU instruction and not a read from the
//     HPET, which leaves the translated code; the tracer reads it at each event.
//   - rcupdate.rcu_expedited=1: RCU's waits end early. Ten insmod and rmmod of
//     virtio take 0.27 to 0.63 s instead of 0.85 to 0.91.
//
// Measured on Debian's 6.1 cloud kernel, one CPU, as guest time until a busybox
// initramfs powers off, counted in instructions (-icount shift=0,sleep=off) and
// so the same in each run: none of the last four 1.613 s, cryptomgr.notests
// 0.731, no_timer_check 1.599, tsc=reliable 1.610, rcu_expedited 1.612. Left out,
// because they gain 2 % or nothing: mitigations=off 1.626, init_on_alloc=0 1.582,
// random.trust_cpu=on 1.614, audit=0 1.605, i8042.noaux with nokbd 1.608,
// raid=noautodetect 1.609, apparmor=0 1.611.
var kernelDefaults = []string{
	"quiet", "nokaslr", "panic=-1", "log_buf_len=4M", "printk.devkmsg=on", "rdinit=/init",
	"cryptomgr.notests", "no_timer_check", "tsc=reliable", "rcupdate.rcu_expedited=1",
}

// descriptors are the numbers of the child's ends in the child.
type descriptors struct {
	console, monitor int
	ports            []int
	ram, state       int // noFile if the machine has none
}

// byHandDescriptors are for a machine that is started from a shell.
func byHandDescriptors(ports int) descriptors {
	d := descriptors{console: byHand, monitor: byHand}
	for range ports {
		d.ports = append(d.ports, byHand)
	}
	return d
}

// devices are the machine's parts, in the order of the command line.
func devices(c Config, accel Accel, fds descriptors) []device {
	parts := []device{
		memory{c.MemoryMiB, fds.ram, c.RAMShared},
		processor{accel, c.CPUs, c.kvmCPU, c.threads},
		serialConsole{fds.console},
		monitor{fds.monitor},
		serialPorts{c.Ports, fds.ports},
	}
	for i, d := range c.Disks {
		parts = append(parts, disk{d, i})
	}
	if c.Cable {
		parts = append(parts, cable{})
	}
	return parts
}

// arguments is QEMU's command line without the program's name. initrd is the one file that replaces all of c's
// archives, "" for none.
func arguments(c Config, accel Accel, fds descriptors, initrd string) ([]string, error) {
	board := machineType
	if fds.ram != noFile {
		board += ",memory-backend=ram"
	}
	args := []string{
		"-sandbox", sandbox, "-machine", board, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
	}
	if fds.monitor != byHand {
		args = append(args, "-no-shutdown") // QEMU waits when the guest ends: see letGo
	}
	var words []string
	for _, d := range devices(c, accel, fds) {
		args = append(args, d.args()...)
		words = append(words, d.kernelWords()...)
	}
	words = append(words, kernelDefaults...)
	words = append(words, c.Append...)
	line := strings.Join(words, " ")
	if len(line) > maxCmdline {
		return nil, fmt.Errorf("start machine: the kernel's command line has %d bytes, the limit is %d", len(line),
			maxCmdline)
	}
	if fds.state != noFile {
		args = append(args, "-incoming", "defer")
	}
	if c.firmware != "" && accel == TCG && !c.Cable { // qboot never enters the kernel if there is a network card
		args = append(args, "-bios", c.firmware)
	}
	args = append(args, "-kernel", c.Kernel)
	if initrd != "" {
		args = append(args, "-initrd", initrd)
	}
	return append(args, "-append", line), nil
}

// shellCommand is the machine as a line to paste into a shell: the console on the terminal, the ports unconnected, the
// archives joined in a file.
func shellCommand(c Config, accel Accel) string {
	initrd, prefix := "", ""
	switch {
	case len(c.Initrd) == 1 && len(c.InitrdData) == 0:
		initrd = c.Initrd[0]
	case len(c.Initrd) > 0:
		initrd = "initrd.img"
		prefix = "cat " + quoteAll(c.Initrd) + " >" + initrd + " && "
	}
	args, err := arguments(c, accel, byHandDescriptors(len(c.Ports)), initrd)
	if err != nil {
		return "# " + err.Error()
	}
	return prefix + quoteAll(append([]string{c.QEMU}, args...))
}

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// quote makes a word safe for a POSIX shell, and leaves a harmless one alone.
func quote(w string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%"
	if w != "" && strings.Trim(w, safe) == "" {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// findFirmware is qboot, if this QEMU's data has it (since 5.1), else "". qboot finds the ACPI tables and enters the
// kernel; SeaBIOS, QEMU's default, first looks for disks and option ROMs: 0.3 s of a boot that takes 2.6. It is not
// used on KVM, where it would gain a few milliseconds, because the guest's caches would be set up differently (no
// MTRR).
func findFirmware(qemu string) string {
	program, err := filepath.EvalSymlinks(qemu)
	if err != nil {
		return ""
	}
	path := filepath.Join(filepath.Dir(program), "../share/qemu/qboot.rom")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}
