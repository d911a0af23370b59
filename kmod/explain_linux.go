// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// callFacts is what is known about a refused call besides errno and log.
type callFacts struct {
	module, path string
	params       string
	state        State             // of the module after the call
	file         error             // what ParseModule says of the file; nil if it is intact
	size         int64             // of the file
	flags        int               // given to finit_module
	parsed       *Module           // the file; nil if it is damaged
	machine      string            // the kernel's, as uname has it; empty if unknown
	loaded       func(string) bool // whether a module is live, or the kernel image has a symbol
	refcnt       int               // of a module that could not be unloaded; -1 if unknown
	holders      []string
	users        []User // processes seen to use it
	mounts       []string
	writers      []User              // processes that have the file open for writing
	disabled     bool                // kernel.modules_disabled is 1
	capable      bool                // CAP_SYS_MODULE is effective
	noLog        bool                // /dev/kmsg could not be read
	noModules    bool                // the kernel has no /proc/modules
	exporter     func(string) string // module that exports a symbol, or ""
}

// explanation is the outcome of explain.
type explanation struct {
	kind        error
	cause, hint string
}

// explain finds the cause of a refusal. What the kernel said in its log comes
// first, since one errno stands for many causes.
func explain(op string, errno syscall.Errno, kmsg []string, f callFacts) explanation {
	if op == opDelete {
		return explainUnload(errno, f)
	}
	if e, ok := explainLog(errno, kmsg, f); ok {
		return e
	}
	return explainErrno(errno, kmsg, f)
}

// explainLog finds the line that names the cause. Some causes have a second line as
// their consequence ("Unknown symbol" after a wrong version), so those come last.
func explainLog(errno syscall.Errno, kmsg []string, f callFacts) (explanation, bool) {
	for _, line := range kmsg {
		switch {
		case strings.Contains(line, "disagrees about version of symbol "):
			return versionCause(after(line, "disagrees about version of symbol "), f), true
		case strings.Contains(line, ": version magic '"):
			return vermagicCause(line, f), true
		case strings.Contains(line, " from namespace ") && strings.Contains(line, "does not import it"):
			return namespaceCause(line), errno == syscall.EINVAL
		case strings.Contains(line, ": exports duplicate symbol "):
			return duplicateCause(after(line, ": exports duplicate symbol ")), true
		case strings.Contains(line, " is blacklisted") && strings.HasPrefix(line, "Module "):
			return explanation{ErrBlacklisted, "the kernel was booted with module_blacklist= naming it",
				"remove it from the kernel's command line"}, true
		case strings.Contains(line, "Lockdown:"):
			return explanation{ErrSignature, "the kernel is locked down and the module is not signed",
				"turn Secure Boot off, or boot without lockdown="}, true
		case strings.HasPrefix(line, "Loading of ") && strings.HasSuffix(line, " is rejected"):
			// an unsigned module, or one with unsupported crypto or unavailable key
			return explanation{ErrSignature, strings.ToLower(line[:1]) + line[1:], signHint}, true
		}
	}
	for _, line := range kmsg {
		switch {
		case strings.Contains(line, "gave up waiting for init of module "):
			return explanation{ErrBusy, "the kernel " + after(line, ": "), "that module's init does not return"}, true
		case strings.Contains(line, ": Unknown symbol "):
			return symbolCause(kmsg, f), true
		case strings.Contains(line, "' invalid for parameter `"), strings.Contains(line, "' too large for parameter `"):
			return parameterCause(line, errno, f), true
		case errno == syscall.ENOENT && strings.Contains(line, ": Unknown parameter `"):
			// Of a parameter that does not exist it only warns.
			return setterCause(strings.Trim(after(line, ": Unknown parameter "), "`'"), errno, f), true
		}
	}
	return explanation{}, false
}

const signHint = "sign it with a key that the kernel trusts, or boot without module.sig_enforce"

// after is the text behind mark, "" if the line does not have it.
func after(line, mark string) string {
	_, s, _ := strings.Cut(line, mark)
	return strings.TrimSpace(s)
}

