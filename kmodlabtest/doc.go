// SPDX-License-Identifier: MIT

// Package kmodlabtest has Go tests load kernel modules in throw-away VMs and say what they must do there.
//
//	func TestEcho(t *testing.T) {
//		lab := kmodlabtest.Run(t, "driver",
//			kmodlabtest.Kernels("debian:bookworm", "debian:trixie"),
//			kmodlabtest.Test("driver/echo_test.c"))
//		lab.Require(
//			kmodlabtest.Loaded("echo"),
//			kmodlabtest.TestPassed("echo_test"),
//			kmodlabtest.NoLeaks())
//	}
//
// Run builds the folder, loads its modules on each kernel, runs the programs beside them, unloads, and returns what
// was seen. Require checks that, in a subtest for each kernel if there are several. A test that fails shows the lines
// of the story around what was not as required.
//
// # The verdict
//
// Every lab must end in verdict pass: whatever else is required, and also if nothing is. A test that wants another
// one says so with Class. If this machine fails, and not the modules (verdict host), the test ends at once.
//
// # Expectations
//
// The option Expect and the requirement Holds take expressions over the result, as kmodlab run --expect does:
//
//	lab := kmodlabtest.Run(t, "driver", kmodlabtest.Expect(`threads.all(t, t.stops == 1)`))
//
// # What it needs
//
// Kernels come from the machine's own apt; the first run with one downloads some 125 MB. Without QEMU the test is
// skipped, and with CI=true in the environment it fails. With -short it is skipped.
//
// In the guest works kmodlab-agent, of the same version as this package. It is $KMODLAB_AGENT, or is built by
// the go command out of the module under test, or else is the one in PATH. `go mod tidy` adds what that build needs
// to go.sum.
//
// # Many tests
//
// Tests may be parallel. All of a process share one kmodlab.Pool: it runs as many labs at a time as the machine has
// processors, and kernels, builds, symbol tables and snapshots are made once. Test programs of several packages take
// turns. KMODLAB_TEST_KERNELS=debian:trixie,… in the environment replaces the kernels of all labs.
//
// go test takes a result from its cache if nothing has changed: Run tells it of the module's sources and of the
// programs, as far as they are in the same Go module as the test.
//
// # What is kept
//
// If a test fails, go test -artifacts keeps a recording (run.kmlab), the report (report.html) and the console of each
// kernel. The option Artifacts does so without the flag.
package kmodlabtest
