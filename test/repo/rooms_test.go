// SPDX-License-Identifier: MIT

package repo

// room is a package, or a folder of other code, and what it may import. The Rooms
// table of docs/ARCHITECTURE.md is written from these, and TestImports holds the code
// to them. Test files are free.
type room struct {
	path string // inside the module; "" is its root
	does string
	// may names our packages that it may import itself; all is every one, but for
	// what never has.
	may   []string
	never []never
}

// never names a package, ours or not, that a room must not reach, not even through
// others, and says why.
type never struct{ what, why string }

var all = []string{"*"}

// These are said of many rooms.
const ebpf = "github.com/cilium/ebpf"

var (
	noPrograms = never{"os/exec", "it starts no program"}
	noNet      = never{"net", "it connects to nothing"}
	noFiles    = never{"os", "it opens no file"}
	noTracing  = never{ebpf, "it reads what the tracer wrote, on any host"}
	noMachine  = never{"internal/vm", "it reads what a machine left, and starts none"}
	noTracer   = never{"tracer", "the tracer is the guest's"}
	noGuest    = never{"internal/guest", "host and guest share internal/wire alone"}
)

var rooms = []room{
	{
		path: "",
		does: "package kmodlab: Run(ctx, Spec), RunAll(ctx, specs, …) and Trace(ctx, TraceSpec), the Go API",
		may:  all,
		never: []never{
			noGuest, {"internal/cli", "the commands use the API, not the other way round"},
			{"internal/report", "a result is data; who wants it rendered says so"}, noTracer,
		},
	},
	{
		path: "cmd/kmodlab",
		does: "main only",
		may:  []string{"internal/cli", "internal/guest", "internal/kmodcmd"},
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
		path: "modules",
		does: "C kernel modules, a folder a lesson",
	},
	{
		path:  "tracer",
		does:  "loads and attaches the eBPF programs, reads rings, proves hooks",
		may:   []string{"tracer/bpf", "tracer/event", "tracer/programs"},
		never: []never{{"kmod", "it loads no module"}, {"internal/vm", "it runs in the guest"}},
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
		may:   []string{"tracer/event"},
		never: []never{noPrograms, noNet, noTracing},
	},
	{
		path:  "kmod",
		does:  "module files, index (depmod), resolve, load, unload",
		never: []never{{"os/exec", "install and remove commands are for the caller to run"}},
	},
	{
		path:  "kmod/kmodtest",
		does:  "small module files and trees for tests",
		never: []never{noPrograms},
	},
	{
		path:  "result",
		does:  "Result, Verdict, Phase, Crash (pure)",
		may:   []string{"tracer/timeline", "tracer/event"},
		never: []never{noPrograms, noTracing},
	},
	{
		path:  "internal/lazyregexp",
		does:  "regular expressions that are compiled when first used: a modprobe must not wait for them",
		never: []never{noFiles, noNet},
	},
	{
		path:  "internal/filelock",
		does:  "one holder at a time of a file's lock, in all processes",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/kernel",
		does:  "kernels and their toolchains: name, fetch, verify, cache, unpack",
		may:   []string{"internal/filelock", "internal/lazyregexp"},
		never: []never{noTracer, {"kmod", "a kernel is files to it"}, noGuest},
	},
	{
		path:  "internal/vm",
		does:  "QEMU: devices to command line, start, watch",
		may:   []string{"internal/lazyregexp"},
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
		may:   []string{"internal/kernel", "internal/vm", "internal/vm/cpio", "internal/wire", "kmod"},
		never: []never{noTracer, noGuest},
	},
	{
		path:  "internal/warm",
		does:  "saved guests on the disk: made once, checked, bounded",
		may:   []string{"internal/filelock", "internal/boot"},
		never: []never{noTracer, noGuest, {"internal/kbuild", "builds use it"}},
	},
	{
		path: "internal/kbuild",
		does: "runs the kernel's build system in a VM or a sandbox; caches by content",
		may: []string{
			"internal/filelock", "internal/kernel", "internal/boot", "internal/warm", "internal/vm", "internal/wire",
			"internal/lazyregexp", "kmod",
		},
		never: []never{noTracer, {"github.com/cilium/ebpf", "a build is not traced"}},
	},
	{
		path: "internal/guest",
		does: "the agent: mount, serve the host's requests, load, trace",
		may:  []string{"internal/wire", "internal/kmodcmd", "kmod", "tracer", "tracer/event"},
		never: []never{
			{"internal/vm", "host and guest share internal/wire alone"},
			{"internal/kernel", "the host fetches kernels"}, {"internal/kbuild", "the host says what to build"},
			{"internal/report", "guest cycles are dear: the host renders"},
		},
	},
	{
		path:  "internal/kmodcmd",
		does:  "modprobe, lsmod, modinfo, depmod, insmod, rmmod as functions",
		may:   []string{"kmod"},
		never: []never{{"os/exec", "it starts nothing but what modprobe.d names, by system call"}},
	},
	{
		path:  "internal/oops",
		does:  "console bytes to result.Crash (pure)",
		may:   []string{"result", "internal/lazyregexp"},
		never: []never{noMachine, noPrograms},
	},
	{
		path:  "internal/srcline",
		does:  "a .ko's DWARF: place in a module to file and line (pure)",
		never: []never{noPrograms, noNet},
	},
	{
		path:  "internal/hang",
		does:  "tasks' stacks to who waits for what, or spins where (pure)",
		may:   []string{"internal/lazyregexp", "internal/wire", "result"},
		never: []never{noMachine, noPrograms},
	},
	{
		path:  "internal/leaks",
		does:  "the kernel's trace and two lists of names to what was left behind (pure)",
		may:   []string{"internal/lazyregexp", "internal/wire", "result"},
		never: []never{noMachine, noPrograms},
	},
	{
		path:  "internal/rundiff",
		does:  "two results to what changed between them (pure)",
		may:   []string{"result"},
		never: []never{noMachine, noPrograms},
	},
	{
		path:  "internal/recording",
		does:  "the file that keeps a run (.kmlab): what the tracer wrote and what names it (pure)",
		may:   []string{"internal/wire", "result"},
		never: []never{noMachine, noPrograms},
	},
	{
		path: "internal/report",
		does: "result.Result to text, JSON, Markdown, Mermaid, JUnit, KTAP; a run that goes on to lanes of a " +
			"terminal (pure)",
		may:   []string{"result", "tracer/event", "tracer/timeline", "internal/rundiff"},
		never: []never{noMachine, noPrograms},
	},
	{
		path:  "internal/report/perfetto",
		does:  "result.Result to a Perfetto trace (pure)",
		may:   []string{"result", "internal/report"},
		never: []never{noMachine, noPrograms},
	},
	{
		path: "internal/report/lanes",
		does: "result.Result to lanes, segments, arrows and the list of events: what every picture is made of " +
			"(pure)",
		may:   []string{"result", "tracer/timeline"},
		never: []never{noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/report/svg",
		does:  "lanes to a static picture, and the colours of all pictures (pure)",
		may:   []string{"internal/report/lanes", "result"},
		never: []never{noMachine, noPrograms, noNet, noTracing},
	},
	{
		path:  "internal/report/page",
		does:  "lanes and the rest of a result to one HTML file with its own code and style (pure)",
		may:   []string{"internal/report/lanes", "internal/report/svg", "result"},
		never: []never{noMachine, noPrograms, noNet, noTracing},
	},
	{
		path: "internal/cli",
		does: "one file a command",
		may:  all,
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
		path: "internal/testlab/machine",
		does: "for tests: real kernels, and Debian machines that run them",
		may: []string{
			"", "internal/boot", "internal/kbuild", "internal/kernel", "internal/kmodcmd", "internal/report",
			"internal/testlab", "internal/testlab/needs", "internal/vm", "internal/wire", "result",
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
		path: "test/bench",
		does: "benchmarks",
	},
	{
		path: "test/repo",
		does: "tests of the repository: imports, sizes, scripts, documents",
	},
}
