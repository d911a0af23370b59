// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/printk"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/result"
)

// crashes finds the kernel's reports on the console and in its log, and adds their
// places in the person's sources.
func (m *maker) crashes() []result.Crash {
	console, log := []byte(m.e.Console), m.e.KernelLog
	printed := m.words().Print
	crashes := m.believed(oops.Merge(oops.ParseExcept(console[min(len(console), m.e.Earlier.Console):], printed),
		oops.ParseExcept(log[min(len(log), m.e.Earlier.KernelLog):], printed)))
	for i := range crashes {
		c := &crashes[i]
		c.Title = strings.ReplaceAll(c.Title, srcline.SourceDir+"/", "") // the person's file, not the build's copy of it
		m.unhide(c)
		m.unjump(c)
		m.locator.locate(c)
		oops.Blame(c, m.e.Studied)
		c.Title = titleWithLine(c)
	}
	nameHog(crashes)
	nameCaller(crashes)
	m.nameArmed(crashes)
	return crashes
}

// words are what the modules under study print.
func (m *maker) words() printk.Words {
	return printk.WordsOf(m.e.Studied, func(name string) []byte { return m.e.Files[name].Data })
}

// believed leaves out what the kernel did not print itself.
func (m *maker) believed(crashes []result.Crash) []result.Crash {
	witness := oops.Witness{
		Answered: m.e.Finished || m.e.Taint.AtEnd, Tainted: m.e.Taint.AtEnd, Taint: m.e.Taint.After, Modules: m.e.Studied,
	}
	return slices.DeleteFunc(crashes, func(c result.Crash) bool { return !witness.Believes(&c) })
}

// nameCaller adds to a report without a call trace the place in the modules that the same task's next report has. Since
// 7.x the kernel prints what is wrong with a slab cache first, and the stack in a WARNING after it.
func nameCaller(crashes []result.Crash) {
	for i := range crashes[:max(len(crashes)-1, 0)] {
		c, next := &crashes[i], &crashes[i+1]
		f := next.GuiltyFrame()
		if len(c.Frames) > 0 || f == nil || f.Position() == "" || c.Type != "slab-corruption" && c.Type != "bug" {
			continue
		}
		c.Title += fmt.Sprintf(", called from %s (%s)", f.Place(), f.Position())
	}
}

// nameHog adds to an out-of-memory panic the module that allocated before: the task
// that panics is the last to allocate, often init, and seldom the cause. A stale address of the module on its stack
// says nothing.
func nameHog(crashes []result.Crash) {
	hog := ""
	for i := range crashes {
		c := &crashes[i]
		f := c.GuiltyFrame()
		switch {
		case c.Type == "oom-kill" && f != nil && hog == "":
			hog = f.Place()
			if f.Position() != "" {
				hog += " (" + f.Position() + ")"
			}
		case c.Class == result.Panic && (f == nil || !f.Reliable) && hog != "" && outOfMemory.MatchString(c.Title):
			c.Guilty = nil
			c.Title += "; an earlier out-of-memory report was in " + hog
		}
	}
}

// outOfMemory is a panic of the kernel's out_of_memory(), 5.10 to 7.3.
var outOfMemory = lazyregexp.New(`^Kernel panic: (?:System is deadlocked on memory|[Oo]ut of memory)`)

// titleWithLine adds the guilty frame's place and line to a crash's title, unless it
// has them: the kernel's own message often names one of its own functions.
func titleWithLine(c *result.Crash) string {
	f := c.GuiltyFrame()
	if f == nil || f.Position() == "" || strings.Contains(c.Title, f.Position()) {
		return c.Title
	}
	title := c.Title
	if !f.Inlined && !strings.Contains(title, f.Place()) {
		title += ", called from " + f.Place()
	}
	return title + " (" + f.Position() + ")"
}
