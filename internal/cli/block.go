// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/kmodlab/kmodlab/internal/report"
)

// block is some lines at the bottom of a terminal that are drawn over in place.
// Each drawing is one write that leaves the terminal as it was, with its cursor
// shown and long lines wrapped: whoever ends us in between finds nothing to mend.
// In between the cursor stands at its beginning: there the next drawing starts,
// whatever a new size has wrapped, and the ^C that the terminal echoes lands there.
type block struct {
	w     io.Writer
	drawn []string // what stands there
	width int      // of the terminal when it was drawn
}

const (
	beginDrawing = "\x1b[?25l\x1b[?7l" // no cursor, no wrapping: a line never becomes two
	endDrawing   = "\x1b[?7h\x1b[?25h"
	eraseLine    = "\x1b[K"
	eraseBelow   = "\x1b[J"
)

// draw puts lines in the place of those that stand there. They fit the terminal.
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

// clear erases what stands there. Some terminals (tmux) keep in their history what
// is erased below the first place of the screen, so it begins in the second line.
func (b *block) clear(width int) string {
	if len(b.drawn) == 0 || len(b.drawn) == 1 && report.Cells(b.drawn[0]) <= width {
		return "\r" + eraseLine
	}
	return "\r" + eraseLine + "\n" + eraseBelow + "\x1b[1A"
}

// terminalSize is that of a terminal, 80 by 24 where it does not tell.
func terminalSize(w io.Writer) (columns, rows int) {
	if f, ok := w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return 80, 24
}