func versionCause(symbol string, f callFacts) explanation {
	if symbol == "module_layout" {
		return explanation{ErrSymbolVersion,
			"the module was built with headers of another kernel configuration (symbol module_layout differs)",
			"build it with the headers of the running kernel"}
	}
	return explanation{ErrSymbolVersion,
		fmt.Sprintf("the module was built against another version of symbol %s%s", symbol, exportedBy(symbol, f)),
		"build it with the headers of the running kernel and the Module.symvers of the modules that it needs"}
}

// vermagicCause reads "x: version magic 'A' should be 'B'".
func vermagicCause(line string, f callFacts) explanation {
	have, want, _ := strings.Cut(after(line, ": version magic '"), "' should be '")
	e := &VermagicError{Module: f.module, Have: have, Want: strings.TrimSuffix(want, "'")}
	return explanation{ErrVermagic, e.diff(), "build it with the headers of the running kernel"}
}

// namespaceCause reads "x: module x uses symbol (S) from namespace N, but does not import it."
func namespaceCause(line string) explanation {
	symbol, rest, _ := strings.Cut(after(line, "uses symbol "), " from namespace ")
	ns, _, _ := strings.Cut(rest, ",")
	return explanation{ErrNamespace,
		fmt.Sprintf("symbol %s is in namespace %s, which the module does not import", strings.Trim(symbol, "()"), ns),
		importNamespace(ns)}
}

// duplicateCause reads "S (owned by M)".
func duplicateCause(s string) explanation {
	symbol, owner, _ := strings.Cut(s, " (owned by ")
	owner = strings.TrimSuffix(owner, ")")
	return explanation{ErrDuplicate, fmt.Sprintf("%s exports symbol %s already", owner, symbol),
		"unload " + owner + " first, or rename the symbol"}
}

// licenseCause recognizes a GPL-only symbol, which the kernel hides from other modules
// and calls unknown.
func licenseCause(kmsg []string, f callFacts) (explanation, bool) {
	if f.parsed == nil || f.parsed.GPLCompatible() || f.exporter == nil || f.loaded == nil {
		return explanation{}, false
	}
	for _, line := range kmsg {
		symbol, _, ok := strings.Cut(after(line, ": Unknown symbol "), " (err -2)")
		if !ok || !f.loaded(f.exporter(symbol)) {
			continue
		}
		license := f.parsed.Info.Get("license")
		return explanation{ErrLicense,
			fmt.Sprintf("symbol %s is for GPL modules only, and the licence of %s is %q", symbol, f.module, license),
			"add MODULE_LICENSE(\"GPL\") to the source, if that is its licence"}, true
	}
	return explanation{}, false
}

// symbolCause names every unknown symbol, not only the first.
func symbolCause(kmsg []string, f callFacts) explanation {
	if e, ok := licenseCause(kmsg, f); ok {
		return e
	}
	var names []string
	hint := "the symbol may have been renamed or may not be exported, or a module is missing;" +
		" build against the headers of the running kernel"
	for _, line := range kmsg {
		name, _, ok := strings.Cut(after(line, ": Unknown symbol "), " (err")
		if !ok {
			continue
		}
		text := name + exportedBy(name, f)
		if text != name {
			hint = "load " + f.exporter(name) + " first, or use modprobe, which does so"
		}
		names = appendNew(names, text)
	}
	if len(names) == 1 {
		return explanation{ErrUnknownSymbol,
			fmt.Sprintf("%s needs symbol %s, which nothing that is loaded exports", f.module, names[0]), hint}
	}
	return explanation{ErrUnknownSymbol,
		fmt.Sprintf("%s needs symbols that nothing loaded exports: %s", f.module, strings.Join(names, ", ")), hint}
}

func exportedBy(symbol string, f callFacts) string {
	if f.exporter == nil {
		return ""
	}
	if m := f.exporter(symbol); m != "" {
		return " (exported by " + m + ")"
	}
	return ""
}

