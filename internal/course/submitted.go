// SPDX-License-Identifier: MIT

package course

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	return l.hash(l.text, slices.Sorted(maps.Keys(l.Sources)))
}

// RunHash is over what a submission runs with, besides its own files: the scenarios, and the lab's files. If only
// checks, points and texts were changed, it is the same.
func (l *Lab) RunHash() string {
	text, err := json.Marshal(struct {
		Scenarios []Scenario
		Modules   []string
	}{l.Scenarios, l.Modules})
	if err != nil {
		panic(err) // all of it is plain data
	}
	files := slices.DeleteFunc(slices.Sorted(maps.Keys(l.Sources)), func(name string) bool {
		return l.students(name) || isHandout(name)
	})
	return l.hash(text, files)
}

func (l *Lab) hash(text []byte, files []string) string {
	sum := sha256.New()
	add := func(name string, data []byte) {
		fmt.Fprintf(sum, "%d %s %d\n", len(name), name, len(data))
		sum.Write(data)
	}
	add(Name, text)
	for _, name := range files {
		add(name, l.Sources[name].Data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
