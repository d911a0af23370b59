// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
)

// hello is a command that says that an agent of some version is there, process 4711.
func hello(version int) string {
	return fmt.Sprintf(`printf '\056\0\0\0\0\0\0\0{"op":"hello","body":{"version":%d,"pid":4711}}' >&3`, version)
}

// script makes a program of shell commands.
func script(t *testing.T, path string, lines ...string) {
	t.Helper()
	text := "#!/bin/sh\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// thisMachineIn is what a lab on this machine is made of, which is a folder here: module m is to be installed,
// agent are the commands of the agent's program, and depmod's end in its exit status.
func thisMachineIn(t *testing.T, depmod string, agent ...string) (o opening, dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	script(t, filepath.Join(dir, "depmod"), `echo "$@" >>`+dir+"/depmod.log", depmod)
	script(t, filepath.Join(dir, "agent"), agent...)
	file := filepath.Join(dir, "m.ko")
	if err := os.WriteFile(file, []byte("module"), 0o644); err != nil {
		t.Fatal(err)
	}
	j := notify.New(notify.Watcher{})
	host := &prepare.Host{
		Options: prepare.Options{Here: true, CacheDir: filepath.Join(dir, "cache")}, Agent: filepath.Join(dir, "agent"),
		Kernel: &kernel.Kernel{Release: "6.1.0", Modules: filepath.Join(dir, "modules")},
	}
	p := host.WithoutModules()
	p.Fresh = []kmod.PlannedModule{{Name: "m", Path: file}}
	site := footprint.Changeable(host.Agent)
	site.Dir, site.Proc, site.Sys = filepath.Join(dir, "notes"), filepath.Join(dir, "proc"), filepath.Join(dir, "sys")
	site.List = func() ([]kmod.LoadedModule, error) {
		if !loaded(t, dir, false) {
			return nil, nil
		}
		return []kmod.LoadedModule{{Name: "m", State: kmod.StateLive}}, nil
	}
	boot := filepath.Join(site.Proc, "sys/kernel/random/boot_id")
	if err := os.MkdirAll(filepath.Dir(boot), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{boot, filepath.Join(site.Proc, "modules")} {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return opening{Prepared: p, journal: j, site: site}, dir
}

// loaded has module m loaded on the fake machine, or reads whether it is.
func loaded(t *testing.T, dir string, load bool) bool {
	t.Helper()
	path := filepath.Join(dir, "proc/modules")
	if load {
		if err := os.WriteFile(path, []byte("m 16384 0 - Live 0x0 (OE)\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return len(data) > 0
}

// unloads are lines of the agent's program: as rmmod, it unloads module m of the fake machine.
func unloads(dir string) string {
	return `[ "$1 $2" != "rmmod m" ] || { : >` + dir + "/proc/modules; exit; }"
}

// leftOver tells what is still installed, and how often depmod was run.
func leftOver(t *testing.T, dir string) (files []string, depmods int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "modules/extra/*"))
	if err != nil {
		t.Fatal(err)
	}
	log, _ := os.ReadFile(filepath.Join(dir, "depmod.log")) // none where it was not run
	return files, strings.Count(string(log), "-a 6.1.0\n")
}

// TestHereFails: wherever the way to a lab on this machine ends, nothing stays
// installed, and the index is mended.
func TestHereFails(t *testing.T) {
	why := errors.New("Ctrl-C")
	for name, test := range map[string]struct {
		depmod, agent string
		interrupt     bool
		want          string
	}{
		"depmod fails":        {"exit 1", "exec cat <&3 >/dev/null", false, "run this machine's depmod"},
		"the agent ends":      {"exit 0", "exit 0", false, "the agent exited at once"},
		"the agent is no one": {"exit 0", "", false, "start agent"},
		"another version":     {"exit 0", hello(wire.Version+1) + "; exec cat <&3 >/dev/null", false, "rebuild both"},
		"interrupted":         {"exit 0", "exec cat <&3 >/dev/null", true, why.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			o, dir := thisMachineIn(t, test.depmod, test.agent)
			if test.agent == "" {
				o.Agent = filepath.Join(dir, "none")
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if test.interrupt {
				time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
			}
			opened, err := o.here(ctx)
			if opened != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, %v, want %q", opened, err, test.want)
			}
			if files, depmods := leftOver(t, dir); len(files) > 0 || depmods != 2 {
				t.Errorf("left %s, depmod was run %d times, want 2", files, depmods)
			}
		})
	}
}

// TestHereTaken: a module of the machine's own is neither replaced nor taken away.
func TestHereTaken(t *testing.T) {
	o, dir := thisMachineIn(t, "exit 0", "exit 0")
	own := filepath.Join(dir, "modules/extra/m.ko")
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, []byte("own"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := o.here(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the file exists") {
		t.Errorf("%v, want that the file exists", err)
	}
	if data, err := os.ReadFile(own); string(data) != "own" {
		t.Errorf("the machine's own module is now %q, %v", data, err)
	}
}

// TestHereClose: a lab on this machine can be closed by several goroutines and again;
// the agent is gone, and nothing stays installed.
func TestHereClose(t *testing.T) {
	o, dir := thisMachineIn(t, "exit 0", hello(wire.Version), "exec cat <&3 >/dev/null")
	l, err := o.here(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if files, _ := leftOver(t, dir); len(files) != 1 || l.AgentPID != 4711 {
		t.Errorf("installed %s, agent %d", files, l.AgentPID)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(l.stop)
	}
	all.Wait()
	if tools, err := filepath.Glob(filepath.Join(dir, "cache/tmp/tools-*")); len(tools) > 0 || err != nil {
		t.Errorf("left %s, %v", tools, err)
	}
	l.Close()
	l.Close()
	if files, depmods := leftOver(t, dir); len(files) > 0 || depmods != 2 {
		t.Errorf("left %s, depmod was run %d times, want 2", files, depmods)
	}
}

// begun opens a lab on the fake machine, with module m loaded.
func begun(t *testing.T, agent ...string) (l *Lab, o opening, dir string) {
	t.Helper()
	o, dir = thisMachineIn(t, "exit 0")
	script(t, o.Agent, append([]string{unloads(dir), hello(wire.Version)}, agent...)...)
	l, err := o.here(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	loaded(t, dir, true)
	return l, o, dir
}

// TestHereUnloads: whatever cuts a run short, its end unloads what it loaded, also if the agent was killed.
func TestHereUnloads(t *testing.T) {
	for name, agent := range map[string]string{
		"the host goes":       "exec cat <&3 >/dev/null",
		"the agent is killed": "kill -9 $$",
	} {
		t.Run(name, func(t *testing.T) {
			l, o, dir := begun(t, agent)
			if name == "the agent is killed" {
				<-l.Done()
			}
			l.Close()
			if files, _ := leftOver(t, dir); len(files) > 0 || loaded(t, dir, false) {
				t.Errorf("left %s, and m loaded: %t", files, loaded(t, dir, false))
			}
			if left, err := o.site.Look(); err != nil || len(left) > 0 {
				t.Errorf("noted %v, %v", left, err)
			}
		})
	}
}

// TestHereAfterKill: the next run undoes what a killed one left, and says so.
func TestHereAfterKill(t *testing.T) {
	l, o, dir := begun(t, "exec cat <&3 >/dev/null")
	l.claim.Release() // as the kernel does with a killed run's lock
	l.claim = nil
	l.Close()
	if files, _ := leftOver(t, dir); len(files) != 1 || !loaded(t, dir, false) {
		t.Fatalf("left %s, want what a killed run leaves", files)
	}
	var said []string
	o.journal = notify.New(notify.Watcher{Log: func(line string) { said = append(said, line) }})
	next, err := o.here(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if loaded(t, dir, false) || len(said) != 1 || !strings.Contains(said[0], "an earlier run that was cut short: ") {
		t.Errorf("m is loaded: %t, said %q", loaded(t, dir, false), said)
	}
	next.Close()
	if files, _ := leftOver(t, dir); len(files) > 0 {
		t.Errorf("left %s", files)
	}
}

// TestHereTwice: a second run at the same time is refused, and changes nothing of the first.
func TestHereTwice(t *testing.T) {
	_, o, dir := begun(t, "exec cat <&3 >/dev/null")
	_, err := o.here(t.Context())
	var busy *footprint.BusyError
	if !errors.As(err, &busy) || busy.PID != os.Getpid() {
		t.Errorf("%v, want that this process is at work", err)
	}
	if files, _ := leftOver(t, dir); len(files) != 1 || !loaded(t, dir, false) {
		t.Errorf("%s is installed, m is loaded: %t", files, loaded(t, dir, false))
	}
}
