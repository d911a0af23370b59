// SPDX-License-Identifier: MIT

// Package recording is the file that keeps a whole run (.kmlab): what the tracer
// wrote, as it came, and all that the host needs to make the result of it anew.
// It is pure.
//
// The file is a zstd stream, so that `zstd -dc run.kmlab | tar t` looks into it.
// Its first frame is one that zstd skips, and names the file's version and hash;
// the second is a tar archive:
//
//	run.json       Run
//	records        the tracer's stream (tracer/event), as the guest sent it
//	kallsyms       those of the kernel's symbols that the addresses lie in
//	modules/N.ko   the modules' files, debug information included
//	console        every byte of the guest's console
//	kernel.log     its /dev/kmsg, as a console would print it
//	here.log       the same of a run on the machine itself
//	takings        the kernel's own trace of what modules took and gave
//
// Sources are not in it: of a person's files only those lines are kept, within
// run.json, that the report of a crash shows.
package recording

import (
	"encoding/json"
	"errors"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// Version is that of the files that Write makes. A change that older programs
// would read wrong takes the next number; Read knows all numbers up to it.
const Version = 1

// Recording is a run as it was before anything was made of it.
type Recording struct {
	Run       Run
	Records   *Tape // nil where no tracer was started
	Kallsyms  []byte
	Modules   map[string][]byte // plain .ko files, by the module's name
	Console   []byte
	KernelLog []byte
	HereLog   []byte
	Takings   []byte
}

// Processor is where one of a guest's processors was, at one look.
type Processor struct {
	CPU    int      `json:"cpu"`
	At     uint64   `json:"at"`
	Called []uint64 `json:"called,omitempty"` // return addresses in modules, innermost first
}

// Run is what is known of a run besides the large parts.
type Run struct {
	Program  string `json:"program"`   // which kmodlab recorded it
	KernelID string `json:"kernel_id"` // the kernel's package, version and hash, as in the cache
	Here     bool   `json:"here"`      // on the machine itself
	Booted   bool   `json:"booted"`    // there was a guest, or an agent
	AgentPID uint32 `json:"agent_pid"`
	MarkNS   uint64 `json:"mark_ns"` // records before it are the self-test's

	// Result is what the host wrote down while the run went on: machine, phases,
	// commands, and the modules as they were planned. Its console is apart.
	Result *result.Result `json:"result"`
	Inputs result.Inputs  `json:"inputs"`
	// PassHint is the hint of a trace that passes.
	PassHint string `json:"pass_hint,omitempty"`

	Tracer  wire.TraceResult  `json:"tracer"`
	Studied []string          `json:"studied"`            // the modules under study
	Files   map[string]File   `json:"files"`              // those that were looked for, by the module's name
	Sources map[string]Source `json:"sources"`            // by the name that the debug information gives
	EndedAt []uint64          `json:"ended_at,omitempty"` // where the processors were when the guest restarted by itself
	// Deaf is where they were in a guest that did not answer, and Code what they ran
	// there in the space of modules, by the page's address.
	Deaf []Processor       `json:"deaf_processors,omitempty"`
	Code map[uint64][]byte `json:"code,omitempty"`

	// Before are the names that were there before the run, After those after it, or of
	// them only the new ones; both hold only where Snapshots is set. Taken says that
	// takings were read, and Plan how.
	Before    wire.SnapshotResult `json:"before"`
	After     wire.SnapshotResult `json:"after"`
	Snapshots bool                `json:"snapshots"`
	Taken     bool                `json:"taken"`
	Plan      json.RawMessage     `json:"plan,omitempty"`
	Remaining []wire.Module       `json:"remaining"` // modules at the end
}

// File is a module's file.
type File struct {
	Name   string `json:"name"`             // without its folder
	SHA256 string `json:"sha256,omitempty"` // of the plain .ko
	Error  string `json:"error,omitempty"`  // why it is not here
}

// Source is what is kept of a source file.
type Source struct {
	Name  string         `json:"name"`  // as in the sources' folder
	Lines int            `json:"lines"` // of the whole file
	Text  map[int]string `json:"text,omitempty"`
}

// Bounds of what Read takes in. A run of a million records, the most that the
// host keeps, has some 300 MB of them.
const (
	maxFile   = 1 << 30
	maxRun    = 256 << 20
	maxPart   = 512 << 20
	maxTotal  = 1 << 30
	maxParts  = 4096
	maxWindow = 64 << 20
)

// Errors of Read, for which errors.Is asks.
var (
	ErrNotRecording = errors.New("this is no recording of kmodlab")
	ErrTruncated    = errors.New("the recording is cut short: it was not copied whole")
	ErrDamaged      = errors.New("the recording is damaged: its bytes are not those that were written")
	ErrNewer        = errors.New("the recording is of a newer kmodlab than this one: update kmodlab")
	ErrTooLarge     = errors.New("the recording is larger than any that kmodlab makes")
)
