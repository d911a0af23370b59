// SPDX-License-Identifier: MIT

package grade

import "strings"

// How much of a grade's text is kept. A module may have a name of 1 MB, and a check may name it a thousand times.
const (
	maxShort     = 1 << 10 // bytes of a name or a title
	maxSaid      = 1 << 20 // bytes of all sentences
	maxSentences = 100     // of a check
	maxCrashes   = 50      // a module may make the kernel complain without end
)

// normalize makes a copy of the lists, none of which is null, and cuts texts that are too long.
func (g *Grade) normalize() {
	for _, text := range []*string{&g.Lab, &g.LabTitle, &g.Student, &g.Submission, &g.Fault} {
		*text = cut(*text, maxShort)
	}
	room := maxSaid / (len(g.Checks) + 1)
	g.Kernels = cutAll(g.Kernels, maxShort*maxSentences)
	g.Build = cutAll(g.Build, room)
	g.Checks = append([]Check{}, g.Checks...)
	g.Crashes = append([]Crash{}, g.Crashes[:min(len(g.Crashes), maxCrashes)]...)
	for i := range g.Crashes {
		c := &g.Crashes[i]
		for _, text := range []*string{&c.Class, &c.Place, &c.Message, &c.Scenario} {
			*text = cut(*text, maxShort)
		}
	}
	for i := range g.Checks {
		c := &g.Checks[i]
		for _, text := range []*string{&c.Title, &c.Story, &c.Hint, &c.File, &c.Scenario} {
			*text = cut(*text, maxShort)
		}
		c.Needs = append([]string{}, c.Needs...)
		c.Say = cutAll(c.Say, room)
	}
}

// cutAll keeps the first texts, of room bytes together.
func cutAll(list []string, room int) []string {
	kept := []string{}
	for i, text := range list {
		if i == maxSentences || room <= 0 {
			return append(kept, "…")
		}
		text = cut(text, room)
		room -= len(text)
		kept = append(kept, text)
	}
	return kept
}

// cut shortens a text to at most n bytes and a mark.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if strings.HasSuffix(s, "…") && len(s) <= n+len("…") {
		return s // it was cut before
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
