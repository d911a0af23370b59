// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// CommandText is a command as a terminal shows it: what was typed, what it printed, and its exit status unless that is
// 0. The output is made harmless, and indented: no line of it looks like one of ours.
func CommandText(c result.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s", clean(strings.Join(c.Argv, " ")))
	if c.Cached {
		b.WriteString("   (from the cache: this is what it printed when it ran)")
	}
	b.WriteByte('\n')
	if out := strings.TrimRight(c.Output, "\r\n"); out != "" {
		for line := range strings.SplitSeq(out, "\n") {
			b.WriteString(strings.TrimRight("  "+clean(strings.TrimRight(line, "\r ")), " ") + "\n")
		}
	}
	if c.Exit != 0 {
		fmt.Fprintf(&b, "(exit status %d)\n", c.Exit)
	}
	b.WriteByte('\n')
	return b.String()
}

// Printable makes a line from the guest harmless to a terminal.
func Printable(line string) string { return clean(line) }
