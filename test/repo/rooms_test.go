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
	noGuest    = never{"internal/guest", "host and guest share internal/wire alone"}
)

var rooms = []room{
	{"", "package kmodlab: Run(ctx, Spec), RunAll(ctx, specs, …) and Trace(ctx, TraceSpec), the Go API", all, []never{
		noGuest, {"internal/cli", "the commands use the API, not the other way round"},
		{"internal/report", "a result is data; who wants it rendered says so"}, noTracer}},
	{"cmd/kmodlab", "main only", []string{"internal/cli", "internal/guest", "internal/kmodcmd"}, nil},
	{"cmd/kmod", "the six commands for modules alone, for links", []string{"internal/kmodcmd"}, []never{
		{"tracer", "a modprobe has to start fast"}, {"internal/vm", "a modprobe has to start fast"}, noPrograms}},
	{"modules", "C kernel modules, a folder a lesson", nil, nil},
	{"tracer", "loads and attaches the eBPF programs, reads rings, proves hooks", []string{"tracer/bpf", "tracer/event", "tracer/programs"}, []never{
		{"kmod", "it loads no module"}, {"internal/vm", "it runs in the guest"}}},
	{"tracer/bpf", "*.bpf.c, small CO-RE headers, committed bpf2go output", nil, nil},
	{"tracer/programs", "the object made ready for one kernel: offsets, targets, maps; to bytes and back (pure)", []string{"tracer/bpf"}, []never{
		noNet, {"internal/vm", "it runs in the guest too"}}},
	{"tracer/event", "the records: layout, decode (pure)", nil, []never{noPrograms, noNet, noTracing}},
	{"tracer/symbols", "kallsyms and .ko symbol tables: address to place (pure)", []string{"tracer/event"}, []never{noPrograms, noNet, noTracing}},
	{"tracer/timeline", "events to lives: Thread, Request, Signal, Load (pure)", []string{"tracer/event"}, []never{noPrograms, noNet, noTracing}},
	{"kmod", "module files, index (depmod), resolve, load, unload", nil, []never{{"os/exec", "install and remove commands are for the caller to run"}}},
	{"kmod/kmodtest", "small module files and trees for tests", nil, []never{noPrograms}},
	{"result", "Result, Verdict, Phase, Crash (pure)", []string{"tracer/timeline", "tracer/event"}, []never{noPrograms, noTracing}},
	{"internal/lazyregexp", "regular expressions that are compiled when first used: a modprobe must not wait for them", nil, []never{noFiles, noNet}},
	{"internal/filelock", "one holder at a time of a file's lock, in all processes", nil, []never{noPrograms, noNet}},
	{"internal/kernel", "kernels and their toolchains: name, fetch, verify, cache, unpack", []string{"internal/filelock", "internal/lazyregexp"}, []never{
		noTracer, {"kmod", "a kernel is files to it"}, noGuest}},
	{"internal/vm", "QEMU: devices to command line, start, watch", []string{"internal/lazyregexp"}, []never{
		noTracer, {"kmod", "it knows no modules"}, noGuest}},
	{"internal/vm/cpio", "writes initramfs archives", nil, nil},
	{"internal/wire", "host↔guest messages and framing (pure)", nil, []never{noPrograms, noNet}},
	{"internal/boot", "a kernel with our agent as PID 1: initramfs, ports, first message",
		[]string{"internal/kernel", "internal/vm", "internal/vm/cpio", "internal/wire", "kmod"}, []never{noTracer, noGuest}},
	{"internal/warm", "saved guests on the disk: made once, checked, bounded", []string{"internal/filelock", "internal/boot"}, []never{
		noTracer, noGuest, {"internal/kbuild", "builds use it"}}},
	{"internal/kbuild", "runs the kernel's build system in a VM or a sandbox; caches by content", []string{
		"internal/filelock", "internal/kernel", "internal/boot", "internal/warm", "internal/vm", "internal/wire", "internal/lazyregexp", "kmod"}, []never{
		noTracer, {ebpf, "a build is not traced"}}},
	{"internal/guest", "the agent: mount, serve the host's requests, load, trace", []string{"internal/wire", "internal/kmodcmd", "kmod", "tracer", "tracer/event"}, []never{
		{"internal/vm", "host and guest share internal/wire alone"}, {"internal/kernel", "the host fetches kernels"},
		{"internal/kbuild", "the host says what to build"}, {"internal/report", "guest cycles are dear: the host renders"}}},
	{"internal/kmodcmd", "modprobe, lsmod, modinfo, depmod, insmod, rmmod as functions", []string{"kmod"}, []never{{"os/exec", "it starts nothing but what modprobe.d names, by system call"}}},
	{"internal/oops", "console bytes to result.Crash (pure)", []string{"result", "internal/lazyregexp"}, []never{noMachine, noPrograms}},
	{"internal/srcline", "a .ko's DWARF: place in a module to file and line (pure)", nil, []never{noPrograms, noNet}},
	{"internal/hang", "tasks' stacks to who waits for what, or spins where (pure)", []string{"internal/lazyregexp", "internal/wire", "result"}, []never{noMachine, noPrograms}},
	{"internal/leaks", "the kernel's trace and two lists of names to what was left behind (pure)", []string{"internal/lazyregexp", "internal/wire", "result"}, []never{noMachine, noPrograms}},
	{"internal/rundiff", "two results to what changed between them (pure)", []string{"result"}, []never{noMachine, noPrograms}},
	{"internal/recording", "the file that keeps a run (.kmlab): what the tracer wrote and what names it (pure)", []string{"internal/wire", "result"}, []never{noMachine, noPrograms}},
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
	b.WriteString("\nWhy never:\n\n")
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
		fmt.Fprintf(&b, "- %s: %s (%s)\n", n.name(), n.why, strings.Join(who[n], ", "))
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
