// SPDX-License-Identifier: MIT

package lanes

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/plain"
)

// Bounds of texts, in bytes as they come from the guest.
const (
	maxShort = 256     // names, places, lines
	maxPlain = 8 << 10 // values of fields, messages
)

// Plain makes text from the guest harmless: control characters (except line breaks and tabs), invisible ones, those
// that change direction, and invalid UTF-8 become escapes. A very long text keeps its beginning and a note of its
// length.
func Plain(s string) string { return bounded(s, maxPlain, true) }

// Short is Plain for names: on one line, and shorter.
func Short(s string) string { return bounded(s, maxShort, false) }

// Lines is Plain for a text of many lines, such as a log. A text longer than limit bytes keeps its beginning and its
// end, and says how much is missing.
func Lines(s string, limit int) string {
	if len(s) <= limit {
		return escape(s, true)
	}
	half := limit / 2
	return escape(s[:half], true) + fmt.Sprintf("\n\n… %d bytes are not shown …\n\n", len(s)-2*half) +
		escape(s[len(s)-half:], true)
}

func bounded(s string, limit int, lines bool) string {
	if len(s) <= limit {
		return escape(s, lines)
	}
	cut := limit
	for limit-cut < utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return escape(s[:cut], lines) + fmt.Sprintf("… (%d bytes)", len(s))
}

// ofLines are what control characters become in a text of several lines. A carriage return ends a line of a console.
var ofLines = map[rune]string{'\n': "\n", '\t': "\t", '\r': ""}

// escape lets through printable characters and, if lines, line breaks and tabs.
func escape(s string, lines bool) string {
	if lines {
		return plain.Escape(s, ofLines)
	}
	return plain.Escape(s, nil)
}

const tabWidth = 8

// Untab expands tabs to columns, as an editor shows them.
func Untab(s string) string {
	if !strings.Contains(s, "\t") {
		return s
	}
	var b strings.Builder
	column := 0
	for _, r := range s {
		if r != '\t' {
			b.WriteRune(r)
			column++
			continue
		}
		n := tabWidth - column%tabWidth
		b.WriteString(strings.Repeat(" ", n))
		column += n
	}
	return b.String()
}

// join joins the parts that are not empty.
func join(sep string, parts ...string) string {
	var there []string
	for _, p := range parts {
		if p != "" {
			there = append(there, p)
		}
	}
	return strings.Join(there, sep)
}
