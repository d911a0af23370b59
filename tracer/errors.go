// SPDX-License-Identifier: MIT

package tracer

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/linuxversion"
)

const (
	vmlinuxBTF   = "/sys/kernel/btf/vmlinux"
	lockdownFile = "/sys/kernel/security/lockdown"
)

// The reasons why nothing can be traced. Start wraps one of them if it knows.
var (
	// ErrNoBTF: no program can find out about the kernel's structures.
	ErrNoBTF = errors.New("the kernel has no BTF (" + vmlinuxBTF +
		"): use a kernel with CONFIG_DEBUG_INFO_BTF=y, such as Debian's")
	// ErrNotPermitted: the kernel refuses BPF to this process.
	ErrNotPermitted = errors.New("the kernel refuses BPF")
	// ErrTooOld: the kernel lacks BPF ring buffers or more.
	ErrTooOld = errors.New("the kernel is too old")
)

// lockedDown reports whether the kernel's lockdown forbids programs to read its memory. The few programs that read none
// still attach in that case.
func lockedDown(lockdown string) bool { return strings.Contains(lockdown, "[confidentiality]") }

// explain says what to do about an error that prevents tracing altogether.
func explain(err error) error {
	lockdown, _ := os.ReadFile(lockdownFile) // absent if nothing is locked down
	var uts unix.Utsname
	if unameErr := unix.Uname(&uts); unameErr != nil {
		return fmt.Errorf("%w (and uname: %w)", err, unameErr)
	}
	return explainFor(err, os.Geteuid() == 0, string(lockdown), unix.ByteSliceToString(uts.Release[:]))
}

// explainFor is explain for a machine that its arguments describe.
func explainFor(err error, root bool, lockdown, release string) error {
	line := firstLine(err)
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		switch {
		case lockedDown(lockdown):
			return fmt.Errorf("%w: it is locked down (lockdown=confidentiality); boot without lockdown, "+
				"or with lockdown=integrity (%s)", ErrNotPermitted, line)
		case !root:
			return fmt.Errorf("%w: run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN (%s)", ErrNotPermitted, line)
		}
		return fmt.Errorf("%w even to root: in a container, grant it CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN, "+
			"or run outside (%s)", ErrNotPermitted, line)
	case tooOld(release):
		return fmt.Errorf("%w: %s, and the tracer needs Linux 5.10 or later (%s)", ErrTooOld, release, line)
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("this kernel, %s, was built without what the tracer needs (CONFIG_BPF_SYSCALL, "+
			"CONFIG_BPF_JIT, CONFIG_BPF_EVENTS, CONFIG_FUNCTION_TRACER): %s", release, line)
	}
	return err
}

func tooOld(release string) bool {
	major, minor, ok := linuxversion.Parse(release)
	return ok && (major < 5 || major == 5 && minor < 10)
}
