// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
)

func ktapTarget() Target {
	return Target{
		Name: "ktap", File: "grade.ktap",
		For:     "KTAP, the format of the kernel's own tests, for scripts",
		Hidden:  "They are one test, “hidden checks”.",
		Points:  "In comments: KTAP knows only ok and not ok, and a check with some of its points is not ok.",
		Unbuilt: "The compiler's first errors are comments before the first test.",
		Fault:   "One test, “graded”, is not ok.",
		Checked: "the kernel's own kunit_parser.py",
		one:     ktap,
	}
}

// ktapText takes out what the kernel's parser takes for the end of the log, wherever it stands on a line.
var ktapText = strings.NewReplacer("List of all partitions:", "List of all partitions;",
	"Kernel panic - not syncing: VFS:", "Kernel panic - not syncing; VFS:",
	"reboot: System halted", "reboot; System halted")

func ktap(g *grade.Grade, env Env) ([]byte, error) {
	return fit(func(lim limits) ([]byte, error) {
		var b bytes.Buffer
		list := parts(g, env.Due, lim)
		if g.Fault != "" {
			list = []part{{name: "graded", status: grade.Failed, told: []string{grade.NotGraded}}}
		}
		fmt.Fprintf(&b, "KTAP version 1\n1..%d\n", len(list))
		ktapNotes(&b, unbuilt(g, lim))
		for i, p := range list {
			ktapNotes(&b, p.told)
			if p.max > 0 {
				ktapNotes(&b, []string{of(p.points, p.max)})
			}
			ok, directive := "not ok", ""
			switch p.status {
			case grade.Passed:
				ok = "ok"
			case grade.Skipped:
				ok, directive = "ok", " # SKIP a check that it needs did not pass"
			}
			name := ktapText.Replace(strings.ReplaceAll(p.name, "#", "♯"))
			fmt.Fprintf(&b, "%s %d %s%s\n", ok, i+1, name, directive)
		}
		return b.Bytes(), nil
	})
}

// ktapNotes writes comments. Their blanks keep a text from being taken for a header.
func ktapNotes(b *bytes.Buffer, told []string) {
	for _, one := range told {
		fmt.Fprintf(b, "#   %s\n", ktapText.Replace(one))
	}
}
