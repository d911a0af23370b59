// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"strings"
)

// device is a part of the machine: its words for QEMU and for the kernel. Devices are values; making the words opens
// nothing.
type device interface {
	args() []string
	kernelWords() []string
}

// The names of the character devices that are not ports.
const (
	consoleID = "console"
	monitorID = "monitor"
)

// byHand is the descriptor of a character device in a command line that a person can paste: in that case there is no
// socket to inherit.
const byHand = -1

// chardev is the host's end of a byte stream: an inherited, connected socket.
type chardev struct {
	id string
	fd int
}

func (c chardev) args() []string {
	backend := fmt.Sprintf("socket,id=%s,fd=%d", c.id, c.fd)
	if c.fd == byHand {
		backend = "null,id=" + c.id
		if c.id == consoleID {
			backend = "stdio,id=" + c.id
		}
	}
	return []string{"-chardev", backend}
}

// serialConsole is ttyS0, the kernel's console.
type serialConsole struct{ fd int }

func (s serialConsole) args() []string {
	return append(chardev{consoleID, s.fd}.args(), "-serial", "chardev:"+consoleID)
}

// kernelWords also spare the kernel the search for three ports that do not exist.
func (serialConsole) kernelWords() []string {
	return []string{"console=ttyS0", "8250.nr_uarts=1"}
}

// monitor is QEMU's own control channel, QMP. A pasted command line has none.
type monitor struct{ fd int }

func (m monitor) args() []string {
	if m.fd == byHand {
		return nil
	}
	return append(chardev{monitorID, m.fd}.args(), "-mon", "mode=control,chardev="+monitorID)
}

func (monitor) kernelWords() []string { return nil }

// serialPorts are virtio-serial ports: /dev/virtio-ports/NAME with udev, /sys/class/virtio-ports/vport?p?/name without.
// fds correspond to names.
type serialPorts struct {
	names []string
	fds   []int
}

// Old drivers reserve port 0 for a virtio console, hence one more.
func (s serialPorts) args() []string {
	if len(s.names) == 0 {
		return nil
	}
	words := []string{"-device", fmt.Sprintf("virtio-serial-pci,id=ports,max_ports=%d", len(s.names)+1)}
	for i, name := range s.names {
		words = append(words, chardev{name, s.fds[i]}.args()...)
		words = append(words, "-device", fmt.Sprintf("virtserialport,bus=ports.0,nr=%d,chardev=%s,name=%s", i+1, name, name))
	}
	return words
}

func (serialPorts) kernelWords() []string { return nil }

// disk is a virtio disk. It is a node of its own, not -drive, which would take a path with a colon for a protocol.
type disk struct {
	Disk
	index int
}

func (d disk) args() []string {
	node := fmt.Sprintf("disk%d", d.index)
	mode := "off"
	if d.ReadOnly {
		mode = "on"
	}
	words := fmt.Sprintf("virtio-blk-pci,drive=%s", node)
	if d.Serial != "" {
		words += ",serial=" + d.Serial
	}
	return []string{
		"-blockdev", fmt.Sprintf("driver=raw,node-name=%s,read-only=%s,file.driver=file,file.filename=%s", node, mode,
			escapeComma(d.Path)),
		"-device", words,
	}
}

func (disk) kernelWords() []string { return nil }

// cable is two virtio network interfaces on one hub of this QEMU's own, which has no third port: nothing that is sent
// leaves the process. Without romfile QEMU would want a boot ROM, which Debian has in another package.
type cable struct{}

func (cable) args() []string {
	var words []string
	for i := range 2 {
		words = append(words, "-netdev", fmt.Sprintf("hubport,id=end%d,hubid=0", i),
			"-device", fmt.Sprintf("virtio-net-pci,netdev=end%d,mac=52:54:00:00:00:0%d,romfile=", i, i+1))
	}
	return words
}

func (cable) kernelWords() []string { return nil }

// memory is the guest's memory, in a file if fd is one.
type memory struct {
	mib    int
	fd     int // noFile: not in a file
	shared bool
}

// noFile stands for a descriptor that does not exist.
const noFile = 0

func (m memory) args() []string {
	words := []string{"-m", fmt.Sprint(m.mib)}
	if m.fd == noFile {
		return words
	}
	share := "off"
	if m.shared {
		share = "on"
	}
	return append(words, "-object",
		fmt.Sprintf("memory-backend-file,id=ram,size=%dM,mem-path=/proc/self/fd/%d,share=%s", m.mib, m.fd, share))
}

func (memory) kernelWords() []string { return nil }

// processor is the accelerator with the CPU model that goes with it.
type processor struct {
	accel   Accel
	cpus    int
	model   string // under KVM
	threads string // under TCG
}

// Under TCG some CPU features are left out. cx16: QEMU 7.2 emulates cmpxchg16b such that kernels of 6.12 double-fault
// in their allocator. la57: five levels of page tables make each miss of the emulated TLB more expensive; a build of
// the seed's pair took 36 and 35 s with it, 34 and 34 s without. erms and fsrm: they make the kernel clear and copy
// pages with rep stosb and movsb, which TCG does byte by byte, while without them it takes eight bytes at a time. Three
// such builds, alternating: 28.7, 26.9, 29.4 s with them, 23.3, 23.9, 25.3 s without.
func (p processor) args() []string {
	accel, model := "tcg,thread="+p.threads, "max,-cx16,-la57,-erms,-fsrm"
	if p.accel == KVM {
		accel, model = "kvm", p.model
	}
	return []string{"-accel", accel, "-cpu", model, "-smp", fmt.Sprint(p.cpus)}
}

func (processor) kernelWords() []string { return nil }

// escapeComma doubles commas, which is how a value of QEMU's options contains one.
func escapeComma(s string) string { return strings.ReplaceAll(s, ",", ",,") }
