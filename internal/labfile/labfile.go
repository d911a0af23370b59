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
const MaxSize = 64 << 10

// File is what the file says. Every field may be empty.
type File struct {
	Load     []string `yaml:"load"`     // modules to load, with their dependencies; empty: all
	Params   []string `yaml:"params"`   // module.param=value
	Packages []string `yaml:"packages"` // more packages of the kernel's suite for the guest's system
	Files    []string `yaml:"files"`    // what the tests find in the guest: SRC or SRC:DST
	NIC      bool     `yaml:"nic"`      // two network interfaces that are joined
	Tests    []Test   `yaml:"tests"`
	// Artifacts are files of the guest that are brought back, if the person who runs it named a folder for them.
	Artifacts []string `yaml:"artifacts"`
	// Expect are expressions that must be true of the result.
	Expect []string `yaml:"-"`
}

// written is a file as it is written.
type written struct {
	File   `yaml:",inline"`
	Expect expectations `yaml:"expect"`
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

// String returns the time as UnmarshalYAML reads it.
func (d Duration) String() string { return time.Duration(d).String() }

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
	if t > maxTimeout {
		return fmt.Errorf("%q is longer than a test may take: %s at most", word, maxTimeout)
	}
	*d = Duration(t)
	return nil
}

// Bounds of what a file names.
const (
	maxTests     = 1000
	maxArtifacts = 100
	maxExpect    = 100
	maxTimeout   = 24 * time.Hour // of each test; the time is stretched for TCG, and must not overflow
)

// Parse reads a file's text. check says what is wrong in an expectation; nil finds nothing. The error says what is
// wrong and where.
func Parse(text []byte, check func(expectation string) *Slip) (*File, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("read %s: it is larger than %d KiB", Name, MaxSize>>10)
	}
	if err := Shallow(text); err != nil {
		return nil, fmt.Errorf("read %s: %w", Name, err)
	}
	var w written
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(), yaml.DisallowUnknownField())
	if err := d.Decode(&w); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %s", Name, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	var err error
	if w.File.Expect, err = w.Expect.texts(text, check); err != nil {
		return nil, err
	}
	return &w.File, w.File.check()
}

// The file has three levels.
const (
	maxIndent = 64 // columns
	maxOpen   = 64 // brackets
	maxMarks  = 64 // tags, anchors and the like in a line
	maxLines  = 8192
)

// Shallow refuses a text that is nested far deeper than any file of ours, before it is parsed: the parser needs memory
// that grows with the square of the depth, gigabytes for a file of MaxSize.
func Shallow(text []byte) error {
	open, n := 0, 0
	for line := range bytes.Lines(text) {
		n++
		deep := len(line)-len(bytes.TrimLeft(line, " \t-?:")) > maxIndent
		marks := 0
		for i, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(0, open-1)
			case '!', '&', '?', ':', '|', '>', '-':
				if i == 0 || line[i-1] == ' ' || line[i-1] == '\t' || c == ':' {
					marks++
				}
			}
		}
		if n > maxLines {
			return fmt.Errorf("more than %d lines", maxLines)
		}
		if deep || open > maxOpen || marks > maxMarks {
			return fmt.Errorf("line %d is nested too deeply", n)
		}
	}
	return nil
}

func (f *File) check() error {
	if len(f.Tests) > maxTests {
		return fmt.Errorf("read %s: more than %d tests", Name, maxTests)
	}
	if len(f.Artifacts) > maxArtifacts {
		return fmt.Errorf("read %s: more than %d artifacts", Name, maxArtifacts)
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
