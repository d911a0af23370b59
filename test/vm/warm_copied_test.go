// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/kmodlab/kmodlab/internal/cachedir"
	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// TestCopiedCache: hosts that share the kernels work in caches of their own. One whose cache is a copy of another's
// restores the machine that was saved there, from files with other inodes and times. One with another processor, or
// with the same at another frequency, makes its own.
func TestCopiedCache(t *testing.T) {
	needs.VM(t)
	cache, store := machines(t)
	first := runVM(t, warmSpec(cache))
	if !first.Machine.Warm {
		t.Fatal("no machine was saved")
	}
	image := onlyImage(t, store)
	second := filepath.Join(t.TempDir(), "copy")
	copied := copyMachines(t, store, second)
	if got := onlyImage(t, copied); got.Key != image.Key || got.Bytes == image.Bytes {
		t.Fatalf("the copy %+v has the holes of %+v", got, image)
	}
	out := filepath.Join(t.TempDir(), "result.json")
	command := testlab.Kmodlab(t) + ` run testdata/warm --accel tcg --for 1ms --json ` + out
	run := func(how string) *result.Result {
		t.Helper()
		cmd := exec.Command("unshare", "--mount", "sh", "-c", how+"exec "+command)
		if how == "" {
			cmd = exec.Command("sh", "-c", "exec "+command)
		}
		cmd.Env = append(os.Environ(), cachedir.Variable+"="+second)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return machine.ReadResult(t, out)
	}
	if res := run(""); !res.Machine.Warm || saved(res) || res.Verdict.Class != result.Pass {
		t.Errorf("in the copied cache: %+v on %+v", res.Verdict, res.Machine)
	}
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can show a run another processor")
	}
	needs.Program(t, "unshare")
	for i, edit := range []struct{ old, new string }{
		{`(?m)^(model name\s*: ).*$`, `${1}Another`}, {`(?m)^(bogomips\s*: ).*$`, `${1}9001.00`},
	} {
		if res := run(otherProcessor(t, edit.old, edit.new)); !saved(res) || res.Verdict.Class != result.Pass {
			t.Errorf("with %s: %+v on %+v", edit.new, res.Verdict, res.Machine)
		}
		if list, err := copied.Images(); err != nil || len(list) != i+2 {
			t.Errorf("with %s: %d machines, %v", edit.new, len(list), err)
		}
	}
	if res := run(""); !res.Machine.Warm || saved(res) || res.Verdict.Class != result.Pass {
		t.Errorf("with its own processor again: %+v on %+v", res.Verdict, res.Machine)
	}
}

// copyMachines copies a store's images into another cache, without their holes and without what is remembered of them.
func copyMachines(t *testing.T, from snapshot.Store, cache string) snapshot.Store {
	t.Helper()
	to := snapshot.Store{Dir: filepath.Join(cache, filepath.Base(from.Dir))}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to.Dir, os.DirFS(from.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(to.Dir, "sums.json")); err != nil {
		t.Fatal(err)
	}
	return to
}

// saved says whether a run has taken a snapshot.
func saved(r *result.Result) bool {
	for _, p := range r.Phases {
		if p.Name == "save" {
			return true
		}
	}
	return false
}

// otherProcessor is a line of a script that changes what the kernel says of its processors.
func otherProcessor(t *testing.T, old, with string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cpuinfo")
	if err := os.WriteFile(file, regexp.MustCompile(old).ReplaceAll(text, []byte(with)), 0o600); err != nil {
		t.Fatal(err)
	}
	return "mount --bind " + file + " /proc/cpuinfo; "
}
