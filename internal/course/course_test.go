// SPDX-License-Identifier: MIT

package course

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/labfile"
)

const (
	source = "//> TODO 1: write it\nint secret;\n//- int x;\n//<\nint last;\n"
	change = "--- a/a.c\n+++ b/a.c\n@@ -1,2 +1,2 @@\n-int secret;\n+int other;\n int last;\n"
	least  = "title: T\nchecks: [{id: a, title: A., check: x, points: 2}]\n"
	whole  = `title: A lab
learn: [one, two]
kernels: debian:bookworm
modules: [a, b]
help: 2
points: 12
files: {student: [a.c, "t/*.c"], lecturer: answers}
scenarios:
  plain: {load: a, params: a.n=1, for: 2s}
  odd:
    tests:
      - {run: t/try.c -v, timeout: 5s}
    files: t/data
    repeat: 3
    seed: 4
    world: {modprobe: missing, absent: [c, d], fail: {call: kmalloc, module: k2}}
    kernels: [debian:bookworm]
checks:
  - {id: a, title: A., check: x, points: 5, partial: [{points: 2, check: [y, z]}], hint: H, scenarios: plain, file: a.c}
  - {id: b, title: B., check: [x, y], points: 7, visibility: hidden, needs: a, scenarios: odd}
broken:
  off: {title: Off., fails: {a: reason}, why: Because.}
`
)

