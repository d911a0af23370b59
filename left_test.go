// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/kmod"
)

// TestStillThere: nobody says that nothing is left on this machine without having looked.
func TestStillThere(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("proc/sys/kernel/random/boot_id", "first\n")
	var loaded []kmod.LoadedModule
	site := footprint.Machine{
		Dir: filepath.Join(root, "notes"), Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"),
		List:   func() ([]kmod.LoadedModule, error) { return loaded, nil },
		Unload: func(context.Context, string) error { return errors.New("it is in use") },
	}
	why := errors.New("Ctrl-C")
	check := func(when string, want ...string) {
		t.Helper()
		err := stillThere(site, why)
		var left *LeftError
		if !errors.Is(err, why) || errors.As(err, &left) != (len(want) > 0) {
			t.Errorf("%s: %v", when, err)
			return
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %q", when, err, text)
			}
		}
	}
	check("without any run")
	claim, err := site.Claim()
	if err != nil {
		t.Fatal(err)
	}
	change := footprint.Change{Release: "6.1.0", Tree: root, Modules: []footprint.Module{{Name: "m"}}}
	if err := claim.Make(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	check("while a run is at work")
	loaded = []kmod.LoadedModule{{Name: "m", Refcnt: 1, State: kmod.StateLive}}
	claim.Undo(t.Context())
	claim.Release()
	check("with a module that stays", "Ctrl-C", "module m is loaded", footprint.Mend)
	write("notes/here.json", "{")
	check("with notes that cannot be read", "what is left is unknown", "here.json")
}

// TestCutShort: a run in a VM ends with its context's cause alone.
func TestCutShort(t *testing.T) {
	why := errors.New("Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := cutShort(ctx, false); err != why {
		t.Errorf("%v, want %v", err, why)
	}
}
