// SPDX-License-Identifier: MIT

package witness

// Layout is where the members of a kernel's structures are, in bytes from their beginning, by "struct.member". A member
// that this kernel does not have is left out.
type Layout map[string]uint32

// Members are what is read of the kernel's memory.
var Members = []string{
	"module.list", "module.name",
	"mod_tree_node.mod", "mod_tree_node.node", "latch_tree_root.tree",
	"task_struct.tasks", "task_struct.thread_node", "task_struct.signal", "signal_struct.thread_head",
	"task_struct.pid", "task_struct.comm", "task_struct.pid_links",
	"css_set.tasks", "task_struct.cg_list",
	"pid.tasks", "pid_namespace.idr", "idr.idr_rt", "xarray.xa_head", "xa_node.shift", "xa_node.slots",
	"bpf_prog.bpf_func", "bpf_prog.jited_len", "bpf_prog.tag",
	"tracepoint.key", "static_key.enabled", "tracepoint.funcs",
}

// has reports whether the kernel has all of these members.
func (l Layout) has(members ...string) bool {
	for _, m := range members {
		if _, ok := l[m]; !ok {
			return false
		}
	}
	return true
}
