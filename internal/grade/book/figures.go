// SPDX-License-Identifier: MIT

package book

import (
	"fmt"
	"math"

	"github.com/kmodlab/kmodlab/internal/grade"
)

// full is how wide the largest bar is, in units of the drawing, which is stretched to the room that there is.
const full = 1000

// parts is into how many parts the points are divided: about ten, so that each begins at a whole number if that can be.
func parts(most float64) int {
	for _, n := range []int{10, 9, 11, 8, 12, 7, 13, 6, 14, 5, 15} {
		if width := most / float64(n); width == math.Trunc(width) {
			return n
		}
	}
	return 10
}

// bar is a part of the distribution.
type bar struct {
	Range string
	Count int
	Width int
}

// bars is the distribution, the best first. A grade of all points is told from one that lacks a bit.
func bars(b *grade.Book) []bar {
	buckets := b.Distribution(parts(b.Max))
	most := 0
	for _, k := range buckets {
		most = max(most, k.Count)
	}
	if most == 0 {
		return nil
	}
	var list []bar
	for i := len(buckets) - 1; i >= 0; i-- {
		k := buckets[i]
		words := fmt.Sprintf("%s to under %s", grade.Format(k.From), grade.Format(k.To))
		if i == len(buckets)-1 {
			words = fmt.Sprintf("%s to %s", grade.Format(k.From), grade.Format(k.To))
		}
		list = append(list, bar{Range: words, Count: k.Count, Width: k.Count * full / most})
	}
	return list
}

// checkRow says how a class did on a check.
type checkRow struct {
	Name, ID, Label                           string
	Passed, Partial, Failed, Skipped, Unknown int
	Mean, Max                                 string
	Pieces                                    []piece
}

// piece is a part of a check's bar.
type piece struct {
	Word     string
	X, Width int
}

func (c *class) addChecks(b *grade.Book) {
	worst, name := 0, ""
	graded := b.Stats().Graded
	for _, s := range b.ByCheck() {
		k := grade.Check{ID: s.ID, Title: s.Title}
		next := checkRow{Name: plainName(&k), ID: s.ID, Label: label(s.Visibility), Passed: s.Passed, Partial: s.Partial,
			Failed: s.Failed, Skipped: s.Skipped, Unknown: s.Unknown, Mean: grade.Format(s.Mean), Max: grade.Format(s.Max)}
		next.Pieces = pieces(&s)
		c.Checks = append(c.Checks, next)
		c.Columns = append(c.Columns, column{next.Name, s.ID, next.Max, next.Label})
		if not := s.Partial + s.Failed; not > worst {
			worst, name = not, next.Name
		}
	}
	if worst > 0 {
		c.MostFailed = fmt.Sprintf("“%s” fails most: of %s, %d failed it or got only some of its points.", name,
			count(graded, "graded submission", "graded submissions"), worst)
	}
}

func plainName(c *grade.Check) string { return name(c.Name()) }

func pieces(s *grade.CheckStats) []piece {
	n := s.Passed + s.Partial + s.Failed + s.Skipped + s.Unknown
	if n == 0 {
		return nil
	}
	var list []piece
	before := 0
	for _, p := range []struct {
		status grade.Status
		n      int
	}{{grade.Passed, s.Passed}, {grade.Partial, s.Partial}, {grade.Failed, s.Failed}, {grade.Skipped, s.Skipped},
		{grade.Unknown, s.Unknown}} {
		from, to := before*full/n, (before+p.n)*full/n
		before += p.n
		if to > from {
			list = append(list, piece{string(p.status), from, to - from})
		}
	}
	return list
}
