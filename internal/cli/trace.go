// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

// traceOptions are the flags of trace.
type traceOptions struct {
	spec    kmodlab.TraceSpec
	modules []string
	signals []string
	stacks  bool
	json    bool
	outputs outputs
	display display
	verbose bool
}

func newTrace() *cobra.Command {
	o := &traceOptions{spec: kmodlab.TraceSpec{Build: kmodlab.BuildAuto}}
	c := &cobra.Command{
		Use:   "trace [flags] [-- COMMAND…]",
		Short: "show kernel threads, module requests and signals as they happen",
		Long: `Print a line for each thing that happens to kernel threads, module requests, modules and
signals, as it happens, and end with a summary. It runs in a VM, where the command can be
modprobe, insmod, rmmod, lsmod, modinfo or depmod, or with --here on this machine's own
kernel, as root, where any command will do and tracing changes nothing.

The trace lasts as long as --for says, else until the command ends, or until Ctrl-C.
Lines go to standard output; what the command prints goes to standard error, indented and
without control characters. What the filters leave out is dropped inside the kernel.`,
		Example: `  kmodlab trace --modules modules/signals --for 5s -- modprobe signal_handling
  sudo kmodlab trace --here --signal usr1,term --to sshd
  sudo kmodlab trace --here --json -- modprobe loop >loop.jsonl`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return leftHere(o.spec.Here, footprint.Here(), o.run(c, args))
		},
	}
	f := c.Flags()
	f.SetInterspersed(false) // flags after the command belong to the command
	machineFlags(f, &o.spec.Machine, &o.spec.Tools)
	buildFlags(f, &o.spec.Build, &o.spec.BuildTimeout)
	stepFlag(f, &o.spec.StepTimeout)
	filter := &o.spec.Filter
	f.StringVar(&filter.Thread, "thread", "", "only the kernel threads of this `NAME`")
	f.StringVar(&filter.Module, "module", "", "only what concerns the module of this `NAME`")
	f.StringSliceVar(&o.signals, "signal", nil, "only these signals: `SIG`,… such as USR1, SIGUSR1 or 10")
	f.StringVar(&filter.From, "from", "", "only signals from this task (`NAME` or pid)")
	f.StringVar(&filter.To, "to", "", "only signals to this task (`NAME` or pid)")
	f.BoolVar(&o.stacks, "stacks", false, "show call stacks below the lines")
	f.BoolVar(&o.json, "json", false, "print a JSON object per line, the result last")
	o.outputs.flags(f)
	o.display.flags(f)
	f.DurationVar(&o.spec.For, "for", 0, "how long to trace (default: until the command ends, 10s without one)")
	f.StringSliceVar(&o.modules, "modules", nil,
		"modules for the guest: `DIR`, FILE.ko or the NAME,… of one of the kernel's own")
	f.BoolVar(&o.spec.Probe, "probe", false, "with --here: load the self-test module for a moment, to see each hook fire")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "also show the kernel's log, and what each hook saw and cost")
	return c
}

func (o *traceOptions) run(c *cobra.Command, args []string) error {
	out, errOut := c.OutOrStdout(), c.ErrOrStderr()
	if err := o.display.check(); err != nil {
		return err
	}
	if err := o.outputs.check(); err != nil {
		return err
	}
	o.spec.Record = o.outputs.recording()
	signals, err := parseSignals(o.signals)
	if err != nil {
		return err
	}
	o.spec.Filter.Signals = signals
	o.spec.Argv, o.spec.Stdin = args, os.Stdin
	o.spec.HookStats = o.verbose
	o.source()
	p := newProgress(errOut)
	defer p.close()
	defer holdOn(c.Context(), o.spec.Here, p.teller(errOut))()
	output := plain.NewWriter(lineWriter{p, errOut}, "  ")
	defer output.Close()
	o.watch(p, errOut)
	o.spec.Watch.Output = output
	ctx, print, stop := printer(c.Context(), p, out)
	defer stop()
	o.spec.Watch.Event = func(s *kmodlab.Seen) { print(o.text(s)) }
	end, err := kmodlab.Trace(ctx, o.spec)
	output.Close()
	p.close()
	if err != nil {
		return err
	}
	if err := o.summary(out, end.Result); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return conclude(o.outputs.write(c.Context(), out, end.Result, end.Recording), end.Result, errOut)
}

