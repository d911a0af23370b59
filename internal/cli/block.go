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
type block struct {
	w     io.Writer
	drawn []string // what stands there, without a line break behind the last one
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
	io.WriteString(b.w, beginDrawing+b.top(width)+eraseBelow+strings.Join(lines, "\r\n")+endDrawing)
	b.drawn, b.width = slices.Clone(lines), width
}

func (b *block) erase() {
	if len(b.drawn) == 0 {
		return
	}
	width, _ := terminalSize(b.w)
	io.WriteString(b.w, b.top(width)+eraseBelow)
	b.drawn = nil
}

// top takes the cursor to the block's first line. A terminal that was made
// narrower has wrapped what stood there.
func (b *block) top(width int) string {
	rows := 0
	for _, line := range b.drawn {
		rows += max(1, (report.Cells(line)+width-1)/max(1, width))
	}
	if rows > 1 {
		return fmt.Sprintf("\r\x1b[%dA", rows-1)
	}
	return "\r"
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
