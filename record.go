// SPDX-License-Identifier: MIT

package kmodlab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// Recording is a run as it was before anything was made of it: the tracer's
// records, the symbols and the modules' files that name what is in them, the
// console. A result can be made of it anywhere, without VM, root or kernel. Its
// zero value, given to Spec.Record, is filled by Run and Trace.
type Recording struct {
	file *recording.Recording
	err  error // why there is none
}

// ReadRecording reads what WriteTo wrote. A file that is none, or cut short,
// damaged or of a later version is an error that says so.
func ReadRecording(r io.Reader) (*Recording, error) {
	file, err := recording.Read(r)
	if err != nil {
		return nil, err
	}
	return &Recording{file: file}, nil
}

// errNothingRecorded is a Recording that no run has filled.
var errNothingRecorded = errors.New("write recording: no run was recorded")

// WriteTo writes the recording as a .kmlab file.
func (r *Recording) WriteTo(w io.Writer) (int64, error) {
	switch {
	case r == nil || r.file == nil && r.err == nil:
		return 0, errNothingRecorded
	case r.err != nil:
		return 0, r.err
	}
	n := &counter{w: w}
	err := recording.Write(n, r.file)
	return n.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Result makes the result anew: records are decoded, named and joined again by
// this program, which may know better than the one that recorded them.
func (r *Recording) Result() (*result.Result, error) {
	if r == nil || r.file == nil {
		return nil, errNothingRecorded
	}
	again, err := replay(r.file)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	again.conclude()
	return again.res, nil
}

// tap has the stream of records recorded on its way, where that is wanted.
func (t *trace) tap(r io.Reader) io.Reader {
	if !t.record {
		return r
	}
	t.tape = new(recording.Tape)
	return io.TeeReader(r, t.tape)
}

// recordInputs keeps what conclude begins with, before it changes it.
func (r *run) recordInputs() {
	if r.spec.Record == nil {
		return
	}
	*r.spec.Record = Recording{}
	file := &recording.Recording{
		Run: recording.Run{
			Program: program(), Here: r.spec.Here, Booted: r.lab != nil, MarkNS: r.trace.mark, PassHint: r.passHint,
			Tracer: r.trace.state, Studied: r.studied(), Deaf: r.deaf, Code: r.code, EndedAt: r.endedAt,
			Before: r.leaks.before, After: r.leaks.after, Snapshots: r.leaks.has, Taken: r.leaks.book != nil, Remaining: r.leaks.modules,
		},
		Records: r.trace.tape, Takings: r.leaks.text,
		Console: []byte(r.res.Console), KernelLog: r.kernelLog.bytes(), HereLog: r.hereLog.bytes(),
	}
	if r.leaks.plan != nil {
		if file.Run.Plan, r.spec.Record.err = json.Marshal(r.leaks.plan); r.spec.Record.err != nil {
			return
		}
	}
	if r.kernel != nil {
		file.Run.KernelID = r.kernel.ID
	}
	if r.lab != nil {
		file.Run.AgentPID = uint32(r.lab.hello.PID)
	}
	if r.spec.Record.err = copyJSON(&file.Run.Result, r.res); r.spec.Record.err != nil {
		return
	}
	file.Run.Result.Console = ""
	if r.spec.Record.err = copyJSON(&file.Run.Inputs, r.in); r.spec.Record.err == nil {
		r.spec.Record.file = file
	}
}

// copyJSON copies what will be changed. Bytes that are no UTF-8 become U+FFFD, as
// they would in the file.
func copyJSON(to, from any) error {
	data, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		return fmt.Errorf("record the run: %w", err)
	}
	return nil
}

// recordUsed keeps what conclude needed of symbols, modules and sources, and the
// symbols of all places that the records name, for a later program may show more
// of them.
func (r *run) recordUsed() {
	if r.spec.Record == nil || r.spec.Record.file == nil {
		return
	}
	file := r.spec.Record.file
	if t := r.trace.table; t != nil {
		for _, e := range r.trace.all() {
			for _, addr := range e.Stack {
				t.Site(addr, e.Time)
			}
		}
		file.Kallsyms = t.Used()
	}
	file.Run.Sources = r.sourcesShown
	file.Run.Files = make(map[string]recording.File)
	file.Modules = make(map[string][]byte)
	for name, m := range r.modulesRead {
		f := recording.File{Name: filepath.Base(m.path)}
		if m.err != nil {
			f.Error = m.err.Error()
		} else {
			sum := sha256.Sum256(m.data)
			f.SHA256 = hex.EncodeToString(sum[:])
			file.Modules[name] = m.data
		}
		file.Run.Files[name] = f
	}
}

