// SPDX-License-Identifier: MIT

package perfetto

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

// TestPrograms asks Perfetto's own trace processor what it sees of a test, its child and their calls.
func TestPrograms(t *testing.T) {
	data, err := os.ReadFile("../testdata/real/hw.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.ReadJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	const tests = " from slice s join process_track t on s.track_id = t.id join process p on t.upid = p.upid " +
		"where p.name = 'tests' "
	got := foreign.Perfetto(t, trace(t, r),
		complaints,
		"select t.name as track, s.name as name, s.depth as depth"+tests+"order by s.ts, s.depth, s.name",
		"select o.name as source, i.name as target from flow f join slice o on f.slice_out = o.id "+
			"join slice i on f.slice_in = i.id where i.name in ('hw_test', 'SIGTERM delivered')",
		"select s.name as name, a.string_value as value from slice s join args a on s.arg_set_id = a.arg_set_id "+
			"where a.key = 'debug.error' order by s.ts")
	want := [][]string{
		nil,
		{"hw_test[114] hw_test: fail 0", "hw_test[114] executes /lab/hw_test 1", "hw_test[114] openat /dev/hw 1",
			"hw_test[114] pread64 /dev/hw 1", "hw_test[114] pread64 /dev/hw 1", "hw_test[114] pread64 /dev/hw 1",
			"hw_test[114] pread64 /dev/hw 1", "hw_test[114] ioctl /dev/hw 1", "hw_test[115] hw_test 0",
			"hw_test[114] forks hw_test[115] 1", "hw_test[115] ioctl /dev/hw 1", "hw_test[114] SIGTERM to hw_test[115] 1",
			"hw_test[115] SIGTERM delivered 0", "hw_test[115] killed by SIGTERM 0", "hw_test[114] ioctl /dev/hw 1",
			"hw_test[114] close /dev/hw 1"},
		{"forks hw_test[115] hw_test", "SIGTERM to hw_test[115] SIGTERM delivered"},
		{"ioctl /dev/hw ERESTARTSYS", "ioctl /dev/hw ENOTTY"},
	}
	for i, columns := range [][]string{nil, {"track", "name", "depth"}, {"source", "target"}, {"name", "value"}} {
		var lines []string
		for _, row := range got[i] {
			var cells []string
			for _, column := range columns {
				cells = append(cells, fmt.Sprint(row[column]))
			}
			lines = append(lines, strings.Join(cells, " "))
		}
		if a, b := strings.Join(lines, "\n"), strings.Join(want[i], "\n"); a != b {
			t.Errorf("query %d:\n%s\nwant\n%s", i, a, b)
		}
	}
}

// TestWakeups: an arrow leads from the program that wakes a thread to that thread.
func TestWakeups(t *testing.T) {
	data, err := os.ReadFile("../testdata/real/hw.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.ReadJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	test := r.Tests[0]
	r.Threads = append(r.Threads, result.Thread{Name: "K1", PID: 45, Stages: result.ThreadStages{Function: test.StartNS},
		Wakeups: []result.Wakeup{{By: result.Task{Comm: "hw_test", PID: test.PID, Site: "hw_ioctl+0x9 [hw]"},
			AtNS: *test.StartNS + 1000, Omitted: 4}}})
	got := foreign.Perfetto(t, trace(t, r), complaints,
		"select o.name as source, ot.name as track, i.name as target, it.name as thread from flow f "+
			"join slice o on f.slice_out = o.id join process_track ot on o.track_id = ot.id "+
			"join slice i on f.slice_in = i.id join process_track it on i.track_id = it.id where o.name = 'wakes K1[45]'")
	if len(got[0]) > 0 {
		t.Errorf("complaints: %v", got[0])
	}
	want := map[string]any{"source": "wakes K1[45]", "track": fmt.Sprintf("hw_test[%d]", test.PID),
		"target": "woken by a program", "thread": "K1[45]"}
	if len(got[1]) != 1 || fmt.Sprint(got[1][0]) != fmt.Sprint(want) {
		t.Errorf("flows %v, want %v", got[1], want)
	}
}
