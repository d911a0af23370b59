// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// KTAP writes the result in the format of the kernel's own tests (version 1, Documentation/dev-tools/ktap.rst), with a
// test for each verdict class except pass. Text from the guest follows "#   ", where it cannot pass for a result.
func KTAP(w io.Writer, r *result.Result) error {
	buf := bufio.NewWriter(w)
	list := checks(r)
	fmt.Fprintf(buf, "KTAP version 1\n1..%d\n", len(list))
	writeMessages(buf, "", r.Messages)
	writeChecks(buf, "", list)
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write KTAP report: %w", err)
	}
	return nil
}

// maxKTAPMessages bounds the messages of a run; whoever wants more is better served by another format.
const maxKTAPMessages = 100

// writeMessages writes what the modules printed as diagnostic lines.
func writeMessages(buf *bufio.Writer, indent string, list []result.Message) {
	for i := range list {
		if i == maxKTAPMessages {
			fmt.Fprintf(buf, indent+"#   … %d more messages\n", len(list)-i)
			return
		}
		fmt.Fprintf(buf, indent+"#   %s\n", ktapText(messageLine(&list[i])))
	}
}

func writeChecks(buf *bufio.Writer, indent string, list []check) {
	for i, c := range list {
		if c.state == checkSkipped {
			fmt.Fprintf(buf, indent+"ok %d %s # SKIP %s\n", i+1, c.name, c.text)
			continue
		}
		ok := "ok"
		if c.state != checkPassed {
			ok = "not ok"
			for _, line := range append([]string{c.text}, c.detail...) {
				fmt.Fprintf(buf, indent+"#   %s\n", ktapText(line))
			}
		}
		fmt.Fprintf(buf, indent+"%s %d %s\n", ok, i+1, c.name)
	}
}

// The kernel's parser takes these for the end of the log wherever they occur on a line, and a crash may well print one.
var ktapEnds = strings.NewReplacer(
	"List of all partitions:", `List of all partitions\x3a`,
	"Kernel panic - not syncing: VFS:", `Kernel panic - not syncing: VFS\x3a`,
	"reboot: System halted", `reboot\x3a System halted`,
)

func ktapText(line string) string { return ktapEnds.Replace(line) }
