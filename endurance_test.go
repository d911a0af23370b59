// SPDX-License-Identifier: MIT

package kmodlab_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/result"
)

// TestEndurance runs one random fault after another, as a person would, and wants
// not one process, socket or file to be left of any: make test-endurance COUNT=200
// SEED=1. Which fault comes when follows from the seed.
func TestEndurance(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("KMODLAB_ENDURANCE"))
	if err != nil || count < 1 {
		t.Skip("SKIPPED: KMODLAB_ENDURANCE is not set: make test-endurance runs random faults in a row")
	}
	needVM(t)
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

// endurance is a home for runs: a cache of their own, so that what they leave there
// shows, and a folder for temporary files.
type endurance struct {
	work, cache, tmp string
	kernel           string
}

func newEndurance(t *testing.T) *endurance {
	t.Helper()
	shared, err := fetchKernel()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	e := &endurance{work: work, cache: filepath.Join(work, "cache", "kmodlab"), tmp: filepath.Join(work, "tmp"), kernel: os.Getenv("KMODLAB_FAULT_KERNEL")}
	for _, dir := range []string{e.cache, e.tmp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(shared, "kernels"), filepath.Join(e.cache, "kernels")); err != nil {
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
	cmd := exec.CommandContext(ctx, kmodlabBin, args...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Dir(e.cache), "TMPDIR="+e.tmp, "WORK="+e.work)
	said, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &failed) {
		t.Fatalf("kmodlab %s: %v\n%.4000s", strings.Join(args, " "), err, said)
	}
	res := readResult(t, out)
	if cmd.ProcessState.ExitCode() != res.Verdict.Class.ExitStatus() {
		t.Errorf("%s: exit status %d with the verdict %s", f.name, cmd.ProcessState.ExitCode(), res.Verdict.Class)
	}
	return res.Verdict.Class, res.Verdict.Message
}

// left tells what is left of the runs so far. A process that was killed takes a
// moment to be gone.
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
	left := leftProcesses(e.work)
	filepath.WalkDir(e.work, func(path string, d fs.DirEntry, err error) error {
		switch name := strings.TrimPrefix(path, e.work+"/"); {
		case err != nil:
			left = append(left, err.Error())
		case d.Type()&fs.ModeSocket != 0:
			left = append(left, "socket "+name)
		case strings.HasPrefix(name, "tmp/"):
			left = append(left, "temporary file "+name)
		case filepath.Dir(path) == e.work && name != "tmp" && name != "cache" && path != e.work:
			left = append(left, fmt.Sprintf("file %s", name))
		}
		return nil
	})
	return append(left, halfMade(e.cache)...)
}
