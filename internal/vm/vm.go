// SPDX-License-Identifier: MIT

// Package vm runs one QEMU for one guest: it makes the command line, starts the
// process, proves that the guest lives, drains its console, and sees to it that
// the process is gone whatever happens. It knows virtio ports and disks but
// neither kernel modules nor what is said over the ports.
//
// A machine owns one child process and a few socket pairs, and no file or
// socket in the file system, so any number of machines can run side by side.
// The child dies with this process, even when that is killed by SIGKILL.
package vm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNoQEMU is what Start returns, wrapped, where QEMU is missing.
var ErrNoQEMU = errors.New("QEMU is missing: apt-get install qemu-system-x86")

// ErrKVM is what Start returns, wrapped, when KVM was asked for by name and
// does not work on this host. With Auto the machine runs on TCG instead.
var ErrKVM = errors.New("KVM does not work here")

// Accel is the way QEMU runs the guest's code.
type Accel string

// The accelerators. Auto is KVM where that is proven and TCG elsewhere.
const (
	Auto Accel = ""
	KVM  Accel = "kvm"
	TCG  Accel = "tcg"
)

// DeadlineScale is the factor for deadlines that were chosen for KVM. TCG is
// measured at about 18 times the host's time for code that it has to translate
// (a kbuild) and at 5 to 10 for a boot; deadlines have slack already, so 10.
func DeadlineScale(a Accel) int {
	if a == KVM {
		return 1
	}
	return 10
}

// Disk is a raw image that the guest sees as a virtio disk, in the order
// vda, vdb, … Several machines can share an image that is ReadOnly.
type Disk struct {
	Path     string
	ReadOnly bool
	Serial   string // up to 20 bytes, shown in /sys/block/vd?/serial
}

// Config says what machine to start. Kernel is the only field without a
// usable zero value.
type Config struct {
	QEMU   string // path or name; "" is qemu-system-x86_64 in PATH
	Kernel string // bzImage, or a vmlinux with a PVH note
	// Direct says that Kernel is the latter: emulated firmware then does no more than
	// enter it, where QEMU came with such.
	Direct bool

	// Initrd are the files of the initramfs, plain or compressed cpio archives,
	// handed to the kernel one after the other; a later one wins.
	Initrd []string
	// InitrdData follows them: what belongs to this run only needs no file.
	InitrdData []byte
	// Append are kernel words behind the default ones, so that they win.
	Append []string

	CPUs      int // 0 is 2
	MemoryMiB int // 0 is 512
	// Parallel lets the guest's CPUs run at the same time also on a QEMU whose
	// TCG may then hang a kernel that patches its code, as tracing does (before
	// 8.1). For guests that compute and can be started again.
	Parallel bool
	Disks    []Disk
	Ports    []string // names of virtio-serial ports, in order: /dev/vport?p1, …

	// RAM is a file to hold the guest's memory; nil is memory without a file. With
	// RAMShared the guest works in the file, and Save can be called; else the file
	// is read only, and what the guest writes is its own. The caller closes it.
	RAM       *os.File
	RAMShared bool
	// State is what Save wrote of a machine with the same Config and with RAM: the
	// guest goes on from there. It is read from where it stands.
	State *os.File

	Accel    Accel
	StateDir string    // where the finding about KVM is kept; "" keeps none
	Console  io.Writer // gets every console byte; a slow Write stalls the guest
	// Log gets what a person should know, one sentence a call: chiefly why KVM
	// is not used. It may be called from another goroutine.
	Log func(string)

	firmware string // file of the firmware that only enters a kernel; "": QEMU's own

	// Tests set these; the zero values mean the constants below and Probe.
	lifeDeadline  time.Duration // how long a KVM guest may be silent
	startDeadline time.Duration // how long QEMU may take to its first answer
	kvmCPU        string        // CPU model under KVM
	threads       string        // of TCG; launch chooses
	probe         func() error
}

const (
	defaultQEMU   = "qemu-system-x86_64"
	maxCmdline    = 2047 // x86's COMMAND_LINE_SIZE less the zero byte
	maxDiskSerial = 20

	// A guest on KVM prints its first byte within a second; the rest is for a
	// loaded host. QEMU answers on its monitor in 0.1 s.
	defaultLifeDeadline  = 8 * time.Second
	defaultStartDeadline = 30 * time.Second
)

// FindQEMU is the path of a QEMU, empty for the one in PATH; else ErrNoQEMU.
func FindQEMU(name string) (string, error) {
	if name == "" {
		name = defaultQEMU
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return name, fmt.Errorf("find %s: %w", name, ErrNoQEMU)
	}
	return path, nil
}

// withDefaults fills the zero values and makes paths absolute, because the
// command line is shown to people who paste it elsewhere.
func (c Config) withDefaults() (Config, error) {
	var err error
	if c.QEMU, err = FindQEMU(c.QEMU); err != nil {
		return c, err
	}
	if c.Direct {
		c.firmware = findFirmware(c.QEMU)
	}
	if c.CPUs == 0 {
		c.CPUs = 2
	}
	if c.MemoryMiB == 0 {
		c.MemoryMiB = 512
	}
	if c.lifeDeadline == 0 {
		c.lifeDeadline = defaultLifeDeadline
	}
	if c.startDeadline == 0 {
		c.startDeadline = defaultStartDeadline
	}
	if c.kvmCPU == "" {
		c.kvmCPU = "host"
	}
	if c.probe == nil {
		c.probe = Probe
	}
	if c.Log == nil {
		c.Log = func(string) {}
	}
	c.Disks = append([]Disk(nil), c.Disks...)
	for i := range c.Disks {
		if c.Disks[i].Path, err = filepath.Abs(c.Disks[i].Path); err != nil {
			return c, fmt.Errorf("find disk %d: %w", i, err)
		}
	}
	return c, c.check()
}

// check refuses what QEMU or the kernel would misread or silently cut.
func (c Config) check() error {
	if c.Kernel == "" {
		return errors.New("start machine: no kernel given")
	}
	if c.CPUs < 1 || c.CPUs > 255 || c.MemoryMiB < 32 {
		return fmt.Errorf("start machine: %d CPUs and %d MiB of memory are out of range", c.CPUs, c.MemoryMiB)
	}
	switch c.Accel {
	case Auto, KVM, TCG:
	default:
		return fmt.Errorf("start machine: unknown accelerator %q, choose kvm or tcg", c.Accel)
	}
	seen := map[string]bool{consoleID: true, monitorID: true}
	for _, p := range c.Ports {
		if !plainName(p) || seen[p] {
			return fmt.Errorf("start machine: port name %q is taken or not made of a-z, 0-9 and dashes", p)
		}
		seen[p] = true
	}
	for _, d := range c.Disks {
		if len(d.Serial) > maxDiskSerial || (d.Serial != "" && !plainName(d.Serial)) {
			return fmt.Errorf("start machine: disk serial %q is longer than %d or not made of a-z, 0-9 and dashes", d.Serial, maxDiskSerial)
		}
	}
	if c.RAM == nil && (c.RAMShared || c.State != nil) {
		return errors.New("start machine: a saved machine needs a file for its memory")
	}
	words := strings.Join(c.Append, " ")
	if strings.ContainsAny(words, "\n\x00") {
		return fmt.Errorf("start machine: kernel words %q hold a line end or a zero byte", words)
	}
	return nil
}

func plainName(s string) bool {
	return s != "" && len(s) < 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] >= 'a'
}
