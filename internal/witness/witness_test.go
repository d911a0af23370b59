// SPDX-License-Identifier: MIT

package witness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// kernel is a made-up kernel in made-up memory: what is put at an address is where a real one would have it.
type kernel struct {
	memory  map[uint64][]byte // by physical page
	symbols map[string]uint64
	layout  Layout
	next    uint64 // free, in the direct map

	variables uint64
}

const (
	image     = imageMap + 0x1000000
	moduleMap = 0xffffffffc0000000
)

func (k *kernel) ReadPhysical(addr uint64, size int) ([]byte, error) {
	data := make([]byte, 0, size)
	for ; len(data) < size; addr += pageSize - addr%pageSize {
		page := make([]byte, pageSize)
		copy(page, k.memory[addr/pageSize])
		data = append(data, page[addr%pageSize:]...)
	}
	return data[:size], nil
}

// put writes at an address of the image, or of the direct map.
func (k *kernel) put(addr uint64, data ...byte) {
	at := addr - directMap
	if addr >= imageMap {
		at = addr - imageMap
	}
	for i, b := range data {
		n := at + uint64(i)
		if k.memory[n/pageSize] == nil {
			k.memory[n/pageSize] = make([]byte, pageSize)
		}
		k.memory[n/pageSize][n%pageSize] = b
	}
}

func (k *kernel) word(addr, value uint64) {
	k.put(addr, binary.LittleEndian.AppendUint64(nil, value)...)
}

// alloc returns fresh memory.
func (k *kernel) alloc() uint64 {
	k.next += 0x1000
	return k.next
}

// symbol makes a variable.
func (k *kernel) symbol(name string) uint64 {
	k.variables++
	at := image + 0x100000 + k.variables*0x400
	k.symbols[name] = at
	return at
}

// ring links list heads.
func (k *kernel) ring(heads ...uint64) {
	for i, at := range heads {
		k.word(at, heads[(i+1)%len(heads)])
	}
}

// node makes a struct xa_node with these entries, as an entry.
func (k *kernel) node(entries map[int]uint64) uint64 {
	at := k.alloc()
	for i, e := range entries {
		k.word(at+uint64(k.layout["xa_node.slots"])+8*uint64(i), e)
	}
	return at + 2
}

// newKernel has one module, two tasks with a thread each, a program and a tracepoint.
func newKernel() *kernel {
	k := &kernel{
		memory: make(map[uint64][]byte), symbols: make(map[string]uint64), layout: make(Layout),
		next: directMap + 0x4000000,
	}
	for i, m := range Members {
		k.layout[m] = uint32(0x20 + 0x10*(i%50))
	}
	for _, first := range []string{
		"latch_tree_root.tree", "idr.idr_rt", "xarray.xa_head", "tracepoint.key", "static_key.enabled",
		"module_memory.base", "mod_tree_node.mod",
	} {
		k.layout[first] = 0
	}
	k.layout["module_memory.size"], k.layout["mod_tree_node.node"], k.layout["module.name"] = 8, 8, 0x400
	k.layout["task_struct.comm"] = 0x600
	k.symbols["_end"], k.symbols["_stext"], k.symbols["_etext"] = image+0x800000, image, image+0x3000
	k.symbols["__start_rodata"], k.symbols["__end_rodata"] = image+0x10000, image+0x11000
	k.symbols["init_top_pgt"] = image + 0x20000
	k.put(k.symbol("linux_banner"), []byte("Linux version 6.1.0-fake")...)
	k.word(k.symbol("page_offset_base"), directMap)
	k.word(k.symbol("pgdir_shift"), 39)
	k.word(k.symbol("tainted_mask"), 1<<12)
	for _, s := range switches {
		k.word(k.symbol(s.name), 0)
	}
	k.modules("lab", true)
	k.tasks(false, false)
	k.program(0x90)
	tp := k.symbol(tracepointVariable + "module_free")
	k.word(tp, 1)
	funcs := k.alloc()
	k.word(tp+uint64(k.layout["tracepoint.funcs"]), funcs)
	k.word(funcs, image+0x100)
	k.word(k.symbol(keyName+"tp_func_module_free"), image+0x200)
	k.symbols[tracepointIterator+"module_free"] = image + 0x200
	return k
}

