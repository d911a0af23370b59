// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// undefined says why modpost did not find a symbol: the kernel's interface changed, this flavour is built without it,
// a source of the folder has it, the kernel has it for itself alone, or it is mistyped or another module's.
func (a *adviser) undefined(symbol, module string) string {
	if h := hints.OfChange(fmt.Sprintf("%q", symbol), a.version); h != "" {
		return h
	}
	if h := a.otherFlavour(symbol); h != "" {
		return h
	}
	if h := a.inFolder(symbol, strings.TrimSuffix(module, ".ko")); h != "" {
		return h
	}
	if near := hints.Nearest(symbol, slices.Sorted(maps.Keys(a.exported()))); near != "" {
		return fmt.Sprintf("the kernel exports no %s; did you mean %s?", symbol, near)
	}
	if header := a.declaredIn(symbol); header != "" {
		return a.declaredOnly(header, symbol)
	}
	return fmt.Sprintf("the kernel does not export %[1]s: "+
		"build the module that has EXPORT_SYMBOL(%[1]s) in the same folder, or check the name", symbol)
}

// inFolder is about a function that a source of the folder has, which is not among the parts of the module.
func (a *adviser) inFolder(symbol, module string) string {
	defines := lazyregexp.New(`(?m)^[a-z_][\w *]*\b` + symbol + `\s*\([^;{]*\)\s*\{`)
	static := lazyregexp.New(`(?m)^static\b[^;{]*\b` + symbol + `\s*\([^;{]*\)\s*\{`)
	file, text := a.snap.kbuildFile()
	for _, name := range slices.Sorted(maps.Keys(a.snap.files())) {
		base, ok := strings.CutSuffix(name, ".c")
		source := ""
		if ok && base != module {
			source = a.snap.text(name)
		}
		if !defines.MatchString(source) || static.MatchString(source) || strings.Contains(source, "EXPORT_SYMBOL") {
			continue
		}
		part := fmt.Sprintf("%s-y += %s.o", module, base)
		if !lazyregexp.New(`(?m)^\s*` + regexp.QuoteMeta(module) + `-(?:y|objs)\s*[:+]?=`).MatchString(text) {
			part = fmt.Sprintf("obj-m := %[1]s_mod.o and %[1]s_mod-y := %[1]s.o %[2]s.o", module, base)
		}
		return fmt.Sprintf("%s has %s, and is not among the parts of %s: write %s in %s; if it is a module of its own, "+
			"add EXPORT_SYMBOL(%[2]s); to it", name, symbol, module, part, file)
	}
	return ""
}

// declaredOnly is about a function of the kernel that modules cannot use. A flavour that is not here cannot be asked.
func (a *adviser) declaredOnly(header, symbol string) string {
	hint := fmt.Sprintf("<%s> declares %s, but this kernel does not export it to modules: use a function that is exported "+
		"(Module.symvers lists them)", header, symbol)
	if name, root := a.kernel.Generic(); name != "" && root == "" {
		hint += ", or try the generic flavour, which has more parts: --kernel " + name
	}
	return hint
}

// notForModules reports whether a header declares a function without its body, and the kernel does not export it: with
// the header included, modpost would complain instead of the compiler.
func (a *adviser) notForModules(symbol, header string) bool {
	exported := a.exported()
	if len(exported) == 0 || exported[symbol] != "" {
		return false
	}
	text, err := os.ReadFile(filepath.Join(a.headers(), header))
	declared := lazyregexp.New(`(?m)^(?:extern )?[a-z_][\w *]*\b` + symbol + `\([^{;]*\);`)
	inline := lazyregexp.New(`(?m)^(?:#\s*define ` + symbol + `\b|static (?:__always_)?inline [^;{]*\b` + symbol + `\()`)
	return err == nil && declared.MatchString(string(text)) && !inline.MatchString(string(text))
}

// otherFlavour names the flavour that has what this one is built without. Where that kernel is in the cache, it is
// asked; else the symbol's name says which part of the kernel it is from.
func (a *adviser) otherFlavour(symbol string) string {
	if a.kernel == nil {
		return ""
	}
	name, root := a.kernel.Generic()
	part := hints.SubsystemOf(symbol)
	if name == "" {
		if part != nil && a.config() != "" && !a.hasOption(part.Config) {
			return fmt.Sprintf("this kernel is built without %s (%s)", part.Config, part.What)
		}
		return ""
	}
	without := ""
	if part != nil && !a.hasOption(part.Config) {
		without = fmt.Sprintf(" (%s, %s)", part.Config, part.What)
	}
	switch {
	case root != "":
		if in := exportedIn(root)[symbol]; in != "" {
			return fmt.Sprintf("this flavour of the kernel is built without it%s; the generic one has it: --kernel %s", without, name)
		}
	case without != "":
		return fmt.Sprintf("this flavour of the kernel is built without it%s; the generic one has that part: --kernel %s",
			without, name)
	}
	return ""
}

// exported are the symbols that the kernel exports, and the modules that have them.
func (a *adviser) exported() map[string]string {
	if a.kernel == nil {
		return nil
	}
	if text, err := os.ReadFile(filepath.Join(a.kernel.Build, "Module.symvers")); err == nil && a.kernel.Build != "" {
		return hints.Exported(string(text))
	}
	return exportedIn(a.kernel.Root)
}

// exportedIn reads the Module.symvers of a Debian kernel's headers.
func exportedIn(root string) map[string]string {
	found, err := filepath.Glob(filepath.Join(root, "usr/src/linux-headers-*/Module.symvers"))
	if err != nil || len(found) != 1 {
		return nil
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		return nil
	}
	return hints.Exported(string(text))
}
