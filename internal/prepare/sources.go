// SPDX-License-Identifier: MIT

package prepare

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/srcline"
)

const (
	maxSource    = 4 << 20 // bytes of one file
	maxSourceRow = 200     // bytes of one line
)

// ReadSources reads the source files that the modules' debug information names and the
// folders contain. It may name any path; nothing outside these folders is read.
func ReadSources(dirs []string, files map[string]evidence.File, studied []string) map[string]evidence.Source {
	var roots []*os.Root
	for _, dir := range dirs {
		if root, err := os.OpenRoot(dir); err == nil { // a folder that was removed has no lines to show
			defer root.Close()
			roots = append(roots, root)
		}
	}
	sources := make(map[string]evidence.Source)
	for _, name := range studied {
		info, err := srcline.Open(files[name].Data)
		if err != nil {
			continue // the verdict says so if it matters
		}
		for _, file := range info.Files() {
			if s, ok := findSource(roots, file); ok {
				sources[file] = s
			}
		}
	}
	return sources
}

// findSource looks for the longest suffix of the path that the folders contain: builds
// record the path of their own copy.
func findSource(roots []*os.Root, file string) (evidence.Source, bool) {
	for end := strings.TrimPrefix(srcline.Name(file), "/"); end != ""; {
		for _, root := range roots {
			if lines, err := readLines(root, end); err == nil {
				return evidence.Source{Name: end, Lines: lines}, true
			}
		}
		_, end, _ = strings.Cut(end, "/")
	}
	return evidence.Source{}, false
}

var errNoSource = errors.New("not a regular file, or too large")

func readLines(root *os.Root, name string) ([]string, error) {
	st, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxSource {
		return nil, errNoSource
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(io.LimitReader(f, maxSource))
	s.Buffer(nil, maxSource)
	for s.Scan() {
		lines = append(lines, sourceRow(s.Text()))
	}
	return lines, s.Err()
}

func sourceRow(s string) string {
	s = strings.ToValidUTF8(strings.TrimRight(s, "\r"), "\ufffd")
	if len(s) > maxSourceRow {
		return strings.ToValidUTF8(s[:maxSourceRow], "") + "…"
	}
	return s
}
