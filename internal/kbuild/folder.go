// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// checkKbuild demands a file that kbuild reads at the top of the folder.
func (s *sourceFolder) checkKbuild() error {
	var sources []string
	other := ""
	for _, e := range s.entries {
		switch base := filepath.Base(e.rel); {
		case base != e.rel || e.mode.IsDir():
		case e.rel == "Kbuild" || e.rel == "Makefile":
			return nil
		case strings.EqualFold(base, "makefile") || strings.EqualFold(base, "kbuild") || base == "GNUmakefile":
			other = base
		case strings.HasSuffix(base, ".c"):
			sources = append(sources, base)
		}
	}
	err := &Error{Kind: ErrNoKbuild, Message: fmt.Sprintf("no Kbuild or Makefile in %s", s.dir)}
	switch {
	case other != "":
		err.Hint = fmt.Sprintf("kbuild reads only these two names: mv %s Makefile", other)
	case len(sources) > 0:
		err.Hint = fmt.Sprintf("this Kbuild would do: %s", s.suggestKbuild(sources))
	case len(s.subfolders()) > 0:
		err.Hint = "a folder below has one: add a file Kbuild with this line: obj-m += " +
			folders(s.subfolders()) + ", or give that folder"
		if len(s.subfolders()) > 1 {
			err.Hint = "folders below have one: add a file Kbuild with this line: obj-m += " +
				folders(s.subfolders()) + ", or give one of these folders"
		}
	}
	return err
}

// suggestKbuild writes the one line that builds these files; each file with its own module_init is a module.
func (s *sourceFolder) suggestKbuild(sources []string) string {
	var mods []string
	for _, c := range sources {
		if strings.Contains(s.text(c), "MODULE_LICENSE") {
			mods = append(mods, c)
		}
	}
	if len(mods) == 0 {
		mods = sources
	}
	line := "obj-m :="
	for _, c := range mods {
		line += " " + strings.TrimSuffix(c, ".c") + ".o"
	}
	return line
}

// subfolders lists the subfolders that kbuild could build: the direct ones, or where none of these has a file for it,
// those at the least depth.
func (s *sourceFolder) subfolders() []string {
	var dirs []string
	least := 0
	for _, e := range s.entries {
		dir, base := path.Split(filepath.ToSlash(e.rel))
		dir = strings.TrimSuffix(dir, "/")
		if dir == "" || e.mode.IsDir() || base != "Kbuild" && base != "Makefile" {
			continue
		}
		switch depth := strings.Count(dir, "/"); {
		case len(dirs) == 0 || depth < least:
			dirs, least = []string{dir}, depth
		case depth == least && !slices.Contains(dirs, dir):
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// files is the set of the folder's files, by relative name.
func (s *sourceFolder) files() map[string]bool {
	m := make(map[string]bool, len(s.entries))
	for _, e := range s.entries {
		if !e.mode.IsDir() {
			m[e.rel] = true
		}
	}
	return m
}

func (s *sourceFolder) has(rel string) bool { return s.files()[rel] }

// leftOut reports whether a file is in the folder and was taken for what an earlier build left.
func (s *sourceFolder) leftOut(rel string) bool { return slices.Contains(s.objects, rel) }

// kbuildFile is the file at the top that the kernel's make reads, and its text. kbuild prefers Kbuild.
func (s *sourceFolder) kbuildFile() (name, text string) {
	for _, name := range []string{"Kbuild", "Makefile"} {
		if s.has(name) {
			return name, s.text(name)
		}
	}
	return "", ""
}

// text is what a file holds, empty if it cannot be read: hints do without it.
func (s *sourceFolder) text(rel string) string {
	if s.folder == nil {
		return ""
	}
	text, _ := s.folder.Read(rel, maxSourceText)
	return string(text)
}

// topSources are the C files at the top.
func (s *sourceFolder) topSources() []string {
	var list []string
	for name := range s.files() {
		if strings.HasSuffix(name, ".c") && !strings.Contains(name, "/") {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// folderOf is the one folder, below the top, from which an #include of the name would be found, empty if there is none
// or several.
func (s *sourceFolder) folderOf(name string) string {
	found := ""
	for file := range s.files() {
		if dir, ok := strings.CutSuffix(file, "/"+name); ok {
			if found != "" {
				return ""
			}
			found = dir
		}
	}
	return found
}
