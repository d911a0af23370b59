// SPDX-License-Identifier: MIT

package slurm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/folderwatch"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// count is how many submissions the class has; without it the test is left out.
func count(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("KMODLAB_TEST_SLURM"))
	if err != nil || n < 1 {
		t.Skip("NOT TESTED: make test-slurm grades a class on Slurm")
	}
	return n
}

const lab = "testdata/lab"

// TestClass grades a class on two nodes, each with a cache of its own and the kernels in common. One part is killed and
// requeued in the middle. The grades are what they must be, and all that is written is the same as from one process.
func TestClass(t *testing.T) {
	n := count(t)
	needs.VM(t)
	kernel := machine.Kernel(t, "debian:bookworm").Name
	c := startCluster(t, "node1", "node2")
	in, out, one := c.file("in"), c.file("out"), c.file("one")
	must := writeClass(t, in, n)
	cmd := c.command("../../labs/slurm/grade-class.sh", lab, in, out, "--cpus-per-task=1")
	cmd.Env = append(cmd.Env, "KMODLAB="+testlab.Kmodlab(t), "TASKS=6", "KERNEL="+kernel)
	jobs := strings.Fields(c.mustRun(cmd))
	c.requeue(jobs[0]+"_2", filepath.Join(out, "parts", "2-of-6"))
	c.wait(jobs[1])
	if got := c.field(jobs[1], "ExitCode"); got != "3:0" { // some of the class cannot be graded
		t.Errorf("the last job ended with %s\n%s", got, logs(t, out))
	}
	if got := c.field(jobs[0]+"_2", "Restarts"); got != "1" {
		t.Errorf("part 2 was requeued %s times", got)
	}
	for _, node := range []string{"node1", "node2"} {
		if !strings.Contains(logs(t, out), " on "+node+",") {
			t.Errorf("%s had nothing to do\n%s", node, logs(t, out))
		}
		if left := testlab.HalfMade(c.file("disk-" + node)); len(left) > 0 {
			t.Errorf("left on %s: %q", node, left)
		}
	}
	got := gradesIn(t, out)
	if diff := cmp.Diff(must, points(got)); diff != "" {
		t.Errorf("the grades (-must +are):\n%s", diff)
	}

	args := append([]string{"grade", lab, "--kernel", kernel, "-o", one, "-j", "2"}, submissions(t, in)...)
	cmd = exec.Command(testlab.Kmodlab(t), args...)
	said, err := cmd.CombinedOutput()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 3 {
		t.Fatalf("in one process: %v\n%s", err, said)
	}
	if diff := cmp.Diff(gradesIn(t, one), got); diff != "" {
		t.Errorf("grades (-one process +Slurm):\n%s", diff)
	}
	sameFiles(t, one, out)
	testlab.Eventually(t, "no process of a part lives on", func() bool { return len(testlab.ProcessesOf(out)) == 0 })
}

// requeue has Slurm kill a task when it has graded somebody and not yet all, and start it again.
func (c *cluster) requeue(task, part string) {
	c.t.Helper()
	w, err := folderwatch.Open(filepath.Dir(part), func(string) bool { return false })
	if err != nil {
		c.t.Fatal(err)
	}
	defer w.Close()
	for {
		found, err := filepath.Glob(filepath.Join(part, "*", "grade.json"))
		if err != nil {
			c.t.Fatal(err)
		}
		if len(found) > 0 {
			break
		}
		if err := w.Next(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
	c.must("scontrol", "requeue", task)
	testlab.Eventually(c.t, "the task is killed", func() bool { return c.field(task, "JobState") == "PENDING" })
	c.must("scontrol", "update", "JobId="+task, "StartTime=now") // else it waits for two minutes
}

// kinds are what students hand in, and the points for it; -1 is what cannot be graded.
var kinds = []struct {
	name   string
	points float64
}{
	{"solution", 4}, {"accepts", 1}, {"prints", 3}, {"solution", 4}, {"starter", 1}, {"does not build", 0},
	{"solution", 4}, {"empty", 0}, {"prints", 3}, {"solution", 4}, {"no archive", -1}, {"solution", 4},
}

// writeClass writes n submissions into a folder. It returns the points that each must have.
func writeClass(t *testing.T, dir string, n int) map[string]float64 {
	t.Helper()
	l, err := grading.Load(lab)
	if err != nil {
		t.Fatal(err)
	}
	starter, err := l.Starter(l.Help)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string][]byte{
		"solution": l.Solution()["count.c"].Data, "starter": starter["count.c"].Data,
		"does not build": []byte("int startup(void) { return 0 }\n"),
	}
	for _, b := range l.Broken {
		files, err := l.Variant(b.Name)
		if err != nil {
			t.Fatal(err)
		}
		texts[b.Name] = files["count.c"].Data
	}
	must := make(map[string]float64)
	for i := range n {
		kind, student := kinds[i%len(kinds)], fmt.Sprintf("student-%03d", i)
		name, text := filepath.Join(dir, student, "count.c"), texts[kind.name]
		switch kind.name {
		case "no archive":
			name = filepath.Join(dir, student+".zip")
		case "empty":
			name = filepath.Join(dir, student, "notes.txt")
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		must[student] = kind.points
	}
	return must
}

func submissions(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// gradesIn reads the gradebook of a class, without what differs from one time to the next.
func gradesIn(t *testing.T, dir string) []grade.Grade {
	t.Helper()
	var book struct {
		Grades []grade.Grade `json:"grades"`
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "gradebook.json"))), &book); err != nil {
		t.Fatal(err)
	}
	for i := range book.Grades {
		g := &book.Grades[i]
		g.Graded, g.Seconds = "", 0
		for j := range g.Checks {
			g.Checks[j].Story = numbers.ReplaceAllString(g.Checks[j].Story, "N") // times and pids
		}
	}
	return book.Grades
}

var numbers = regexp.MustCompile(`[0-9]+(?:\.[0-9]+)?(?: [mµ]?s\b)?`)

func points(grades []grade.Grade) map[string]float64 {
	list := make(map[string]float64)
	for _, g := range grades {
		list[g.Student] = g.Points
		if g.Fault != "" {
			list[g.Student] = -1
		}
	}
	return list
}

// sameFiles compares what there is for lecturers and students, and the table to the byte.
func sameFiles(t *testing.T, one, two string) {
	t.Helper()
	list := func(dir string) string {
		var names bytes.Buffer
		err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
			if name == "parts" {
				return fs.SkipDir
			}
			if !strings.HasPrefix(name, "merge-") { // the job's log
				fmt.Fprintln(&names, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names.String()
	}
	if diff := cmp.Diff(list(one), list(two)); diff != "" {
		t.Errorf("files (-one process +Slurm):\n%s", diff)
	}
	table := "grades.csv"
	if diff := cmp.Diff(read(t, filepath.Join(one, table)), read(t, filepath.Join(two, table))); diff != "" {
		t.Errorf("%s (-one process +Slurm):\n%s", table, diff)
	}
}

// logs are what the jobs have said.
func logs(t *testing.T, out string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"parts/*.log", "merge-*.log"} {
		found, err := filepath.Glob(filepath.Join(out, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			fmt.Fprintf(&all, "%s:\n%s", filepath.Base(file), read(t, file))
		}
	}
	return all.String()
}
