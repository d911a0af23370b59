// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
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
	if saysNoSpace(last.Raw) && diskFull(job.Work) {
		full := hostError("build in "+job.Work, syscall.ENOSPC)
		full.Steps = steps
		return full
	}
	if low := limitError(last.Raw, hardLimit); low != nil {
		low.Steps = steps
		return low
	}
	d, a := first(e.Diagnostics, own), newAdviser(job.Kernel, snap, last.Raw)
	if known := a.known(); known != nil {
		known.Steps, known.Diagnostics = steps, e.Diagnostics
		return known
	}
	if m := missingTool(last); m != "" && (d == nil || !own[d.File]) {
		e.Kind, e.Message = ErrNoTools, fmt.Sprintf("%s is missing where the build runs", m)
		e.Hint = toolHint(job.Kernel)
		return e
	}
	if d == nil {
		e.Message = fmt.Sprintf("%s failed with exit status %d", strings.Join(last.Argv, " "), last.Exit)
		if said := lastWords(lines(clean(last.Raw, job.SeenAs))); said != "" {
			e.Message += ": " + said
		}
		return e
	}
	e.Message = d.String()
	e.Hint = a.hint(*d)
	return e
}

// lastWords is the line before make says that it gives up, for that one has the reason.
func lastWords(list []string) string {
	for i := len(list) - 1; i >= 0; i-- {
		if strings.HasPrefix(list[i], "  ") || list[i] == "" { // a command that make ran
			break
		}
		if !reMakeSays.MatchString(list[i]) {
			return list[i]
		}
	}
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

var reMakeSays = lazyregexp.New(`^make(?:\[\d+\])?: `)

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