// modules makes the list and the tree of one module, which may be left out of the list.
func (k *kernel) modules(name string, listed bool) {
	head, root := k.symbol("modules"), k.symbol("mod_tree")
	at, node := k.alloc(), k.alloc()
	k.put(at+uint64(k.layout["module.name"]), []byte(name)...)
	k.word(at+uint64(k.layout["module.mem"]), moduleMap)
	k.word(node, at)
	k.word(root, node+8)
	k.ring(head)
	if listed {
		k.ring(head, at+uint64(k.layout["module.list"]))
	}
}

// tasks makes processes 1 and 2, each with a thread; one may be left out of the list, or of the numbers.
func (k *kernel) tasks(unlisted, unnumbered bool) {
	o := func(m string) uint64 { return uint64(k.layout[m]) }
	first := k.symbol("init_task")
	heads := []uint64{first + o("task_struct.tasks")}
	signal := k.alloc()
	k.word(first+o("task_struct.signal"), signal)
	k.ring(signal + o("signal_struct.thread_head"))
	entries := make(map[int]uint64)
	for pid := 1; pid <= 4; pid++ {
		at, number := k.alloc(), k.alloc()
		k.put(at+o("task_struct.pid"), byte(pid), 0, 0, 0)
		k.put(at+o("task_struct.comm"), fmt.Appendf(nil, "task%d", pid)...)
		if !(unnumbered && pid == 2) {
			k.word(number+o("pid.tasks"), at+o("task_struct.pid_links"))
		}
		entries[pid] = number
		if pid%2 == 0 { // the thread of the one before
			k.ring(signal+o("signal_struct.thread_head"), at+o("task_struct.thread_node"))
			continue
		}
		signal = k.alloc()
		k.word(at+o("task_struct.signal"), signal)
		k.ring(signal + o("signal_struct.thread_head"))
		if !(unlisted && pid == 3) {
			heads = append(heads, at+o("task_struct.tasks"))
		}
	}
	k.ring(heads...)
	ns := k.symbol("init_pid_ns")
	k.word(ns+o("pid_namespace.idr"), k.node(map[int]uint64{0: k.node(entries), 1: 1<<1 | 1}))
}

// grouped makes a task that only its control group has.
func (k *kernel) grouped() {
	group, at := k.symbol("init_css_set"), k.alloc()
	k.put(at+uint64(k.layout["task_struct.pid"]), 9, 0, 0, 0)
	k.put(at+uint64(k.layout["task_struct.comm"]), []byte("ghost")...)
	k.ring(group+uint64(k.layout["css_set.tasks"]), at+uint64(k.layout["task_struct.cg_list"]))
}

// program makes one, whose machine code is one byte, in the space of modules.
func (k *kernel) program(code byte) {
	at := k.alloc()
	k.put(at+uint64(k.layout["bpf_prog.tag"]), 1, 2, 3, 4, 5, 6, 7, 8)
	k.word(at+uint64(k.layout["bpf_prog.bpf_func"]), moduleMap+0x234)
	k.put(at+uint64(k.layout["bpf_prog.jited_len"]), 1, 0, 0, 0)
	k.word(k.symbol("prog_idr"), at) // a tree of one entry has no node
	frame := k.alloc()
	k.put(frame+0x234, code)
	table := k.symbols["init_top_pgt"]
	for level := 3; level > 0; level-- {
		lower := k.alloc()
		k.word(table+moduleMap>>(12+9*level)&511*8, (lower-directMap)|present)
		table = lower
	}
	k.word(table, (frame-directMap)|present)
}

