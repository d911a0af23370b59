// SPDX-License-Identifier: MIT

package book

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// studentPage is what a student's page has: of the grade only its view.
type studentPage struct {
	Title, Student string
	Points         string
	NotGraded      string // why there are no points
	About          []string
	Build          []string
	Sum            string // how many checks passed
	Checks         []check
	Withheld       string
	Pictures       []shownStory
	Compared       []shownPairs
}

type shownStory struct {
	Title, Caption string
	Source         template.URL // empty if the picture is too large
}

func newStudent(g *grade.Grade, o *Options) *studentPage {
	v := g.View(o.Due)
	p := &studentPage{Title: title(g.Lab, g.LabTitle), Student: student(g), About: about(g)}
	p.Pictures, p.Compared = pictures(o.Stories), compared(o.Compared)
	if g.Fault != "" {
		p.NotGraded = grade.NotGraded
		return p
	}
	p.Points = points(g.Points, g.Max)
	p.Build = plain.Several(g.Build, maxLine, maxBuild)
	passed := 0
	for i := range v.Checks {
		if v.Checks[i].Status == grade.Passed {
			passed++
		}
		p.Checks = append(p.Checks, newCheck(&v.Checks[i]))
	}
	p.Sum = fmt.Sprintf("%d of %s passed", passed, count(len(v.Checks), "check", "checks"))
	if v.Withheld > 0 {
		p.Withheld = fmt.Sprintf("%s: %s. What is checked there is not shown.",
			count(v.Withheld, "more check", "more checks"), points(v.WithheldPoints, v.WithheldMax))
	}
	return p
}

// about is when and on what a submission was graded.
func about(g *grade.Grade) []string {
	var list []string
	if at := day(g.Graded); at != "" {
		list = append(list, "graded "+at)
	}
	if len(g.Kernels) > 0 {
		list = append(list, name(strings.Join(g.Kernels, ", ")))
	}
	if g.Submission != "" {
		list = append(list, "submission "+plain.Line(g.Submission, maxHash))
	}
	return list
}

// maxHash is how much of a hash is shown: enough to tell two of a class apart.
const maxHash = 64

func pictures(stories []Story) []shownStory {
	var list []shownStory
	for _, s := range stories[:min(len(stories), maxPictures)] {
		next := shownStory{Title: name(s.Title), Caption: plain.Line(s.Caption, maxLine)}
		if len(s.SVG) <= maxPicture {
			next.Source = picture(s.SVG)
		}
		list = append(list, next)
	}
	return list
}
