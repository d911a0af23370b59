// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// vmRunner builds in a VM, for a test that has called needs.VM.
func vmRunner(t *testing.T) VMRunner {
	t.Helper()
	return VMRunner{Agent: testlab.Agent(t), StateDir: t.TempDir()}
}

// One boot each: a real build with everything that must cross, and a build that is stopped.
func TestVMRunner(t *testing.T) {
	needs.VM(t)
	k := testKernel(t)
	r := vmRunner(t)
	var console, live bytes.Buffer
	r.Console = &console
	dir := tree(t, map[string]string{"Kbuild": "obj-m := sub/\n", "sub/Makefile": "obj-m := a.o\n",
		"sub/a.c": "#include \"l.h\"\n" + source("a"), "sub/l.h": "->../größe.h", "größe.h": "#define G 1\n"})
	b, err := build(t, Request{Sources: dir, Runner: r, Output: &live, Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatalf("%v\n%s", err, console.Bytes())
	}
	if rels(b) != "a=sub/a.ko" || b.Where != VM || b.Steps[0].Output+b.Steps[1].Output != live.String() {
		t.Errorf("built %s in %s; said %q", rels(b), b.Where, live.String())
	}
	if want := "  INSTALL /lib/modules/" + k.Release + "/extra/sub/a.ko\n"; b.Steps[1].Output != want {
		t.Errorf("modules_install says %q; want %q", b.Steps[1].Output, want)
	}
	sand, err := build(t, Request{Sources: dir})
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := os.ReadFile(b.Modules[0].Path)
	two, err2 := os.ReadFile(sand.Modules[0].Path)
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(one, two) || sand.ID != b.ID {
		t.Errorf("VM and sandbox build different modules (%v)", err)
	}
	commands, err1 := b.CompileCommands()
	same, err2 := sand.CompileCommands()
	if err := errors.Join(err1, err2); err != nil || len(commands) != 1 || !reflect.DeepEqual(commands, same) {
		t.Errorf("VM and sandbox compile differently (%v): %q, %q", err, commands, same)
	}
}

func TestVMRunnerEnds(t *testing.T) {
	needs.VM(t)
	r := vmRunner(t)
	for name, c := range map[string]struct {
		line    string
		timeout time.Duration
		kind    error
	}{
		"deadline":   {"sleep 1000", 8 * time.Second, ErrTimeout},
		"takes down": {"echo c > /proc/sysrq-trigger", time.Minute, ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			job := testJob(t, c.line)
			job.Timeout = c.timeout
			start := time.Now()
			_, err := r.Run(context.Background(), job)
			if !errors.Is(err, c.kind) || time.Since(start) > c.timeout+20*time.Second {
				t.Errorf("Run = %v after %v; want %v", err, time.Since(start), c.kind)
			}
			noProcess(t, job.Kernel.RootImage+",")
		})
	}
}

func TestVMRunnerNeedsImage(t *testing.T) {
	_, err := VMRunner{}.Run(context.Background(), Job{Kernel: &kernel.Kernel{Name: "host"}})
	var e *Error
	if !errors.As(err, &e) || !e.Host() || !strings.Contains(err.Error(), "--build sandbox") {
		t.Errorf("Run = %v", err)
	}
}

// TestBuilderGoesOn: builds resume from one snapshot, know nothing about each other, and make what the sandbox makes,
// also with what the first has learned about the compiler. That a modified snapshot is not trusted is for internal/warm
// to check.
func TestBuilderGoesOn(t *testing.T) {
	needs.VM(t)
	r := vmRunner(t)
	r.Accel, r.Machines = vm.TCG, filepath.Join(t.TempDir(), "machines")
	r.Log = func(line string) { t.Errorf("it boots: %s", line) }
	facts := "$(info uuid $(shell cat /proc/sys/kernel/random/uuid))\n$(info left [$(wildcard /tmp/left)])\n$(shell touch /tmp/left)\nobj-m := a.o\n"
	sand, err := build(t, Request{Sources: tree(t, map[string]string{"Kbuild": "obj-m := a.o\n", "a.c": source("a")})})
	if err != nil {
		t.Fatal(err)
	}
	want := readModule(t, sand)
	seen := make(map[string]bool)
	known := ""
	inVM := func(name string) os.FileInfo {
		t.Helper()
		b, err := build(t, Request{
			Sources: tree(t, map[string]string{"Kbuild": "# " + name + "\n" + facts, "a.c": source("a")}), Runner: r,
			Timeout: 10 * time.Minute,
			Learn:   known == "", Known: known,
		})
		if err != nil {
			t.Fatal(err)
		}
		if known == "" && b.Known == "" {
			t.Fatal("a build in the VM learns nothing of the compiler")
		}
		known = b.Known
		if !bytes.Equal(readModule(t, b), want) {
			t.Errorf("%s: another module than the sandbox builds", name)
		}
		said := b.Steps[0].Output
		_, uuid, _ := strings.Cut(said, "uuid ")
		uuid, _, _ = strings.Cut(uuid, "\n")
		if len(uuid) != 36 || seen[uuid] {
			t.Errorf("%s: random number %q, want a new one", name, uuid)
		}
		seen[uuid] = true
		if !strings.Contains(said, "left []\n") {
			t.Errorf("%s finds what another build left: %q", name, said)
		}
		return savedMachine(t, r.Machines)
	}
	first := inVM("one")
	if second := inVM("two"); !os.SameFile(first, second) {
		t.Error("the second build saved a machine of its own")
	}
}

// savedMachine is the one snapshot in a store.
func savedMachine(t *testing.T, store string) os.FileInfo {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(store, "*", "ram"))
	if err != nil || len(images) != 1 {
		t.Fatalf("saved machines %q, %v, want one", images, err)
	}
	folder, err := os.Stat(filepath.Dir(images[0]))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