// parameterCause reads "x: `VALUE' invalid for parameter `NAME'", or "too large". The kernel prints these about
// whatever error the parameter's setter returns: its own setters return EINVAL, ERANGE or ENOSPC for a value that is
// not of their type, and one that a module brings may return anything.
func parameterCause(line string, errno syscall.Errno, f callFacts) explanation {
	value, rest, _ := strings.Cut(after(line, ": `"), "'")
	name := strings.TrimSuffix(after(rest, "for parameter `"), "'")
	if f.ownSetter(name, value, errno) {
		return setterCause(name, errno, f)
	}
	why := "not a value of its type"
	if strings.Contains(rest, "too large") {
		why = "too long"
	}
	return explanation{ErrParameter, fmt.Sprintf("parameter %s does not take %q: %s", name, value, why),
		"modinfo -p prints the types"}
}

// ownSetter reports whether a value was refused by the module's own code: the type that the module states would take
// the value, it states none, or the error is none of the kernel's setters'.
func (f callFacts) ownSetter(name, value string, errno syscall.Errno) bool {
	switch errno {
	case syscall.EINVAL, syscall.ERANGE, syscall.ENOSPC:
	default:
		return true
	}
	if f.parsed == nil {
		return false
	}
	for _, p := range f.parsed.Info.Params() {
		if p.Name == name {
			// Of a text with a limit (module_param_string) only the kernel knows the limit.
			return errno != syscall.ENOSPC && badValue(p.Type, value, value != "") == ""
		}
	}
	return true
}

func setterCause(name string, errno syscall.Errno, f callFacts) explanation {
	value := ""
	for w := range cmdlineWords(f.params) {
		if n, v, _ := strings.Cut(w, "="); strings.ReplaceAll(n, "-", "_") == strings.ReplaceAll(name, "-", "_") {
			value = fmt.Sprintf(" for %q", strings.Trim(v, `"`))
		}
	}
	return explanation{ErrParameter,
		fmt.Sprintf("the module's own setter of parameter %s returned -%s%s", name, ErrnoName(errno), value),
		"init did not run; give a value that the setter accepts"}
}

// explainErrno finds a cause when the log does not name it. Since the kernel returns what init returned, an errno alone
// proves nothing: each cause needs something else that shows it.
func explainErrno(errno syscall.Errno, kmsg []string, f callFacts) explanation {
	switch errno {
	case syscall.EEXIST:
		if f.state == StateLive || f.state == StateComing {
			return alreadyLoaded(f)
		}
	case syscall.ENOEXEC:
		if e, ok := formatCause(kmsg, f); ok {
			return e
		}
	case syscall.EINVAL:
		if f.size == 0 {
			return explanation{ErrInvalidModule, "the file is empty", "build it again"}
		}
		if f.flags&^(IgnoreModversions|IgnoreVermagic|compressedFile) != 0 {
			return explanation{nil, fmt.Sprintf("the kernel does not know the flags %#x", f.flags), ""}
		}
	case syscall.ETXTBSY:
		if len(f.writers) > 0 {
			return writtenCause(f)
		}
		e := initCause(errno, f)
		if e.hint == "" {
			e.hint = "if it did not, some process had the file open for writing just then: load it again"
		}
		return e
	case syscall.EOPNOTSUPP:
		if f.flags&compressedFile != 0 {
			return explanation{ErrNotCompression, "the kernel cannot decompress modules (CONFIG_MODULE_DECOMPRESS)", ""}
		}
	case syscall.EKEYREJECTED, syscall.ENOKEY, syscall.ENOPKG:
		if f.signed() {
			return explanation{ErrSignature, "the kernel does not trust the module's signature", signHint}
		}
	case syscall.EBADMSG:
		if f.signed() {
			return explanation{ErrSignature, "the module's signature is damaged", "sign it again, or strip the signature"}
		}
	case syscall.EPERM:
		return permissionCause(f)
	case syscall.ENOSYS:
		if f.noModules {
			return explanation{ErrNotPermitted, "the kernel was built without loadable modules", ""}
		}
	}
	return initCause(errno, f)
}

// signed reports whether the file has a signature, intact or not. The kernel looks at no other module's key; where it
// demands one of all (module.sig_enforce), its log says so.
func (f callFacts) signed() bool { return f.parsed == nil || f.parsed.Signed }

