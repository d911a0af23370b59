// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// debugged runs the hello device with its test and gdb, which carries out commands where the machine first stops, and
// returns what gdb said.
func debugged(t *testing.T, spec kmodlab.Spec, breaks []string, commands ...string) (*result.Result, string) {
	t.Helper()
	return debuggedWith(t, spec, kmodlab.Debug{Break: breaks}, commands...)
}

func debuggedWith(
	t *testing.T, spec kmodlab.Spec, debug kmodlab.Debug, commands ...string,
) (*result.Result, string) {
	t.Helper()
	gdb := needs.Program(t, "gdb")
	var out bytes.Buffer
	spec.Dir, spec.Tests = "testdata/debug", []kmodlab.Test{{Program: "testdata/debug/read_hw.c"}}
	debug.Attach = func(ctx context.Context, d *kmodlab.DebugTarget) error {
		args := append(slices.Clone(d.Options), "-q", "-batch", "-x", d.Script)
		for _, c := range commands {
			args = append(args, "-ex", c)
		}
		cmd := exec.CommandContext(ctx, gdb, args...)
		cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{d.Conn}, &out, &out
		var status *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &status) {
			return err
		}
		return nil
	}
	spec.Debug = &debug
	res := runVM(t, spec)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("gdb said:\n%s", out.String())
		}
	})
	return res, out.String()
}

// inOrder wants these patterns in a text, one after the other.
func inOrder(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		at := regexp.MustCompile(p).FindStringIndex(text)
		if at == nil {
			t.Fatalf("no %s in what is left:\n%s", p, text)
		}
		text = text[at[1]:]
	}
}

func debugKernels() []string {
	if os.Getenv("KMODLAB_TEST_ALL") != "" {
		return []string{"debian:bullseye", "debian:bookworm", "debian:trixie", "debian:forky", "debian:trixie-backports"}
	}
	return []string{"debian:bookworm", "debian:trixie-backports"}
}

// TestDebug stops before init: gdb has the sources and the module's types, backtraces go through the kernel, and the
// run goes on to its verdict as if nobody had looked.
func TestDebug(t *testing.T) {
	needs.VM(t)
	for _, kernel := range debugKernels() {
		t.Run(kernel, func(t *testing.T) {
			machine.Kernel(t, kernel)
			spec := kmodlab.Spec{Machine: kmodlab.Machine{Kernel: kernel}, Witness: true}
			res, said := debugged(t, spec, nil,
				"bt", "info line", "list", "print reads", "print hw.name", "info address do_init_module",
				// A guest whose clock ran meanwhile would report a lockup.
				"shell sleep 3")
			inOrder(t, said,
				`hit Temporary breakpoint 2, hw_init \(\) at (\S*/)?hw\.c:\d+`,
				`#0 +hw_init \(\)`, `#1 .* do_one_initcall \(\)`, `#2 .* do_init_module \(\)`,
				`Line \d+ of "(\S*/)?hw\.c" starts at address`, `static int __init hw_init\(void\)`,
				`\$1 = 41`, `\$2 = .* "hw"`, `Symbol "do_init_module" is at 0xffffffff8`)
			wantUndisturbed(t, res)
		})
	}
}

// TestDebugBreak stops where a test calls the module, and where it is unloaded: at a function, a line, in the kernel.
func TestDebugBreak(t *testing.T) {
	needs.VM(t)
	for _, kernel := range debugKernels() {
		t.Run(kernel, func(t *testing.T) {
			machine.Kernel(t, kernel)
			spec := kmodlab.Spec{Machine: kmodlab.Machine{Kernel: kernel}, Witness: true}
			res, said := debugged(t, spec, []string{"hw_read", "hw.c:14", "hw_exit", "misc_deregister"},
				"bt", "print size", "print file->f_op == &hw_ops", "continue", "print reads", "continue", "bt", "continue")
			inOrder(t, said,
				`hit Breakpoint \d+, hw_read \(file=0x`, `#1 .* vfs_read \(\)`, `#\d .* do_syscall_64 \(\)`,
				`\$1 = 15`, `\$2 = 1`, `hit Breakpoint \d+, hw_read .*:14`, `\$3 = 42`,
				`hit Breakpoint \d+, hw_exit \(\)`, `#1 .*delete_module`, `hit Breakpoint \d+, .* in misc_deregister \(\)`)
			wantUndisturbed(t, res)
		})
	}
}

// TestDebugTypes has gdb read the kernel's debug package: make test-debug gets it.
func TestDebugTypes(t *testing.T) {
	vmlinux := os.Getenv("KMODLAB_VMLINUX")
	if vmlinux == "" {
		t.Skip("make test-debug runs it: it needs the kernel's debug package, in KMODLAB_VMLINUX")
	}
	needs.VM(t)
	machine.Kernel(t, "")
	spec := kmodlab.Spec{Machine: kmodlab.Machine{Kernel: "debian:bookworm"}}
	res, said := debuggedWith(t, spec, kmodlab.Debug{Break: []string{"hw_read"}, Vmlinux: vmlinux},
		"bt", "print init_task.comm")
	inOrder(t, said, `vfs_read \(file=.*fs/read_write\.c:\d+`, `entry_SYSCALL_64 \(\) at`, `\$1 = "swapper/0`)
	wantUndisturbed(t, res)
}

func wantUndisturbed(t *testing.T, res *result.Result) {
	t.Helper()
	if res.Verdict.Class != result.Pass || len(res.Tests) != 1 || res.Tests[0].Exit != 0 {
		t.Errorf("verdict %+v, tests %+v", res.Verdict, res.Tests)
	}
	if len(res.Crashes)+len(res.Unrelated)+len(res.Stuck) > 0 {
		t.Errorf("reports of a kernel that stood: %+v %+v %+v", res.Crashes, res.Unrelated, res.Stuck)
	}
	if !slices.ContainsFunc(res.Modules, func(m result.Module) bool { return m.Name == "hw" && m.Loaded && m.Unloaded }) {
		t.Errorf("modules: %+v", res.Modules)
	}
}

// TestDebugLeft: a debugger that fails, or that leaves at once, keeps no machine standing.
func TestDebugLeft(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	broken := errors.New("no debugger today")
	for name, test := range map[string]struct {
		err  error
		want result.Class
	}{"leaves": {nil, result.Pass}, "fails": {broken, result.Host}} {
		t.Run(name, func(t *testing.T) {
			spec := kmodlab.Spec{Dir: "testdata/debug", For: kmodlab.NoWait}
			spec.Debug = &kmodlab.Debug{Attach: func(_ context.Context, d *kmodlab.DebugTarget) error {
				if text, err := os.ReadFile(d.Script); err != nil || !strings.Contains(string(text), "target remote") {
					t.Errorf("the script is %q, %v", text, err)
				}
				return test.err
			}}
			if res := runVM(t, spec); res.Verdict.Class != test.want {
				t.Errorf("verdict %+v", res.Verdict)
			}
		})
	}
}

// TestDebugNowhere: a place that is nowhere is refused with the nearest one.
func TestDebugNowhere(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	res, _ := debugged(t, kmodlab.Spec{}, []string{"hw_reda"})
	if v := res.Verdict; v.Class != result.Preflight || !strings.Contains(v.Message, "no hw_reda to stop at") ||
		!strings.Contains(v.Hint, "did you mean hw_read?") {
		t.Errorf("verdict %+v", v)
	}
}
