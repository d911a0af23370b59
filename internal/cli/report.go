// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/hostfault"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

func newReport() *cobra.Command {
	o := new(options)
	var expect []string
	c := &cobra.Command{
		Use:   "report FILE.kmlab | RESULT.json",
		Short: "show a recorded run, or turn it into other formats",
		Long: `Rebuild the result of a recording: this kmodlab decodes, symbolizes and correlates the
records again, on any machine, without a VM, root or kernel. Without -o it prints the
story. It also takes a result that was saved as JSON. --expect asks of it what run was
not asked: docs/expectations.md.

The exit status is 0 when the report could be made, whatever its verdict, 2 when the
file is no recording, and 3 when a file cannot be written.`,
		Example: `  kmodlab run modules/signals -o run.kmlab
  kmodlab report run.kmlab
  kmodlab report run.kmlab --expect 'signals.size() == 2'
  kmodlab report run.kmlab -o trace.pftrace -o story.md -o junit.xml`,
		Args: cobra.ExactArgs(1),
		RunE: brief(func(c *cobra.Command, args []string) error { return o.report(c, args[0], expect) }),
	}
	f := c.Flags()
	o.outputs.flags(f)
	f.StringVar(&o.outputs.json, "json", "", "write the result as JSON to `FILE` (- is standard output)")
	o.display.pagerFlags(f)
	expectFlag(f, &expect)
	f.BoolVarP(&o.verbose, "verbose", "v", false, "also show phases, commands, background activity, hooks and the console")
	return c
}

func (o *options) report(c *cobra.Command, name string, expect []string) error {
	if err := o.check(); err != nil {
		return err
	}
	out, errOut := c.OutOrStdout(), c.ErrOrStderr()
	res, rec, err := readRun(name)
	if err != nil {
		return err
	}
	if res, err = expected(res, rec, expect); err != nil {
		return err
	}
	if rec == nil && o.outputs.recording() {
		return &kmodlab.UsageError{Text: name + " is a result; a recording can only be made by the run itself (-o run.kmlab)"}
	}
	if len(o.outputs.files) == 0 && o.outputs.json == "" {
		err := o.display.show(c.Context(), out, errOut, func(w io.Writer) error {
			opt := o.display.options(out, o.verbose)
			return report.Text(w, res, opt)
		})
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	if written := o.outputs.write(c.Context(), out, res, rec); errors.Is(written, errInterrupted) {
		return written
	} else if written != nil {
		sayFailed(written, errOut)
		return exit(exitHost)
	}
	return nil
}

// expected checks further expectations. A recording keeps them.
func expected(res *result.Result, rec *kmodlab.Recording, texts []string) (*result.Result, error) {
	switch {
	case len(texts) == 0:
		return res, nil
	case rec == nil:
		return res, kmodlab.Expect(res, texts...)
	}
	if err := rec.Expect(texts...); err != nil {
		return nil, err
	}
	return rec.Result()
}

// readRun reads a recording or a JSON result, which has no Recording. The first byte tells them apart.
func readRun(name string) (*result.Result, *kmodlab.Recording, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, wrongFile(err, "%s: %v: name a recording (.kmlab) or a result (.json)", name, bare(err))
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, nil, &kmodlab.UsageError{Text: name + " is a folder: name a recording (.kmlab) or a result (.json)"}
	}
	in := bufio.NewReaderSize(f, 64<<10)
	first, err := in.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil, &kmodlab.UsageError{Text: name + " is empty: name a recording (.kmlab) or a result (.json)"}
	case err != nil:
		return nil, nil, fmt.Errorf("read %s: %w", name, bare(err))
	case first[0] == '{':
		res, err := report.ReadJSON(in)
		if err != nil {
			return nil, nil, wrongFile(err, "%s: %v", name, err)
		}
		return res, nil, nil
	}
	rec, err := kmodlab.ReadRecording(in)
	if err != nil {
		return nil, nil, wrongFile(err, "%s: %v", name, err)
	}
	res, err := rec.Result()
	if err != nil {
		return nil, nil, wrongFile(err, "%s: %v", name, err)
	}
	return res, rec, nil
}

// wrongFile is about a file or a folder that a person named. It is wrong usage, unless this machine is to blame.
func wrongFile(err error, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if hint, is := hostfault.Of(err); is {
		return fmt.Errorf("%s; %s", text, hint)
	}
	return &kmodlab.UsageError{Text: text}
}
