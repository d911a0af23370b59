// SPDX-License-Identifier: MIT

package repo

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

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
	noWire     = never{"internal/wire", "its data outlives the messages of one version"}
	noVerdict  = never{"internal/verdict", "what happened is gathered before it is judged"}
	noGuest    = never{"internal/guest", "host and guest share internal/wire alone"}
)

var rooms = []room{
	{"", "package kmodlab, the Go API alone: Run(ctx, Spec), RunAll(ctx, specs, …), Trace(ctx, TraceSpec), Recording", []string{
		"internal/evidence", "internal/kbuild", "internal/kernel", "internal/kmodcmd", "internal/lab", "internal/lazyregexp", "internal/notify", "internal/pool",
		"internal/prepare", "internal/recording", "internal/session", "internal/verdict", "internal/vm", "internal/wire", "result", "tracer/event", "tracer/timeline"}, []never{
		noGuest, {"internal/cli", "the commands use the API, not the other way round"},
		{"internal/report", "a result is data; who wants it rendered says so"}, noTracer}},
	{"cmd/kmodlab", "main only", []string{"internal/cli", "internal/guest", "internal/kmodcmd"}, nil},
	{"cmd/kmod", "the six commands for modules alone, for links", []string{"internal/kmodcmd"}, []never{
		{"tracer", "a modprobe has to start fast"}, {"internal/vm", "a modprobe has to start fast"}, noPrograms}},
	{"examples/run", "an example: run a folder of modules", []string{""}, nil},
	{"examples/trace", "an example: trace a command", []string{""}, nil},
	{"examples/judge", "an example: judge many folders", []string{""}, nil},
	{"examples/preflight", "an example: does a module fit a kernel?", []string{"kmod"}, nil},
	{"modules", "C kernel modules, a folder a lesson; embeds the demo's and the self-test's sources", nil, []never{noPrograms, noNet}},
	{"tracer", "loads and attaches the eBPF programs, reads rings, proves hooks", []string{"tracer/bpf", "tracer/event", "tracer/programs"}, []never{
		{"kmod", "it loads no module"}, {"internal/vm", "it runs in the guest"}}},
	{"tracer/bpf", "*.bpf.c, small CO-RE headers, committed bpf2go output", nil, nil},
	{"tracer/programs", "the object made ready for one kernel: offsets, targets, maps; to bytes and back (pure)", []string{"tracer/bpf"}, []never{
		noNet, {"internal/vm", "it runs in the guest too"}}},
	{"tracer/event", "the records: layout, decode (pure)", nil, []never{noPrograms, noNet, noTracing}},
	{"tracer/symbols", "kallsyms and .ko symbol tables: address to place (pure)", []string{"tracer/event"}, []never{noPrograms, noNet, noTracing}},
	{"tracer/timeline", "events to lives: Thread, Request, Signal, Load (pure)", []string{"tracer/event"}, []never{noPrograms, noNet, noTracing}},
	{"kmod", "module files, reading the index, resolve, plan, load, remove; all but the last two on any system", []string{
		"kmod/internal/ko", "kmod/internal/trie"}, []never{{"os/exec", "install and remove commands are for the caller to run"}, noNet}},
	{"kmod/depmod", "writes the index of a module tree", []string{"kmod", "kmod/internal/ko", "kmod/internal/trie"}, []never{noPrograms, noNet}},
	{"kmod/internal/ko", "bytes of module files: compression, ELF, symbols (pure)", []string{"internal/xz"}, []never{noPrograms, noNet}},
	{"kmod/internal/trie", "the format of the binary index files, and writing it (pure)", nil, []never{noPrograms, noNet}},
	{"kmod/kmodtest", "small module files and trees for tests", []string{"internal/testlab/needs"}, nil},
	{"internal/xz", ".xz files to plain bytes (pure)", nil, []never{noPrograms, noNet}},
	{"result", "Result, Verdict, Phase, Crash: plain data (pure)", nil, []never{noPrograms, noNet, noFiles, noTracing}},
	{"internal/lazyregexp", "regular expressions that are compiled when first used: a modprobe must not wait for them", nil, []never{noFiles, noNet}},
	{"internal/filelock", "one holder at a time of a file's lock, in all processes", nil, []never{noPrograms, noNet}},
	{"internal/kernel", "kernels and their toolchains: name, fetch, verify, cache, unpack", []string{"internal/filelock", "internal/lazyregexp"}, []never{
		noTracer, {"kmod", "a kernel is files to it"}, noGuest}},
	{"internal/vm", "QEMU: devices to command line, start, watch", []string{"internal/lazyregexp"}, []never{
		noTracer, {"kmod", "it knows no modules"}, noGuest}},
	{"internal/vm/cpio", "writes initramfs archives", nil, nil},
	{"internal/wire", "host↔guest messages and framing (pure)", nil, []never{noPrograms, noNet}},
	{"internal/boot", "a kernel with our agent as PID 1: initramfs, ports, first message",
		[]string{"internal/kernel", "internal/vm", "internal/vm/cpio", "internal/wire", "kmod", "kmod/depmod"}, []never{noTracer, noGuest}},
	{"internal/snapshot", "snapshots of guests on the disk: made once, checked, bounded", []string{"internal/filelock", "internal/boot"}, []never{
		noTracer, noGuest, {"internal/kbuild", "builds use it"}}},
	{"internal/kbuild", "runs the kernel's build system in a VM or a sandbox; caches by content", []string{
		"internal/filelock", "internal/kernel", "internal/boot", "internal/snapshot", "internal/srcline", "internal/vm", "internal/wire", "internal/lazyregexp", "kmod"}, []never{
		noTracer, {ebpf, "a build is not traced"}}},
	{"internal/guest", "the agent: mount, serve the host's requests, load, trace", []string{"internal/wire", "internal/kmodcmd", "kmod", "tracer", "tracer/event"}, []never{
		{"internal/vm", "host and guest share internal/wire alone"}, {"internal/kernel", "the host fetches kernels"},
		{"internal/kbuild", "the host says what to build"}, {"internal/report", "guest cycles are dear: the host renders"}}},
	{"internal/kmodcmd", "modprobe, lsmod, modinfo, depmod, insmod, rmmod as functions", []string{"kmod", "kmod/depmod"}, []never{{"os/exec", "it starts nothing but what modprobe.d names, by system call"}}},
	{"internal/oops", "console bytes to result.Crash (pure)", []string{"result", "internal/lazyregexp"}, []never{noMachine, noPrograms}},
	{"internal/srcline", "a .ko's DWARF: place in a module to file and line (pure)", []string{"internal/lazyregexp"}, []never{noPrograms, noNet}},
	{"internal/hang", "tasks' stacks to who waits for what, or spins where (pure)", []string{"internal/lazyregexp", "result"}, []never{noWire, noMachine, noPrograms}},
	{"internal/leaks", "the kernel's trace and two lists of names to what was left behind (pure)", []string{"internal/lazyregexp", "result"}, []never{noWire, noMachine, noPrograms}},
	{"internal/rundiff", "two results to what changed between them (pure)", []string{"result"}, []never{noMachine, noPrograms}},
	{"internal/prepare", "the host's part of a run: agent, kernel, self-test module, builds, plan, preflight", []string{
		"internal/boot", "internal/evidence", "internal/kbuild", "internal/kernel", "internal/notify", "internal/srcline", "internal/vm", "kmod", "modules", "result",
		"tracer/symbols"}, []never{noTracer, noGuest, {"internal/lab", "nothing is booted yet, but by a build"}, noVerdict}},
	{"internal/lab", "a machine that is ready: booted, restored or this one; tracer attached, search for leaks armed", []string{
		"internal/boot", "internal/evidence", "internal/leaks", "internal/live", "internal/notify", "internal/oops", "internal/prepare", "internal/snapshot",
		"internal/srcline", "internal/vm", "internal/wire", "kmod", "kmod/depmod", "result", "tracer/event", "tracer/symbols"}, []never{
		noTracer, noGuest, {"internal/session", "a session works on a lab"}, noVerdict}},
	{"internal/session", "a script or a trace on a lab; gathers the evidence; one classify() turns errors into failures", []string{
		"internal/boot", "internal/evidence", "internal/hang", "internal/kmodcmd", "internal/lab", "internal/lazyregexp", "internal/leaks", "internal/notify",
		"internal/oops", "internal/pool", "internal/prepare", "internal/version", "internal/wire", "kmod", "result", "tracer/event", "tracer/symbols"}, []never{
		noTracer, noGuest, noVerdict, {"internal/recording", "whoever wants a file writes the evidence"}}},
	{"internal/evidence", "what a run knows at its end, in types of its own (pure)", []string{"internal/leaks", "result", "tracer/event", "tracer/symbols"}, []never{
		noWire, noMachine, noPrograms, noNet, noTracing}},
	{"internal/verdict", "evidence to result.Result: the same for a run and for a recording (pure)", []string{
		"internal/evidence", "internal/lazyregexp", "internal/leaks", "internal/oops", "internal/srcline", "result", "tracer/event", "tracer/symbols",
		"tracer/timeline"}, []never{noWire, noMachine, noPrograms, noNet, noTracing, {"internal/recording", "where the evidence comes from does not matter"}}},
	{"internal/recording", "evidence as a .kmlab file (pure)", []string{
		"internal/evidence", "internal/leaks", "internal/srcline", "result", "tracer/symbols"}, []never{noWire, noMachine, noPrograms, noVerdict}},
	{"internal/notify", "tells whoever watches what goes on, and keeps phases and commands", []string{"result", "tracer/event", "tracer/timeline"}, []never{
		noWire, noMachine, noPrograms, noNet, noTracing}},
	{"internal/live", "a trace's events in the order of time, while they come", []string{
		"internal/notify", "tracer/event", "tracer/symbols", "tracer/timeline"}, []never{noWire, noMachine, noPrograms, noNet, noTracing}},
	{"internal/version", "which program this is", nil, []never{noPrograms, noNet}},
	{"internal/pool", "many runs, a few at a time", nil, []never{noPrograms, noNet}},
	{"internal/report", "result.Result to text, JSON, Markdown, Mermaid, JUnit, KTAP; a run that goes on to lanes of a terminal (pure)",
		[]string{"result", "tracer/event", "tracer/timeline", "internal/rundiff"}, []never{noMachine, noPrograms}},
	{"internal/report/perfetto", "result.Result to a Perfetto trace (pure)", []string{"result", "internal/report"}, []never{noMachine, noPrograms}},
	{"internal/report/lanes", "result.Result to lanes, segments, arrows and the list of events: what every picture is made of (pure)",
		[]string{"result", "tracer/timeline"}, []never{noMachine, noPrograms, noNet, noTracing}},
	{"internal/report/svg", "lanes to a static picture, and the colours of all pictures (pure)", []string{"internal/report/lanes", "result"}, []never{noMachine, noPrograms, noNet, noTracing}},
	{"internal/report/page", "lanes and the rest of a result to one HTML file with its own code and style (pure)",
		[]string{"internal/report/lanes", "internal/report/svg", "result"}, []never{noMachine, noPrograms, noNet, noTracing}},
	{"internal/cli", "one file a command", all, nil},
	{"internal/testlab", "for tests: the programs, built when first asked for; what is left behind; figures of benchmarks", []string{"internal/testlab/needs"}, nil},
	{"internal/testlab/needs", "for tests: what a machine may lack; skips aloud, in CI fails; one process at a time starts VMs", []string{"internal/filelock"}, nil},
	{"internal/testlab/pty", "for tests: a program on a pseudo-terminal, and what is seen there", nil, nil},
	{"internal/testlab/foreign", "for tests: others' programs that judge our formats, hostile texts", []string{"internal/testlab/needs", "result"}, nil},
	{"internal/testlab/machine", "for tests: real kernels, and Debian machines that run them", []string{
		"", "internal/boot", "internal/kbuild", "internal/kernel", "internal/kmodcmd", "internal/report", "internal/testlab",
		"internal/testlab/needs", "internal/vm", "internal/wire", "result"}, nil},
	{"test/vm", "tests of the API with real kernels in VMs", nil, nil},
	{"test/cli", "tests of the command line: scripts, terminals", nil, nil},
	{"test/kmod", "tests of our modprobe, depmod, … beside kmod's", nil, nil},
	{"test/bench", "benchmarks", nil, nil},
	{"test/repo", "tests of the repository: imports, sizes, scripts, documents", nil, nil},
}

