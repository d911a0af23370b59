// SPDX-License-Identifier: MIT

// Package yamlplace says where in a YAML file a place within one of its texts is. It is pure.
package yamlplace

import (
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// Of is where a node begins: its key, of a mapping or a member of one.
func Of(n ast.Node) (line, column int) {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0]
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return 1, 1
	}
	return max(t.Position.Line, 1), max(t.Position.Column, 1)
}

// Within is where a line and column of a text, from 1, are in the file of these lines. The text is that of the node: it
// may be plain, in quotes, or a block of lines. Columns are characters.
func Within(lines []string, node ast.Node, line, column int) (int, int) {
	startLine, startColumn := Of(node)
	value := ""
	switch n := node.(type) {
	case *ast.StringNode:
		value = n.Value
	case *ast.LiteralNode:
		value = n.Value.Value
		startLine, startColumn = startLine+1, 1
	default:
		return startLine, startColumn
	}
	if startLine > len(lines) {
		return Of(node)
	}
	first := []rune(lines[startLine-1])
	from := min(startColumn-1, len(first))
	source := []rune(string(first[from:]) + "\n" + strings.Join(lines[startLine:], "\n"))
	n := align(source, []rune(value), offset(value, line, column))
	return advance(source[:n], startLine, from+1)
}

// offset is the number of characters before a line and column of a text.
func offset(text string, line, column int) int {
	before := 0
	for l := range strings.Lines(text) {
		if line--; line == 0 {
			return before + max(0, min(column-1, len([]rune(l))))
		}
		before += len([]rune(l))
	}
	return before
}

// advance is the place after some text.
func advance(text []rune, line, column int) (int, int) {
	for _, r := range text {
		if r == '\n' {
			line, column = line+1, 1
		} else {
			column++
		}
	}
	return line, column
}

// align is the number of characters of the source that come before the nth of the value that is written there. YAML
// folds lines and has escapes, so the two are followed side by side; white space stands for any white space.
func align(source, value []rune, n int) int {
	var quote rune
	at := spaces(source)
	if at < len(source) && (source[at] == '"' || source[at] == '\'') {
		quote = source[at]
		at++
	}
	for i := 0; i < len(value) && at < len(source) && i < n; {
		blank := spaces(value[i:])
		if i+blank > n {
			break
		}
		i += blank
		if blank > 0 {
			at += blanks(source[at:], quote)
			continue
		}
		if quote == '"' && source[at] == '\\' && at+1 < len(source) && source[at+1] == '\n' {
			at += 2 + spaces(source[at+2:]) // the line goes on without a blank
			continue
		}
		i, at = i+1, at+width(source[at:], quote)
	}
	return min(at, len(source))
}

func spaces(text []rune) int {
	n := 0
	for n < len(text) && unicode.IsSpace(text[n]) {
		n++
	}
	return n
}

// blanks is how many characters of a source are white space, those that it writes as escapes among them.
func blanks(source []rune, quote rune) int {
	n := spaces(source)
	for quote == '"' && n+1 < len(source) && source[n] == '\\' && strings.ContainsRune("nt \n", source[n+1]) {
		n += 2
		n += spaces(source[n:])
	}
	return n
}

// width is the number of characters with which a source writes one that is no white space.
func width(source []rune, quote rune) int {
	switch {
	case len(source) < 2:
	case quote == '\'' && source[0] == '\'':
		return 2
	case quote == '"' && source[0] == '\\':
		switch source[1] {
		case 'x':
			return 4
		case 'u':
			return 6
		case 'U':
			return 10
		}
		return 2
	}
	return 1
}
