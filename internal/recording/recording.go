// SPDX-License-Identifier: MIT

// Package recording writes and reads the file that keeps a whole run (.kmlab): the
// tracer's stream, as it came, and everything else that the host needs to make the
// result again. It is pure.
//
// The file is a zstd stream, so that `zstd -dc run.kmlab | tar t` lists it. Its first
// frame, which zstd skips, has the version and the hash of the file; the second is a
// tar archive:
//
//	run.json       run
//	records        the tracer's stream (tracer/event), as the guest sent it
//	kallsyms       the kernel's symbols that name addresses
//	modules/N.ko   the modules' files, debug information included
//	programs/N     the files of tests that a signal ended, in the order in which run.json names them
//	console        every byte of the guest's console
//	kernel.log     its /dev/kmsg, as a console would print it, with the levels
//	takings        the kernel's own trace of what modules took and gave back
//
// The sources are not in it: only those lines of a person's files are kept, within
// run.json, that the result shows.
package recording

import (
	"encoding/json"
	"errors"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/result"
)

// Version is the version of the files that Write makes. A change that older versions of
// kmodlab would misread takes the next number; Read knows all numbers up to it.
const Version = 1

// file is a recording as it is in the archive.
type file struct {
	run       run
	tape      *evidence.Tape // nil if no tracer was started
	kallsyms  []byte
	modules   map[string][]byte // plain .ko files, by the module's name
	programs  [][]byte          // in the order of run.Programs
	console   []byte
	kernelLog []byte
	ledger    []byte
}

// run is run.json. Its names are those of version 1.
type run struct {
	Program  string `json:"program"`   // which kmodlab recorded it
	KernelID string `json:"kernel_id"` // the kernel's package, version and hash, as in the cache
	Here     bool   `json:"here"`      // on the machine itself
	Booted   bool   `json:"booted"`    // there was a guest, or an agent
	AgentPID uint32 `json:"agent_pid"`
	MarkNS   uint64 `json:"mark_ns"` // records before it are the self-test's

	// Result has what the host recorded during the run: title, folder, date, machine, phases, commands, and the
	// modules as they were planned. The console is a part of its own.
	Result   *result.Result `json:"result"`
	Inputs   inputs         `json:"inputs"`
	PassHint string         `json:"pass_hint,omitempty"` // of a trace that passes

	Tracer  tracer                `json:"tracer"`
	Studied []string              `json:"studied"`            // the modules under study
	Files   map[string]moduleFile `json:"files"`              // by the module's name
	Sources map[string]source     `json:"sources"`            // by the name that the debug information gives
	EndedAt []uint64              `json:"ended_at,omitempty"` // where the CPUs were when the guest reset itself
	Samples []evidence.Sample     `json:"deaf_processors,omitempty"`
	Witness *evidence.Witness     `json:"witness,omitempty"`
	Code    map[uint64][]byte     `json:"code,omitempty"`

	// Before are the names that existed before the run, After those after it, or only the
	// new ones of these; both are valid only if Snapshots is set. Taken means that the
	// ledger was read, with Plan.
	Before    leaks.Objects   `json:"before"`
	After     leaks.Objects   `json:"after"`
	Snapshots bool            `json:"snapshots"`
	Taken     bool            `json:"taken"`
	Plan      json.RawMessage `json:"plan,omitempty"`

	// What the modules' imports say, before any load.
	Unpaired  []result.Unpaired  `json:"unpaired,omitempty"`
	Unchecked []result.Unchecked `json:"unchecked,omitempty"`
	Remaining []evidence.Loaded  `json:"remaining"` // modules at the end

	Others  []string         `json:"others,omitempty"`
	Taint   evidence.Taint   `json:"taint"`
	Earlier evidence.Earlier `json:"earlier"`
	Tests   []evidence.Test  `json:"tests,omitempty"`
	// Failing are the calls that were to fail.
	Failing []evidence.Failing `json:"failing,omitempty"`
	// Expect are what a person expects of the result.
	Expect []string `json:"expect,omitempty"`
	// Programs are the paths in the guest of the programs in the archive.
	Programs []string `json:"programs,omitempty"`

	Artifacts []result.Artifact `json:"artifacts,omitempty"`
	Keepers   []evidence.Keeper `json:"keepers,omitempty"`
	Sought    bool              `json:"sought,omitempty"`
}

// inputs are what a verdict depends on besides the records and the console.
type inputs struct {
	Build, Preflight, Program, Host, Lost, Timeout, Load, Unload *failure

	Finished, Unloaded bool
	Cut                bool `json:",omitempty"`
	Passed             string
	Stuck              []result.Stuck
	Unmet              []string
}

// failure is an evidence.Failure under the name of its kind.
type failure struct {
	Message, Hint string
	Signal        string `json:",omitempty"`
	PID           int    `json:",omitempty"`
	Module        string `json:",omitempty"`
	Errno         int    `json:",omitempty"`
}

// tracer is the state of the tracer at the end.
type tracer struct {
	Hooks []evidence.Hook   `json:"hooks"`
	Lost  map[string]uint64 `json:"lost,omitempty"` // by kind of record
}

// moduleFile is a module's file.
type moduleFile struct {
	Name   string `json:"name"`             // without its folder
	SHA256 string `json:"sha256,omitempty"` // of the plain .ko
	Error  string `json:"error,omitempty"`  // why it is missing
}

// source is what is kept of a source file.
type source struct {
	Name  string         `json:"name"`  // as in the sources' folder
	Lines int            `json:"lines"` // of the whole file
	Text  map[int]string `json:"text,omitempty"`
}

// Bounds of what Read accepts, in bytes.
const (
	maxFile     = 1 << 30
	maxTotal    = 1 << 30
	maxOther    = 256 << 20 // a module's file, or a part of a later version
	maxModules  = 512 << 20 // all files of modules and programs
	maxParts    = 4096      // a number
	maxElements = 512 << 10 // of run.json, a number
	maxNames    = 4096      // of modules, hooks and the like; each is compared with each line of a report
	maxWindow   = 64 << 20
)

// most is the bound of a part, with some room above that of a live run: what a person is shown of a console or a log, a
// trace as the guest sends it, and a million records, which have some 300 MB.
func most(part string) int64 {
	switch part {
	case partRecords:
		return 512 << 20
	case partRun:
		return 64 << 20
	case partKallsyms: // those that name an address of the run; all of a kernel's have 12 MiB
		return 16 << 20
	case partLedger:
		return 48 << 20
	case partConsole, partKernelLog:
		return 2 << 20
	}
	return maxOther
}

// Errors of Read, for errors.Is.
var (
	ErrNotRecording = errors.New("not a kmodlab recording")
	ErrTruncated    = errors.New("the recording is truncated: copy the whole file")
	ErrDamaged      = errors.New("the recording is damaged: its bytes are not those that were written")
	ErrNewer        = errors.New("the recording was made by a newer kmodlab: update kmodlab")
	ErrTooLarge     = errors.New("the recording is larger than any that kmodlab writes")
)
