// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// TestExamples runs the programs of examples/ as their comments say.
func TestExamples(t *testing.T) {
	needs.VM(t)
	signals, leak := absolute(t, "../../modules/signals"), absolute(t, "../../modules/faults/init_enodev")
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		want   []string // patterns of the output, in order
	}{
		{"run", []string{signals}, 0, []string{
			`K1 runs inc_func \[signal_handling\], asked for by modprobe: `, `K2 runs `, `pass: 2 modules loaded and unloaded`}},
		{"trace", []string{signals, "modprobe", "signal_handling", "period_ms=100"}, 0, []string{
			`ms  modprobe\[\d+\]`, `ms  K1\[\d+\]`, `pass: traced for \d`}},
		{"judge", []string{signals, leak}, 1, []string{`init_enodev +load +modprobe init_enodev: `}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			out, status := runExample(t, tt.name, dir, tt.args)
			if status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			rest := out
			for _, pattern := range tt.want {
				at := regexp.MustCompile(pattern).FindIndex(rest)
				if at == nil {
					t.Fatalf("no %s in:\n%s", pattern, out)
				}
				rest = rest[at[1]:]
			}
			if tt.name == "judge" {
				checkRecording(t, filepath.Join(dir, "signals.kmlab"))
				checkRecording(t, filepath.Join(dir, "init_enodev.kmlab"))
			}
		})
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func runExample(t *testing.T, name, dir string, args []string) (out []byte, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, testlab.Example(t, name), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "KMODLAB_AGENT="+testlab.Agent(t))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out, cmd.ProcessState.ExitCode()
}

func checkRecording(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := kmodlab.ReadRecording(f)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := rec.Result(); err != nil || res.Verdict.Class == "" {
		t.Errorf("%s: %v, %+v", name, err, res)
	}
}
