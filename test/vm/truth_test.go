// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/result"
)

// truth is a file modules/truth/FOLDER/NAME.json: what strangers' modules do, and the verdict that is true of it.
// Unlike a fault it runs as a person would run it: with the limits that a run has without flags.
type truth struct {
	name, dir string

	Why     string        `json:"why"`  // what is right, and why
	Load    []string      `json:"load"` // as Spec.Load; in a folder with several files, the module of the file's name
	Params  []string      `json:"params"`
	For     string        `json:"for"`     // how long the modules run, as Go prints it
	Timeout string        `json:"timeout"` // of a step, before it is stretched
	Within  float64       `json:"within"`  // seconds that a load or an unload may take; stuckWithin for hung and lockup
	Only    []string      `json:"only"`    // the kernels to which it applies; all of them unless it says otherwise
	Want    truthWant     `json:"want"`
	On      map[string]on `json:"on"` // what is true on another kernel, by the kernel's name
}

// on is what is true on one kernel, and why it is not the same on all.
type on struct {
	Why string `json:"why"`
	truthWant
}

// truthWant is a true verdict. Parts that are empty are not compared.
type truthWant struct {
	Verdict  result.Class `json:"verdict"`
	Message  []string     `json:"message"` // parts of the message
	Hint     []string     `json:"hint"`    // parts of the hint
	Not      []string     `json:"not"`     // must be in neither, nor in what else applies
	Also     []string     `json:"also"`    // the classes of what else applies; nothing else may
	Function string       `json:"function"`
	Line     string       `json:"line"`
	// Says are parts of "module: task: level: text" that the messages have in this order, each in another message; SaysNot
	// are parts that none of them has.
	Says    []string `json:"says"`
	SaysNot []string `json:"says_not"`
}

// stuckWithin is how long a step of a hung or spinning module may take, in seconds.
const stuckWithin = 15

const truthFiles = "../../modules/truth/*/*.json"

// readTruths reads the files of that name.
func readTruths(t *testing.T, pattern string) []truth {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("found no %s: %v", pattern, err)
	}
	var truths []truth
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := truth{name: strings.TrimSuffix(filepath.Base(file), ".json"), dir: filepath.Dir(file)}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if c.Why == "" || c.Want.Verdict == "" {
			t.Fatalf("%s names no verdict, or no reason for it", file)
		}
		truths = append(truths, c)
	}
	for i := range truths {
		c := &truths[i]
		alone := !slices.ContainsFunc(truths, func(o truth) bool { return o.dir == c.dir && o.name != c.name })
		if len(c.Load) == 0 && !alone {
			c.Load = []string{c.name}
		}
	}
	return truths
}

// on returns what is true on a kernel.
func (c *truth) on(kernel string) truthWant {
	want := c.Want
	if o, ok := c.On[kernel]; ok {
		if o.Verdict != "" && o.Verdict != want.Verdict {
			return o.truthWant
		}
		want.Function, want.Line = cmp.Or(o.Function, want.Function), cmp.Or(o.Line, want.Line)
		for _, p := range []struct{ of, to *[]string }{
			{&o.Message, &want.Message}, {&o.Hint, &want.Hint}, {&o.Not, &want.Not}, {&o.Also, &want.Also},
			{&o.Says, &want.Says}, {&o.SaysNot, &want.SaysNot},
		} {
			if *p.of != nil {
				*p.to = *p.of
			}
		}
	}
	return want
}

// truthSample is what make test runs.
var truthSample = []string{"fake_report", "ok_timer"}

// TestTruth runs every module of modules/truth on two kernels if KMODLAB_TEST_TRUTH is set (make test-truth), else a
// sample on one. KMODLAB_TRUTH selects cases by a pattern of their names. With KMODLAB_WITNESS each guest is also
// looked at from outside, which must not change a verdict.
func TestTruth(t *testing.T) {
	onKernels(t, "KMODLAB_TEST_TRUTH", "KMODLAB_TRUTH_KERNEL", testTruth)
}

