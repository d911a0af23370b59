// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
)

// limited runs its arguments with an address space of 2 GiB, of which Go's runtime takes 1.2 before anything is read.
const limited = `ulimit -v 2097152; exec "$@"`

// TestGreedyRecordings: reports and comparisons of recordings that somebody made to take all memory end within bounds.
func TestGreedyRecordings(t *testing.T) {
	const took = 30 * time.Second
	program, dir := testlab.Kmodlab(t), t.TempDir()
	for name, data := range foreign.Greedy(t) {
		file := filepath.Join(dir, name+".kmlab")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"report", file, "-o", "x.html", "-o", "x.svg", "-o", "x.json", "-o", "x.txt", "-o", "x.md", "-o", "x.mmd",
				"-o", "x.junit.xml", "-o", "x.ktap", "-o", "x.pftrace", "-o", "x.kmlab"},
			{"diff", file, file},
		} {
			ctx, stop := context.WithTimeout(t.Context(), took)
			cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", limited, "sh", program}, args...)...)
			cmd.Dir = dir
			out, _ := cmd.CombinedOutput()
			stop()
			refused := bytes.HasPrefix(out, []byte("kmodlab: "))
			if n := cmd.ProcessState.ExitCode(); n != 0 && (n != 2 || !refused) || len(out) > 1<<20 {
				t.Errorf("%s %s: %v, and says %.300q", args[0], name, cmd.ProcessState, out)
			}
		}
	}
}
