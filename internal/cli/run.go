// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

// options are the flags that run and demo share.
type options struct {
	spec    kmodlab.Spec
	outputs outputs
	display display
	tests   testOptions
	verbose bool
	follow  bool
	walk    bool // the commands are the point, so they go to standard output
}

// kernelFlags say which kernel it is, and how a VM with it is run.
func kernelFlags(f *pflag.FlagSet, m *kmodlab.Machine, t *kmodlab.Tools) {
	f.StringVar(&m.Kernel, "kernel", "", "kernel, such as debian:trixie (default: this host's Debian release)")
	f.StringVar((*string)(&m.Accel), "accel", "", "kvm or tcg (default: KVM where it is proven to work)")
	f.StringVar(&t.Mirror, "mirror", "", "Debian mirror for kernels (default: $KMODLAB_MIRROR, then this host's apt)")
	f.BoolVar(&m.Cold, "cold", false, "always boot the VM; otherwise runs without KVM resume from a snapshot")
}

// loadFlags say which modules are loaded, and whether the host looks at them too. more follows the default.
func loadFlags(f *pflag.FlagSet, s *kmodlab.Spec, more string) {
	f.StringSliceVar(&s.Load, "load", nil,
		"modules to load, with their dependencies (default: all in the folder)"+more)
	f.StringArrayVar(&s.Params, "params", nil, "module parameters: `\"m.p=1 m.q=2\"`")
	f.BoolVar(&s.Witness, "witness", false,
		"compare what the guest reports with its memory, which the host reads before and after")
}

// machineFlags say where a run or a trace takes place.
func machineFlags(f *pflag.FlagSet, m *kmodlab.Machine, t *kmodlab.Tools) {
	kernelFlags(f, m, t)
	f.BoolVar(&m.Here, "here", false, "run on this machine's own kernel, as root, instead of in a VM")
	f.IntVar(&m.CPUs, "cpus", 0, "CPUs of the VM (default 2)")
	f.IntVar(&m.MemoryMiB, "memory", 0, "memory of the VM in MiB (default 512)")
}

// worldFlags say what the modules find in the guest other than usual, and how often.
func worldFlags(f *pflag.FlagSet, s *kmodlab.Spec) {
	f.IntVar(&s.Rounds, "rounds", 1, "how often to load, run and unload the modules, in one machine")
	f.Uint64Var(&s.Seed, "seed", 0, "with --rounds, have this number choose how long each lasts, up to --for (default: all as long)")
	f.StringVar((*string)(&s.World.Modprobe), "modprobe", "",
		"what request_module() reaches: `missing` (no such file) or disabled (no helper at all; default: modprobe)")
	f.StringSliceVar(&s.World.Absent, "absent", nil, "modules of the folder that the guest does not get")
	f.Var(failValue{&s.World.Fail}, "fail",
		"make the first or N-th `CALL[#N][@MODULE]` of a module fail, such as kmalloc#2: docs/failing-calls.md")
	f.Var(targetValue{&s.World.TargetExits}, "target-exits",
		"end the task `NAME[#N][@MODULE]` just before a module's first or N-th use of it: docs/failing-calls.md")
}

// expectFlag says what must be true of the result.
func expectFlag(f *pflag.FlagSet, expect *[]string) {
	f.StringArrayVar(expect, "expect", nil,
		"what must be true of the result: `EXPR`, such as 'threads.all(t, t.stops == 1)';\ncan be given again: docs/expectations.md")
}

// nicFlag asks for network interfaces.
func nicFlag(f *pflag.FlagSet, s *kmodlab.Spec) {
	f.BoolVar(&s.NIC, "nic", false, "two network interfaces, eth0 and eth1, joined to each other and to nothing else")
}

// buildFlags say where modules are built, and how long that may take.
func buildFlags(f *pflag.FlagSet, build *kmodlab.Build, limit *time.Duration) {
	f.StringVar((*string)(build), "build", string(*build), "where to build: auto, vm or sandbox")
	f.DurationVar(limit, "build-timeout", 0, "how long a build may take, including the boot of its VM if it has one (default 10m)")
}

// stepFlag says how long each step in the guest may take.
func stepFlag(f *pflag.FlagSet, timeout *time.Duration) {
	f.DurationVar(timeout, "timeout", 0, "limit of each step, stretched tenfold without KVM (default 30s);\na step that only waits is judged after 10s, or after this limit if it is longer")
}

