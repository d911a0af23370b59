// SPDX-License-Identifier: MIT

// Command preflight says whether a module file fits a kernel, before anybody loads it.
//
//	go run ./examples/preflight hello.ko                  for the kernel that runs
//	go run ./examples/preflight hello.ko /mnt 6.1.0-13    for the kernel of that release below /mnt
//
// It reads files, so it needs no root, and not even Linux for another kernel's tree.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/kmodlab/kmodlab/kmod"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 && len(os.Args) != 4 {
		log.Fatal("usage: preflight FILE.ko [ROOT RELEASE]")
	}
	tree, err := treeOf(os.Args[2:])
	if err != nil {
		log.Fatal(err)
	}
	found, err := tree.Preflight(os.Args[1], kmod.LoadOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, pass := range found.Passed {
		fmt.Println("the kernel would let pass:", pass)
	}
	if err := found.Err(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("it fits")
}

func treeOf(args []string) (*kmod.Tree, error) {
	if len(args) == 0 {
		return kmod.Running()
	}
	return &kmod.Tree{Root: args[0], Release: args[1]}, nil
}
