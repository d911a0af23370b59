// SPDX-License-Identifier: MIT

// Package words splits a command that a person wrote on one line, as a shell does: at spaces, except within quotes.
// Nothing else is special. It is pure.
package words

import (
	"fmt"
	"unicode"
)

// Split returns the words of a line. The error is a quote without an end, or a line without a first word.
func Split(line string) ([]string, error) {
	var words []string
	var word []rune
	quote, in := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word = append(word, r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case unicode.IsSpace(r):
			if in {
				words = append(words, string(word))
			}
			word, in = word[:0], false
		default:
			word, in = append(word, r), true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c has no end", quote)
	}
	if in {
		words = append(words, string(word))
	}
	if len(words) == 0 || words[0] == "" {
		return nil, fmt.Errorf("it names no program")
	}
	return words, nil
}
