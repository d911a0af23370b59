// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// TestEndurance runs one random fault after another, as a person would. No run may leave a process, a socket or a file
// behind. The seed determines the order of the faults. Start it with: make test-endurance COUNT=200 SEED=1
func TestEndurance(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("KMODLAB_ENDURANCE"))
	if err != nil || count < 1 {
		t.Skip("SKIPPED: KMODLAB_ENDURANCE is not set: make test-endurance runs random faults in a row")
	}
	needs.VM(t)
	seed, err := strconv.ParseUint(os.Getenv("KMODLAB_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("SEED=%d", seed)
	e := newEndurance(t)
	faults := readFaults(t)
	random := rand.New(rand.NewPCG(seed, 0))
	wrong := 0
	for i := range count {
		f := faults[random.IntN(len(faults))]
		start := time.Now()
		class, message := e.run(t, f)
		t.Logf("%d/%d %s: %s in %.0f s", i+1, count, f.name, class, time.Since(start).Seconds())
		if class != f.Verdict {
			wrong++
			t.Errorf("%s: verdict %s (%s), want %s", f.name, class, message, f.Verdict)
		}
		if left := e.left(); len(left) > 0 {
			t.Fatalf("run %d, %s, left behind:\n%s", i+1, f.name, strings.Join(left, "\n"))
		}
	}
	t.Logf("%d runs, %d wrong verdicts, nothing left behind", count, wrong)
}

// endurance is a home for runs. It has a cache of its own, so that what they leave there shows, and a folder for
// temporary files.
type endurance struct {
	work, cache, tmp string
	kernel           string
}

func newEndurance(t *testing.T) *endurance {
	t.Helper()
	machine.Kernel(t, "")
	work := t.TempDir()
	e := &endurance{
		work:   work,
		cache:  filepath.Join(work, "cache", "kmodlab"),
		tmp:    filepath.Join(work, "tmp"),
		kernel: os.Getenv("KMODLAB_FAULT_KERNEL"),
	}
	for _, dir := range []string{e.cache, e.tmp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(machine.CacheDir(t), "kernels"), filepath.Join(e.cache, "kernels")); err != nil {
		t.Fatal(err)
	}
	return e
}

// run runs one fault in a process of its own.
func (e *endurance) run(t *testing.T, f fault) (result.Class, string) {
	t.Helper()
	out := filepath.Join(e.work, "result.json")
	defer os.Remove(out)
	args := []string{"run", f.dir, "--load", strings.Join(f.Load, ","), "--timeout", "1s", "--json", out}
	if len(f.Params) > 0 {
		args = append(args, "--params", strings.Join(f.Params, " "))
	}
	if e.kernel != "" {
		args = append(args, "--kernel", e.kernel)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, testlab.Kmodlab(t), args...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Dir(e.cache), "TMPDIR="+e.tmp, "WORK="+e.work)
	said, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &failed) {
		t.Fatalf("kmodlab %s: %v\n%.4000s", strings.Join(args, " "), err, said)
	}
	res := machine.ReadResult(t, out)
	if cmd.ProcessState.ExitCode() != res.Verdict.Class.ExitStatus() {
		t.Errorf("%s: exit status %d with the verdict %s", f.name, cmd.ProcessState.ExitCode(), res.Verdict.Class)
	}
	return res.Verdict.Class, res.Verdict.Message
}

// left returns what the runs so far have left behind. It waits, because a killed process takes a moment to be gone.
func (e *endurance) left() []string {
	var left []string
	for limit := time.Now().Add(5 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if left = e.look(); len(left) == 0 {
			break
		}
	}
	return left
}

func (e *endurance) look() []string {
	left := append(testlab.LeftIn(e.work, e.tmp), testlab.HalfMade(e.cache)...)
	entries, err := os.ReadDir(e.work)
	if err != nil {
		left = append(left, err.Error())
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "tmp" && name != "cache" {
			left = append(left, "file "+name)
		}
	}
	return left
}
