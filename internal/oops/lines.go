// SPDX-License-Identifier: MIT

package oops

import (
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// line is one printk without its prefixes.
type line struct {
	text   string
	caller string // T123 or C0, "" if the console does not say
	us     int64  // its time in microseconds, 0 if the console does not say
}

var (
	// A time stamp, with the syslog level and the caller if they are shown. Concurrent printks glue records together,
	// so one line may hold several.
	stamp   = lazyregexp.New(`(?:<\d{1,3}>)?\[ {0,12}(\d{1,12})\.(\d{6})\](?:\[ {0,8}([TC]\d{1,10})\])? ?`)
	level   = lazyregexp.New(`^<\d{1,3}>`)
	ansiSeq = lazyregexp.New("\x1b\\[[0-9;?]*[A-Za-z]")
)

func splitLines(console []byte) []line {
	var lines []line
	for raw := range strings.SplitSeq(string(console), "\n") {
		raw = ansiSeq.ReplaceAllString(strings.TrimRight(raw, "\r \t"), "")
		marks := stamp.FindAllStringSubmatchIndex(raw, -1)
		if len(marks) == 0 || marks[0][0] > 0 {
			head := raw
			if len(marks) > 0 {
				head = raw[:marks[0][0]]
			}
			lines = append(lines, line{text: cut(level.ReplaceAllString(head, ""))})
		}
		for i, m := range marks {
			end := len(raw)
			if i+1 < len(marks) {
				end = marks[i+1][0]
			}
			l := line{text: cut(raw[m[1]:end])}
			l.us, _ = strconv.ParseInt(raw[m[2]:m[3]]+raw[m[4]:m[5]], 10, 64) // 18 digits always fit
			if m[6] >= 0 {
				l.caller = raw[m[6]:m[7]]
			}
			lines = append(lines, l)
		}
	}
	return lines
}

func cut(s string) string {
	s = strings.ToValidUTF8(strings.TrimRight(s, " \t"), "\ufffd")
	if len(s) > maxLineBytes {
		return strings.ToValidUTF8(s[:maxLineBytes], "") + "…"
	}
	return s
}
