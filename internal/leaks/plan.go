// SPDX-License-Identifier: MIT

package leaks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// The guest's own kernel trace, in an instance of our own.
const (
	Tracing  = "/sys/kernel/tracing"
	Instance = Tracing + "/instances/kmodlab"
	// moduleSpace is above the kernel's own code, and no module of x86-64 lies below it. It
	// is where modules begin without CONFIG_RANDOMIZE_BASE; with it, they begin higher.
	moduleSpace = 0xffffffffa0000000
	group       = "kmodlab" // of the kprobe events
)

// Module is what is known of a module before it is loaded.
type Module struct {
	Name    string
	Imports []string // the kernel's functions and variables that it uses, and other modules'
	Exports []string
	Tasks   []TaskRef
	Calls   []CallSite // of functions that CallsWanted names
	Planned bool       // the run will load it; others may be loaded by name
	// Shares means that it may count the users of pages: then it may free a page as often as it has counted.
	Shares bool
	// Opaque means that it may drop references to tasks where no probe sees it.
	Opaque bool
}

// Kernel reports whether a kernel has a function of that name in its own text.
type Kernel func(name string) bool

// TaskRef is an instruction of a module that takes or drops a reference to a task:
// get_task_struct and put_task_struct are inlined, so there is no call to trace.
type TaskRef struct {
	Symbol   string // of the module, with Offset
	Offset   uint64
	Register string // holds the task's address minus Shift
	Shift    int64
	Put      bool
}

// Setting is a file of the guest's tracefs and what to write to it.
type Setting struct {
	Path, Value string
	Append      bool
	// May means that a kernel may refuse it, at the cost of what it would find.
	May bool
	// Raw settings are of use only if the kernel prints pointers as they are: see HashPtr.
	Raw bool
}

// HashPtr is the option without which a kernel prints hashes instead of pointers. A
// kernel before 5.13 always does.
const HashPtr = Instance + "/options/hash-ptr"

// Base are the settings with which every plan begins that has any. The second creates
// the instance, for which a kernel before 6.6, with a folder for each event, takes most
// of 0.2 s on TCG. The first comes before it, because an instance inherits its options:
// names of tasks are not needed, and to record them the kernel patches itself and hooks
// each context switch. The filters are those that most plans need; they cost nothing
// while their events are off.
var Base = []Setting{
	{Path: Tracing + "/options/record-cmd", Value: "0", May: true},
	{Path: HashPtr, Value: "0", May: true},
	{Path: Instance + "/trace_clock", Value: "mono"},
	{Path: Instance + "/buffer_size_kb", Value: "2048"},
	filterOn("kmem/kmalloc", fromCall, false, false),
	filterOn("kmem/kmalloc_node", fromCall, true, false), // until 6.0
	filterOn("kmem/kfree", ofNothing, false, false),      // two of five are of a null pointer
}

// Plan is what must be traced to know what modules take and give back. It follows from
// what they import: a module that uses no allocator leaks no memory, and costs nothing.
// A recording keeps it as JSON.
type Plan struct {
	Settings []Setting
	// Late means that code of a module may be called after unload without a trace of it:
	// callbacks of RCU, interrupts, notifiers.
	Late bool
	// Early is set by the reader of the trace if a crash came before what is deferred had its time: see early.
	Early bool `json:",omitempty"`
	// Cut is set by the reader of the trace if it is longer than is read.
	Cut bool `json:",omitempty"`
	// Unloading is set if the trace was read before the first unload, and never again.
	Unloading bool `json:",omitempty"`
	// Hashed is set by Hash.
	Hashed bool

	probes, raw, refused int                 // raw are those of the probes that need raw pointers
	unarmed              bool                // a probe at a function that arms was refused
	importers            map[string][]string // modules, by the kernel's function that they import
	hidden               []result.Unchecked  // what is not looked for if pointers are hashed

	Shift  map[string]int64 // by event: what to add to the register
	Opaque map[string]bool  // modules that may drop tasks where no probe sees it
	Unseen map[string]bool  `json:"Deaf"` // kinds whose giving back is not traced
	// Missed counts, for each kind, the hits of its probes that the kernel missed: see Ledger.Missed.
	Missed map[string]uint64 `json:",omitempty"`
	NoMem  map[string]bool   // modules that free memory in a way that is not traced
	RCUMem map[string]bool   // modules that free memory through RCU

	Tails     map[string][]Tail  `json:"tails"`      // by the kernel's function
	Moot      map[string]bool    `json:"moot"`       // by module and kind: it may be given back where nothing sees it
	Certain   map[string]bool    `json:"certain"`    // modules whose own frees can be told to be wrong
	Undo      map[string]Undo    `json:"undo"`       // by module and kind
	Unchecked []result.Unchecked `json:",omitempty"` // what modules import of which nothing is looked for
	Unpaired  []result.Unpaired  `json:",omitempty"` // what modules take and import no function for giving it back
}

