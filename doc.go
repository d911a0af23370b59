// SPDX-License-Identifier: MIT

// Package kmodlab is a lab bench for Linux kernel modules. Run builds a folder of modules, boots a kernel in a
// throw-away VM, loads the modules in dependency order, traces through eBPF what the kernel did, unloads them, and
// gives one verdict with the whole story behind it. It needs no root, no KVM and no kernel tree; QEMU has to be
// installed and, where the sandbox builds, bubblewrap (`kmodlab doctor` says what is missing).
//
// # Run, trace, judge
//
//	Run            one folder, or ready .ko files: a verdict and a story
//	RunAll         many of them, some at a time
//	Pool           the same for runs that come one by one; package kmodlabtest uses it for Go tests
//	Trace          a kernel while a command runs there, in a VM or on this machine itself
//	BuildModules   one folder: the modules, and what an editor needs; nothing is loaded
//
// All of them end in a Conclusion. Its Result is plain data (package result), the same that `kmodlab run --json`
// writes: the verdict, the lives of kernel threads, module requests and signals, crashes with file and line, what
// was left behind. A run that went wrong has a result as well: look at Verdict.Class. An error is only for a Spec
// that makes no sense (UsageError) and for a context that ended.
//
// With Observe.Record the Conclusion also has a Recording: all that the result was made of, in one file, from which
// ReadRecording and Recording.Result make it again on any machine.
//
// # The agent
//
// The program kmodlab-agent works in the guest. A program that imports this package finds it through Tools.Agent,
// $KMODLAB_AGENT or PATH; else a run ends in the verdict host and says so (ErrNoAgent). It has to be of the same
// version. Package kmodlabtest has the go command build it.
//
// # Time and room
//
// Whatever waits has a deadline, which is stretched tenfold without KVM. When ctx ends, so does the run, and nothing of
// it is left: no process, no socket, no temporary file. Kernels (some 0.9 GB each), builds and snapshots of machines
// stay in Tools.CacheDir, for all runs to come.
//
// The folder examples/ has whole programs.
package kmodlab
