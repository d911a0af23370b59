// SPDX-License-Identifier: MIT

package gradescope

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// What the smallest of Gradescope's containers has, and how long it lives.
const (
	memory   = 768 << 20
	lifetime = 10 * time.Minute
)

const lab = "../../labs/thread-life"

// results are the fields of Gradescope's autograder specification, as docs/grading-formats.md says that we write them.
type results struct {
	Score            *float64 `json:"score"`
	ExecutionTime    float64  `json:"execution_time"`
	Output           string   `json:"output"`
	OutputFormat     string   `json:"output_format"`
	TestOutputFormat string   `json:"test_output_format"`
	TestNameFormat   string   `json:"test_name_format"`
	Visibility       string   `json:"visibility"`
	StdoutVisibility string   `json:"stdout_visibility"`
	Tests            []struct {
		Name         string   `json:"name"`
		NameFormat   string   `json:"name_format"`
		Score        *float64 `json:"score"`
		MaxScore     *float64 `json:"max_score"`
		Status       string   `json:"status"`
		Output       string   `json:"output"`
		OutputFormat string   `json:"output_format"`
		Visibility   string   `json:"visibility"`
	} `json:"tests"`
}

// TestGradescope makes an image as Gradescope does, and grades submissions in containers of it: within its memory, in
// its time, without KVM, and without the sandbox, so that sources are built in a machine.
func TestGradescope(t *testing.T) {
	if os.Getenv("KMODLAB_TEST_GRADESCOPE") == "" {
		t.Skip("NOT TESTED: make test-gradescope grades in a container such as Gradescope's")
	}
	needs.VM(t)
	c := makeContainer(t)
	source := filepath.Join(c.root, "autograder", "source")
	if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
		t.Fatal(err)
	}
	pack := exec.Command("../../labs/gradescope/pack.sh", lab, source)
	pack.Env = append(os.Environ(), "KMODLAB="+testlab.Kmodlab(t))
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made := c.run("exec /autograder/source/setup.sh", "")
	testlab.Row("setup.sh", "%.0f s", made.time.Seconds())

	l, err := grading.Load(lab)
	if err != nil {
		t.Fatal(err)
	}
	broken, err := l.Variant("no-stop")
	if err != nil {
		t.Fatal(err)
	}
	best := 0.0
	for _, check := range l.Checks {
		best += float64(check.Points)
	}
	for _, tt := range []struct {
		name  string
		files map[string]course.File
		full  bool
	}{{"solution", l.Solution(), true}, {"broken/no-stop", broken, false}} {
		t.Run(tt.name, func(t *testing.T) {
			r := c.grade(t, tt.files)
			if len(r.Tests) != len(l.Checks) {
				t.Errorf("%d tests, the lab has %d checks", len(r.Tests), len(l.Checks))
			}
			if (*r.Score == best) != tt.full || *r.Score <= 0 {
				t.Errorf("score %v of %v: %+v", *r.Score, best, r.Tests)
			}
		})
	}
}

// grade runs the autograder on a submission in a container that has the image's files, and reads what it has written.
func (c *container) grade(t *testing.T, files map[string]course.File) results {
	t.Helper()
	place := filepath.Join(c.root, "autograder")
	for _, name := range []string{"submission", "results", "grades"} { // each container is a new one
		if err := os.RemoveAll(filepath.Join(place, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := grading.WriteFiles(filepath.Join(place, "submission"), files); err != nil {
		t.Fatal(err)
	}
	group, killed := limit(t, memory)
	took := c.run("exec /autograder/source/run_autograder", group)
	testlab.Row("run_autograder", "%.0f s of %.0f s, the largest process has %d MiB", took.time.Seconds(),
		lifetime.Seconds(), took.largest>>20)
	if took.time > lifetime {
		t.Errorf("Gradescope kills it after %v", lifetime)
	}
	if n := killed(); n != "0" {
		t.Errorf("%s processes were killed, %d MiB are not enough", n, memory>>20)
	}
	data, err := os.ReadFile(filepath.Join(place, "results", "results.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, took.said)
	}
	return read(t, data)
}

// read reads results.json as strictly as Gradescope's specification has it.
func read(t *testing.T, data []byte) results {
	t.Helper()
	var r results
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.Score == nil || r.Visibility != "visible" || r.StdoutVisibility != "hidden" || r.ExecutionTime <= 0 {
		t.Fatalf("the whole: %s", data)
	}
	sum := 0.0
	for _, test := range r.Tests {
		if test.Score == nil || test.MaxScore == nil || *test.Score > *test.MaxScore || test.Name == "" ||
			test.Status != "passed" && test.Status != "failed" ||
			!slices.Contains([]string{"visible", "hidden", "after_due_date"}, test.Visibility) {
			t.Fatalf("test %+v", test)
		}
		if strings.Trim(r.OutputFormat+r.TestOutputFormat+r.TestNameFormat+test.NameFormat+test.OutputFormat, "tex") != "" {
			t.Errorf("a text of a student is not shown as plain text: %s", data)
		}
		sum += *test.Score
	}
	if sum != *r.Score {
		t.Errorf("the score is %v, the sum %v", *r.Score, sum)
	}
	return r
}