// The lines of docs/ARCHITECTURE.md between which the table stands.
const (
	roomsFile  = root + "/docs/ARCHITECTURE.md"
	roomsWrite = "KMODLAB_UPDATE=1 go test ./test/repo -run TestRooms"
	roomsBegin = "<!-- The rooms: " + roomsWrite + " writes them, from test/repo/rooms_test.go. -->\n"
	roomsEnd   = "<!-- The end of the rooms. -->\n"
)

// TestRooms compares the document's table with rooms, and with KMODLAB_UPDATE writes it.
func TestRooms(t *testing.T) {
	data, err := os.ReadFile(roomsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), roomsBegin)
	old, after, ends := strings.Cut(rest, roomsEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks the lines between which the table stands:\n%s%s", roomsFile, roomsBegin, roomsEnd)
	}
	want := "\n" + roomsTable() + "\n"
	switch {
	case old == want:
	case os.Getenv("KMODLAB_UPDATE") != "":
		if err := os.WriteFile(roomsFile, []byte(before+roomsBegin+want+roomsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of docs/ARCHITECTURE.md is not that of test/repo/rooms_test.go; type: %s", roomsWrite)
	}
}

// roomsTable is the table as Markdown, and below it why never.
func roomsTable() string {
	var b strings.Builder
	b.WriteString("| room | what it does | may import, of ours | must never reach |\n|---|---|---|---|\n")
	for _, r := range rooms {
		var what []string
		for _, n := range r.never {
			what = append(what, n.name())
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", roomName(r.path), r.does, mayCell(r), strings.Join(what, ", "))
	}
	b.WriteString("\n| never | why | from |\n|---|---|---|\n")
	who := map[never][]string{}
	var reasons []never // in the order of the table
	for _, r := range rooms {
		for _, n := range r.never {
			if who[n] == nil {
				reasons = append(reasons, n)
			}
			who[n] = append(who[n], roomName(r.path))
		}
	}
	slices.SortStableFunc(reasons, func(a, b never) int { return strings.Compare(a.name(), b.name()) })
	for _, n := range reasons {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", n.name(), n.why, strings.Join(who[n], ", "))
	}
	return b.String()
}

func (n never) name() string { return strings.TrimPrefix(n.what, "github.com/") }

func roomName(path string) string {
	if path == "" {
		return "the root"
	}
	return path
}

func mayCell(r room) string {
	switch {
	case len(r.may) == 0:
		return "none"
	case !slices.Equal(r.may, all):
		var names []string
		for _, path := range r.may {
			names = append(names, roomName(path))
		}
		return strings.Join(names, ", ")
	case len(r.never) == 0:
		return "all"
	}
	return "all but those on the right"
}
