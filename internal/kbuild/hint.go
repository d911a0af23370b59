// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// adviser knows what a hint about a failed build may need: the sources, the kernel, what the tools printed.
type adviser struct {
	snap    *sourceFolder
	kernel  *kernel.Kernel
	version hints.Version
	log     string
}

func newAdviser(k *kernel.Kernel, snap *sourceFolder, log string) *adviser {
	a := &adviser{snap: snap, kernel: k, log: log}
	if k != nil {
		a.version, _ = hints.ParseVersion(k.Release) // 0.0 is older than every change
	}
	return a
}

var (
	reMissing   = lazyregexp.New(`^([^\s:]+): No such file or directory`)
	reUndefined = lazyregexp.New(`^modpost: "(\w+)" undefined!`)
	reNoTarget  = lazyregexp.New(`^make: No rule to make target '([^']+)'`)
	reNamespace = lazyregexp.New(`from namespace "?(\w+)`)
	reImplicit  = lazyregexp.New(`^implicit declaration of function '(\w+)'`)
)

// hint says what usually fixes a complaint; empty if nothing is certain.
func (a *adviser) hint(d Diagnostic) string {
	if m := reMissing.FindStringSubmatch(d.Text); m != nil {
		return a.missingFile(m[1], d)
	}
	if m := reUndefined.FindStringSubmatch(d.Text); m != nil {
		return a.undefined(m[1])
	}
	if m := reNoTarget.FindStringSubmatch(d.Text); m != nil {
		return a.noTarget(m[1])
	}
	switch m := reNamespace.FindStringSubmatch(d.Text); {
	case m != nil:
		return fmt.Sprintf("add this line to the source: MODULE_IMPORT_NS(%s);", a.namespace(m[1]))
	case strings.Contains(d.Text, "missing MODULE_LICENSE"):
		return `add this line to the source: MODULE_LICENSE("GPL");`
	case strings.Contains(d.Text, "GPL-incompatible module"):
		return `the symbol is for GPL modules only: write MODULE_LICENSE("GPL"), if that is the licence of the sources`
	case strings.Contains(d.Text, "missing separator"):
		return "the lines of a recipe must begin with a tab, not with spaces"
	}
	if h := hints.OfChange(strings.TrimSpace(d.Text+" "+d.near+a.unknownType(d)), a.version); h != "" {
		return h
	}
	if m := reImplicit.FindStringSubmatch(d.Text); m != nil {
		if header := a.declaredIn(m[1]); header != "" && !a.includes(d.File, header) {
			return fmt.Sprintf("add this line to the source: #include <%s>", header)
		}
	}
	return ""
}

var reStruct = lazyregexp.New(`\bstruct \w+`)

// unknownType is the type, in quotes, of a variable that gcc complains about without naming its type.
func (a *adviser) unknownType(d Diagnostic) string {
	if !strings.HasPrefix(d.Text, "storage size of ") || !a.snap.has(d.File) {
		return ""
	}
	lines := strings.Split(a.snap.text(d.File), "\n")
	if d.Line < 1 || d.Line > len(lines) {
		return ""
	}
	m := reStruct.FindStringSubmatch(lines[d.Line-1])
	if m == nil {
		return ""
	}
	return " '" + m[0] + "'"
}

// includes reports whether a source file includes a header already: then the kernel's configuration leaves out what it
// declares, and another #include would change nothing.
func (a *adviser) includes(file, header string) bool {
	return a.snap.has(file) &&
		lazyregexp.New(`(?m)^\s*#\s*include\s*<`+regexp.QuoteMeta(header)+`>`).MatchString(a.snap.text(file))
}

// namespace is a name as MODULE_IMPORT_NS takes it in this kernel.
func (a *adviser) namespace(name string) string {
	if a.version.Before(hints.Version{Major: 6, Minor: 13}) {
		return name
	}
	return fmt.Sprintf("%q", name)
}

// missingFile is about a header that the compiler did not find.
func (a *adviser) missingFile(name string, d Diagnostic) string {
	for _, l := range a.snap.outside {
		if strings.HasPrefix(l, name+" ") || strings.HasSuffix(strings.Fields(l)[0], "/"+name) {
			return "links out of the folder are not followed (" + l + "): copy the file in"
		}
	}
	if strings.HasPrefix(name, "../") {
		return a.fileAbove(name, d.File)
	}
	if h := hints.OfChange(d.Text, a.version); h != "" {
		return h
	}
	if file, _ := a.snap.kbuildFile(); file != "" {
		for _, old := range oldFlags {
			if lazyregexp.New(`(?m)^\s*` + old + `\b`).MatchString(a.snap.text(file)) {
				if h := hints.OfChange("'"+old+"'", a.version); h != "" {
					return file + ": " + h
				}
			}
		}
		if dir := a.snap.folderOf(name); dir != "" {
			return fmt.Sprintf("%s is in %s: add this line to %s: ccflags-y += -I$(src)/%s", path.Base(name), dir, file, dir)
		}
	}
	return ""
}

