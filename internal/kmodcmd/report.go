// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/kmodlab/kmodlab/kmod"
)

// Report is what modprobe, insmod and rmmod write as one JSON object to the
// descriptor that --report-fd names, so that the process which started them gets typed
// errors. It is written at the end, also after a failure.
type Report struct {
	Loaded   []LoadedModule `json:"loaded"`
	Removed  []string       `json:"removed"`
	Warnings []string       `json:"warnings,omitempty"` // what the kernel let pass, such as unknown parameters
	Error    *Error         `json:"error,omitempty"`    // the first
}

// LoadedModule is one module that the command loaded.
type LoadedModule struct {
	Name   string  `json:"name"`
	Path   string  `json:"path"`
	InitMS float64 `json:"init_ms"` // of the system call: linking and init
}

// Error is kmod.LoadError, or any other error in Message alone.
type Error struct {
	Op        string   `json:"op,omitempty"`
	Module    string   `json:"module,omitempty"`
	Path      string   `json:"path,omitempty"`
	Errno     int      `json:"errno,omitempty"`
	ErrnoName string   `json:"errno_name,omitempty"`
	Kmsg      []string `json:"kmsg,omitempty"`
	Cause     string   `json:"cause,omitempty"`
	Hint      string   `json:"hint,omitempty"`
	Holders   []string `json:"holders,omitempty"` // of a module in use
	Kind      string   `json:"kind,omitempty"`    // the sentinel's text, such as "unknown symbol"
	Message   string   `json:"message"`
}

func (r *Report) load(mods []*kmod.Loaded) {
	for _, m := range mods {
		r.Loaded = append(r.Loaded, LoadedModule{m.Name, m.Path, float64(m.Took.Microseconds()) / 1000})
		r.Warnings = append(r.Warnings, m.Warnings...)
	}
}

// fail keeps the first error.
func (r *Report) fail(err error) {
	if r.Error != nil || err == nil {
		return
	}
	r.Error = &Error{Message: err.Error()}
	if kind := kmod.Kind(err); kind != nil {
		r.Error.Kind = kind.Error()
	}
	e, ok := errors.AsType[*kmod.LoadError](err)
	if !ok {
		return
	}
	r.Error.Op, r.Error.Module, r.Error.Path = e.Op, e.Module, e.Path
	r.Error.Errno, r.Error.ErrnoName = int(e.Errno), kmod.ErrnoName(e.Errno)
	r.Error.Kmsg, r.Error.Cause, r.Error.Hint, r.Error.Holders = e.Kmsg, e.Cause, e.Hint, e.Holders
}

var reportOption = option{0, "report-fd", true} // not in the help: for our own agent

// openReport takes the descriptor over; nil where none was asked for.
func openReport(p parsed) (*os.File, error) {
	if !p.has("report-fd") {
		return nil, nil
	}
	fd, err := strconv.Atoi(p.flags["report-fd"])
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("option --report-fd needs a descriptor from 3 on")
	}
	return os.NewFile(uintptr(fd), "report"), nil
}

func (c *command) writeReport(f *os.File) {
	if f == nil {
		return
	}
	if c.report.Loaded == nil {
		c.report.Loaded = []LoadedModule{}
	}
	if c.report.Removed == nil {
		c.report.Removed = []string{}
	}
	if err := errors.Join(json.NewEncoder(f).Encode(c.report), f.Close()); err != nil {
		c.say("ERROR", "write report: %v", err)
	}
}
