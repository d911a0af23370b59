// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"io"
	"os"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// ResolveName returns the path of the running kernel's module for a name or alias:
// Tree.ResolveName of Running.
func ResolveName(name string) (string, error) {
	t, err := Running()
	if err != nil {
		return "", err
	}
	return t.ResolveName(name)
}

// Dependencies returns the paths that must be loaded before a module of the running
// kernel, in load order: Tree.Dependencies of Running.
func Dependencies(name string) ([]string, error) {
	t, err := Running()
	if err != nil {
		return nil, err
	}
	return t.Dependencies(name)
}

// ModInfo returns the .modinfo of an open module file as a map. Of a key that repeats
// it has the last value; Info has them all (see OpenModule). The file stays open, and
// its position does not change.
func ModInfo(file *os.File) (map[string]string, error) {
	m, err := parseOpen(file)
	if err != nil {
		return nil, err
	}
	info := make(map[string]string, len(m.Info))
	for _, f := range m.Info {
		info[f.Key] = f.Value
	}
	return info, nil
}

// Name returns the name that an open module file gives itself, whatever the file is
// called. Modules built before Linux 4.13 have none: ErrNotFound.
func Name(file *os.File) (string, error) {
	m, err := parseOpen(file)
	if err != nil {
		return "", err
	}
	if name := m.Info.Get("name"); name != "" {
		return name, nil
	}
	return "", fmt.Errorf("read module name of %s: %w", file.Name(), ErrNotFound)
}

func parseOpen(file *os.File) (*Module, error) {
	if file == nil {
		return nil, fmt.Errorf("read module: %w", os.ErrInvalid)
	}
	data, err := readAll(file)
	if err != nil {
		return nil, fileError(err, file.Name())
	}
	m, err := ParseModule(data)
	return m, fileError(err, file.Name())
}

// readAll returns the file's plain bytes from its beginning.
func readAll(f *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, ko.MaxSize))
	if err != nil {
		return nil, err
	}
	return Decompress(data)
}