func (o *options) flags(f *pflag.FlagSet) {
	machineFlags(f, &o.spec.Machine, &o.spec.Tools)
	buildFlags(f, &o.spec.Build, &o.spec.BuildTimeout)
	stepFlag(f, &o.spec.StepTimeout)
	o.outputs.flags(f)
	o.display.flags(f)
	f.StringVar(&o.outputs.json, "json", "",
		"write the result as JSON to `FILE` (- is standard output, without the story)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show commands, the kernel's log and what each hook saw")
	f.BoolVar(&o.follow, "follow", false,
		"show each task, its stage and last events live; without a terminal, a line per event")
}

const runLong = `Build the modules of a folder (or take ready .ko files), boot a kernel, load them
in dependency order, trace what the kernel does, unload them in reverse order,
and tell the story with its verdict.

Each folder is a run of its own, in its own VM, -j of them at a time; .ko files together
are one run. Each run prints a line when it ends, with its story unless it passed, and
the last line counts them. In -o, {} stands for the folder's name; without {}, .json,
.junit.xml and .ktap hold all runs in one file. Exit status: 0 all runs passed, 1 a
module did not, 3 this machine or a guest failed.

With --watch the folder is built and run again whenever something in it was saved, until
Ctrl-C: the first time with the whole story, then with the verdict and what changed in
the story. A save during a run ends that run. -o files are written each time. What a
build leaves out does not count: objects, what editors and git keep, the -o files. The
exit status is that of the last verdict.`

func newRun() *cobra.Command {
	o := &options{spec: kmodlab.Spec{Build: kmodlab.BuildAuto}}
	jobs, watch := 0, false
	c := &cobra.Command{
		Use:   "run DIR… | FILE.ko…",
		Short: "build, load, trace and unload the modules of a folder, or of many",
		Long:  runLong,
		Example: `  kmodlab run modules/signals
  kmodlab run . --load hello --params hello.count=3 --for 5s
  kmodlab run hello.ko --kernel debian:trixie -o result.json -o junit.xml
  kmodlab run -j 4 labs/*/ -o all.junit.xml -o 'out/{}.html'
  kmodlab run . --expect 'threads.all(t, t.stops == 1)' --expect 'clean()'
  kmodlab run . --watch -o story.txt
  kmodlab run . --test tests/test_hw.c --test 'tests/look.sh -v'
  sudo kmodlab run --here modules/signals`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.fillTests(c.Flags().Changed("for")); err != nil {
				return err
			}
			if watch {
				if err := o.checkWatch(args); err != nil {
					return err
				}
			}
			if areFolders(args) {
				return leftHere(o.spec.Here, footprint.Here(), o.runMany(c, args, jobs))
			}
			if err := o.source(args); err != nil {
				return err
			}
			if watch {
				return o.rerun(c)
			}
			return o.run(c)
		},
	}
	f := c.Flags()
	o.flags(f)
	f.IntVarP(&jobs, "jobs", "j", 0, "how many of several folders run at a time (default: one per processor)")
	f.BoolVar(&watch, "watch", false, "run again whenever a file in the folder is saved, and say what changed, until Ctrl-C")
	nicFlag(f, &o.spec)
	loadFlags(f, &o.spec, "")
	worldFlags(f, &o.spec)
	expectFlag(f, &o.spec.Expect)
	f.DurationVar(&o.spec.For, "for", time.Second,
		"how long the modules run before they are unloaded, after the tests (with --test, no time by default)")
	o.tests.flags(f)
	return c
}

// splitParams splits parameters at spaces, except within double quotes, as the kernel does.
func splitParams(s string) []string {
	quoted := false
	return strings.FieldsFunc(s, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && unicode.IsSpace(r)
	})
}

// source tells a folder from module files.
func (o *options) source(args []string) error {
	var params []string
	for _, p := range o.spec.Params {
		params = append(params, splitParams(p)...)
	}
	o.spec.Params = params
	if st, err := os.Stat(args[0]); len(args) == 1 && (err != nil || st.IsDir()) {
		o.spec.Dir = args[0]
		if path, err := filepath.Abs(args[0]); err == nil {
			o.outputs.fill(filepath.Base(path))
			o.spec.ArtifactsDir = strings.ReplaceAll(o.spec.ArtifactsDir, placeholder, filepath.Base(path))
		}
		return nil
	}
	o.spec.Files = args
	return nil
}

