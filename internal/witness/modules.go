// SPDX-License-Identifier: MIT

package witness

import (
	"fmt"
	"slices"
	"strings"
)

// Module is a loaded module. The kernel has two records of it: a list, which /proc/modules shows, and a tree, by the
// addresses of its code.
type Module struct {
	Name   string `json:"name"`
	At     uint64 `json:"at"` // its struct module
	Listed bool   `json:"listed,omitempty"`
	Treed  bool   `json:"treed,omitempty"`
}

// Bounds of what is followed and of what a view holds: a guest may have made rings of its lists.
const (
	MaxModules = 4096
	maxTasks   = 1 << 16
	maxNames   = 4096 // of functions
	maxDepth   = 128  // of a tree; a balanced one of 4096 nodes has fewer than 26 levels
)

// Bounded reports whether a view has no more of anything than Take finds.
func (v *View) Bounded() bool {
	for _, t := range v.Tracepoints {
		if len(t.Calls) > maxFuncs {
			return false
		}
	}
	return len(v.Modules) <= MaxModules && len(v.Tasks) <= maxTasks && len(v.Programs) <= maxTasks &&
		len(v.Changed) <= maxNames && len(v.Hooked) <= maxNames &&
		len(v.Switches) <= maxNames && len(v.Tracepoints) <= maxNames
}

// moduleName is MODULE_NAME_LEN: 64 less a word.
const moduleName = 56

func (r *reader) modules() ([]Module, error) {
	head := r.symbols("modules")
	if head == 0 || !r.layout.has("module.list", "module.name") {
		return nil, r.lacks("the list of modules")
	}
	found := make(map[uint64]*Module)
	err := r.list(head, r.layout["module.list"], MaxModules, func(at uint64) error {
		m, err := r.module(at)
		if err == nil {
			m.Listed = true
			found[at] = m
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the list of modules: %w", err)
	}
	if err := r.moduleTree(found); err != nil {
		return nil, fmt.Errorf("read the tree of modules: %w", err)
	}
	list := make([]Module, 0, len(found))
	for _, m := range found {
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b Module) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// list follows a ring of struct list_head, and calls each with the structures that it is a member of.
func (r *reader) list(head uint64, member uint32, most int, each func(at uint64) error) error {
	next, err := r.word(head)
	for n := 0; err == nil && next != head; n++ {
		if n == most {
			return fmt.Errorf("it has more than %d entries", most)
		}
		if err = each(next - uint64(member)); err == nil {
			next, err = r.word(next)
		}
	}
	return err
}

func (r *reader) module(at uint64) (*Module, error) {
	name, err := r.text(at+uint64(r.layout["module.name"]), moduleName)
	if err != nil {
		return nil, err
	}
	return &Module{Name: name, At: at}, nil
}

// moduleTree adds what is in the tree by which the kernel finds the module of an address. It is there twice, so that it
// can be read while it changes.
func (r *reader) moduleTree(found map[uint64]*Module) error {
	root := r.symbols("mod_tree")
	if root == 0 || !r.layout.has("latch_tree_root.tree", "mod_tree_node.mod", "mod_tree_node.node") {
		for _, m := range found {
			m.Treed = true // there is no tree to miss it in
		}
		return nil
	}
	node, err := r.word(root + uint64(r.layout["latch_tree_root.tree"]))
	if err != nil {
		return err
	}
	return r.tree(node, 0, new(int), func(node uint64) error {
		at, err := r.word(node - uint64(r.layout["mod_tree_node.node"]) + uint64(r.layout["mod_tree_node.mod"]))
		if err != nil {
			return err
		}
		if found[at] == nil {
			if len(found) == MaxModules {
				return fmt.Errorf("there are more than %d modules", MaxModules)
			}
			if found[at], err = r.module(at); err != nil {
				return err
			}
		}
		found[at].Treed = true
		return nil
	})
}

// tree visits the nodes of a struct rb_node. A module has several: one of each kind of memory.
func (r *reader) tree(node uint64, depth int, n *int, each func(node uint64) error) error {
	if node == 0 {
		return nil
	}
	if *n++; *n > 16*MaxModules || depth > maxDepth {
		return fmt.Errorf("it has more than %d nodes, or %d levels", 16*MaxModules, maxDepth)
	}
	if err := each(node); err != nil {
		return err
	}
	children, err := r.words(node, 8, 16) // rb_right, rb_left
	if err != nil {
		return err
	}
	for _, c := range children {
		if err := r.tree(c, depth+1, n, each); err != nil {
			return err
		}
	}
	return nil
}
