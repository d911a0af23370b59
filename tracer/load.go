// SPDX-License-Identifier: MIT

package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/programs"
)

// progLoadAttr is the part of union bpf_attr for BPF_PROG_LOAD that Linux 5.10 knows. Our programs come without type
// information: the kernel needs it for nothing that they do, and takes as long to read it as to verify the code.
type progLoadAttr struct {
	progType           uint32
	insnCount          uint32
	insns              unsafe.Pointer
	license            unsafe.Pointer
	logLevel           uint32
	logSize            uint32
	logBuf             unsafe.Pointer
	kernVersion        uint32
	progFlags          uint32
	progName           [unix.BPF_OBJ_NAME_LEN]byte
	progIfindex        uint32
	expectedAttachType uint32
	progBTFFD          uint32
	funcInfoRecSize    uint32
	funcInfo           unsafe.Pointer
	funcInfoCount      uint32
	lineInfoRecSize    uint32
	lineInfo           unsafe.Pointer
	lineInfoCount      uint32
	attachBTFID        uint32
	attachProgFD       uint32
	_                  uint32
}

// maxVerifierLog bounds what the verifier says about a program that it refuses; the end is what matters. At level 1
// this size suffices for each of ours.
const maxVerifierLog = 16 << 20

// maxLoads bounds how often a load is tried: a signal that arrives while the verifier works makes the kernel give up
// with EAGAIN, and Go's runtime sends signals.
const maxLoads = 30

// loadProgram makes the kernel verify a program whose code names maps by their descriptors. The error says in one line
// why it was refused.
func loadProgram(p *programs.Program, code []byte) (*ebpf.Program, error) {
	license := append([]byte(p.License), 0)
	attr := progLoadAttr{
		progType: p.Type, expectedAttachType: p.Attach, attachBTFID: p.TypeID,
		insns: unsafe.Pointer(unsafe.SliceData(code)), insnCount: uint32(len(code) / 8),
		license: unsafe.Pointer(unsafe.SliceData(license)),
	}
	copy(attr.progName[:len(attr.progName)-1], p.Name)
	fd, err := progLoad(&attr)
	if err == nil {
		return ebpf.NewProgramFromFD(fd)
	}
	log := make([]byte, maxVerifierLog)
	attr.logLevel, attr.logSize, attr.logBuf = 1, maxVerifierLog, unsafe.Pointer(unsafe.SliceData(log))
	if fd, again := progLoad(&attr); again == nil { // whatever was in the way is gone
		return ebpf.NewProgramFromFD(fd)
	}
	said, _, _ := bytes.Cut(log, []byte{0})
	return nil, refusal(err, string(said))
}

func progLoad(attr *progLoadAttr) (int, error) {
	for tries := 1; ; tries++ {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
		if errno == 0 {
			return int(fd), nil
		}
		if errno != unix.EAGAIN || tries == maxLoads {
			return 0, errno
		}
	}
}

// badRelocations are what remains in the code if the kernel has no such field: a call of helper 0xbad2310, or a load of
// that constant.
var badRelocations = []string{"invalid func unknown#195896080", "(18) r10 = 0xbad2310"}

// refusal adds the verifier's last message to an errno; its very last lines are statistics.
func refusal(err error, log string) error {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for len(lines) > 1 && strings.HasPrefix(lines[len(lines)-1], "processed ") {
		lines = lines[:len(lines)-1]
	}
	tail := strings.Join(lines[max(0, len(lines)-3):], "\n")
	for _, bad := range badRelocations {
		if strings.Contains(tail, bad) {
			return errors.New("this kernel lacks a type or field that it reads")
		}
	}
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}
