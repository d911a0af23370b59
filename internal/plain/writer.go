// SPDX-License-Identifier: MIT

package plain

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// maxLine is how much of a line is kept until its end comes.
const maxLine = 64 << 10

// Writer shows what others print, line by line, harmless and indented. Close shows the last line. It is safe for
// concurrent use.
type Writer struct {
	w      io.Writer
	indent string

	mu   sync.Mutex
	line []byte
}

// NewWriter returns a Writer that begins each line with indent.
func NewWriter(w io.Writer, indent string) *Writer { return &Writer{w: w, indent: indent} }

func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		w.line = append(w.line, line...)
		rest = after
		if ended || len(w.line) > maxLine {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// Close writes a line that has no end yet.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.line) == 0 {
		return nil
	}
	return w.flush()
}

func (w *Writer) flush() error {
	text := Text(strings.TrimRight(string(w.line), "\r "))
	if text != "" {
		text = w.indent + text
	}
	w.line = w.line[:0]
	_, err := io.WriteString(w.w, text+"\n")
	return err
}

// Guard is a writer for our own lines, parts of which came from others. Where a line is wrapped, such a part may come
// to stand at its beginning, and after blanks some CI servers take :: there for a command of theirs.
func Guard(w io.Writer) io.Writer { return &guard{w: w, blank: true} }

type guard struct {
	w     io.Writer
	blank bool // only blanks so far in this line
}

func (g *guard) Write(p []byte) (int, error) {
	var out []byte // nil as long as p can stay as it is
	done := 0      // how much of p is in out
	for i, c := range p {
		switch c {
		case '\n', '\r':
			g.blank = true
		case ' ', '\t':
		default:
			if g.blank && c == ':' && (i+1 == len(p) || p[i+1] == ':') {
				out = append(append(out, p[done:i]...), `\x3a`...)
				done = i + 1
			}
			g.blank = false
		}
	}
	if done == 0 {
		out = p
	} else {
		out = append(out, p[done:]...)
	}
	if _, err := g.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
