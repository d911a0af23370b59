// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade"
	gradeformats "github.com/kmodlab/kmodlab/internal/grade/formats"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// graded are the flags of grade.
type graded struct {
	grading.Options
	out, shard string
	formats    []string
	fill       filler
}

func newGrade() *cobra.Command {
	o := new(graded)
	c := &cobra.Command{
		Use:   "grade LAB SUBMISSION…",
		Short: "grade what students handed in, each in machines of its own",
		Long: `Grade folders, archives (.zip, .tar.gz and others) and bare git repositories. Of each, the lab's
own files replace all that students must not change. One that cannot be graded stops nobody:
its grade says why. Grades are kept in the folder -o as they are made, so an interrupted class
goes on where it was, and what has not changed is not graded again. The exit status is 0 when
each submission has a grade, whatever it is, and 3 when one could not be graded.

Recordings (SCENARIO.kmlab, as --record keeps them in a student's folder) are graded without
running anything. kmodlab grade again does that for a whole class. --fill SHEET puts the points
into a copy of a sheet that Moodle or Canvas has exported; the copy is in the folder -o.`,
		Example: `  kmodlab grade labs/thread-life handed-in/* -o grades -j 4
  kmodlab grade labs/thread-life handed-in/* -o grades --shard 2/8
  kmodlab grade labs/thread-life . -o grades --format gradescope
  kmodlab grade labs/thread-life handed-in/* -o grades --fill exported.csv
  kmodlab grade labs/thread-life grades/*/*.kmlab -o again`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	kernelFlags(f, &o.Machine, &o.Tools)
	f.IntVarP(&o.Jobs, "jobs", "j", 0, "how many runs at a time (default: one per processor)")
	o.resultFlags(f)
	f.StringVar(&o.shard, "shard", "", "grade only a part of the submissions: `I/N` (default: $SLURM_ARRAY_TASK_ID of\n$SLURM_ARRAY_TASK_COUNT, if they are set)")
	f.BoolVar(&o.Record, "record", false, "keep a recording (.kmlab) of each run beside the grade")
	c.AddCommand(newGradeMerge(), newGradeAgain())
	return c
}

// resultFlags are about what is written.
func (o *graded) resultFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.out, "output", "o", "grades", "the `FOLDER` that the grades are kept in")
	f.StringArrayVar(&o.formats, "format", nil,
		"also write each student's `FORMAT` beside the grade: "+strings.Join(formatNames(), ", ")+"; can be given again")
	o.fill.flags(f)
}

func formatNames() []string {
	var names []string
	for _, t := range gradeformats.Targets() {
		if t.OfGrade() {
			names = append(names, t.Name)
		}
	}
	return names
}

func (o *graded) run(c *cobra.Command, args []string) error {
	shard, err := readShard(o.shard, os.Getenv)
	if err != nil {
		return err
	}
	k, err := o.class(c, args[0])
	if err != nil {
		return err
	}
	g, err := o.grader(k.lab)
	if err != nil {
		return err
	}
	if k.store, err = grading.OpenStore(o.out); err != nil {
		return err
	}
	say := gradeTeller(c.OutOrStdout(), c.ErrOrStderr())
	var grades []grade.Grade
	switch recordings := slices.DeleteFunc(slices.Clone(args[1:]), notRecording); {
	case len(recordings) == 0:
		grades, err = g.Class(c.Context(), args[1:], shard, k.store, say)
	case len(recordings) < len(args)-1:
		return usageText("%s is a recording, and others are not: grade them one kind after the other", recordings[0])
	default:
		grades, err = g.Recorded(c.Context(), recordings, k.store, say)
	}
	if err = bySubmission(err); err != nil {
		return err
	}
	return o.conclude(c, k, grades)
}

func notRecording(path string) bool { return !grading.IsRecording(path) }

// bySubmission makes errors about what was handed in errors of usage.
func bySubmission(err error) error {
	var twice *grading.TwiceError
	var recorded *grading.RecordedError
	if errors.As(err, &twice) || errors.As(err, &recorded) {
		return usageText("%v", err)
	}
	return err
}

// graderClass is a lab, and where the grades of its class are kept.
type graderClass struct {
	lab     *course.Lab
	store   *grading.Store
	targets []*gradeformats.Target
}

func (o *graded) class(c *cobra.Command, named string) (k graderClass, err error) {
	if k.targets, err = o.targets(); err != nil {
		return k, err
	}
	k.lab, err = loadLab(labFolder(named), c.ErrOrStderr())
	return k, err
}

