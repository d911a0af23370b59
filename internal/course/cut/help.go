// SPDX-License-Identifier: MIT

package cut

import "strings"

// Step is what one level of help adds to a block of a starter.
type Step struct {
	Task  string   // the block's first line: TODO 1: loop until kthread_stop() is called.
	Level int      // above MinLevel
	Text  []string // what is said from this level on
	Lines []string // the solution's lines that are given from this level on, without line ends
}

// Help is what the levels of help above MinLevel add, block by block. Lines that no student is given are not in it.
func (f *File) Help() []Step {
	var steps []Step
	for _, p := range f.parts {
		if p.block == nil || f.syntax == markdownSyntax {
			continue
		}
		for level := MinLevel + 1; level <= MaxLevel; level++ {
			if s := p.block.step(level); len(s.Text)+len(s.Lines) > 0 {
				steps = append(steps, s)
			}
		}
	}
	return steps
}

func (k *block) step(level int) Step {
	s := Step{Task: k.text[0].text, Level: level}
	for _, h := range k.text {
		if h.level == level {
			s.Text = append(s.Text, h.text)
		}
	}
	for _, g := range k.segments {
		if g.level == level {
			s.Lines = append(s.Lines, withoutEnds(g.lines)...)
		}
	}
	return s
}

func withoutEnds(lines []string) []string {
	var bare []string
	for _, l := range lines {
		bare = append(bare, strings.TrimSuffix(l, "\n"))
	}
	return bare
}
