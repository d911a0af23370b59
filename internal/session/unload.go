// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// retryLimit is how long a refused unload may be tried again while a load or a request_module is under way, before it
// is stretched for TCG. retryPause lies between two rounds of tries.
const (
	retryLimit = 2 * time.Second
	retryPause = 100 * time.Millisecond
)

// maxTries bounds how often the unload of one module is tried while others go.
const maxTries = 8

// unloading is the work of unloading all that a run brought in. A module that is refused is tried again as long as
// something else goes: another one may hold it with symbol_get(), or a request_module() may still be loading it.
type unloading struct {
	*session
	refused map[string]evidence.Failure // the last refusal of a module under study
	tries   map[string]int
	armed   bool // what is armed was read
}

// unloadAll unloads what the run brought in, users first: the modules under study, what they need of the kernel's own,
// and what was loaded meanwhile. What stays although nothing uses it is not theirs to answer for; the comparison of
// before and after takes that into account.
func (s *session) unloadAll(ctx context.Context) error {
	u := unloading{session: s, refused: make(map[string]evidence.Failure), tries: make(map[string]int)}
	deadline := time.Now().Add(retryLimit * s.Scale)
	left, err := u.brought(ctx)
	if err != nil {
		return err
	}
	for {
		before := left
		if left, err = u.round(ctx, left); err != nil || s.Log.HasCrashed() || len(left) == 0 {
			return err
		}
		if len(left) < len(before) {
			continue
		}
		busy, err := u.underWay(ctx)
		if err != nil {
			return err
		}
		if busy {
			if err := s.wait(ctx, retryPause, "before the next unload"); err != nil {
				return err
			}
		}
		if left, err = u.brought(ctx); err != nil {
			return err
		}
		if !busy && sameStates(before, left) || time.Now().After(deadline) {
			break
		}
	}
	if s.failed(evidence.Load) == nil {
		for _, f := range u.stay(left) {
			s.fail(&f)
		}
	}
	return nil
}

// sameStates reports whether two lists have the same modules in the same states. If not, one was just being loaded when
// another one that it uses was refused.
func sameStates(a, b []evidence.Loaded) bool {
	return slices.EqualFunc(a, b, func(a, b evidence.Loaded) bool { return a.Name == b.Name && a.State == b.State })
}

// stay returns the refusals of the modules that are still loaded, in load order. One that was refused may have gone
// with its user: modprobe -r also unloads what nothing uses any more.
func (u *unloading) stay(loaded []evidence.Loaded) []evidence.Failure {
	var stay []evidence.Failure
	for _, m := range u.Fresh {
		f, refused := u.refused[m.Name]
		if refused && slices.ContainsFunc(loaded, func(l evidence.Loaded) bool { return l.Name == m.Name }) {
			stay = append(stay, f)
		}
	}
	return stay
}

