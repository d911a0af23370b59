// SPDX-License-Identifier: MIT

// Package kmod reads, orders, indexes, loads and unloads Linux kernel modules.
//
// Module files (.ko, .ko.gz, .ko.xz, .ko.zst) are read as plain data by
// [ParseModule] and [ReadModule]; nothing in them is trusted, and a damaged
// file ends in a [FileError], never in a panic or a large allocation.
//
// A [Tree] is the module tree of one kernel release under one root directory.
// It answers from the index files that depmod writes (modules.dep,
// modules.alias, modules.softdep, modules.builtin), and [Index] writes
// those, text and binary: they are what kmod's depmod writes for the same tree.
// A Tree reads each index file once, when it is first needed; after the index
// changed, use a new Tree. [Trie] reads the binary files, and no more of them than a
// question needs.
//
// What modprobe.d and the kernel's command line say of modules is a [Config], in
// the order in which modprobe reads it, with the lines that do nothing.
//
// [NewPlan] and [PlanFile] order modules that no index knows yet, such as the
// ones just built. [Tree.Preflight] says before anything is loaded, and on any
// machine, what the kernel would refuse or let pass. [Diagnose] says why a loaded
// module cannot be unloaded.
//
// Loading and unloading are Linux only, need CAP_SYS_MODULE and happen in the
// calling process by finit_module(2) (Linux 3.8; in-kernel decompression Linux
// 5.17), init_module(2) and delete_module(2). A refusal is a [LoadError], which
// carries the errno, the kernel's own log lines and the cause in plain words.
//
// The package functions Load, Remove, Dependencies, ResolveName, ModInfo, Name,
// Init and InitWithFlags have the meaning that users of pault.ag/go/modprobe
// know, for the running kernel.
//
// Names of modules are in underscore form throughout: - and _ are the same
// character to the kernel, and file names have either.
package kmod
