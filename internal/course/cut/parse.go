// SPDX-License-Identifier: MIT

package cut

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// parser reads a file line by line.
type parser struct {
	file     *File
	syntax   syntax
	number   int    // of the line
	open     *block // nil outside of a block
	opened   int    // the line on which it begins
	bare     bool   // the block has no solution's line yet
	standing bool   // the last line of the block was a stand-in
	comment  bool   // the line begins inside a comment of C
	quote    string // the quote of the string in which the line begins
	spliced  bool   // a backslash at the end of the line before continues it
	problems []Problem
}

// end is the marker that ends a block.
func (p *parser) end() string {
	switch p.syntax {
	case markdownSyntax:
		return "<!-- /lecturer -->"
	case hashSyntax:
		return "#<"
	}
	return "//<"
}

func (p *parser) line(line string) {
	if strings.HasSuffix(line, "\r\n") {
		p.problem(p.number, "the line ends in CR LF: save the file with the line ends of Unix")
		line = strings.TrimSuffix(line, "\r\n") + "\n"
	}
	if p.syntax == markdownSyntax {
		p.markdown(line)
		return
	}
	m, found := p.find(line)
	inside, spliced := p.comment, p.spliced
	p.follow(line)
	switch {
	case !found:
		p.text(line)
	case inside:
		p.problem(p.number, "the marker %s is inside a comment: end the comment before it", m.word)
	case spliced:
		p.problem(p.number, "the marker %s is inside a line that a backslash continues: put it before or after", m.word)
	case p.spliced:
		p.problem(p.number, "the marker %s ends in a backslash, which makes the next line a comment, too", m.word)
	default:
		p.marker(m, line)
	}
}

// text adds a line that is no marker.
func (p *parser) text(line string) {
	if p.open == nil {
		if n := len(p.file.parts); n == 0 || p.file.parts[n-1].block != nil {
			p.file.parts = append(p.file.parts, part{})
		}
		last := &p.file.parts[len(p.file.parts)-1]
		last.lines = append(last.lines, line)
		return
	}
	if p.standing {
		p.problem(p.number, "a line of the solution follows what stands in for the lines before: put %s= between them",
			p.lead())
		p.standing = false
	}
	p.bare = false
	last := p.segment()
	last.lines = append(last.lines, line)
}

// segment is the last of the open block.
func (p *parser) segment() *segment {
	if len(p.open.segments) == 0 {
		p.open.segments = []segment{{level: never}}
	}
	return &p.open.segments[len(p.open.segments)-1]
}

// marker is a marker line in its parts.
type marker struct {
	indent string
	word   string // as it is written: //>2
	kind   byte   // one of > - = < !
	level  string // the digits after it
	text   string // what follows, without the blank between
	proper bool   // a blank or the end of the line follows
}

func (p *parser) lead() string {
	if p.syntax == hashSyntax {
		return "#"
	}
	return "//"
}

// find looks for a marker at the beginning of a line. What looks like one and is none is one that is not proper, if
// it would be surprising that it is none: lines of dashes are common.
func (p *parser) find(line string) (m marker, found bool) {
	trimmed := strings.TrimLeft(line, " \t")
	m.indent = line[:len(line)-len(trimmed)]
	rest, ok := strings.CutPrefix(strings.TrimRight(trimmed, "\n"), p.lead())
	if !ok || rest == "" || !strings.ContainsRune(">-=<!", rune(rest[0])) {
		return m, false
	}
	if p.syntax == hashSyntax && p.number == 1 && rest[0] == '!' {
		return m, false // a script's interpreter
	}
	m.kind = rest[0]
	rest = rest[1:]
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	m.level, m.text = rest[:digits], rest[digits:]
	m.word = p.lead() + string(m.kind) + m.level
	m.proper = m.text == "" || m.text[0] == ' ' || m.text[0] == '\t'
	m.text = strings.TrimPrefix(m.text, " ")
	return m, m.proper || p.open != nil || m.kind == '>' || m.kind == '<'
}

func (p *parser) marker(m marker, line string) {
	p.file.marked = true
	level, ok := p.level(m)
	switch {
	case !ok:
	case !m.proper && m.text == strings.TrimRight(m.text, "-=<>!"):
		p.problem(p.number, "put a blank after %s", m.word)
	case !m.proper:
		p.problem(p.number, "%q is no marker, and looks like one", strings.TrimSpace(line))
	case m.kind == '!':
	case m.kind == '>':
		p.todo(m, level)
	case p.open == nil:
		p.problem(p.number, "the marker %s is outside of a block: a block begins with %s> TODO", m.word, p.lead())
	case m.kind == '<':
		p.close(m)
	case m.kind == '=':
		if m.text != "" {
			p.problem(p.number, "nothing follows %s on its line", m.word)
		}
		p.open.segments = append(p.open.segments, segment{level: level})
		p.standing = false
	default:
		last := p.segment()
		if len(last.lines) == 0 {
			p.problem(p.number, "%s stands in for the lines before it, and there are none", m.word)
		}
		line := standIn(m)
		if _, marker := p.find(line); marker {
			p.problem(p.number, "a marker cannot be what stands in")
		}
		last.standIns = append(last.standIns, line)
		p.standing = true
	}
}

