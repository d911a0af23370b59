// SPDX-License-Identifier: MIT

// Package plain makes text from others harmless to whoever shows it: a terminal, which acts on control characters, and
// a CI server, which acts on lines of its log such as "::error::" and "##[error]". It is pure.
package plain

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// Text makes a text of one line harmless: control characters, invisible ones, those that change direction, and invalid
// UTF-8 become escapes. Tabs become spaces. Some CI servers look for ##[ and ##vso[ anywhere in a line.
func Text(s string) string {
	s = Escape(s, tabs)
	if strings.Contains(s, "##") {
		s = command.ReplaceAllString(s, `#\x23$1[`)
	}
	return s
}

var command = lazyregexp.New(`##([a-z]*)\[`)

var tabs = map[rune]string{'\t': "    "}

// Escape is Text for another reader than a terminal or a CI server. Some control characters become what instead gives.
func Escape(s string, instead map[rune]string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		other, known := instead[r]
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case known:
			b.WriteString(other)
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

// Lines makes a text of several lines harmless. All but the first are indented, so that none looks like one of ours.
func Lines(s string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimRight(s, "\r\n"), "\n") {
		if i > 0 {
			b.WriteByte('\n')
			if !strings.HasPrefix(line, "  ") {
				b.WriteString("  ")
			}
		}
		b.WriteString(Text(strings.TrimRight(line, "\r")))
	}
	return b.String()
}

// JSON is a writer for whole JSON texts: what a terminal or a CI server would act on is written as \u escapes, which
// mean the same.
func JSON(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(p []byte) (int, error) {
	var b strings.Builder
	for i, r := range string(p) { // outside of ASCII there are only strings
		switch {
		case r == '#' && i > 0 && p[i-1] == '#', r >= 0x7f && r <= 0xffff && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		case r > 0xffff && !unicode.IsPrint(r):
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b.WriteRune(r)
		}
	}
	if _, err := io.WriteString(j.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
