// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// loadOpen loads an open file and reads what the kernel logged meanwhile. exporter may
// be nil.
func loadOpen(f *os.File, params string, flags int, exporter func(string) string) (*Loaded, error) {
	name := CanonicalName(f.Name())
	log := openKmsg()
	defer log.Close()
	call := moduleCall{params: params, flags: flags}
	err := call.insert(f)
	kmsg := log.Lines()
	if err == nil {
		if running.state(name) == StateNone { // a renamed file: its module keeps its own name
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
		disabled: running.modulesDisabled(), capable: running.capable(), noLog: log == nil,
		noModules: running.noModules()}
	facts.inspect(f)
	facts.machine, facts.loaded = machine(), func(name string) bool { return running.state(name) == StateLive }
	facts.state, facts.refcnt = running.state(facts.module), running.refcnt(facts.module)
	if errno == syscall.ETXTBSY {
		facts.writers = running.writers(f.Name())
	}
	e := explain(call.op, errno, kmsg, facts)
	return nil, &LoadError{Op: call.op, Module: facts.module, Path: f.Name(), Errno: errno, Kmsg: kmsg,
		Cause: e.cause, Hint: e.hint, Kind: e.kind}
}

// inspect reads a file that the kernel refused.
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
		facts.file = &FileError{Reason: fe.Reason} // the error names the path already
	}
}

// moduleCall is one system call that loads a module.
type moduleCall struct {
	op     string
	params string
	flags  int
	took   time.Duration // of the call alone
}

// insert chooses the call. The kernel decompresses a file itself if it can; otherwise we do.
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
	err := watchCall(func() error { return finitModule(f, c.params, c.flags) })
	c.took = time.Since(start)
	return err
}

// lastErrno is the largest number that the kernel returns as an error. Go takes it for a result.
const lastErrno = 4095

// finitModule is unix.FinitModule, for which a module whose init returned -4095 is loaded.
func finitModule(f *os.File, params string, flags int) error {
	p, err := unix.BytePtrFromString(params)
	if err != nil {
		return err
	}
	r, _, errno := unix.Syscall(unix.SYS_FINIT_MODULE, f.Fd(), uintptr(unsafe.Pointer(p)), uintptr(flags))
	if errno == 0 && int(r) == -lastErrno {
		errno = lastErrno
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// finitBytes loads bytes with flags, which init_module does not have.
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
	// finit_module refuses a file that is open for writing.
	r, err := ko.OpenNow(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := w.Close(); err != nil {
		return err
	}
	return c.finit(r)
}
