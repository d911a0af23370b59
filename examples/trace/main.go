// SPDX-License-Identifier: MIT

// Command trace runs a command in a VM and prints what kernel threads, module requests and signals go through
// meanwhile, as it happens.
//
//	go run ./examples/trace modules/signals modprobe signal_handling
//
// The first argument is a folder of modules that the guest is to have. It needs the program kmodlab-agent in PATH or in
// $KMODLAB_AGENT (make build), and no root.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/kmodlab/kmodlab"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: trace DIR COMMAND…")
	}
	// Ctrl-C ends the trace early; its summary comes all the same.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	end, err := kmodlab.Trace(ctx, kmodlab.TraceSpec{
		Dir:     os.Args[1],
		Argv:    os.Args[2:],
		For:     2 * time.Second,
		Observe: kmodlab.Observe{Watch: kmodlab.Watch{Event: show}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", end.Verdict.Class, end.Verdict.Message)
	os.Exit(end.Verdict.Class.ExitStatus())
}

// show prints an event in words. Some events only complete others and have none.
func show(s *kmodlab.Seen) {
	if s.Line.What != "" {
		fmt.Printf("%10.3f ms  %-20s %s\n", float64(s.SinceStart)/float64(time.Millisecond), s.Line.Who, s.Line.What)
	}
}
