// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/kmodlab/kmodlab/internal/folderwatch"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
)

// errSaved is the cause when a save ends a run: what it would say is out of date.
var errSaved = errors.New("the sources were saved")

// saves tells what is saved in a folder of sources.
type saves struct {
	dir     string
	watcher *folderwatch.Watcher
	mine    []string // the files that we write ourselves, absolute
}

// watchSaves begins to watch a folder.
func watchSaves(dir string, mine []string) (*saves, error) {
	w, err := folderwatch.Open(dir, kbuild.Skipped)
	if err != nil {
		return nil, err
	}
	return &saves{dir: dir, watcher: w, mine: mine}, nil
}

// Close ends the watching.
func (s *saves) Close() error { return s.watcher.Close() }

// round works once, and returns when the next round is due: with what was saved since this one began. waiting is called
// when the work is done, and what it returns when there is something to do again.
func (s *saves) round(
	parent context.Context, work func(context.Context) error, waiting func() (erase func()),
) (saved []string, err error) {
	before := s.sources(parent)
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	changed := make(chan []string, 1)
	go func() {
		files, err := s.await(ctx, before)
		changed <- files
		if err == nil {
			err = errSaved
		}
		stop(err) // and the work, if it is not over
	}()
	if err = work(ctx); err != nil {
		err = cmp.Or(s.gone(), err)
	} else {
		erase := waiting()
		<-ctx.Done()
		erase()
		err = context.Cause(ctx)
	}
	if errors.Is(err, errSaved) {
		return <-changed, nil
	}
	return nil, err
}

// sayWaiting says that a save is waited for: on a terminal, until erase is called.
func sayWaiting(errOut io.Writer, dir string) (erase func()) {
	text := "watching " + report.Printable(dir) + ", Ctrl-C ends this"
	if !isTerminal(errOut) {
		fmt.Fprintf(errOut, "kmodlab: %s\n", text)
		return func() {}
	}
	columns, _ := terminalSize(errOut)
	b := &block{w: errOut}
	b.draw([]string{report.Clip(text+" …", columns-1)})
	return b.erase
}

// await returns what was saved that a build would see.
func (s *saves) await(ctx context.Context, before map[string]string) ([]string, error) {
	for {
		if err := cmp.Or(s.watcher.Next(ctx), s.gone()); err != nil {
			return nil, err
		}
		if files := differing(before, s.sources(ctx)); len(files) > 0 && ctx.Err() == nil {
			return files, nil
		}
	}
}

// gone is an error if the folder is not there any more. The watcher tells it a moment later than a look does.
func (s *saves) gone() error {
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("watch %s: %w", s.dir, folderwatch.ErrGone)
	}
	return nil
}

// sources are the hashes of what a build would see, without what we write ourselves. If the folder cannot be read, the
// run says so, and the reason stands for the files.
func (s *saves) sources(ctx context.Context) map[string]string {
	sums, err := kbuild.Fingerprint(ctx, s.dir)
	if err != nil {
		return map[string]string{".": err.Error()}
	}
	dir, err := filepath.Abs(s.dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir) // as in mine
	}
	if err != nil {
		return map[string]string{".": err.Error()}
	}
	maps.DeleteFunc(sums, func(rel, _ string) bool { return ours(s.mine, filepath.Join(dir, rel)) })
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
