// SPDX-License-Identifier: MIT

package kmodlabtest_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/kmodlabtest"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// A test of a module on two kernels, with a C program beside it. examples/gotest is a whole repository like this.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestMailbox(t *testing.T)
		lab := kmodlabtest.Run(t, "driver",
			kmodlabtest.Kernels("debian:bookworm", "debian:trixie"),
			kmodlabtest.Test("tests/mailbox_test.c"))
		lab.Require(
			kmodlabtest.Loaded("mailbox"),
			kmodlabtest.TestPassed("mailbox_test"),
			kmodlabtest.Called("ioctl", "/dev/mailbox"),
			kmodlabtest.NoLeaks())
	}
}

// Requirements are pure: here they look at a recording, which kmodlab run -o demo.kmlab has made.
func ExampleRequirement_Check() {
	demo := demo()
	for _, q := range []kmodlabtest.Requirement{
		kmodlabtest.Pass(),
		kmodlabtest.Loaded("signal_handling", "send_signal"),
		kmodlabtest.Thread("K*", timeline.EndStopped),
		kmodlabtest.Thread("K3"),
		kmodlabtest.Requested("send_signal"),
		kmodlabtest.Signal("SIGUSR1", "K1", result.Consumed),
		kmodlabtest.Printed("K3"),
	} {
		if err := q.Check(demo); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// no kernel thread K3; kernel threads: K1, K2
	// no module printed "K3" (lines of modules: 21)
}

// A requirement of your own has the whole result.
func ExampleThat() {
	signals := kmodlabtest.That(func(r *result.Result) error {
		n := 0
		for _, s := range r.Signals {
			if !s.Background && s.Outcome == result.Consumed {
				n++
			}
		}
		if n < 5 {
			return fmt.Errorf("%d signals were consumed; want 5", n)
		}
		return nil
	})
	fmt.Println(signals.Check(demo()))
	// Output:
	// 2 signals were consumed; want 5
}

// demo is a run of modules/signals.
func demo() *result.Result {
	f, err := os.Open("../test/cli/testdata/recording/demo-1.kmlab")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	rec, err := kmodlab.ReadRecording(f)
	if err != nil {
		panic(err)
	}
	res, err := rec.Result()
	if err != nil {
		panic(err)
	}
	return res
}
