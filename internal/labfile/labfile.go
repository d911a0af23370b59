// SPDX-License-Identifier: MIT

// Package labfile reads kmodlab.yaml, which lies beside a Kbuild and says what a run of that folder does besides
// loading its modules: which programs run, with which files. It is part of a submission, so nobody trusts it: it has a
// bound, and whatever it names is below its own folder.
package labfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Name is the file's name.
const Name = "kmodlab.yaml"

// MaxSize bounds the file, in bytes.
const MaxSize = 256 << 10

// File is what the file says. Every field may be empty.
type File struct {
	Load     []string `yaml:"load"`     // modules to load, with their dependencies; empty: all
	Params   []string `yaml:"params"`   // module.param=value
	Packages []string `yaml:"packages"` // more packages of the kernel's suite for the guest's system
	Files    []string `yaml:"files"`    // what the tests find in the guest: SRC or SRC:DST
	Tests    []Test   `yaml:"tests"`
}

// Test is a program that runs beside the modules.
type Test struct {
	Run     string            `yaml:"run"` // the program and its arguments, as --test has them
	Env     map[string]string `yaml:"env"`
	User    string            `yaml:"user"`
	Timeout Duration          `yaml:"timeout"`
}

// Duration is a time as people write it: 500ms, 10s, 2m.
type Duration time.Duration

// UnmarshalYAML reads a time.
func (d *Duration) UnmarshalYAML(text []byte) error {
	var word string
	if err := yaml.Unmarshal(text, &word); err != nil {
		return err
	}
	t, err := time.ParseDuration(word)
	if err != nil || t <= 0 {
		return fmt.Errorf("%q is no time: write 500ms, 10s or 2m", word)
	}
	*d = Duration(t)
	return nil
}

// maxTests bounds the tests of a file.
const maxTests = 1000

// Parse reads a file's text. The error says what is wrong and where.
func Parse(text []byte) (*File, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("read %s: it is larger than %d KiB", Name, MaxSize>>10)
	}
	var f File
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(), yaml.DisallowUnknownField())
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %s", Name, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	return &f, f.check()
}

func (f *File) check() error {
	if len(f.Tests) > maxTests {
		return fmt.Errorf("read %s: more than %d tests", Name, maxTests)
	}
	for i, t := range f.Tests {
		if strings.TrimSpace(t.Run) == "" {
			return fmt.Errorf("read %s: test %d has no program: give it run: PROG", Name, i+1)
		}
	}
	for _, word := range f.Files {
		source, _, _ := strings.Cut(word, ":")
		if err := Below(source); err != nil {
			return fmt.Errorf("read %s: %w", Name, err)
		}
	}
	return nil
}

// Below refuses a name that leads out of the file's folder.
func Below(name string) error {
	if name == "" || path.IsAbs(name) || path.Clean(name) == ".." || strings.HasPrefix(path.Clean(name), "../") {
		return fmt.Errorf("%q is not below its folder: programs and files are named from there", name)
	}
	return nil
}
