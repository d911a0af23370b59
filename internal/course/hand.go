// SPDX-License-Identifier: MIT

package course

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/course/cut"
	"github.com/kmodlab/kmodlab/internal/course/strictyaml"
)

// Hand is all that students get: what they start from, the handout without the lecturer's parts, and a lab.yaml with
// the checks that they may see.
func (l *Lab) Hand(level int) (map[string]File, error) {
	files, err := l.Starter(level)
	if err != nil {
		return nil, err
	}
	text, err := strictyaml.Encode(*l.public(level))
	if err != nil {
		return nil, fmt.Errorf("write the students' %s of %s: %w", Name, l.Name, err)
	}
	for _, s := range l.Scenarios {
		if story := l.Stories[s.Name]; story != nil && l.Shown(s.Name) {
			files[StoryFile(s.Name)] = File{Data: story}
		}
	}
	files[Name] = File{Data: slices.Concat([]byte("# The checks of this lab; kmodlab lab check runs them.\n"), text)}
	return files, nil
}

// HelpStep is what a level of help adds to a TODO of a file.
type HelpStep struct {
	File string
	cut.Step
}

// Further is what the levels of help above one add to what students get, lower levels first.
func (l *Lab) Further(above int) []HelpStep {
	var steps []HelpStep
	for level := above + 1; level <= cut.MaxLevel; level++ {
		for _, name := range slices.Sorted(maps.Keys(l.sources)) {
			if !l.given(name) {
				continue
			}
			for _, s := range l.sources[name].Help() {
				if s.Level == level {
					steps = append(steps, HelpStep{name, s})
				}
			}
		}
	}
	return steps
}

// public is the lab without what students must not see: hidden checks, the scenarios that only those have, and the
// variants.
func (l *Lab) public(level int) *Lab {
	p := *l
	p.Help, p.Points, p.Broken, p.Checks, p.Scenarios = level, 0, nil, nil, nil
	p.Files = Files{Student: l.Student()}
	for _, c := range l.Checks {
		if c.Visibility != Visible {
			continue
		}
		p.Points += c.Points
		c.Scenarios = slices.Clone(c.Scenarios)
		p.Checks = append(p.Checks, c)
	}
	for _, s := range l.Scenarios {
		if l.Shown(s.Name) {
			p.Scenarios = append(p.Scenarios, s)
		}
	}
	return &p
}

// Shown reports whether students may see a scenario.
func (l *Lab) Shown(scenario string) bool {
	return slices.ContainsFunc(l.Checks, func(c Check) bool {
		return c.Visibility == Visible && c.ID != Builds && slices.Contains(c.Scenarios, scenario)
	})
}

// given reports whether students get a file. They do not get what only scenarios use that they must not see.
func (l *Lab) given(name string) bool {
	if matches(l.Files.Lecturer, name) {
		return false
	}
	secret := false
	for _, s := range l.Scenarios {
		if !s.uses(name) {
			continue
		}
		if l.Shown(s.Name) {
			return true
		}
		secret = true
	}
	return !secret || l.students(name)
}

// uses reports whether a scenario names a file, or a folder above it.
func (s *Scenario) uses(name string) bool {
	for _, own := range s.named() {
		if own = path.Clean(own); own == name || strings.HasPrefix(name, own+"/") {
			return true
		}
	}
	return false
}

// named are the files that a scenario names: one for each test, and one for each of its files.
func (s *Scenario) named() []string {
	var names []string
	for _, t := range s.Tests {
		program, _, _ := strings.Cut(strings.TrimSpace(t.Run), " ")
		names = append(names, strings.Trim(program, `"'`))
	}
	for _, f := range s.Files {
		source, _, _ := strings.Cut(f, ":")
		names = append(names, source)
	}
	return names
}

// matches reports whether a name, or a folder above it, has one of the patterns.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		for at := name; at != "."; at = path.Dir(at) {
			if ok, err := path.Match(strings.TrimSuffix(p, "/"), at); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// isHandout reports whether a file is text for people: it may have lecturer's parts, but nobody hands it in.
func isHandout(name string) bool { return path.Ext(name) == ".md" }

func patchFile(name string) string { return brokenFolder + "/" + name + ".patch" }

// StoryFile is the file of a scenario's story.
func StoryFile(scenario string) string { return storyFolder + "/" + scenario + ".json" }

// listed joins names for a sentence.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
