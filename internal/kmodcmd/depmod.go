// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/depmod"
)

const depmodHelp = `Usage: depmod [options] [VERSION [FILE...]]
Reads every module in /lib/modules/VERSION (default: the running kernel's) and writes
the index: modules.dep, .alias, .softdep, .weakdep, .symbols, .devname, and the .bin
files. With FILEs, which are absolute paths, it indexes only these modules.

  -a, --all                the whole tree, even if FILEs are given
  -A, --quick              only if a module is newer than modules.dep
  -b, --basedir DIR        the root that holds lib/modules
  -m, --moduledir DIR      another name for lib/modules, below the root
  -o, --outdir DIR         write to another root
  -C, --config PATH        file or folder in the format of depmod.d(5); may be repeated
  -n, --show, --dry-run    print the text files and write nothing
  -e, --errsyms            warn about symbols that nothing exports; needs -E or -F
  -E, --symvers FILE       Module.symvers; also compares the versions of symbols
  -F, --filesyms FILE      System.map
  -P, --symbol-prefix C    character to drop from the start of symbol names
  -v, --verbose            print which module needs which symbol of which other
  -w, --warn               warn about aliases that a module has twice
      --kmod VERSION       write the files of that version of kmod (default 34)
      --json               print the result and all problems as JSON
  -V, --version  -h, --help

As with kmod's depmod:
- -C replaces /etc/depmod.d and the other folders; without it, this machine's own are
  read, even with -b.
- A file that is not a module is reported and listed without dependencies; the exit
  status is still 0.
- -A does not notice that a module was removed, or was installed with an old date.
- With FILEs the index has no other modules, and replaces the old one.
- A modules.order without a newline at its end is ignored.
- Of a depmod.d line "external VERSION FOLDER..." only the first folder counts.
- A module that needs a symbol of its own is a cycle.
Unlike kmod's depmod:
- All files are written before the first old one is replaced, and none if anything
  fails; kmod leaves those that it wrote before the failure.
- Links that lead to a folder above them are not followed; kmod follows them until it
  runs out of file descriptors.
- Compressed modules can be .xz, .zst and .gz, whatever kmod was built with.
`

var depmodOptions = []option{
	{'a', "all", false}, {'A', "quick", false}, {'b', "basedir", true}, {'m', "moduledir", true}, {'o', "outdir", true},
	{'C', "config", true}, {'n', "show", false}, {0, "dry-run", false}, {'e', "errsyms", false}, {'E', "symvers", true},
	{'F', "filesyms", true}, {'P', "symbol-prefix", true}, {'v', "verbose", false}, {'w', "warn", false},
	{0, "kmod", true}, {0, "json", false}, {'V', "version", false}, {'h', "help", false},
}

func (c *command) depmod(args []string) int {
	p, err := parseArgs(args, depmodOptions)
	if err != nil {
		return c.usage("%v", err)
	}
	if status, done := c.helpOrVersion(p, depmodHelp); done {
		return status
	}
	o, err := c.indexOptions(p)
	if err != nil {
		level := "ERROR"
		if _, fatal := errors.AsType[fatalError](err); fatal {
			level = "FATAL"
		}
		c.say(level, "%v", err)
		return 1
	}
	result, err := depmod.Index(o)
	for _, problem := range result.Problems {
		c.say(severity(problem, "ERROR", "WARNING"), "%s", problem.Text)
	}
	if p.has("json") {
		c.indexReport(result, err)
	}
	if err == nil {
		return 0
	}
	c.indexFailed(o, result, err)
	return 1
}

// fatalError is an error of usage that depmod calls fatal, in its words.
type fatalError string

func (e fatalError) Error() string { return string(e) }

func severity(p depmod.Problem, severe, mild string) string {
	if p.Severe {
		return severe
	}
	return mild
}