func (k *kernel) subject() Subject {
	return Subject{
		Memory: k, Symbols: func(name string) uint64 { return k.symbols[name] }, Layout: k.layout,
		Tracepoints: []string{"module_free", "no_such"},
		Name:        k.name,
	}
}

// name takes every 64 bytes for a function, but for the trampoline of a static call.
func (k *kernel) name(addr uint64) (string, uint64) {
	if at := uint64(image + 0x800); addr >= at && addr < at+8 {
		return "__SCT__policy", addr - at
	}
	switch at := addr &^ 0x3f; at {
	case image + 0x840:
		return "ftrace_call", addr - at
	case image + 0x880:
		return "ftrace_stub", addr - at
	case image + 0x8c0:
		return "ftrace_ops_assist_func", addr - at
	case image + 0x900:
		return "arch_ftrace_ops_list_func", addr - at
	}
	return fmt.Sprintf("function_%x", addr&0xfc0), addr & 0x3f
}

// looks takes a view of a kernel that can be understood.
func looks(t *testing.T, k *kernel, first *View) *View {
	t.Helper()
	v, err := Take(k.subject(), first)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestCompare: nothing differs in a kernel that nobody changed, and whatever somebody changed is told.
func TestCompare(t *testing.T) {
	honest := Account{Taint: 1 << 12, Modules: []string{"lab"}}
	for name, tt := range map[string]struct {
		change func(k *kernel)
		guest  Account
		want   string
	}{
		"nothing": {func(*kernel) {}, honest, ""},
		"the mask was put back": {
			func(k *kernel) { k.word(k.symbols["tainted_mask"], 1<<12|1<<9) }, honest,
			"the guest reports taint mask 4096, but its memory holds 4608",
		},
		"a module is not told": {
			func(*kernel) {}, Account{Taint: 1 << 12},
			"module lab is in memory, but the guest does not list it",
		},
		"a module is made up": {
			func(*kernel) {}, Account{Taint: 1 << 12, Modules: []string{"lab", "ghost"}},
			"the guest lists module ghost, but it is not in memory",
		},
		"a module left the list": {
			func(k *kernel) { k.modules("hidden", false) }, Account{Taint: 1 << 12},
			"module hidden is in memory but missing from the kernel's list",
		},
		"a task left the list": {
			func(k *kernel) { k.tasks(true, false) }, honest,
			"task task3[3] exists, but is not in the task list; task task4[4] exists, but is not in the task list",
		},
		"a task has no number": {
			func(k *kernel) { k.tasks(false, true) }, honest,
			"task task2[2] exists, but is not in the table of process IDs",
		},
		"a task has neither": {
			func(k *kernel) { k.grouped() }, honest,
			"task ghost[9] exists, but is neither in the task list nor in the table of process IDs",
		},
		"another program": {
			func(k *kernel) { k.program(0x90) }, honest,
			"the tracer's program 0102030405060708 is gone",
		},
		"printk is off": {
			func(k *kernel) { k.word(k.symbols["suppress_printk"], 1) }, honest,
			"suppress_printk is 1: the kernel prints nothing",
		},
		"a tracepoint is silenced": {func(k *kernel) {
			k.word(k.symbols[tracepointVariable+"module_free"]+uint64(k.layout["tracepoint.funcs"]), 0)
		}, honest, "the tracepoint module_free no longer calls what it called before"},
		"a system call": {
			func(k *kernel) { k.word(image+0x10080, 7) }, honest,
			"the kernel's own code has changed in function_80",
		},
		"a tracepoint that a module joined": {func(k *kernel) {
			list, tp := k.alloc(), k.symbols[tracepointVariable+"module_free"]
			k.word(list, image+0x100)
			k.word(list+tracepointFunc, moduleMap+0x10)
			k.word(tp+uint64(k.layout["tracepoint.funcs"]), list)
		}, honest, ""},
		"a tracepoint whose code calls nothing": {func(k *kernel) {
			k.word(k.symbols[keyName+"tp_func_module_free"], 0)
		}, honest, "the tracepoint module_free no longer calls what it called before"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKernel()
			first := looks(t, k, nil)
			tt.change(k)
			var got []string
			for _, d := range Compare(first, looks(t, k, first), tt.guest) {
				got = append(got, d.Text)
			}
			if got := strings.Join(got, "; "); got != tt.want {
				t.Errorf("%s; want %s", got, tt.want)
			}
		})
	}
}

