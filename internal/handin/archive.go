// SPDX-License-Identifier: MIT

package handin

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Manifest says what is in an archive that is handed in.
type Manifest struct {
	Schema  string   `json:"schema"`
	Lab     string   `json:"lab"`
	Title   string   `json:"title"`
	Student string   `json:"student"`
	Files   []Entry  `json:"files"`
	LeftOut []string `json:"left_out"` // files of the folder that are not handed in
	// Recordings are those of the last check, one of each scenario.
	Recordings []Entry  `json:"recordings"`
	Checked    *Checked `json:"checked"` // the last check, null if there was none
	Asked      []Asked  `json:"asked"`   // requests for help
}

// Entry is a file of the archive.
type Entry struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Pack writes the archive: the files, the recordings by their scenario, and the manifest, whose lists of these it fills
// in. The same contents make the same bytes.
func Pack(w io.Writer, m *Manifest, files, recordings map[string][]byte) error {
	m.Files, m.Recordings = entries(files), entries(recordings)
	text, err := m.JSON()
	if err != nil {
		return fmt.Errorf("pack the files: %w", err)
	}
	zip := gzip.NewWriter(w)
	out := tar.NewWriter(zip)
	add := func(name string, data []byte) {
		if err != nil {
			return
		}
		h := &tar.Header{Name: path.Join(m.Lab, name), Mode: 0o644, Size: int64(len(data)), Format: tar.FormatPAX}
		if err = out.WriteHeader(h); err == nil {
			_, err = out.Write(data)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		add(name, files[name])
	}
	add(Folder+"/"+ManifestFile, text)
	for _, name := range slices.Sorted(maps.Keys(recordings)) {
		add(Folder+"/"+name, recordings[name])
	}
	for _, end := range []io.Closer{out, zip} {
		if err == nil {
			err = end.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("pack the files: %w", err)
	}
	return nil
}

func entries(files map[string][]byte) []Entry {
	list := []Entry{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		list = append(list, Entry{name, len(files[name]), Sum(files[name])})
	}
	return list
}

// Differ are the files that are not as the manifest says: changed, missing, or not in it.
func (m *Manifest) Differ(files map[string][]byte) []string {
	want := make(map[string]string)
	for _, e := range m.Files {
		want[e.Name] = e.SHA256
	}
	var names []string
	for name, data := range files {
		if want[name] != Sum(data) {
			names = append(names, name)
		}
	}
	for name := range want {
		if _, there := files[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Help says in a few words which further help was asked for, "" if none was.
func (m *Manifest) Help() string {
	var list []string
	for _, a := range m.Asked {
		name := todoOf(a.Task)
		if name == "" {
			name = a.Task
		}
		if a.File != "" {
			list = append(list, fmt.Sprintf("%s (level %d)", name, a.Level))
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// FileName is what an archive of a student is called, without its ending: letters, digits and hyphens.
func FileName(student string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return '-'
	}, strings.ToValidUTF8(student, "-"))
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	name = strings.Trim(strings.ToValidUTF8(name[:min(len(name), maxName)], ""), "-")
	if name == "" {
		return "student"
	}
	return name
}

// maxName bounds the name of a file, in bytes.
const maxName = 80
