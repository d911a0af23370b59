// SPDX-License-Identifier: MIT

package repo

// outerRooms are the API, the programs, and what they are made of.
var outerRooms = []room{
	{
		path: "",
		does: "package kmodlab, the Go API alone: Run(ctx, Spec), RunAll(ctx, specs, …), Pool, Trace(ctx, TraceSpec), BuildModules(ctx, BuildSpec), Recording",
		may: []string{
			"internal/beneath", "internal/cachedir", "internal/evidence", "internal/expect", "internal/failable",
			"internal/footprint",
			"internal/hostfault", "internal/kbuild",
			"internal/corefile", "internal/gdbscript", "internal/kernel", "internal/kmodcmd", "internal/labfile",
			"internal/lab", "internal/lazyregexp", "internal/notify", "internal/payload", "internal/pool", "internal/prepare",
			"internal/received", "internal/recording",
			"internal/session", "internal/verdict", "internal/vm", "internal/wire", "result", "tracer/event",
			"tracer/timeline",
		},
		never: []never{
			noGuest, {"internal/cli", "the commands use the API, not the other way round"},
			{"internal/report", "a result is data; who wants it rendered says so"}, noTracer,
		},
	},
	{
		path: "kmodlabtest",
		does: "for others' Go tests: a lab in a line, what it must show, and the story around what it does not show",
		may: []string{
			"", "internal/errno", "internal/plain", "internal/report", "internal/report/page", "internal/testlab/needs",
			"result", "tracer/timeline",
		},
		never: []never{noGuest, noTracer, {"internal/cli", "it uses the API; the program is only its guest's agent"}},
	},
	{
		path:  "cmd/kmodlab",
		does:  "main only",
		may:   []string{"internal/cli", "internal/kmodcmd"},
		never: []never{noGuest, noTracer},
	},
	{
		path: "cmd/kmodlab-agent",
		does: "main only: the program in the guest, and what run --here and debug start",
		may:  []string{"internal/gdbpipe", "internal/guest", "internal/kmodcmd", "internal/wire"},
		never: []never{
			{"internal/cli", "the guest's program is sent to each machine: it has to be small"},
			{"internal/vm", "the guest's program is sent to each machine: it has to be small"},
		},
	},
	{
		path: "cmd/kmod",
		does: "the six commands for modules alone, for links",
		may:  []string{"internal/kmodcmd"},
		never: []never{
			{"tracer", "a modprobe has to start fast"}, {"internal/vm", "a modprobe has to start fast"}, noPrograms,
		},
	},
	{
		path: "examples/run",
		does: "an example: run a folder of modules",
		may:  []string{""},
	},
	{
		path: "examples/trace",
		does: "an example: trace a command",
		may:  []string{""},
	},
	{
		path: "examples/judge",
		does: "an example: judge many folders",
		may:  []string{""},
	},
	{
		path: "examples/preflight",
		does: "an example: does a module fit a kernel?",
		may:  []string{"kmod"},
	},
	{
		path:  "modules",
		does:  "C kernel modules, a folder a lesson; embeds the demo's and the self-test's sources",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "tracer",
		does:  "loads and attaches the eBPF programs, reads rings, proves hooks",
		may:   []string{"internal/linuxversion", "tracer/bpf", "tracer/event", "tracer/programs"},
		never: []never{{"kmod", "it loads no module"}, {"internal/vm", "it runs in the guest"}, noCEL},
	},
	{
		path: "tracer/bpf",
		does: "*.bpf.c, small CO-RE headers, committed bpf2go output",
	},
	{
		path:  "tracer/programs",
		does:  "the object made ready for one kernel: offsets, targets, maps; to bytes and back (pure)",
		may:   []string{"tracer/bpf"},
		never: []never{noNet, {"internal/vm", "it runs in the guest too"}},
	},
	{
		path:  "tracer/holders",
		does:  "finds which open files, mappings and mounts hold a module, by eBPF iterators, when it is asked",
		may:   []string{"tracer/bpf"},
		never: []never{noNet, {"internal/vm", "it runs in the guest"}},
	},
	{
		path:  "tracer/event",
		does:  "the records: layout, decode (pure)",
		never: []never{noPrograms, noNet, noTracing},
	},
	{
		path:  "tracer/symbols",
		does:  "kallsyms and .ko symbol tables: address to place (pure)",
		may:   []string{"tracer/event"},
		never: []never{noPrograms, noNet, noTracing},
	},
	{
		path:  "tracer/timeline",
		does:  "events to lives: Thread, Request, Signal, Load (pure)",
		may:   []string{"internal/errno", "tracer/event"},
		never: []never{noPrograms, noNet, noTracing},
	},
	{
		path:  "kmod",
		does:  "module files, reading the index, resolve, plan, load, remove; all but the last two on any system",
		may:   []string{"internal/errno", "kmod/internal/ko", "kmod/internal/trie"},
		never: []never{{"os/exec", "install and remove commands are for the caller to run"}, noNet, noCEL},
	},
	{
		path:  "kmod/depmod",
		does:  "writes the index of a module tree",
		may:   []string{"kmod", "kmod/internal/ko", "kmod/internal/trie"},
		never: []never{noPrograms, noNet},
	},
	{
		path:  "kmod/internal/ko",
		does:  "bytes of module files: compression, ELF, symbols (pure)",
		may:   []string{"internal/xz"},
		never: []never{noPrograms, noNet},
	},
	{
		path:  "kmod/internal/trie",
		does:  "the format of the binary index files, and writing it (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path: "kmod/kmodtest",
		does: "small module files and trees for tests",
		may:  []string{"internal/testlab/needs"},
	},
	{
		path:  "internal/xz",
		does:  ".xz files to plain bytes (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "result",
		does:  "Result, Verdict, Phase, Crash: plain data (pure)",
		never: []never{noPrograms, noNet, noFiles, noTracing},
	},
	{
		path:  "internal/lazyregexp",
		does:  "regular expressions that are compiled when first used: a modprobe must not wait for them",
		never: []never{noFiles, noNet},
	},
	{
		path:  "internal/errno",
		does:  "the kernel's names of its error numbers, up to 531 (pure)",
		never: []never{noPrograms, noNet, noFiles},
	},
	{
		path:  "internal/linuxversion",
		does:  "a kernel's version, out of what uname -r prints (pure)",
		may:   []string{"internal/lazyregexp"},
		never: []never{noPrograms, noNet, noFiles},
	},
	{
		path:  "internal/hints",
		does:  "tables of what to do: about a kernel report, a line of the log, a symbol or interface that is gone (pure)",
		may:   []string{"internal/errno", "internal/lazyregexp", "internal/linuxversion", "result"},
		never: []never{noPrograms, noNet},
	},
	{
		path: "internal/expect",
		does: "expectations over a result, in CEL: compile, check, and say what was found instead (pure)",
		may: []string{
			"internal/errno", "internal/hints", "internal/lazyregexp", "internal/linuxversion", "internal/plain", "result",
		},
		never: []never{noPrograms, noWire, noMachine, noTracing, noVerdict},
	},
	{
		path:  "internal/failable",
		does:  "which calls can be made to fail, the functions that they become, and what they return then (pure)",
		may:   []string{"internal/errno", "internal/hints"},
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/words",
		does:  "a command that a person wrote on one line, in words (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/labfile",
		does:  "kmodlab.yaml beside a Kbuild: what a run does besides loading the modules (pure)",
		may:   []string{"internal/words", "internal/yamlplace"},
		never: []never{noPrograms, noNet},
	},
	{
		path: "internal/course",
		does: "a course's lab as a folder: read, checked, and what students get of it (pure)",
		may: []string{
			"internal/course/cut", "internal/course/patch", "internal/course/strictyaml", "internal/failable",
			"internal/hints", "internal/labfile", "internal/lazyregexp", "internal/plain",
		},
		never: []never{noPrograms, noMachine, {"internal/expect", "who loads a lab says what checks its expressions"}},
	},
	{
		path: "internal/assess",
		does: "what a lab's scenarios found out to a grade (pure)",
		may: []string{
			"internal/course", "internal/expect", "internal/grade", "internal/grade/shape", "internal/story", "result",
		},
		never: []never{noPrograms, noMachine, noGuest},
	},
	{
		path:  "internal/story",
		does:  "the story that a lab's solution tells, as students may have it, and how theirs differs from it (pure)",
		may:   []string{"internal/jsonlimit", "internal/lazyregexp", "internal/plain", "internal/report/lanes", "result"},
		never: []never{noPrograms, noMachine, noNet, noTracing},
	},
	{
		path:  "internal/handin",
		does:  "what a student's folder of a lab remembers, and the archive that is handed in (pure)",
		may:   []string{"internal/jsonlimit", "internal/lazyregexp", "internal/plain"},
		never: []never{noPrograms, noMachine, noNet},
	},
	{
		path: "internal/grading",
		does: "runs a lab's scenarios on submissions, keeps the grades of a class, and tries a lab on itself",
		may: []string{
			"", "internal/assess", "internal/atomicfile", "internal/beneath", "internal/cachedir", "internal/course",
			"internal/expect", "internal/failable", "internal/filelock", "internal/grade", "internal/grade/book",
			"internal/grade/formats", "internal/handin", "internal/kernel", "internal/labfile", "internal/plain",
			"internal/prepare", "internal/private", "internal/report/svg", "internal/scratch", "internal/story",
			"internal/submission",
			"internal/version", "result",
		},
		never: []never{noGuest, noTracer, {"internal/cli", "it uses the API, as a command does"}},
	},
	{
		path:  "internal/course/cut",
		does:  "a source with markers to what a student starts from, and to the solution (pure)",
		may:   []string{"internal/lazyregexp"},
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/course/patch",
		does:  "applies a unified diff to files in memory, strictly (pure)",
		may:   []string{"internal/lazyregexp"},
		never: []never{noPrograms},
	},
	{
		path:  "internal/course/strictyaml",
		does:  "YAML to plain values and back, all problems at once, each with its place (pure)",
		may:   []string{"internal/hints", "internal/labfile", "internal/lazyregexp", "internal/yamlplace"},
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/yamlplace",
		does:  "where in a YAML file a place within one of its texts is (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/tap",
		does:  "what a test program says of its tests: TAP, KTAP, kselftest (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/beneath",
		does:  "reads what others put into a folder: no name leads out of it, nothing waits, everything has a bound",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/hostfault",
		does:  "which errors are this machine's fault and nobody's sources', and what to do (pure)",
		never: []never{noPrograms, noNet, noFiles},
	},
	{
		path:  "internal/private",
		does:  "makes sure that a folder is its user's own, on the whole way to it",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/filelock",
		does:  "one holder at a time of a file's lock, in all processes",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/cachedir",
		does:  "where in a cache this host works: not on a file system that other hosts may use",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/atomicfile",
		does:  "writes files that are there as a whole or not at all; what killed processes left of one goes",
		may:   []string{"internal/filelock"},
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/submission",
		does:  "opens what students hand in: folders, archives, bare git repositories; everything has a bound, nothing is run",
		may:   []string{"internal/beneath", "internal/handin", "internal/plain", "internal/scratch"},
		never: []never{noNet, noMachine},
	},
	{
		path:  "internal/received",
		does:  "writes files whose names a guest chose: none leads out of its folder, and nothing is replaced unasked",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/scratch",
		does:  "temporary folders that a killed run does not leave for ever",
		may:   []string{"internal/beneath", "internal/filelock", "internal/private"},
		never: []never{noPrograms, noNet},
	},
	{
		path: "internal/footprint",
		does: "what a run changes on this machine's own kernel (--here): noted before, undone after, by the next run if " +
			"need be",
		may:   []string{"internal/filelock", "kmod"},
		never: []never{noNet, noWire, noMachine},
	},
	{
		path:  "internal/kernel",
		does:  "kernels and their toolchains: name, fetch, verify, cache, unpack",
		may:   []string{"internal/atomicfile", "internal/filelock", "internal/hostfault", "internal/lazyregexp"},
		never: []never{noTracer, {"kmod", "a kernel is files to it"}, noGuest},
	},
	{
		path:  "internal/vm",
		does:  "QEMU: devices to command line, start, watch",
		may:   []string{"internal/atomicfile", "internal/lazyregexp"},
		never: []never{noTracer, {"kmod", "it knows no modules"}, noGuest},
	},
	{
		path: "internal/vm/cpio",
		does: "writes initramfs archives",
	},
	{
		path:  "internal/wire",
		does:  "host↔guest messages and framing (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/boot",
		does:  "a kernel with our agent as PID 1: initramfs, ports, first message",
		may:   []string{"internal/kernel", "internal/vm", "internal/vm/cpio", "internal/wire", "kmod", "kmod/depmod"},
		never: []never{noTracer, noGuest},
	},
	{
		path:  "internal/snapshot",
		does:  "snapshots of guests on the disk: made once, checked, bounded",
		may:   []string{"internal/atomicfile", "internal/filelock", "internal/boot"},
		never: []never{noTracer, noGuest, {"internal/kbuild", "builds use it"}},
	},
	{
		path: "internal/kbuild",
		does: "runs the kernel's build system in a VM or a sandbox; caches by content",
		may: []string{
			"internal/beneath", "internal/bounds", "internal/filelock", "internal/hints", "internal/hostfault",
			"internal/kernel", "internal/boot", "internal/scratch", "internal/snapshot", "internal/srcline",
			"internal/vm", "internal/wire", "internal/lazyregexp", "kmod",
		},
		never: []never{noTracer},
	},
	{
		path:  "internal/bounds",
		does:  "one bound on the sum of a command's memory and processes: control groups, systemd's scopes",
		never: []never{noTracer},
	},
	{
		path: "internal/guest",
		does: "the agent: mount, serve the host's requests, load, trace",
		may:  []string{"internal/wire", "internal/kmodcmd", "kmod", "tracer", "tracer/event", "tracer/holders"},
		never: []never{
			{"internal/vm", "host and guest share internal/wire alone"},
			{"internal/kernel", "the host fetches kernels"}, {"internal/kbuild", "the host says what to build"},
			{"internal/report", "guest cycles are dear: the host renders"}, noCEL,
		},
	},
	{
		path:  "internal/kmodcmd",
		does:  "modprobe, lsmod, modinfo, depmod, insmod, rmmod as functions",
		may:   []string{"internal/plain", "kmod", "kmod/depmod"},
		never: []never{{"os/exec", "it starts nothing but what modprobe.d names, by system call"}, noCEL},
	},
	{
		path:  "internal/oops",
		does:  "console bytes to result.Crash (pure)",
		may:   []string{"result", "internal/lazyregexp"},
		never: []never{noMachine, noPrograms},
	},
	{
		path:  "internal/printk",
		does:  "the kernel's log and the formats in modules' files to what modules printed, and when (pure)",
		may:   []string{"internal/lazyregexp"},
		never: []never{noWire, noMachine, noPrograms},
	},
	{
		path:  "internal/srcline",
		does:  "a .ko's DWARF: place in a module to file and line (pure)",
		may:   []string{"internal/lazyregexp"},
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/code",
		does:  "a .ko's machine code: what a place calls, and whether its loop can end (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/hang",
		does:  "tasks' stacks, look after look, to who waits for what, or spins where (pure)",
		may:   []string{"internal/code", "internal/lazyregexp", "result"},
		never: []never{noWire, noMachine, noPrograms},
	},
	{
		path:  "internal/leaks",
		does:  "the kernel's trace and two lists of names to what was left behind (pure)",
		may:   []string{"internal/lazyregexp", "internal/linuxversion", "result"},
		never: []never{noWire, noMachine, noPrograms},
	},
	{
		path:  "internal/folderwatch",
		does:  "tells that something in a folder was saved: once, and after the last step of it",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/rundiff",
		does:  "two results to what changed between them (pure)",
		may:   []string{"internal/errno", "result"},
		never: []never{noMachine, noPrograms},
	},
}
