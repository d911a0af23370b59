// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/result"
)

// stuckCase is a module that hangs or spins.
type stuckCase struct {
	name string
	want result.Class
	spec kmodlab.Spec
}

// TestStuck runs each module of modules/truth and modules/faults that hangs or spins many times, with the limits that a
// run has without flags, and compares what it is told: the same sentence each time, within stuckWithin.
// KMODLAB_STUCK_DIRS names folders to run as well. Start it with: make test-stuck COUNT=20
func TestStuck(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("KMODLAB_STUCK"))
	if err != nil {
		t.Skip("SKIPPED: KMODLAB_STUCK is not set: make test-stuck runs what hangs many times")
	}
	onKernels(t, "KMODLAB_STUCK", "KMODLAB_STUCK_KERNEL", func(t *testing.T, kernel string, _ bool) {
		testStuck(t, kernel, count)
	})
}

func stuckCases(t *testing.T, kernel string) (cases []stuckCase) {
	stuck := func(c result.Class) bool { return c == result.Hung || c == result.Lockup }
	for _, c := range readTruths(t, truthFiles) {
		applies := len(c.Only) == 0 || slices.Contains(c.Only, kernel)
		if want := c.on(kernel).Verdict; stuck(want) && applies && c.Within == 0 {
			cases = append(cases, stuckCase{c.name, want, c.spec(t, kernel)})
		}
	}
	for _, f := range readFaults(t) {
		if f = f.on(kernel); stuck(f.Verdict) {
			spec := kmodlab.Spec{Dir: f.dir, Load: f.Load, Params: f.Params, Machine: kmodlab.Machine{Kernel: kernel}}
			cases = append(cases, stuckCase{f.name, f.Verdict, spec})
		}
	}
	for _, dir := range strings.Fields(os.Getenv("KMODLAB_STUCK_DIRS")) {
		spec := kmodlab.Spec{Dir: dir, Machine: kmodlab.Machine{Kernel: kernel}}
		cases = append(cases, stuckCase{name: filepath.Base(dir), spec: spec})
	}
	return cases
}

// sentences counts what one case was told.
type sentences struct {
	runs, slow int
	most       float64 // seconds of the longest step
	said       map[string]int
}

// ids are the numbers in a sentence that differ from run to run: of tasks, of workers, of CPUs.
var ids = regexp.MustCompile(`\[\d+\]|kworker/[\w:+-]+|CPU \d+`)

func (s *sentences) add(want result.Class, res *result.Result) {
	s.runs++
	most := 0.0
	for _, cmd := range res.Commands {
		if cmd.Argv[0] != "make" {
			most = max(most, cmd.MS/1000)
		}
	}
	if s.most = max(s.most, most); most > stuckWithin {
		s.slow++
	}
	class := res.Verdict.Class
	if want != "" && class != want {
		class += " (not " + want + ")"
	}
	s.said[fmt.Sprintf("%s: %s", class, ids.ReplaceAllString(res.Verdict.Message, "#"))]++
}

func testStuck(t *testing.T, kernel string, count int) {
	cases := stuckCases(t, kernel)
	var specs []kmodlab.Spec
	var found []sentences
	for _, c := range cases {
		c.spec.Agent = testlab.Agent(t)
		specs = append(specs, slices.Repeat([]kmodlab.Spec{c.spec}, count)...)
		found = append(found, sentences{said: make(map[string]int)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Hour)
	defer cancel()
	var mu sync.Mutex
	err := kmodlab.RunAll(ctx, specs, 2, func(i int, c *kmodlab.Conclusion, err error) {
		mu.Lock()
		defer mu.Unlock()
		of := cases[i/count]
		if err != nil {
			t.Errorf("%s: %v", of.name, err)
			return
		}
		found[i/count].add(of.want, c.Result)
		if found[i/count].runs == count {
			t.Logf("%s: %d sentences, at most %.1f s", of.name, len(found[i/count].said), found[i/count].most)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	printStuck(t, kernel, cases, found)
}

// printStuck prints the table, and fails where a sentence differs, is wrong, or came late.
func printStuck(t *testing.T, kernel string, cases []stuckCase, found []sentences) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "case\truns\tlate\tlongest step\tsentences")
	for i, f := range found {
		name := cases[i].name
		for _, said := range slices.Sorted(maps.Keys(f.said)) {
			fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%d × %s\n", name, f.runs, f.slow, f.most, f.said[said], said)
			if strings.Contains(said, " (not ") {
				t.Errorf("%s: %s", name, said)
			}
		}
		if len(f.said) > 1 || f.slow > 0 {
			t.Errorf("%s: %d different sentences, %d of %d runs later than %d s", name, len(f.said), f.slow, f.runs, stuckWithin)
		}
	}
	w.Flush()
	t.Logf("%s:\n%s", kernel, table.String())
}
