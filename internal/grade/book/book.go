// SPDX-License-Identifier: MIT

// Package book writes grades as HTML files that need nothing else: the gradebook of a class for its lecturer, and a
// page for one student, which has nothing of hidden checks but their number and the sum of their points, and nothing of
// other students. It is pure.
//
// What students wrote is made harmless (internal/plain), cut, and escaped by html/template. A Content-Security-Policy
// lets the browser run the gradebook's own code and nothing else; a student's page has no code at all.
package book

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"sync"

	"github.com/kmodlab/kmodlab/internal/csp"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/report/svg"
	"github.com/kmodlab/kmodlab/internal/story"
)

// Options are what the writers are told besides the grades.
type Options struct {
	// Due says that the due date is over: a student's page has the checks that are visible after it.
	Due bool
	// Stories are pictures for a student's page: theirs, and the one that should be. Whoever makes them leaves out
	// scenarios of hidden checks.
	Stories []Story
	// Compared are the same stories side by side, event by event.
	Compared []Compared
	// Known are the fingerprints of the lab's own programs, which are not unusual: shapes of the stories of solution,
	// starter and broken variants, and hashes of what students get.
	Known []string
	// Page returns where the page of a student is, relative to the gradebook; nil or an empty text: there is none.
	Page func(g *grade.Grade) string
}

// Story is a picture of what a run did.
type Story struct {
	Title, Caption string
	SVG            string // as internal/report/svg writes it
}

// Compared is what happened in a run beside what should have.
type Compared struct {
	Title, Caption string
	*story.Comparison
}

// Bounds of what is shown; the JSON has everything.
const (
	maxPicture  = 4 << 20
	maxPictures = 20
	maxCells    = 120_000 // of the table
	maxName     = 200     // bytes of a name
	maxLine     = 600     // bytes of a sentence
	maxLines    = 20      // sentences of a check
	maxBuild    = 40      // lines of the compiler
	maxDetails  = 8 << 20 // bytes of what is said of all students
)

//go:embed assets
var assets embed.FS

// Write writes the gradebook of a class. It is for the lecturer: hidden checks are in it.
func Write(w io.Writer, b *grade.Book, o Options) error {
	if err := b.Valid(); err != nil {
		return fmt.Errorf("write gradebook: %w", err)
	}
	if err := write(w, "class.html", asset("class.js"), newClass(b, &o), false); err != nil {
		return fmt.Errorf("write gradebook: %w", err)
	}
	return nil
}

// WritePage writes the page of a student.
func WritePage(w io.Writer, g *grade.Grade, o Options) error {
	if err := g.Valid(); err != nil {
		return fmt.Errorf("write the page of %.80q: %w", g.Student, err)
	}
	if err := write(w, "student.html", "", newStudent(g, &o), len(o.Stories) > 0); err != nil {
		return fmt.Errorf("write the page of %.80q: %w", g.Student, err)
	}
	return nil
}

// file is what a template is filled with.
type file struct {
	Policy string
	Style  template.CSS
	Script template.JS
	Data   any
}

// write writes a whole file or, if a template fails, nothing.
func write(w io.Writer, name, script string, data any, pictures bool) error {
	all, err := templates()
	if err != nil {
		return err
	}
	style := svg.Variables() + asset("style.css")
	var b bytes.Buffer
	err = all.ExecuteTemplate(&b, name, file{
		Policy: csp.Policy(csp.File{Style: style, Script: script, Pictures: pictures}),
		Style:  template.CSS(style), Script: template.JS(script), Data: data,
	})
	if err == nil {
		_, err = b.WriteTo(w)
	}
	return err
}

var templates = sync.OnceValues(func() (*template.Template, error) {
	return template.ParseFS(assets, "assets/*.html")
})

func asset(name string) string {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it was embedded when this was compiled
	}
	return string(b)
}

// picture is a story's picture as data. A browser runs no code in a picture and loads nothing for it, whatever is in
// it, and the styles of two pictures do not meet.
func picture(s string) template.URL {
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(s)))
}