// TestSameDifference: what differs is known again although its sentence is another one.
func TestSameDifference(t *testing.T) {
	k := newKernel()
	first := looks(t, k, nil)
	k.grouped()
	group := k.symbols["init_css_set"] + uint64(k.layout["css_set.tasks"])
	node, _ := k.ReadPhysical(group-imageMap, 8)
	task := binary.LittleEndian.Uint64(node) - uint64(k.layout["task_struct.cg_list"])
	var seen [2][]Difference
	for i, name := range []string{"spy1", "spy2"} {
		k.put(task+uint64(k.layout["task_struct.comm"]), []byte(name)...)
		k.word(k.symbols["tainted_mask"], uint64(i+1))
		k.word(image+0x1080+uint64(0x100*i), 0x1234) // another function each time
		seen[i] = Compare(first, looks(t, k, first), Account{Taint: 1 << 12, Modules: []string{"lab"}})
		k.word(image+0x1080+uint64(0x100*i), 0)
	}
	if len(seen[0]) != 3 || len(seen[1]) != 3 {
		t.Fatalf("%+v", seen)
	}
	for i, d := range seen[0] {
		if other := seen[1][i]; d.What != other.What || d.Text == other.Text {
			t.Errorf("%+v, %+v", d, other)
		}
	}
}

// TestTake: the view has what the kernel has.
func TestTake(t *testing.T) {
	v := looks(t, newKernel(), nil)
	if !v.Bounded() {
		t.Error("a view of a small kernel is not within bounds")
	}
	if len(v.Modules) != 1 || v.Modules[0].Name != "lab" || !v.Modules[0].Listed || !v.Modules[0].Treed {
		t.Errorf("modules: %+v", v.Modules)
	}
	pids := []int{}
	for _, task := range v.Tasks {
		pids = append(pids, task.PID)
	}
	if !slices.Equal(pids, []int{1, 2, 3, 4}) || len(v.Hidden()) != 0 {
		t.Errorf("tasks: %+v", v.Tasks)
	}
	if len(v.Programs) != 1 || v.Programs[0].Sum == "" || !v.Tracepoints["module_free"].Direct {
		t.Errorf("%+v", v)
	}
}

