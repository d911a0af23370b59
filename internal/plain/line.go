// SPDX-License-Identifier: MIT

package plain

import "strings"

// Line makes a text one harmless line of at most n bytes and a mark.
func Line(s string, n int) string { return Indented(strings.TrimLeft(s, " \t\r\n"), n) }

// Indented is Line, and keeps the blanks at its beginning: compilers point at columns.
func Indented(s string, n int) string {
	whole := len(s) <= n
	if !whole {
		s = strings.ToValidUTF8(s[:n], "")
	}
	s = strings.TrimRight(Text(s), " ")
	if whole && len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:min(n, len(s))], "") + "…"
}

// Several makes texts harmless lines, at most so many of at most n bytes, and a mark for what is left out. A text of
// several lines becomes several.
func Several(texts []string, n, most int) []string {
	var list []string
	for _, text := range texts {
		for one := range strings.Lines(text) {
			if len(list) == most {
				return append(list, "…")
			}
			if one = Indented(strings.TrimRight(one, "\r\n"), n); one != "" {
				list = append(list, one)
			}
		}
	}
	return list
}
