// SPDX-License-Identifier: MIT

package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// onThisMachine is the name of the machine of a run without a VM.
const onThisMachine = "here"

func fromEvidence(e *evidence.Evidence, used evidence.Used) (*file, error) {
	f := &file{
		run: run{
			Program: e.Program, KernelID: e.KernelID, Here: e.Machine.Name == onThisMachine,
			Booted: e.Trace.AgentPID != 0, AgentPID: e.Trace.AgentPID, MarkNS: e.Trace.MarkNS,
			Result: &result.Result{
				Schema: result.Schema, Title: e.Title, Folder: e.Folder, Date: e.Date,
				Machine: e.Machine, Phases: e.Phases, Commands: e.Commands, Modules: e.Modules,
				Warnings: e.Warnings,
			},
			Inputs: inputs{Finished: e.Finished, Unloaded: e.Unloaded, Cut: e.Cut, Passed: e.Passed, Stuck: e.Stuck,
				Unmet: e.Unmet},
			PassHint: e.PassHint, Tracer: tracer{Hooks: e.Trace.Hooks, Lost: e.Trace.Lost}, Studied: e.Studied,
			Files: make(map[string]moduleFile), Sources: make(map[string]source),
			EndedAt: e.EndedAt, Samples: e.Samples, Code: e.Code, Witness: e.Witness,
			Before: e.Left.Before, After: e.Left.After, Snapshots: e.Left.Compared, Remaining: e.Left.Modules,
			Keepers: e.Left.Keepers, Sought: e.Left.Sought, Unpaired: e.Left.Unpaired, Unchecked: e.Left.Unchecked,
			Others: e.Left.Others, Taint: e.Taint, Earlier: e.Earlier, Tests: e.Tests,
			Failing:   e.Failing,
			Expect:    e.Expect,
			Artifacts: e.Artifacts,
		},
		tape: e.Trace.Tape, kallsyms: used.Kallsyms, modules: make(map[string][]byte),
		console: []byte(e.Console), kernelLog: e.KernelLog,
	}
	for _, failed := range e.Failures {
		if place := f.run.Inputs.of(failed.Kind); place != nil && *place == nil {
			*place = &failure{
				failed.Message, failed.Hint, failed.Signal, failed.PID, failed.Module, failed.Errno,
			}
		}
	}
	if e.Left.Ledger != nil {
		plan, trace := e.Left.Ledger.Source()
		var err error
		if f.run.Plan, err = json.Marshal(plan); err != nil {
			return nil, err
		}
		f.run.Taken, f.ledger = true, trace
	}
	for _, guest := range slices.Sorted(maps.Keys(e.Programs)) {
		if len(e.Programs[guest]) == 0 { // there is no such part
			continue
		}
		f.run.Programs, f.programs = append(f.run.Programs, guest), append(f.programs, e.Programs[guest])
	}
	f.addFiles(e.Files)
	f.addSources(e.Sources, used.Sources)
	return f, nil
}

// of returns where a failure of a kind is kept.
func (in *inputs) of(kind evidence.Kind) **failure {
	return map[evidence.Kind]**failure{
		evidence.Build: &in.Build, evidence.Preflight: &in.Preflight, evidence.Program: &in.Program,
		evidence.Host: &in.Host, evidence.Lost: &in.Lost,
		evidence.Timeout: &in.Timeout, evidence.Load: &in.Load, evidence.Unload: &in.Unload,
	}[kind]
}

// kinds are the failures in the order in which they are read.
var kinds = []evidence.Kind{
	evidence.Build, evidence.Preflight, evidence.Program, evidence.Host, evidence.Lost, evidence.Timeout, evidence.Load,
	evidence.Unload,
}

func (f *file) addFiles(files map[string]evidence.File) {
	for name, m := range files {
		kept := moduleFile{Name: m.Name, Error: m.Err}
		if m.Err == "" {
			sum := sha256.Sum256(m.Data)
			kept.SHA256 = hex.EncodeToString(sum[:])
			f.modules[name] = m.Data
		}
		f.run.Files[name] = kept
	}
}

// addSources keeps only the lines that were shown.
func (f *file) addSources(sources map[string]evidence.Source, shown map[string]map[int]string) {
	for name, lines := range shown {
		f.run.Sources[name] = source{Name: sources[name].Name, Lines: len(sources[name].Lines), Text: lines}
	}
}

