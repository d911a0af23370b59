// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

// moduleFile matches .ko files, which together are one run; a folder is a run of its own.
var moduleFile = lazyregexp.New(`\.ko(\.gz|\.xz|\.zst)?$`)

// areFolders reports whether run was given folders, each of which is a run.
func areFolders(args []string) bool {
	for _, a := range args {
		if moduleFile.MatchString(a) {
			return false
		}
	}
	return len(args) > 1
}

// many is the state of a run of several folders.
type many struct {
	*options
	ctx         context.Context
	out, errOut io.Writer
	progress    *progress
	names       []string // by folder
	width       int      // of the longest
	outputs     manyOutputs
	said        []bytes.Buffer // by -v, kept until the run has ended
	began       []time.Time

	mu    sync.Mutex
	once  map[string]bool // messages already shown, which many runs would repeat
	phase string          // the long phase that one of the runs is in
	ended []report.Named
	keep  []report.Named // by folder, for files that hold all runs
	wrong []error        // files that could not be written
	usage error
}

// runMany runs each folder, jobs at a time, and reports each when it ends.
func (o *options) runMany(c *cobra.Command, dirs []string, jobs int) error {
	m := &many{options: o, ctx: c.Context(), out: c.OutOrStdout(), errOut: c.ErrOrStderr(), once: make(map[string]bool)}
	if err := m.check(dirs, jobs); err != nil {
		return err
	}
	if o.outputs.json == "-" {
		m.out = m.errOut // standard output carries only the results
	}
	for _, n := range m.names {
		m.width = max(m.width, len(n))
	}
	m.said, m.began = make([]bytes.Buffer, len(dirs)), make([]time.Time, len(dirs))
	m.keep = make([]report.Named, len(dirs))
	m.progress = newProgress(m.errOut)
	defer m.progress.close()
	defer holdOn(c.Context(), o.spec.Here, m.progress.teller(m.errOut))()
	if !m.progress.inBlock {
		fmt.Fprintf(m.errOut, "kmodlab: running %d folders\n", len(dirs))
	}
	m.showProgress()
	ctx, stop := context.WithCancelCause(c.Context())
	defer stop(nil)
	err := kmodlab.RunAll(ctx, m.specs(dirs), jobs, func(i int, end *kmodlab.Conclusion, err error) {
		if err != nil { // a usage error that only the work revealed; it is the same for all runs
			m.usage = err
			stop(err)
			return
		}
		m.end(i, end)
	})
	m.progress.close()
	var usage *kmodlab.UsageError
	if m.usage != nil {
		return m.usage
	} else if errors.As(err, &usage) {
		return usage // the text names the folder itself
	} else if err != nil {
		return err
	}
	return m.conclude(c.OutOrStdout())
}

func (m *many) check(dirs []string, jobs int) error {
	switch {
	case jobs < 0:
		return usageText("-j %d: must be the number of runs at a time; 0 means one per processor", jobs)
	case m.follow:
		return usageText("--follow works with one folder only: name one")
	case m.spec.ArtifactsDir != "" && !strings.Contains(m.spec.ArtifactsDir, placeholder):
		return usageText("--artifacts-dir %s: each folder needs one of its own: put {} where its name goes, as in '%s/{}'",
			m.spec.ArtifactsDir, m.spec.ArtifactsDir)
	case len(m.spec.Load) > 0 || len(m.spec.Params) > 0:
		return usageText("--load and --params work with one folder only: name one")
	}
	var paths []string
	for _, d := range dirs {
		path, err := filepath.Abs(d) // "." has a name too
		if err != nil {
			return fmt.Errorf("find folder %s: %w", d, err)
		}
		if slices.Contains(paths, path) {
			return usageText("%s is named twice", d)
		}
		paths = append(paths, path)
	}
	m.names = tellApart(dirs, paths)
	if err := m.display.check(); err != nil {
		return err
	}
	outputs, err := m.options.outputs.forMany(m.names)
	m.outputs = outputs
	return err
}

func usageText(format string, args ...any) error {
	return &kmodlab.UsageError{Text: fmt.Sprintf(format, args...)}
}

