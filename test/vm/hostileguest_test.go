// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// maxHostMiB is the most memory that a lying guest may make the host hold. It is far above what a run needs, and far
// below what the guest sends.
const maxHostMiB = 800

// TestHostileGuest runs guests that send garbage, lengths of 4 GB, data without end, or nothing. The run must end by
// itself, with a verdict about the guest. It must hold little memory and leave no process behind. make test runs only
// the guests that end at once.
func TestHostileGuest(t *testing.T) {
	needs.VM(t)
	for _, tt := range []struct {
		mode  string
		quick bool
	}{
		{"garbage", true}, {"huge", false}, {"hello, garbage", true}, {"lies", true},
		{"silent", false}, {"notes", false}, {"endless", false},
	} {
		if !tt.quick && os.Getenv("KMODLAB_TEST_ALL") == "" {
			continue
		}
		t.Run(strings.ReplaceAll(tt.mode, ", ", "_"), func(t *testing.T) { testHostileGuest(t, tt.mode) })
	}
}

func testHostileGuest(t *testing.T, mode string) {
	agent := filepath.Join(t.TempDir(), "init")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X 'main.mode="+mode+"'",
		"-o", agent, "./testdata/hostileguest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the hostile guest: %v\n%s", err, out)
	}
	peak := watchMemory(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	res, err := kmodlab.Run(ctx, kmodlab.Spec{
		Dir:         "../../modules/signals",
		Load:        []string{"signal_handling"},
		Build:       kmodlab.BuildSandbox,
		StepTimeout: 2 * time.Second,
		For:         time.Second,
		Machine:     kmodlab.Machine{Accel: kmodlab.TCG},
		Tools:       kmodlab.Tools{Agent: agent},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", res.Verdict.Class, res.Verdict.Message)
	if ctx.Err() != nil {
		t.Error("the run did not end by itself")
	}
	if c := res.Verdict.Class; c != result.Lost && c != result.Timeout {
		t.Errorf("verdict %+v, want lost or timeout", res.Verdict)
	}
	if res.Verdict.Message == "" || res.Verdict.Hint == "" {
		t.Errorf("verdict %+v, want words and what to do next", res.Verdict)
	}
	if mib := peak() >> 20; mib > maxHostMiB {
		t.Errorf("the host held %d MiB, want at most %d", mib, maxHostMiB)
	}
	if left := testlab.Children(os.Getpid()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// watchMemory measures the Go heap while the test runs. The function that it returns ends the measurement, and returns
// by how much the heap grew at most.
func watchMemory(t *testing.T) func() uint64 {
	t.Helper()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	before := heap()
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		for {
			select {
			case <-stop:
				most <- peak
				return
			case <-time.After(20 * time.Millisecond):
				peak = max(peak, heap()-min(before, heap()))
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-most
	}
}
