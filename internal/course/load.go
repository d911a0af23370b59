// SPDX-License-Identifier: MIT

package course

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/course/cut"
	"github.com/kmodlab/kmodlab/internal/course/patch"
	"github.com/kmodlab/kmodlab/internal/course/strictyaml"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// Bounds of a lab.
const (
	maxFiles    = 200
	maxFileSize = 1 << 20
	maxDepth    = 8
	maxProblems = 100
)

// Folders whose files are none of the lab's sources.
const (
	brokenFolder = "broken"
	storyFolder  = "story"
	// KnownFile has the fingerprints of the stories of the lab's own programs, a line each, with the kernel and the
	// program after it. kmodlab lab verify --stories writes it. Students do not get it.
	KnownFile = brokenFolder + "/known.txt"
)

// Options are what a lab is read with.
type Options struct {
	// Dir is the folder as a person would name it: labs/thread-life. Its last part is the lab's name.
	Dir string
	// Compile checks an expression; nil says that it is right.
	Compile func(text string) *Slip
	// Kernels are those of a lab that names none.
	Kernels []string
	// CheckKernel says what is wrong with the name of a kernel; nil accepts all.
	CheckKernel func(name string) error
	// CheckStory says what is wrong with the file of a story; nil accepts all.
	CheckStory func(data []byte) error
}

// Slip is something wrong in an expression. It is told at its place in lab.yaml.
type Slip struct {
	Line, Column int // within the expression, from 1; columns count characters
	Text         string
}

// Problem is something wrong in a lab's folder.
type Problem struct {
	File         string // with the folder
	Line, Column int    // from 1; 0 if there is none
	Text         string
}

// Error is the problem on one line, as editors read it.
func (p Problem) Error() string {
	place := p.File
	for _, n := range []int{p.Line, p.Column} {
		if n > 0 {
			place += fmt.Sprintf(":%d", n)
		}
	}
	return plain.Text(place + ": " + p.Text)
}

// loader reads one folder.
type loader struct {
	Options
	fsys     fs.FS
	lab      *Lab
	doc      *strictyaml.Document
	problems []Problem
}

// knownIn are the first words of lines.
func knownIn(data []byte) []string {
	var known []string
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			known = append(known, words[0])
		}
	}
	return known
}

// Load reads a lab from its folder. There is a lab, or there are problems, sorted by place.
func Load(fsys fs.FS, o Options) (*Lab, []Problem) {
	l := &loader{Options: o, fsys: fsys, lab: &Lab{
		Name: path.Base(path.Clean(o.Dir)), Sources: map[string]File{}, sources: map[string]*cut.File{},
		patches: map[string][]byte{}, Stories: map[string][]byte{},
	}}
	var text []byte
	for _, name := range l.list() {
		data, executable, ok := l.read(name)
		variant, isPatch := strings.CutPrefix(name, brokenFolder+"/")
		scenario, isStory := strings.CutPrefix(name, storyFolder+"/")
		switch {
		case !ok:
		case name == Name:
			text, l.lab.text = data, data
		case name == KnownFile:
			l.lab.Known = knownIn(data)
		case isPatch && path.Ext(variant) == ".patch" && !strings.Contains(variant, "/"):
			l.lab.patches[strings.TrimSuffix(variant, ".patch")] = data
		case isPatch:
			l.say(name, 0, "only files NAME.patch are in %s", brokenFolder)
		case isStory && path.Ext(scenario) == ".json":
			l.lab.Stories[strings.TrimSuffix(scenario, ".json")] = data
		case isStory:
			l.say(name, 0, "only stories are in %s, which kmodlab lab verify --stories writes: move it", storyFolder)
		default:
			l.lab.Sources[name] = File{data, executable}
		}
	}
	if text == nil && len(l.problems) == 0 {
		l.say(Name, 0, "a lab has this file: write title: and checks: into it")
	}
	if text != nil {
		l.parse(text)
	}
	if len(l.problems) == 0 {
		return l.lab, nil
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Text, b.Text))
	})
	return nil, l.problems
}

func (l *loader) say(file string, line int, format string, args ...any) {
	l.sayAt(file, line, 0, format, args...)
}