// indexOptions turns flags into the library's options.
func (c *command) indexOptions(p parsed) (o depmod.Options, err error) {
	o = depmod.Options{
		Root: p.flags["basedir"], ModuleDir: p.flags["moduledir"], Output: p.flags["outdir"],
		Config: p.repeated["config"], Quick: p.has("quick"), WarnDuplicates: p.has("warn"),
		Symvers: p.flags["symvers"], SystemMap: p.flags["filesyms"], CheckSymbols: p.has("errsyms"),
	}
	if len(o.Config) == 0 {
		o.Config = depmod.DefaultConfig()
	}
	if p.has("json") && (p.has("show") || p.has("dry-run") || p.has("verbose")) {
		return o, errors.New("--json cannot be combined with -n or -v: both write to standard output")
	}
	if p.has("show") || p.has("dry-run") {
		o.Show = c.stdout
	}
	if p.has("verbose") {
		o.Verbose = c.stdout
	}
	if prefix, ok := p.flags["symbol-prefix"]; ok {
		if len(prefix) != 1 {
			return o, fatalError("-P only takes a single char")
		}
		o.SymbolPrefix = prefix[0]
	}
	if o.CheckSymbols && o.Symvers == "" && o.SystemMap == "" {
		c.say("WARNING", "-e needs -E or -F")
		o.CheckSymbols = false
	}
	if v, ok := p.flags["kmod"]; ok {
		if o.Kmod, err = strconv.Atoi(v); err != nil || o.Kmod < 1 {
			return o, fmt.Errorf("--kmod needs a version of kmod, such as 30 or 34, not %q", v)
		}
	}
	return o, c.indexOperands(p, &o)
}

type badVersion string

func (e badVersion) Error() string { return "Bad version passed " + string(e) }

// indexOperands reads the version, and the modules after it.
func (c *command) indexOperands(p parsed, o *depmod.Options) error {
	if len(p.operands) == 0 {
		running, err := kmod.Running()
		if err != nil {
			return err
		}
		o.Release = running.Release
		return nil
	}
	o.Release = p.operands[0]
	if o.Release == "" || o.Release[0] < '0' || o.Release[0] > '9' || filepath.Base(o.Release) != o.Release {
		return badVersion(o.Release)
	}
	if len(p.operands) == 1 || p.has("all") {
		return nil
	}
	o.Files = p.operands[1:]
	for _, path := range o.Files {
		if !filepath.IsAbs(path) {
			return fatalError(path + ": not absolute path.")
		}
		if _, err := os.Stat(path); err != nil {
			return fatalError("could not create module " + path + ": " + strerror(err))
		}
	}
	return nil
}

// indexFailed says why there is no index, in kmod's words if it has any.
func (c *command) indexFailed(o depmod.Options, result *depmod.Result, err error) {
	path, isPath := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, kmod.ErrCycle):
		fmt.Fprintf(c.stderr, "%s: no module of a cycle can be loaded first; nothing was written\n", c.name)
	case isPath && o.Files == nil && errors.Is(err, fs.ErrNotExist) && !exists(result.Dir):
		c.say("ERROR", "could not open directory %s: %s", path.Path, strerror(path.Err))
		c.say("FATAL", "could not search modules: %s", strerror(path.Err))
	case isPath && (path.Path == o.Symvers || path.Path == o.SystemMap):
		c.say("FATAL", "could not load %s: %s", path.Path, strerror(path.Err))
	default:
		c.say("FATAL", "%v; nothing was written", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// indexReport is what --json prints.
func (c *command) indexReport(result *depmod.Result, err error) {
	type problem struct {
		Severity string `json:"severity"` // error or warning
		Path     string `json:"path,omitempty"`
		Message  string `json:"message"`
	}
	report := struct {
		Dir      string    `json:"dir"`
		Modules  int       `json:"modules"`
		Files    []string  `json:"files"`
		UpToDate bool      `json:"up_to_date"`
		Problems []problem `json:"problems"`
		Error    *Error    `json:"error"`
	}{result.Dir, result.Modules, append([]string{}, result.Files...), result.UpToDate, []problem{}, nil}
	for _, p := range result.Problems {
		report.Problems = append(report.Problems, problem{severity(p, "error", "warning"), p.Path, p.Text})
	}
	c.report.fail(err)
	report.Error = c.report.Error
	out := json.NewEncoder(c.stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(report); err != nil {
		c.say("ERROR", "write report: %v", err)
	}
}
