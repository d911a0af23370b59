// SPDX-License-Identifier: MIT

package leaks

import (
	"maps"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// NotLookedFor are functions whose things are not looked for, and why.
type NotLookedFor struct {
	What, Why string
	Functions string // patterns, a space between two
}

// Unlooked is the table of what is not looked for.
var Unlooked = []NotLookedFor{
	{"ftrace hooks", "no probe can be set in kernel/trace", `register_ftrace_\w+ register_trace_event trace_array_get_by_name`},
	{"fprobes and uprobes", "their functions differ between kernels", `register_fprobe\w* uprobe_register\w*`},
	{
		"trees of identifiers", "no probe can be set in the kernel's lib folder",
		`idr_alloc\w* ida_alloc\w* xa_store xa_insert __xa_\w+`,
	},
	{"hash tables", "no probe can be set in the kernel's lib folder", `rhashtable_init\w* rhltable_init\w* __rht_bucket_nested`},
	{"FIFOs and tables of pages", "no probe can be set in the kernel's lib folder", `__kfifo_alloc sg_alloc_table\w*`},
	{"network buffers", "they are freed in too many ways to follow", `__alloc_skb __netdev_alloc_skb build_skb skb_clone skb_copy`},
	{
		"references to network devices and namespaces", "the code that drops them is inlined, and no probe sees it",
		`dev_get_by_\w+ get_net_ns_by_\w+`,
	},
	{"references to paths", "they are copied as values", `kern_path path_get vfs_path_lookup`},
	{"references to open files", "the code that drops them is inlined, and no probe sees it", `fget\w*`},
	{"credentials", "the code that drops them is inlined, and no probe sees it", `prepare_creds prepare_kernel_cred get_task_cred`},
	{"pinned user pages", "they are released in batches", `get_user_pages\w* pin_user_pages\w*`},
	{"firmware images", "no probe sees the address of an image", `request_firmware\w* firmware_request_\w+`},
	{"references to other modules by a symbol", "they are given back by name, not by address", `__symbol_get`},
	{"pages in arrays", "they are freed one by one or in batches", `alloc_pages_bulk\w*`},
	{"mappings of PCI devices", "no probe can be set in the kernel's lib folder", `pci_iomap\w*`},
	{"objects that another module allocates", "its functions cannot be probed before it is loaded",
		`usb_alloc_urb scsi_host_alloc snd_card_new video_register_device ieee80211_alloc_hw\w* drm_dev_\w+`},
}

// unchecked says which functions the modules import of whose things nothing is known.
func (d *draft) unchecked(modules []Module) {
	for _, m := range modules {
		for _, row := range Unlooked {
			pattern := lazyregexp.New(`^(?:` + strings.ReplaceAll(row.Functions, " ", "|") + `)$`)
			i := slices.IndexFunc(m.Imports, func(name string) bool {
				return pattern.MatchString(strings.TrimSuffix(name, "_noprof"))
			})
			if i >= 0 {
				d.plan.Unchecked = append(d.plan.Unchecked, result.Unchecked{
					Module: m.Name, What: row.What, Function: m.Imports[i], Why: row.Why,
				})
			}
		}
		d.uncheckedTasks(m)
		d.uncheckedRaw(m)
		for i := range Pairs {
			d.uncheckedPair(&Pairs[i], m)
		}
	}
}

// rawKinds are the things of which the trace has only the pointer, in words.
var rawKinds = map[string]string{
	"mem": "memory that the kernel allocates for the module", "timer": "timers", "hrtimer": "timers", "work": "work items",
}

// uncheckedRaw notes what is not looked for if the kernel prints hashes instead of pointers.
func (d *draft) uncheckedRaw(m Module) {
	told := make(map[string]bool)
	for _, h := range hooks {
		what := rawKinds[h.kind]
		if !h.raw || h.action != take && h.action != arm || told[what] {
			continue
		}
		i := slices.IndexFunc(m.Imports, func(name string) bool {
			return slices.Contains(h.functions, strings.TrimSuffix(name, "_noprof"))
		})
		if i < 0 {
			continue
		}
		told[what] = true
		d.plan.hidden = append(d.plan.hidden, result.Unchecked{
			Module: m.Name, What: what, Function: m.Imports[i],
			Why: "this kernel's trace prints hashes instead of pointers, as kernels before 5.13 do",
		})
	}
}

// uncheckedProbe says what is not looked for because the kernel refused a probe. That concerns the module whose call
// the probe was for, or the modules that import the function, or, if the function gives back, all modules that take
// such things. It is said once for each module and kind.
func (p *Plan) uncheckedProbe(kind, place string, givesBack bool) {
	what := rawKinds[kind]
	if pair := pairOf[kind]; pair != nil {
		what = pair.Many
	}
	say := func(module, function string) {
		told := func(u result.Unchecked) bool { return u.Module == module && u.What == what }
		if what != "" && !slices.ContainsFunc(p.Unchecked, told) {
			p.Unchecked = append(p.Unchecked, result.Unchecked{
				Module: module, What: what, Function: function, Why: "the kernel refused a probe that the search needs",
			})
		}
	}
	if module, function, inModule := strings.Cut(place, ":"); inModule {
		say(module, function)
		return
	}
	for _, function := range slices.Sorted(maps.Keys(p.importers)) {
		if function == place || givesBack && takes(kind, trimmed(function)) {
			for _, module := range p.importers[function] {
				say(module, function)
			}
		}
	}
}

// takes reports whether a function of the kernel takes a thing of a kind, or arms it.
func takes(kind, name string) bool {
	if pair := pairOf[kind]; pair != nil {
		return slices.ContainsFunc(pair.takes(), func(f function) bool { return f.name == name })
	}
	return kind == "mem" && allocates.MatchString(name) || slices.ContainsFunc(hooks, func(h hook) bool {
		return h.kind == kind && (h.action == take || h.action == arm) && slices.Contains(h.functions, name)
	})
}

// uncheckedTasks says if a module takes references to tasks and may drop them where no probe sees it.
func (d *draft) uncheckedTasks(m Module) {
	takes := func(name string) bool { return name == "get_pid_task" }
	function := ""
	if i := slices.IndexFunc(m.Imports, takes); i >= 0 {
		function = m.Imports[i]
	} else if slices.ContainsFunc(m.Tasks, func(ref TaskRef) bool { return !ref.Put }) {
		function = "get_task_struct"
	}
	if m.Opaque && function != "" {
		d.plan.Unchecked = append(d.plan.Unchecked, result.Unchecked{
			Module: m.Name, What: "references to tasks", Function: function,
			Why: "the module may drop them where no probe sees it, as in its exit function",
		})
	}
}

// uncheckedPair says if a module takes things of a pair that the kernel does not let us see.
func (d *draft) uncheckedPair(p *Pair, m Module) {
	for _, f := range p.takes() {
		i := slices.IndexFunc(m.Imports, func(name string) bool { return strings.TrimSuffix(name, "_noprof") == f.name })
		if i < 0 {
			continue
		}
		why := ""
		switch {
		case d.plan.Moot[undoKey(m.Name, p.Kind())]:
			why = "it may give them back where no probe sees it"
		case d.actual(f.name) == "" || d.plan.Unseen[p.Kind()]:
			why = "the kernel has no such function before another module is loaded"
		default:
			continue
		}
		d.plan.Unchecked = append(d.plan.Unchecked, result.Unchecked{
			Module: m.Name, What: p.Many, Function: m.Imports[i], Why: why,
		})
		return
	}
}