// What a function does with a thing.
const (
	take = "take" // the function returns it
	size = "size" // before take: how many bytes are asked for
	get  = "get"  // the function takes a reference to its argument
	give = "give"
	dead = "dead" // a task has ended and is reaped
	gone = "gone" // its last reference was dropped
	rcu  = "rcu"  // handed to RCU: a head, and an offset or a pointer
	arm  = "arm"
	call = "call" // something with a name is created
	off  = "off"
	wait = "wait" // off, and the function returns only after the callback, which may arm the thing once more meanwhile
	over = "over" // in old recordings: such a function has returned
)

// hook is a set of functions with the same effect.
type hook struct {
	kind, action string
	functions    []string // without the "_noprof" of 6.10 and later
	// args are what to record, and filter says which calls count: all of them if a thing
	// is given back. A tail call of a module returns to the caller of the module's
	// function, so that it seems to be the kernel's.
	args, filter string
	raw          bool
}

const (
	fromModule = "site"           // the call returns to a module
	fromCall   = "call_site"      // the same in the kernel's own events
	toModule   = "__probe_ret_ip" // the same for a function's return
	ofModule   = "fn"             // a module's function will be called
	ofNothing  = "ptr"            // all but those of a null pointer, as most put_pid are
)

var (
	vmallocs = []string{
		"vmalloc", "vzalloc", "__vmalloc", "vmalloc_node", "vzalloc_node", "vmalloc_user", "vmalloc_32", "vmalloc_huge",
	}
	kvmallocs = []string{"kvmalloc_node", "__kvmalloc_node"}
	// copiers allocate for their callers, which kmalloc's event does not name. For those in
	// the kernel's lib folder see library.
	copiers = []string{"memdup_user", "memdup_user_nul", "vmemdup_user", "strndup_user"}
)

