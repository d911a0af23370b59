// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
)

// armLimit bounds the setup before the first load, before it is stretched for TCG. The
// person's own limit is for the modules' commands and may be far shorter.
const armLimit = 10 * time.Second

// SeeksLeaks reports whether the run searches for what modules leave behind. On a real
// machine nothing is set up.
func (l *Lab) SeeksLeaks() bool { return !l.Here && !l.options.NoLeaks }

// Arm lists what exists before the first load, and has the kernel trace what modules take
// and give back. If the kernel cannot trace that, the run loses these findings and nothing
// else.
func (l *Lab) Arm(ctx context.Context) error {
	if !l.SeeksLeaks() {
		return nil
	}
	done := l.journal.Phase("watch")
	ctx, cancel := l.armDeadline(ctx)
	defer cancel()
	if err := l.readSymbols(ctx); err != nil {
		return l.Failed("read the kernel's symbols", err)
	}
	plan := leaks.NewPlan(l.leakModules(), l.kernel.Has)
	switch err := l.apply(ctx, plan); {
	case isRefusal(err):
		l.journal.Log(fmt.Sprintf("not searching for leaked memory and references: %v", err))
	case err != nil:
		return l.Failed("watch for leaks", err)
	default:
		l.Watched = plan
	}
	if l.facts == nil {
		if err := l.listBefore(ctx); err != nil {
			return err
		}
	}
	done("", false)
	return nil
}

func (l *Lab) armDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(l.options.StepTimeout, armLimit)*l.Scale)
}

// listBefore lists what exists before the first load. For a restored machine this was
// done before the snapshot.
func (l *Lab) listBefore(ctx context.Context) error {
	ctx, cancel := l.armDeadline(ctx)
	defer cancel()
	if err := l.Call(ctx, wire.OpSnapshot, nil, &l.Before); err != nil {
		return l.Failed("list what exists before the load", err)
	}
	return nil
}

// countsPages reports whether a module may count the users of pages. What does so is inlined, and only the debug
// information has its name.
func countsPages(ko []byte) bool {
	has := func(text string) bool { return bytes.Contains(ko, []byte(text+"\x00")) }
	return has("get_page") || has("folio_get") || !has(".debug_str")
}

// leakModules returns what is known of the modules before they are loaded. A file that
// we cannot read would not load either, so it is skipped.
func (l *Lab) leakModules() []leaks.Module {
	planned := make(map[string]bool)
	if l.Plan != nil {
		for _, m := range l.Plan.Modules {
			planned[m.Name] = true
		}
	}
	var list []leaks.Module
	for _, name := range l.Studied() {
		file := l.Read.Get(name)
		if file.Err != "" {
			continue
		}
		module := leaks.Module{Name: name, Planned: planned[name]}
		module.Shares = countsPages(file.Data)
		module.Tasks, module.Opaque = taskRefs(file.Data, l.Kernel.Release)
		module.Calls = calls(file.Data, l.Kernel.Release)
		if parsed, err := kmod.ParseModule(file.Data); err == nil {
			for _, s := range parsed.Needs {
				module.Imports = append(module.Imports, s.Name)
			}
			for _, e := range parsed.Exports {
				module.Exports = append(module.Exports, e.Name)
			}
		}
		list = append(list, module)
	}
	return list
}

// The kernel's inlined functions that count the users of a task.
const getTask, putTask = "get_task_struct", "put_task_struct"

// taskRefs finds where a module's own code counts the users of tasks. opaque means that
// it may drop some where no probe sees it: without debug information nothing is known,
// its exit functions take no probe (they are notrace), and some others must not get one.
func taskRefs(ko []byte, release string) (refs []leaks.TaskRef, opaque bool) {
	info, err := srcline.Open(ko)
	if err != nil {
		return nil, true
	}
	if !bytes.Contains(ko, []byte(getTask+"\x00")) && !bytes.Contains(ko, []byte(putTask+"\x00")) {
		return nil, false // the rest takes long to read
	}
	unprobed, err := leaks.Unprobed(ko, release)
	if err != nil {
		return nil, true
	}
	found, err := info.Atomics([]string{getTask, putTask}, "task_struct", "usage")
	for _, a := range found {
		ref := leaks.TaskRef{
			Symbol: a.Symbol, Offset: a.Offset, Register: a.Register, Shift: a.Shift, Put: a.Inlined == putTask,
		}
		if strings.HasPrefix(a.Section, ".exit") || unprobed[a.Symbol] {
			opaque = opaque || ref.Put
			continue
		}
		refs = append(refs, ref)
	}
	return refs, opaque || err != nil
}

// calls finds where a module calls functions that take things or give them back. A module that cannot be read has none:
// what it does is then not attributed to it. Where no probe may be set is left to the plan.
func calls(ko []byte, release string) []leaks.CallSite {
	list, err := leaks.Calls(ko, leaks.CallsWanted)
	if err != nil || len(list) == 0 {
		return nil
	}
	unprobed, err := leaks.Unprobed(ko, release)
	for i := range list {
		list[i].Notrace = list[i].Notrace || err != nil || unprobed[list[i].Symbol]
	}
	return list
}
