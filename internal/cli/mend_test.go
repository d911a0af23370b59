// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// killedRun is a machine on which a killed run has left module m, which refuses to unload while refuse is not nil.
func killedRun(t *testing.T, refuse *error) footprint.Machine {
	t.Helper()
	root := t.TempDir()
	write := func(path, text string) string {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var loaded []kmod.LoadedModule
	write("proc/sys/kernel/random/boot_id", "first\n")
	site := footprint.Machine{
		Dir: filepath.Join(root, "notes"), Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"),
		List:   func() ([]kmod.LoadedModule, error) { return loaded, nil },
		Depmod: func(context.Context, string) error { return nil },
		Unload: func(context.Context, string) error {
			if *refuse == nil {
				loaded = nil
			}
			return *refuse
		},
	}
	claim, err := site.Claim()
	if err != nil {
		t.Fatal(err)
	}
	err = claim.Make(t.Context(), footprint.Change{
		Release: "6.1.0", Tree: filepath.Join(root, "modules"), Modules: []footprint.Module{{Name: "m"}},
		Files: []footprint.Source{{From: write("m.ko", "module"), Path: "extra/m.ko"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	claim.Release()
	loaded = []kmod.LoadedModule{{Name: "m", State: kmod.StateLive}}
	return site
}

// TestMend: doctor says what a killed run left and what to type, and --mend undoes it, or says what it could not.
func TestMend(t *testing.T) {
	refuse := errors.New("m is in use")
	site := killedRun(t, &refuse)
	f := checkHere(site)
	if f.OK || !f.Optional || f.Fix != footprint.Mend || !strings.Contains(f.Detail, "module m is loaded") ||
		!strings.Contains(f.Detail, "m.ko is installed") {
		t.Errorf("%+v, want that m is left, and what to type", f)
	}
	var out bytes.Buffer
	if err := mend(t.Context(), site, &out); !errors.Is(err, exit(exitHost)) {
		t.Errorf("%v, want exit status %d\n%s", err, exitHost, &out)
	}
	for _, want := range []string{"removed ", "m.ko\n", "module m is loaded: m is in use: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("said %q, want %q", out.String(), want)
		}
	}
	refuse = nil
	out.Reset()
	if err := mend(t.Context(), site, &out); err != nil || !strings.HasPrefix(out.String(), "unloaded m\n") {
		t.Errorf("%v, said %q", err, out.String())
	}
	if f := checkHere(site); !f.OK {
		t.Errorf("%+v, want nothing left", f)
	}
}

// TestMendBusy: nothing is undone while its run is at work.
func TestMendBusy(t *testing.T) {
	site := killedRun(t, new(error))
	claim, err := site.Claim()
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	if f := checkHere(site); !f.OK || !strings.Contains(f.Detail, "another run with --here is using") {
		t.Errorf("%+v, want that a run is at work", f)
	}
	if err := mend(t.Context(), site, new(bytes.Buffer)); !errors.As(err, new(*footprint.BusyError)) {
		t.Errorf("%v, want that a run is at work", err)
	}
}

// TestSayLeft: an interrupted run with --here says what is left, not that nothing is.
func TestSayLeft(t *testing.T) {
	var out bytes.Buffer
	status := conclusion(&kmodlab.LeftError{Left: []string{"module m is loaded: x"}, Err: errInterrupted}, &out)
	if status != exitInterrupted || strings.Contains(out.String(), "nothing is left") ||
		!strings.HasPrefix(out.String(), "kmodlab: module m is loaded: x\nkmodlab: interrupted; ") {
		t.Errorf("exit status %d, said %q", status, out.String())
	}
}

// TestLeftHere: a command that is interrupted after its run, while it writes, looks at the machine before it says that
// nothing is left.
func TestLeftHere(t *testing.T) {
	site := killedRun(t, new(error))
	whileWriting := fmt.Errorf("write out.html: %w: nothing is left of it", errInterrupted)
	said := func(here bool, err error) string {
		var out bytes.Buffer
		if status := conclusion(leftHere(here, site, err), &out); err != nil && status == 0 {
			t.Errorf("%v: exit status %d", err, status)
		}
		return out.String()
	}
	const nothing = "kmodlab: interrupted; nothing is left behind\n"
	for _, err := range []error{errInterrupted, whileWriting, conclude(whileWriting, new(result.Result), io.Discard)} {
		if text := said(true, err); strings.Contains(text, "nothing is left") ||
			!strings.HasPrefix(text, "kmodlab: module m is loaded: "+footprint.Mend+"\n") {
			t.Errorf("%v: said %q", err, text)
		}
		if text := said(false, err); text != nothing {
			t.Errorf("%v, in a VM: said %q", err, text)
		}
	}
	looked := &kmodlab.LeftError{Left: []string{"module n is loaded"}, Err: errInterrupted}
	if err := leftHere(true, site, looked); err != error(looked) {
		t.Errorf("%v, want what was seen before", err)
	}
	other := errors.New("the disk is full")
	if err := leftHere(true, site, other); err != other {
		t.Errorf("%v, want %v", err, other)
	}
	if err := leftHere(true, site, nil); err != nil {
		t.Error(err)
	}
	if err := mend(t.Context(), site, io.Discard); err != nil {
		t.Fatal(err)
	}
	if text := said(true, whileWriting); text != nothing {
		t.Errorf("nothing is there, and it says %q", text)
	}
}

// TestSweep: only a cache that is this user's alone is swept.
func TestSweep(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's link")
	}
	top := t.TempDir()
	left := filepath.Join(top, "tmp", "old-"+rand.Text())
	for _, err := range []error{
		os.MkdirAll(left, 0o700), os.Mkdir(top+"/theirs", 0o700), os.Symlink("../tmp", top+"/theirs/tmp"),
		os.Lchown(top+"/theirs/tmp", 65533, 65533),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	sweep(filepath.Join(top, "theirs"))
	if _, err := os.Lstat(left); err != nil {
		t.Errorf("by way of another user's link: %v", err)
	}
	sweep(top)
	if _, err := os.Lstat(left); err == nil {
		t.Error("what a killed run left is still there")
	}
}
