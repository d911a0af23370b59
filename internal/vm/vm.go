// SPDX-License-Identifier: MIT

// Package vm runs one QEMU for one guest: it makes the command line, starts the process, proves that the guest lives,
// drains its console, and ensures that the process is gone whatever happens. It knows virtio ports and disks, but
// neither kernel modules nor the messages on the ports.
//
// A machine owns one child process and a few socket pairs, and no file or socket in the file system, so any number of
// machines can run side by side. The child dies with this process, even if that is killed by SIGKILL.
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

// errNoQEMU is what Start returns, wrapped, if QEMU is missing.
var errNoQEMU = errors.New("QEMU is missing: apt-get install qemu-system-x86")

// errKVM is what Start returns, wrapped, if KVM was requested by name and does not work on this host. With Auto the
// machine runs on TCG instead.
var errKVM = errors.New("KVM does not work here")

// Accel is how QEMU runs the guest's code.
type Accel string

// The accelerators. Auto is KVM if that is proven, and TCG otherwise.
const (
	Auto Accel = ""
	KVM  Accel = "kvm"
	TCG  Accel = "tcg"
)

// DeadlineScale is the factor for deadlines that were chosen for KVM. Under TCG, code that must be translated (a
// kbuild) was measured to take about 18 times the host's time, a boot 5 to 10 times; the deadlines already have slack,
// so 10.
func DeadlineScale(a Accel) int {
	if a == KVM {
		return 1
	}
	return 10
}

// Disk is a raw image that the guest sees as a virtio disk, in the order vda, vdb, … Several machines can share an
// image that is ReadOnly.
type Disk struct {
	Path     string
	ReadOnly bool
	Serial   string // up to 20 bytes, shown in /sys/block/vd?/serial
}

// Config says what machine to start. Kernel is the only field without a usable zero value.
type Config struct {
	QEMU   string // path or name; "" is qemu-system-x86_64 in PATH
	Kernel string // bzImage, or a vmlinux with a PVH note
	// Direct says that Kernel is a vmlinux: the emulated firmware then does nothing but enter it, if QEMU has such
	// firmware.
	Direct bool

	// Initrd are the files of the initramfs: plain or compressed cpio archives, given to the kernel one after the
	// other; later ones win.
	Initrd []string
	// InitrdData follows them: what belongs only to this run needs no file.
	InitrdData []byte
	// Append are kernel words after the default ones, so that they win.
	Append []string

	CPUs      int // 0 is 2
	MemoryMiB int // 0 is 512
	// Parallel lets the guest's CPUs run in parallel even on a QEMU (before 8.1) whose TCG may then hang a kernel that
	// patches its code, as tracing does. It is for guests that compute and can be started again.
	Parallel bool
	Disks    []Disk
	// Cable adds two network interfaces that are joined to each other, and to nothing else.
	Cable bool
	Ports []string // names of virtio-serial ports, in order: /dev/vport?p1, …

	// RAM is a file to hold the guest's memory; nil is memory without a file. With RAMShared the guest works in the
	// file, and Save can be called; otherwise the file is only read, and what the guest writes stays private. The
	// caller closes it.
	RAM       *os.File
	RAMShared bool
	// State is what Save wrote about a machine with the same Config and with RAM: the guest resumes from there. It is
	// read from its current position.
	State *os.File

	// Last is called when the guest has ended by itself, before QEMU does: its memory is still there. nil: not.
	Last func(*Machine)

	Accel    Accel
	StateDir string    // where the finding about KVM is kept; "" keeps none
	Console  io.Writer // receives every console byte; a slow Write stalls the guest
	// Log receives what a person should know, one sentence per call: chiefly why KVM is not used. Another goroutine may
	// call it.
	Log func(string)

	firmware string // firmware that does nothing but enter a kernel; "": QEMU's own

	// Tests set these; the zero values mean the constants below and Probe.
	lifeDeadline  time.Duration // how long a KVM guest may be silent
	startDeadline time.Duration // how long QEMU may take to answer first
	kvmCPU        string        // CPU model under KVM
	threads       string        // for TCG; launch chooses
	probe         func() error
}

const (
	defaultQEMU   = "qemu-system-x86_64"
	maxCmdline    = 2047 // x86's COMMAND_LINE_SIZE less the zero byte
	maxDiskSerial = 20

	// A guest on KVM prints its first byte within a second; the rest is for a loaded host. QEMU answers on its monitor
	// within 0.1 s.
	defaultLifeDeadline  = 8 * time.Second
	defaultStartDeadline = 30 * time.Second
)

// FindQEMU is the path of a QEMU, empty for the one in PATH; else errNoQEMU.
func FindQEMU(name string) (string, error) {
	if name == "" {
		name = defaultQEMU
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return name, fmt.Errorf("find %s: %w", name, errNoQEMU)
	}
	return path, nil
}

// withDefaults fills in the zero values and makes paths absolute, because the command line is shown to people who paste
// it elsewhere.
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

// check refuses what QEMU or the kernel would misread or silently truncate.
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
		return fmt.Errorf("start machine: unknown accelerator %q: choose kvm or tcg", c.Accel)
	}
	seen := map[string]bool{consoleID: true, monitorID: true}
	for _, p := range c.Ports {
		if !plainName(p) || seen[p] {
			return fmt.Errorf("start machine: port name %q is taken, or contains more than a-z, 0-9 and dashes", p)
		}
		seen[p] = true
	}
	for _, d := range c.Disks {
		if len(d.Serial) > maxDiskSerial || (d.Serial != "" && !plainName(d.Serial)) {
			return fmt.Errorf("start machine: disk serial %q is longer than %d, or contains more than a-z, 0-9 and dashes",
				d.Serial, maxDiskSerial)
		}
	}
	if c.RAM == nil && (c.RAMShared || c.State != nil) {
		return errors.New("start machine: a snapshot needs a file for its memory")
	}
	words := strings.Join(c.Append, " ")
	if strings.ContainsAny(words, "\n\x00") {
		return fmt.Errorf("start machine: kernel words %q contain a newline or a zero byte", words)
	}
	return nil
}

func plainName(s string) bool {
	return s != "" && len(s) < 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] >= 'a'
}
