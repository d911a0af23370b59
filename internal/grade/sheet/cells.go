// SPDX-License-Identifier: MIT

package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a sheet may have at most. A course of 10,000 with 100 columns has less.
const (
	maxBytes = 32 << 20
	maxCells = 2_000_000
)

const bom = "\ufeff"

// table is a sheet whose cells are as they stand in the file, quotes and all: together they are the file again.
type table struct {
	start     string // a byte order mark, or nothing
	separator byte
	rows      []row
}

type row struct {
	line  int // in the file; a cell may have several
	cells []string
	end   string // \n, \r\n, or nothing in the last row
}

// parse takes a file apart. It changes nothing, so bytes gives the same file again.
func parse(data []byte) (*table, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("it is larger than %d MiB", maxBytes>>20)
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, errors.New("it is no CSV in UTF-8: export it again, as CSV, and leave it as it is")
	}
	t := &table{}
	text, found := strings.CutPrefix(string(data), bom)
	if found {
		t.start = bom
	}
	t.separator = separatorOf(text)
	cells := 0
	for line := 1; text != ""; {
		r, n, err := t.parseRow(text, line)
		if err != nil {
			return nil, err
		}
		if cells += len(r.cells); cells > maxCells {
			return nil, fmt.Errorf("line %d: it has more than %d cells", line, maxCells)
		}
		t.rows = append(t.rows, r)
		line += strings.Count(text[:n], "\n")
		text = text[n:]
	}
	return t, nil
}

// parseRow takes the first row from a text, and says how long it is.
func (t *table) parseRow(text string, line int) (row, int, error) {
	r := row{line: line}
	for at := 0; ; {
		n, err := cellLength(text[at:], t.separator)
		if err != nil {
			return r, 0, fmt.Errorf("line %d: %w", line+strings.Count(text[:at], "\n"), err)
		}
		cell, end := text[at:at+n], at+n
		switch {
		case end < len(text) && text[end] == t.separator:
			r.cells = append(r.cells, cell)
			at = end + 1
			continue
		case end < len(text): // a newline
			r.end = "\n"
			if strings.HasSuffix(cell, "\r") {
				cell, r.end = strings.TrimSuffix(cell, "\r"), "\r\n"
			}
			end++
		}
		r.cells = append(r.cells, cell)
		return r, end, nil
	}
}

// cellLength is the length of the cell that a text begins with.
func cellLength(text string, separator byte) (int, error) {
	if !strings.HasPrefix(text, `"`) {
		if n := strings.IndexAny(text, string([]byte{separator, '\n'})); n >= 0 {
			return n, nil
		}
		return len(text), nil
	}
	for at := 1; ; {
		n := strings.IndexByte(text[at:], '"')
		if n < 0 {
			return 0, errors.New("a quote has no end")
		}
		at += n + 1
		rest := text[at:]
		switch {
		case rest == "", rest[0] == separator, rest[0] == '\n':
			return at, nil
		case strings.HasPrefix(rest, "\r\n"):
			return at + 1, nil
		case rest[0] != '"':
			return 0, errors.New("something follows a quote that has ended")
		}
		at++ // two quotes are one of the text
	}
}

// separatorOf is what the first line has most of, outside of quotes.
func separatorOf(text string) byte {
	counts := make(map[byte]int)
	quoted := false
	for i := range len(text) {
		c := text[i]
		if c == '"' {
			quoted = !quoted
		} else if c == '\n' && !quoted {
			break
		} else if !quoted {
			counts[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// bytes is the file.
func (t *table) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(t.start)
	for _, r := range t.rows {
		for i, cell := range r.cells {
			if i > 0 {
				b.WriteByte(t.separator)
			}
			b.WriteString(cell)
		}
		b.WriteString(r.end)
	}
	return b.Bytes()
}

// value is what a cell says: without quotes and the blanks around it. A row may lack its last cells.
func (t *table) value(row, column int) string {
	cells := t.rows[row].cells
	if column < 0 || column >= len(cells) {
		return ""
	}
	raw := cells[column]
	if inner, quoted := strings.CutPrefix(raw, `"`); quoted {
		raw = strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return strings.TrimSpace(raw)
}

// set writes a number into a cell, with quotes if it had some or needs them.
func (t *table) set(row, column int, number string) {
	cell := &t.rows[row].cells[column]
	if strings.HasPrefix(*cell, `"`) || strings.IndexByte(number, t.separator) >= 0 {
		number = `"` + number + `"`
	}
	*cell = number
}

// header is the first row's texts.
func (t *table) header() []string {
	var names []string
	for i := range t.rows[0].cells {
		name := t.value(0, i)
		if !utf8.ValidString(name) {
			name = strings.ToValidUTF8(name, "?")
		}
		names = append(names, name)
	}
	return names
}
