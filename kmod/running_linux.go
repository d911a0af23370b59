// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"os"
)

// Load loads a module and what it needs into the running kernel.
func Load(module, params string) error {
	t, err := Running()
	if err != nil {
		return err
	}
	return t.Load(module, params)
}

// ResolveName returns the path of the running kernel's module for a name or alias.
func ResolveName(name string) (string, error) {
	t, err := Running()
	if err != nil {
		return "", err
	}
	return t.ResolveName(name)
}

// Dependencies returns the paths that must be loaded before the module at path.
func Dependencies(path string) ([]string, error) {
	t, err := Running()
	if err != nil {
		return nil, err
	}
	return t.Dependencies(path)
}

// ModInfo returns the .modinfo of an open module file as a map; of keys that
// repeat it has the last value. Info has them all (see OpenModule).
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

// Name returns the name that an open module file gives itself.
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
	data, err := readAll(file)
	if err != nil {
		return nil, fileError(err, file.Name())
	}
	m, err := ParseModule(data)
	return m, fileError(err, file.Name())
}