func (o *graded) grader(lab *course.Lab) (*grading.Grader, error) {
	var err error
	if o.Machine.Kernel, err = labKernel(lab, o.Machine.Kernel); err != nil {
		return nil, err
	}
	return grading.New(lab, o.Options)
}

func (o *graded) targets() ([]*gradeformats.Target, error) {
	var list []*gradeformats.Target
	for _, name := range o.formats {
		t, err := gradeformats.Find(name)
		if err != nil || !t.OfGrade() {
			return nil, usageText("--format %s: there is no such format: choose one of %s", name,
				strings.Join(formatNames(), ", "))
		}
		list = append(list, t)
	}
	return list, nil
}

// gradeTeller says of each submission what it has, as soon as it is known.
func gradeTeller(out, errOut io.Writer) func(grading.Told) {
	var mu sync.Mutex
	return func(t grading.Told) {
		mu.Lock()
		defer mu.Unlock()
		what := fmt.Sprintf("%s of %s", grade.Format(t.Grade.Points), grade.Format(t.Grade.Max))
		if t.Grade.Fault != "" {
			what = "not graded: " + t.Grade.Fault
		}
		if t.Kept {
			what += " (graded before)"
		}
		width := len(strconv.Itoa(t.All))
		fmt.Fprintf(out, "%*d/%d  %-24s %s\n", width, t.N, t.All, plain.Text(t.Grade.Student), plain.Text(what))
		for _, note := range t.Notes {
			fmt.Fprintf(errOut, "kmodlab: %s: %s\n", plain.Text(t.Grade.Student), plain.Text(note))
		}
	}
}

// conclude writes what is for the whole class.
func (o *graded) conclude(c *cobra.Command, k graderClass, grades []grade.Grade) error {
	faults := 0
	for i := range grades {
		if grades[i].Fault != "" {
			faults++
		}
		if err := k.store.WriteFormats(&grades[i], k.targets, gradeformats.Env{Vars: envOf(k.targets)}); err != nil {
			return err
		}
	}
	if err := k.store.WriteClass(c.Context(), k.lab); err != nil {
		return err
	}
	submissions := "submissions"
	if len(grades) == 1 {
		submissions = "submission"
	}
	fmt.Fprintf(c.OutOrStdout(), "%d %s, %d without a grade; the class is in %s\n", len(grades), submissions, faults,
		plain.Text(filepath.Join(o.out, grading.ClassFile)))
	if err := o.fill.fill(c, o.out, k.lab, k.store); err != nil {
		return err
	}
	if faults > 0 {
		return exit(exitHost)
	}
	return nil
}

// envOf are the variables of the environment that formats ask for.
func envOf(targets []*gradeformats.Target) map[string]string {
	vars := make(map[string]string)
	for _, t := range targets {
		for _, name := range append(append([]string(nil), t.Needs...), t.Uses...) {
			if v, ok := os.LookupEnv(name); ok {
				vars[name] = v
			}
		}
	}
	return vars
}

// readShard reads I/N, or what Slurm says to the task of an array, which may count from another number than 1.
func readShard(text string, getenv func(string) string) (grading.Shard, error) {
	if text == "" {
		id, err := strconv.Atoi(getenv("SLURM_ARRAY_TASK_ID"))
		count, err2 := strconv.Atoi(getenv("SLURM_ARRAY_TASK_COUNT"))
		first, err3 := strconv.Atoi(getenv("SLURM_ARRAY_TASK_MIN"))
		if err != nil || err2 != nil || err3 != nil {
			return grading.Shard{}, nil
		}
		return checkShard(id-first+1, count, "SLURM_ARRAY_TASK_ID")
	}
	i, n, _ := strings.Cut(text, "/")
	at, err := strconv.Atoi(i)
	of, err2 := strconv.Atoi(n)
	if err != nil || err2 != nil {
		return grading.Shard{}, usageText("--shard %s: write it as 2/8", text)
	}
	return checkShard(at, of, "--shard")
}

func checkShard(i, n int, what string) (grading.Shard, error) {
	if n < 1 || i < 1 || i > n {
		return grading.Shard{}, usageText("%s: %d of %d is no part: it goes from 1/%d to %d/%d", what, i, n, n, n, n)
	}
	return grading.Shard{I: i, N: n}, nil
}
