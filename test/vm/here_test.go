// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// labMachine boots a VM whose root is the toolchain image. The machine has a real gcc, headers, kmod and depmod. /lab
// holds the programs and the demo's sources.
func labMachine(t *testing.T) *boot.Guest {
	t.Helper()
	files := []boot.File{
		{Name: "/lab/kmodlab", Mode: 0o755, Host: testlab.Kmodlab(t)},
		{Name: "/lab/kmodlab-agent", Mode: 0o755, Host: testlab.Agent(t)},
	}
	sources, err := filepath.Glob("../../modules/signals/*")
	if err != nil || len(sources) == 0 {
		t.Fatalf("found no sources: %v", err)
	}
	for _, s := range sources {
		files = append(files, boot.File{Name: "/lab/signals/" + filepath.Base(s), Mode: 0o644, Host: s})
	}
	return machine.Start(t, boot.Options{Kernel: machine.Kernel(t, ""), Files: files, Accel: vm.TCG, MemoryMiB: 1024})
}

// typed runs a command on the lab machine, as root would type it.
func typed(t *testing.T, g *boot.Guest, argv ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var out bytes.Buffer
	var ended wire.ExecResult
	args := wire.ExecArgs{Argv: argv, Dir: "/lab", TimeoutMS: (8 * time.Minute).Milliseconds()}
	if _, err := g.Stream(ctx, wire.OpExec, args, nil, &ended, func(b []byte) { out.Write(b) }); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out.Bytes())
	}
	t.Logf("# %s (exit %d)\n%s", strings.Join(argv, " "), ended.Exit, out.Bytes())
	return out.String(), ended.Exit
}

// TestHere checks --here, as the Vagrantfile uses it: the machine itself is the lab.
func TestHere(t *testing.T) {
	g := labMachine(t)
	if out, _ := typed(t, g, "/usr/sbin/modprobe", "--version"); !strings.HasPrefix(out, "kmod version") {
		t.Fatalf("the machine's modprobe is not kmod's: %q", out)
	}
	if _, exit := typed(t, g, "/lab/kmodlab", "run", "--here", "/lab/signals", "--load", "signal_handling",
		"--params", "signal_handling.period_ms=100", "--for", "4s", "--json", "/lab/out.json"); exit != 0 {
		t.Errorf("run --here ended with exit status %d, want 0", exit)
	}
	res := hereResult(t, g)
	if res.Verdict.Class != result.Pass {
		t.Errorf("verdict %+v, want pass", res.Verdict)
	}
	if res.Machine.Accel != "none" || res.Machine.Kernel != g.Hello.Release {
		t.Errorf("machine %+v, want this one itself", res.Machine)
	}
	threads, requests := foreground(res)
	if len(threads) != 2 || len(requests) != 1 {
		t.Fatalf("%d threads and %d requests, want K1, K2 and send_signal", len(threads), len(requests))
	}
	checkThread(t, threads[0], "K1", "inc_func [signal_handling]", "startup+", "cleanup+")
	// The kernel called the machine's own modprobe, which is kmod's.
	if h := requests[0].Helper; h == nil || h.Exit == nil || *h.Exit != 0 {
		t.Errorf("request %+v, want a modprobe that ended with 0", requests[0])
	}
	// The Vagrantfile runs the demo. Its build is in the cache by now.
	out, exit := typed(t, g, "/lab/kmodlab", "demo", "--here")
	if exit != 0 || !strings.Contains(out, "Module signal_handling is in use.") {
		t.Errorf("demo --here ended with exit status %d, want 0 and the refused modprobe -r", exit)
	}
	// The live trace of a command of the machine loads nothing.
	out, exit = typed(t, g, "/lab/kmodlab", "trace", "--here", "--signal", "usr1", "--",
		"/bin/sh", "-c", "sleep 60 & kill -USR1 $!; wait; true")
	if exit != 0 || !regexp.MustCompile(`sh\[\d+\] +sends SIGUSR1 to (sh|sleep)\[`).MatchString(out) ||
		!strings.Contains(out, "no self-test") || !strings.Contains(out, "pass: traced for") {
		t.Errorf("trace --here ended with exit status %d, want 0 and a signal that sh sent", exit)
	}
	// Nothing of ours is left on the machine.
	out, _ = typed(t, g, "/usr/bin/find", "/lib/modules/"+g.Hello.Release+"/extra", "/tmp", "-mindepth", "1")
	if strings.Contains(out, "signal") || strings.Contains(out, "kmodlab") {
		t.Errorf("left on the machine: %s", out)
	}
	if out, _ := typed(t, g, "/usr/bin/grep", "-c", "signal", "/proc/modules"); strings.TrimSpace(out) != "0" {
		t.Errorf("modules are left: %s", out)
	}
}

func hereResult(t *testing.T, g *boot.Guest) *result.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	data, err := boot.ReadFile(ctx, g.Client, "/lab/out.json", 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	res, err := report.ReadJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return res
}
