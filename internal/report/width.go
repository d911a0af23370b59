// SPDX-License-Identifier: MIT

package report

import (
	"strings"
	"unicode"

	"github.com/kmodlab/kmodlab/internal/plain"
)

// clean makes text from the guest harmless to a terminal and to a CI server's log.
func clean(s string) string { return plain.Text(s) }

// wide holds the East Asian wide and full-width blocks, and the pictographs that terminals draw two cells wide.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x23e9, 0x23ec, 1}, {0x2614, 0x2615, 1}, {0x2648, 0x2653, 1},
		{0x26aa, 0x26ab, 1}, {0x26bd, 0x26be, 1}, {0x2705, 0x2705, 1}, {0x274c, 0x274c, 1}, {0x2e80, 0x303e, 1},
		{0x3041, 0x33ff, 1}, {0x3400, 0x4dbf, 1}, {0x4e00, 0x9fff, 1}, {0xa000, 0xa4cf, 1}, {0xa960, 0xa97f, 1},
		{0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x18aff, 1}, {0x1b000, 0x1b2ff, 1}, {0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1},
		{0x1f900, 0x1faff, 1}, {0x20000, 0x3fffd, 1},
	},
}

// cells is the number of terminal columns that s takes.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// padLeft aligns s to the right within width columns.
func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-cells(s))) + s
}

// glue is a space at which wrap does not break a line; clean lets none through from the guest.
const glue = "\u00a0"

// wrap breaks s into lines of at most width columns, at spaces if there are any, else inside words. It returns at least
// one line.
func wrap(s string, width int) []string { return wrapAfter(s, width, width) }

// wrapAfter is wrap with another width for the first line.
func wrapAfter(s string, first, width int) []string {
	var lines []string
	for ; wider(s, first); first = width {
		at := breakAt(s, first)
		lines = append(lines, unglue(s[:at]))
		if s = strings.TrimLeft(s[at:], " "+glue); s == "" {
			return lines
		}
	}
	return append(lines, unglue(s))
}

// wider reports whether s takes more than width columns. It stops as soon as it knows: a message may have megabytes.
func wider(s string, width int) bool {
	n := 0
	for _, r := range s {
		if n += runeCells(r); n > width {
			return true
		}
	}
	return false
}

func unglue(s string) string {
	return strings.TrimRight(strings.ReplaceAll(s, glue, " "), " ")
}

// breakAt is the byte at which a line of width columns must end; at least one rune fits.
func breakAt(s string, width int) int {
	n, space := 0, 0
	for i, r := range s {
		n += runeCells(r)
		if n > width && i > 0 {
			if space > 0 && r != ' ' {
				return space
			}
			return i
		}
		if r == ' ' {
			space = i
		}
	}
	return len(s)
}

// Cells is the number of terminal columns that one of our lines takes; colours take none.
func Cells(line string) int {
	n := 0
	for {
		before, rest, colored := strings.Cut(line, "\x1b[")
		n += cells(before)
		if !colored {
			return n
		}
		_, line, _ = strings.Cut(rest, "m")
	}
}

// Clip cuts a harmless line to width columns, with … where something is missing.
func Clip(line string, width int) string { return clip(line, width) }
