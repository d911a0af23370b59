// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/result"
)

// crashes finds the kernel's complaints on the console and in the kernel's
// log, and says where in the person's sources they stand.
func (m *maker) crashes() []result.Crash {
	crashes := oops.Merge(oops.Parse([]byte(m.e.Console)), oops.Parse(m.e.KernelLog))
	for i := range crashes {
		c := &crashes[i]
		c.Title = strings.ReplaceAll(c.Title, srcline.SourceDir+"/", "") // the person's file, not the build's copy of it
		m.unhide(c)
		m.locator.locate(c)
		oops.Blame(c, m.e.Studied)
		c.Title = titleWithLine(c)
	}
	nameHog(crashes)
	return crashes
}

// nameHog adds to a panic for want of memory who had asked for it before: the task
// that comes last, often init, only wanted a little.
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
		case c.Class == result.Panic && f == nil && hog != "" && outOfMemory.MatchString(c.Title):
			c.Title += ", asked for before by " + hog
		}
	}
}

// outOfMemory is a panic of the kernel's out_of_memory(), 5.10 to 7.3.
var outOfMemory = lazyregexp.New(`^Kernel panic: (?:System is deadlocked on memory|[Oo]ut of memory)`)

// titleWithLine adds the guilty frame's place and line to a crash's title, where
// they are not in it: the kernel's own words often name a function of its own.
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