// oldFlags are variables that newer kernels ignore.
var oldFlags = []string{"EXTRA_CFLAGS", "EXTRA_AFLAGS", "EXTRA_LDFLAGS"}

// fileAbove is about a header that lies outside of the folder, which alone is copied.
func (a *adviser) fileAbove(name, from string) string {
	above := filepath.Dir(a.snap.dir)
	up := path.Join(path.Dir(from), name) // as the including file means it
	folder, err := beneath.Open(above)
	if err != nil {
		return ""
	}
	defer folder.Close()
	if file, ok := strings.CutPrefix(up, "../"); !ok || !folder.Has(file) {
		return "only the given folder is built: copy the file into it, or give a folder that holds both"
	}
	sub := filepath.Base(a.snap.dir)
	for _, f := range []string{"Kbuild", "Makefile"} {
		if text, err := folder.Read(f, maxSourceText); err == nil && strings.Contains(string(text), sub+"/") {
			return "only the given folder is built: give the folder above, " + above
		}
	}
	return fmt.Sprintf("only the given folder is built: give the folder above, %s, with this line in a file Kbuild there: "+
		"obj-m += %s/", above, sub)
}

// noTarget is about an object that make can make from nothing.
func (a *adviser) noTarget(target string) string {
	base, ok := strings.CutSuffix(target, ".o")
	switch {
	case !ok:
		return ""
	case a.snap.has(base + ".rs"):
		return fmt.Sprintf("%s.rs is Rust: %s", base, a.rust())
	case a.snap.leftOut(target):
		return fmt.Sprintf("%[1]s has no source, and objects are left out as leftovers of an earlier build: "+
			"rename it to %[1]s_shipped, from which make copies it", target)
	case a.snap.has(base + ".cpp"), a.snap.has(base + ".cc"):
		return "a module is written in C: the kernel's make does not build C++"
	}
	hint := fmt.Sprintf("obj-m or an -objs line names %s, but there is no %s.c", target, base)
	var sources []string
	for name := range a.snap.files() {
		if s, ok := strings.CutSuffix(name, ".c"); ok {
			sources = append(sources, s)
		}
	}
	slices.Sort(sources)
	if near := hints.Nearest(base, sources); near != "" {
		hint += fmt.Sprintf("; write %s.o", near)
	}
	return hint
}

var (
	// A module that has the name of one of its parts: make drops that part, and what is built lacks it.
	reCircular = lazyregexp.New(`(?m)^make(?:\[\d+\])?: Circular (\S+)\.o <- (\S+)\.o dependency dropped\.$`)
	reConflict = lazyregexp.New(`(?m)^error: the following would cause module name conflict:\n +(\S+)\n +(\S+)$`)
	reRust     = lazyregexp.New(`(?m)^ +RUSTC .*?(\S+)\.o$`)
)

// known finds in what make printed a cause that no single complaint of a tool names; nil if there is none.
func (a *adviser) known() *Error {
	for _, m := range reCircular.FindAllStringSubmatch(a.log, -1) {
		if m[1] != m[2] {
			continue
		}
		name := path.Base(m[1])
		file, _ := a.snap.kbuildFile()
		return &Error{Kind: ErrCompile,
			Message: fmt.Sprintf("%s: the module %s has the name of one of its own parts, %s.o: make leaves that part out",
				file, name, name),
			Hint: fmt.Sprintf("give the module another name than its parts: obj-m := %[1]s_mod.o and %[1]s_mod-y := %[1]s.o …",
				name)}
	}
	if m := reConflict.FindStringSubmatch(a.log); m != nil {
		one, other := strings.TrimPrefix(m[1], SourceDir+"/"), strings.TrimPrefix(m[2], SourceDir+"/")
		return sameName(moduleName(one), one, other)
	}
	if m := reRust.FindStringSubmatch(a.log); m != nil {
		file := strings.TrimPrefix(m[1], SourceDir+"/") + ".rs"
		if a.snap.has(file) {
			return &Error{Kind: ErrCompile, Message: file + " is Rust, which cannot be built here", Hint: a.rust()}
		}
	}
	return nil
}

// rust says why there is no module in Rust.
func (a *adviser) rust() string {
	const only = "kmodlab builds modules in C only"
	if a.config() != "" && !a.hasOption("CONFIG_RUST") {
		return "this kernel is built without CONFIG_RUST, and " + only
	}
	return only + ": its kernels come without rustc"
}

// hasOption reports whether the kernel is built with an option, as far as its configuration can be read.
func (a *adviser) hasOption(name string) bool {
	config := a.config()
	return strings.Contains(config, "\n"+name+"=y") || strings.Contains(config, "\n"+name+"=m")
}

// config is the kernel's configuration, empty if it cannot be read.
func (a *adviser) config() string {
	if a.kernel == nil {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(a.kernel.Root, "boot/config-"+a.kernel.Release))
	if err != nil {
		return ""
	}
	return "\n" + string(text)
}
