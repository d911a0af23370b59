// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// undefined says why modpost did not find a symbol: the kernel's interface changed, this flavour is built without it,
// the kernel has it for itself alone, or it is mistyped or another module's.
func (a *adviser) undefined(symbol string) string {
	if h := hints.OfChange(fmt.Sprintf("%q", symbol), a.version); h != "" {
		return h
	}
	if h := a.otherFlavour(symbol); h != "" {
		return h
	}
	if near := hints.Nearest(symbol, slices.Sorted(maps.Keys(a.exported()))); near != "" {
		return fmt.Sprintf("the kernel exports no %s; did you mean %s?", symbol, near)
	}
	if header := a.declaredIn(symbol); header != "" {
		return fmt.Sprintf("<%s> declares %s, but this kernel does not export it to modules: use a function that is exported "+
			"(Module.symvers lists them)", header, symbol)
	}
	return fmt.Sprintf("the kernel does not export %[1]s: "+
		"build the module that has EXPORT_SYMBOL(%[1]s) in the same folder, or check the name", symbol)
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

// maxHeaders bounds the headers that are searched.
const maxHeaders = 20_000

// declaredIn finds the header of the kernel that declares a function or defines a macro, as an #include names it. Of
// several it is the shortest name, and linux/ comes first.
func (a *adviser) declaredIn(name string) string {
	if a.kernel == nil {
		return ""
	}
	dirs, err := filepath.Glob(filepath.Join(a.kernel.Root, "usr/src/linux-headers-*-common*/include"))
	if err != nil || len(dirs) != 1 {
		return ""
	}
	declares := lazyregexp.New(`(?m)^(?:#\s*define ` + name + `\(|(?:[a-z][\w ]*[ *]+)` + name + `\()`)
	best, seen := "", 0
	root := os.DirFS(dirs[0])
	for _, top := range []string{"linux", "net", "asm-generic", "crypto", "media", "sound", "drm"} {
		fs.WalkDir(root, top, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".h") {
				return nil // a header that cannot be read declares nothing that we can name
			}
			if seen++; seen > maxHeaders {
				return fs.SkipAll
			}
			text, err := fs.ReadFile(root, p)
			if err == nil && strings.Contains(string(text), name+"(") && declares.MatchString(string(text)) &&
				(best == "" || len(p) < len(best)) {
				best = p
			}
			return nil
		})
		if best != "" {
			break
		}
	}
	return included(root, best)
}

// included is how sources name a header. Those of asm-generic are for the architectures, which may have their own.
func included(root fs.FS, header string) string {
	name, ok := strings.CutPrefix(header, "asm-generic/")
	if !ok {
		return header
	}
	if _, err := fs.Stat(root, "linux/"+name); err == nil {
		return "linux/" + name
	}
	return "asm/" + name
}
