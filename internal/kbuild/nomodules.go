// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

var (
	reObjOption = lazyregexp.New(`(?m)^\s*obj-\$[({](CONFIG_\w+)[)}]\s*[:+]?=\s*(.*)$`)
	reObjY      = lazyregexp.New(`(?m)^\s*obj-y\s*[:+]?=\s*(.*)$`)
	reOtherDir  = lazyregexp.New(`\bM=(?:\$[({]\w+[)}]|\$\$PWD|\$\$\(pwd\))/([\w./-]+)`)
)

// noModules explains a build that succeeded but made no module.
func (a *adviser) noModules(steps []Step) *Error {
	file, text := a.snap.kbuildFile()
	why, hint := a.whyNone(file, text)
	return &Error{Kind: ErrNoModules, Steps: steps, Message: "the build made no module: " + why, Hint: hint}
}

func (a *adviser) whyNone(file, text string) (why, hint string) {
	sources, subs := a.snap.topSources(), a.snap.subfolders()
	options := a.unset(text)
	switch others := otherDirs(text); {
	case len(options) > 0 && a.isKernels(options[0]):
		return fmt.Sprintf("%s needs %s, and this kernel is built without it", file, options[0]),
			a.elsewhere(options[0])
	case len(options) > 0:
		return fmt.Sprintf("%s has obj-$(%s), and nothing sets %[2]s", file, options[0]),
			fmt.Sprintf("add this line at the top of %s: %s := m", file, options[0])
	case reObjM.MatchString(text):
		return "obj-m in " + file + " is empty, or names nothing that becomes a module",
			"name the objects there: obj-m := NAME.o for NAME.c, or FOLDER/ for a folder with a Kbuild of its own"
	case reObjY.MatchString(text) && len(sources) > 0:
		return file + " sets obj-y, which is for code in the kernel image", "write obj-m instead of obj-y"
	case len(others) > 0:
		return fmt.Sprintf("%s sets no obj-m: its rules build other folders (%s), and the kernel's make does not run them",
			file, strings.Join(others, ", ")), objM(file, folders(others))
	case len(sources) > 0:
		return file + " sets no obj-m", "add this line to it: " + a.snap.suggestKbuild(sources)
	case len(subs) > 0:
		return file + " sets no obj-m", objM(file, folders(subs))
	}
	return file + " sets no obj-m", "add obj-m := NAME.o for NAME.c, as the kernel's make reads it"
}

func objM(file, list string) string { return fmt.Sprintf("add this line to it: obj-m := %s", list) }

func folders(names []string) string { return strings.Join(names, "/ ") + "/" }

// otherDirs are the folders in which the rules of a Makefile start the kernel's make.
func otherDirs(text string) []string {
	var dirs []string
	for _, m := range reOtherDir.FindAllStringSubmatch(text, -1) {
		if dir := strings.Trim(m[1], "/"); dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// unset lists the options that guard objects and that nothing in the file sets.
func (a *adviser) unset(text string) []string {
	var names []string
	for _, m := range reObjOption.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) && !a.hasOption(m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// isKernels reports whether an option is one of the kernel's own, that it is built without.
func (a *adviser) isKernels(option string) bool {
	return strings.Contains(a.config(), "\n# "+option+" is not set")
}

func (a *adviser) elsewhere(option string) string {
	if name, _ := a.kernel.Generic(); name != "" {
		return fmt.Sprintf("the generic flavour may have it: --kernel %s; or write obj-m instead of obj-$(%s)", name, option)
	}
	return fmt.Sprintf("write obj-m instead of obj-$(%s), if the sources do without it", option)
}