// folder is a lab of these files, with those that each lab has.
func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range map[string]string{"README.md": "# T\n", "Kbuild": "obj-m += a.o\n", "a.c": source} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestLoad(t *testing.T) {
	fsys := folder(map[string]string{
		Name: whole, "broken/off.patch": change, "t/try.c": "int main;\n", "t/data/x": "x", "answers/a.txt": "secret",
		".git/config": "x", "a.o": "x", "a.mod.c": "x", KnownFile: "# what\n0a1b debian:bookworm solution\n\n2c3d\n",
	})
	fsys["t/run.sh"] = &fstest.MapFile{Data: []byte("#!/bin/sh\n"), Mode: 0o755}
	lab, problems := Load(fsys, options("labs/x"))
	if problems != nil {
		t.Fatal(problems)
	}
	wantScenarios := []Scenario{
		{Name: "plain", Load: []string{"a"}, Params: []string{"a.n=1"}, For: labfile.Duration(2 * time.Second)},
		{Name: "odd", Load: []string{"a", "b"}, Tests: []labfile.Test{{Run: "t/try.c -v",
			Timeout: labfile.Duration(5 * time.Second)}}, Files: []string{"t/data"}, Repeat: 3, Seed: 4,
			World:   World{Modprobe: ModprobeMissing, Absent: []string{"c", "d"}, Fail: &Fault{"kmalloc", 1, "k2"}},
			Kernels: []string{"debian:bookworm"}},
	}
	wantChecks := []Check{
		{ID: Builds, Title: "The sources build.", Visibility: Visible},
		{ID: "a", Title: "A.", Check: []string{"x"}, Scenarios: []string{"plain"}, Points: 5,
			Partial: []Partial{{2, []string{"y", "z"}}}, Hint: "H", Visibility: Visible, File: "a.c"},
		{ID: "b", Title: "B.", Check: []string{"x", "y"}, Scenarios: []string{"odd"}, Points: 7, Visibility: Hidden,
			Needs: []string{"a"}},
	}
	for _, c := range []struct {
		what      string
		want, got any
	}{
		{"name", "x", lab.Name}, {"scenarios", wantScenarios, lab.Scenarios}, {"checks", wantChecks, lab.Checks},
		{"broken", []Broken{{"off", "Off.", map[string]string{"a": "reason"}, "Because.", nil}}, lab.Broken},
		{"student", []string{"a.c", "t/try.c"}, lab.Student()},
		{"fixed", []string{"Kbuild", "README.md", "t/run.sh"}, lab.Fixed()},
		{"solution", "int secret;\nint last;\n", string(lab.Solution()["a.c"].Data)},
		{"known", []string{"0a1b", "2c3d"}, lab.Known},
		{"executable", true, lab.Solution()["t/run.sh"].Executable},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
	files, err := lab.Variant("off")
	if err != nil || string(files["a.c"].Data) != "int other;\nint last;\n" {
		t.Errorf("variant: %v, %q", err, files["a.c"].Data)
	}
	if _, err := lab.Variant("on"); err == nil || !strings.Contains(err.Error(), "it has no broken/on.patch: it has off") {
		t.Errorf("an unknown variant: %v", err)
	}
	if _, err := lab.Hand(4); err == nil {
		t.Error("level 4 of help")
	}
	// The program is only in a scenario that students do not see, but they hand it in.
	handed, err := lab.Hand(1)
	want := []string{"Kbuild", "README.md", "a.c", Name, "t/run.sh", "t/try.c"}
	if got := slices.Sorted(maps.Keys(handed)); err != nil || !slices.Equal(got, want) {
		t.Errorf("students get %v, %v; want %v", got, err, want)
	}
	if text := string(handed["a.c"].Data); text != "/* TODO 1: write it */\nint x;\nint last;\n" {
		t.Errorf("students get %q", text)
	}
}

// TestDefaults is a lab that says as little as it can.
func TestDefaults(t *testing.T) {
	lab, problems := Load(folder(map[string]string{Name: least}), options("labs/x"))
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff([]Scenario{{Name: defaultScenario}}, lab.Scenarios); diff != "" {
		t.Error(diff)
	}
	if lab.Points != 2 || lab.Help != 1 || !slices.Equal(lab.Kernels, kernel.Tested()) ||
		lab.Checks[1].Scenarios[0] != defaultScenario {
		t.Errorf("%+v", lab)
	}
	if got := lab.Student(); !slices.Equal(got, []string{"a.c"}) {
		t.Errorf("students hand in %v", got)
	}
}

// TestProblems has what lecturers get wrong, each with all that is said.
func TestProblems(t *testing.T) {
	check := func(more string) string { return "title: T\nchecks:\n  - {id: a, title: A., check: x, " + more + "}\n" }
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"no file", nil, []string{"labs/x/lab.yaml: a lab has this file: write title: and checks: into it"}},
		{"unknown fields", map[string]string{Name: "titel: T\nchecks:\n  - {id: a, tilte: A.}\n"}, []string{
			`labs/x/lab.yaml:1:1: unknown field "titel": did you mean title?`,
			`labs/x/lab.yaml:3:13: unknown field "tilte": did you mean title?`}},
		{"nothing in it", map[string]string{Name: ""}, []string{
			"labs/x/lab.yaml:1: a lab has a title: write title: and what it is called",
			"labs/x/lab.yaml:1: no check is visible: students need one that says whether they are on the right way"}},
		{"all at once", map[string]string{Name: check("visibility: seen") + "points: 3\n", "a.c": "//<\n"}, []string{
			"labs/x/a.c:1: the marker //< is outside of a block: a block begins with //> TODO",
			"labs/x/lab.yaml:2: no check is visible: students need one that says whether they are on the right way",
			`labs/x/lab.yaml:3: visibility is "seen": write visible, hidden or after-due`,
			"labs/x/lab.yaml:4: the lab has 3 points, and its checks add up to 0"}},
		{"slips", map[string]string{Name: "title: T\nchecks:\n  - id: a\n    title: A.\n    check:\n      - 'x(t, t.stopps'\n" +
			"      - |\n        all(t,\n          t.stopps == 1)\n      - (\n      - ''\n"}, []string{
			"labs/x/lab.yaml:6:17: a thread has no field stopps; did you mean stops?",
			"labs/x/lab.yaml:9:13: a thread has no field stopps; did you mean stops?",
			"labs/x/lab.yaml:10:9: a ) is missing", "labs/x/lab.yaml:11: the expression is empty"}},
		{"checks", map[string]string{Name: check("needs: [b, a, a, aa]") +
			"  - {id: a}\n  - {}\n  - {id: 'B b', title: x, check: x}\n"},
			[]string{`labs/x/lab.yaml:3: check "a" is here twice`,
				`labs/x/lab.yaml:3: check "a" needs itself, be it through others`,
				`labs/x/lab.yaml:3: there is no check "aa": there are a, a`,
				`labs/x/lab.yaml:3: there is no check "b": there are a, a`,
				`labs/x/lab.yaml:4: check "a" has no expression: add check: and what must hold`,
				`labs/x/lab.yaml:4: check "a" has no title: add title: and a sentence that students understand`,
				`labs/x/lab.yaml:4: check "a" needs itself, be it through others`,
				`labs/x/lab.yaml:4: there is another check "a" before`,
				`labs/x/lab.yaml:5: check "" has no expression: add check: and what must hold`,
				`labs/x/lab.yaml:5: check "" has no title: add title: and a sentence that students understand`,
				"labs/x/lab.yaml:5: the check has no id: add id: and a short name",
				`labs/x/lab.yaml:6: "B b" cannot be a check's id: a-z, 0-9, _ and - can`}},
		{"cycle", map[string]string{Name: check("needs: b") + "  - {id: b, title: B., check: x, needs: c}\n" +
			"  - {id: c, title: C., check: x, needs: b}\n"}, []string{
			`labs/x/lab.yaml:4: check "b" needs itself, be it through others`, `labs/x/lab.yaml:5: check "c" needs itself, be it through others`}},
		{"points", map[string]string{Name: check("points: 2, partial: [{points: 2, check: x}, {points: 1}]") + "points: 3\n"},
			[]string{"labs/x/lab.yaml:3: partial points are 1 to 1, less than the check's, not 2",
				"labs/x/lab.yaml:3: partial points have no expression: add check: and what must hold",
				"labs/x/lab.yaml:4: the lab has 3 points, and its checks add up to 2"}},
		{"hidden", map[string]string{Name: check("needs: b, file: Kbuild") +
			"  - {id: b, title: B., check: x, visibility: hidden}\n  - {id: builds, title: B., check: x}\n"}, []string{
			`labs/x/lab.yaml:3: "Kbuild" is not a file that students hand in: a.c`,
			`labs/x/lab.yaml:3: a visible check cannot need "b", which students do not see`,
			`labs/x/lab.yaml:5: "builds" is the first check of a lab: put it before the others`,
			`labs/x/lab.yaml:5: "builds" is what the build says: it has points, a title and a hint, and nothing else`}},
		{"scenarios", map[string]string{Name: check("scenarios: [s, t], kernels: host") +
			"kernels: [debian:bookworm, ubuntu:22]\n" +
			"scenarios:\n  s:\n    load: ['x y']\n    params: n=1\n    tests: [{}, {run: /bin/true}]\n    files: [b.c]\n" +
			"    repeat: 1001\n    world: {modprobe: gone, absent: ['-'], fail: {call: f(), nth: -1}}\n" +
			"  'S S': {seed: 1, world: {target_exits: a b, fail: {call: f, module: 'g h'}}}\n"}, []string{
			`labs/x/lab.yaml:3: kernel "host" is not one of the lab's: debian:bookworm, ubuntu:22`,
			`labs/x/lab.yaml:3: there is no scenario "t": there are s`,
			`labs/x/lab.yaml:4: unknown kernel name "ubuntu:22": no such kind of name`,
			`labs/x/lab.yaml:7: "x y" is not the name of a module`,
			`labs/x/lab.yaml:8: "n=1" is not a parameter: write MODULE.PARAM=VALUE`,
			`labs/x/lab.yaml:9: "/bin/true" is not below its folder: programs and files are named from there`,
			"labs/x/lab.yaml:9: a program or a file is missing here: name one of the lab's",
			`labs/x/lab.yaml:10: the lab has no file "b.c"`,
			"labs/x/lab.yaml:11: repeat is 1001: a scenario runs 1 to 1000 times",
			`labs/x/lab.yaml:12: "-" is not the name of a module`,
			`labs/x/lab.yaml:12: fail: call: is "f()": write the name of a function of the kernel`,
			`labs/x/lab.yaml:12: modprobe is "gone": write present, missing or disabled`,
			"labs/x/lab.yaml:12: nth is -1: the first call is 1, and the last that can be named 1000",
			`labs/x/lab.yaml:13: "S S" cannot be a scenario's name: a-z, 0-9, _ and - can`,
			`labs/x/lab.yaml:13: "g h" is not the name of a module`,
			"labs/x/lab.yaml:13: a seed is for a scenario that is repeated: add repeat: and how often",
			"labs/x/lab.yaml:13: one thing goes wrong in a scenario: leave out fail, or target_exits",
			`labs/x/lab.yaml:13: target_exits: "a b" cannot be the name of a task: it has 1 to 15 letters or digits, and _ - . / : may be among them`,
		}},
		{"broken", map[string]string{"broken/stray.patch": change, "broken/notes.txt": "x", "broken/v.patch": change,
			Name: check("points: 1") + "  - {id: b, title: B., check: x, needs: a}\nbroken:\n  v:\n    title: V\n" +
				"    fails: {a: '(', b: x, c: ''}\n  w: {}\n"}, []string{
			"labs/x/broken/notes.txt: only files NAME.patch are in broken",
			"labs/x/broken/stray.patch: lab.yaml says nothing of it: add it to broken:, with the checks that fail",
			"labs/x/lab.yaml:8: \"(\" is no regular expression: error parsing regexp: missing closing ): `(`",
			`labs/x/lab.yaml:8: check "b" needs "a", which fails: so it is skipped and does not fail`,
			"labs/x/lab.yaml:8: the reason is empty: write a regular expression for what is found",
			`labs/x/lab.yaml:8: there is no check "c": there are builds, a, b`,
			"labs/x/lab.yaml:9: there is no broken/w.patch",
			`labs/x/lab.yaml:9: variant "w" fails no check: add fails: with the checks that find it out`,
			`labs/x/lab.yaml:9: variant "w" has no title: add title: and what is wrong with it`}},
		{"patches", map[string]string{"broken/v.patch": strings.Replace(change, "secret", "public", 1),
			"broken/w.patch": "--- a/Kbuild\n+++ b/Kbuild\n@@ -1 +1 @@\n-obj-m += a.o\n+obj-m += b.o\n",
			Name:             check("points: 1") + "broken: {v: {title: V, fails: {a: x}}, w: {title: W, fails: {builds: x}}}\n"}, []string{
			`labs/x/broken/v.patch:3: no longer applies: hunk 1 at line 1 of the solution's a.c: the patch has "int public;" ` +
				`there, the file "int secret;"`,
			"labs/x/broken/w.patch: changes Kbuild, which students do not hand in: a variant is a faulty submission"}},
		{"files", map[string]string{
			Name: least + "files: {student: [b.c, '['], lecturer: [a.c]}\n", "a.c.orig": "x", "b/a.c~": "x"},
			[]string{"labs/x/a.c.orig: looks like a leftover of an editor or of patch: remove it, for students would get it",
				"labs/x/b/a.c~: looks like a leftover of an editor or of patch: remove it, for students would get it",
				`labs/x/lab.yaml:3: no file has a marker (//> TODO), and files: student: names none: students have nothing to do`,
				`labs/x/lab.yaml:3: no file of the lab is "["`, `labs/x/lab.yaml:3: no file of the lab is "b.c"`}},
		{"escape", map[string]string{Name: "\"a\\e[2Jb\": x\n" + least}, []string{
			`labs/x/lab.yaml:1:1: unknown field "a\x1b[2Jb": known here are title, number, learn, kernels, modules, help, points, files, ` +
				`scenarios, checks, broken`}},
		{"large", map[string]string{Name: least, "b": strings.Repeat("x", maxFileSize+1)}, []string{
			"labs/x/b: is larger than 1024 KiB"}},
	} {
		lab, problems := Load(folder(c.files), options("labs/x"))
		var got []string
		for _, p := range problems {
			got = append(got, p.Error())
		}
		if diff := cmp.Diff(c.want, got); diff != "" || lab != nil {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestBounds has folders that nobody should have to read.
func TestBounds(t *testing.T) {
	many := map[string]string{Name: least}
	for i := range maxFiles {
		many[strings.Repeat("x", i+1)] = ""
	}
	deep := map[string]string{Name: least, strings.Repeat("d/", maxDepth+1) + "x": ""}
	links := folder(map[string]string{Name: least})
	links["b.c"] = &fstest.MapFile{Mode: os.ModeSymlink, Data: []byte("/etc/passwd")}
	for want, fsys := range map[string]fstest.MapFS{
		"has more than 200 files":              folder(many),
		"the folders are more than 8 deep":     folder(deep),
		"labs/x/b.c: is a link or no regular ": links,
	} {
		if _, problems := Load(fsys, options("labs/x")); len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%v; want %q", problems, want)
		}
	}
}

// TestWithheld: what only hidden scenarios use is not handed out.
func TestWithheld(t *testing.T) {
	lab, problems := Load(folder(map[string]string{
		Name: "title: T\nscenarios:\n  open: {tests: [{run: t/both.sh}, {run: t/open.sh}]}\n" +
			"  shut: {tests: [{run: t/both.sh}, {run: t/shut.sh}], files: d}\n" +
			"checks:\n  - {id: a, title: A., check: x, scenarios: open}\n" +
			"  - {id: b, title: B., check: x, scenarios: shut, visibility: after-due}\n",
		"t/both.sh": "", "t/open.sh": "", "t/shut.sh": "", "d/x": "",
	}), options("labs/x"))
	if problems != nil {
		t.Fatal(problems)
	}
	handed, err := lab.Hand(1)
	want := []string{"Kbuild", "README.md", "a.c", Name, "t/both.sh", "t/open.sh"}
	if got := slices.Sorted(maps.Keys(handed)); err != nil || !slices.Equal(got, want) {
		t.Errorf("students get %v, %v; want %v", got, err, want)
	}
	if text := string(handed[Name].Data); strings.Contains(text, "shut") {
		t.Errorf("students read of the hidden scenario:\n%s", text)
	}
}

// FuzzLoad: a folder gives a lab or problems, and a lab can be handed out and read again.
func FuzzLoad(f *testing.F) {
	f.Add(whole, source, change)
	f.Add(least, source, "")
	f.Add("title: T\nscenarios: {a: , a.b: }\nchecks: [{id: a, title: A, check: [a, b], needs: [a]}]\nbroken: {off: }\n",
		"//> TODO\n", change)
	f.Fuzz(func(t *testing.T, text, c, diff string) {
		fsys := folder(map[string]string{Name: text, "a.c": c, "t/try.c": "", "t/data/x": "", "answers/a": ""})
		if diff != "" {
			fsys["broken/off.patch"] = &fstest.MapFile{Data: []byte(diff)}
		}
		lab, problems := Load(fsys, options("labs/x"))
		if (lab == nil) == (problems == nil) {
			t.Fatalf("%v and %v", lab, problems)
		}
		for _, p := range problems {
			if strings.ContainsAny(p.Error(), "\n\x1b") || p.Line < 0 {
				t.Fatalf("problem %q", p.Error())
			}
		}
		if lab == nil {
			return
		}
		for _, v := range lab.Broken {
			if _, err := lab.Variant(v.Name); err != nil {
				t.Fatal(err)
			}
		}
		handed, err := lab.Hand(lab.Help)
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := Load(fileSystem(handed), options("labs/x")); problems != nil {
			t.Fatalf("what students get: %v\n%s", problems, handed[Name].Data)
		}
	})
}
