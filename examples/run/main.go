// SPDX-License-Identifier: MIT

// Command run builds and runs a folder of modules in a VM, and says what became of their kernel threads.
//
//	go run ./examples/run modules/signals
//
// It needs the program kmodlab-agent in PATH or in $KMODLAB_AGENT (make build), and no root.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/kmodlab/kmodlab"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: run DIR")
	}
	// Ctrl-C ends the run and leaves nothing behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	end, err := kmodlab.Run(ctx, kmodlab.Spec{
		Dir:     os.Args[1],
		Observe: kmodlab.Observe{Watch: kmodlab.Watch{Phase: func(p kmodlab.Progress) { log.Println("...", p.Phase) }}},
	})
	if err != nil {
		log.Fatal(err) // the Spec makes no sense, or the run was interrupted
	}
	for _, t := range end.Threads {
		if !t.Background {
			fmt.Printf("%s runs %s, asked for by %s: %s\n", t.Name, t.Function, t.Requester.Comm, t.Ended)
		}
	}
	fmt.Printf("%s: %s\n", end.Verdict.Class, end.Verdict.Message)
	os.Exit(end.Verdict.Class.ExitStatus())
}