// specs returns the runs' specs, each with its own watch.
func (m *many) specs(dirs []string) []kmodlab.Spec {
	var specs []kmodlab.Spec
	names := fileNames(m.names)
	for i, dir := range dirs {
		s := m.spec
		s.Dir, s.Title = dir, m.names[i]
		s.ArtifactsDir = strings.ReplaceAll(s.ArtifactsDir, placeholder, names[i])
		s.HookStats = m.verbose
		s.Record = m.outputs.recording()
		s.Watch = kmodlab.Watch{
			Phase: func(p kmodlab.Progress) { m.atPhase(i, p.Phase, p.Detail) },
			Log:   func(line string) { m.log(i, line) },
		}
		if m.verbose {
			s.Watch.Command = func(c result.Command) { m.say(i, report.CommandText(c)) }
			s.Watch.Kmsg = func(line string) { m.say(i, "kernel: "+report.Printable(line)+"\n") }
		}
		specs = append(specs, s)
	}
	return specs
}

// atPhase notes that a run begins, and any phase that the other runs may wait for.
func (m *many) atPhase(i int, name, detail string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.began[i].IsZero() {
		m.began[i] = time.Now()
	}
	if name == "kernel" || name == "save" || name == "probe" {
		m.phase = detail
	} else if name == "boot" {
		m.phase = ""
	}
	m.showProgress()
}

// log shows a message at once; one that all runs would repeat is shown once.
func (m *many) log(i int, line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.once[line] {
		return
	}
	m.once[line] = true
	m.progress.print(m.errOut, fmt.Sprintf("kmodlab: %s: %s\n", plain.Text(m.names[i]), plain.Lines(line)))
}

// say keeps what -v shows until the run has ended, since other runs print meanwhile.
func (m *many) say(i int, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said[i].WriteString(text)
}

// showProgress only draws on a terminal: a file gets a line per run that ended.
func (m *many) showProgress() {
	if !m.progress.inBlock {
		return
	}
	text := fmt.Sprintf("%d of %d", len(m.ended), len(m.names))
	if m.phase != "" {
		text += ", " + m.phase
	}
	m.progress.phase(kmodlab.Progress{Phase: "pool", Detail: text})
}

// end shows a run that has ended and writes its files.
func (m *many) end(i int, end *kmodlab.Conclusion) {
	res := end.Result
	m.mu.Lock()
	defer m.mu.Unlock()
	run := report.Named{Name: m.names[i], Took: time.Since(m.began[i]), Result: res}
	text := report.Line(run, m.width, m.display.colored(m.out)) + "\n"
	if res.Verdict.Class != result.Pass || m.verbose {
		text += m.detail(i, res)
	}
	if err := m.progress.printTo(m.out, text); err != nil {
		m.wrong = append(m.wrong, fmt.Errorf("write the result of %s: %w", run.Name, err))
	}
	if err := errors.Join(end.Unwritten, m.outputs.writeOne(m.ctx, i, run, end.Recording)); err != nil {
		m.wrong = append(m.wrong, err)
	}
	m.said[i] = bytes.Buffer{}
	if m.outputs.needAll() {
		m.keep[i] = run
	}
	run.Result = &result.Result{Verdict: res.Verdict} // the rest may be large
	m.ended = append(m.ended, run)
	m.showProgress()
}

// detail is what a single run would have shown.
func (m *many) detail(i int, res *result.Result) string {
	var b bytes.Buffer
	b.WriteString("\n")
	b.Write(m.said[i].Bytes())
	if !m.verbose {
		m.showFailedBuild(&b, res)
	}
	report.Text(&b, res, m.display.options(m.out, m.verbose)) // into memory, which cannot fail
	b.WriteString("\n")
	return b.String()
}

// conclude writes the files that hold all runs, prints the sum and returns the exit status.
func (m *many) conclude(out io.Writer) error {
	if err := m.outputs.writeAll(m.ctx, out, m.keep); err != nil {
		m.wrong = append(m.wrong, err)
	}
	fmt.Fprintf(m.out, "\n%d runs: %s\n", len(m.ended), report.Summary(m.ended))
	status := 0
	for _, r := range m.ended {
		status = max(status, r.Result.Verdict.Class.ExitStatus())
	}
	if err := errors.Join(m.wrong...); errors.Is(err, errInterrupted) {
		return err
	} else if err != nil {
		sayFailed(err, m.errOut)
		status = exitHost
	}
	if status != 0 {
		return exit(status)
	}
	return nil
}

// tellApart gives each folder its own name or, where several share one, the path as the person gave it. paths are the
// same folders as absolute paths.
func tellApart(dirs, paths []string) []string {
	count := make(map[string]int)
	for _, p := range paths {
		count[filepath.Base(p)]++
	}
	var names []string
	for i, p := range paths {
		name := filepath.Base(p)
		if count[name] > 1 {
			name = filepath.Clean(dirs[i])
		}
		names = append(names, name)
	}
	return names
}