// source tells a folder from module files and names.
func (o *traceOptions) source() {
	for _, m := range o.modules {
		switch st, err := os.Stat(m); {
		case strings.Contains(m, ".ko"):
			o.spec.Files = append(o.spec.Files, m)
		case err == nil && st.IsDir(), strings.Contains(m, "/"):
			o.spec.Dir = m
		default:
			o.spec.Load = append(o.spec.Load, m)
		}
	}
}

func (o *traceOptions) watch(p *progress, w io.Writer) {
	o.spec.Watch.Phase = p.phase
	o.spec.Watch.Log = p.teller(w)
	if o.verbose {
		o.spec.Watch.Kmsg = func(line string) { p.print(w, "kernel: "+report.Printable(line)+"\n") }
	}
}

// text is what is printed for one event, "" for nothing.
func (o *traceOptions) text(s *kmodlab.Seen) string {
	if o.json {
		line, err := oneLine(s.JSON())
		if err != nil {
			return ""
		}
		return line
	}
	return eventText(s, o.stacks)
}

// eventText is an event as a line for people, "" if there is nothing to say.
func eventText(s *kmodlab.Seen, stacks bool) string {
	if s.Line.What == "" {
		return ""
	}
	text := fmt.Sprintf("%12.3f ms  %-22s %s", float64(s.SinceStart)/float64(time.Millisecond), s.Line.Who, s.Line.What)
	if s.Line.How != "" {
		text += ": " + s.Line.How
	}
	text = report.Printable(text) + "\n"
	if stacks {
		for _, site := range s.Line.Stack {
			text += strings.Repeat(" ", 19) + report.Printable(site.String()) + "\n"
		}
	}
	return text
}

// oneLine is a value as a line of JSON Lines.
func oneLine(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(plain.JSON(&b))
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.String(), err
}

func (o *traceOptions) summary(out io.Writer, res *result.Result) error {
	if !o.json {
		fmt.Fprintln(out)
		return report.Text(out, res, o.display.options(out, o.verbose))
	}
	res.Normalize()
	line, err := oneLine(res)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	w.WriteString(line)
	return w.Flush()
}

// The C library keeps the first real-time signals for itself; RTMIN is the first one that programs use.
const (
	rtMin = 34
	rtMax = 64
)

// parseSignals reads signals as kill(1) takes them: USR1, sigusr1, 10, RTMIN+2.
func parseSignals(names []string) ([]syscall.Signal, error) {
	var list []syscall.Signal
	for _, name := range names {
		s, ok := parseSignal(strings.ToUpper(strings.TrimSpace(name)))
		if !ok {
			return nil, &kmodlab.UsageError{Text: fmt.Sprintf(
				"unknown signal %q: give a name or a number, as in kill -l: USR1, SIGTERM, 10, RTMIN+1", name)}
		}
		list = append(list, s)
	}
	return list, nil
}

func parseSignal(name string) (syscall.Signal, bool) {
	name = strings.TrimPrefix(name, "SIG")
	if n, err := strconv.Atoi(name); err == nil {
		return syscall.Signal(n), n >= 1 && n <= rtMax
	}
	if s := unix.SignalNum("SIG" + name); s != 0 {
		return s, true
	}
	for _, end := range []struct {
		name string
		n    int
	}{{"RTMIN", rtMin}, {"RTMAX", rtMax}} {
		offset, ok := strings.CutPrefix(name, end.name)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(offset)
		if offset != "" && (err != nil || !strings.ContainsAny(offset[:1], "+-")) {
			return 0, false
		}
		n += end.n
		return syscall.Signal(n), n >= rtMin && n <= rtMax
	}
	return 0, false
}
