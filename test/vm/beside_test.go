// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// beside runs programs beside the modules of a folder, in the order of their names.
func beside(t *testing.T, spec kmodlab.Spec, programs ...[2]string) *result.Result {
	t.Helper()
	dir := t.TempDir()
	for _, p := range programs {
		path := filepath.Join(dir, p[0])
		if err := os.WriteFile(path, []byte(p[1]), 0o755); err != nil {
			t.Fatal(err)
		}
		spec.Tests = append(spec.Tests, kmodlab.Test{Program: path})
	}
	if spec.Dir == "" {
		spec.Dir = "testdata/warm"
	}
	spec.Accel = kmodlab.TCG
	return runVM(t, spec)
}

// manyOrphans has 1,100 processes whose parents end before them.
const manyOrphans = `#!/usr/bin/perl
for (1 .. 1100) {
	my $child = fork // die "fork number $_: $!\n";
	if ($child == 0) {
		fork // exit 1;
		exit 0;
	}
	waitpid $child, 0;
	die "number $_ was not born\n" if $?;
}
`

// TestOrphans: dead orphans do not use up the processes that tests may have, neither in the test itself nor in the next
// one.
func TestOrphans(t *testing.T) {
	t.Parallel()
	res := beside(t, kmodlab.Spec{StepTimeout: time.Minute}, [2]string{"orphans.pl", manyOrphans},
		[2]string{"counts.sh", `#!/bin/sh
read now < /sys/fs/cgroup/tests/pids.current
[ $now = 1 ] || exit 7
/bin/true || exit 8
`})
	for _, test := range res.Tests {
		if test.Outcome != result.TestPass {
			t.Errorf("%s: %s, %s\n%s", test.Name, test.Outcome, test.Reason, test.Output)
		}
	}
}

// TestOwnChildren: while orphans end in masses, no status of a process that the agent has started is lost.
func TestOwnChildren(t *testing.T) {
	t.Parallel()
	k := machine.Kernel(t, "")
	g := machine.Start(t, boot.Options{Kernel: k, MemoryMiB: 1024, StateDir: machine.CacheDir(t), Accel: vm.TCG})
	run := func(line string) (ended wire.ExecResult, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		args := wire.ExecArgs{Argv: []string{"/bin/sh", "-c", line}}
		_, err = g.Stream(ctx, wire.OpExec, args, nil, &ended, func([]byte) {})
		return ended, err
	}
	const rounds = 60
	var all sync.WaitGroup
	for status := range 4 {
		line, want := fmt.Sprintf("(true & true & true &); exit %d", status), wire.ExecResult{Exit: status}
		if status == 3 {
			line, want = "(true &); kill -TERM $$", wire.ExecResult{Exit: 143, Signal: "SIGTERM"}
		}
		all.Go(func() {
			for range rounds {
				got, err := run(line)
				if err != nil || got.Exit != want.Exit || got.Signal != want.Signal || got.Stuck {
					t.Errorf("%s: %+v, %v", line, got, err)
					return
				}
			}
		})
	}
	all.Wait()
	zombies, err := run(`for try in $(seq 100); do
	found=
	for f in /proc/[0-9]*/stat; do
		read pid comm state rest < $f 2> /dev/null && [ "$state" = Z ] && found=$pid
	done
	[ "$found" ] || exit 0
	sleep 0.1 # the last one may just have ended
done
exit 9`)
	if err != nil || zombies.Exit != 0 {
		t.Errorf("looking for zombies: %+v, %v", zombies, err)
	}
}

// diesHere is a C program that dies of a signal, in the function that its first line is about.
const diesHere = `static __attribute__((noinline)) int poke(volatile int *at)
{
	return *at; /* line 3 */
}

int main(void)
{
	return poke((void *)8);
}
`

// TestFatalPlace: a test that dies of a signal is named with its place in the program, on each kernel.
func TestFatalPlace(t *testing.T) {
	for _, kernel := range testKernels(t) {
		t.Run(strings.ReplaceAll(kernel, ":", "-"), func(t *testing.T) {
			spec := kmodlab.Spec{Machine: kmodlab.Machine{Kernel: kernel}}
			res := beside(t, spec, [2]string{"dies.c", diesHere}, [2]string{"raises.sh", "#!/bin/sh\nkill -35 $$\n"})
			if len(res.Tests) != 2 {
				t.Fatalf("%d tests", len(res.Tests))
			}
			want := &result.Place{Object: "/lab/dies", Function: "poke", File: "dies.c", Line: 3, Address: 8}
			got := res.Tests[0].Place
			if got != nil {
				want.Offset = got.Offset
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if got, want := res.Tests[0].Reason, "it was killed by SIGSEGV in poke (dies.c:3)"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
			if got, want := res.Tests[1].Reason, "it was killed by SIG35"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
