// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// The guest's own kernel trace, in an instance that nobody else uses.
const (
	tracing  = "/sys/kernel/tracing"
	instance = tracing + "/instances/kmodlab"
	// moduleSpace is where x86-64 puts modules, or below it on a kernel without
	// CONFIG_RANDOMIZE_BASE; the kernel's own code lies lower.
	moduleSpace  = "0xffffffffa0000000"
	maxTraceText = 32 << 20
)

// settle is how long what a module left armed may take to go off after unload.
const settle = 500 * time.Millisecond

// outlived is how long a thread that lives on gets to run into its freed code.
const outlived = 3 * time.Second

// leakWatch is what is known of the machine before the first load.
type leakWatch struct {
	before, after wire.SnapshotResult
	has           bool // both
	book          *leaks.Book
	text          []byte        // that book was read from
	modules       []wire.Module // as they are at the end
}

// watchLeaks remembers what there is before the first load, and has the kernel
// note what modules take and give. A kernel that cannot do the latter costs the
// run these findings and nothing else. On a real machine nothing is set up.
func (r *run) watchLeaks(ctx context.Context) bool {
	if r.spec.Here {
		return true
	}
	done := r.phase("watch")
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	var refused *wire.CallError
	if err := r.noteTakings(ctx); errors.As(err, &refused) {
		r.log(fmt.Sprintf("memory and pids that a module keeps are not looked for: %v", err))
	} else if err != nil {
		return r.callFailure(err, "watch for leaks")
	} else {
		r.leaks.book = &leaks.Book{}
	}
	if err := r.lab.Call(ctx, wire.OpSnapshot, nil, &r.leaks.before); err != nil {
		return r.callFailure(err, "look for what there is before the load")
	}
	done("", false)
	return true
}

// setting is a file of the guest and what to write into it.
type setting struct {
	path, value string
	append      bool
	may         bool // a kernel may lack it
}

func leakSettings() []setting {
	events := func(name string) string { return instance + "/events/" + name }
	taken := "call_site >= " + moduleSpace
	list := []setting{
		{path: tracing + "/kprobe_events", append: true, value: "r:" + leaks.Group + "/" + leaks.PidGet + " find_get_pid pid=$retval\n"},
		{path: tracing + "/kprobe_events", append: true, value: "r:" + leaks.Group + "/" + leaks.TaskPx + " get_task_pid pid=$retval\n"},
		{path: tracing + "/kprobe_events", append: true, value: "p:" + leaks.Group + "/" + leaks.PidPut + " put_pid pid=%di site=$stack0\n"},
		{path: instance + "/trace_clock", value: "mono"},
		{path: instance + "/buffer_size_kb", value: "2048"},
		{path: instance + "/options/hash-ptr", value: "0", may: true}, // since 5.13
		{path: events("kmem/kmalloc/filter"), value: taken},
		{path: events("kmem/kmalloc_node/filter"), value: taken, may: true}, // until 6.0
		{path: events("kmem/kmem_cache_alloc/filter"), value: taken},
		{path: events("kmem/kmem_cache_alloc_node/filter"), value: taken, may: true},
		{path: events(leaks.Group + "/" + leaks.PidGet + "/filter"), value: "__probe_ret_ip >= " + moduleSpace},
		{path: events(leaks.Group + "/" + leaks.TaskPx + "/filter"), value: "__probe_ret_ip >= " + moduleSpace},
		{path: events(leaks.Group + "/" + leaks.PidPut + "/filter"), value: "site >= " + moduleSpace},
	}
	for _, name := range []string{"kmalloc", "kmem_cache_alloc", "kfree", "kmem_cache_free"} {
		list = append(list, setting{path: events("kmem/" + name + "/enable"), value: "1"})
	}
	for _, name := range []string{"kmalloc_node", "kmem_cache_alloc_node"} {
		list = append(list, setting{path: events("kmem/" + name + "/enable"), value: "1", may: true})
	}
	return append(list, setting{path: events(leaks.Group + "/enable"), value: "1"})
}

