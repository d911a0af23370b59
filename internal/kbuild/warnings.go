// SPDX-License-Identifier: MIT

package kbuild

import "strings"

// maxWarnings bounds the warnings of a build.
const maxWarnings = 50

// warnings finds what the tools said about the person's own files, and modpost about the modules, in a build that
// succeeded.
func (b *Build) warnings() []Diagnostic {
	var list []Diagnostic
	for _, s := range b.Steps {
		for _, d := range diagnose(s.Raw, b.src, b.own) {
			if d.Severity == "warning" && len(list) < maxWarnings &&
				(b.own[d.File] || strings.HasPrefix(d.Text, "modpost: ")) {
				list = append(list, d)
			}
		}
	}
	return list
}
