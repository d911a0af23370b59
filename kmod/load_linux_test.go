// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

var explainExports = func(s string) string { return map[string]string{"depa_sym": "depa"}[s] }

// explained are refusals, each with the kind and a part of the cause that explain finds.
var explained = []struct {
	name  string
	op    string
	errno syscall.Errno
	kmsg  string
	f     callFacts
	kind  error
	cause string
}{
	{"symbol", opFinit, syscall.ENOENT, "x: Unknown symbol foo (err -2)", callFacts{}, ErrUnknownSymbol,
		"x needs symbol foo, which nothing that is loaded exports"},
	{"symbol of a module", opFinit, syscall.ENOENT, "x: Unknown symbol depa_sym (err -2)",
		callFacts{exporter: explainExports}, ErrUnknownSymbol, "depa_sym (exported by depa)"},
	{"symbols", opFinit, syscall.ENOENT, "x: Unknown symbol foo (err -2)\nx: Unknown symbol bar (err -2)", callFacts{},
		ErrUnknownSymbol, "foo, bar"},
	{"CRC", opFinit, syscall.EINVAL, "x: disagrees about version of symbol foo\nx: Unknown symbol foo (err -22)",
		callFacts{}, ErrSymbolVersion, "another version of symbol foo"},
	{"CRC of module_layout", opFinit, syscall.ENOEXEC, "x: disagrees about version of symbol module_layout",
		callFacts{}, ErrSymbolVersion, "another kernel configuration"},
	{"vermagic", opFinit, syscall.ENOEXEC,
		"x: version magic '5.10.0 SMP mod_unload ' should be '6.1.0 SMP mod_unload '", callFacts{}, ErrVermagic,
		"built for release 5.10.0, the kernel is 6.1.0"},
	{"namespace", opFinit, syscall.EINVAL,
		"x: module x uses symbol (foo) from namespace NS, but does not import it.\nx: Unknown symbol foo (err -22)",
		callFacts{}, ErrNamespace, "foo is in namespace NS"},
	{"duplicate export", opFinit, syscall.ENOEXEC, "x: exports duplicate symbol foo (owned by y)", callFacts{},
		ErrDuplicate, "y exports symbol foo already"},
	{"not a module", opFinit, syscall.ENOEXEC, "Invalid ELF header magic: != \x7fELF",
		callFacts{file: &FileError{Reason: "truncated: …"}}, ErrInvalidModule, "truncated: …"},
	{"not a module, why unknown", opFinit, syscall.ENOEXEC, "", callFacts{}, ErrInvalidModule,
		"does not accept the file as a module"},
	{"empty file", opFinit, syscall.EINVAL, "", callFacts{size: 0}, ErrInvalidModule, "empty"},
	{"flags", opFinit, syscall.EINVAL, "", callFacts{size: 9, flags: 0x40}, nil, "flags 0x40"},
	{"open for writing", opFinit, syscall.ETXTBSY, "", callFacts{writers: []User{{PID: 7, Comm: "cat"}}}, ErrBusy,
		"open for writing by cat[7]"},
	{"no decompressor", opFinit, syscall.EOPNOTSUPP, "", callFacts{flags: compressedFile}, ErrNotCompression,
		"CONFIG_MODULE_DECOMPRESS"},
	{"bad parameter", opFinit, syscall.EINVAL, "x: `abc' invalid for parameter `count'", callFacts{size: 9},
		ErrParameter, `parameter count does not take "abc": not a value`},
	{"long parameter", opFinit, syscall.ENOSPC, "x: `abcdef' too large for parameter `name'", callFacts{}, ErrParameter,
		`"abcdef": too long`},
	{"already loaded", opFinit, syscall.EEXIST, "", callFacts{state: StateLive}, ErrAlreadyLoaded, "loaded already"},
	{"init says EEXIST", opFinit, syscall.EEXIST, "", callFacts{}, ErrInit, "init function of x returned -EEXIST"},
	{"init fails", opFinit, syscall.ENODEV, "x: no device here", callFacts{}, ErrInit, "returned -ENODEV"},
	{"init fails, no log", opFinit, syscall.ENOENT, "", callFacts{noLog: true}, nil, "refused x, or its init"},
	{"unsigned", opFinit, syscall.EKEYREJECTED, "Loading of unsigned module is rejected", callFacts{}, ErrSignature,
		"loading of unsigned module"},
	{"wrong key", opFinit, syscall.EKEYREJECTED, "", callFacts{parsed: &Module{Signed: true}}, ErrSignature,
		"does not trust"},
	{"lockdown", opFinit, syscall.EPERM,
		"Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7", callFacts{capable: true},
		ErrSignature, "locked down"},
	{"broken signature", opFinit, syscall.EBADMSG, "", callFacts{parsed: &Module{Signed: true}},
		ErrSignature, "damaged"},
	{"kernel's blacklist", opFinit, syscall.EPERM, "Module x is blacklisted", callFacts{capable: true}, ErrBlacklisted,
		"module_blacklist="},
	{"modules_disabled", opFinit, syscall.EPERM, "", callFacts{disabled: true, capable: true}, ErrNotPermitted,
		"modules_disabled is 1"},
	{"no capability", opFinit, syscall.EPERM, "", callFacts{}, ErrNotPermitted, "CAP_SYS_MODULE"},
	{"no modules", opFinit, syscall.ENOSYS, "", callFacts{noModules: true}, ErrNotPermitted, "without loadable modules"},
	{"waited for a symbol", opFinit, syscall.EBUSY,
		"x: gave up waiting for init of module y.\nx: Unknown symbol foo (err -16)", callFacts{}, ErrBusy,
		"gave up waiting for init of module y"},
	{"held", opDelete, syscall.EAGAIN, "", callFacts{holders: []string{"y", "z"}, refcnt: 2}, ErrInUse,
		"x is used by y, z"},
	{"leaked", opDelete, syscall.EAGAIN, "", callFacts{refcnt: 1}, ErrInUse, "refcount 1, no holders, and no process"},
	{"permanent", opDelete, syscall.EBUSY, "", callFacts{state: StateLive}, ErrPermanent, "no exit function"},
	{"init crashed", opDelete, syscall.EBUSY, "", callFacts{state: StateComing}, ErrBusy,
		"has not returned, or crashed"},
	{"exit crashed", opDelete, syscall.EBUSY, "", callFacts{state: StateGoing}, ErrBusy, "being unloaded"},
	{"not loaded", opDelete, syscall.ENOENT, "", callFacts{}, ErrNotLoaded, "x is not loaded"},
	{"unload without capability", opDelete, syscall.EPERM, "", callFacts{}, ErrNotPermitted, "CAP_SYS_MODULE"},
}

