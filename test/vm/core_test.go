// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/symfile"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// TestCore keeps the guest's memory of a run that passes, of one that oopses and of one whose kernel panics, when the
// machine is gone already: it is the memory of that kernel, at the addresses that its symbols have.
func TestCore(t *testing.T) {
	needs.VM(t)
	id := machine.Kernel(t, "").ID
	for name, test := range map[string]struct {
		dir  string
		want result.Class
		said string // in the kernel's log, which is in the memory
	}{
		"pass":  {"testdata/debug", result.Pass, "Linux version"},
		"oops":  {"../../modules/faults/null_init", result.Oops, "NULL pointer dereference"},
		"panic": {"../../modules/faults/panic_call", result.Panic, "Kernel panic"},
	} {
		t.Run(name, func(t *testing.T) {
			end := conclude(t, kmodlab.Spec{Dir: test.dir, For: kmodlab.NoWait, Core: true})
			defer end.Core.Close()
			if end.Verdict.Class != test.want {
				t.Fatalf("verdict %+v", end.Verdict)
			}
			var core bytes.Buffer
			if _, err := end.Core.WriteTo(&core); err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(core.Bytes(), []byte(test.said)) {
				t.Errorf("the memory has no %q", test.said)
			}
			lookInto(t, core.Bytes(), id)
		})
	}
}

// lookInto reads a variable of the kernel's from a core, as a debugger would, and looks for its note.
func lookInto(t *testing.T, core []byte, id string) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(core))
	if err != nil {
		t.Fatal(err)
	}
	kallsyms, err := os.ReadFile(filepath.Join(machine.CacheDir(t), "symbols", id))
	if err != nil {
		t.Fatal(err)
	}
	var banner uint64
	for _, s := range symfile.ParseKallsyms(string(kallsyms)) {
		if s.Name == "linux_banner" {
			banner = s.Addr
		}
	}
	found := false
	for _, p := range f.Progs {
		if p.Type == elf.PT_NOTE {
			notes := make([]byte, p.Filesz)
			if _, err := p.ReadAt(notes, 0); err != nil || !bytes.Contains(notes, []byte("VMCOREINFO\x00")) ||
				!bytes.Contains(notes, []byte("KERNELOFFSET=0")) {
				t.Errorf("no VMCOREINFO in the notes, %v", err)
			}
			continue
		}
		if banner < p.Vaddr || banner-p.Vaddr >= p.Filesz {
			continue
		}
		text := make([]byte, 64)
		if _, err := p.ReadAt(text, int64(banner-p.Vaddr)); err != nil || !strings.HasPrefix(string(text), "Linux version ") {
			t.Errorf("linux_banner is %q, %v", text, err)
		}
		found = true
	}
	if !found {
		t.Errorf("no memory at linux_banner, %#x", banner)
	}
}

// TestCoreOpens has drgn and crash open a core of the default kernel. It needs the kernel's debug package: make
// test-debug gets it.
func TestCoreOpens(t *testing.T) {
	vmlinux := os.Getenv("KMODLAB_VMLINUX")
	if vmlinux == "" {
		t.Skip("make test-debug runs it: it needs the kernel's debug package, in KMODLAB_VMLINUX")
	}
	needs.VM(t)
	drgn, crash := needs.Program(t, "drgn"), needs.Program(t, "crash")
	end := conclude(t, kmodlab.Spec{Dir: "testdata/debug", For: kmodlab.NoWait, Core: true})
	defer end.Core.Close()
	path := filepath.Join(t.TempDir(), "a.vmcore")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := end.Core.WriteTo(file); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "look.py")
	const look = `from drgn.helpers.linux import for_each_task
print(prog["linux_banner"].string_())
print("tasks", sorted(set(t.comm.string_().decode() for t in for_each_task(prog)) & {"init", "kthreadd"}))
`
	if err := os.WriteFile(script, []byte(look), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(drgn, "-q", "-c", path, "-s", vmlinux, script).CombinedOutput()
	if err != nil {
		t.Errorf("drgn: %v\n%s", err, out)
	}
	inOrder(t, string(out), `Linux version 6\.1`, `tasks \['init', 'kthreadd'\]`)
	cmd := exec.Command(crash, "-s", vmlinux, path)
	cmd.Stdin = strings.NewReader("sys\nmod\nlog\nquit\n")
	if out, err = cmd.CombinedOutput(); err != nil {
		t.Errorf("crash: %v\n%s", err, out)
	}
	inOrder(t, string(out), `RELEASE: 6\.1`, `virtio_console`, `Linux version 6\.1`)
}
