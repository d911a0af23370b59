// SPDX-License-Identifier: MIT

package course

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// Submitted is what is built for a submission: the student's files as they were handed in, and all others as the lab
// has them, so that nobody changes the Kbuild, the headers or the tests of their own grade.
type Submitted struct {
	Files   map[string]File
	Missing []string // files of the student that were not handed in, sorted
	Ignored []string // files that were handed in and do not count, sorted: the lab has its own, or they are no part of it
}

// Submitted takes the files that a student handed in.
func (l *Lab) Submitted(handed map[string][]byte) Submitted {
	s := Submitted{Files: l.Solution()}
	for _, name := range l.Student() {
		if data, ok := handed[name]; ok {
			s.Files[name] = File{data, s.Files[name].Executable}
			continue
		}
		delete(s.Files, name) // the solution's would be graded
		s.Missing = append(s.Missing, name)
	}
	for _, name := range slices.Sorted(maps.Keys(handed)) {
		_, known := l.Sources[name]
		switch {
		case known && l.students(name):
		case !known && len(l.Files.Student) > 0 && l.students(name):
			s.Files[name] = File{handed[name], false}
		case !known || string(handed[name]) != string(s.Files[name].Data):
			s.Ignored = append(s.Ignored, name)
		}
	}
	return s
}

// On reports whether a scenario is for a kernel.
func (s *Scenario) On(kernel string) bool {
	return len(s.Kernels) == 0 || slices.Contains(s.Kernels, kernel)
}

// Hash is over lab.yaml and all files that are built: a lab that was changed grades otherwise.
func (l *Lab) Hash() string {
	sum := sha256.New()
	add := func(name string, data []byte) {
		fmt.Fprintf(sum, "%d %s %d\n", len(name), name, len(data))
		sum.Write(data)
	}
	add(Name, l.text)
	for _, name := range slices.Sorted(maps.Keys(l.Sources)) {
		add(name, l.Sources[name].Data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
