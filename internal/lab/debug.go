// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/gdbbroker"
	"github.com/kmodlab/kmodlab/internal/gdbscript"
	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/modmem"
	"github.com/kmodlab/kmodlab/internal/scratch"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/internal/symfile"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// Debugging is a machine that stands before its first step, for a debugger.
type Debugging struct {
	Script string   // gdb's commands
	Conn   *os.File // gdb's connection, which it inherits as descriptor BridgeFD

	lab     *Lab
	folder  *scratch.Folder
	broker  *gdbbroker.Broker
	loads   uint64              // the address of do_init_module
	layout  map[string]uint32   // of the kernel's structures
	vmlinux string              // a file with the kernel's debug information, empty for none
	breaks  map[string][]string // by module
	once    map[string][]string // those in the part that is freed after init
	known   []gdbscript.Module  // of which gdb has been told
	atInit  bool
	ended   chan struct{} // closed when the machine is released
	err     error         // valid then
}

// BridgeFD is the descriptor of gdb's connection.
const BridgeFD = 3

// loadsIn is the function in which a module is in memory with its sections, and nothing of it has run yet.
const loadsIn = "do_init_module"

// debugLimit bounds the preparation, before it is stretched for TCG.
const debugLimit = 20 * time.Second

// Debug stops the machine and has a debugger's commands written. breaks are places to stop at instead of the modules'
// init, vmlinux is a file with the kernel's debug information, "" for that of its package. All limits are
// held until the debugging has ended. The caller calls Close.
func (l *Lab) Debug(ctx context.Context, breaks []string, vmlinux string) (*Debugging, error) {
	if l.debug == nil {
		return nil, evidence.HostFailure(errors.New("a machine cannot debug the kernel that it runs on: leave out --here"), "")
	}
	within, cancel := context.WithTimeout(ctx, debugLimit*l.Scale)
	defer cancel()
	d := &Debugging{lab: l, ended: make(chan struct{}), atInit: len(breaks) == 0, loads: l.Variable(loadsIn)}
	kernel := symfile.ParseKallsyms(string(l.kallsymsText()))
	inKernel, err := d.place(breaks, kernel)
	if err != nil {
		return nil, err
	}
	if d.vmlinux, err = l.vmlinux(vmlinux); err != nil {
		return nil, err
	}
	if d.layout, err = l.layout(within, modmem.Members); err != nil {
		return nil, l.Failed("read the kernel's types", err)
	}
	if d.folder, err = l.Scratch("debug"); err != nil {
		return nil, evidence.HostFailure(err, "")
	}
	if err := d.write(kernel, inKernel); err != nil {
		d.folder.Close()
		return nil, evidence.HostFailure(fmt.Errorf("prepare the debugger: %w", err), "")
	}
	if err := d.connect(within); err != nil {
		d.folder.Close()
		return nil, evidence.HostFailure(fmt.Errorf("prepare the debugger: %w", err), "")
	}
	release := l.hold.begin()
	go func() {
		defer close(d.ended)
		defer release()
		if d.err = d.broker.Run(ctx); d.err != nil && ctx.Err() == nil {
			d.letRun()
		}
	}()
	return d, nil
}

// letRun has QEMU let the machine run when its stub did not. A machine that has ended cannot; that is told elsewhere.
func (d *Debugging) letRun() {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	d.lab.undebug(ctx)
}

// kallsymsText is what the guest has said about its symbols, before anything foreign was in it.
func (l *Lab) kallsymsText() []byte {
	if l.kallsyms != nil {
		return l.kallsyms
	}
	data, _ := os.ReadFile(l.symbolsFile()) // an earlier run has kept it
	return data
}

// Running reports whether the machine runs.
func (d *Debugging) Running() bool { return d.broker.Running() }

// Leave says that the debugger has ended, whoever else still has its connection, as a program that it has started.
func (d *Debugging) Leave() {
	d.Conn.Close()
	d.broker.GDB.Close()
}

// Ended is closed when the debugger has let go of the machine.
func (d *Debugging) Ended() <-chan struct{} { return d.ended }

// Finish tells the debugger that the machine is gone, once it runs, and waits for that.
func (d *Debugging) Finish(ctx context.Context) {
	d.broker.Finish()
	select {
	case <-d.ended:
	case <-ctx.Done():
	}
}

// Close removes the files.
func (d *Debugging) Close() {
	d.Conn.Close()
	d.folder.Close()
}

func (d *Debugging) path(name string) string { return filepath.Join(d.folder.Path, name) }

const (
	kernelName = "kernel.elf"
	startName  = "start.gdb"
	loadedName = "loaded.gdb"
)

// write writes the files: the kernel's symbols, the modules, the commands.
func (d *Debugging) write(kernel []symfile.Symbol, breaks []string) error {
	l := d.lab
	start := gdbscript.Start{
		Symbols: d.path(kernelName), Loads: d.loads, Loaded: d.path(loadedName), Breaks: breaks,
		Bridge: []string{l.Agent, wire.AgentGDBPipe, strconv.Itoa(BridgeFD)},
	}
	for _, dir := range l.SourceDirs() {
		full, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		start.Sources = append(start.Sources, full)
	}
	if d.vmlinux != "" {
		start.Symbols = d.vmlinux
	}
	for _, path := range append([]string{d.folder.Path, l.Agent, start.Symbols}, start.Sources...) {
		if err := gdbscript.CheckPath(path); err != nil {
			return err
		}
	}
	frames, err := l.unwinding(symfile.Code(kernel))
	if err != nil {
		l.journal.Log(fmt.Sprintf("backtraces end at the kernel's own functions: %v", err))
	}
	files := map[string][]byte{
		kernelName: symfile.Write(kernel, frames), startName: []byte(start.Text()), loadedName: []byte(gdbscript.Other),
	}
	for _, name := range l.Studied() {
		if file := l.Read.Get(name); file.Err == "" {
			files[name+".ko"] = symfile.Module(file.Data)
		}
	}
	for name, data := range files {
		if err := os.WriteFile(d.path(name), data, 0o600); err != nil {
			return err
		}
	}
	d.Script = d.path(startName)
	return nil
}

