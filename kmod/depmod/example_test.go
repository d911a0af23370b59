// SPDX-License-Identifier: MIT

package depmod_test

import (
	"fmt"
	"log"
	"os"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/depmod"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// An index is written and read again. What is no module is listed and reported.
func ExampleIndex() {
	root, err := os.MkdirTemp("", "depmod-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	err = kmodtest.WriteTree(root, map[string][]byte{
		"kernel/core.ko": kmodtest.Module{Exports: []kmodtest.Export{{Name: "core_open"}}}.Bytes(),
		"kernel/card.ko": kmodtest.Module{Needs: []kmodtest.Need{{Name: "core_open"}},
			Info: []string{"alias=usb:v1234*"}}.Bytes(),
		"extra/broken.ko": []byte("this is text\n"),
		"modules.order":   nil, "modules.builtin": nil, "modules.builtin.modinfo": nil,
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := depmod.Index(depmod.Options{Root: root, Release: kmodtest.Release})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Modules, "modules,", len(result.Files), "files,", len(result.Problems), "problem")

	tree := &kmod.Tree{Root: root, Release: kmodtest.Release}
	index, err := tree.OpenIndex("modules.alias.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer index.Close()
	found, err := index.Match("usb:v1234p5678")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found[0].Key, "->", found[0].Value)
	// Output:
	// 3 modules, 11 files, 1 problem
	// usb:v1234* -> card
}

// A release that is empty or a path is refused: it would mean lib/modules itself, or any
// other folder.
func ExampleWriteIndex() {
	fmt.Println(depmod.WriteIndex("", ""))
	// Output:
	// index modules: not a kernel release: it is empty; uname -r prints the running kernel's
}
