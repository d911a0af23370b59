// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// State is a module's state in the kernel.
type State string

// The states of /sys/module/NAME/initstate, and the two without such a file.
const (
	StateNone    State = ""        // not there
	StateLive    State = "live"    // loaded, init returned
	StateComing  State = "coming"  // init is running, or crashed
	StateGoing   State = "going"   // exit is running, or crashed
	StateBuiltin State = "builtin" // part of the kernel image
)

// LoadedModule is one line of /proc/modules.
type LoadedModule struct {
	Name    string
	Size    uint64 // bytes of memory
	Refcnt  int    // -1 if the kernel was built without unloading
	Holders []string
	State   State
	Taint   string // letters, such as OE
}

// kernelState reads what the kernel says about its modules. The folders are fields so
// that tests can have their own.
type kernelState struct{ proc, sys string }

var running = kernelState{"/proc", "/sys"}

// StateOf returns the state of a module in the running kernel; StateNone on other systems
// than Linux, and where /sys is not mounted.
func StateOf(name string) State { return running.state(CanonicalName(name)) }

func (k kernelState) state(name string) State {
	if name == "" || strings.ContainsAny(name, "/\x00") { // not the folder of all modules, or another
		return StateNone
	}
	dir := filepath.Join(k.sys, "module", name)
	data, err := slurp(filepath.Join(dir, "initstate"))
	if err == nil {
		return State(strings.TrimSpace(string(data)))
	}
	if _, err := os.Stat(dir); err != nil {
		return StateNone
	}
	// The folder appears a moment before its files. A module's folder has holders/, which
	// the kernel creates with it; that of a built-in never has.
	if _, err := os.Stat(filepath.Join(dir, "holders")); err == nil {
		return StateComing
	}
	return StateBuiltin
}

func (k kernelState) refcnt(name string) int {
	data, err := slurp(filepath.Join(k.sys, "module", name, "refcnt"))
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return -1
	}
	return n
}

// holders are the modules that use one, in the order of the folder, which kmod's commands
// print.
func (k kernelState) holders(name string) []string {
	dir, err := os.Open(filepath.Join(k.sys, "module", name, "holders"))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil { // it was unloaded meanwhile
		return nil
	}
	return names
}

func (k kernelState) inUse(name string) bool { return k.refcnt(name) > 0 || len(k.holders(name)) > 0 }

// List returns the loaded modules in the kernel's order, the youngest first. It reads
// /proc/modules once, so a module that is loaded or unloaded meanwhile is complete or
// absent. Holders are in the order of /sys/module if that names the same. On other
// systems than Linux it is an *UnsupportedError.
func List() ([]LoadedModule, error) {
	if err := supported("list modules"); err != nil {
		return nil, err
	}
	return running.list()
}

func (k kernelState) list() ([]LoadedModule, error) {
	data, err := slurp(filepath.Join(k.proc, "modules"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list modules: %w (is /proc mounted, and does the kernel have modules?)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	mods := parseProcModules(data)
	for i, m := range mods {
		if holders := k.holders(m.Name); sameSet(holders, m.Holders) {
			mods[i].Holders = holders
		}
	}
	return mods, nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// parseProcModules reads lines such as
//
//	send_signal 16384 1 - Live 0xffffffffc0a00000 (OE)
//	signal_handling 16384 1 send_signal, Live 0x0000000000000000 (OE+)
//
// and skips those of another form.
func parseProcModules(data []byte) []LoadedModule {
	var mods []LoadedModule
	for line := range lines(data) {
		f := bytes.Fields(line)
		if len(f) < 5 {
			continue
		}
		size, err := strconv.ParseUint(string(f[1]), 10, 64)
		if err != nil {
			continue
		}
		m := LoadedModule{Name: string(f[0]), Size: size, Refcnt: -1}
		if n, err := strconv.Atoi(string(f[2])); err == nil {
			m.Refcnt = n
		}
		for h := range strings.SplitSeq(string(f[3]), ",") {
			if h != "" && h != "-" && h != "[permanent]" {
				m.Holders = append(m.Holders, h)
			}
		}
		switch string(f[4]) {
		case "Live":
			m.State = StateLive
		case "Loading":
			m.State = StateComing
		case "Unloading":
			m.State = StateGoing
		}
		if n := len(f); n > 5 && f[n-1][0] == '(' {
			m.Taint = strings.Trim(string(f[n-1]), "()+-")
		}
		mods = append(mods, m)
	}
	return mods
}

// compression is what the kernel can decompress itself; None before Linux 5.17 and
// without CONFIG_MODULE_DECOMPRESS.
func (k kernelState) compression() Compression {
	data, err := slurp(filepath.Join(k.sys, "module/compression"))
	if err != nil {
		return None
	}
	return Compression(strings.TrimSpace(string(data)))
}

// exporter returns a function that finds the module that exports a symbol, in the tree's
// index.
func exporter(t *Tree) func(string) string {
	return func(symbol string) string {
		names, err := t.symbolOwners("symbol:" + symbol)
		if err != nil || len(names) == 0 {
			return ""
		}
		return names[0]
	}
}

// noModules reports a kernel without CONFIG_MODULES.
func (k kernelState) noModules() bool {
	_, err := os.Stat(filepath.Join(k.proc, "modules"))
	_, mounted := os.Stat(filepath.Join(k.proc, "version"))
	return err != nil && mounted == nil
}

func (k kernelState) modulesDisabled() bool {
	data, err := slurp(filepath.Join(k.proc, "sys/kernel/modules_disabled"))
	return err == nil && bytes.HasPrefix(data, []byte("1"))
}

// capable reports CAP_SYS_MODULE (bit 16) among the effective capabilities.
func (k kernelState) capable() bool {
	data, err := slurp(filepath.Join(k.proc, "self/status"))
	if err != nil {
		return true
	}
	for line := range lines(data) {
		if hex, ok := bytes.CutPrefix(line, []byte("CapEff:")); ok {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(hex)), 16, 64)
			return err != nil || n&(1<<16) != 0
		}
	}
	return true
}