// program names this program by version and, where that is known, commit.
func program() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "kmodlab"
	}
	name := "kmodlab " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			name += " " + s.Value
		}
	}
	return name
}

// replay makes a run that stands where conclude begins.
func replay(file *recording.Recording) (*run, error) {
	in := &file.Run
	r := &run{spec: Spec{Here: in.Here}, res: new(result.Result), deaf: in.Deaf, code: in.Code, endedAt: in.EndedAt, passHint: in.PassHint}
	if err := copyJSON(r.res, in.Result); err != nil {
		return nil, err
	}
	if err := copyJSON(&r.in, in.Inputs); err != nil {
		return nil, err
	}
	r.res.Console = string(file.Console)
	for _, name := range in.Studied {
		r.fresh = append(r.fresh, kmod.PlannedModule{Name: name})
	}
	if in.Booted {
		r.lab = &lab{hello: wire.Hello{PID: int(in.AgentPID)}}
	}
	r.kernelLog.text, r.hereLog.text = file.KernelLog, file.HereLog
	r.leaks = leakWatch{before: in.Before, after: in.After, has: in.Snapshots, modules: in.Remaining}
	if len(in.Plan) > 0 {
		r.leaks.plan = new(leaks.Plan)
		if err := json.Unmarshal(in.Plan, r.leaks.plan); err != nil {
			return nil, err
		}
	}
	if in.Taken && r.leaks.plan != nil {
		r.leaks.book = leaks.Read(r.leaks.plan, file.Takings)
	}
	r.recorded = file
	r.trace.state, r.trace.mark = in.Tracer, in.MarkNS
	if len(file.Kallsyms) > 0 {
		kernel, err := symbols.ReadRunning(bytes.NewReader(file.Kallsyms))
		if err != nil {
			return nil, err
		}
		r.trace.kernel = kernel
	}
	if file.Records == nil {
		return r, nil
	}
	stream, err := file.Records.Open()
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	r.trace.take(receive(stream, nil))
	return r, nil
}

// errNoModule is a module of which there is no file.
var errNoModule = errors.New("no file of this module is here")

// moduleBytes is what was read of a module's file.
type moduleBytes struct {
	path string
	data []byte
	err  error
}

// readModule reads the file of a module that the guest loaded, once.
func (r *run) readModule(name string) ([]byte, error) {
	if m, ok := r.modulesRead[name]; ok {
		return m.data, m.err
	}
	m := moduleBytes{path: r.moduleFile(name)}
	switch {
	case r.recorded != nil:
		m.data, m.err = recordedModule(r.recorded, name)
	case m.path == "":
		m.err = errNoModule
	default:
		m.data, m.err = kmod.ReadModule(m.path)
	}
	if errors.Is(m.err, errNoModule) {
		return nil, m.err
	}
	if r.modulesRead == nil {
		r.modulesRead = make(map[string]moduleBytes)
	}
	r.modulesRead[name] = m
	return m.data, m.err
}

func recordedModule(file *recording.Recording, name string) ([]byte, error) {
	f, ok := file.Run.Files[name]
	switch data, here := file.Modules[name]; {
	case !ok:
		return nil, errNoModule
	case here:
		return data, nil
	}
	return nil, errors.New(f.Error)
}

// recordedSources is a tree of those lines that a recording has.
func recordedSources(file *recording.Recording) *sourceTree {
	t := &sourceTree{found: make(map[string]found)}
	for _, name := range slices.Sorted(maps.Keys(file.Run.Sources)) {
		s := file.Run.Sources[name]
		f := found{rel: s.Name, lines: make([]string, s.Lines)}
		for n, text := range s.Text {
			if n >= 1 && n <= s.Lines {
				f.lines[n-1] = text
			}
		}
		t.found[name] = f
	}
	return t
}
