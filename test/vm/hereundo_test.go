// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/boot"
)

// hereRun starts a run on the lab machine that takes ten minutes, and waits until its module is loaded. Then it does
// what the test says, with the run's process in $pid, and tells how the run ended.
const hereRun = `
module=$1 folder=$2
/lab/kmodlab run --here "$folder" --load "$module" --for 10m >/lab/said 2>&1 &
pid=$!
n=0
until grep -q "^$module .* Live " /proc/modules; do
	n=$((n + 1))
	[ $n -lt 1500 ] || { echo "never loaded"; break; }
	kill -0 $pid || break
	sleep 0.2
done
%s
wait $pid
echo "exit $?"
cat /lab/said
`

// killAgent kills the agent that a run has started, not the one that is PID 1.
const killAgent = `
for p in /proc/[0-9]*; do
	if tr '\0' ' ' <$p/cmdline | grep -q '^[^ ]*kmodlab agent '; then kill -KILL ${p#/proc/}; fi
done`

// cutShort runs signal_handling on the lab machine until do cuts it short. It returns what the run said.
func cutShort(t *testing.T, g *boot.Guest, do string) string {
	t.Helper()
	return cutShortOf(t, g, "signal_handling", "/lab/signals", do)
}

func cutShortOf(t *testing.T, g *boot.Guest, module, folder, do string) string {
	t.Helper()
	out, exit := typed(t, g, "/bin/sh", "-c", fmt.Sprintf(hereRun, do), "sh", module, folder)
	if exit != 0 || strings.Contains(out, "never loaded") {
		t.Fatalf("the run did not come so far: exit status %d", exit)
	}
	return out
}

// hereLeft lists what is loaded and installed on the lab machine, by the machine's own means.
func hereLeft(t *testing.T, g *boot.Guest) string {
	t.Helper()
	tree := "/lib/modules/" + g.Hello.Release
	out, _ := typed(t, g, "/bin/sh", "-c", `
grep -E '^(signal_handling|send_signal|stays|kmodlab_probe) ' /proc/modules
find `+tree+`/extra -type f 2>/dev/null
grep '^extra/' `+tree+`/modules.dep
find /var/lib/kmodlab -name here.json 2>/dev/null
find /tmp /.cache/kmodlab/tmp -mindepth 1 -name '*tools*' 2>/dev/null
:`)
	return strings.TrimSpace(out)
}

