// SPDX-License-Identifier: MIT

package grading

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/assess"
	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade/book"
	"github.com/kmodlab/kmodlab/internal/report/svg"
	"github.com/kmodlab/kmodlab/internal/story"
	"github.com/kmodlab/kmodlab/result"
)

// WriteStories writes the stories of the solution's runs into the lab's folder, of the scenarios that students may see,
// and returns the names of the files. The story of another scenario would tell what is checked there.
func WriteStories(dir string, lab *course.Lab, runs assess.Runs) (names []string, err error) {
	for _, s := range lab.Scenarios {
		r := runs[s.Name]
		if r == nil || !lab.Shown(s.Name) {
			continue
		}
		data, err := story.Write(story.Of(r))
		if err != nil {
			return names, fmt.Errorf("scenario %s of lab %s: %w", s.Name, lab.Name, err)
		}
		name := course.StoryFile(s.Name)
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return names, fmt.Errorf("write story: %w", err)
		}
		if err := atomicfile.Write(path, data, 0o644); err != nil {
			return names, fmt.Errorf("write story: %w", err)
		}
		names = append(names, name)
	}
	return names, nil
}

// WriteKnown writes the fingerprints of the trials' stories into the lab's folder. In the gradebook they are not
// unusual.
func WriteKnown(dir string, trials []Trial) error {
	var b bytes.Buffer
	fmt.Fprintln(&b, "# The stories of the lab's own programs, as kmodlab lab verify --stories saw them.")
	for _, t := range trials {
		if t.Grade.Shape != "" {
			fmt.Fprintln(&b, t.Grade.Shape, t.Kernel, t.Name)
		}
	}
	if err := atomicfile.Write(filepath.Join(dir, filepath.FromSlash(course.KnownFile)), b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write fingerprints: %w", err)
	}
	return nil
}

// pageOf is what a student's page has of the runs: pictures of the stories and the right ones, and both side by side.
// Of a scenario that students must not see it has nothing, and without a right story it has theirs alone.
func pageOf(lab *course.Lab, runs assess.Runs) (book.Options, error) {
	var o book.Options
	for _, s := range lab.Scenarios {
		r := runs[s.Name]
		if r == nil || !lab.Shown(s.Name) || len(r.Modules)+len(r.Threads) == 0 {
			continue // it has no story
		}
		if err := addPicture(&o, s.Name+": your story", r); err != nil {
			return o, err
		}
		data := lab.Stories[s.Name]
		if data == nil {
			continue
		}
		right, err := story.Read(data)
		if err != nil {
			return o, fmt.Errorf("%s: %w", course.StoryFile(s.Name), err)
		}
		if err := addPicture(&o, s.Name+": the right story", right); err != nil {
			return o, err
		}
		o.Compared = append(o.Compared, book.Compared{Title: s.Name + ": both stories, event by event",
			Caption:    "The right story was recorded on Linux " + right.Machine.Kernel + ". Times differ from run to run.",
			Comparison: story.Compare(r, right)})
	}
	return o, nil
}

// WritePage writes a student's page with both stories to a file.
func WritePage(path string, lab *course.Lab, end *Outcome) error {
	o, err := pageOf(lab, end.Runs)
	if err == nil {
		err = writeFile(path, func(w io.Writer) error { return book.WritePage(w, end.Grade, o) })
	}
	if err != nil {
		return fmt.Errorf("write the page %s: %w", path, err)
	}
	return nil
}

func addPicture(o *book.Options, title string, r *result.Result) error {
	var b bytes.Buffer
	if err := svg.SVG(&b, r); err != nil {
		return err
	}
	o.Stories = append(o.Stories, book.Story{Title: title, SVG: b.String()})
	return nil
}