// run runs the spec and reports the result.
func (o *options) run(c *cobra.Command) error {
	o.outputs.cores = true
	if err := o.check(); err != nil {
		return err
	}
	return o.begin(c)
}

// begin runs what was checked.
func (o *options) begin(c *cobra.Command) error {
	return leftHere(o.spec.Here, footprint.Here(), o.runOne(c))
}

func (o *options) runOne(c *cobra.Command) error {
	out, errOut := c.OutOrStdout(), c.ErrOrStderr()
	return o.execute(c.Context(), out, errOut, func(end *kmodlab.Conclusion) error {
		o.showFailedBuild(errOut, end.Result)
		if o.outputs.json != "-" {
			fmt.Fprintln(out)
			if err := o.story(out, end.Result); err != nil {
				return err
			}
		}
		written := errors.Join(end.Unwritten, o.outputs.write(c.Context(), out, end.Result, end.Recording))
		return conclude(written, end.Result, errOut)
	})
}

// execute runs the spec, shows its progress, and calls show with what it ended in.
func (o *options) execute(ctx context.Context, out, errOut io.Writer, show func(*kmodlab.Conclusion) error) error {
	p := newProgress(errOut)
	defer p.close()
	defer holdOn(ctx, o.spec.Here, p.teller(errOut))()
	defer context.AfterFunc(ctx, p.close)() // before a second Ctrl-C ends us at once
	o.watch(p, out, errOut)
	ctx, stop := o.followed(ctx, p, out)
	defer stop()
	o.spec.HookStats = o.verbose
	o.spec.Record, o.spec.Core = o.outputs.recording(), o.outputs.cores && o.outputs.wantCore()
	end, err := kmodlab.Run(ctx, o.spec)
	p.close()
	if err != nil {
		return err
	}
	defer end.Core.Close()
	o.outputs.core = end.Core
	return show(end)
}

// story writes the report.
func (o *options) story(out io.Writer, res *result.Result) error {
	if err := report.Text(out, res, o.display.options(out, o.verbose)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (o *options) check() error {
	if err := o.display.check(); err != nil {
		return err
	}
	if o.follow && o.outputs.json == "-" {
		return &kmodlab.UsageError{Text: "--follow and --json - both write to standard output: give --json a file"}
	}
	return o.outputs.check()
}

// conclude returns the exit status: that of the verdict, unless a file could not be written, which is this machine's
// failure.
func conclude(written error, res *result.Result, errOut io.Writer) error {
	status := res.Verdict.Class.ExitStatus()
	if errors.Is(written, errInterrupted) {
		return written
	}
	if written != nil {
		sayFailed(written, errOut)
		status = exitHost
	}
	if status != 0 {
		return exit(status)
	}
	return nil
}

// sayFailed prints a line for each file that could not be written.
func sayFailed(err error, errOut io.Writer) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(errOut, "kmodlab: %s\n", plain.Lines(line))
	}
}

// watch shows progress on standard error, and the commands of a walk on standard output.
func (o *options) watch(p *progress, out, errOut io.Writer) {
	o.spec.Watch.Phase = p.phase
	o.spec.Watch.Log = p.teller(errOut)
	switch {
	case o.walk:
		o.spec.Watch.Command = func(c result.Command) { p.print(out, report.CommandText(c)) }
	case o.verbose:
		o.spec.Watch.Command = func(c result.Command) { p.print(errOut, report.CommandText(c)) }
	}
	o.watchTests(p, errOut)
	if o.verbose {
		o.spec.Watch.Kmsg = func(line string) { p.print(errOut, "kernel: "+report.Printable(line)+"\n") }
	}
}

// showFailedBuild shows the compiler's output, unless it was shown already.
func (o *options) showFailedBuild(w io.Writer, res *result.Result) {
	if res.Verdict.Class != result.Build || o.spec.Watch.Command != nil {
		return
	}
	failed := func(c result.Command) bool { return c.Exit != 0 }
	if i := slices.IndexFunc(res.Commands, failed); i >= 0 {
		fmt.Fprint(w, report.CommandText(res.Commands[i]))
	}
}
