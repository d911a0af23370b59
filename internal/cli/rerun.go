// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/rundiff"
	"github.com/kmodlab/kmodlab/result"
)

// rerunner runs a folder, and again whenever something in it was saved.
type rerunner struct {
	*options
	out, errOut io.Writer // of the text
	results     io.Writer // of --json -
	saves       *saves

	told   *result.Result // the last one with a story, nil before the first
	at     string         // when that run began
	class  result.Class   // of the last verdict, empty before the first
	status error          // what that verdict exits with
}

// checkWatch refuses what --watch cannot do.
func (o *options) checkWatch(args []string) error {
	switch {
	case areFolders(args):
		return usageText("--watch works with one folder only: name one")
	case len(args) > 1 || moduleFile.MatchString(args[0]):
		return usageText("--watch builds again what was saved, so it needs a folder of sources, not .ko files")
	case o.spec.ArtifactsDir != "":
		return usageText("--watch runs again and again, and --artifacts-dir replaces nothing: leave out one of the two")
	case o.spec.Here:
		return usageText("--watch and --here: each save would load the module into this machine's own kernel, which it may crash: " +
			"watch in a VM, without --here")
	}
	return nil
}

// rerun runs until Ctrl-C. The exit status is that of the last verdict.
func (o *options) rerun(c *cobra.Command) error {
	if st, err := os.Stat(o.spec.Dir); err != nil || !st.IsDir() {
		return o.run(c) // which says what is wrong
	}
	if err := o.check(); err != nil {
		return err
	}
	r := &rerunner{options: o, out: c.OutOrStdout(), errOut: c.ErrOrStderr(), results: c.OutOrStdout()}
	if o.outputs.json == "-" {
		r.out = r.errOut // standard output carries only the results
	}
	mine, err := o.outputs.paths()
	if err != nil {
		return err
	}
	if r.saves, err = watchSaves(o.spec.Dir, mine); err != nil {
		return err
	}
	defer r.saves.Close()
	var saved []string
	for err == nil {
		saved, err = r.round(c.Context(), saved)
	}
	if errors.Is(err, errInterrupted) && r.class != "" {
		fmt.Fprintf(r.errOut, "kmodlab: interrupted; nothing is left behind; the last verdict was %s\n", r.class)
		return r.status
	}
	return err
}

// round runs once, and returns when the next run is due: with what was saved since this one began.
func (r *rerunner) round(parent context.Context, why []string) (saved []string, err error) {
	return r.saves.round(parent, func(ctx context.Context) error {
		began := time.Now().Format(time.TimeOnly)
		if why != nil {
			if _, err := fmt.Fprintf(r.out, "\n── %s  %s\n", began, savedText(why)); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
		}
		return r.execute(ctx, r.out, r.errOut, func(end *kmodlab.Conclusion) error { return r.tell(parent, end, began) })
	}, func() (erase func()) { return sayWaiting(r.errOut, r.spec.Dir) })
}

// tell reports how a run ended, and writes the files.
func (r *rerunner) tell(ctx context.Context, end *kmodlab.Conclusion, began string) error {
	r.showFailedBuild(r.errOut, end.Result)
	if err := r.report(end.Result, began); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	written := r.outputs.write(ctx, r.results, end.Result, end.Recording)
	r.class, r.status = end.Verdict.Class, conclude(nil, end.Result, r.errOut)
	if errors.Is(written, errInterrupted) {
		return written
	}
	r.status = conclude(written, end.Result, r.errOut)
	return nil
}

// report writes the whole story of the first run that has one, and of a later one what changed. A run that booted
// nothing has no story to compare with.
func (r *rerunner) report(res *result.Result, began string) error {
	booted := res.Machine.Kernel != ""
	opt := r.display.options(r.out, r.verbose)
	if r.told == nil {
		if booted {
			r.told, r.at = res, began
		}
		fmt.Fprintln(r.out)
		return report.Text(r.out, res, opt)
	}
	if !booted {
		return report.Again(r.out, res, nil, "", opt)
	}
	changes, since := rundiff.Compare(r.told, res), r.at
	r.told, r.at = res, began
	return report.Again(r.out, res, changes, since, opt)
}
