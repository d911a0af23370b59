// SPDX-License-Identifier: MIT

package kmod

import (
	"testing"

	"github.com/kmodlab/kmodlab/kmod"
)

// refusal is one way in which the kernel refuses a module, or accepts a module that it should not accept.
type refusal struct {
	name   string
	module string                              // the one that change changes
	change func(t testing.TB, b []byte) []byte // nil for none
	before string                              // shell, runs before insmod
	args   string
	prefix string // shell, stands before insmod on the line
	after  string // shell, runs after insmod; it unloads what was loaded

	errno, kind, cause string // of insmod's error; errno is "" if insmod succeeds
	warning            string // of an insmod that succeeds
	// foreseen is what Preflight says on the host, before any boot. It is nil for what only the kernel can know.
	foreseen error
}

// errPassed marks an error that Preflight reports but lets pass.
type errPassed struct{ error }

var refusals = []refusal{
	{
		name:   "symbol of a module that is not loaded",
		module: "le_user",
		errno:  "ENOENT",
		kind:   "unknown symbol",
		cause:  "le_shared_symbol (exported by le_exporter), which nothing that is loaded exports",
	},
	{
		name:     "symbol that nobody has",
		module:   "le_user",
		change:   rename("le_shared_symbol", "le_nobody_has_it"),
		errno:    "ENOENT",
		kind:     "unknown symbol",
		cause:    "needs symbol le_nobody_has_it",
		foreseen: kmod.ErrUnknownSymbol,
	},
	{
		name:     "symbol with another version",
		module:   "le_user",
		change:   setCRC("le_shared_symbol"),
		before:   "insmod le_exporter.ko",
		after:    "rmmod le_exporter",
		errno:    "EINVAL",
		kind:     "symbol has another version",
		cause:    "another version of symbol le_shared_symbol",
		foreseen: kmod.ErrSymbolVersion,
	},
	{
		name:     "other kernel configuration",
		module:   "le_plain",
		change:   setCRC("module_layout"),
		errno:    "ENOEXEC",
		kind:     "symbol has another version",
		cause:    "headers of another kernel configuration",
		foreseen: kmod.ErrSymbolVersion,
	},
	{
		name:     "vermagic flags",
		module:   "le_plain",
		change:   rename(" mod_unload ", " mod_unlock "),
		errno:    "ENOEXEC",
		kind:     "module is for another kernel",
		cause:    "only the module has mod_unlock; only the kernel has mod_unload",
		foreseen: kmod.ErrVermagic,
	},
	{
		name:     "vermagic release only",
		module:   "le_plain",
		change:   rename("vermagic=6.1.", "vermagic=6.9."),
		after:    "rmmod le_plain",
		foreseen: errPassed{kmod.ErrVermagic},
	},
	{
		name:     "namespace",
		module:   "le_nsuser",
		change:   rename("import_ns=", "import_nx="),
		before:   "insmod le_exporter.ko",
		after:    "rmmod le_exporter",
		errno:    "EINVAL",
		kind:     "symbol namespace not imported",
		cause:    "le_hidden_symbol is in namespace LE_HIDDEN",
		foreseen: kmod.ErrNamespace,
	},
	{
		name:     "licence",
		module:   "le_user",
		change:   rename("license=GPL", "license=XYZ"),
		before:   "insmod le_exporter.ko",
		after:    "rmmod le_exporter",
		errno:    "ENOENT",
		kind:     "licence does not permit the symbol",
		cause:    "le_shared_symbol is for GPL modules only",
		foreseen: kmod.ErrLicense,
	},
	{
		name:   "duplicate export",
		module: "le_second",
		change: rename("le_second_symbol", "le_shared_symbol"),
		before: "insmod le_exporter.ko",
		after:  "rmmod le_exporter",
		errno:  "ENOEXEC",
		kind:   "duplicate",
		cause:  "le_exporter exports symbol le_shared_symbol already",
	},
	{
		name:     "not ELF",
		module:   "le_plain",
		change:   func(testing.TB, []byte) []byte { return []byte("#!/bin/sh\necho I am a module\n") },
		errno:    "ENOEXEC",
		kind:     "not a module",
		cause:    "script (#!/bin/sh)",
		foreseen: kmod.ErrInvalidModule,
	},
	{
		name:     "wrong type",
		module:   "le_plain",
		change:   poke(16, 2),
		errno:    "ENOEXEC",
		kind:     "not a module",
		cause:    "program or shared library",
		foreseen: kmod.ErrInvalidModule,
	},
	{
		name:     "other machine",
		module:   "le_plain",
		change:   poke(18, 183),
		errno:    "ENOEXEC",
		kind:     "module is for another machine",
		cause:    "for aarch64",
		foreseen: kmod.ErrWrongMachine,
	},
	{
		name:     "truncated",
		module:   "le_plain",
		change:   func(_ testing.TB, b []byte) []byte { return b[:len(b)/2] },
		errno:    "ENOEXEC",
		kind:     "not a module",
		cause:    "truncated",
		foreseen: kmod.ErrInvalidModule,
	},
	{
		name:     "empty",
		module:   "le_plain",
		change:   func(testing.TB, []byte) []byte { return nil },
		errno:    "EINVAL",
		kind:     "not a module",
		cause:    "the file is empty",
		foreseen: kmod.ErrInvalidModule,
	},
	{
		name:   "open for writing",
		module: "le_plain",
		prefix: "sleep 100 3>>FILE & writer=$!; " +
			"until grep -qx sleep /proc/$writer/comm; do sleep 0.1; done; ",
		after: "kill $writer",
		errno: "ETXTBSY",
		kind:  "module is busy",
		cause: "still open for writing by sleep[",
	},
	{
		name:     "number",
		module:   "le_plain",
		args:     "count=abc",
		errno:    "EINVAL",
		kind:     "bad module parameter",
		cause:    `parameter count does not take "abc"`,
		foreseen: kmod.ErrParameter,
	},
	{
		name:   "text too long",
		module: "le_plain",
		args:   "label=waytoolong",
		errno:  "ENOSPC",
		kind:   "bad module parameter",
		cause:  `"waytoolong": too long`,
	},
	{
		name:     "unknown parameter",
		module:   "le_plain",
		args:     "nope=1",
		after:    "rmmod le_plain",
		warning:  "unknown parameter 'nope' ignored",
		foreseen: errPassed{kmod.ErrParameter},
	},
	{
		name:   "already loaded",
		module: "le_plain",
		before: "insmod le_plain.ko",
		after:  "rmmod le_plain",
		errno:  "EEXIST",
		kind:   "module is already loaded",
		cause:  "le_plain is loaded already (refcount 0)",
	},
	{
		name:   "init says EEXIST",
		module: "le_plain",
		args:   "ret=-17",
		errno:  "EEXIST",
		kind:   "module's init function failed",
		cause:  "init function of le_plain returned -EEXIST",
	},
	{
		name:   "init fails",
		module: "le_plain",
		args:   "ret=-19",
		errno:  "ENODEV",
		kind:   "module's init function failed",
		cause:  "init function of le_plain returned -ENODEV",
	},
	{
		name:    "init returns 1",
		module:  "le_plain",
		args:    "ret=1",
		after:   "rmmod le_plain",
		warning: "init suspiciously returned 1",
	},
	{
		name:   "blacklisted by the kernel",
		module: "le_plain",
		change: rename("le_plain", "le_bannd"),
		errno:  "EPERM",
		kind:   "module is blacklisted",
		cause:  "module_blacklist=",
	},
	{
		name:   "signature of nonsense",
		module: "le_plain",
		change: signNonsense,
		errno:  "EBADMSG",
		kind:   "module signature not accepted",
		cause:  "signature is damaged",
	},
	{
		name:   "no capability",
		module: "le_plain",
		prefix: "./helper without-cap ",
		errno:  "EPERM",
		kind:   "loading modules is not permitted",
		cause:  "lacks CAP_SYS_MODULE",
	},
	{name: "compressed, by us where the kernel cannot", module: "le_plain", change: packXZ, after: "rmmod le_plain"},
	{name: "no exit function", module: "le_permanent", foreseen: errPassed{kmod.ErrPermanent}},
	{name: "leak", module: "le_leak"},
	{
		name:   "init crashes",
		module: "le_oops",
		errno:  "errno 0",
		kind:   "module's code crashed",
		cause:  "killed the thread that ran the module's init function",
	},
	{name: "after the crash", module: "le_oops", prefix: "timeout -s KILL 20 ", errno: "none"},
}
