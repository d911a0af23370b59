// SPDX-License-Identifier: MIT

package machine

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Start boots a VM whose root is the kernel's toolchain image: a Debian machine with
// gcc, headers and kmod. opts says which kernel, what else to have there and how to
// run it; what the files name begins with /lab.
func Start(tb testing.TB, opts boot.Options) *boot.Guest {
	tb.Helper()
	needs.VM(tb)
	var console bytes.Buffer
	opts.Agent = testlab.Agent(tb)
	opts.Modules = []string{"ext4", "overlay"}
	opts.Disks = []vm.Disk{{Path: opts.Kernel.RootImage, ReadOnly: true, Serial: "machine"}}
	opts.Console = &console
	g, err := boot.Start(tb.Context(), opts)
	if err != nil {
		tb.Fatalf("%v\n%s", err, console.Bytes())
	}
	tb.Cleanup(func() {
		g.Close()
		if tb.Failed() {
			tb.Logf("the end of the console:\n%s", console.Bytes()[max(0, console.Len()-4096):])
		}
	})
	mount := wire.MountArgs{
		Serial: "machine", Target: "/machine", Overlay: true, Root: true,
		Binds: []string{"/lab", "/dev", "/proc", "/sys", "/tmp", "/run"},
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 3*time.Minute)
	defer cancel()
	if err := g.Call(ctx, wire.OpMount, mount, nil); err != nil {
		tb.Fatal(err)
	}
	return g
}

// Build builds a folder of modules for a kernel, in the sandbox, or where that does
// not work in a VM, and gives the modules' paths by name.
func Build(tb testing.TB, k *kernel.Kernel, sources string) map[string]string {
	tb.Helper()
	var runner kbuild.Runner = kbuild.SandboxRunner{}
	if err := kbuild.CheckSandbox(tb.Context()); err != nil {
		tb.Log("building in a VM, which takes longer:", err)
		needs.VM(tb)
		runner = kbuild.VMRunner{Agent: testlab.Agent(tb)}
	}
	built, err := kbuild.Run(tb.Context(), kbuild.Request{
		Kernel: k, Sources: sources, Runner: runner, CacheDir: filepath.Join(CacheDir(tb), "build"),
	})
	if err != nil {
		tb.Fatal(err)
	}
	modules := make(map[string]string)
	for _, m := range built.Modules {
		modules[m.Name] = m.Path
	}
	return modules
}

// Kmod is a machine with kmod's commands in /usr/sbin, ours in /lab/bin, and the
// modules of modules/loaderrors below /lab.
type Kmod struct {
	*boot.Guest
	Kernel  *kernel.Kernel
	Modules map[string]string // name to path on the host
}

// StartKmod boots one; files, which may be nil, names what else it shall have. sources
// is the folder modules/loaderrors.
func StartKmod(tb testing.TB, sources string, files func(m *Kmod) []boot.File) *Kmod {
	tb.Helper()
	needs.VM(tb)
	m := &Kmod{Kernel: Kernel(tb, "")}
	m.Modules = Build(tb, m.Kernel, sources)
	all := []boot.File{{Name: "/lab/kmodlab", Mode: 0o755, Host: testlab.Kmodlab(tb)}}
	for _, name := range kmodcmd.Names() {
		all = append(all, boot.File{Name: "/lab/bin/" + name, Mode: os.ModeSymlink, Data: []byte("../kmodlab")})
	}
	for name, path := range m.Modules {
		all = append(all, boot.File{Name: "/lab/" + name + ".ko", Mode: 0o644, Host: path})
	}
	if files != nil {
		all = append(all, files(m)...)
	}
	m.Guest = Start(tb, boot.Options{
		Kernel: m.Kernel, Files: all, Accel: vm.TCG, MemoryMiB: 1024, Append: []string{"module_blacklist=le_bannd"},
	})
	return m
}

// Sh runs a line of shell on the machine, with the commands of the folder tools first
// in PATH; what it prints to stderr comes only where the line asks for it.
func (m *Kmod) Sh(t testing.TB, tools, line string) (stdout string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	const begin = "mv -f /tmp/stderr /tmp/stderr.before 2>/dev/null; exec 2>/tmp/stderr </dev/null\n"
	args := wire.ExecArgs{
		Argv: []string{"/bin/sh", "-c", begin + line}, Dir: "/lab", TimeoutMS: (4 * time.Minute).Milliseconds(),
		Env: []string{"PATH=" + tools + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LC_ALL=C"},
	}
	var out bytes.Buffer
	var ended wire.ExecResult
	if _, err := m.Stream(ctx, wire.OpExec, args, nil, &ended, func(b []byte) { out.Write(b) }); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out.Bytes())
	}
	if ended.TimedOut {
		t.Fatalf("%s: does not end\n%s", line, out.Bytes())
	}
	return out.String(), ended.Exit
}

// Must is Sh with our commands for what has to work.
func (m *Kmod) Must(t testing.TB, line string) string {
	t.Helper()
	out, status := m.Sh(t, "/lab/bin", line)
	if status != 0 {
		errs, _ := m.Sh(t, "/lab/bin", "cat /tmp/stderr.before")
		t.Fatalf("%s: exit status %d\n%s%s", line, status, out, errs)
	}
	return out
}
