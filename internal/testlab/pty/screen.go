// SPDX-License-Identifier: MIT

package pty

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Screen is a terminal's: what is written to it, and where. It knows what we
// write, one column a character, and notes what it does not know.
type Screen struct {
	columns, rows int
	above         []string // scrolled out at the top
	lines         [][]rune // of the screen, from the top
	row, column   int      // the cursor; column is columns behind a full line
	rest          []byte   // of a sequence or character that has come in part

	Hidden, NoWrap, Colored bool
	Unknown                 []string
}

// NewScreen is an empty one.
func NewScreen(columns, rows int) *Screen {
	return &Screen{columns: columns, rows: rows, lines: make([][]rune, rows)}
}

func (s *Screen) Write(b []byte) {
	b = append(s.rest, b...)
	for len(b) > 0 {
		n := s.one(b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	s.rest = append([]byte(nil), b...)
}

// tabStop is how far a terminal's stops are apart.
const tabStop = 8

// one takes in one character or sequence and says how long it was, 0 when the
// rest of it has not come.
func (s *Screen) one(b []byte) int {
	switch b[0] {
	case '\r':
		s.column = 0
	case '\n':
		s.down()
	case '\b':
		s.column = max(0, s.column-1)
	case '\t':
		s.column = min((s.column/tabStop+1)*tabStop, s.columns-1)
	case 0x1b:
		return s.sequence(b)
	default:
		if !utf8.FullRune(b) {
			return 0
		}
		r, n := utf8.DecodeRune(b)
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			s.Unknown = append(s.Unknown, fmt.Sprintf("%q", b[:n]))
			return n
		}
		s.put(r)
		return n
	}
	return 1
}

func (s *Screen) put(r rune) {
	if s.column >= s.columns {
		if s.NoWrap {
			s.column = s.columns - 1
		} else {
			s.column = 0
			s.down()
		}
	}
	line := s.lines[s.row]
	for len(line) <= s.column {
		line = append(line, ' ')
	}
	line[s.column] = r
	s.lines[s.row] = line
	s.column++
}

func (s *Screen) down() {
	if s.row++; s.row < s.rows {
		return
	}
	s.row = s.rows - 1
	s.above = append(s.above, trimmed(s.lines[0]))
	s.lines = append(s.lines[1:], nil)
}

func (s *Screen) sequence(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if b[1] != '[' {
		s.Unknown = append(s.Unknown, fmt.Sprintf("%q", b[:2]))
		return 2
	}
	for i, c := range b[2:] {
		if c >= 0x40 && c <= 0x7e {
			s.control(string(b[2:2+i]), c)
			return i + 3
		}
	}
	return 0
}

func (s *Screen) control(args string, what byte) {
	switch sequence := args + string(what); {
	case sequence == "K":
		s.lines[s.row] = s.lines[s.row][:min(len(s.lines[s.row]), s.column)]
	case sequence == "J":
		if s.row == 0 && s.column == 0 {
			s.keep()
		}
		s.lines[s.row] = s.lines[s.row][:min(len(s.lines[s.row]), s.column)]
		for i := s.row + 1; i < s.rows; i++ {
			s.lines[i] = nil
		}
	case what == 'A':
		n := 1
		fmt.Sscan(args, &n)
		s.row = max(0, s.row-n)
	case what == 'm':
		s.Colored = args != "0" && args != ""
	case sequence == "?2004l", sequence == "?2004h": // bracketed paste: nothing is seen of it
	case sequence == "?25l", sequence == "?25h":
		s.Hidden = what == 'l'
	case sequence == "?7l", sequence == "?7h":
		s.NoWrap = what == 'l'
	default:
		s.Unknown = append(s.Unknown, fmt.Sprintf("%q", "\x1b["+sequence))
	}
}

// keep scrolls all out, as tmux does with a screen that is erased from its first
// place.
func (s *Screen) keep() {
	if text := s.Text(); text != "" {
		s.above = append(s.above, strings.Split(text, "\n")...)
	}
}

// Resize wraps lines that do not fit any more, as most terminals do; what does not
// fit into the height goes out at the top.
func (s *Screen) Resize(columns, rows int) {
	var lines [][]rune
	row, column := 0, s.column
	last := s.row
	for i, line := range s.lines {
		if len(line) > 0 {
			last = max(last, i)
		}
	}
	for i, line := range s.lines[:last+1] {
		if i == s.row {
			row, column = len(lines)+s.column/columns, s.column%columns
			if s.column > 0 && column == 0 {
				row, column = row-1, columns
			}
		}
		for len(line) > columns {
			lines = append(lines, line[:columns:columns])
			line = line[columns:]
		}
		lines = append(lines, line)
	}
	for len(lines) > rows {
		s.above = append(s.above, trimmed(lines[0]))
		lines, row = lines[1:], row-1
	}
	for len(lines) < rows {
		lines = append(lines, nil)
	}
	s.columns, s.rows, s.lines, s.row, s.column = columns, rows, lines, max(0, row), column
}

// Columns is how wide a line is that may have colours.
func Columns(line string) int {
	s := NewScreen(1<<16, 1)
	s.Write([]byte(strings.TrimRight(line, "\r\n")))
	return s.column
}

func trimmed(line []rune) string { return strings.TrimRight(string(line), " ") }

// Text is what it shows, without the empty lines at the end.
func (s *Screen) Text() string {
	var b strings.Builder
	for _, line := range s.lines {
		b.WriteString(trimmed(line) + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// All is Text with what has scrolled out.
func (s *Screen) All() string {
	return strings.Join(append(s.above[:len(s.above):len(s.above)], s.Text()), "\n")
}
