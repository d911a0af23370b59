// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
)

// kmodRatio is one row of the comparison with kmod's commands.
type kmodRatio struct {
	What         string
	Theirs, Ours time.Duration // medians
	Limit        float64       // the most that Ours/Theirs may be
}

func (r kmodRatio) ratio() float64 { return float64(r.Ours) / float64(r.Theirs) }

func (r kmodRatio) print() {
	word := "kept"
	if r.ratio() > r.Limit {
		word = "NOT KEPT"
	}
	testlab.Row(r.What, "kmod %8.2f ms   ours %8.2f ms   ratio %5.2f   limit %.1f %s",
		ms(r.Theirs), ms(r.Ours), r.ratio(), r.Limit, word)
}

// BenchmarkKmodCommands prints how long our commands take, and how long kmod's take. Commands that only read the
// default kernel's tree run on this machine. Commands that need a kernel with modules run in a VM. The two sides take
// turns, so that other load on this machine disturbs both.
func BenchmarkKmodCommands(b *testing.B) {
	for b.Loop() {
		for _, r := range append(kmodCommandRatios(b), kmodGuestRatios(b)...) {
			r.print()
		}
	}
}

// kmodCommandRatios measures the commands that need no modules in the kernel.
func kmodCommandRatios(b *testing.B) []kmodRatio {
	b.Helper()
	k := machine.Kernel(b, "")
	root, _ := machine.ModuleTree(b, k)
	release := k.Release
	if out, err := machine.HostKmod(b).Command("depmod", "-b", root, release).CombinedOutput(); err != nil {
		b.Fatalf("depmod: %v\n%s", err, out)
	}
	bin, whole := b.TempDir(), b.TempDir()
	small := testlab.Kmod(b)
	for _, name := range []string{"modprobe", "modinfo"} {
		for dir, program := range map[string]string{bin: small, whole: testlab.Kmodlab(b)} {
			if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
				b.Fatal(err)
			}
		}
	}
	empty := b.TempDir()
	depends := func(name string) []string { return []string{"-C", empty, "-d", root, "-S", release, "-D", name} }
	const (
		runs  = 41
		alias = "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00"
	)
	var rows []kmodRatio
	for _, c := range []struct {
		what, bin, tool string
		args            []string
		limit           float64
	}{
		{"modprobe -D of one name", bin, "modprobe", depends("virtio_net"), 1.0},
		{"modprobe -D of one alias", bin, "modprobe", depends(alias), 1.0},
		{"modprobe -D of one name, kmodlab linked", whole, "modprobe", depends("virtio_net"), 1.0},
		{"modinfo of one name", bin, "modinfo", []string{"-b", root, "-k", release, "virtio_net"}, 1.5},
	} {
		theirs, err := exec.LookPath(c.tool)
		if err != nil {
			theirs = "/usr/sbin/" + c.tool
		}
		r := kmodRatio{What: c.what, Limit: c.limit}
		r.Theirs, r.Ours = interleaved(b, runs, []string{theirs}, []string{filepath.Join(c.bin, c.tool)}, c.args)
		rows = append(rows, r)
	}
	return rows
}

// interleaved runs two programs in turn and returns the median time of each.
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
	return testlab.Median(times[0]), testlab.Median(times[1])
}

// kmodGuestRatios measures in one VM. The first row times all that the usermode helper's program does except the load
// itself, since the module is loaded already. The last row times what the kernel sees.
func kmodGuestRatios(b *testing.B) []kmodRatio {
	b.Helper()
	m := machine.StartKmod(b, "../../modules/loaderrors", nil)
	m.Must(b, "mkdir -p /lib/modules/$(uname -r)/extra && cp /lab/le_*.ko /lib/modules/$(uname -r)/extra/ && /usr/sbin/depmod && modprobe le_user")
	var rows []kmodRatio
	for _, c := range []struct {
		what, line string
		limit      float64
	}{
		{"in the VM: modprobe -q -- NAME, loaded already", "modprobe -q -- le_user", 1.0},
		{"in the VM: lsmod", "lsmod", 1.5},
	} {
		r := kmodRatio{What: c.what, Limit: c.limit}
		const runs = 15
		loop := `for i in $(seq ` + strconv.Itoa(runs) + `); do
	for tools in /usr/sbin /lab/bin; do
		s=$(date +%s%N)
		$tools/` + c.line + ` >/dev/null
		e=$(date +%s%N)
		echo $tools $((e-s))
	done
done`
		times := map[string][]time.Duration{}
		for line := range strings.Lines(m.Must(b, loop)) {
			var tools string
			var ns int64
			if _, err := fmt.Sscan(line, &tools, &ns); err != nil {
				b.Fatalf("%q: %v", line, err)
			}
			times[tools] = append(times[tools], time.Duration(ns))
		}
		r.Theirs, r.Ours = testlab.Median(times["/usr/sbin"]), testlab.Median(times["/lab/bin"])
		rows = append(rows, r)
	}
	return append(rows, helperRatio(b, m))
}

// helperLoop makes the kernel itself call each modprobe: mount(2) asks for an unknown filesystem, whose name is an
// alias of a module. It calls mount from perl, because the machine has no mount command. The lines that it prints are
// the kernel's trace.
const helperLoop = `set -e
modprobe -r le_user
mkdir -p /etc/modprobe.d
echo alias fs-labfs le_user >/etc/modprobe.d/labfs.conf
helper=$(cat /proc/sys/kernel/modprobe)
cd /sys/kernel/tracing
echo mono >trace_clock
echo p:lab/helper call_usermodehelper_exec >kprobe_events
echo 1 >events/lab/helper/enable
echo 1 >events/syscalls/sys_enter_finit_module/enable
for i in $(seq %d); do
	for tools in /usr/sbin /lab/bin; do
		echo $tools/modprobe >/proc/sys/kernel/modprobe
		echo >trace
		perl -e '@a = qw(none / labfs); syscall(165, @a, 0, 0)'
		echo tools $tools
		grep -v ^# trace
		modprobe -r le_user
	done
done
echo 0 >events/enable
echo $helper >/proc/sys/kernel/modprobe`

var helperEvent = regexp.MustCompile(`(\d+\.\d+): (helper|sys_finit_module)\b`)

// helperRatio measures the time from call_usermodehelper_exec to the first finit_module, on the guest's own clock.
func helperRatio(b *testing.B, m *machine.Kmod) kmodRatio {
	b.Helper()
	const runs = 15
	out := m.Must(b, fmt.Sprintf(helperLoop, runs))
	times := map[string][]time.Duration{}
	for _, part := range strings.Split(out, "tools ")[1:] {
		tools, trace, _ := strings.Cut(part, "\n")
		events := helperEvent.FindAllStringSubmatch(trace, -1)
		if len(events) < 2 || events[0][2] != "helper" || events[1][2] != "sys_finit_module" {
			b.Fatalf("%s: no helper that loads in %q", tools, trace)
		}
		times[tools] = append(times[tools], seconds(b, events[1][1])-seconds(b, events[0][1]))
	}
	return kmodRatio{What: "in the VM: call_usermodehelper to finit_module", Limit: 1.0,
		Theirs: testlab.Median(times["/usr/sbin"]), Ours: testlab.Median(times["/lab/bin"])}
}

func seconds(b *testing.B, s string) time.Duration {
	b.Helper()
	d, err := time.ParseDuration(s + "s")
	if err != nil {
		b.Fatal(err)
	}
	return d
}