func (l *loader) sayAt(file string, line, column int, format string, args ...any) {
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, Problem{path.Join(l.Dir, file), line, column, fmt.Sprintf(format, args...)})
	}
}

// leftovers are endings of files that editors and patch leave. Students would get them, the solution with them.
var leftovers = []string{"~", ".orig", ".rej", ".bak", ".swp"}

// products are endings of what a build leaves.
var products = []string{".o", ".ko", ".mod", ".mod.c", ".a", ".dwo"}

var productNames = []string{"Module.symvers", "modules.order", "compile_commands.json"}

// list are the names of the lab's files. Names that begin with a dot and what a build leaves are not the lab's.
func (l *loader) list() []string {
	var names []string
	var tooMany = errors.New("too many")
	err := fs.WalkDir(l.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		base := path.Base(name)
		ends := func(e string) bool { return strings.HasSuffix(base, e) }
		switch {
		case err != nil:
			l.say(name, 0, "cannot be read: %v", err)
		case name == ".":
		case base[0] == '.' && d.IsDir():
			return fs.SkipDir
		case base[0] == '.' || slices.ContainsFunc(products, ends) || slices.Contains(productNames, base):
		case d.IsDir() && strings.Count(name, "/") >= maxDepth:
			l.say(name, 0, "the folders are more than %d deep", maxDepth)
			return fs.SkipDir
		case d.IsDir():
		case !d.Type().IsRegular():
			l.say(name, 0, "is a link or no regular file: a lab has only files and folders")
		case slices.ContainsFunc(leftovers, ends):
			l.say(name, 0, "looks like a leftover of an editor or of patch: remove it, for students would get it")
		default:
			names = append(names, name)
		}
		if len(names) > maxFiles {
			return tooMany
		}
		return nil
	})
	if errors.Is(err, tooMany) {
		l.say("", 0, "has more than %d files", maxFiles)
		return nil
	}
	return names
}

func (l *loader) read(name string) (data []byte, executable, ok bool) {
	file, err := l.fsys.Open(name)
	if err != nil {
		l.say(name, 0, "cannot be read: %v", err)
		return nil, false, false
	}
	defer file.Close()
	data, err = io.ReadAll(io.LimitReader(file, maxFileSize+1))
	switch info, statErr := file.Stat(); {
	case err != nil || statErr != nil:
		l.say(name, 0, "cannot be read: %v", errors.Join(err, statErr))
	case len(data) > maxFileSize:
		l.say(name, 0, "is larger than %d KiB", maxFileSize>>10)
	default:
		return data, info.Mode()&0o111 != 0, true
	}
	return nil, false, false
}

// parse reads lab.yaml and holds the other files to it.
func (l *loader) parse(text []byte) {
	doc, problems := strictyaml.Decode(text, l.lab)
	for _, p := range problems {
		l.sayAt(Name, p.Line, p.Column, "%s", p.Text)
	}
	l.doc = doc
	l.cut()
	if len(problems) > 0 { // what was not understood would be said to be missing
		return
	}
	l.complete()
	l.check()
	if len(l.problems) == 0 {
		l.variants()
	}
}

// cut reads the markers of all sources.
func (l *loader) cut() {
	for _, name := range slices.Sorted(maps.Keys(l.lab.Sources)) {
		f, problems := cut.Parse(name, l.lab.Sources[name].Data)
		for _, p := range problems {
			l.say(name, p.Line, "%s", p.Text)
		}
		l.lab.sources[name] = f
	}
}

// variants tries all patches.
func (l *loader) variants() {
	solution := contents(l.lab.Solution())
	for _, name := range slices.Sorted(maps.Keys(l.lab.patches)) {
		changed, problems := patch.Apply(l.lab.patches[name], solution)
		for _, p := range problems {
			l.say(patchFile(name), p.Line, "%s", p.Text)
		}
		for _, file := range slices.Sorted(maps.Keys(changed)) {
			if !l.lab.students(file) {
				l.say(patchFile(name), 0, "changes %s, which students do not hand in: a variant is a faulty submission", file)
			}
		}
	}
}
