// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// KTAP writes the result in the format of the kernel's own tests (version 1, Documentation/dev-tools/ktap.rst), as one
// test. Text from the guest follows "#   ", where it cannot pass for a result.
func KTAP(w io.Writer, r *result.Result) error {
	return KTAPAll(w, []Named{{Name: runName(r), Result: r}})
}

// KTAPAll writes a test for each run, with the tests that ran beside its modules and its expectations as subtests. What
// was checked goes into comments: as subtests, the kernel's parser would count each of them, and a crash would be one
// failure among many tests that passed.
func KTAPAll(w io.Writer, runs []Named) error {
	buf := bufio.NewWriter(w)
	fmt.Fprintf(buf, "KTAP version 1\n1..%d\n", len(runs))
	for i, r := range runs {
		ok, v := "ok", &r.Result.Verdict
		var lines []string
		if v.Class != result.Pass {
			ok, lines = "not ok", verdictLines(v)
		}
		if n := len(r.Result.Tests) + len(r.Result.Expectations); n > 0 {
			fmt.Fprintf(buf, "  KTAP version 1\n  1..%d\n", n)
		}
		ktapTests(buf, r.Result.Tests)
		ktapExpectations(buf, len(r.Result.Tests), r.Result.Expectations)
		writeMessages(buf, r.Result.Messages)
		for _, line := range append(lines, checkSummary(checks(r.Result))...) {
			fmt.Fprintf(buf, "#   %s\n", ktapText(line))
		}
		fmt.Fprintf(buf, "%s %d %s\n", ok, i+1, ktapName(r.Name))
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write KTAP report: %w", err)
	}
	return nil
}

// maxKTAPMessages bounds the messages of a run; whoever wants more is better served by another format.
const maxKTAPMessages = 100

// writeMessages writes what the modules printed as diagnostic lines.
func writeMessages(buf *bufio.Writer, list []result.Message) {
	for i := range list {
		if i == maxKTAPMessages {
			fmt.Fprintf(buf, "#   … %d more messages\n", len(list)-i)
			return
		}
		fmt.Fprintf(buf, "#   %s\n", ktapText(messageLine(&list[i])))
	}
}

// The kernel's parser takes these for the end of the log wherever they occur on a line, and a crash may well print one.
var ktapEnds = strings.NewReplacer(
	"List of all partitions:", `List of all partitions\x3a`,
	"Kernel panic - not syncing: VFS:", `Kernel panic - not syncing: VFS\x3a`,
	"reboot: System halted", `reboot\x3a System halted`,
)

func ktapText(line string) string { return ktapEnds.Replace(line) }
