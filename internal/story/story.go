// SPDX-License-Identifier: MIT

// Package story is the story that a lab's solution tells, as students may have it, and how theirs differs from it. It
// is pure.
//
// A story is a result.Result with nothing in it but what happened: who did what, and when. What it keeps is named here
// field by field, so a field that package result gains is left out until somebody decides that it shows nothing of the
// solution's sources.
package story

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/internal/jsonlimit"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// Bounds of a story. Whoever reads more than this does not read it.
const (
	maxMembers = 200 // of a list
	maxBytes   = 1 << 20
	maxValues  = 200_000 // of its JSON
)

// Of is the story of a run. It shares no list with r that it changes. What is left out on purpose: sources, stacks, the
// console and what was printed, the commands, and all that other modules did.
func Of(r *result.Result) *result.Result {
	s := &result.Result{
		Schema:  result.Schema,
		Title:   r.Title,
		Verdict: result.Verdict{Class: r.Verdict.Class, Message: r.Verdict.Message},
		Machine: result.Machine{Kernel: r.Machine.Kernel, Name: r.Machine.Name, Accel: r.Machine.Accel, CPUs: r.Machine.CPUs},
		Unknown: r.Unknown,
	}
	s.Modules = keep(r.Modules, func(m *result.Module) (result.Module, bool) { return moduleOf(m), !m.Background })
	s.Threads = keep(r.Threads, func(t *result.Thread) (result.Thread, bool) { return threadOf(t), !t.Background })
	s.Requests = keep(r.Requests, func(q *result.Request) (result.Request, bool) { return requestOf(q), !q.Background })
	s.Signals = keep(r.Signals, func(g *result.Signal) (result.Signal, bool) { return signalOf(g), !g.Background })
	s.Tests = keep(r.Tests, func(t *result.Test) (result.Test, bool) { return testOf(t), true })
	s.Processes = keep(r.Processes, func(p *result.Process) (result.Process, bool) {
		return result.Process{Task: p.Task, Test: p.Test, Parent: p.Parent, StartNS: p.StartNS, EndNS: p.EndNS, Exit: p.Exit,
			KilledBy: p.KilledBy, Execs: p.Execs}, p.Test >= 0 && p.Test < len(s.Tests)
	})
	s.Calls = keep(r.Calls, func(c *result.Call) (result.Call, bool) {
		return result.Call{By: c.By, Name: c.Name, File: c.File, FD: c.FD, Module: c.Module, Args: c.Args, Ret: c.Ret,
			AtNS: c.AtNS, EndNS: c.EndNS, Serving: c.Serving, Omitted: c.Omitted}, true
	})
	s.Normalize()
	return s
}

// keep takes the first members of a list that belong to the story.
func keep[T any](list []T, of func(*T) (T, bool)) []T {
	var kept []T
	for i := range list {
		if one, ok := of(&list[i]); ok && len(kept) < maxMembers {
			kept = append(kept, one)
		}
	}
	return kept
}

func first[T any](list []T) []T { return list[:min(len(list), maxMembers)] }

func moduleOf(m *result.Module) result.Module {
	return result.Module{
		Name: m.Name, Depends: m.Depends, InitMS: m.InitMS, InitRet: m.InitRet, Loaded: m.Loaded, Unloaded: m.Unloaded,
		By: m.By, FreedBy: m.FreedBy, LoadedNS: m.LoadedNS, FreedNS: m.FreedNS, Refs: first(m.Refs),
		RefsBefore: m.RefsBefore, Refcount: m.Refcount, Unknown: m.Unknown,
	}
}

func threadOf(t *result.Thread) result.Thread {
	out := result.Thread{
		Name: t.Name, PID: t.PID, Function: t.Function, Requester: t.Requester, Stages: t.Stages, WokenBy: t.WokenBy,
		StoppedBy: t.StoppedBy, Stops: t.Stops, StopRet: t.StopRet, Result: t.Result, Alive: t.Alive, Ended: t.Ended,
		Ending: t.Ending, Inexact: t.Inexact, CreateRet: t.CreateRet, Flags: t.Flags, Node: t.Node, CPU: t.CPU,
		Parks: first(t.Parks), Works: first(t.Works), Wakeups: first(t.Wakeups), Unknown: t.Unknown,
	}
	for _, s := range first(t.StopCalls) {
		s.Stack = nil
		out.StopCalls = append(out.StopCalls, s)
	}
	return out
}

func requestOf(q *result.Request) result.Request {
	out := result.Request{
		Name: q.Name, By: q.By, Wait: q.Wait, Returned: q.Returned, Meaning: q.Meaning, Loaded: q.Loaded, Stages: q.Stages,
		ThrottledNS: q.ThrottledNS, Duplicate: q.Duplicate, Modules: q.Modules, Unknown: q.Unknown,
	}
	if h := q.Helper; h != nil {
		out.Helper = &result.Helper{Path: h.Path, Argv: h.Argv, PID: h.PID, Exit: h.Exit, KilledBy: h.KilledBy,
			NotExecuted: h.NotExecuted}
	}
	return out
}

func signalOf(s *result.Signal) result.Signal {
	return result.Signal{
		Signo: s.Signo, Name: s.Name, From: s.From, To: s.To, Outcome: s.Outcome, Reason: s.Reason, SentNS: s.SentNS,
		ConsumedNS: s.ConsumedNS, Site: s.Site, Group: s.Group, Sender: s.Sender, Syscall: s.Syscall, Siginfo: s.Siginfo,
		TargetState: s.TargetState, Unknown: s.Unknown,
	}
}

func testOf(t *result.Test) result.Test {
	return result.Test{
		Name: t.Name, Argv: t.Argv, User: t.User, Outcome: t.Outcome, PID: t.PID, Exit: t.Exit, Signal: t.Signal,
		TimedOut: t.TimedOut, StartNS: t.StartNS, EndNS: t.EndNS, MS: t.MS,
	}
}

// Write is a story as a file, a field a line.
func Write(s *result.Result) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(plain.JSON(&b))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("write story: %w", err)
	}
	if b.Len() > maxBytes {
		return nil, fmt.Errorf("write story: it has %d KiB, more than %d: show a shorter scenario", b.Len()>>10, maxBytes>>10)
	}
	return b.Bytes(), nil
}

// Read reads what Write wrote. What else is in the file does not count.
func Read(data []byte) (*result.Result, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("read story: it is larger than %d KiB", maxBytes>>10)
	}
	r := &result.Result{}
	if err := jsonlimit.Decode(bytes.NewReader(data), maxValues, r); err != nil {
		return nil, fmt.Errorf("read story: %w", err)
	}
	if r.Schema != result.Schema {
		return nil, fmt.Errorf("read story: schema is %.40q, this kmodlab reads %q", r.Schema, result.Schema)
	}
	if !slices.Contains(result.Classes(), r.Verdict.Class) {
		return nil, fmt.Errorf("read story: there is no verdict of class %.40q", string(r.Verdict.Class))
	}
	return Of(r), nil
}