func (f *file) evidence() (*evidence.Evidence, evidence.Used, error) {
	in := &f.run
	e := &evidence.Evidence{
		Program: in.Program, KernelID: in.KernelID,
		Title: in.Result.Title, Folder: in.Result.Folder, Date: in.Result.Date,
		Machine: in.Result.Machine, Phases: in.Result.Phases, Commands: in.Result.Commands, Modules: in.Result.Modules,
		Warnings: in.Result.Warnings,
		Studied:  in.Studied, Unmet: in.Inputs.Unmet, Stuck: in.Inputs.Stuck,
		Finished: in.Inputs.Finished, Unloaded: in.Inputs.Unloaded, Cut: in.Inputs.Cut, Passed: in.Inputs.Passed,
		PassHint: in.PassHint,
		Console:  string(f.console), Samples: in.Samples, Code: in.Code, EndedAt: in.EndedAt,
		Witness: in.Witness,
		Left: evidence.Left{
			Before: in.Before, After: in.After, Compared: in.Snapshots, Modules: in.Remaining, Others: in.Others,
			Unpaired: in.Unpaired, Unchecked: in.Unchecked, Keepers: in.Keepers, Sought: in.Sought,
		},
		Taint: in.Taint, Earlier: in.Earlier, Tests: in.Tests, Failing: in.Failing, Artifacts: in.Artifacts,
		Programs: make(map[string][]byte),
		Expect:   in.Expect,
		Files:    make(map[string]evidence.File), Sources: make(map[string]evidence.Source),
	}
	e.KernelLog = f.kernelLog
	for _, kind := range kinds {
		if failed := *in.Inputs.of(kind); failed != nil {
			e.Failures = append(e.Failures, evidence.Failure{
				Kind: kind, Message: failed.Message, Hint: failed.Hint, Signal: failed.Signal, PID: failed.PID,
				Module: failed.Module, Errno: failed.Errno,
			})
		}
	}
	if in.Taken && len(in.Plan) > 0 {
		plan := new(leaks.Plan)
		if err := json.Unmarshal(in.Plan, plan); err != nil {
			return nil, evidence.Used{}, err
		}
		e.Left.Ledger = leaks.Read(plan, f.ledger)
	}
	for i, guest := range in.Programs {
		if i < len(f.programs) && len(f.programs[i]) > 0 {
			e.Programs[guest] = f.programs[i]
		}
	}
	for name, m := range in.Files {
		if data, here := f.modules[name]; here {
			e.Files[name] = evidence.File{Name: m.Name, Data: data}
		} else {
			e.Files[name] = evidence.File{Name: m.Name, Err: m.Error}
		}
	}
	used := evidence.Used{Kallsyms: f.kallsyms, Sources: f.sources(e.Sources)}
	err := f.trace(&e.Trace)
	return e, used, err
}

// sources fills in the lines that the file has, and returns them.
func (f *file) sources(sources map[string]evidence.Source) map[string]map[int]string {
	shown := make(map[string]map[int]string)
	for name, s := range f.run.Sources {
		if srcline.Header(name) || s.Lines == 0 { // named by debug information, but not found
			continue
		}
		shown[name] = s.Text
		lines := make([]string, s.Lines)
		for n, text := range s.Text {
			if n >= 1 && n <= s.Lines {
				lines[n-1] = text
			}
		}
		sources[name] = evidence.Source{Name: s.Name, Lines: lines}
	}
	return shown
}

func (f *file) trace(t *evidence.Trace) error {
	t.MarkNS, t.Hooks, t.Tape = f.run.MarkNS, f.run.Tracer.Hooks, f.tape
	if f.run.Booted {
		t.AgentPID = f.run.AgentPID
	}
	for i := range t.Hooks {
		t.Hooks[i].Prove()
	}
	if len(f.kallsyms) > 0 {
		var err error
		if t.Kernel, err = symbols.ReadRunning(bytes.NewReader(f.kallsyms)); err != nil {
			return err
		}
	}
	var records evidence.Records
	if f.tape != nil {
		stream, _, err := f.tape.Open()
		if err != nil {
			return err
		}
		defer stream.Close()
		records = evidence.ReadRecords(stream, nil)
	}
	t.SetRecords(records, f.run.Tracer.Lost)
	return nil
}
