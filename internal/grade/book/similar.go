// SPDX-License-Identifier: MIT

package book

import (
	"slices"

	"github.com/kmodlab/kmodlab/internal/grade"
)

// group are grades that have something in common, by their index in the book.
type group struct {
	key     string
	members []int
}

// What few is: of a class, up to 5 in 100, and of a small class up to 3 students.
const (
	fewLeast = 3
	fewShare = 20 // the class divided by it
)

// sameFiles are the submissions that several students handed in, byte for byte.
func sameFiles(b *grade.Book, known []string) []group {
	groups := grouped(b, func(g *grade.Grade) string { return g.Submission })
	return slices.DeleteFunc(groups, func(g group) bool {
		return slices.Contains(known, g.key) || students(b, g.members) < 2
	})
}

// sameStories are the stories that few students share: most right solutions have one story, and many wrong ones too,
// so that a story is worth a look only if it is rare and not one of the lab's own. Where the files are the same anyhow,
// that is said, and not this.
func sameStories(b *grade.Book, known []string) []group {
	groups := grouped(b, func(g *grade.Grade) string {
		if g.Fault != "" {
			return ""
		}
		return g.Shape
	})
	var all []int
	for _, g := range groups {
		all = append(all, g.members...)
	}
	told := students(b, all)
	few := max(fewLeast, told/fewShare)
	return slices.DeleteFunc(groups, func(g group) bool {
		n := students(b, g.members)
		first := b.Grades[g.members[0]].Submission
		same := first != "" && !slices.ContainsFunc(g.members, func(i int) bool { return b.Grades[i].Submission != first })
		return slices.Contains(known, g.key) || n < 2 || n > few || 2*n > told || same
	})
}

// grouped gathers grades by a key, in the order of the class; those without a key are left out.
func grouped(b *grade.Book, key func(g *grade.Grade) string) []group {
	at := make(map[string]int)
	var groups []group
	for i := range b.Grades {
		k := key(&b.Grades[i])
		if k == "" {
			continue
		}
		if _, ok := at[k]; !ok {
			at[k] = len(groups)
			groups = append(groups, group{key: k})
		}
		g := &groups[at[k]]
		g.members = append(g.members, i)
	}
	return groups
}

// students counts the students among grades: somebody who hands in twice is like himself.
func students(b *grade.Book, members []int) int {
	seen := make(map[string]bool)
	for _, i := range members {
		seen[b.Grades[i].Student] = true
	}
	return len(seen)
}