// formatCause finds what is wrong with a file. The kernel's complaints about a file that is intact are in its log.
func formatCause(kmsg []string, f callFacts) (explanation, bool) {
	if f.parsed != nil && f.machine != "" && MachineName(f.parsed.Machine) != f.machine {
		return explanation{ErrWrongMachine,
			fmt.Sprintf("it is a module for %s, the kernel is for %s", MachineName(f.parsed.Machine), f.machine),
			"build it for this machine"}, true
	}
	if f.file != nil {
		return explanation{ErrInvalidModule, f.file.Error(), "build it again"}, true
	}
	if f.parsed == nil || slices.ContainsFunc(kmsg, aboutFile) {
		return explanation{ErrInvalidModule, "the kernel does not accept the file as a module", "see the kernel's log"}, true
	}
	return explanation{}, false
}

// aboutFile reports whether a line of the kernel's log is the loader's, about a file whose parts it does not like.
func aboutFile(line string) bool {
	for _, word := range []string{"relocation", "ELF", "section", "no symbols (stripped?)"} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}

func permissionCause(f callFacts) explanation {
	switch {
	case f.disabled:
		return explanation{ErrNotPermitted, "kernel.modules_disabled is 1", "only a restart turns it off"}
	case !f.capable:
		return explanation{ErrNotPermitted, "this process lacks CAP_SYS_MODULE", "run it as root, outside a container"}
	}
	return initCause(syscall.EPERM, f)
}

const afterCrash = "after a crash only a restart removes it"

func alreadyLoaded(f callFacts) explanation {
	if f.state == StateComing {
		return explanation{ErrAlreadyLoaded, f.module + " is being loaded, or its init function crashed", afterCrash}
	}
	return explanation{ErrAlreadyLoaded, fmt.Sprintf("%s is loaded already (refcount %d)", f.module, f.refcnt),
		"unload it first to load this file"}
}

func writtenCause(f callFacts) explanation {
	names := make([]string, len(f.writers))
	for i, w := range f.writers {
		names[i] = fmt.Sprintf("%s[%d]", w.Comm, w.PID)
	}
	return explanation{ErrBusy, "the file is still open for writing by " + strings.Join(names, ", "),
		"wait until it is closed"}
}

// initCause is what remains: finit_module returns what init returned. Without the log
// that is only one of several causes.
func initCause(errno syscall.Errno, f callFacts) explanation {
	if f.noLog {
		return explanation{nil,
			fmt.Sprintf("the kernel refused %s, or its init function returned -%s", f.module, ErrnoName(errno)),
			"the kernel's log says which, but this process cannot read it; run dmesg as root"}
	}
	return explanation{ErrInit, fmt.Sprintf("the init function of %s returned -%s", f.module, ErrnoName(errno)), ""}
}

func explainUnload(errno syscall.Errno, f callFacts) explanation {
	switch errno {
	case syscall.EAGAIN:
		d := Diagnosis{Module: f.module, State: StateLive, Refcnt: f.refcnt,
			Holders: f.holders, Users: f.users, Mounts: f.mounts}
		if d.judge(); d.Kind == nil { // it was in use when the kernel looked
			return explanation{ErrInUse, f.module + " was in use", "try again"}
		}
		return explanation{d.Kind, d.Cause, d.Hint}
	case syscall.EBUSY:
		switch f.state {
		case StateComing:
			cause := "the init function of " + f.module + " has not returned, or crashed"
			return explanation{ErrBusy, cause, afterCrash}
		case StateGoing:
			return explanation{ErrBusy, f.module + " is being unloaded, or its exit function crashed", afterCrash}
		}
		return explanation{ErrPermanent, f.module + " has no exit function", "add module_exit() to the source"}
	case syscall.ENOENT:
		return explanation{ErrNotLoaded, f.module + " is not loaded", ""}
	case syscall.EPERM:
		e := permissionCause(f)
		if e.kind == ErrInit {
			e = explanation{ErrNotPermitted, "the kernel does not permit it", ""}
		}
		return e
	}
	return explanation{}
}
