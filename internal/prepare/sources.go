// SPDX-License-Identifier: MIT

package prepare

import (
	"bufio"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
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
	var folders []*beneath.Folder
	for _, dir := range dirs {
		if folder, err := beneath.Open(dir); err == nil { // a folder that was removed has no lines to show
			defer folder.Close()
			folders = append(folders, folder)
		}
	}
	sources := make(map[string]evidence.Source)
	for _, name := range studied {
		info, err := srcline.Open(files[name].Data)
		if err != nil {
			continue // the verdict says so if it matters
		}
		for _, file := range info.Files() {
			if s, ok := findSource(folders, file); ok {
				sources[file] = s
			}
		}
	}
	return sources
}

// findSource looks for the longest suffix of the path that the folders contain: builds
// record the path of their own copy.
func findSource(folders []*beneath.Folder, file string) (evidence.Source, bool) {
	for end := strings.TrimPrefix(srcline.Name(file), "/"); end != ""; {
		for _, folder := range folders {
			if lines, err := readLines(folder, end); err == nil {
				return evidence.Source{Name: end, Lines: lines}, true
			}
		}
		_, end, _ = strings.Cut(end, "/")
	}
	return evidence.Source{}, false
}

func readLines(folder *beneath.Folder, name string) ([]string, error) {
	f, err := folder.Open(name, maxSource)
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
