// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/handin"
)

// labWatcher checks a folder, and again whenever something in it was saved.
type labWatcher struct {
	*labCheck
	saves  *saves
	told   bool  // a check has come to its end
	status error // what the last one exits with
}

func newLabWatch() *cobra.Command {
	k := newLabChecker()
	c := &cobra.Command{
		Use:   "watch [DIR]",
		Short: "check the lab in a folder again whenever a file is saved, until Ctrl-C",
		Long: `Check the folder as kmodlab lab check does, and again at each save. Only the first check that does
not pass is told in full, since it is the one to work at; of the others there is a line. A save
during a check ends that check. The exit status is that of the last one.`,
		Example: `  kmodlab lab watch
  kmodlab lab watch work --page check.html`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			k.from(c, args)
			return (&labWatcher{labCheck: k}).run(c.Context())
		},
	}
	k.flags(c)
	return c
}

func (w *labWatcher) run(ctx context.Context) error {
	if _, err := loadLab(w.dir, w.errOut); err != nil {
		return err
	}
	mine, err := w.mine()
	if err != nil {
		return err
	}
	if w.saves, err = watchSaves(w.dir, mine); err != nil {
		return err
	}
	defer w.saves.Close()
	var saved []string
	for err == nil {
		saved, err = w.round(ctx, saved)
	}
	if errors.Is(err, errInterrupted) && w.told {
		fmt.Fprintln(w.errOut, "kmodlab: interrupted; nothing is left behind")
		return w.status
	}
	return err
}

// mine are the files that a check writes.
func (w *labWatcher) mine() ([]string, error) {
	var paths []string
	for _, path := range []string{filepath.Join(w.dir, handin.Folder), w.page} {
		if path == "" {
			continue
		}
		abs, err := filepath.Abs(path)
		if err == nil {
			var dir string
			if dir, err = filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
				abs = filepath.Join(dir, filepath.Base(abs))
			}
		}
		if err != nil {
			return nil, usageText("%v", err)
		}
		paths = append(paths, abs)
	}
	return paths, nil
}

func (w *labWatcher) round(parent context.Context, why []string) (saved []string, err error) {
	return w.saves.round(parent, func(ctx context.Context) error {
		if why != nil {
			fmt.Fprintf(w.out, "\n── %s  %s\n", time.Now().Format(time.TimeOnly), savedText(why))
		}
		lab, err := loadLab(w.dir, w.errOut)
		if err != nil {
			w.told, w.status = true, err
			return nil // it is said, and the next save may mend it
		}
		end, err := w.check(ctx, lab)
		if err != nil {
			return err
		}
		writeFirstFailed(w.out, end.Grade)
		w.told, w.status = true, w.conclude(ctx, lab, end)
		var status exit
		if w.status != nil && !errors.As(w.status, &status) {
			return w.status
		}
		return nil
	}, func() (erase func()) { return sayWaiting(w.errOut, w.dir) })
}