// unwinding says how the kernel's functions use the stack.
func (l *Lab) unwinding(functions []uint64) ([]byte, error) {
	path, err := l.Kernel.Direct(l.directDir())
	if err != nil {
		return nil, err
	}
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return symfile.Unwinding(file, functions)
}

// connect stops the machine and joins it with a socket for gdb.
func (d *Debugging) connect(ctx context.Context) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("create socket pair: %w", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "broker")
	defer ours.Close() // FileConn duplicates it
	d.Conn = os.NewFile(uintptr(fds[1]), "gdb")
	conn, err := net.FileConn(ours)
	if err != nil {
		d.Conn.Close()
		return err
	}
	stub, err := d.lab.debug(ctx)
	if err != nil {
		conn.Close()
		d.Conn.Close()
		return err
	}
	d.broker = gdbbroker.New(stub, conn, d.stopped)
	return nil
}

// stopped looks at a machine that has just stopped. If that is where a module is loaded, it writes the commands about
// it, which gdb reads there.
func (d *Debugging) stopped(look *gdbbroker.Look) {
	r, err := look.Registers()
	if err != nil || d.loads == 0 || r.Instruction != d.loads {
		return
	}
	text := gdbscript.Other
	name, err := modmem.Name(look, d.layout, r.Argument)
	if err == nil && d.lab.studies(name) {
		var m *modmem.Module
		if m, err = modmem.Read(look, d.layout, r.Argument); m != nil {
			m.Sections = inFile(m.Sections, d.lab.Read.Get(name).Data)
			made := gdbscript.Module{
				Module: *m, File: d.path(name + ".ko"), Breaks: d.breaks[name], Once: d.once[name], AtInit: d.atInit,
			}
			text = made.Text(d.known)
			d.known = append(d.known, made)
		}
	}
	if err != nil {
		d.lab.journal.Log(fmt.Sprintf("cannot tell gdb about the module that is being loaded: %v", err))
	}
	if err := os.WriteFile(d.path(loadedName), []byte(text), 0o600); err != nil {
		d.lab.journal.Log(fmt.Sprintf("cannot tell gdb about the module that is being loaded: %v", err))
	}
}

// inFile leaves out what a debugger does not need, and what the kernel has added.
func inFile(list []modmem.Section, file []byte) []modmem.Section {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return list
	}
	return slices.DeleteFunc(list, func(s modmem.Section) bool {
		in := f.Section(s.Name)
		return in == nil || in.Flags&(elf.SHF_EXECINSTR|elf.SHF_WRITE) == 0 && !strings.HasPrefix(s.Name, ".rodata")
	})
}

// studies reports whether a module is under study, and has a file.
func (l *Lab) studies(name string) bool {
	for _, s := range l.Studied() {
		if s == name {
			return l.Read.Get(name).Err == ""
		}
	}
	return false
}

// place finds out what each place belongs to: a module under study, or the kernel.
func (d *Debugging) place(breaks []string, kernel []symfile.Symbol) (inKernel []string, _ error) {
	d.breaks, d.once = make(map[string][]string), make(map[string][]string)
	for _, place := range breaks {
		found := false
		for _, module := range d.lab.Studied() {
			switch has, freed := d.lab.has(module, place); {
			case freed:
				d.once[module], found = append(d.once[module], place), true
			case has:
				d.breaks[module], found = append(d.breaks[module], place), true
			}
		}
		if found {
			continue
		}
		if !inThe(kernel, place) {
			return nil, d.nowhere(place)
		}
		inKernel = append(inKernel, place)
	}
	return inKernel, nil
}

func inThe(kernel []symfile.Symbol, place string) bool {
	if strings.HasPrefix(place, "*") {
		return true
	}
	for _, s := range kernel {
		if s.Code && s.Name == place {
			return true
		}
	}
	return false
}

// has reports whether a module has a function, or a source file of FILE:LINE; freed that it is a function in the part
// that the kernel frees after init.
func (l *Lab) has(module, place string) (has, freed bool) {
	data := l.Read.Get(module).Data
	if file, _, is := strings.Cut(place, ":"); is {
		info, err := srcline.Open(data)
		if err != nil {
			return false, false
		}
		for _, name := range info.Files() {
			if name == file || strings.HasSuffix(name, "/"+file) {
				return true, false
			}
		}
		return false, false
	}
	m := symbols.OfModule(data)
	is := func(f string) bool {
		name, _, _ := strings.Cut(f, ".")
		return name == place || f == place
	}
	return slices.ContainsFunc(m.Functions(), is), slices.ContainsFunc(m.InitFunctions(), is)
}

// nowhere says what a place may have been meant to be.
func (d *Debugging) nowhere(place string) error {
	var functions []string
	for _, module := range d.lab.Studied() {
		m := symbols.OfModule(d.lab.Read.Get(module).Data)
		functions = slices.Concat(functions, m.Functions(), m.InitFunctions())
	}
	hint := "name a function of the modules or of the kernel, or FILE:LINE of a module with debug information"
	if near := hints.Nearest(place, functions); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return &evidence.Failure{
		Kind: evidence.Preflight, Hint: hint,
		Message: fmt.Sprintf("there is no %s to stop at, neither in %s nor in the kernel", place,
			strings.Join(d.lab.Studied(), ", ")),
	}
}
