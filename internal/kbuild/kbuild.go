// SPDX-License-Identifier: MIT

// Package kbuild runs the kernel's own build system on a folder of module sources, and caches what it makes by content.
//
// Sources are copied, never written to. The commands run where a Runner puts them: in a bubblewrap sandbox, in a VM, or
// directly on a lab machine. Whatever a build leaves behind is treated as hostile: links out of the work folder are not
// followed, sizes and counts are bounded.
//
// A finished build is an immutable folder in the cache. Processes that ask for the same build at the same time run it
// once.
package kbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/srcline"
)

// Where says where a build runs.
type Where string

// The places to build. The caller must resolve Auto: it knows whether KVM is proven.
const (
	Auto    Where = "auto"
	VM      Where = "vm"
	Sandbox Where = "sandbox"
	Here    Where = "here"
)

// The layout of a work folder as the commands see it. The path is fixed, because kbuild cannot work below a path with
// spaces, and modules embed it in their debug information. Runner Here sees the host's path instead.
const (
	GuestWork = "/build"
	SourceDir = srcline.SourceDir  // the copied sources
	OutDir    = GuestWork + "/out" // INSTALL_MOD_PATH
)

// DefaultTimeout bounds a build whose Request has no Timeout.
const DefaultTimeout = 10 * time.Minute

// Request says what to build.
type Request struct {
	Kernel   *kernel.Kernel
	Sources  string    // the module folder
	Runner   Runner    // where to build
	Flags    []string  // more words for make, such as W=1
	CacheDir string    // folder shared by processes; created if missing
	Output   io.Writer // build output as it appears, without noise; may be nil
	// Program is a C source of the folder that is built as a program for the guest, instead of the modules. ByMakefile
	// has the folder\'s own Makefile build programs.
	Program string
	NoCache bool          // build again and replace what the cache has
	Timeout time.Duration // 0: DefaultTimeout

	// Learn records which options the compiler knows, in Build.Known. The sources must be trusted, since they could
	// write anything there. Known is that file from an earlier build with the same kernel; it saves a small build two
	// thirds of its processes. Neither changes what is built, and neither works if Runner is Here.
	Learn bool
	Known string
}

// Build is a finished build in the cache.
type Build struct {
	Dir     string  // install tree: Dir/lib/modules/REL/extra/**.ko, Dir/Module.symvers
	Modules []Built // sorted by Rel
	Program string  // absolute, on the host; with Request.Program only
	Tree    *Tree   // with ByMakefile only
	Steps   []Step  // make, make modules_install
	Cached  bool    // made earlier; Steps are from that time
	Where   Where   // where it was made
	ID      string  // hash of everything that went in
	// Warnings are the tools' complaints about the person's own files.
	Warnings []Diagnostic
	Known    string // the file that a build with Request.Learn recorded; "" if none

	src string          // the sources' folder as the tools saw it
	own map[string]bool // the person's files, relative
	at  translation
}

// Built is one module.
type Built struct {
	Name string // as the kernel spells it: underscores
	Path string // absolute, on the host
	Rel  string // below lib/modules/REL/extra
	Size int64  // bytes
}

// Step is one command of a build, as a person would type it, and its output.
type Step struct {
	Argv   []string `json:"argv"`
	Raw    string   `json:"raw"` // all output, at most MaxLog bytes, unmodified
	Output string   `json:"-"`   // Raw without terminal codes and the noise of distribution headers
	Exit   int      `json:"exit"`
	MS     float64  `json:"ms"`
}

// Run builds, or finds the build in the cache. Errors are *Error, or ctx's.
func Run(ctx context.Context, r Request) (*Build, error) {
	b, err := run(ctx, r)
	return b, blame(err)
}

