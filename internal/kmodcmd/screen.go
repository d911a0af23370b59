// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/plain"
)

// onScreen is w, made harmless where that is a terminal: a module's file says of itself what its author wanted. Into
// a pipe or a file the commands write the bytes that kmod's write.
func onScreen(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok {
		return &screen{file: f}
	}
	return w
}

// screen asks what it writes to when something is written: most commands print nothing.
type screen struct {
	file            *os.File
	asked, terminal bool
}

func (s *screen) Write(p []byte) (int, error) {
	if !s.asked {
		_, err := unix.IoctlGetTermios(int(s.file.Fd()), unix.TCGETS)
		s.asked, s.terminal = true, err == nil
	}
	if !s.terminal {
		return s.file.Write(p)
	}
	lines := strings.Split(string(p), "\n")
	for i := range lines {
		lines[i] = plain.Text(lines[i])
	}
	if _, err := io.WriteString(s.file, strings.Join(lines, "\n")); err != nil {
		return 0, err
	}
	return len(p), nil
}
