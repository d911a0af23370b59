// SPDX-License-Identifier: MIT

package lanes

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of texts, in bytes as they come from the guest.
const (
	maxShort = 256     // names, places, lines
	maxPlain = 8 << 10 // values of fields, messages
)

// Plain makes a text of the guest harmless: control characters (but for line
// breaks and tabs), invisible and direction-changing ones and invalid UTF-8
// become escapes. Of a very long text the beginning is left, and how long it is.
func Plain(s string) string { return bounded(s, maxPlain, true) }

// Short is Plain for names: on one line, and shorter.
func Short(s string) string { return bounded(s, maxShort, false) }

// Lines is Plain for text of many lines, a log. Of more than limit bytes the
// beginning and the end are left, and how much is not.
func Lines(s string, limit int) string {
	if len(s) <= limit {
		return escape(s, true)
	}
	half := limit / 2
	return escape(s[:half], true) + fmt.Sprintf("\n\n… %d bytes are not shown …\n\n", len(s)-2*half) + escape(s[len(s)-half:], true)
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

// escape lets through what is printable, and line breaks and tabs with lines.
func escape(s string, lines bool) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case lines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case lines && r == '\r': // the end of a console's line
		case r < 0x100 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r) && r != ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

const tabWidth = 8

// Untab sets tabs to columns, as an editor shows them.
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

// join strings the parts that are there.
func join(sep string, parts ...string) string {
	var there []string
	for _, p := range parts {
		if p != "" {
			there = append(there, p)
		}
	}
	return strings.Join(there, sep)
}
