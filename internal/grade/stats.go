// SPDX-License-Identifier: MIT

package grade

import (
	"cmp"
	"math"
	"slices"
)

// Stats are figures of a class. What is said of points is of the submissions that could be graded.
type Stats struct {
	Submissions, Graded, Faults, Unbuilt int

	Lowest, Highest, Mean, Median, Deviation float64 // in points, two decimals
	Seconds                                  float64 // of all
}

// Stats computes the figures of a class.
func (b *Book) Stats() Stats {
	s := Stats{Submissions: len(b.Grades)}
	for i := range b.Grades {
		g := &b.Grades[i]
		s.Seconds += g.Seconds
		if g.Fault != "" {
			s.Faults++
		} else if len(g.Build) > 0 {
			s.Unbuilt++
		}
	}
	points := b.points()
	s.Graded = len(points)
	if len(points) == 0 {
		return s
	}
	slices.Sort(points)
	n := len(points)
	s.Lowest, s.Highest = points[0], points[n-1]
	s.Median = Round((points[(n-1)/2] + points[n/2]) / 2)
	var sum, squares float64
	for _, p := range points {
		sum += p
	}
	mean := sum / float64(n)
	for _, p := range points {
		squares += (p - mean) * (p - mean)
	}
	s.Mean, s.Deviation = Round(mean), Round(math.Sqrt(squares/float64(n)))
	return s
}

func (b *Book) points() []float64 {
	var points []float64
	for i := range b.Grades {
		if b.Grades[i].Fault == "" {
			points = append(points, b.Grades[i].Points)
		}
	}
	return points
}

// Bucket counts the grades from From to less than To points; in the last bucket, To is included.
type Bucket struct {
	From, To float64
	Count    int
}

// Distribution divides the points from 0 to the maximum into n equal parts, and counts the grades in each.
func (b *Book) Distribution(n int) []Bucket {
	if n < 1 || b.Max <= 0 {
		return nil
	}
	buckets := make([]Bucket, n)
	for i := range buckets {
		buckets[i].From, buckets[i].To = Round(b.Max*float64(i)/float64(n)), Round(b.Max*float64(i+1)/float64(n))
	}
	for _, p := range b.points() {
		i := n - 1
		for i > 0 && p < buckets[i].From {
			i--
		}
		buckets[i].Count++
	}
	return buckets
}

// CheckStats says how a class did on one check.
type CheckStats struct {
	ID, Title  string
	Visibility Visibility
	Max, Mean  float64

	Passed, Partial, Failed, Skipped, Unknown int
}

// ByCheck says how a class did on each check.
func (b *Book) ByCheck() []CheckStats {
	if len(b.Grades) == 0 {
		return nil
	}
	var stats []CheckStats
	for i, c := range b.first().Checks {
		s := CheckStats{ID: c.ID, Title: c.Title, Visibility: c.Visibility, Max: c.Max}
		counts := make(map[Status]int)
		var sum float64
		n := 0
		for j := range b.Grades {
			g := &b.Grades[j]
			if g.Fault != "" || i >= len(g.Checks) {
				continue
			}
			n++
			sum += g.Checks[i].Points
			counts[g.Checks[i].Status]++
		}
		if n > 0 {
			s.Mean = Round(sum / float64(n))
		}
		s.Passed, s.Partial, s.Failed = counts[Passed], counts[Partial], counts[Failed]
		s.Skipped, s.Unknown = counts[Skipped], counts[Unknown]
		stats = append(stats, s)
	}
	return stats
}

// Slowest returns the n grades that took longest, the slowest first.
func (b *Book) Slowest(n int) []*Grade {
	var list []*Grade
	for i := range b.Grades {
		list = append(list, &b.Grades[i])
	}
	slices.SortStableFunc(list, func(x, y *Grade) int { return cmp.Compare(y.Seconds, x.Seconds) })
	return list[:min(max(n, 0), len(list))]
}