// TestTakeRefuses: a kernel that cannot be understood is an error, and so is one that has made its lists endless.
func TestTakeRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(k *kernel)
		want   string
	}{
		"no symbols":     {func(k *kernel) { clear(k.symbols) }, "include no variables"},
		"moved by KASLR": {func(k *kernel) { k.symbols["linux_banner"] += 0x200000 }, "not where its symbols say"},
		"odd tables":     {func(k *kernel) { k.word(k.symbols["pgdir_shift"], 21) }, "levels of page tables"},
		"no members":     {func(k *kernel) { clear(k.layout) }, "find the list of modules"},
		"a long list": {func(k *kernel) {
			at := k.symbols["modules"]
			for range MaxModules + 1 {
				next := k.alloc()
				k.word(at, next)
				at = next
			}
		}, "more than"},
		"a tree of many modules": {func(k *kernel) {
			var grow func(n int) uint64
			grow = func(n int) uint64 {
				if n == 0 {
					return 0
				}
				node := k.alloc()
				k.word(node, k.alloc())
				k.word(node+16, grow((n-1)/2))
				k.word(node+24, grow(n-1-(n-1)/2))
				return node + 8
			}
			k.word(k.symbols["mod_tree"], grow(MaxModules))
		}, "more than 4096 modules"},
		"one list of threads for many processes": {func(k *kernel) {
			o := func(m string) uint64 { return uint64(k.layout[m]) }
			signal := k.alloc()
			heads := []uint64{k.symbols["init_task"] + o("task_struct.tasks")}
			threads := []uint64{signal + o("signal_struct.thread_head")}
			for range 400 {
				at := k.alloc()
				k.word(at+o("task_struct.signal"), signal)
				heads = append(heads, at+o("task_struct.tasks"))
				threads = append(threads, at+o("task_struct.thread_node"))
			}
			k.ring(heads...)
			k.ring(threads...)
		}, "lists of threads"},
		"a tree of itself": {func(k *kernel) {
			node := k.alloc()
			k.word(node, node)
			k.word(k.symbols["mod_tree"], node+8)
			k.word(node+16, node+8)
		}, "levels"},
		"numbers of themselves": {func(k *kernel) {
			at := k.node(nil)
			k.word(at-2+uint64(k.layout["xa_node.slots"]), at)
			k.word(k.symbols["init_pid_ns"]+uint64(k.layout["pid_namespace.idr"]), at)
		}, "entries"},
		"nothing is mapped": {
			func(k *kernel) { k.word(k.symbols["init_top_pgt"]+moduleMap>>39&511*8, 0) }, "nothing is mapped",
		},
		"a huge program": {func(k *kernel) {
			data, _ := k.ReadPhysical(k.symbols["prog_idr"]-imageMap, 8)
			k.put(binary.LittleEndian.Uint64(data)+uint64(k.layout["bpf_prog.jited_len"]), 0, 0, 0, 0x7f)
		}, "bytes"},
	} {
		k := newKernel()
		tt.change(k)
		if _, err := Take(k.subject(), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
	s := newKernel().subject()
	s.Memory = broken{}
	_, err := Take(s, nil)
	if broken, ok := errors.AsType[*MemoryError](err); !ok || !errors.Is(broken, errBroken) {
		t.Error(err)
	}
}

var errBroken = errors.New("QEMU is gone")

type broken struct{}

func (broken) ReadPhysical(uint64, int) ([]byte, error) { return nil, errBroken }

// TestTranslate: five levels of tables, and large pages.
func TestTranslate(t *testing.T) {
	k := newKernel()
	k.word(k.symbols["pgdir_shift"], 48)
	lower, table := k.alloc(), k.symbols["init_top_pgt"]
	const addr = 0xffd2000012345678
	k.word(table+addr>>48&511*8, (lower-directMap)|present)
	k.word(lower+addr>>39&511*8, 0x40000000|present|huge)
	s, err := newSpace(k, k.subject().Symbols)
	if err != nil {
		t.Fatal(err)
	}
	k.word(lower+addr>>39&511*8, 0) // not a large page at this level: there are none of 512 GiB
	next := k.alloc()
	k.word(lower+addr>>39&511*8, (next-directMap)|present)
	k.word(next+addr>>30&511*8, 0x40000000|present|huge)
	at, run, err := s.translate(addr)
	if err != nil || at != 0x40000000+addr&(1<<30-1) || run != 1<<30-addr&(1<<30-1) {
		t.Errorf("%#x, %#x, %v", at, run, err)
	}
}

// FuzzTake: whatever is in a guest's memory, the look ends.
func FuzzTake(f *testing.F) {
	f.Add(uint64(image+0x100000), uint64(5), uint64(directMap+0x4001000), uint64(7))
	f.Fuzz(func(t *testing.T, at, value, at2, value2 uint64) {
		k := newKernel()
		for _, w := range [][2]uint64{{at, value}, {at2, value2}} {
			if w[0] >= directMap && w[0] < directMap+1<<30 || w[0] >= imageMap && w[0] < imageMap+1<<30 {
				k.word(w[0], w[1])
			}
		}
		Take(k.subject(), nil)
	})
}
