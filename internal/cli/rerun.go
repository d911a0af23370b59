// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/kmodlab/kmodlab/internal/folderwatch"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/rundiff"
	"github.com/kmodlab/kmodlab/result"
)

// errSaved is the cause when a save ends a run: what it would say is out of date.
var errSaved = errors.New("the sources were saved")

// rerunner runs a folder, and again whenever something in it was saved.
type rerunner struct {
	*options
	out, errOut io.Writer // of the text
	results     io.Writer // of --json -
	watcher     *folderwatch.Watcher
	mine        []string // the files that we write ourselves, absolute

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
	var err error
	if r.mine, err = o.outputs.paths(); err != nil {
		return err
	}
	if r.watcher, err = folderwatch.Open(o.spec.Dir, kbuild.Skipped); err != nil {
		return err
	}
	defer r.watcher.Close()
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
	before := r.sources(parent)
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	changed := make(chan []string, 1)
	go func() {
		files, err := r.await(ctx, before)
		changed <- files
		if err == nil {
			err = errSaved
		}
		stop(err) // and the run, if it is not over
	}()
	began := time.Now().Format(time.TimeOnly)
	if why != nil {
		if _, err := fmt.Fprintf(r.out, "\n── %s  %s\n", began, savedText(why)); err != nil {
			return nil, fmt.Errorf("write report: %w", err)
		}
	}
	err = r.execute(ctx, r.out, r.errOut, func(end *kmodlab.Conclusion) error { return r.tell(parent, end, began) })
	if err == nil {
		p := newProgress(r.errOut)
		p.phase(kmodlab.Progress{Phase: "watch", Detail: "watching " + r.spec.Dir + ", Ctrl-C ends this"})
		<-ctx.Done()
		p.close()
		err = context.Cause(ctx)
	}
	if errors.Is(err, errSaved) {
		return <-changed, nil
	}
	return nil, err
}

// tell reports how a run ended, and writes the files.
func (r *rerunner) tell(ctx context.Context, end *kmodlab.Conclusion, began string) error {
	r.showFailedBuild(r.errOut, end.Result)
	err := r.report(end.Result, began)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	status := conclude(r.outputs.write(ctx, r.results, end.Result, end.Recording), end.Result, r.errOut)
	if errors.Is(status, errInterrupted) {
		return status
	}
	r.class, r.status = end.Verdict.Class, status
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

// await returns what was saved that a build would see.
func (r *rerunner) await(ctx context.Context, before map[string]string) ([]string, error) {
	for {
		if err := r.watcher.Next(ctx); err != nil {
			return nil, err
		}
		if files := differing(before, r.sources(ctx)); len(files) > 0 && ctx.Err() == nil {
			return files, nil
		}
	}
}

// sources are the hashes of what a build would see, without what we write ourselves. If the folder cannot be read, the
// run says so, and the reason stands for the files.
func (r *rerunner) sources(ctx context.Context) map[string]string {
	sums, err := kbuild.Fingerprint(ctx, r.spec.Dir)
	if err != nil {
		return map[string]string{".": err.Error()}
	}
	dir, err := filepath.EvalSymlinks(r.spec.Dir)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return map[string]string{".": err.Error()}
	}
	maps.DeleteFunc(sums, func(rel, _ string) bool { return ours(r.mine, filepath.Join(dir, rel)) })
	return sums
}

// ours reports whether a path is one of the files that we write, one of their folders, or what such a file is called
// while it is written.
func ours(files []string, path string) bool {
	for _, file := range files {
		if file == path || strings.HasPrefix(file, path+"/") || strings.HasPrefix(path, atomicfile.Hidden(file)) {
			return true
		}
	}
	return false
}

// differing names the files of which only one of two lists has this hash.
func differing(before, after map[string]string) []string {
	var names []string
	for name, sum := range before {
		if now, is := after[name]; !is || now != sum {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// savedText says what was saved.
func savedText(files []string) string {
	const most = 3
	text := strings.Join(files[:min(len(files), most)], ", ")
	if n := len(files) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return plain.Text(text) + " changed"
}
