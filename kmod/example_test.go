// SPDX-License-Identifier: MIT

package kmod_test

import (
	"fmt"
	"log"
	"os"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/depmod"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// A tree of two modules gets its index; then a name, in either spelling,
// leads to what must be loaded, in order.
func Example() {
	root, err := os.MkdirTemp("", "kmod-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	core := kmodtest.Module{Exports: []kmodtest.Export{{Name: "core_open"}}}
	card := kmodtest.Module{Needs: []kmodtest.Need{{Name: "core_open"}}}
	err = kmodtest.WriteTree(root, map[string][]byte{"kernel/core.ko": core.Bytes(), "kernel/snd-card.ko": card.Bytes()})
	if err != nil {
		log.Fatal(err)
	}
	if err := depmod.WriteIndex(root, kmodtest.Release); err != nil {
		log.Fatal(err)
	}
	mods, err := kmod.Closure(&kmod.Tree{Root: root, Release: kmodtest.Release}, []string{"snd-card"})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range mods {
		fmt.Println(m.Name)
	}
	// Output:
	// core
	// snd_card
}
