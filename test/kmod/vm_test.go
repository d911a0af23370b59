// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
)

// kmodMachine is a machine with kmod's commands and ours. The tests of this package share it.
type kmodMachine struct{ *machine.Kmod }

// steps are what a person might type in a session, one step a line. A backslash at the end continues the line. The
// steps leave the state in which they began. kmod 30 ends --remove-holders with status 1 although all modules are
// gone: the module went with the last of its holders, and kmod tries to remove it again.
var steps = strings.Split(strings.ReplaceAll(strings.TrimSpace(`
modprobe le_user
lsmod | grep ^le_
modprobe le_user
modprobe --first-time le_user
modprobe -r le_exporter
rmmod le_exporter
rmmod -v le_user
modprobe -rv le_exporter
insmod /lab/le_user.ko
insmod /lab/le_exporter.ko
insmod le_user.ko
insmod /lab/le_user.ko
modprobe -rv le_user
modprobe -v le-plain count=3 label=abc loud=1 && cat /sys/module/le_plain/parameters/*
modinfo -F alias le_plain
modprobe -r le-plain
modprobe le_plain count=abc
modprobe le_plain nope=1
rmmod le_plain le_nosuch
modprobe le_plain ret=-19
modprobe le_plain label=waytoolong
modprobe le_plain ret=1
rmmod le_plain.ko
modprobe le_nosuch
modprobe -q le_nosuch
modprobe -a le_plain le_nosuch le_user
modprobe -r le_user le_plain
modprobe le-alias-7; modprobe -R le-alias-7; modprobe -r le-alias-7
echo "blacklist le_plain" >/etc/modprobe.d/t.conf; modprobe -v le-alias-7; modprobe -b le_plain
modprobe -v le_plain; modprobe -rv le_plain
printf 'options le_plain count=5\nsoftdep le_plain pre: le_user post: le_second\n' >/etc/modprobe.d/t.conf; \
modprobe -v le_plain loud=1; cat /sys/module/le_plain/parameters/count
modprobe -rv le_plain
printf 'install le_plain modprobe --ignore-install le_plain $CMDLINE_OPTS && echo installed $MODPROBE_MODULE\n\
remove le_plain echo removing; modprobe -r --ignore-remove le_plain\n' >/etc/modprobe.d/t.conf; \
modprobe -v le_plain count=8; cat /sys/module/le_plain/parameters/count
modprobe -rv le_plain
echo 'install le_plain exit 3' >/etc/modprobe.d/t.conf; modprobe le_plain; \
modprobe -i -n -v le_plain; rm /etc/modprobe.d/t.conf
modprobe -a le_user le_nsuser; lsmod | grep ^le_exporter
modprobe -r --remove-holders le_exporter || true
insmod -f /lab/le_plain.ko count=2; modprobe -f le_plain; rmmod -f le_plain
modprobe le_device; sleep 300 </dev/le_device >/dev/null 2>&1 & echo $! >/tmp/holder; \
until grep -q '^le_device [0-9]* 1 ' /proc/modules; do sleep 0.1; done; modprobe -r le_device
(sleep 1; kill $(cat /tmp/holder)) >/dev/null 2>&1 & modprobe -r -w 60000 le_device
modprobe -D le_user; modprobe -n -v le_user; modprobe -n -r le_user; modprobe -R le_user
modprobe unix; modprobe -r unix; modprobe --first-time unix
modprobe dummy numdummies=3; modprobe -rv dummy
modprobe -v tcp_htcp; modprobe -r tcp_htcp
modinfo le_plain | grep -v ^filename; modinfo -p le_plain; modinfo -n /lab/le_plain.ko; modinfo nosuch
rmmod le_nosuch; modprobe -r le_nosuch; insmod /lab/none.ko; insmod /etc/passwd; insmod; rmmod; modprobe
lsmod
`), "\\\n", ""), "\n")