func (r *run) noteTakings(ctx context.Context) error {
	for _, s := range leakSettings() {
		args := wire.WriteArgs{Path: s.path, Mode: 0o644, Append: s.append}
		_, err := r.lab.Stream(ctx, wire.OpWrite, args, []byte(s.value), nil, nil)
		var refused *wire.CallError
		if s.may && errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write the guest's %s: %w", s.path, err)
		}
	}
	return nil
}

// lookForLeaks sees what there is after unload, or after an init that refused and
// should have undone what it did. A crashed kernel is left alone: what it says is
// the verdict.
func (r *run) lookForLeaks(ctx context.Context) bool {
	if r.spec.Here || r.broken || !r.in.Unloaded && r.in.Load == nil {
		return true
	}
	done := r.phase("leaks")
	defer done("", false)
	if !r.linger(ctx, settle) || r.broken {
		return r.broken
	}
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	if err := r.lab.Call(ctx, wire.OpSnapshot, nil, &r.leaks.after); err != nil {
		return r.callFailure(err, "look for what there is after unload")
	}
	r.leaks.has = true
	if len(leaks.Threads(&r.leaks.before, &r.leaks.after)) > 0 && !r.linger(ctx, outlived) {
		return false
	}
	if r.leaks.book == nil || r.broken {
		return true
	}
	if _, err := r.lab.Stream(ctx, wire.OpWrite, wire.WriteArgs{Path: instance + "/tracing_on", Mode: 0o644}, []byte("0"), nil, nil); err != nil {
		return r.callFailure(err, "stop the kernel's trace")
	}
	text, err := boot.ReadFile(ctx, r.lab.Client, instance+"/trace", maxTraceText)
	if err != nil {
		return r.callFailure(err, "read what the modules took")
	}
	r.leaks.book, r.leaks.text = leaks.Read(text), text
	if r.leaks.book.Overrun {
		r.log("the modules ran too long or did too much: memory and pids that they keep are not known")
	}
	return true
}

// linger waits with an eye on the guest; false when it is gone.
func (r *run) linger(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		r.crashed()
		return true
	case <-ctx.Done():
		return false
	case <-r.lab.Done():
		return r.callFailure(r.lab.Err(), "after unload")
	}
}

// leftBehind sums up what is left. Names and memory count only when every module
// is gone: one that stays may have them by right.
func (r *run) leftBehind() []result.Leftover {
	var left []result.Leftover
	gone := true
	for _, m := range r.leaks.modules {
		if !slices.Contains(r.studied(), m.Name) {
			continue
		}
		gone = false
		if r.in.Unload != nil && m.Refcount > 0 && len(m.Holders) == 0 && m.State == string(kmod.StateLive) {
			left = append(left, result.Leftover{
				Kind: "reference", What: plural(m.Refcount, "reference", "references") + " to " + m.Name, Site: r.refSite(m.Name),
			})
		}
	}
	if !gone || !r.leaks.has {
		return left
	}
	left = append(left, leaks.Names(&r.leaks.before, &r.leaks.after)...)
	if r.leaks.book != nil {
		left = append(left, r.leaks.book.Left(r.studied(), r.freesByRCU(), r.trace.placeOf)...)
	}
	return left
}

// refSite is where the first reference that was not dropped again was taken.
// Only what modules themselves take and drop is matched: the kernel takes others
// for each load and each open file, and their puts would hide a module's get.
func (r *run) refSite(module string) string {
	for _, m := range r.res.Modules {
		if m.Name != module || m.RefsBefore > 0 {
			continue
		}
		var open []string
		for _, ref := range m.Refs {
			switch {
			case !strings.Contains(ref.By.Site, " ["):
			case !ref.Put:
				open = append(open, ref.By.Site)
			case len(open) > 0:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			return open[0]
		}
	}
	return ""
}

// freesByRCU are the modules that have RCU free their memory in bulk, of which the
// kernel traces nothing.
func (r *run) freesByRCU() map[string]bool {
	free := make(map[string]bool)
	for _, m := range r.fresh {
		ko, err := r.readModule(m.Name)
		if err != nil {
			continue
		}
		free[m.Name] = importsRCUFree(ko)
	}
	return free
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
