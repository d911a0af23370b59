// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// noTarget is about an object that make can make from nothing.
func (a *adviser) noTarget(target string) string {
	base, ok := strings.CutSuffix(target, ".o")
	switch {
	case !ok:
		return ""
	case a.snap.has(target + "_shipped"):
		return fmt.Sprintf("this kernel's make does not copy %s_shipped by itself any more: add %s", target, a.shippedRule(target))
	case a.snap.has(base + ".rs"):
		return fmt.Sprintf("%s.rs is Rust: %s", base, a.rust())
	case a.snap.leftOut(target):
		return fmt.Sprintf("%[1]s has no source, and objects are left out as leftovers of an earlier build: "+
			"rename it to %[1]s_shipped, %s", target, a.shipped(target))
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
	near := hints.Nearest(base, sources)
	if len(sources) == 1 {
		near = sources[0]
	}
	if near != "" {
		hint += fmt.Sprintf("; write %s.o", near)
	}
	return hint
}

// shipped says how make gets an object that has no source.
func (a *adviser) shipped(target string) string {
	if a.version.Before(hints.Version{Major: 6, Minor: 13}) {
		return "from which make copies it"
	}
	return "and add " + a.shippedRule(target)
}

// shippedRule is the rule that copies an object without a source. Since 6.13 make runs in the folder of the module, and
// its own rule for this does not fit the names there.
func (a *adviser) shippedRule(target string) string {
	file, _ := a.snap.kbuildFile()
	return fmt.Sprintf("this rule to %[1]s: $(obj)/%[2]s: $(src)/%[2]s_shipped, and below it, after a tab, cp $< $@", file, target)
}

var reObjM = lazyregexp.New(`(?m)^\s*obj-m\s*[:+]?=(.*)$`)

// noObject finds a word of obj-m that names no object; nil if there is none.
func (a *adviser) noObject() *Error {
	file, text := a.snap.kbuildFile()
	for _, m := range reObjM.FindAllStringSubmatch(text, -1) {
		list, _, _ := strings.Cut(m[1], "#")
		for word := range strings.FieldsSeq(list) {
			base, _ := strings.CutSuffix(strings.TrimSuffix(word, ".ko"), ".c")
			if word != base+".o" && !strings.HasSuffix(word, ".o") && a.snap.has(base+".c") {
				return &Error{Kind: ErrCompile, Message: fmt.Sprintf("%s: obj-m names %s, which is no object", file, word),
					Hint: fmt.Sprintf("write %s.o, which make builds from %[1]s.c", base)}
			}
		}
	}
	return nil
}

// leftOutSource finds the source of a module that has the name of the module, and is not among its parts, if the module
// lacks what that source has.
func (a *adviser) leftOutSource(module string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(module, ".o"), ".ko")
	file, text := a.snap.kbuildFile()
	parts := lazyregexp.New(`(?m)^\s*` + regexp.QuoteMeta(base) + `-(?:y|objs)\s*[:+]?=(.*)$`).FindStringSubmatch(text)
	if parts == nil || !a.snap.has(base+".c") || slices.Contains(strings.Fields(parts[1]), base+".o") {
		return ""
	}
	return fmt.Sprintf("%[1]s builds %[2]s from other parts and leaves %[2]s.c out, because a module cannot be one of its own parts: "+
		"rename it, obj-m := %[2]s_mod.o and %[2]s_mod-y := %[2]s.o%[3]s", file, base, strings.TrimRight(parts[1], " \\"))
}

var (
	// A module that has the name of one of its parts: make drops that part, and what is built lacks it.
	reCircular = lazyregexp.New(`(?m)^make(?:\[\d+\])?: Circular (\S+)\.o <- (\S+)\.o dependency dropped\.$`)
	reConflict = lazyregexp.New(`(?m)^error: the following would cause module name conflict:\n +(\S+)\n +(\S+)$`)
	reRust     = lazyregexp.New(`(?m)^ +RUSTC .*?(\S+)\.o$`)
)

// known finds in what make printed a cause that no single complaint of a tool names; nil if there is none.
func (a *adviser) known() *Error {
	if e := a.noObject(); e != nil {
		return e
	}
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