// TestKmodCommandsInVM plays the same session with kmod's commands and with ours. Output, exit statuses, modules and
// kernel log must be the same.
func TestKmodCommandsInVM(t *testing.T) {
	broken := func(m *machine.Kmod) []boot.File { return brokenModules(t, m) }
	m := &kmodMachine{machine.StartKmod(t, "../../modules/loaderrors", broken)}
	m.Must(t, "mkdir -p /lib/modules/$(uname -r)/extra && cp /lab/le_*.ko /lib/modules/$(uname -r)/extra/ && /usr/sbin/depmod")
	if out := m.Must(t, "/usr/sbin/modprobe --version"); !strings.HasPrefix(out, "kmod version") {
		t.Fatalf("the machine's modprobe is not kmod's: %q", out)
	}
	// The first out-of-tree module taints the kernel, and so does the first forced load. The kernel says so only once.
	m.Must(t, "insmod -f le_plain.ko && rmmod le_plain")
	t.Run("session", m.session)
	t.Run("refusals", m.refusals)
	t.Run("unloading", m.unloading)
	t.Run("restrictions", m.restrictions)
}

// stepState is what a step printed, and the state in which it left the machine.
type stepState struct {
	Step, Output    string
	Exit            int
	Modules, Kernel []string // /proc/modules without addresses, with holders; the log
}

func (m *kmodMachine) session(t *testing.T) {
	theirs, ours := m.play(t, "/usr/sbin"), m.play(t, "/lab/bin")
	for i := range steps {
		if d := cmp.Diff(theirs[i], ours[i]); d != "" {
			t.Errorf("step %d, kmod's are -\n%s", i+1, d)
		}
	}
	t.Logf("%d steps", len(steps))
}

var addresses = regexp.MustCompile(`0x[0-9a-f]+|[0-9a-f]{16}|\[<.*|pid: ?\d+|PID: ?\d+|CPU: ?\d+`)

// look prints the state that a step left, after the step's output.
const look = `
status=$?
echo =====
while read -r name size count users state rest; do echo $name $size $count $users $state; done </proc/modules
cd /sys/module
for h in */holders/*; do echo $h; done
echo =====
dd if=/dev/kmsg iflag=nonblock bs=8192 2>/dev/null
exit $status`

// play runs the steps with the commands of the folder tools.
func (m *kmodMachine) play(t *testing.T, tools string) []stepState {
	t.Helper()
	var all []stepState
	for i, step := range steps {
		mark := fmt.Sprintf("step %d with %s", i+1, tools)
		out, exit := m.Sh(t, tools, "echo '"+mark+"' >/dev/kmsg\n"+step+look)
		parts := strings.Split(out, "=====\n")
		if len(parts) != 3 {
			t.Fatalf("%s: printed %q", step, out)
		}
		printed := strings.Split(parts[0], "\n")
		if strings.HasPrefix(step, "printf 'install") || i > 0 && strings.HasPrefix(steps[i-1], "printf 'install") {
			slices.Sort(printed) // kmod's own lines stay in its buffer until the command of the rule has ended
		}
		all = append(all, stepState{
			Step:    step,
			Output:  strings.Join(printed, "\n"),
			Exit:    exit,
			Modules: strings.Split(parts[1], "\n"),
			Kernel:  kernelLog(t, parts[2], mark),
		})
	}
	return all
}

// kernelLog returns what the kernel logged after a mark, without what differs each time. It keeps only the head of a
// call trace.
func kernelLog(t *testing.T, out, mark string) []string {
	t.Helper()
	_, out, ok := strings.Cut(out, mark+"\n")
	if !ok {
		t.Fatalf("the log does not have %q", mark)
	}
	var lines []string
	for line := range strings.Lines(out) {
		_, text, ok := strings.Cut(line, ";")
		has := func(part string) bool { return strings.Contains(text, part) }
		if !ok || !has("le_") || has("Comm:") || has("Modules linked in") || has("+0x") {
			continue
		}
		lines = append(lines, addresses.ReplaceAllString(strings.TrimSpace(text), "…"))
	}
	return lines
}
