// SPDX-License-Identifier: MIT

package kmodlab_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
)

// kmodRatio is one row of the comparison with kmod's commands.
type kmodRatio struct {
	What         string
	Theirs, Ours time.Duration // medians
	Limit        float64       // that Ours/Theirs is to keep
}

func (r kmodRatio) ratio() float64 { return float64(r.Ours) / float64(r.Theirs) }

func (r kmodRatio) print() {
	word := "kept"
	if r.ratio() > r.Limit {
		word = "NOT KEPT"
	}
	row(r.What, "kmod %8.2f ms   ours %8.2f ms   ratio %5.2f   limit %.1f %s", ms(r.Theirs), ms(r.Ours), r.ratio(), r.Limit, word)
}

// BenchmarkKmodCommands prints how long the commands take beside kmod's: on this
// machine for the default kernel's tree, and in a VM what needs a kernel with
// modules. The two take turns, so that what else runs here disturbs both.
func BenchmarkKmodCommands(b *testing.B) {
	for b.Loop() {
		for _, r := range append(kmodCommandRatios(b), kmodGuestRatios(b)...) {
			r.print()
		}
	}
}

// kmodCommandRatios are those that need no modules in the kernel.
func kmodCommandRatios(b *testing.B) []kmodRatio {
	b.Helper()
	root, release := benchTree(b)
	bin := b.TempDir()
	for _, name := range []string{"modprobe", "modinfo"} {
		if err := os.Symlink(kmodlabBin, filepath.Join(bin, name)); err != nil {
			b.Fatal(err)
		}
	}
	empty := b.TempDir()
	tree := []string{"-C", empty, "-d", root, "-S", release}
	const runs = 41
	var rows []kmodRatio
	for _, c := range []struct {
		what, tool string
		args       []string
		limit      float64
	}{
		{"modprobe -D of one name", "modprobe", append(slices.Clone(tree), "-D", "virtio_net"), 1.0},
		{"modprobe -D of one alias", "modprobe", append(slices.Clone(tree), "-D", "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00"), 1.0},
		{"modinfo of one name", "modinfo", []string{"-b", root, "-k", release, "virtio_net"}, 1.5},
	} {
		theirs, err := exec.LookPath(c.tool)
		if err != nil {
			theirs = "/usr/sbin/" + c.tool
		}
		r := kmodRatio{What: c.what, Limit: c.limit}
		r.Theirs, r.Ours = interleaved(b, runs, []string{theirs}, []string{filepath.Join(bin, c.tool)}, c.args)
		rows = append(rows, r)
	}
	return rows
}

// interleaved are the medians of runs of two programs in turn.
func interleaved(b *testing.B, runs int, theirs, ours, args []string) (time.Duration, time.Duration) {
	b.Helper()
	var times [2][]time.Duration
	for range runs {
		for i, argv := range [][]string{theirs, ours} {
			cmd := exec.Command(argv[0], append(slices.Clone(argv[1:]), args...)...)
			start := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%s: %v\n%s", cmd, err, out)
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	return median(times[0]), median(times[1])
}

// benchTree is the default kernel's tree, linked, with an index by kmod's depmod.
func benchTree(b *testing.B) (root, release string) {
	b.Helper()
	k := getKernel(b, "")
	root = b.TempDir()
	to := filepath.Join(root, "lib/modules", k.Release)
	if err := os.MkdirAll(to, 0o755); err != nil {
		b.Fatal(err)
	}
	for _, part := range []string{"kernel", "modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		if err := os.Symlink(filepath.Join(k.Root, "lib/modules", k.Release, part), filepath.Join(to, part)); err != nil {
			b.Fatal(err)
		}
	}
	if out, err := exec.Command("/usr/sbin/depmod", "-b", root, k.Release).CombinedOutput(); err != nil {
		b.Fatalf("depmod: %v\n%s", err, out)
	}
	return root, k.Release
}

// kmodGuestRatios boots one VM. The helper's row is all of the program but the
// load itself: the module is there already, so both end where they would call
// finit_module.
func kmodGuestRatios(b *testing.B) []kmodRatio {
	b.Helper()
	m := bootKmodMachine(b, func(*kmodMachine) []boot.File { return nil })
	m.must(b, "mkdir -p /lib/modules/$(uname -r)/extra && cp /lab/le_*.ko /lib/modules/$(uname -r)/extra/ && /usr/sbin/depmod && modprobe le_user")
	var rows []kmodRatio
	for _, c := range []struct {
		what, line string
		limit      float64
	}{
		{"in the VM: modprobe -q -- NAME, as the helper", "modprobe -q -- le_user", 1.0},
		{"in the VM: lsmod", "lsmod", 1.5},
	} {
		r := kmodRatio{What: c.what, Limit: c.limit}
		const runs = 15
		loop := "for i in $(seq " + strconv.Itoa(runs) + "); do for tools in /usr/sbin /lab/bin; do s=$(date +%s%N); $tools/" + c.line + " >/dev/null; e=$(date +%s%N); echo $tools $((e-s)); done; done"
		times := map[string][]time.Duration{}
		for line := range strings.Lines(m.must(b, loop)) {
			var tools string
			var ns int64
			if _, err := fmt.Sscan(line, &tools, &ns); err != nil {
				b.Fatalf("%q: %v", line, err)
			}
			times[tools] = append(times[tools], time.Duration(ns))
		}
		r.Theirs, r.Ours = median(times["/usr/sbin"]), median(times["/lab/bin"])
		rows = append(rows, r)
	}
	return rows
}
