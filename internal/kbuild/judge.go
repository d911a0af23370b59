// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// buildError explains a step that failed.
func buildError(job Job, snap *sourceFolder, steps []Step) *Error {
	last := steps[len(steps)-1]
	own := snap.files()
	e := &Error{Kind: ErrCompile, Steps: steps, Diagnostics: diagnose(last.Raw, job.src(), own)}
	for _, l := range lines(last.Raw) {
		if m := reNoDir.FindStringSubmatch(l); m != nil && m[1] == job.Kernel.BuildDir() {
			none := noHeaders(job.Kernel, m[2])
			none.Steps = steps
			return none
		}
	}
	if strings.Contains(last.Raw, "No space left on device") && diskFull(job.Work) {
		full := hostError("build in "+job.Work, syscall.ENOSPC)
		full.Steps = steps
		return full
	}
	d := first(e.Diagnostics, own)
	if m := missingTool(last); m != "" && (d == nil || !own[d.File]) {
		e.Kind, e.Message = ErrNoTools, fmt.Sprintf("%s is missing where the build runs", m)
		e.Hint = toolHint(job.Kernel)
		return e
	}
	if d == nil {
		e.Message = fmt.Sprintf("%s failed with exit status %d", strings.Join(last.Argv, " "), last.Exit)
		if tail := lines(clean(last.Raw, job.SeenAs)); len(tail) > 0 {
			e.Message += ": " + tail[len(tail)-1]
		}
		return e
	}
	e.Message = d.String()
	e.Hint = hint(*d, snap)
	return e
}

// diskFull verifies what a log says: a build can print anything.
func diskFull(dir string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(dir, &st) == nil && st.Bavail*uint64(st.Bsize) < 1<<20
}

// missingTool names a program that the shell did not find, if that is what ended the step.
func missingTool(s Step) string {
	for _, l := range lines(s.Raw) {
		if m := reNotFound.FindStringSubmatch(stripCodes(l)); m != nil {
			if s.Exit == 127 || strings.HasPrefix(m[1], "gcc") || strings.HasPrefix(m[1], "clang") || m[1] == "ld" {
				return m[1]
			}
		}
	}
	return ""
}

func toolHint(k *kernel.Kernel) string {
	if k.Root == "/" {
		return "install the compiler: apt-get install build-essential"
	}
	return "fetch the kernel again: kmodlab kernel rm " + k.Name + " && kmodlab kernel fetch " + k.Name
}

var (
	reMissing   = lazyregexp.New(`^([^\s:]+): No such file or directory`)
	reUndefined = lazyregexp.New(`^modpost: "(\w+)" undefined!`)
	reNoTarget  = lazyregexp.New(`^make: No rule to make target '([^']+)'`)
	reNamespace = lazyregexp.New(`from namespace (\w+)`)
)

// hint says what usually fixes a complaint; empty if nothing is certain.
func hint(d Diagnostic, snap *sourceFolder) string {
	if m := reMissing.FindStringSubmatch(d.Text); m != nil {
		for _, l := range snap.outside {
			if strings.HasPrefix(l, m[1]+" ") || strings.HasSuffix(strings.Fields(l)[0], "/"+m[1]) {
				return "links out of the folder are not followed (" + l + "): copy the file in"
			}
		}
		if strings.HasPrefix(m[1], "../") {
			return "only the given folder is built: copy the file into it, or give the parent folder"
		}
	}
	if m := reUndefined.FindStringSubmatch(d.Text); m != nil {
		return fmt.Sprintf("the kernel does not export %[1]s: "+
			"build the module that has EXPORT_SYMBOL(%[1]s) in the same folder, or check the name", m[1])
	}
	if m := reNoTarget.FindStringSubmatch(d.Text); m != nil {
		if base, ok := strings.CutSuffix(m[1], ".o"); ok {
			return fmt.Sprintf("obj-m or an -objs line names %s, but there is no %s.c", m[1], base)
		}
	}
	switch m := reNamespace.FindStringSubmatch(d.Text); {
	case m != nil:
		return fmt.Sprintf("add MODULE_IMPORT_NS(%q), without the quotes before kernel 6.13", m[1])
	case strings.Contains(d.Text, "missing MODULE_LICENSE"):
		return `add MODULE_LICENSE("GPL")`
	case strings.Contains(d.Text, "missing separator"):
		return "the lines of a recipe must begin with a tab, not with spaces"
	}
	return ""
}

// noModules explains a build that succeeded but made no module.
func noModules(snap *sourceFolder, steps []Step) *Error {
	e := &Error{Kind: ErrNoModules, Steps: steps, Message: "the build made no module"}
	file := "Makefile"
	if snap.has("Kbuild") {
		file = "Kbuild" // kbuild prefers it to a Makefile beside it
	}
	text, _ := os.ReadFile(filepath.Join(snap.dir, file))
	var sources []string
	for name := range snap.files() {
		if strings.HasSuffix(name, ".c") && !strings.Contains(name, "/") {
			sources = append(sources, name)
		}
	}
	switch subs := snap.subfolders(); {
	case lazyregexp.New(`\bobj-m\b`).MatchString(string(text)):
		e.Message += ": obj-m in " + file + " names no module for this kernel"
	case len(sources) > 0:
		e.Message += ": " + file + " sets no obj-m"
		e.Hint = "add this line to it: " + snap.suggestKbuild(sorted(sources))
	case len(subs) > 0:
		e.Message += ": " + file + " sets no obj-m"
		e.Hint = "add this line to it: obj-m := " + strings.Join(subs, "/ ") + "/"
	default:
		e.Message += ": " + file + " sets no obj-m"
	}
	return e
}
