// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/handin"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/submission"
)

// labSubmit is the flags of lab submit.
type labSubmit struct {
	dir, out, student string
}

func newLabSubmit() *cobra.Command {
	o := &labSubmit{}
	c := &cobra.Command{
		Use:   "submit [DIR]",
		Short: "pack what is handed in: your files, and what the last check recorded",
		Long: `Write an archive of the files that are yours to change, with the recordings of the last kmodlab lab
check and a manifest: the hashes of the files, what the check came to, and the help that you
asked for. kmodlab grade takes the archive. The same files make the same archive.

It is called after the student: --student, or the name that git knows (git config user.name).`,
		Example: `  kmodlab lab submit --student "Ann Lee"
  kmodlab lab submit work -o ann-lee.tar.gz`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.dir = "."
			if len(args) > 0 {
				o.dir = args[0]
			}
			return o.submit(c)
		},
	}
	c.Flags().StringVarP(&o.out, "output", "o", "", "write the archive to `FILE` (default: STUDENT.tar.gz)")
	c.Flags().StringVar(&o.student, "student", "", "your `NAME` (default: git config user.name)")
	return c
}

func (o *labSubmit) submit(c *cobra.Command) error {
	lab, err := loadLab(o.dir, c.ErrOrStderr())
	if err != nil {
		return err
	}
	work, err := grading.OpenWork(o.dir)
	if err != nil {
		return usageText("%v", err)
	}
	if work == nil {
		return usageText("%s was not made by kmodlab lab start: hand in the folder as it is, or an archive of it", o.dir)
	}
	if o.student == "" {
		o.student = studentOf(c.Context(), o.dir)
	}
	if strings.TrimSpace(o.student) == "" {
		return usageText("whose is it? name yourself with --student NAME, or once with git config --global user.name NAME")
	}
	files, left := grading.StudentFiles(lab), leftOut(lab, work)
	m := &handin.Manifest{Lab: work.Start.Lab, Title: lab.Title, Student: plain.Text(o.student), LeftOut: left.names,
		Checked: work.State.Checked, Asked: work.State.Asked}
	recordings, err := work.Recordings(lab)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := handin.Pack(&b, m, files, recordings); err != nil {
		return err
	}
	if o.out == "" {
		o.out = handin.FileName(o.student) + ".tar.gz"
	}
	if err := o.mayReplace(c.Context(), m); err != nil {
		return err
	}
	if err := atomicfile.Write(o.out, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", o.out, err)
	}
	o.tell(c.OutOrStdout(), m, left, files)
	return nil
}

// mayReplace refuses to replace what is no archive of the same lab.
func (o *labSubmit) mayReplace(ctx context.Context, m *handin.Manifest) error {
	if _, err := os.Lstat(o.out); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := submission.Open(ctx, o.out)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil || s.Manifest == nil || s.Manifest.Lab != m.Lab {
		return usageText("%s is there, and it is no archive of the lab %s: name another file with -o", o.out, m.Lab)
	}
	return nil
}

// leftFiles are the files that are not handed in.
type leftFiles struct {
	names, own, changed []string // all; those that the student made; those of the lab that the student changed
}

func leftOut(lab *course.Lab, work *grading.Work) leftFiles {
	l := leftFiles{names: []string{}}
	for _, name := range slices.Sorted(maps.Keys(lab.Sources)) {
		if slices.Contains(lab.Student(), name) {
			continue
		}
		l.names = append(l.names, name)
		switch sum, given := work.Start.Files[name]; {
		case !given:
			l.own = append(l.own, name)
		case sum != handin.Sum(lab.Sources[name].Data):
			l.changed = append(l.changed, name)
		}
	}
	return l
}

// tell says what is in the archive, and what a student should know before handing it in.
func (o *labSubmit) tell(w io.Writer, m *handin.Manifest, left leftFiles, files map[string][]byte) {
	fmt.Fprintf(w, "%s: %s of %s, by %s\n", plain.Text(o.out), strings.Join(slices.Sorted(maps.Keys(files)), ", "),
		plain.Text(m.Lab), m.Student)
	if len(left.own) > 0 {
		fmt.Fprintf(w, "left out, no part of the lab: %s\n", plain.Text(strings.Join(left.own, ", ")))
	}
	if len(left.changed) > 0 {
		fmt.Fprintf(w, "left out although you changed it, since the lab's own counts: %s\n",
			plain.Text(strings.Join(left.changed, ", ")))
	}
	if help := m.Help(); help != "" {
		fmt.Fprintf(w, "it says which help you asked for: %s\n", plain.Text(help))
	}
	switch k := m.Checked; {
	case k == nil:
		fmt.Fprintln(w, "it was never checked: kmodlab lab check says what it is worth")
	case !maps.Equal(k.Files, handin.Sums(files)):
		fmt.Fprintln(w, "it was changed after the last check: kmodlab lab check says what it is worth now")
	default:
		fmt.Fprintf(w, "the last check came to %s of %s points\n", grade.Format(k.Points), grade.Format(k.Max))
	}
}

// studentOf is the name that git knows for a folder, "" if there is none.
func studentOf(ctx context.Context, dir string) string {
	const limit = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "config", "user.name")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return plain.Text(strings.TrimSpace(string(out)))
}