// TestInitsOwnErrno: what init returned is not explained as a refusal of the kernel, whichever number it is, unless
// something else shows that.
func TestInitsOwnErrno(t *testing.T) {
	intact := callFacts{module: "x", size: 9, parsed: &Module{Machine: 62}, machine: "x86_64", capable: true}
	for n := syscall.Errno(1); n < 600; n++ {
		e := explain(opFinit, n, []string{"x: loading out-of-tree module taints kernel.", "hello"}, intact)
		if want := "the init function of x returned -" + ErrnoName(n); e.kind != ErrInit || e.cause != want {
			t.Errorf("errno %d: %v, %q; want %q", int(n), e.kind, e.cause, want)
		}
	}
}

func TestSetter(t *testing.T) {
	cb := &Module{Info: Info{{"parmtype", "count:int"}, {"parmtype", "mode:mode"}, {"parmtype", "on:bool"}}}
	for _, tc := range []struct {
		errno syscall.Errno
		line  string
		want  string
	}{
		{syscall.EBUSY, "x: `5' invalid for parameter `count'", "setter of parameter count returned -EBUSY"},
		{syscall.EINVAL, "x: `abc' invalid for parameter `count'", `parameter count does not take "abc": not a value`},
		{syscall.ERANGE, "x: `99999999999' invalid for parameter `count'", "not a value"},
		{syscall.EINVAL, "x: `5' invalid for parameter `count'", "setter of parameter count returned -EINVAL"},
		{syscall.EINVAL, "x: `fast' invalid for parameter `mode'", "setter of parameter mode returned -EINVAL"},
		{syscall.EINVAL, "x: `fast' invalid for parameter `hidden'", "setter of parameter hidden returned -EINVAL"},
		{syscall.ENOSPC, "x: `fast' too large for parameter `hidden'", "setter of parameter hidden returned -ENOSPC"},
		{syscall.EINVAL, "x: `maybe' invalid for parameter `on'", "not a value"},
		{syscall.ENOENT, "x: Unknown parameter `mode'", `setter of parameter mode returned -ENOENT for "fast"`},
	} {
		e := explain(opFinit, tc.errno, []string{tc.line},
			callFacts{module: "x", size: 9, params: `count=5 mode="fast"`, parsed: cb})
		if e.kind != ErrParameter || !strings.Contains(e.cause, tc.want) {
			t.Errorf("%s: %v, %q; want %q", tc.line, e.kind, e.cause, tc.want)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, tc := range explained {
		t.Run(tc.name, func(t *testing.T) {
			tc.f.module = "x"
			var kmsg []string
			if tc.kmsg != "" {
				kmsg = strings.Split(tc.kmsg, "\n")
			}
			e := explain(tc.op, tc.errno, kmsg, tc.f)
			if e.kind != tc.kind || !strings.Contains(e.cause, tc.cause) {
				t.Errorf("got %v, %q; want %v, %q", e.kind, e.cause, tc.kind, tc.cause)
			}
			err := error(&LoadError{Op: tc.op, Module: "x", Errno: tc.errno, Cause: e.cause, Hint: e.hint,
				Kind: e.kind})
			if !errors.Is(err, tc.errno) || tc.kind != nil && !errors.Is(err, tc.kind) {
				t.Errorf("%v is not %v and %v", err, tc.errno, tc.kind)
			}
		})
	}
}

func TestKmsgText(t *testing.T) {
	for in, want := range map[string]string{"6,339,5140900,-;x: hello; there\n SUBSYSTEM=acpi\n": "x: hello; there",
		"4,1,2,c;": "", `4,1,2,c;a\x0ab\x5cc\x`: "a\nb\\c\\x", "garbage": "garbage"} {
		if got := kmsgText([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	got := warnings("x", []string{"x: unknown parameter 'nope' ignored", "x: loading out-of-tree module taints kernel.",
		"do_init_module: 'x'->init suspiciously returned 1, it should follow 0/-E convention"})
	if len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

func TestParseProcModules(t *testing.T) {
	got := parseProcModules([]byte("send_signal 16384 1 - Live 0xffffffffc0a00000 (OE)\nsignal_handling 16384 2 send_signal,other, Loading 0x0000000000000000 (OE+)\n" +
		"fixed 99 1 [permanent], Live 0x0\nstatic 12 - - Live 0x0\ngoing 1 0 - Unloading 0x0 (PO-)\ngarbage\nx y z - Live 0x0\n"))
	want := []LoadedModule{
		{"send_signal", 16384, 1, nil, StateLive, "OE"},
		{"signal_handling", 16384, 2, []string{"send_signal", "other"}, StateComing, "OE"},
		{"fixed", 99, 1, nil, StateLive, ""}, {"static", 12, -1, nil, StateLive, ""},
		{"going", 1, 0, nil, StateGoing, "PO"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestKernelState(t *testing.T) {
	k := kernelState{proc: t.TempDir(), sys: t.TempDir()}
	for name, text := range map[string]string{"live/initstate": "live\n", "live/refcnt": "2\n", "live/holders/z": "",
		"live/holders/a":     "",
		"early/holders/none": "", "printk/parameters/time": "Y\n"} {
		path := filepath.Join(k.sys, "module", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]State{"live": StateLive, "early": StateComing, "printk": StateBuiltin,
		"none": StateNone} {
		if got := k.state(name); got != want {
			t.Errorf("state of %s is %q, want %q", name, got, want)
		}
	}
	if k.refcnt("live") != 2 || k.refcnt("none") != -1 || !sameSet(k.holders("live"), []string{"a", "z"}) ||
		k.holders("none") != nil {
		t.Errorf("refcnt %d, holders %v", k.refcnt("live"), k.holders("live"))
	}
	if k.compression() != None || k.modulesDisabled() {
		t.Error("found what is not there")
	}
	if _, err := k.list(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "is /proc mounted") {
		t.Errorf("list without /proc/modules: %v", err)
	}
}

// Where this test runs the kernel refuses (no modules, or no right to load them);
// whatever it says is a LoadError with a cause.
func TestLoadAloneRefused(t *testing.T) {
	tree, err := Running()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "broken.ko")
	if err := os.WriteFile(path, []byte("no module\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = tree.Load(path, LoadOptions{Alone: true})
	e, ok := errors.AsType[*LoadError](err)
	if !ok || e.Op != opFinit || e.Module != "broken" || e.Cause == "" {
		t.Errorf("got %#v", err)
	}
	if _, err := tree.Load(path+"x", LoadOptions{Alone: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	var steps []Step
	done, err := tree.Load(path, LoadOptions{Alone: true, DryRun: true, Params: "a=1",
		Each: func(s Step) { steps = append(steps, s) }})
	if err != nil || done != nil || len(steps) != 1 || steps[0].Path != path || steps[0].Params != "a=1" {
		t.Errorf("dry run: %v, %v, steps %+v", done, err, steps)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if e, ok := errors.AsType[*LoadError](Init(f, "")); !ok || e.Cause == "" {
		t.Errorf("Init: %v", err)
	}
}

func TestRemoveRefused(t *testing.T) {
	if err := Remove("no-such-module-here"); !errors.Is(err, ErrNotLoaded) ||
		!strings.Contains(err.Error(), "no_such_module_here") {
		t.Errorf("got %v", err)
	}
	err := deleteModule("no_such_module_here", false)
	if e, ok := errors.AsType[*LoadError](err); !ok || e.Op != opDelete || e.Cause == "" && e.Errno != syscall.ENOSYS {
		t.Errorf("deleteModule: %v", err)
	}
}

// Loading below a tree's root: a file with its neighbours, a name, and what is neither.
func TestLoadDryRun(t *testing.T) {
	tree := indexedTree(t)
	names := func(name string, o LoadOptions) string {
		t.Helper()
		var got []string
		o.DryRun, o.ShowAll = true, true
		o.Each = func(s Step) { got = append(got, s.Name+"("+s.Params+")") }
		if done, err := tree.Load(name, o); err != nil || done != nil {
			t.Fatalf("%s: %v, %v", name, done, err)
		}
		return strings.Join(got, " ")
	}
	dir := writeFiles(t, map[string][]byte{"top.ko": kmodtest.Exporting("top", "low"),
		"low.ko": kmodtest.Exporting("low")})
	for _, tc := range []struct{ name, want string }{
		{"d", "d(x=1)"}, {"two5x", "d() d() c() a_b() post() built() c() d()"},
		{filepath.Join(dir, "top.ko"), "low() top(x=1)"},
	} {
		o := LoadOptions{Params: "x=1"}
		if strings.HasPrefix(tc.name, "two") {
			o.Params = ""
		}
		if got := names(tc.name, o); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if _, err := tree.Load(filepath.Join(dir, "none.ko"), LoadOptions{DryRun: true}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a path without a file: %v", err)
	}
}
