// SPDX-License-Identifier: MIT

package kmod_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/depmod"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// exampleTree makes a tree of two modules, snd-card and the lab-core that it needs, with an
// index and a file of modprobe.d. The caller removes it.
func exampleTree() *kmod.Tree {
	root, err := os.MkdirTemp("", "kmod-example-")
	if err != nil {
		log.Fatal(err)
	}
	vermagic := "vermagic=" + kmodtest.Kernel
	core := kmodtest.Module{
		Info:    []string{vermagic, "license=GPL", "description=A core"},
		Exports: []kmodtest.Export{{Name: "lab_open"}},
	}
	card := kmodtest.Module{
		Info: []string{vermagic, "license=GPL", "alias=pci:v00001234d*", "parm=index:number of the card",
			"parmtype=index:int"},
		Needs: []kmodtest.Need{{Name: "lab_open"}},
	}
	err = errors.Join(
		kmodtest.WriteTree(root, map[string][]byte{"kernel/lab-core.ko": core.Bytes(),
			"kernel/snd-card.ko": card.Bytes()}),
		depmod.WriteIndex(root, kmodtest.Release),
		os.MkdirAll(filepath.Join(root, "etc/modprobe.d"), 0o755),
		os.WriteFile(filepath.Join(root, "etc/modprobe.d/sound.conf"), []byte("options snd-card index=2\n"), 0o644),
	)
	if err != nil {
		log.Fatal(err)
	}
	return &kmod.Tree{Root: root, Release: kmodtest.Release}
}

// short drops what differs from run to run.
func short(tree *kmod.Tree, v any) string {
	return strings.ReplaceAll(fmt.Sprint(v), filepath.ToSlash(tree.Dir()), "TREE")
}

// A name in either spelling, or a device's alias, leads to the modules to load, in order.
func ExampleClosure() {
	tree := exampleTree()
	defer os.RemoveAll(tree.Root)
	for _, name := range []string{"snd-card", "pci:v00001234d00005678"} {
		mods, err := kmod.Closure(tree, []string{name})
		if err != nil {
			log.Fatal(err)
		}
		for _, m := range mods {
			fmt.Println(name, "->", m.Name)
		}
	}
	// Output:
	// snd-card -> lab_core
	// snd-card -> snd_card
	// pci:v00001234d00005678 -> lab_core
	// pci:v00001234d00005678 -> snd_card
}

// Steps is what modprobe -D prints: each module with the parameters that modprobe.d and
// the caller give it. It works for any tree, on any system.
func ExampleTree_Steps() {
	tree := exampleTree()
	defer os.RemoveAll(tree.Root)
	steps, err := tree.Steps("snd_card", kmod.LoadOptions{Params: "debug=1"})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range steps {
		fmt.Println(strings.TrimSpace(short(tree, s.Path) + " " + s.Params))
	}
	// Output:
	// TREE/kernel/lab-core.ko
	// TREE/kernel/snd-card.ko index=2 debug=1
}

// An unknown name is an error that says where it was looked for.
func ExampleTree_Resolve() {
	tree := exampleTree()
	defer os.RemoveAll(tree.Root)
	_, err := tree.Resolve("snd-crad")
	if unknown, ok := errors.AsType[*kmod.NotFoundError](err); ok {
		fmt.Println(unknown.Name, "is not in", short(tree, unknown.Dir))
	}
	fmt.Println(errors.Is(err, kmod.ErrNotFound))
	// Output:
	// snd-crad is not in TREE
	// true
}

// What a module file says about itself is read without a kernel. OpenModule takes .ko,
// .ko.gz, .ko.xz and .ko.zst.
func ExampleOpenModule() {
	tree := exampleTree()
	defer os.RemoveAll(tree.Root)
	path, err := tree.ResolveName("snd-card")
	if err != nil {
		log.Fatal(err)
	}
	m, err := kmod.OpenModule(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("license:", m.Info.Get("license"))
	fmt.Println("aliases:", m.Info.All("alias"))
	for _, p := range m.Info.Params() {
		fmt.Printf("parameter: %s (%s), %s\n", p.Name, p.Type, p.Desc)
	}
	fmt.Println("needs:", m.Needs[0].Name)
	// Output:
	// license: GPL
	// aliases: [pci:v00001234d*]
	// parameter: index (int), number of the card
	// needs: lab_open
}

// Does a module fit this kernel? The file was built for another one, and one of its
// parameters has a value of the wrong type.
func ExampleTree_Preflight() {
	tree := exampleTree()
	defer os.RemoveAll(tree.Root)
	old := kmodtest.Module{Info: []string{"vermagic=5.10.0 SMP mod_unload ", "parmtype=count:int"}}
	path := filepath.Join(tree.Root, "old.ko")
	if err := os.WriteFile(path, old.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	pre, err := tree.Preflight(path, kmod.LoadOptions{Params: "count=many"})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range pre.Refused {
		fmt.Println("refused:", kmod.Kind(e))
	}
	if bad, ok := errors.AsType[*kmod.VermagicError](pre.Err()); ok {
		fmt.Printf("built for %q, not %q\n", bad.Have, bad.Want)
	}
	// Output:
	// refused: module is for another kernel
	// refused: bad module parameter
	// built for "5.10.0 SMP mod_unload ", not "6.1.0-test SMP preempt mod_unload modversions "
}

// Modules that were just built are in no index. A plan orders them and finds everything
// that the kernel would refuse, before anything is loaded.
func ExampleNewPlan() {
	tree := exampleTree()
	defer os.RemoveAll(tree.Root)
	dir := filepath.Join(tree.Root, "build")
	err := errors.Join(os.Mkdir(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "app.ko"), kmodtest.Exporting("app", "lib"), 0o644),
		os.WriteFile(filepath.Join(dir, "lib.ko"), kmodtest.Exporting("lib"), 0o644))
	if err != nil {
		log.Fatal(err)
	}
	plan, err := kmod.NewPlan(tree, []string{dir}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range plan.Modules {
		fmt.Println(m.Name, m.Depends)
	}
	// Output:
	// lib []
	// app [lib]
}