func testTruth(t *testing.T, kernel string, all bool) {
	table := newVerdicts()
	pattern := cmp.Or(os.Getenv("KMODLAB_TRUTH"), "*")
	for _, c := range readTruths(t, truthFiles) {
		if chosen, err := filepath.Match(pattern, c.name); err != nil {
			t.Fatal(err)
		} else if !chosen || !all && !slices.Contains(truthSample, c.name) {
			continue
		}
		if len(c.Only) > 0 && !slices.Contains(c.Only, kernel) {
			continue
		}
		want := c.on(kernel)
		table.run(t, c.name, want.Verdict, func(t *testing.T) result.Verdict {
			res := runVM(t, c.spec(t, kernel))
			want.compare(t, &c, res)
			return res.Verdict
		})
	}
	table.end(t, kernel)
}

func (c *truth) spec(t *testing.T, kernel string) kmodlab.Spec {
	t.Helper()
	spec := kmodlab.Spec{Dir: c.dir, Load: c.Load, Params: c.Params, Machine: kmodlab.Machine{Kernel: kernel}}
	spec.Witness = os.Getenv("KMODLAB_WITNESS") != ""
	for _, d := range []struct {
		text string
		to   *time.Duration
	}{{c.For, &spec.For}, {c.Timeout, &spec.StepTimeout}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.to, err = time.ParseDuration(d.text); err != nil {
			t.Fatal(err)
		}
	}
	return spec
}

// compare compares a run with what is true of it.
func (w truthWant) compare(t *testing.T, c *truth, res *result.Result) {
	t.Helper()
	v := res.Verdict
	if v.Class != w.Verdict {
		t.Errorf("verdict %s (%s), want %s: %s", v.Class, v.Message, w.Verdict, c.Why)
	}
	for _, part := range w.Message {
		if !strings.Contains(v.Message, part) {
			t.Errorf("the message %q lacks %q", v.Message, part)
		}
	}
	for _, part := range w.Hint {
		if !strings.Contains(v.Hint, part) {
			t.Errorf("the hint %q lacks %q", v.Hint, part)
		}
	}
	if v.Class != result.Pass && v.Hint == "" {
		t.Error("the verdict has no hint")
	}
	said := []string{v.Message, v.Hint}
	for _, a := range v.Also {
		said = append(said, a.Message)
		if !slices.Contains(w.Also, string(a.Class)) {
			t.Errorf("and also %s: %s", a.Class, a.Message)
		}
	}
	for _, part := range w.Not {
		if i := slices.IndexFunc(said, func(s string) bool { return strings.Contains(s, part) }); i >= 0 {
			t.Errorf("it says %q: %s", part, said[i])
		}
	}
	fault{name: c.name, Function: w.Function, Line: w.Line}.checkPlace(t, res)
	c.checkTime(t, w, res)
	w.checkSays(t, res)
}

// checkSays checks what the modules printed.
func (w truthWant) checkSays(t *testing.T, res *result.Result) {
	t.Helper()
	var said []string
	for _, m := range res.Messages {
		task := ""
		if m.Task != nil {
			task = m.Task.Comm
		}
		said = append(said, fmt.Sprintf("%s: %s: %s: %s", m.Module, task, m.Level, m.Text))
	}
	next := 0
	for _, part := range w.Says {
		i := slices.IndexFunc(said[next:], func(s string) bool { return strings.Contains(s, part) })
		if i < 0 {
			t.Errorf("no message has %q in its place; they are\n%s", part, strings.Join(said, "\n"))
			return
		}
		next += i + 1
	}
	for _, part := range w.SaysNot {
		if i := slices.IndexFunc(said, func(s string) bool { return strings.Contains(s, part) }); i >= 0 {
			t.Errorf("a message has %q: %s", part, said[i])
		}
	}
}

// checkTime checks that no step took longer than it may.
func (c *truth) checkTime(t *testing.T, w truthWant, res *result.Result) {
	t.Helper()
	within := c.Within
	if within == 0 && (w.Verdict == result.Hung || w.Verdict == result.Lockup) {
		within = stuckWithin
	}
	for _, cmd := range res.Commands {
		if within > 0 && cmd.Argv[0] != "make" && cmd.MS > within*1000 {
			t.Errorf("%s took %.1f s, more than %g", strings.Join(cmd.Argv, " "), cmd.MS/1000, within)
		}
	}
}
