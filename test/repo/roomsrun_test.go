// SPDX-License-Identifier: MIT

package repo

import "slices"

// rooms are all rooms, in the order of the table in docs/ARCHITECTURE.md.
var rooms = slices.Concat(outerRooms, runRooms)

// runRooms are those of a run, from what it needs to what it says, and those for tests.
var runRooms = []room{
	{
		path:  "internal/payload",
		does:  "what a run puts into its guest beside the modules: programs, what they need, a person's files",
		may:   []string{"internal/beneath", "internal/program", "internal/program/ldso"},
		never: []never{noNet, noPrograms, noWire, noMachine},
	},
	{
		path: "internal/prepare",
		does: "the host's part of a run: agent, kernel, self-test module, builds, plan, preflight",
		may: []string{
			"internal/beneath", "internal/boot", "internal/evidence", "internal/failable", "internal/hostfault",
			"internal/kbuild",
			"internal/kernel", "internal/notify", "internal/payload", "internal/private", "internal/scratch",
			"internal/srcline",
			"internal/vm", "kmod", "modules", "result", "tracer/symbols",
		},
		never: []never{noTracer, noGuest, {"internal/lab", "nothing is booted yet, but by a build"}, noVerdict},
	},
	{
		path: "internal/lab",
		does: "a machine that is ready: booted, restored or this one; tracer attached, search for leaks armed",
		may: []string{
			"internal/atomicfile", "internal/boot", "internal/evidence", "internal/footprint",
			"internal/gdbbroker", "internal/gdbscript", "internal/hints", "internal/modmem", "internal/symfile",
			"internal/leaks", "internal/live",
			"internal/notify", "internal/oops", "internal/payload", "internal/prepare", "internal/printk", "internal/scratch",
			"internal/snapshot", "internal/srcline", "internal/vm", "internal/wire", "internal/witness", "kmod", "kmod/depmod",
			"result", "tracer/event", "tracer/symbols",
		},
		never: []never{noTracer, noGuest, {"internal/session", "a session works on a lab"}, noVerdict},
	},
	{
		path: "internal/session",
		does: "a script or a trace on a lab; gathers the evidence; one classify() turns errors into failures",
		may: []string{
			"internal/beneath", "internal/boot", "internal/code", "internal/evidence", "internal/failable", "internal/hang",
			"internal/hints", "internal/kmodcmd", "internal/lab", "internal/lazyregexp", "internal/leaks",
			"internal/notify", "internal/oops", "internal/payload", "internal/plain", "internal/pool",
			"internal/prepare", "internal/srcline", "internal/tap", "internal/version", "internal/wire",
			"internal/witness", "kmod", "result", "tracer/event", "tracer/symbols",
		},
		never: []never{
			noTracer, noGuest, noVerdict, {"internal/recording", "whoever wants a file writes the evidence"},
		},
	},
	{
		path:  "internal/gdbremote",
		does:  "packets of gdb's remote protocol, to bytes and back (pure)",
		never: []never{noPrograms, noNet, noMachine},
	},
	{
		path:  "internal/gdbbroker",
		does:  "stands between gdb and a machine's gdb stub, looks at what stops, and parts the two",
		may:   []string{"internal/gdbremote"},
		never: []never{noPrograms, noWire, noMachine},
	},
	{
		path:  "internal/gdbpipe",
		does:  "copies between gdb and a socket that it inherited",
		never: []never{noPrograms, noWire, noMachine},
	},
	{
		path:  "internal/modmem",
		does:  "a module that is being loaded, from a guest's memory: its name, init and sections (pure)",
		never: []never{noPrograms, noNet, noMachine},
	},
	{
		path:  "internal/symfile",
		does:  "a kernel's symbols and ORC tables to an ELF file for debuggers (pure)",
		never: []never{noPrograms, noNet, noMachine},
	},
	{
		path:  "internal/corefile",
		does:  "QEMU's core to one that debuggers of kernels read (pure)",
		never: []never{noPrograms, noNet, noMachine},
	},
	{
		path:  "internal/gdbscript",
		does:  "commands for gdb, and what may be named in them (pure)",
		may:   []string{"internal/modmem"},
		never: []never{noPrograms, noNet, noMachine},
	},
	{
		path: "internal/evidence",
		does: "what a run knows at its end, in types of its own (pure)",
		may: []string{
			"internal/hostfault", "internal/leaks", "internal/tap", "internal/witness", "result", "tracer/event",
			"tracer/symbols",
		},
		never: []never{noWire, noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/witness",
		does:  "what a guest's memory says, seen from outside, beside what the guest says (pure)",
		never: []never{noWire, noMachine, noPrograms, noNet, noTracing},
	},
	{
		path: "internal/verdict",
		does: "evidence to result.Result: the same for a run and for a recording (pure)",
		may: []string{
			"internal/code", "internal/errno", "internal/evidence", "internal/expect", "internal/failable", "internal/hang",
			"internal/hints", "internal/lazyregexp", "internal/leaks", "internal/oops", "internal/printk", "internal/srcline",
			"internal/tap", "internal/witness", "result", "tracer/event", "tracer/symbols", "tracer/timeline",
		},
		never: []never{
			noWire, noMachine, noPrograms, noNet, noTracing,
			{"internal/recording", "where the evidence comes from does not matter"},
		},
	},
	{
		path: "internal/recording",
		does: "evidence as a .kmlab file (pure)",
		may: []string{
			"internal/evidence", "internal/jsonlimit", "internal/leaks", "internal/srcline", "result", "tracer/symbols",
		},
		never: []never{noWire, noMachine, noPrograms, noVerdict},
	},
	{
		path:  "internal/plain",
		does:  "what others print, harmless to a terminal and to a CI server's log (pure)",
		may:   []string{"internal/lazyregexp"},
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/program",
		does:  "a file that is to be run as a test: what it is, why a guest cannot run it, what it needs of libraries (pure)",
		may:   []string{"internal/plain"},
		never: []never{noPrograms, noNet, {"internal/vm", "files are enough for it"}},
	},
	{
		path:  "internal/program/ldso",
		does:  "finds the libraries of a program on this machine, as its dynamic linker would, and starts neither",
		may:   []string{"internal/beneath", "internal/plain", "internal/program"},
		never: []never{noPrograms, noNet, {"internal/vm", "files are enough for it"}},
	},
	{
		path:  "internal/jsonlimit",
		does:  "decodes JSON from others, within bounds (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/notify",
		does:  "tells whoever watches what goes on, and keeps phases and commands",
		may:   []string{"result", "tracer/event", "tracer/timeline"},
		never: []never{noWire, noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/live",
		does:  "a trace's events in the order of time, while they come",
		may:   []string{"internal/notify", "tracer/event", "tracer/symbols", "tracer/timeline"},
		never: []never{noWire, noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/version",
		does:  "which program this is",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/pool",
		does:  "many runs, a few at a time",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/junit",
		does:  "the elements of JUnit's XML, and writing them (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/grade",
		does:  "what became of a submission: checks, points, what students may see; a class and its figures (pure)",
		may:   []string{"internal/jsonlimit", "internal/plain"},
		never: []never{noMachine, noPrograms, noNet},
	},
	{
		path: "internal/grade/book",
		does: "the gradebook of a class and a page for each student, an HTML file each (pure)",
		may: []string{"internal/csp", "internal/grade", "internal/plain", "internal/report/lanes", "internal/report/svg",
			"internal/story"},
		never: []never{noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/grade/formats",
		does:  "a grade for each grader: Gradescope, Classroom 50, PrairieLearn, VPL, Autolab, JUnit, KTAP, CSV (pure)",
		may:   []string{"internal/grade", "internal/junit", "internal/plain"},
		never: []never{noMachine, noPrograms, noNet},
	},
	{
		path:  "internal/grade/shape",
		does:  "a fingerprint of a submission's story, without times, names and places (pure)",
		may:   []string{"result"},
		never: []never{noMachine, noPrograms, noNet},
	},
	{
		path:  "internal/grade/sheet",
		does:  "points into an exported Moodle or Canvas sheet, and not a byte besides (pure)",
		may:   []string{"internal/grade", "internal/lazyregexp", "internal/plain"},
		never: []never{noMachine, noPrograms, noNet},
	},
	{
		path:  "internal/csp",
		does:  "the policy of an HTML file that needs nothing else (pure)",
		never: []never{noMachine, noPrograms, noNet},
	},
	{
		path: "internal/report",
		does: "result.Result to text, JSON, Markdown, Mermaid, JUnit, KTAP; a run that goes on to lanes of a terminal (pure)",
		may: []string{"internal/errno", "internal/junit",
			"result", "tracer/event", "tracer/timeline", "internal/jsonlimit", "internal/plain", "internal/rundiff",
		},
		never: []never{noMachine, noPrograms},
	},
	{
		path:  "internal/report/perfetto",
		does:  "result.Result to a Perfetto trace (pure)",
		may:   []string{"internal/errno", "result", "internal/report", "internal/report/lanes"},
		never: []never{noMachine, noPrograms},
	},
	{
		path:  "internal/report/lanes",
		does:  "result.Result to lanes, segments, arrows and the list of events: what every picture is made of (pure)",
		may:   []string{"internal/errno", "internal/plain", "result", "tracer/timeline"},
		never: []never{noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/report/svg",
		does:  "lanes to a static picture, and the colours of all pictures (pure)",
		may:   []string{"internal/plain", "internal/report/lanes", "result"},
		never: []never{noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/report/page",
		does:  "lanes and the rest of a result to one HTML file with its own code and style (pure)",
		may:   []string{"internal/csp", "internal/report/lanes", "internal/report/svg", "result"},
		never: []never{noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/cli",
		does:  "one file a command",
		may:   all,
		never: []never{noGuest},
	},
	{
		path: "internal/testlab",
		does: "for tests: the programs, built when first asked for; what is left behind; figures of benchmarks",
		may:  []string{"internal/testlab/needs"},
	},
	{
		path: "internal/testlab/needs",
		does: "for tests: what a machine may lack; skips aloud, in CI fails; one process at a time starts VMs",
		may:  []string{"internal/filelock"},
	},
	{
		path: "internal/testlab/pty",
		does: "for tests: a program on a pseudo-terminal, and what is seen there",
	},
	{
		path: "internal/testlab/foreign",
		does: "for tests: others' programs that judge our formats, hostile texts",
		may:  []string{"internal/testlab/needs", "result"},
	},
	{
		path: "internal/testlab/browser",
		does: "for tests: a headless Chromium that opens our pages, and what they must not do there",
		may:  []string{"internal/testlab/needs"},
	},
	{
		path: "internal/testlab/agree",
		does: "for tests: what must be true of every result, so that verdict, story and JSON agree",
		may:  []string{"internal/report", "result"},
	},
	{
		path: "internal/testlab/machine",
		does: "for tests: real kernels, and Debian machines that run them",
		may: []string{
			"", "internal/boot", "internal/kbuild", "internal/kernel", "internal/kmodcmd", "internal/report",
			"internal/testlab", "internal/testlab/needs", "internal/vm", "internal/wire", "result", "tracer/event",
		},
	},
	{
		path: "test/vm",
		does: "tests of the API with real kernels in VMs",
	},
	{
		path: "test/cli",
		does: "tests of the command line: scripts, terminals",
	},
	{
		path: "test/kmod",
		does: "tests of our modprobe, depmod, … beside kmod's",
	},
	{
		path: "test/slurm",
		does: "tests of labs/slurm, on a Slurm of two nodes that runs on this machine alone",
	},
	{
		path: "test/gradescope",
		does: "tests of labs/gradescope, in a Debian of its own without KVM",
	},
	{
		path: "test/bench",
		does: "benchmarks",
	},
	{
		path: "test/repo",
		does: "tests of the repository: imports, sizes, scripts, documents",
	},
}
