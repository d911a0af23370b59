// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// Brief writes the verdict, its hint and its evidence, after the last lines of the story: for a run whose report is not
// the point.
func Brief(w io.Writer, r *result.Result, lines int) error {
	var b strings.Builder
	var told []string
	for _, row := range story(r, false) {
		if row.timed {
			line := fmt.Sprintf("%.3f s  %s %s", float64(row.at)/1e9, row.who, join(" ", row.what, row.how))
			told = append(told, clean(strings.ReplaceAll(line, glue, " ")))
		}
	}
	for _, line := range told[max(0, len(told)-lines):] {
		fmt.Fprintf(&b, "kmodlab:   %s\n", line)
	}
	for i, line := range slices.Clone(verdictLines(&r.Verdict)) {
		indent := "  "
		if i == 0 {
			indent = ""
		}
		fmt.Fprintf(&b, "kmodlab: %s%s\n", indent, line)
	}
	_, err := io.WriteString(plain.Guard(w), b.String())
	return err
}