var hooks = []hook{
	// take comes before size: of two probes at one place the one defined last runs first,
	// and the other one changes the return address.
	{kind: "mem", action: take, functions: vmallocs, filter: toModule},
	{kind: "mem", action: take, functions: slices.Concat(kvmallocs, copiers), filter: toModule, raw: true},
	{kind: "mem", action: size, functions: vmallocs, args: "size=%di site=$stack0", filter: fromModule},
	{kind: "mem", action: size, functions: kvmallocs, args: "size=%di site=$stack0", filter: fromModule, raw: true},
	{
		kind: "mem", action: rcu, functions: []string{"kvfree_call_rcu", "kfree_call_rcu"}, args: "head=%di func=%si",
		raw: true,
	},
	{kind: "pid", action: take, functions: []string{"find_get_pid", "get_task_pid"}, filter: toModule},
	{kind: "pid", action: give, functions: []string{"put_pid"}, args: "ptr=%di site=$stack0:symbol", filter: ofNothing},
	{kind: "task", action: take, functions: []string{"get_pid_task"}, filter: toModule},
	{kind: "task", action: give, functions: []string{"kthread_stop_put"}, args: "ptr=%di"},
	{kind: "timer", action: arm, raw: true, args: "ptr=%di fn=+24(%di):x64 site=$stack0", filter: ofModule,
		functions: []string{
			"add_timer", "add_timer_on", "add_timer_local", "add_timer_global",
			"mod_timer", "mod_timer_pending", "timer_reduce",
		}},
	// What waits has no probe at its return: that would take the caller's place on the stack, and whoever spins there
	// for ever could not be named.
	{kind: "timer", action: wait, raw: true, args: "ptr=%di", functions: []string{
		"del_timer_sync", "timer_delete_sync", "timer_shutdown_sync"}},
	{kind: "timer", action: off, raw: true, args: "ptr=%di", functions: []string{
		"del_timer", "try_to_del_timer_sync", "timer_delete", "timer_delete_sync_try", "timer_shutdown"}},
	{
		kind: "hrtimer", action: arm, raw: true, args: "ptr=%di site=$stack0", filter: fromModule,
		functions: []string{"hrtimer_start_range_ns"},
	},
	{kind: "hrtimer", action: wait, raw: true, args: "ptr=%di", functions: []string{"hrtimer_cancel"}},
	{kind: "hrtimer", action: off, raw: true, args: "ptr=%di", functions: []string{"hrtimer_try_to_cancel"}},
	{kind: "work", action: arm, raw: true, args: "ptr=%dx fn=+24(%dx):x64 site=$stack0", filter: ofModule,
		functions: []string{"queue_work_on", "queue_work_node", "queue_delayed_work_on", "mod_delayed_work_on"}},
	{kind: "work", action: wait, raw: true, args: "ptr=%di", functions: []string{
		"cancel_work_sync", "cancel_delayed_work_sync", "disable_work_sync", "disable_delayed_work_sync"}},
	{kind: "work", action: off, raw: true, args: "ptr=%di", functions: []string{
		"cancel_work", "cancel_delayed_work", "disable_work", "disable_delayed_work"}},
	{kind: "name", action: call, args: "name=+0(%di):string site=$stack0", filter: fromModule, functions: []string{
		"proc_create", "proc_create_data", "proc_create_single_data", "proc_create_seq_private",
		"proc_mkdir", "proc_mkdir_data", "proc_mkdir_mode",
		"class_create", "debugfs_create_dir", "debugfs_create_file", "debugfs_create_file_full"}},
	{
		kind: "name", action: call, args: "name=+0(%si):string site=$stack0", filter: fromModule,
		functions: []string{"__class_create", "register_blkdev", "__register_blkdev"},
	},
	{
		kind: "name", action: call, args: "name=+0(%dx):string site=$stack0", filter: fromModule,
		functions: []string{"register_chrdev_region"},
	},
	{
		kind: "name", action: call, args: "name=+0(%cx):string site=$stack0", filter: fromModule,
		functions: []string{"__register_chrdev", "alloc_chrdev_region"},
	},
}

// also are the hooks that a kind needs as soon as a module takes such a thing, whatever
// the module imports.
var also = map[string][]hook{
	"vmalloc": {{kind: "mem", action: give, functions: []string{"vfree", "vfree_atomic"}, args: "ptr=%di"}},
	// The last function that is called, and not inlined, when a task is freed.
	"task": {
		{kind: "task", action: gone, functions: []string{"exit_creds"}, args: "ptr=%di"},
		{kind: "task", action: dead, functions: []string{"release_task"}, args: "ptr=%di"},
	},
}

var (
	allocates = lazyregexp.New(`kv?malloc|kv?realloc|kzalloc|kcalloc|kstrdup|kstrndup|kmemdup|kasprintf|kvasprintf` +
		`|memdup_user|strndup_user|kmem_cache_alloc_(?:node_)?trace|bitmap_z?alloc|argv_split|match_strdup|gen_pool_create`)
	// slabs are caches of a module's own; kmem_cache_alloc_trace is kmalloc's.
	slabs = lazyregexp.New(`^kmem_cache_alloc(?:_lru|_node)?$`)
	bulk  = lazyregexp.New(`^(?:kmem_cache_free_bulk|kfree_bulk)$`)
	late  = lazyregexp.New(`^(?:call_rcu|call_srcu|call_rcu_tasks|__tasklet_(?:hi_)?schedule` +
		`|request_threaded_irq|irq_work_queue` +
		`|async_schedule.*|smp_call_function.*` +
		`|register_k(?:ret)?probe|register_ftrace_function|.*_notifier(?:_chain)?_register|register_\w*notifier` +
		`|nf_register_.*|kthread_(?:queue|mod)_\w*work|tracepoint_probe_register\w*)$`)
)

