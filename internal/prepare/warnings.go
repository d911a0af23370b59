// SPDX-License-Identifier: MIT

package prepare

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// Warnings are what the build said about the person's own files, and the taint that the modules' licences bring.
func (p *Prepared) Warnings() []result.Warning {
	var list []result.Warning
	if p.build != nil {
		for _, d := range p.build.Warnings {
			list = append(list, result.Warning{File: d.File, Line: d.Line, Column: d.Column, Text: d.Text})
		}
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