func run(ctx context.Context, r Request) (*Build, error) {
	if err := check(&r); err != nil {
		return nil, err
	}
	r.Flags = withDebugInfo(r.Kernel, r.Flags)
	snap, err := readSources(ctx, r.Sources)
	if err != nil {
		return nil, err
	}
	defer snap.close()
	if r.Program == "" {
		if err := snap.checkKbuild(); err != nil {
			return nil, err
		}
	}
	b, err := find(ctx, &r, snap)
	if err == nil {
		b.own, b.at = snap.files(), newTranslation(b.src, snap, r.Kernel)
		b.Warnings = b.warnings()
	}
	return b, err
}

// find returns the build from the cache, or makes it.
func find(ctx context.Context, r *Request, snap *sourceFolder) (*Build, error) {
	c := cache{dir: r.CacheDir, release: r.Kernel.Release}
	ingredients := r.Flags
	if r.Learn { // a different build from one that would not leave Build.Known
		ingredients = append(ingredients[:len(ingredients):len(ingredients)], knownFile)
	}
	if r.Program != "" {
		ingredients = []string{"program", r.Program}
	}
	id := buildID(snap, r.Kernel.ID, ingredients)
	if !r.NoCache {
		if b := c.load(id); b != nil {
			return b, nil
		}
	}
	unlock, err := c.lock(ctx, id, r.Output)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !r.NoCache { // another process may have built it while we waited
		if b := c.load(id); b != nil {
			return b, nil
		}
	}
	return makeBuild(ctx, r, snap, c, id)
}

// makeBuild builds under the lock of id.
func makeBuild(ctx context.Context, r *Request, snap *sourceFolder, c cache, id string) (*Build, error) {
	c.sweep()
	work, remove, err := c.workDir(id, r.Runner.Name())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := remove(); err != nil && r.Output != nil {
			fmt.Fprintln(r.Output, err)
		}
	}()
	if err := snap.copyTo(filepath.Join(work, "src")); err != nil {
		return nil, err
	}
	for _, d := range []string{"out", "tmp"} {
		if err := os.Mkdir(filepath.Join(work, d), 0o755); err != nil {
			return nil, hostError("create the work folder", err)
		}
	}
	job := newJob(r, work)
	if job.Options, err = writeOptions(r, work, job.SeenAs); err != nil {
		return nil, err
	}
	steps, err := r.Runner.Run(ctx, job)
	if own := len(job.Commands) - 1; len(steps) > own && !job.Program {
		steps = steps[:own] // without gather
	}
	for i := range steps {
		steps[i].Output = clean(steps[i].Raw, job.SeenAs)
	}
	if err := judge(ctx, job, snap, steps, err); err != nil {
		return nil, err
	}
	return c.store(id, job, snap, steps, r)
}

// newJob fills in the job of a request whose work folder is ready.
func newJob(r *Request, work string) Job {
	job := Job{Kernel: r.Kernel, Work: work, SeenAs: GuestWork, Timeout: r.Timeout}
	if r.Runner.Name() == Here {
		job.SeenAs = work
	}
	job.Commands = append(commands(r.Kernel, job.SeenAs, r.Flags), gather(job.SeenAs))
	job.Results = []string{"out", "src/" + symversFile, commandsFile}
	if r.Program != "" {
		job.Program, job.Commands = true, buildProgram(r.Program, job.SeenAs)
		job.Results = []string{"out"}
	}
	if r.Learn {
		job.Results = append(job.Results, notesFile)
	}
	if r.Output != nil {
		job.Output = &cleanWriter{w: r.Output, work: job.SeenAs}
	}
	return job
}

func check(r *Request) error {
	switch {
	case r.Kernel == nil || r.Kernel.ID == "" || r.Runner == nil || r.CacheDir == "":
		return errors.New("build modules: a kernel with an ID, a runner and a cache folder are needed")
	case strings.ContainsAny(r.Kernel.Release, "/ \t\n"):
		return fmt.Errorf("build modules: malformed kernel release %q", r.Kernel.Release)
	}
	for _, f := range r.Flags {
		if err := checkFlag(f); err != nil {
			return err
		}
	}
	if r.Runner.Name() == Here { // its compiler may be a different one tomorrow
		r.Learn, r.Known = false, ""
	}
	if r.Timeout <= 0 {
		r.Timeout = DefaultTimeout
	}
	return checkHeaders(r.Kernel)
}