// NewPlan makes the plan for the modules that may be loaded into a kernel.
func NewPlan(modules []Module, has Kernel) *Plan {
	p := &Plan{
		Shift: make(map[string]int64), Unseen: make(map[string]bool), Opaque: make(map[string]bool),
		NoMem: make(map[string]bool), RCUMem: make(map[string]bool),
		Tails: make(map[string][]Tail), Moot: make(map[string]bool), Undo: make(map[string]Undo),
		Certain: certain(modules), importers: make(map[string][]string),
	}
	named := make(map[string]string) // the kernel's own name by the name without suffix
	for _, m := range modules {
		p.Opaque[m.Name] = m.Opaque
		for _, name := range m.Imports {
			base := strings.TrimSuffix(name, "_noprof")
			named[base] = name
			p.importers[name] = append(p.importers[name], m.Name)
			p.Late = p.Late || late.MatchString(base)
			p.NoMem[m.Name] = p.NoMem[m.Name] || bulk.MatchString(base)
			p.RCUMem[m.Name] = p.RCUMem[m.Name] || base == "kvfree_call_rcu" || base == "kfree_call_rcu"
		}
	}
	d := &draft{plan: p, named: named, kinds: make(map[string]bool), has: has}
	d.functions()
	d.inlined(modules)
	d.library(modules)
	d.pairs(modules)
	d.events()
	d.finish()
	return p
}

// Refused tells the plan that the kernel refused a definition. If it was for taking,
// what is taken there is not found; if for giving back, its whole kind is unknown.
func (p *Plan) Refused(definition string) {
	p.refused++
	p.unarmed = p.unarmed || strings.Contains(definition, "_"+arm+"_")
	m := defines.FindStringSubmatch(definition)
	if m == nil {
		return
	}
	givesBack := slices.Contains([]string{give, gone, rcu, off, wait}, m[2])
	if givesBack {
		p.Unseen[m[1]] = true
	}
	p.uncheckedProbe(m[1], m[3], givesBack)
}

// Hash tells the plan that the kernel refused HashPtr: it prints no raw pointers.
func (p *Plan) Hash() {
	if !p.Hashed {
		p.Hashed, p.Unchecked = true, append(p.Unchecked, p.hidden...)
	}
}

// Void reports whether a setting is for probes of which none was defined: the kernel refused them, or prints no raw
// pointers.
func (p *Plan) Void(s Setting) bool {
	asked := p.probes
	if p.Hashed {
		asked -= p.raw
	}
	return s.Path == enableProbes && p.refused == asked
}

const enableProbes = Instance + "/events/" + group + "/enable"

// Undefine returns what to write to remove a definition.
func Undefine(definition string) string {
	name, _, _ := strings.Cut(definition[min(2, len(definition)):], " ")
	return "-:" + name + "\n"
}

// defines is the beginning of a definition: the kind, the action, and the function, or the module and a place in it.
var defines = lazyregexp.New(`^[pr]:` + group + `/([a-z0-9]+)_([a-z]+)_\d+ (\S+)`)

// draft collects the settings of a plan, apart by the order in which they are written.
type draft struct {
	plan    *Plan
	named   map[string]string
	has     Kernel
	kinds   map[string]bool
	defined []Setting // definitions of kprobes
	filters []Setting
	enabled []Setting
	n       int
}

// functions sets probes at those of the kernel's functions that the modules import.
func (d *draft) functions() {
	for _, h := range hooks {
		for _, f := range h.functions {
			name, ok := d.named[f]
			if !ok {
				continue
			}
			d.probe(h, name)
			if h.action == take || h.action == arm {
				d.kinds[h.kind] = true
			}
			if h.kind == "mem" && h.action == size {
				d.kinds["vmalloc"] = true
			}
		}
	}
}

func (d *draft) inlined(modules []Module) {
	for _, m := range modules {
		for _, ref := range m.Tasks {
			action := get
			if ref.Put {
				action = give
			}
			event := d.event("task", action)
			d.plan.Shift[event] = ref.Shift
			d.kinds["task"] = true
			d.inModule(event, m.Name, ref.Symbol, ref.Offset, "ptr=%"+ref.Register)
		}
	}
}

