// SPDX-License-Identifier: MIT

package repo

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// document is a Markdown file of the repository.
type document struct {
	path string // from the module's root
	text string
}

func documents(t *testing.T) []document {
	t.Helper()
	var list []document
	for _, pattern := range []string{"*.md", "docs/*.md", "modules/*.md", "modules/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, document{strings.TrimPrefix(file, root+"/"), string(data)})
		}
	}
	if len(list) < 10 {
		t.Fatalf("found only %d documents", len(list))
	}
	return list
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)

// TestLinks wants what a document links to in the repository to be there.
func TestLinks(t *testing.T) {
	seen := 0
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(d.text, -1) {
			if strings.Contains(m[1], ":") {
				continue // elsewhere
			}
			seen++
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(d.path), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", d.path, m[1], err)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d links were found", seen)
	}
}

var (
	makeCommand = regexp.MustCompile("(?:`|(?m:^ {4}))make ([a-z][a-z-]*)")
	target      = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// TestMakeTargets wants the targets that documents name.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	seen := 0
	for _, d := range documents(t) {
		for _, m := range makeCommand.FindAllStringSubmatch(d.text, -1) {
			seen++
			if !targets[m[1]] && !strings.HasPrefix(m[1], "modules") { // those are kbuild's
				t.Errorf("%s says make %s, which the Makefile does not have", d.path, m[1])
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d commands were found", seen)
	}
}

var (
	testCommand = regexp.MustCompile("go test([^`\n]*)")
	nameFlag    = regexp.MustCompile(`-(?:run|bench) '?([^'\s]+)'? `)
	folderWord  = regexp.MustCompile(` (\./\S+|\.) `)
	testName    = regexp.MustCompile("`(Test[A-Z]\\w*)(/\\w+)?`")
	testFunc    = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz|Example)\w*)\(`)
)

// tests are the module's, by the folder that they are in.
func tests(t *testing.T) map[string][]string {
	t.Helper()
	byFolder := map[string][]string{}
	for _, s := range sources(t) {
		for _, m := range testFunc.FindAllSubmatch(s.data, -1) {
			if strings.HasSuffix(s.path, "_test.go") {
				byFolder[filepath.Dir(s.path)] = append(byFolder[filepath.Dir(s.path)], string(m[1]))
			}
		}
	}
	return byFolder
}

// TestTestCommands wants the tests that documents tell one to run to be in the
// packages that they name.
func TestTestCommands(t *testing.T) {
	byFolder := tests(t)
	seen := 0
	for _, d := range documents(t) {
		for _, m := range testCommand.FindAllStringSubmatch(d.text, -1) {
			names := nameFlag.FindAllStringSubmatch(m[1]+" ", -1)
			if names == nil {
				continue
			}
			name, folder := names[len(names)-1][1], "." // go test takes the root's where none is named
			if word := folderWord.FindStringSubmatch(m[1] + " "); word != nil {
				folder = filepath.Clean(word[1])
			}
			seen++
			which, err := regexp.Compile(name)
			if err != nil {
				t.Errorf("%s: go test%s: %v", d.path, m[1], err)
			} else if name != "NAME" && !slices.ContainsFunc(byFolder[folder], which.MatchString) {
				t.Errorf("%s: go test%s: no such test there", d.path, m[1])
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d commands were found", seen)
	}
}

// TestTestNames wants the tests, and the scripts that are run as subtests, that
// documents name.
func TestTestNames(t *testing.T) {
	all := slices.Concat(slices.Collect(maps.Values(tests(t)))...)
	seen := 0
	for _, d := range documents(t) {
		for _, m := range testName.FindAllStringSubmatch(d.text, -1) {
			seen++
			if !slices.Contains(all, m[1]) {
				t.Errorf("%s names %s, which is no test", d.path, m[1])
			}
			if folder, ok := scripts[m[1]]; ok {
				file := filepath.Join(root, "test/cli/testdata", folder, m[2]+".txtar")
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s names %s: %v", d.path, m[0], err)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d names were found", seen)
	}
}
