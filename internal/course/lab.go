// SPDX-License-Identifier: MIT

// Package course reads a lab of a course: a folder with lab.yaml, a README.md, sources that are the solution and hold
// what the starter is cut by, and broken/NAME.patch, variants of the solution that the lab's checks must find out. It
// checks all of it at once, and makes of it what students get. It is pure: a file system in, values out.
package course

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kmodlab/kmodlab/internal/course/cut"
	"github.com/kmodlab/kmodlab/internal/course/patch"
	"github.com/kmodlab/kmodlab/internal/labfile"
)

// Name is the file that makes a folder a lab.
const Name = "lab.yaml"

// Lab is a lab that has been checked. Fields with a yaml tag are those of lab.yaml; Fields has a sentence about each.
type Lab struct {
	Name      string     `yaml:"-"` // of the folder
	Title     string     `yaml:"title"`
	Number    int        `yaml:"number"` // from 1; 0 if the lab is in no course
	Learn     []string   `yaml:"learn,one"`
	Kernels   []string   `yaml:"kernels,one"`
	Modules   []string   `yaml:"modules,one"`
	Help      int        `yaml:"help"`
	Points    int        `yaml:"points"`
	Files     Files      `yaml:"files"`
	Scenarios []Scenario `yaml:"scenarios,named"`
	Checks    []Check    `yaml:"checks"`
	Broken    []Broken   `yaml:"broken,named"`

	// Sources are all files of the folder but lab.yaml, the patches and the stories, as they are kept.
	Sources map[string]File `yaml:"-"`
	// Stories are what the solution's scenarios tell, by their names: the files of story/, each as it is. Students get
	// those of the scenarios that they may see.
	Stories map[string][]byte `yaml:"-"`
	// Known are the fingerprints of the stories of solution, starter and variants: see KnownFile.
	Known []string `yaml:"-"`

	sources map[string]*cut.File // the same, read
	patches map[string][]byte    // by the name of the variant
	text    []byte               // lab.yaml
}

// Files are patterns of files of the lab, as path.Match has them.
type Files struct {
	Student  []string `yaml:"student,one"`
	Lecturer []string `yaml:"lecturer,one"`
}

// Scenario is one run of the modules.
type Scenario struct {
	Name    string           `yaml:"-"`
	Load    []string         `yaml:"load,one"`
	Params  []string         `yaml:"params,one"`
	For     labfile.Duration `yaml:"for"`
	Tests   []labfile.Test   `yaml:"tests"`
	Files   []string         `yaml:"files,one"`
	Repeat  int              `yaml:"repeat"`
	Seed    int              `yaml:"seed"`
	World   World            `yaml:"world"`
	Kernels []string         `yaml:"kernels,one"`
}

// World is what a scenario has otherwise than a healthy machine.
type World struct {
	Modprobe    string   `yaml:"modprobe"`
	Absent      []string `yaml:"absent,one"`
	Fail        *Fault   `yaml:"fail"`
	TargetExits string   `yaml:"target_exits"`
}

// Fault is a call of the modules that is made to fail.
type Fault struct {
	Call   string `yaml:"call"`
	Nth    int    `yaml:"nth"`
	Module string `yaml:"module"`
}

// The states of modprobe in a World.
const (
	ModprobePresent  = "present"
	ModprobeMissing  = "missing"
	ModprobeDisabled = "disabled"
)

// Check is what a submission must fulfil. All expressions of Check must hold.
type Check struct {
	ID         string    `yaml:"id"`
	Title      string    `yaml:"title"`
	Check      []string  `yaml:"check,one"`
	Scenarios  []string  `yaml:"scenarios,one"`
	Points     int       `yaml:"points"`
	Partial    []Partial `yaml:"partial"`
	Hint       string    `yaml:"hint"`
	Visibility string    `yaml:"visibility"`
	Needs      []string  `yaml:"needs,one"`
	Kernels    []string  `yaml:"kernels,one"`
	File       string    `yaml:"file"`
}

// Partial is what a submission gets that fulfils less than the check.
type Partial struct {
	Points int      `yaml:"points"`
	Check  []string `yaml:"check,one"`
}

// Builds is the check that every lab has first: the sources build. It has no expression, and all others need it.
const Builds = "builds"

// Who sees a check.
const (
	Visible  = "visible"
	Hidden   = "hidden"
	AfterDue = "after-due" // students see it when nobody can hand in any more
)

// Broken is a variant of the solution with a fault. Fails says which checks must fail for it, each with a regular
// expression that what was found must match.
type Broken struct {
	Name  string            `yaml:"-"`
	Title string            `yaml:"title"`
	Fails map[string]string `yaml:"fails"`
	Why   string            `yaml:"why"`
	// Kernels are those on which it is a fault; none: all of the lab's.
	Kernels []string `yaml:"kernels,one"`
}

// On reports whether the variant is at fault on a kernel.
func (b *Broken) On(kernel string) bool {
	return len(b.Kernels) == 0 || slices.Contains(b.Kernels, kernel)
}

// File is a file of a lab.
type File struct {
	Data       []byte
	Executable bool
}

// Solution is the lab's files without their markers.
func (l *Lab) Solution() map[string]File {
	return l.each(func(f *cut.File) []byte { return f.Solution() })
}

// Starter is the files that a student starts from, without lab.yaml.
func (l *Lab) Starter(level int) (map[string]File, error) {
	if level < cut.MinLevel || level > cut.MaxLevel {
		return nil, fmt.Errorf("cut the starter of %s: there is no level %d: levels of help are %d to %d", l.Name, level,
			cut.MinLevel, cut.MaxLevel)
	}
	files := l.each(func(f *cut.File) []byte { return f.Starter(level) })
	maps.DeleteFunc(files, func(name string, _ File) bool { return !l.given(name) })
	return files, nil
}

func (l *Lab) each(do func(*cut.File) []byte) map[string]File {
	files := make(map[string]File, len(l.Sources))
	for name, f := range l.Sources {
		files[name] = File{do(l.sources[name]), f.Executable}
	}
	return files
}

// Variant is the solution with the patch of broken/NAME.patch.
func (l *Lab) Variant(name string) (map[string]File, error) {
	text, known := l.patches[name]
	if !known {
		return nil, fmt.Errorf("make a variant of %s: it has no %s: it has %s", l.Name, patchFile(name),
			listed(slices.Sorted(maps.Keys(l.patches))))
	}
	files := l.Solution()
	changed, problems := patch.Apply(text, contents(files))
	if len(problems) > 0 { // Load has tried it
		return nil, fmt.Errorf("make a variant of %s: %s:%d: %s", l.Name, patchFile(name), problems[0].Line, problems[0].Text)
	}
	for name, data := range changed {
		files[name] = File{data, files[name].Executable}
	}
	return files, nil
}

func contents(files map[string]File) map[string][]byte {
	data := make(map[string][]byte, len(files))
	for name, f := range files {
		data[name] = f.Data
	}
	return data
}

// Student are the files that a student hands in, sorted. For grading, all others are the lab's own.
func (l *Lab) Student() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(l.Sources)) {
		if l.students(name) {
			names = append(names, name)
		}
	}
	return names
}

// Fixed are the files that students get and must leave as they are, sorted.
func (l *Lab) Fixed() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(l.Sources)) {
		if !l.students(name) && l.given(name) {
			names = append(names, name)
		}
	}
	return names
}

func (l *Lab) students(name string) bool {
	if len(l.Files.Student) > 0 {
		return matches(l.Files.Student, name)
	}
	return l.sources[name].Marked() && !isHandout(name)
}