func standIn(m marker) string {
	return strings.TrimRight(m.indent+m.text, " \t") + "\n"
}

// level reads the number after a marker. Text without one is for all, lines without one are for nobody.
func (p *parser) level(m marker) (int, bool) {
	if m.level == "" {
		if m.kind == '>' {
			return MinLevel, true
		}
		return never, true
	}
	if m.kind != '>' && m.kind != '=' {
		p.problem(p.number, "no number follows %s%c: it is the same at every level of help", p.lead(), m.kind)
		return 0, false
	}
	for n := MinLevel; n <= MaxLevel; n++ {
		if m.level == fmt.Sprint(n) {
			return n, true
		}
	}
	p.problem(p.number, "%s: the levels of help are %d to %d", m.word, MinLevel, MaxLevel)
	return 0, false
}

func (p *parser) todo(m marker, level int) {
	m.text = strings.TrimSpace(m.text)
	if p.syntax == cSyntax && (strings.Contains(m.text, "/*") || strings.Contains(m.text, "*/")) {
		p.problem(p.number, "the text becomes a comment: it cannot have /* or */ in it")
	}
	// The text is over once the block has anything else.
	if p.open != nil && len(p.open.segments) == 0 {
		p.open.text = append(p.open.text, hint{level, m.text})
		return
	}
	if p.open != nil {
		p.problem(p.number, "a block begins inside the one of line %d: end that with %s first", p.opened, p.end())
	}
	if m.level != "" || !strings.HasPrefix(m.text, "TODO") {
		p.problem(p.number, "a block begins with %s> TODO and the task", p.lead())
	}
	p.begin(&block{indent: m.indent, text: []hint{{level, m.text}}})
}

func (p *parser) begin(b *block) {
	p.open, p.opened, p.bare, p.standing = b, p.number, true, false
	p.file.parts = append(p.file.parts, part{block: b})
}

func (p *parser) close(m marker) {
	if m.text != "" {
		p.problem(p.number, "nothing follows %s on its line", m.word)
	}
	if p.bare {
		p.problem(p.opened, "the block has no line of the solution")
	}
	p.open = nil
}

var lecturer = lazyregexp.New(`(?i)^\s*<!--\s*(/?)\s*lecturer\s*-->\s*$`)

// markdown takes a line of Markdown. What is between code fences is no exception: a forgotten fence must not give
// anything away.
func (p *parser) markdown(line string) {
	m := lecturer.FindStringSubmatch(line)
	switch {
	case m == nil:
		if at := strings.Index(line, "<!--"); at >= 0 && strings.Contains(strings.ToLower(line[at:]), "lecturer") {
			p.problem(p.number, "a marker is alone on its line: <!-- lecturer --> or <!-- /lecturer -->")
		}
		p.text(line)
	case m[1] == "" && p.open != nil:
		p.problem(p.number, "a lecturer's part begins inside the one of line %d: end that with %s first", p.opened, p.end())
	case m[1] == "":
		p.file.marked = true
		p.begin(&block{})
		p.bare = false
	case p.open == nil:
		p.problem(p.number, "no lecturer's part is open here: it begins with <!-- lecturer -->")
	default:
		p.close(marker{})
	}
}

// follow notes whether the next line begins in a comment, or continues this one.
func (p *parser) follow(line string) {
	line = strings.TrimSuffix(line, "\n")
	p.spliced = strings.HasSuffix(line, `\`)
	if p.syntax != cSyntax {
		return
	}
	line, p.quote = p.quote+line, ""
	for len(line) > 0 {
		if p.comment {
			_, after, ends := strings.Cut(line, "*/")
			if !ends {
				return
			}
			p.comment, line = false, after
			continue
		}
		switch {
		case strings.HasPrefix(line, "//"):
			return
		case strings.HasPrefix(line, "/*"):
			p.comment, line = true, line[2:]
		case line[0] == '"' || line[0] == '\'':
			after, ends := afterQuotes(line)
			if !ends && p.spliced {
				p.quote = line[:1]
			}
			line = after
		default:
			line = line[1:]
		}
	}
}

// afterQuotes is what follows a string or a character that the line ends.
func afterQuotes(line string) (after string, ends bool) {
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case line[0]:
			return line[i+1:], true
		}
	}
	return "", false
}