func (d *draft) event(kind, action string) string {
	d.n++
	return fmt.Sprintf("%s_%s_%d", kind, action, d.n)
}

func (d *draft) probe(h hook, function string) {
	event := d.event(h.kind, h.action)
	value := "p:" + group + "/" + event + " " + function + " " + h.args
	if h.action == take {
		value = "r:" + group + "/" + event + " " + function + " ptr=$retval"
	}
	d.defined = append(d.defined, Setting{Path: Tracing + "/kprobe_events", Append: true, Value: value + "\n", Raw: h.raw})
	if h.filter != "" {
		d.filter(group+"/"+event, h.filter, true, h.raw) // a probe that was refused has no filter
	}
}

func (d *draft) filter(event, field string, may, raw bool) {
	d.filters = append(d.filters, filterOn(event, field, may, raw))
}

func filterOn(event, field string, may, raw bool) Setting {
	least := uint64(moduleSpace)
	if field == ofNothing {
		least = 1
	}
	return Setting{
		Path: Instance + "/events/" + event + "/filter", May: may, Raw: raw, Value: fmt.Sprintf("%s >= %#x", field, least),
	}
}

func (d *draft) enable(event string, may, raw bool) {
	d.enabled = append(d.enabled, Setting{Path: Instance + "/events/" + event + "/enable", Value: "1", May: may, Raw: raw})
}

// events turns on the kernel's own events.
func (d *draft) events() {
	any := func(pattern *lazyregexp.Regexp) bool {
		for base := range d.named {
			if pattern.MatchString(base) {
				return true
			}
		}
		return false
	}
	// Base has the filters of kmalloc and kfree. What kvmalloc returned may go to kfree.
	kmallocs := any(allocates)
	if kmallocs {
		d.enable("kmem/kmalloc", false, false)
		d.enable("kmem/kmalloc_node", true, false)
		d.enable("kmem/kfree", false, false)
	}
	if any(slabs) {
		d.filter("kmem/kmem_cache_alloc", fromCall, false, false)
		d.filter("kmem/kmem_cache_alloc_node", fromCall, true, false)
		d.enable("kmem/kmem_cache_alloc", false, false)
		d.enable("kmem/kmem_cache_alloc_node", true, false)
		d.enable("kmem/kmem_cache_free", false, false)
		if !kmallocs { // since 6.4 kfree takes objects of a cache, too
			d.enable("kmem/kfree", false, false)
		}
	}
	for _, e := range []struct{ kind, event string }{
		{"timer", "timer/timer_expire_entry"}, {"hrtimer", "timer/hrtimer_expire_entry"}, {"hrtimer", "timer/hrtimer_start"},
		{"work", "workqueue/workqueue_execute_start"},
	} {
		if d.kinds[e.kind] {
			d.filter(e.event, "function", false, true)
			d.enable(e.event, false, true)
		}
	}
	for kind, list := range also {
		for _, h := range list {
			if !d.kinds[kind] {
				continue
			}
			for _, f := range h.functions {
				d.probe(h, f)
			}
		}
	}
}

// finish orders the settings: HashPtr decides about others, a definition comes before
// its filter, and an event is filtered before it is turned on.
func (d *draft) finish() {
	if len(d.enabled)+len(d.defined) == 0 {
		return
	}
	d.plan.probes = len(d.defined)
	for _, s := range d.defined {
		if s.Raw {
			d.plan.raw++
		}
	}
	list := slices.Clone(Base)
	for _, raw := range []bool{false, true} {
		all := Setting{Path: Tracing + "/kprobe_events", Append: true, Raw: raw}
		for _, s := range d.defined {
			if s.Raw == raw && !s.May {
				all.Value += s.Value
			}
		}
		if all.Value != "" {
			list = append(list, all)
		}
	}
	for _, s := range d.defined {
		if s.May {
			list = append(list, s)
		}
	}
	list = append(list, d.filters...)
	if len(d.defined) > 0 {
		list = append(list, Setting{Path: enableProbes, Value: "1"})
	}
	d.plan.Settings = append(list, d.enabled...)
}
