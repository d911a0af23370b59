// SPDX-License-Identifier: MIT

package course

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

func (l *loader) checks() {
	b := l.lab
	var ids, scenarios []string
	for _, s := range b.Scenarios {
		scenarios = append(scenarios, s.Name)
	}
	for i, c := range b.Checks {
		switch {
		case c.ID == "":
			l.wrong(at("checks", i), "the check has no id: add id: and a short name")
		case !idRE.MatchString(c.ID):
			l.wrong(at("checks", i, "id"), "%q cannot be a check's id: a-z, 0-9, _ and - can", c.ID)
		case slices.Contains(ids, c.ID):
			l.wrong(at("checks", i, "id"), "there is another check %q before", c.ID)
		}
		ids = append(ids, c.ID)
	}
	for i := range b.Checks {
		l.one(i, ids, scenarios)
	}
	l.cycles()
	if !slices.ContainsFunc(b.Checks, func(c Check) bool { return c.ID != Builds && c.Visibility == Visible }) {
		l.wrong(at("checks"), "no check is visible: students need one that says whether they are on the right way")
	}
}

// one checks a check.
func (l *loader) one(i int, ids, scenarios []string) {
	c := l.lab.Checks[i]
	where := func(path ...any) []any { return slices.Concat(at("checks", i), path) }
	if c.ID == Builds {
		l.builds(i)
	} else if len(c.Check) == 0 {
		l.wrong(where(), "check %q has no expression: add check: and what must hold", c.ID)
	}
	if strings.TrimSpace(c.Title) == "" {
		l.wrong(where(), "check %q has no title: add title: and a sentence that students understand", c.ID)
	}
	for j, text := range c.Check {
		l.compile(text, where("check", j))
	}
	l.known(where("scenarios"), c.Scenarios, scenarios, "scenario")
	l.known(where("needs"), c.Needs, ids, "check")
	l.kernels(where("kernels"), c.Kernels, l.lab.Kernels)
	if !slices.Contains([]string{Visible, Hidden, AfterDue}, c.Visibility) {
		l.wrong(where("visibility"), "visibility is %q: write %s, %s or %s", c.Visibility, Visible, Hidden, AfterDue)
	}
	if c.Points < 0 || c.Points > maxPoints {
		l.wrong(where("points"), "a check is worth 0 to %d points, not %d", maxPoints, c.Points)
	}
	for j, p := range c.Partial {
		if p.Points < 1 || p.Points >= c.Points {
			l.wrong(where("partial", j), "partial points are 1 to %d, less than the check's, not %d", c.Points-1, p.Points)
		}
		if len(p.Check) == 0 {
			l.wrong(where("partial", j), "partial points have no expression: add check: and what must hold")
		}
		for k, text := range p.Check {
			l.compile(text, where("partial", j, "check", k))
		}
	}
	if c.File != "" && !slices.Contains(l.lab.Student(), path.Clean(c.File)) {
		l.wrong(where("file"), "%q is not a file that students hand in: %s", c.File, listed(l.lab.Student()))
	}
	for j, id := range c.Needs {
		if k := slices.Index(ids, id); k >= 0 && c.Visibility == Visible && l.lab.Checks[k].Visibility != Visible {
			l.wrong(where("needs", j), "a visible check cannot need %q, which students do not see", id)
		}
	}
}

// builds is for the check that needs no expression.
func (l *loader) builds(i int) {
	c := l.lab.Checks[i]
	if i > 0 {
		l.wrong(at("checks", i), "%q is the first check of a lab: put it before the others", Builds)
	}
	if len(c.Check)+len(c.Partial)+len(c.Scenarios)+len(c.Needs) > 0 || c.Visibility != Visible {
		l.wrong(at("checks", i), "%q is what the build says: it has points, a title and a hint, and nothing else", Builds)
	}
}

// cycles finds checks that need each other.
func (l *loader) cycles() {
	needs := l.needs()
	for i, c := range l.lab.Checks {
		if c.ID != "" && needs[c.ID][c.ID] {
			l.wrong(at("checks", i, "needs"), "check %q needs itself, be it through others", c.ID)
		}
	}
}

// needs are, for each check, all that it needs, be it through others.
func (l *loader) needs() map[string]map[string]bool {
	direct := map[string][]string{}
	for _, c := range l.lab.Checks {
		direct[c.ID] = append(direct[c.ID], c.Needs...)
	}
	all := map[string]map[string]bool{}
	for id := range direct {
		seen, left := map[string]bool{}, slices.Clone(direct[id])
		for len(left) > 0 {
			next := left[0]
			if left = left[1:]; !seen[next] {
				seen[next] = true
				left = append(left, direct[next]...)
			}
		}
		if id != Builds {
			seen[Builds] = true
		}
		all[id] = seen
	}
	return all
}

func (l *loader) points() {
	sum := 0
	for _, c := range l.lab.Checks {
		sum += c.Points
	}
	if l.lab.Points == 0 {
		l.lab.Points = sum
	}
	if l.lab.Points != sum {
		l.wrong(at("points"), "the lab has %d points, and its checks add up to %d", l.lab.Points, sum)
	}
}

// broken holds the variants to the checks and to the patches.
func (l *loader) broken() {
	needs := l.needs()
	var ids, names []string
	for _, c := range l.lab.Checks {
		ids = append(ids, c.ID)
	}
	for i, v := range l.lab.Broken {
		names = append(names, v.Name)
		where := func(path ...any) []any { return slices.Concat(at("broken", i), path) }
		if !idRE.MatchString(v.Name) {
			l.wrong(where(), "%q cannot be a variant's name: a-z, 0-9, _ and - can", v.Name)
		} else if l.lab.patches[v.Name] == nil {
			l.wrong(where(), "there is no %s", patchFile(v.Name))
		}
		l.kernels(where("kernels"), v.Kernels, l.lab.Kernels)
		if strings.TrimSpace(v.Title) == "" {
			l.wrong(where(), "variant %q has no title: add title: and what is wrong with it", v.Name)
		}
		if len(v.Fails) == 0 {
			l.wrong(where(), "variant %q fails no check: add fails: with the checks that find it out", v.Name)
		}
		for _, id := range slices.Sorted(maps.Keys(v.Fails)) {
			if !slices.Contains(ids, id) {
				l.wrong(where("fails", id), "there is no check %q%s", id, meant(id, ids))
			}
			for other := range v.Fails {
				if needs[id][other] {
					l.wrong(where("fails", id), "check %q needs %q, which fails: so it is skipped and does not fail", id, other)
				}
			}
			if v.Fails[id] == "" {
				l.wrong(where("fails", id), "the reason is empty: write a regular expression for what is found")
			}
			if _, err := regexp.Compile(v.Fails[id]); err != nil {
				l.wrong(where("fails", id), "%q is no regular expression: %v", v.Fails[id], err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.lab.patches)) {
		if !slices.Contains(names, name) {
			l.say(patchFile(name), 0, "%s says nothing of it: add it to broken:, with the checks that fail", Name)
		}
	}
}
