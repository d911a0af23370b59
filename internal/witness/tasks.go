// SPDX-License-Identifier: MIT

package witness

import (
	"fmt"
	"slices"
)

// Task is a thread. The kernel finds it in three ways: from task to task, as for_each_process() goes; by its number, as
// /proc lists processes and kill() finds them; and from its control group. Only the group at the root is looked at: a
// guest of ours has no other.
type Task struct {
	PID      int    `json:"pid"`
	Comm     string `json:"comm"`
	At       uint64 `json:"at"` // its struct task_struct
	Listed   bool   `json:"listed,omitempty"`
	Numbered bool   `json:"numbered,omitempty"`
}

// commSize is TASK_COMM_LEN.
const commSize = 16

func (r *reader) tasks() ([]Task, error) {
	first, numbers := r.symbols("init_task"), r.symbols("init_pid_ns")
	if first == 0 || numbers == 0 || !r.layout.has("task_struct.tasks", "task_struct.thread_node", "task_struct.signal",
		"signal_struct.thread_head", "task_struct.pid", "task_struct.comm", "task_struct.pid_links",
		"pid.tasks", "pid_namespace.idr", "idr.idr_rt", "xarray.xa_head", "xa_node.shift", "xa_node.slots") {
		return nil, r.lacks("the list of tasks")
	}
	found := make(map[uint64]*Task)
	note := func(at uint64) (t *Task, err error) {
		if found[at] != nil {
			return found[at], nil
		}
		if len(found) == maxTasks {
			return nil, fmt.Errorf("there are more than %d", maxTasks)
		}
		t, err = r.task(at)
		if err == nil {
			found[at] = t
		}
		return t, err
	}
	if err := r.listedTasks(first, note); err != nil {
		return nil, fmt.Errorf("read the list of tasks: %w", err)
	}
	idr := numbers + uint64(r.layout["pid_namespace.idr"])
	err := r.idr(idr, func(pid uint64) error {
		link, err := r.word(pid + uint64(r.layout["pid.tasks"])) // of a thread, PIDTYPE_PID, the first of the types
		if err != nil || link == 0 {                             // else it is only somebody's group or session
			return err
		}
		t, err := note(link - uint64(r.layout["task_struct.pid_links"]))
		if err == nil {
			t.Numbered = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the table of process IDs: %w", err)
	}
	if err := r.groupedTasks(note); err != nil {
		return nil, fmt.Errorf("read the control group's tasks: %w", err)
	}
	list := make([]Task, 0, len(found))
	for _, t := range found {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Task) int { return a.PID - b.PID })
	return list, nil
}

// listedTasks follows the processes, and the threads of each. Many processes may have been given one long list of
// threads, so that visits are bounded, too.
func (r *reader) listedTasks(first uint64, note func(at uint64) (*Task, error)) error {
	visits := 0
	listed := func(at uint64) error {
		if visits++; visits > 2*maxTasks { // a process is among its own threads
			return fmt.Errorf("its lists of threads have more than %d entries", 2*maxTasks)
		}
		t, err := note(at)
		if err == nil {
			t.Listed = true
		}
		return err
	}
	head := first + uint64(r.layout["task_struct.tasks"])
	return r.list(head, r.layout["task_struct.tasks"], maxTasks, func(at uint64) error {
		if err := listed(at); err != nil {
			return err
		}
		signal, err := r.word(at + uint64(r.layout["task_struct.signal"]))
		if err != nil {
			return err
		}
		threads := signal + uint64(r.layout["signal_struct.thread_head"])
		return r.list(threads, r.layout["task_struct.thread_node"], maxTasks, listed)
	})
}

func (r *reader) groupedTasks(note func(at uint64) (*Task, error)) error {
	group := r.symbols("init_css_set")
	if group == 0 || !r.layout.has("css_set.tasks", "task_struct.cg_list") {
		return nil
	}
	head := group + uint64(r.layout["css_set.tasks"])
	return r.list(head, r.layout["task_struct.cg_list"], maxTasks, func(at uint64) error {
		_, err := note(at)
		return err
	})
}

func (r *reader) task(at uint64) (*Task, error) {
	pid, err := r.word(at + uint64(r.layout["task_struct.pid"]))
	if err != nil {
		return nil, err
	}
	t := &Task{PID: int(int32(pid)), At: at}
	t.Comm, err = r.text(at+uint64(r.layout["task_struct.comm"]), commSize)
	return t, err
}

// idr visits the entries of a struct idr, which is a tree of struct xa_node with 64 slots each.
func (r *reader) idr(at uint64, each func(entry uint64) error) error {
	head, err := r.word(at + uint64(r.layout["idr.idr_rt"]+r.layout["xarray.xa_head"]))
	if err != nil {
		return err
	}
	return r.entry(head, 0, new(int), each)
}

// isNode reports whether an entry is a node of the tree (xa_is_node() in include/linux/xarray.h).
func isNode(entry uint64) bool { return entry&3 == 2 && entry > 4096 }

const slots = 64

func (r *reader) entry(entry uint64, depth int, n *int, each func(entry uint64) error) error {
	if *n++; *n > slots*maxTasks || depth > 11 { // 6 bits each
		return fmt.Errorf("it has more than %d entries", slots*maxTasks)
	}
	switch {
	case isNode(entry):
		for i := range uint64(slots) {
			next, err := r.word(entry - 2 + uint64(r.layout["xa_node.slots"]) + 8*i)
			if err == nil && next != 0 {
				err = r.entry(next, depth+1, n, each)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case entry == 0 || entry&3 != 0: // empty, or a value
		return nil
	}
	return each(entry)
}
