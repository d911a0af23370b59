// SPDX-License-Identifier: MIT

package course

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/course/cut"
	"github.com/kmodlab/kmodlab/internal/failable"
	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/labfile"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// Bounds of what lab.yaml says.
const (
	maxRepeat = 1000
	maxPoints = 10_000
)

// defaultScenario is the only one of a lab that names none.
// maxNumber bounds a lab's place in its course.
const maxNumber = 999

const defaultScenario = "load"

var (
	idRE     = lazyregexp.New(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	moduleRE = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)
	paramRE  = lazyregexp.New(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+=`)
	callRE   = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
)

// complete fills in what lab.yaml leaves out.
func (l *loader) complete() {
	b := l.lab
	if len(b.Kernels) == 0 {
		b.Kernels = slices.Clone(l.Kernels)
	}
	if b.Help == 0 {
		b.Help = cut.MinLevel
	}
	if len(b.Scenarios) == 0 {
		b.Scenarios = []Scenario{{Name: defaultScenario}}
	}
	for i := range b.Scenarios {
		s := &b.Scenarios[i]
		if len(s.Load) == 0 {
			s.Load = slices.Clone(b.Modules)
		}
		if s.World.Fail != nil && s.World.Fail.Nth == 0 {
			s.World.Fail.Nth = 1
		}
	}
	b.tidy()
	for i := range b.Checks {
		c := &b.Checks[i]
		if c.Visibility == "" {
			c.Visibility = Visible
		}
		if len(c.Scenarios) == 0 && c.ID != Builds {
			for _, s := range b.Scenarios {
				c.Scenarios = append(c.Scenarios, s.Name)
			}
		}
	}
}

// tidy makes one line of each text for people: YAML leaves line ends in a text of several lines, and after it.
func (b *Lab) tidy() {
	texts := []*string{&b.Title}
	for i := range b.Learn {
		texts = append(texts, &b.Learn[i])
	}
	for i := range b.Checks {
		texts = append(texts, &b.Checks[i].Title, &b.Checks[i].Hint)
	}
	for i := range b.Broken {
		texts = append(texts, &b.Broken[i].Title, &b.Broken[i].Why)
	}
	for _, text := range texts {
		*text = strings.Join(strings.Fields(*text), " ")
	}
}

// wrong says what is wrong at a place of lab.yaml.
func (l *loader) wrong(at []any, format string, args ...any) {
	line, _ := l.doc.Place(at...)
	l.say(Name, line, format, args...)
}

func at(path ...any) []any { return path }

func (l *loader) check() {
	b := l.lab
	if strings.TrimSpace(b.Title) == "" {
		l.wrong(at("title"), "a lab has a title: write title: and what it is called")
	}
	if b.Number < 0 || b.Number > maxNumber {
		l.wrong(at("number"), "number is %d: a lab's place in its course is from 1 to %d", b.Number, maxNumber)
	}
	if b.Help < cut.MinLevel || b.Help > cut.MaxLevel {
		l.wrong(at("help"), "help is %d: the levels of help are %d to %d", b.Help, cut.MinLevel, cut.MaxLevel)
	}
	if len(b.Kernels) == 0 {
		l.wrong(at("kernels"), "there is no kernel to run on: name one under kernels:")
	}
	l.kernels(at("kernels"), b.Kernels, nil)
	l.words(at("modules"), b.Modules, moduleRE, "the name of a module")
	l.files()
	for i := range b.Scenarios {
		l.scenario(i)
	}
	l.stories()
	l.checks()
	l.points()
	// From here on no place is asked for by a check's number.
	if !slices.ContainsFunc(b.Checks, func(c Check) bool { return c.ID == Builds }) {
		b.Checks = slices.Insert(b.Checks, 0, Check{ID: Builds, Title: "The sources build.", Visibility: Visible})
	}
	l.broken()
}

// kernels checks names of kernels. among are those of the lab, nil for the lab's own.
func (l *loader) kernels(where []any, names, among []string) {
	for i, name := range names {
		place := slices.Concat(where, at(i))
		if slices.Contains(names[:i], name) {
			l.wrong(place, "kernel %q is here twice", name)
		}
		if among != nil && !slices.Contains(among, name) {
			l.wrong(place, "kernel %q is not one of the lab's: %s", name, listed(among))
		}
		if among == nil && l.CheckKernel != nil {
			if err := l.CheckKernel(name); err != nil {
				first, _, _ := strings.Cut(err.Error(), "\n") // the list of all forms follows
				l.wrong(place, "%s", strings.TrimSuffix(first, "; valid names are:"))
			}
		}
	}
}

func (l *loader) words(where []any, words []string, form *lazyregexp.Regexp, what string) {
	for i, word := range words {
		if !form.MatchString(word) {
			l.wrong(slices.Concat(where, at(i)), "%q is not %s", word, what)
		}
	}
}

// known wants names to be some of those that there are, each once.
func (l *loader) known(where []any, names, there []string, what string) {
	for i, name := range names {
		place := slices.Concat(where, at(i))
		switch {
		case slices.Contains(names[:i], name):
			l.wrong(place, "%s %q is here twice", what, name)
		case !slices.Contains(there, name):
			l.wrong(place, "there is no %s %q%s", what, name, meant(name, there))
		}
	}
}

// meant says which name may be meant, or which there are.
func meant(name string, there []string) string {
	there = slices.DeleteFunc(slices.Clone(there), func(n string) bool { return !idRE.MatchString(n) })
	if near := hints.Nearest(name, there); near != "" {
		return ": did you mean " + near + "?"
	}
	return ": there are " + listed(there)
}

func (l *loader) files() {
	b := l.lab
	for _, list := range []struct {
		name     string
		patterns []string
	}{{"student", b.Files.Student}, {"lecturer", b.Files.Lecturer}} {
		for i, p := range list.patterns {
			if _, err := path.Match(p, ""); err != nil || !l.anySource(p) {
				l.wrong(at("files", list.name, i), "no file of the lab is %q", p)
			}
		}
	}
	if !l.anySource("Kbuild") && !l.anySource("Makefile") {
		l.say("Kbuild", 0, "a lab has a Kbuild or a Makefile: obj-m += NAME.o")
	}
	for name := range b.Sources {
		if !matches(b.Files.Lecturer, name) {
			continue
		}
		if b.students(name) {
			l.wrong(at("files", "lecturer"), "%s is a file that students hand in, so it cannot be the lecturer's alone", name)
		}
		for i, s := range b.Scenarios {
			if s.uses(name) && b.Shown(s.Name) {
				l.wrong(at("scenarios", i), "the scenario has visible checks, and %s is the lecturer's alone", name)
			}
		}
	}
	if !l.anySource("README.md") {
		l.say("README.md", 0, "a lab has a handout: what it is about, what to do, and how to try it")
	}
	if len(b.Student()) == 0 {
		l.wrong(at("files"), "no file has a marker (//> TODO), and files: student: names none: students have nothing to do")
	}
}

func (l *loader) anySource(pattern string) bool {
	for name := range l.lab.Sources {
		if matches([]string{pattern}, name) {
			return true
		}
	}
	return false
}

func (l *loader) scenario(i int) {
	s := &l.lab.Scenarios[i]
	where := func(path ...any) []any { return slices.Concat(at("scenarios", i), path) }
	if !idRE.MatchString(s.Name) {
		l.wrong(where(), "%q cannot be a scenario's name: a-z, 0-9, _ and - can", s.Name)
	}
	l.words(where("load"), s.Load, moduleRE, "the name of a module")
	l.words(where("params"), s.Params, paramRE, "a parameter: write MODULE.PARAM=VALUE")
	for j, name := range s.named() {
		field := where("tests", j)
		if j >= len(s.Tests) {
			field = where("files", j-len(s.Tests))
		}
		if err := labfile.Below(name); name == "" {
			l.wrong(field, "a program or a file is missing here: name one of the lab's")
		} else if err != nil {
			l.wrong(field, "%v", err)
		} else if !l.anySource(path.Clean(name)) {
			l.wrong(field, "the lab has no file %q", name)
		}
	}
	if s.Repeat < 0 || s.Repeat > maxRepeat {
		l.wrong(where("repeat"), "repeat is %d: a scenario runs 1 to %d times", s.Repeat, maxRepeat)
	}
	if s.Seed != 0 && s.Repeat == 0 {
		l.wrong(where("seed"), "a seed is for a scenario that is repeated: add repeat: and how often")
	}
	l.kernels(where("kernels"), s.Kernels, l.lab.Kernels)
	l.world(s.World, where)
}

func (l *loader) world(w World, where func(...any) []any) {
	if !slices.Contains([]string{"", ModprobePresent, ModprobeMissing, ModprobeDisabled}, w.Modprobe) {
		l.wrong(where("world", "modprobe"), "modprobe is %q: write %s, %s or %s", w.Modprobe, ModprobePresent,
			ModprobeMissing, ModprobeDisabled)
	}
	l.words(where("world", "absent"), w.Absent, moduleRE, "the name of a module")
	if f := w.Fail; f != nil {
		if !callRE.MatchString(f.Call) {
			l.wrong(where("world", "fail"), "fail: call: is %q: write the name of a function of the kernel", f.Call)
		}
		if f.Nth < 1 || f.Nth > maxRepeat {
			l.wrong(where("world", "fail", "nth"), "nth is %d: the first call is 1, and the last that can be named %d", f.Nth,
				maxRepeat)
		}
		if f.Module != "" {
			l.words(where("world", "fail", "module"), []string{f.Module}, moduleRE, "the name of a module")
		}
	}
	if w.TargetExits != "" {
		if _, err := failable.ParseTarget(w.TargetExits); err != nil {
			l.wrong(where("world", "target_exits"), "target_exits: %v", err)
		}
		if w.Fail != nil {
			l.wrong(where("world", "target_exits"), "one thing goes wrong in a scenario: leave out fail, or target_exits")
		}
	}
}

// stories holds the stories to the scenarios.
func (l *loader) stories() {
	for _, name := range slices.Sorted(maps.Keys(l.lab.Stories)) {
		if !slices.ContainsFunc(l.lab.Scenarios, func(s Scenario) bool { return s.Name == name }) {
			l.say(StoryFile(name), 0, "%s has no scenario %q: remove the file", Name, name)
		} else if l.CheckStory != nil {
			if err := l.CheckStory(l.lab.Stories[name]); err != nil {
				l.say(StoryFile(name), 0, "%v: kmodlab lab verify --stories writes it anew", err)
			}
		}
	}
}

// compile checks an expression, and says where in lab.yaml the slip is.
func (l *loader) compile(text string, where []any) {
	if strings.TrimSpace(text) == "" {
		l.wrong(where, "the expression is empty")
		return
	}
	if slip := l.Compile(text); slip != nil {
		line, column := l.doc.Within(slip.Line, slip.Column, where...)
		l.sayAt(Name, line, column, "%s", slip.Text)
	}
}
