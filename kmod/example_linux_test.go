// SPDX-License-Identifier: MIT

package kmod_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// Loading fails in three ways: the name leads nowhere, the module cannot fit this
// kernel, or the kernel refuses. Only the last is a *LoadError. The modules here have no
// code, so every kernel refuses them, and it depends on the machine for which reason.
func ExampleTree_Load() {
	tree := exampleTree()
	defer os.RemoveAll(tree.Root)
	old := filepath.Join(tree.Root, "old.ko")
	module := kmodtest.Module{Info: []string{"vermagic=5.10.0 SMP mod_unload "}}
	if err := os.WriteFile(old, module.Bytes(), 0o644); err != nil {
		fmt.Println(err)
	}
	for _, name := range []string{"no-such-module", old, "lab-core"} {
		_, err := tree.Load(name, kmod.LoadOptions{})
		var refused *kmod.LoadError
		switch {
		case err == nil:
			fmt.Println(name, "is loaded")
		case errors.Is(err, kmod.ErrNotFound):
			fmt.Println("there is no module", name)
		case errors.Is(err, kmod.ErrVermagic):
			fmt.Println("built for another kernel; nothing was tried")
		case errors.As(err, &refused):
			// also in refused: Errno, Kmsg (what the kernel logged), Hint, Kind
			fmt.Printf("%s refused %s; a cause is known: %v\n", refused.Op, refused.Module, refused.Cause != "")
		default:
			fmt.Println(err)
		}
	}
	// Output:
	// there is no module no-such-module
	// built for another kernel; nothing was tried
	// finit_module refused lab_core; a cause is known: true
}

// Remove does not guess: a module that is not loaded, is built in or is in use is an
// error of its own. For one in use, Diagnose names the processes, mounts and modules.
func ExampleRemove() {
	const name = "no_such_module"
	err := kmod.Remove(name)
	switch {
	case errors.Is(err, kmod.ErrNotLoaded):
		fmt.Println(err)
	case errors.Is(err, kmod.ErrInUse):
		d := kmod.Diagnose(name)
		fmt.Println(d.Cause, d.Holders, d.Users, d.Mounts, d.Hint)
	}
	// Output:
	// unload module no_such_module: module is not loaded
}

// Why can a module not be unloaded? Diagnose only looks.
func ExampleDiagnose() {
	d := kmod.Diagnose("no-such-module")
	fmt.Println(d.Cause)
	fmt.Println(errors.Is(d.Kind, kmod.ErrNotLoaded), d.Refcnt)
	// Output:
	// no_such_module is not loaded
	// true -1
}
