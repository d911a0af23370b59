// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// Flags of finit_module(2) for InitWithFlags. Both let the kernel take a module
// that does not fit it, and taint it.
const (
	IgnoreModversions = 1 // MODULE_INIT_IGNORE_MODVERSIONS
	IgnoreVermagic    = 2 // MODULE_INIT_IGNORE_VERMAGIC
	compressedFile    = 4 // MODULE_INIT_COMPRESSED_FILE, Linux 5.17
)

// Loaded is a module that this process loaded.
type Loaded struct {
	Name string
	Path string
	Took time.Duration // of the system call: linking and the module's init
	Kmsg []string      // the kernel's log lines during the call
	// Warnings are what the kernel let pass: unknown parameters, a positive
	// return value of init.
	Warnings []string
}

// LoadFile loads one module file into the running kernel, packed or not, without
// looking for what it needs. A refusal is a *LoadError. The call lasts as
// long as the module's init function; nothing can interrupt it.
func LoadFile(path, params string, flags int) (*Loaded, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("load module: %w", err)
	}
	defer f.Close()
	tree, err := Running()
	if err != nil {
		return nil, err
	}
	return loadOpen(f, params, flags, exporter(tree))
}

// Init loads an open module file, packed or not.
func Init(file *os.File, params string) error {
	_, err := loadOpen(file, params, 0, nil)
	return err
}

// InitWithFlags is Init with IgnoreModversions and IgnoreVermagic.
func InitWithFlags(file *os.File, params string, flags int) error {
	_, err := loadOpen(file, params, flags, nil)
	return err
}

// loadOpen makes the call between two looks at the kernel's log. exporter may be nil.
func loadOpen(f *os.File, params string, flags int, exporter func(string) string) (*Loaded, error) {
	name := CanonicalName(f.Name())
	log := openKmsg()
	defer log.Close()
	call := moduleCall{params: params, flags: flags}
	err := call.insert(f)
	kmsg := log.Lines()
	if err == nil {
		if running.state(name) == StateNone { // a renamed file: its module has its own name still
			if m, err := parseOpen(f); err == nil && m.Name != "" {
				name = m.Name
			}
		}
		return &Loaded{Name: name, Path: f.Name(), Took: call.took, Kmsg: kmsg, Warnings: warnings(name, kmsg)}, nil
	}
	if errors.Is(err, ErrCrashed) {
		return nil, crashed(call.op, name, f.Name(), kmsg)
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return nil, fmt.Errorf("load module %s: %w", f.Name(), err)
	}
	facts := callFacts{module: name, path: f.Name(), params: params, flags: call.flags, exporter: exporter,
		disabled: running.modulesDisabled(), capable: running.capable(), noLog: log == nil}
	facts.inspect(f)
	facts.machine, facts.loaded = machine(), func(name string) bool { return running.state(name) == StateLive }
	facts.state, facts.refcnt = running.state(facts.module), running.refcnt(facts.module)
	if errno == syscall.ETXTBSY {
		facts.writers = running.writers(f.Name())
	}
	e := explain(call.op, errno, kmsg, facts)
	return nil, &LoadError{Op: call.op, Module: facts.module, Path: f.Name(), Errno: errno, Kmsg: kmsg, Cause: e.cause, Hint: e.hint, Kind: e.kind}
}

// inspect looks at a file that the kernel refused.
func (facts *callFacts) inspect(f *os.File) {
	if st, err := f.Stat(); err == nil {
		facts.size = st.Size()
	}
	m, err := parseOpen(f)
	facts.parsed = m
	switch {
	case err == nil && m.Name != "":
		facts.module = m.Name
	case errors.Is(err, ErrInvalidModule):
		fe, _ := errors.AsType[*FileError](err)
		facts.file = &FileError{Reason: fe.Reason} // the path is said already
	}
}

// readAll returns the file's plain bytes from its beginning.
func readAll(f *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, ko.MaxSize))
	if err != nil {
		return nil, err
	}
	return Decompress(data)
}

// moduleCall is one system call that loads a module.
type moduleCall struct {
	op     string
	params string
	flags  int
	took   time.Duration // of the call alone
}