// TestHereUndone: however a run on this machine's own kernel is cut short, nothing of it is left, at the latest after
// the next one or after doctor --mend; and nobody says so who has not looked.
//
// Each run builds its modules in an emulated machine, so make test tries a sample, and make test-all the rest.
func TestHereUndone(t *testing.T) {
	g := labMachine(t)
	signals := []string{"TERM", "HUP"}
	if !allHere() {
		signals = signals[:1]
	}
	for _, signal := range signals {
		// Twice, as a shell and a terminal, or sudo and a supervisor, send it.
		out := cutShort(t, g, "kill -"+signal+" $pid; sleep 0.1; kill -"+signal+" $pid")
		if !strings.Contains(out, "exit 130\n") || !strings.Contains(out, "interrupted; nothing is left behind") {
			t.Errorf("SIG%s: want exit status 130, and that nothing is left", signal)
		}
		if left := hereLeft(t, g); left != "" {
			t.Errorf("SIG%s left %s", signal, left)
		}
	}
	t.Run("SIGKILL, then doctor", func(t *testing.T) {
		killedHere(t, g)
		out, exit := typed(t, g, "/lab/kmodlab", "doctor", "--mend")
		if exit != 0 || !strings.Contains(out, "unloaded signal_handling\n") || !strings.Contains(out, "removed /lib/") {
			t.Errorf("doctor --mend: exit status %d, want 0, and what it has undone", exit)
		}
		if left := hereLeft(t, g); left != "" {
			t.Errorf("left %s", left)
		}
		if out, exit := typed(t, g, "/lab/kmodlab", "doctor", "--mend"); exit != 0 || strings.Contains(out, "unloaded") {
			t.Errorf("once more: exit status %d, want 0 and nothing undone", exit)
		}
	})
	if !allHere() {
		t.Log("SAMPLE: make test-all also sends SIGHUP, kills the agent, runs after a kill, and runs two at once")
		return
	}
	out := cutShort(t, g, killAgent)
	if left := hereLeft(t, g); left != "" || !strings.Contains(out, "unloaded at the end: ") {
		t.Errorf("SIGKILL for the agent left %s", left)
	}
	t.Run("SIGKILL, then a run", func(t *testing.T) {
		killedHere(t, g)
		out, exit := typed(t, g, "/lab/kmodlab", "run", "--here", "/lab/signals", "--load", "signal_handling", "--for", "1s")
		if exit != 0 || !strings.Contains(out, "undone, left by an earlier run that was cut short: ") {
			t.Errorf("the next run: exit status %d, want 0, and that it has undone the killed one", exit)
		}
		if left := hereLeft(t, g); left != "" {
			t.Errorf("left %s", left)
		}
	})
	t.Run("two at once", func(t *testing.T) {
		out := cutShort(t, g, "/lab/kmodlab run --here /lab/signals --for 1s; echo second $?; kill -TERM $pid")
		if !strings.Contains(out, "second 3\n") || !strings.Contains(out, "another run with --here is using this machine") {
			t.Errorf("the second run was not refused")
		}
		if !strings.Contains(out, "interrupted; nothing is left behind") {
			t.Errorf("the first run did not end as it does alone")
		}
		if left := hereLeft(t, g); left != "" {
			t.Errorf("left %s", left)
		}
	})
}

func allHere() bool { return os.Getenv("KMODLAB_TEST_ALL") != "" }

// killedHere kills the command line of a run, and checks that its modules and files stay, with a note of them.
func killedHere(t *testing.T, g *boot.Guest) {
	t.Helper()
	cutShort(t, g, "kill -KILL $pid")
	left := hereLeft(t, g)
	for _, want := range []string{"signal_handling ", "/extra/", "extra/", "here.json"} {
		if !strings.Contains(left, want) {
			t.Fatalf("SIGKILL left %s, want %q in it: the test proves nothing", left, want)
		}
	}
}

// staysSource is a module without an exit function, which the kernel does not unload.
const staysSource = `#include <linux/module.h>
static int __init stays_init(void)
{
	return 0;
}
module_init(stays_init);
MODULE_LICENSE("GPL");
`

// TestHereStays: a module that does not unload is named, with what to do.
func TestHereStays(t *testing.T) {
	if !allHere() {
		t.Skip("SKIPPED: make test-all runs it: it builds a module in an emulated machine")
	}
	g := labMachine(t)
	files := []boot.File{
		{Name: "/lab/stays/Kbuild", Mode: 0o644, Data: []byte("obj-m := stays.o\n")},
		{Name: "/lab/stays/stays.c", Mode: 0o644, Data: []byte(staysSource)},
	}
	if err := boot.WriteFiles(t.Context(), g.Client, files); err != nil {
		t.Fatal(err)
	}
	out := cutShortOf(t, g, "stays", "/lab/stays", "kill -TERM $pid")
	for _, want := range []string{"exit 130\n", "module stays is loaded", "not everything could be undone"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q", want)
		}
	}
	if strings.Contains(out, "nothing is left") {
		t.Error("it says that nothing is left")
	}
	left := hereLeft(t, g)
	if !strings.Contains(left, "stays ") || strings.Contains(left, "/extra/") {
		t.Errorf("left %s, want the module and a note of it, but no file", left)
	}
	out, exit := typed(t, g, "/lab/kmodlab", "doctor", "--mend")
	if exit != 3 || !strings.Contains(out, "module stays is loaded: ") || !strings.Contains(out, "restart this machine") {
		t.Errorf("doctor --mend: exit status %d, want 3, the module and what to do", exit)
	}
}
