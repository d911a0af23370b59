// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/kmodlab/kmodlab/internal/report"
)

// block is a few lines at the bottom of a terminal that are redrawn in place. Each drawing is one write, and it leaves
// the terminal as it was: cursor shown, long lines wrapped. Whoever kills us between two drawings finds nothing to
// repair. Between drawings the cursor stands at the beginning of the block: the next drawing starts there, whatever a
// new size has wrapped, and the ^C that the terminal echoes lands there.
type block struct {
	w     io.Writer
	drawn []string // what is on the screen
	width int      // of the terminal when it was drawn
}

const (
	beginDrawing = "\x1b[?25l\x1b[?7l" // no cursor, no wrapping: one line never becomes two
	endDrawing   = "\x1b[?7h\x1b[?25h"
	eraseLine    = "\x1b[K"
	eraseBelow   = "\x1b[J"
)

// draw replaces the lines on the screen. The new ones fit the terminal.
func (b *block) draw(lines []string) {
	width, _ := terminalSize(b.w)
	if width == b.width && slices.Equal(lines, b.drawn) {
		return
	}
	if len(lines) == 0 {
		b.erase()
		return
	}
	back := "\r"
	if n := len(lines) - 1; n > 0 {
		back += fmt.Sprintf("\x1b[%dA", n)
	}
	io.WriteString(b.w, beginDrawing+b.clear(width)+strings.Join(lines, "\r\n")+back+endDrawing)
	b.drawn, b.width = slices.Clone(lines), width
}

func (b *block) erase() {
	if len(b.drawn) == 0 {
		return
	}
	width, _ := terminalSize(b.w)
	io.WriteString(b.w, b.clear(width))
	b.drawn = nil
}

// clear erases the block. Some terminals (tmux) keep in their history what is erased from the top row of the screen on,
// so erasing starts in the second line.
func (b *block) clear(width int) string {
	if len(b.drawn) == 0 || len(b.drawn) == 1 && report.Cells(b.drawn[0]) <= width {
		return "\r" + eraseLine
	}
	return "\r" + eraseLine + "\n" + eraseBelow + "\x1b[1A"
}

// terminalSize is the size of a terminal, 80 by 24 where it cannot be asked.
func terminalSize(w io.Writer) (columns, rows int) {
	if f, ok := fileOf(w); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return 80, 24
}
