// SPDX-License-Identifier: MIT

package grading

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/handin"
)

// Work is a folder that lab start made, with what it remembers (package handin). Who checks it may be a lecturer, so no
// link in it leads anybody out of it.
type Work struct {
	dir   string
	Start *handin.Start
	State *handin.State
}

// OpenWork reads what a folder remembers. It returns nil for a folder that lab start has not made.
func OpenWork(dir string) (*Work, error) {
	data, err := beneath.ReadIn(dir, handin.Folder+"/"+handin.StartFile, handin.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	w := &Work{dir: dir, State: &handin.State{}}
	if err == nil {
		w.Start, err = handin.ReadStart(data)
	}
	if err != nil {
		return nil, workError(handin.StartFile, err)
	}
	data, err = beneath.ReadIn(dir, handin.Folder+"/"+handin.StateFile, handin.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err == nil {
		w.State, err = handin.ReadState(data)
	}
	if err != nil {
		return nil, workError(handin.StateFile, err)
	}
	return w, nil
}

func workError(name string, err error) error {
	return fmt.Errorf("read %s/%s: %w: remove the file, and the folder forgets the help that was asked for and the last check",
		handin.Folder, name, err)
}

// WriteWork notes in a new folder what a student got, and which further help there is.
func WriteWork(dir string, lab *course.Lab, level int, files map[string]course.File, help bool) error {
	s := &handin.Start{Lab: lab.Name, Level: level, Files: handin.Sums(Contents(files)), Steps: []handin.Step{}}
	if help {
		for _, h := range lab.Further(level) {
			s.Steps = append(s.Steps, handin.Step{File: h.File, Task: h.Task, Level: h.Level, Text: h.Text, Lines: h.Lines})
		}
	}
	data, err := s.JSON()
	if err != nil {
		return fmt.Errorf("write %s: %w", handin.StartFile, err)
	}
	return WriteBelow(dir, map[string][]byte{handin.Folder + "/" + handin.StartFile: data})
}

// Ask notes a request for help.
func (w *Work) Ask(a handin.Asked) error {
	a.At = time.Now().UTC().Format(time.RFC3339)
	w.State.Ask(a)
	return w.save(nil)
}

// Checked notes a check, and keeps its recordings.
func (w *Work) Checked(lab *course.Lab, end *Outcome) error {
	c := &handin.Checked{At: end.Grade.Graded, Points: end.Grade.Points, Max: end.Grade.Max,
		Kernel: strings.Join(end.Grade.Kernels, ", "), Files: handin.Sums(StudentFiles(lab))}
	for i := range end.Grade.Checks {
		c.Checks = append(c.Checks, handin.Status{ID: end.Grade.Checks[i].ID, Status: string(end.Grade.Checks[i].Status)})
	}
	w.State.Checked = c
	files := make(map[string][]byte)
	for scenario, r := range end.Recordings {
		var b strings.Builder
		if _, err := r.WriteTo(&b); err != nil {
			return fmt.Errorf("keep the recording of %s: %w", scenario, err)
		}
		files[handin.Folder+"/"+scenario+recordingEnding] = []byte(b.String())
	}
	return w.save(files)
}

const recordingEnding = ".kmlab"

func (w *Work) save(files map[string][]byte) error {
	data, err := w.State.JSON()
	if err != nil {
		return fmt.Errorf("write %s: %w", handin.StateFile, err)
	}
	all := map[string][]byte{handin.Folder + "/" + handin.StateFile: data}
	for name, data := range files {
		all[name] = data
	}
	return WriteBelow(w.dir, all)
}

// Recordings are those of the last check of a lab's scenarios, by the names of their files. They are for a person to
// look at, so one that is too large is left out.
func (w *Work) Recordings(lab *course.Lab) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, s := range lab.Scenarios {
		name := s.Name + recordingEnding
		data, err := beneath.ReadIn(w.dir, handin.Folder+"/"+name, maxRecording)
		var size *beneath.SizeError
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.As(err, &size):
		case err != nil:
			return nil, fmt.Errorf("read the recording of %s: %w", s.Name, err)
		default:
			files[name] = data
		}
	}
	return files, nil
}

// maxRecording keeps an archive within what a system for handing in takes.
const maxRecording = 4 << 20

// StudentFiles are the files of a student's folder that are handed in.
func StudentFiles(lab *course.Lab) map[string][]byte {
	files := make(map[string][]byte)
	for _, name := range lab.Student() {
		files[name] = lab.Sources[name].Data
	}
	return files
}

// WriteBelow writes files below a folder, each as a whole. Links there are followed as long as they stay in it.
func WriteBelow(dir string, files map[string][]byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for name, data := range files {
		if err := writeBelow(root, name, data); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

func writeBelow(root *os.Root, name string, data []byte) error {
	if folder, _, below := strings.Cut(name, "/"); below {
		if err := root.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	hidden := handin.Folder + "-" + rand.Text()
	f, err := root.OpenFile(hidden, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(hidden, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(hidden))
	}
	return nil
}
