// SPDX-License-Identifier: MIT

package repo

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scripts are the folders of the tests that run scripts.
var scripts = map[string]string{"TestScripts": "script", "TestVMScripts": "vmscript"}

// ofHostile are tests whose names say what they are for.
var ofHostile = regexp.MustCompile(`^(Test|Fuzz)(Hostile|Forged)`)

// TestListOfHostile wants the tests that make test-hostile is to run: go test passes over a name that it does not find.
// It also wants those tests to be named that say of themselves that they belong there.
func TestListOfHostile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "test/hostile.txt"))
	if err != nil {
		t.Fatal(err)
	}
	byFolder, seen := tests(t), make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if len(words) < 3 {
			t.Errorf("%q: want a folder, a test and what it tries", line)
			continue
		}
		folder, entry := words[0], words[1]
		name, script, ofScript := strings.Cut(entry, "/")
		if !slices.Contains(byFolder[folder], name) {
			t.Errorf("%s has no test %s", folder, name)
		}
		if in := scripts[name]; (in != "") != ofScript {
			t.Errorf("%s: name a script of TestScripts or TestVMScripts, and of no other test", entry)
		} else if ofScript {
			if _, err := os.Stat(filepath.Join(root, folder, "testdata", in, script+".txtar")); err != nil {
				t.Errorf("%s: %v", entry, err)
			}
		}
		if seen[folder+" "+entry] {
			t.Errorf("%s %s is there twice", folder, entry)
		}
		seen[folder+" "+entry] = true
	}
	for folder, names := range byFolder {
		for _, name := range names {
			if ofHostile.MatchString(name) && !seen[folder+" "+name] {
				t.Errorf("%s of %s is not in test/hostile.txt", name, folder)
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d tests were found", len(seen))
	}
}
