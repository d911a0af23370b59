// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/kmod"
)

// Report is what modprobe, insmod and rmmod write as one JSON object, to stdout with --json,
// and to the file descriptor of --report-fd, so that the process that started them gets typed
// errors. It is written at the end, even after a failure.
type Report struct {
	Loaded      []LoadedModule   `json:"loaded"`
	Removed     []string         `json:"removed"`
	Steps       []Step           `json:"steps,omitempty"`        // of loading, in order; only planned with -n and -D
	RemoveSteps []RemoveStep     `json:"remove_steps,omitempty"` // of unloading
	Resolved    []ResolvedModule `json:"resolved,omitempty"`     // modprobe -R
	Config      *Config          `json:"config,omitempty"`       // modprobe -c
	Symbols     []SymbolVersion  `json:"symbols,omitempty"`      // modprobe --show-exports, --show-modversions
	Checks      []Check          `json:"checks,omitempty"`       // --check
	Diagnoses   []Diagnosis      `json:"diagnoses,omitempty"`    // --why
	Warnings    []string         `json:"warnings,omitempty"`     // what the kernel let pass, such as unknown parameters
	Error       *Error           `json:"error,omitempty"`        // the first
}

// LoadedModule is one module that the command loaded.
type LoadedModule struct {
	Name   string  `json:"name"`
	Path   string  `json:"path"`
	InitMS float64 `json:"init_ms"` // of the system call: linking and init
}

// Step is one module to load.
type Step struct {
	Name    string `json:"name"`
	Path    string `json:"path,omitempty"`
	Params  string `json:"params,omitempty"`
	Command string `json:"command,omitempty"` // an install rule, run instead of loading
	Builtin bool   `json:"builtin,omitempty"`
	Soft    bool   `json:"soft,omitempty"` // may fail
}

// RemoveStep is one module to unload.
type RemoveStep struct {
	Name    string `json:"name"`
	Command string `json:"command,omitempty"` // a remove rule
}

// ResolvedModule is one that a name stands for.
type ResolvedModule struct {
	Name    string `json:"name"`
	Path    string `json:"path,omitempty"`
	Builtin bool   `json:"builtin,omitempty"`
}

// SymbolVersion is a symbol with its version as eight hexadecimal digits.
type SymbolVersion struct {
	Name string `json:"name"`
	CRC  string `json:"crc"`
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

func (r *Report) step(s kmod.Step) {
	r.Steps = append(r.Steps, Step{s.Name, s.Path, s.Params, s.Command, s.Builtin, s.Soft})
}

// newError is nil for nil.
func newError(err error) *Error {
	if err == nil {
		return nil
	}
	out := &Error{Message: err.Error(), Kind: kindText(err)}
	if e, ok := errors.AsType[*kmod.LoadError](err); ok {
		out.Op, out.Module, out.Path = e.Op, e.Module, e.Path
		if e.Errno != 0 { // a call that crashed has none
			out.Errno, out.ErrnoName = int(e.Errno), kmod.ErrnoName(e.Errno)
		}
		out.Kmsg, out.Cause, out.Hint, out.Holders = e.Kmsg, e.Cause, e.Hint, e.Holders
	}
	return out
}

func kindText(err error) string {
	if kind := kmod.Kind(err); kind != nil {
		return kind.Error()
	}
	return ""
}

// fail keeps the first error.
func (r *Report) fail(err error) {
	if r.Error == nil {
		r.Error = newError(err)
	}
}

var reportOption = option{0, "report-fd", true} // not in the help: for our own agent

// openReport takes over the descriptor; nil if no report was asked for.
func openReport(p parsed) (*os.File, error) {
	if !p.has("report-fd") {
		return nil, nil
	}
	fd, err := strconv.Atoi(p.flags["report-fd"])
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("option --report-fd needs a file descriptor of 3 or higher")
	}
	return os.NewFile(uintptr(fd), "report"), nil
}

func (c *command) writeReport(f *os.File) {
	if f == nil {
		return
	}
	c.report.fill()
	if err := errors.Join(json.NewEncoder(f).Encode(c.report), f.Close()); err != nil {
		c.say("ERROR", "write report: %v", err)
	}
}

// writeJSON writes the report for --json.
func (c *command) writeJSON(w io.Writer) {
	c.report.fill()
	if err := printJSON(w, c.report); err != nil {
		c.say("ERROR", "write report: %v", err)
	}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(plain.JSON(w))
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// fill makes empty lists of nil ones, which JSON would have as null.
func (r *Report) fill() {
	if r.Loaded == nil {
		r.Loaded = []LoadedModule{}
	}
	if r.Removed == nil {
		r.Removed = []string{}
	}
}

// Config is kmod.Config as JSON.
type Config struct {
	Blacklist []string `json:"blacklist"`
	Forbid    []string `json:"forbid"`
	Install   []Rule   `json:"install"`
	Remove    []Rule   `json:"remove"`
	Aliases   []Rule   `json:"aliases"`
	Options   []Rule   `json:"options"`
	Softdeps  []Rule   `json:"softdeps"` // of modprobe.d, then of the modules
	Weakdeps  []Rule   `json:"weakdeps"`
	Problems  []string `json:"problems"` // bad lines, and why
}

// Rule is a line about one module, or about all whose names match.
type Rule struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func newConfig(cfg *kmod.Config, fromModules []kmod.Rule) *Config {
	out := &Config{
		Blacklist: append([]string{}, cfg.Blacklist...), Forbid: append([]string{}, cfg.Forbidden...),
		Install: rules(cfg.Install), Remove: rules(cfg.Remove), Options: rules(cfg.Options),
		Softdeps: append(rules(cfg.Softdeps), rules(fromModules)...), Weakdeps: rules(cfg.Weakdeps),
		Aliases: []Rule{}, Problems: []string{},
	}
	for _, a := range cfg.Aliases {
		out.Aliases = append(out.Aliases, Rule{a.Pattern, a.Module})
	}
	for _, p := range cfg.Problems {
		out.Problems = append(out.Problems, p.Error())
	}
	return out
}

func rules(list []kmod.Rule) []Rule {
	out := []Rule{}
	for _, r := range list {
		out = append(out, Rule{r.Name, r.Text})
	}
	return out
}