// round tries to unload each of the modules that are loaded, and returns which are left.
func (u *unloading) round(ctx context.Context, loaded []evidence.Loaded) (left []evidence.Loaded, err error) {
	left = loaded
	for _, m := range u.order(loaded) {
		i := slices.IndexFunc(left, func(l evidence.Loaded) bool { return l.Name == m })
		if i < 0 { // it went with another one
			continue
		}
		if err := u.try(ctx, left[i]); err != nil || u.Log.HasCrashed() {
			return nil, err
		}
		if left, err = u.brought(ctx); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// brought returns the modules that are loaded and were not before the first step.
func (u *unloading) brought(ctx context.Context) ([]evidence.Loaded, error) {
	loaded, err := u.listModules(ctx)
	if err != nil {
		return nil, u.Failed("list modules", err)
	}
	return slices.DeleteFunc(loaded, func(l evidence.Loaded) bool { return u.present[l.Name] }), nil
}

// order puts the modules under study first, in the reverse order of loading, then the others, the last loaded first, as
// /proc/modules lists them.
func (u *unloading) order(loaded []evidence.Loaded) []string {
	var names, others []string
	for _, l := range loaded {
		if !u.studies(l.Name) {
			others = append(others, l.Name)
		}
	}
	for _, m := range slices.Backward(u.Fresh) {
		if slices.ContainsFunc(loaded, func(l evidence.Loaded) bool { return l.Name == m.Name }) {
			names = append(names, m.Name)
		}
	}
	return append(names, others...)
}

func (s *session) studies(module string) bool { return slices.Contains(s.Studied(), module) }

// try unloads one module. One of the kernel's own is left alone while something uses it.
func (u *unloading) try(ctx context.Context, m evidence.Loaded) error {
	studied := u.studies(m.Name)
	if u.tries[m.Name]++; u.tries[m.Name] > maxTries || !studied && (m.Refcount > 0 || m.State != live) {
		return nil
	}
	if studied {
		if err := u.disablePatch(ctx, m.Name); err != nil {
			return err
		}
		if err := u.noteArmed(ctx); err != nil {
			return err
		}
	}
	role := RoleTidy
	if studied {
		role = RoleUnload
	}
	delete(u.refused, m.Name)
	if err := u.one(ctx, Step{Argv: []string{"modprobe", "-r", m.Name}, Role: role}); err != nil {
		return err
	}
	if f := u.failed(evidence.Unload); f != nil {
		u.refused[m.Name] = *f
		u.failures = slices.DeleteFunc(u.failures, func(f evidence.Failure) bool { return f.Kind == evidence.Unload })
	}
	return nil
}

// noteArmed reads what is armed before the first unload. A timer that is left fires in code that is gone, mostly in an
// interrupt, and the kernel that dies of it can no longer say who had armed it.
func (u *unloading) noteArmed(ctx context.Context) error {
	if u.armed || u.Watched == nil || !u.Watched.Arms() {
		return nil
	}
	u.armed = true
	ctx, cancel := u.Deadline(ctx)
	defer cancel()
	trace, cut, err := u.readTrace(ctx)
	if err != nil {
		return u.Failed("read what is armed", err)
	}
	u.ledger = leaks.ReadUnloading(u.Watched, trace, cut)
	return nil
}

// live is the state in /proc/modules of a module that is neither loading nor unloading.
const live = "live"

// underWay reports whether some module is being loaded or asked for right now.
func (u *unloading) underWay(ctx context.Context) (bool, error) {
	loaded, err := u.brought(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(loaded, func(l evidence.Loaded) bool { return l.State != live }) {
		return true, nil
	}
	ctx, cancel := u.Deadline(ctx)
	defer cancel()
	var list wire.TasksResult
	if err := u.Call(ctx, wire.OpTasks, nil, &list); err != nil {
		return false, u.Failed("list tasks", err)
	}
	return slices.ContainsFunc(list.Tasks, func(t wire.TaskState) bool {
		return slices.ContainsFunc(t.Stack, asksForModule)
	}), nil
}

func asksForModule(frame string) bool {
	return slices.ContainsFunc([]string{"__request_module+", "call_usermodehelper_exec+", "load_module+"},
		func(function string) bool { return strings.HasPrefix(frame, function) })
}

const (
	patches = "/sys/kernel/livepatch/"
	// patchLimit bounds the transition back, for which every task has to leave the patched functions, before it is
	// stretched for TCG.
	patchLimit = 5 * time.Second
)

// disablePatch disables a live patch. The kernel holds its module until then.
func (u *unloading) disablePatch(ctx context.Context, name string) error {
	m, err := kmod.ParseModule(u.Read.Get(name).Data)
	if err != nil || !slices.Contains(m.Info.All("livepatch"), "Y") {
		return nil // a file that cannot be read was refused earlier
	}
	enabled := patches + name + "/enabled"
	ctx, cancel := u.Within(ctx, patchLimit*u.Scale)
	defer cancel()
	var answer wire.SetResult
	args := wire.SetArgs{Settings: []wire.SettingArgs{{Path: enabled, Value: "0"}}}
	if err := u.Call(ctx, wire.OpSet, args, &answer); err != nil {
		return u.Failed("disable the live patch "+name, err)
	}
	command := result.Command{Argv: []string{"echo", "0", ">", enabled}}
	if answer.Refused != "" {
		command.Exit, command.Output = 1, answer.Refused
	}
	u.journal.Keep(command)
	for answer.Refused == "" {
		if _, err := boot.ReadFile(ctx, u.Client, enabled, 16); err != nil {
			break // it is gone, and the patch with it
		}
		if err := u.wait(ctx, retryPause, "while the live patch "+name+" is disabled"); err != nil {
			u.journal.Log(fmt.Sprintf("the live patch %s is still in transition: some task does not leave a patched function", name))
			break
		}
	}
	return nil
}

// others returns the modules that the run brought in, that are not under study, and that are still loaded: whatever is
// new may be theirs.
func (s *session) others() []string {
	var names []string
	for _, l := range s.remains {
		if s.present != nil && !s.present[l.Name] && !s.studies(l.Name) {
			names = append(names, l.Name)
		}
	}
	return names
}

// noteOthers tells which names are not judged.
func (s *session) noteOthers() {
	names := s.others()
	if len(names) == 0 || len(leaks.Added(&s.Before, &s.after)) == 0 {
		return
	}
	s.journal.Log(fmt.Sprintf("%s cannot be unloaded, so new names in /proc and /sys may be theirs and count only where the "+
		"modules under study are seen to make them", strings.Join(names, ", ")))
}