// checkHeaders finds missing headers before anything is copied. Kernels with a tree of their own always have theirs.
func checkHeaders(k *kernel.Kernel) error {
	if k.Root != "/" {
		return nil
	}
	mk := filepath.Join(k.BuildDir(), "Makefile")
	if _, err := os.Stat(mk); err != nil {
		return noHeaders(k, err.Error())
	}
	return nil
}

func noHeaders(k *kernel.Kernel, why string) *Error {
	e := &Error{Kind: ErrNoHeaders,
		Message: fmt.Sprintf("no headers for kernel %s at %s: %s", k.Release, k.BuildDir(), why),
		Hint:    "install them: apt-get install linux-headers-" + k.Release}
	switch {
	case k.Build != "":
		e.Hint = "name the folder where make prepared the kernel's headers"
	case k.Root != "/":
		e.Hint = toolHint(k)
	}
	return e
}

// checkFlag refuses words that would redirect the build.
func checkFlag(f string) error {
	bad := strings.HasPrefix(f, "-") || f == "" || !strings.Contains(f, "=")
	for _, own := range []string{"M", "O", "KBUILD_EXTMOD", "KBUILD_OUTPUT", "KBUILD_EXTMOD_OUTPUT", "MO",
		"INSTALL_MOD_PATH", "INSTALL_MOD_DIR", "MAKEFLAGS"} {
		bad = bad || strings.HasPrefix(f, own+"=")
	}
	if bad {
		return &Error{Kind: ErrFlag, Message: fmt.Sprintf("cannot pass %q to make", f),
			Hint: "give words of the form NAME=VALUE, such as W=1 or KCFLAGS=-DDEBUG"}
	}
	return nil
}

// judge turns a runner's answer into an *Error, or nil if all steps passed.
func judge(ctx context.Context, job Job, snap *sourceFolder, steps []Step, err error) error {
	if f, ok := job.Output.(*cleanWriter); ok {
		f.flush()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("build %s: %w", snap.dir, context.Cause(ctx))
	case err != nil:
		var e *Error
		if errors.As(err, &e) {
			e.Steps = steps
			return e
		}
		return &Error{Kind: ErrHost, Message: "run the build: " + err.Error(), Cause: err, Steps: steps}
	case len(steps) == 0:
		return &Error{Kind: ErrHost, Message: "run the build: the runner ran nothing"}
	}
	if last := steps[len(steps)-1]; last.Exit != 0 {
		return buildError(job, snap, steps)
	}
	if known := newAdviser(job.Kernel, snap, steps[0].Raw).known(); known != nil && !job.Program {
		known.Steps = steps
		return known
	}
	return nil
}

// lines splits text into lines, without the final empty line.
func lines(s string) []string {
	s = strings.TrimSuffix(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// cleanWriter passes complete lines on, cleaned, up to MaxLog bytes.
type cleanWriter struct {
	w    io.Writer
	work string
	buf  []byte
	sent int
	cut  bool
}

func (c *cleanWriter) Write(p []byte) (int, error) {
	c.buf = append(c.buf, p...)
	for {
		i := bytes.IndexByte(c.buf, '\n')
		if i < 0 && len(c.buf) > maxLine {
			i = maxLine
		}
		if i < 0 {
			return len(p), nil
		}
		c.pass(c.buf[:i])
		c.buf = c.buf[min(i+1, len(c.buf)):]
	}
}

func (c *cleanWriter) pass(line []byte) {
	out := clean(string(line)+"\n", c.work)
	if c.cut || out == "" {
		return
	}
	if c.sent += len(out); c.sent > MaxLog {
		c.cut = true
		out = "[the rest of the output is not shown]\n"
	}
	io.WriteString(c.w, out) // a reader that went away does not stop a build
}

func (c *cleanWriter) flush() {
	if len(c.buf) > 0 {
		c.pass(c.buf)
		c.buf = nil
	}
}