// insert chooses the call. The kernel unpacks a file itself where it can; else we do.
func (c *moduleCall) insert(f *os.File) error {
	var head [8]byte
	n, _ := f.ReadAt(head[:], 0)
	kind := CompressionOf(head[:n])
	if kind == None {
		return c.finit(f)
	}
	if kind == running.compression() {
		c.flags |= compressedFile
		if err := c.finit(f); err != unix.EOPNOTSUPP {
			return err
		}
		c.flags &^= compressedFile
	}
	data, err := readAll(f)
	if err != nil {
		return err
	}
	if c.flags != 0 {
		return c.finitBytes(data)
	}
	c.op = opInit
	start := time.Now()
	err = watchCall(func() error { return unix.InitModule(data, c.params) })
	c.took = time.Since(start)
	return err
}

func (c *moduleCall) finit(f *os.File) error {
	c.op = opFinit
	start := time.Now()
	err := watchCall(func() error { return unix.FinitModule(int(f.Fd()), c.params, c.flags) })
	c.took = time.Since(start)
	return err
}

// finitBytes gives the kernel bytes with flags, which init_module does not take.
func (c *moduleCall) finitBytes(data []byte) error {
	fd, err := unix.MemfdCreate("module", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	w := os.NewFile(uintptr(fd), "module")
	defer w.Close()
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		return err
	}
	// finit_module refuses a file that anybody has open for writing.
	r, err := openFile(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := w.Close(); err != nil {
		return err
	}
	return c.finit(r)
}

// warnings picks the lines about what the kernel let pass.
func warnings(name string, kmsg []string) []string {
	var out []string
	for _, line := range kmsg {
		if strings.Contains(line, "unknown parameter '") || strings.Contains(line, "' ignored") && strings.HasPrefix(line, name) ||
			strings.Contains(line, "init suspiciously returned") {
			out = append(out, line)
		}
	}
	return out
}

// Remove unloads one module from the running kernel and does not wait for it
// to become unused. A refusal is a *LoadError with what holds the module.
func Remove(name string) error { return deleteModule(CanonicalName(name), unix.O_NONBLOCK) }

func deleteModule(name string, flags int) error {
	log := openKmsg()
	defer log.Close()
	err := watchCall(func() error { return unix.DeleteModule(name, flags) })
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrCrashed) {
		return crashed(opDelete, name, "", log.Lines())
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return fmt.Errorf("unload module %s: %w", name, err)
	}
	return unloadError(name, errno, log.Lines())
}

func unloadError(name string, errno syscall.Errno, kmsg []string) error {
	facts := callFacts{module: name, state: running.state(name), refcnt: running.refcnt(name), holders: running.holders(name),
		disabled: running.modulesDisabled(), capable: running.capable()}
	if errno == syscall.EAGAIN && len(facts.holders) == 0 {
		d := Diagnose(name)
		facts.users, facts.mounts = d.Users, d.Mounts
	}
	e := explain(opDelete, errno, kmsg, facts)
	return &LoadError{Op: opDelete, Module: name, Errno: errno, Kmsg: kmsg, Cause: e.cause, Hint: e.hint, Kind: e.kind, Holders: facts.holders}
}

// CheckUnused returns the error that unloading a module in use would give,
// without the system call, as kmod's commands ask first; nil for an unused module.
func CheckUnused(name string) error {
	if !running.inUse(name) {
		return nil
	}
	if state := running.state(name); state == StateComing || state == StateGoing {
		return unloadError(name, syscall.EBUSY, nil)
	}
	return unloadError(name, syscall.EAGAIN, nil)
}

// Running is the tree of the running kernel, below "/".
func Running() (*Tree, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("read kernel release: %w", err)
	}
	cmdline, _ := slurp("/proc/cmdline") // without /proc there is nothing to know of it
	return &Tree{Root: "/", Release: unix.ByteSliceToString(u.Release[:]), KernelCmdline: string(cmdline)}, nil
}

// machine is the kernel's kind of processor, "" where uname's word for it is
// none of MachineName's.
func machine() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	switch name := unix.ByteSliceToString(u.Machine[:]); name {
	case "x86_64", "aarch64", "s390x", "ppc64", "loongarch64":
		return name
	}
	return ""
}

// ErrnoName is an errno's symbolic name, such as ENOEXEC.
func ErrnoName(e syscall.Errno) string {
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return fmt.Sprint(int(e))
}
