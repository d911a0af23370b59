// SPDX-License-Identifier: MIT

package guest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// Bounds of a list of what matches a pattern. Programs may have made anything, and the answer has to fit into a frame.
const (
	mostMatched  = 2000      // files
	matchedBytes = 150 << 10 // of their names; JSON may write six for one
	mostOthers   = 100       // that are no regular files
	mostSearched = 20_000    // names, of whatever kind
	deepest      = 40        // folders one in the other
)

// matcher lists what matches a pattern.
type matcher struct {
	*wire.ListResult
	bytes    int
	searched int
}

// match lists the files that match a pattern, and those in folders that do.
func match(pattern string, result *wire.ListResult) error {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("match %s: %w", pattern, err)
	}
	m := matcher{ListResult: result}
	for _, name := range names {
		m.add(name, 0)
	}
	return nil
}

// add lists a file, or what is in a folder. A link is followed neither here nor there.
func (m *matcher) add(name string, depth int) {
	if m.searched++; m.searched > mostSearched {
		m.More = true
		return
	}
	st, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it has just gone
	case err != nil:
		m.other(name, "cannot be read: "+cause(err).Error())
	case !utf8.ValidString(name): // a message cannot carry it
		m.other(strings.ToValidUTF8(name, "\ufffd"), "has a name that is no UTF-8")
	case st.Mode().IsRegular():
		m.file(name)
	case !st.IsDir():
		m.other(name, kindOf(name, st.Mode()))
	case isKernels(name):
		m.other(name, "is a folder of the kernel's, of which only files are read that are named themselves")
	case depth == deepest:
		m.other(name, "lies too deep")
	default:
		m.folder(name, depth)
	}
}

// folder lists what is in a folder.
func (m *matcher) folder(name string, depth int) {
	dir, err := os.Open(name)
	if err != nil {
		m.other(name, "cannot be read: "+cause(err).Error())
		return
	}
	defer dir.Close()
	var names []string
	for len(names) < mostSearched {
		some, err := dir.Readdirnames(1000)
		names = append(names, some...)
		if err == io.EOF {
			break
		}
		if err != nil {
			m.other(name, "cannot be read: "+cause(err).Error())
			break
		}
	}
	slices.Sort(names)
	for _, n := range names {
		m.add(filepath.Join(name, n), depth+1)
	}
}

func (m *matcher) file(name string) {
	if len(m.Files) == mostMatched || m.bytes+len(name) > matchedBytes {
		m.More = true
		return
	}
	m.bytes += len(name)
	m.Files = append(m.Files, name)
}

func (m *matcher) other(name, why string) {
	if len(m.Others) == mostOthers || m.bytes+len(name)+len(why) > matchedBytes {
		m.More = true
		return
	}
	m.bytes += len(name) + len(why)
	m.Others = append(m.Others, wire.OtherFile{Path: name, Why: why})
}

// isKernels reports whether a folder is of a file system whose files are functions of the kernel: reading them all
// would do who knows what.
func isKernels(name string) bool {
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return !strings.HasPrefix(name, "/dev/shm")
		}
	}
	return false
}

// kindOf says what a file is that is no regular one.
func kindOf(name string, mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(name)
		if err != nil {
			return "is a link"
		}
		return "is a link to " + strings.ToValidUTF8(target, "\ufffd")
	case mode&fs.ModeNamedPipe != 0:
		return "is a FIFO"
	case mode&fs.ModeSocket != 0:
		return "is a socket"
	case mode&fs.ModeDevice != 0:
		return "is a device"
	}
	return "is no regular file"
}

// cause leaves out the path, which is named already.
func cause(err error) error {
	if path, is := errors.AsType[*fs.PathError](err); is {
		return path.Err
	}
	return err
}
