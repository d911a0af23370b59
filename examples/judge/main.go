// SPDX-License-Identifier: MIT

// Command judge runs many folders of modules, each in a VM of its own, as many at a time as this machine has CPUs, and
// prints a table of verdicts.
//
//	go run ./examples/judge modules/faults/null_init modules/faults/kmalloc_leak
//
// Every run is recorded: NAME.kmlab in the current folder is read by `kmodlab report`, on any machine. It needs the
// program kmodlab-agent in PATH or in $KMODLAB_AGENT (make build), and no root.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/kmodlab/kmodlab"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var specs []kmodlab.Spec
	for _, dir := range os.Args[1:] {
		specs = append(specs, kmodlab.Spec{Dir: dir, Observe: kmodlab.Observe{Record: true}})
	}
	status := 0
	err := kmodlab.RunAll(ctx, specs, 0, func(i int, end *kmodlab.Conclusion, err error) {
		name := filepath.Base(specs[i].Dir)
		if err == nil {
			fmt.Printf("%-20s %-12s %s\n", name, end.Verdict.Class, end.Verdict.Message)
			status = max(status, end.Verdict.Class.ExitStatus())
			err = write(name+".kmlab", end.Recording)
		}
		if err != nil {
			log.Printf("%s: %v", name, err)
			status = 3
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(status)
}

func write(name string, rec *kmodlab.Recording) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := rec.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
