// SPDX-License-Identifier: MIT

// Package kmod resolves, loads, removes and examines Linux kernel modules.
//
// Loading and removing happen in the calling process, by finit_module(2) (Linux 3.8;
// decompression by the kernel Linux 5.17), init_module(2) and delete_module(2). They
// need Linux and CAP_SYS_MODULE. Everything else reads files, and works on any system
// and for the tree of any kernel; what needs the running kernel is an
// [UnsupportedError] elsewhere.
//
// Names of modules are in underscore form throughout: - and _ are the same character to
// the kernel, and file names have either. See [CanonicalName].
//
// # Resolve
//
// A [Tree] is the module tree of one kernel release below one root; [Running] is that
// of this machine. [Tree.Resolve] finds the modules that a name or alias stands for,
// [Tree.ResolveName] the path of the first. [Tree.Dependencies] lists what a module
// needs, [Closure] also its soft dependencies, in load order. [Tree.Steps] says exactly
// what modprobe would do, with parameters, from modprobe.d and the kernel's command line
// ([Tree.Config]).
//
// # Load and remove
//
// [Tree.Load] does the work of modprobe and insmod, [Tree.Remove] that of modprobe -r and
// rmmod. The zero [LoadOptions] and [RemoveOptions] do what modprobe does without flags.
// [Load], [Init] and [Remove] are short forms for the running kernel. [List] and [StateOf]
// say what is loaded.
//
// # Before loading
//
// [Tree.Preflight] says what the kernel would refuse or let pass: vermagic, symbols and
// their versions, licence, namespaces, parameters. [NewPlan] and [PlanFile] order
// modules that no index knows, such as the ones just built.
//
// # Files
//
// [OpenModule] and [ParseModule] read a module (.ko, .ko.gz, .ko.xz, .ko.zst): its
// modinfo ([Info]), parameters, exported and needed symbols. Nothing in a file is
// trusted: a damaged one ends in a [FileError], never in a panic or a large allocation.
//
// # Index
//
// A Tree answers from the files that depmod writes, the binary ones if they exist. [Trie]
// reads one such file. The package depmod below this one writes them.
//
// # Why not?
//
// A refusal by the kernel is a [LoadError] with the errno, the kernel's own log lines,
// the cause in plain words and what to do next. In most errors errors.Is finds one of the
// sentinels below ([Kind] says which), and errors.As a type with the details.
// [Diagnose] says what keeps a loaded module from being unloaded: holders, processes,
// mounts.
//
// # Moving from pault.ag/go/modprobe
//
// The verbs are the same, and so are the signatures:
//
//	there                                     here
//	modprobe.Load(name, params)               Load(name, params)
//	modprobe.Init(file, params)               Init(file, params)
//	modprobe.InitWithFlags(file, params, n)   Tree.Load(path, LoadOptions{Alone: true, Params: params, Flags: n})
//	modprobe.Remove(name)                     Remove(name)
//	modprobe.Dependencies(name)               Dependencies(name)
//	modprobe.ResolveName(name)                ResolveName(name)
//	modprobe.Name(file)                       Name(file)
//
// Load and ResolveName also take aliases, and heed modprobe.d. Load succeeds if the
// module is already loaded or built in; [LoadOptions] has FirstTime for who wants an
// error. Dependencies come from modules.dep, in load order and without the module
// itself. An errno is still found by errors.Is, and so is its cause:
//
//	err := kmod.Load("loop", "max_loop=8")
//	errors.Is(err, unix.EPERM)            // as before
//	errors.Is(err, kmod.ErrNotPermitted)  // the cause
//	errors.AsType[*kmod.LoadError](err)   // everything that is known about it
package kmod
