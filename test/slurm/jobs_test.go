// SPDX-License-Identifier: MIT

package slurm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// grader stands for kmodlab in tests of the jobs. It notes what it is asked; in the part that the file "ends" names it
// ends with the status that stands there.
const grader = `#!/bin/sh
[ "$1" != kernel ] || { echo "$*" >>"$NOTES/fetched"; exit; }
part=${SLURM_ARRAY_TASK_ID:-all}
printf '%s\n' "$@" >"$NOTES/part-$part"
while [ "$1" != -o ]; do shift; done
mkdir -p "$2"
ls "$2" >"$NOTES/before-$part"
echo "$part" >"$2/grade-$part"
[ ! -e "$NOTES/ends-$SLURM_ARRAY_TASK_ID" ] || exit "$(cat "$NOTES/ends-$SLURM_ARRAY_TASK_ID")"
`

// TestJobs: the parts are put together if all have ended well, also if some of the submissions have no grade. Names
// with blanks and quotes are no trouble.
func TestJobs(t *testing.T) {
	count(t)
	c := startCluster(t, "node1", "node2")
	script, err := filepath.Abs("../../labs/slurm/grade-class.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ends   map[int]int
		merged bool
	}{
		"all well":           {nil, true},
		"some without grade": {map[int]int{2: 3}, true},
		"a part failed":      {map[int]int{3: 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "it's a class")
			notes := filepath.Join(dir, "notes")
			for _, folder := range []string{notes, filepath.Join(dir, "lab"), filepath.Join(dir, "in", "Ada L")} {
				if err := os.MkdirAll(folder, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			program := filepath.Join(dir, "grader")
			if err := os.WriteFile(program, []byte(grader), 0o700); err != nil {
				t.Fatal(err)
			}
			for part, status := range tt.ends {
				file := filepath.Join(notes, fmt.Sprintf("ends-%d", part))
				if err := os.WriteFile(file, fmt.Append(nil, status), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := c.command(script, filepath.Join(dir, "lab"), filepath.Join(dir, "in"), filepath.Join(dir, "out"),
				"--cpus-per-task=1")
			cmd.Env = append(cmd.Env, "KMODLAB="+program, "TASKS=4", "KERNEL=debian:trixie", "NOTES="+notes)
			jobs := strings.Fields(c.mustRun(cmd))
			c.wait(jobs[1])
			out := filepath.Join(dir, "out")
			if got := read(t, filepath.Join(notes, "fetched")); got != "kernel fetch debian:trixie\n" {
				t.Errorf("before: %q", got)
			}
			want := strings.Join([]string{"grade", filepath.Join(dir, "lab"), filepath.Join(dir, "in", "Ada L"), "--kernel",
				"debian:trixie", "-j", "1", "-o", filepath.Join(out, "parts", "4-of-4")}, "\n") + "\n"
			if got := read(t, filepath.Join(notes, "part-4")); got != want {
				t.Errorf("part 4 of 4: %q, want %q", got, want)
			}
			if !tt.merged {
				if _, err := os.Stat(filepath.Join(notes, "part-all")); err == nil {
					t.Errorf("the parts were put together; the job is %s", c.field(jobs[1], "JobState"))
				}
				return
			}
			want = strings.Replace(want, filepath.Join(out, "parts", "4-of-4"), out, 1)
			if got := read(t, filepath.Join(notes, "part-all")); got != want {
				t.Errorf("at the end: %q, want %q", got, want)
			}
			there := read(t, filepath.Join(notes, "before-all"))
			for part := range 4 {
				if name := fmt.Sprintf("grade-%d\n", part+1); !strings.Contains(there, name) {
					t.Errorf("before the end there was %q, without %s", there, name)
				}
			}
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
