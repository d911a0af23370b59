// SPDX-License-Identifier: MIT

package prepare

import (
	"fmt"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/result"
)

// BuildWarnings are what a build said about the person's own files.
func BuildWarnings(b *kbuild.Build) []result.Warning {
	var list []result.Warning
	for _, d := range b.Warnings {
		list = append(list, result.Warning{File: d.File, Line: d.Line, Column: d.Column, Text: d.Text})
	}
	return list
}

// Warnings are what the build said about the person's own files, and the taint that the modules' licences bring.
func (p *Prepared) Warnings() []result.Warning {
	var list []result.Warning
	if p.build != nil {
		list = BuildWarnings(p.build)
	}
	for _, m := range p.Fresh {
		if m.Module == nil || m.Module.GPLCompatible() {
			continue
		}
		license := m.Module.Info.Get("license")
		text := "there is no MODULE_LICENSE"
		if license != "" {
			text = fmt.Sprintf("MODULE_LICENSE(%q) is not compatible with the GPL", license)
		}
		text += ": the kernel treats the module as proprietary: loading it taints the kernel, and it gets no GPL-only symbols"
		list = append(list, result.Warning{File: m.Name + ".ko", Text: text})
	}
	return list
}
