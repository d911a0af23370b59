// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab/agree"
	"github.com/kmodlab/kmodlab/result"
)

const verdictsFile = "testdata/verdicts.txt"

// TestRecordings judges real runs of modules/faults on 6.1, recorded once, and compares what the verdict says and where
// it points to. KMODLAB_UPDATE=1 writes the file anew: look at the difference.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("testdata/recordings/*.kmlab")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	var got strings.Builder
	for _, file := range files {
		name, res := strings.TrimSuffix(filepath.Base(file), ".kmlab"), Of(recorded(t, file))
		for _, contradiction := range agree.Contradictions(res) {
			t.Errorf("%s contradicts itself: %s", name, contradiction)
		}
		fmt.Fprintf(&got, "# %s\n%s\n", name, summary(res))
	}
	compare(t, verdictsFile, got.String())
}

// compare compares a file with what is the case now, and writes it with KMODLAB_UPDATE=1.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("KMODLAB_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// summary is what a person reads first of a result.
func summary(r *result.Result) string {
	var b strings.Builder
	v := r.Verdict
	fmt.Fprintf(&b, "%s: %s\n", v.Class, v.Message)
	if v.Hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", v.Hint)
	}
	for _, also := range v.Also {
		fmt.Fprintf(&b, "also %s: %s\n", also.Class, also.Message)
	}
	for i := range r.Crashes {
		if f := r.Crashes[i].GuiltyFrame(); f != nil {
			fmt.Fprintf(&b, "crash: %s at %s\n", f.Place(), f.Position())
		}
	}
	for _, s := range r.Stuck {
		fmt.Fprintf(&b, "stuck: %s, %s, %s, %s:%d\n", s.Comm, s.State, s.Site, s.File, s.Line)
	}
	for _, l := range r.Leaks {
		fmt.Fprintf(&b, "left: %s, %s, %s:%d\n", l.What, l.Site, l.File, l.Line)
	}
	for i, m := range r.Messages {
		if i == 12 {
			fmt.Fprintf(&b, "says: %d more\n", len(r.Messages)-i)
			break
		}
		fmt.Fprintf(&b, "says: %s%s: %s\n", speaker(&m), m.Level, m.Text)
	}
	threads, signals := 0, 0
	for _, t := range r.Threads {
		if !t.Background {
			threads++
		}
	}
	for _, s := range r.Signals {
		if !s.Background {
			signals++
		}
	}
	fmt.Fprintf(&b, "%d modules, %d threads, %d signals\n", len(r.Modules), threads, signals)
	return b.String()
}

// speaker is who printed a message, and when, if that is known.
func speaker(m *result.Message) string {
	who := ""
	if m.AtNS != nil {
		who = fmt.Sprintf("%.1f ms, ", float64(*m.AtNS)/1e6)
	}
	if m.Task != nil {
		who += m.Task.Comm + ", "
	}
	return who
}
