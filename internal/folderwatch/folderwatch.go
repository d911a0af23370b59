// SPDX-License-Identifier: MIT

// Package folderwatch tells that something in a folder, or below it, may have changed. A save is told once, after its
// last step: editors write, rename, and make and remove files of their own for it.
package folderwatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// A change is told when nothing has happened for the time of quiet, or after the longest time where something is
// written all the while.
const (
	quiet   = 100 * time.Millisecond
	longest = 2 * time.Second
)

// ErrGone means that the watched folder was removed, or moved away.
var ErrGone = errors.New("the folder is gone: start again where it is now")

// LimitError is a limit of the kernel on what one user may watch. The kernel's own words for it, such as "no space left
// on device", are about anything else.
type LimitError struct {
	Limit string // the sysctl
	Err   error
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("this user watches as much as the kernel allows (%s): close what else watches folders, such as editors, "+
		"or raise the limit as root: sysctl -w %[1]s=%[2]d", e.Limit, raised[e.Limit])
}

func (e *LimitError) Unwrap() error { return e.Err }

// The limits, and what distributions raise them to.
const (
	maxWatches   = "fs.inotify.max_user_watches"
	maxInstances = "fs.inotify.max_user_instances"
)

var raised = map[string]int{maxWatches: 524288, maxInstances: 1024}

// Watcher watches a folder.
type Watcher struct {
	dir     string
	skip    func(folder string) bool
	notify  *fsnotify.Watcher
	changed chan struct{} // holds one, for any number of changes
	failed  chan error    // holds the first
	ended   chan struct{}
}

// Open begins to watch a folder with all folders below it, those that come later included. skip is asked with the name
// of a folder whether it need not be watched; links are not followed.
func Open(dir string, skip func(folder string) bool) (*Watcher, error) {
	n, err := fsnotify.NewWatcher()
	if errors.Is(err, unix.EMFILE) && !noDescriptors() {
		err = &LimitError{maxInstances, err}
	}
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w := &Watcher{
		dir: filepath.Clean(dir), skip: skip, notify: n,
		changed: make(chan struct{}, 1), failed: make(chan error, 1), ended: make(chan struct{}),
	}
	if err := w.add(w.dir); err != nil {
		n.Close()
		return nil, err
	}
	go func() {
		defer close(w.ended)
		w.loop(n.Events, n.Errors, w.tell)
	}()
	return w, nil
}

// noDescriptors reports whether this process cannot open another file, for which the kernel has the same error.
func noDescriptors() bool {
	f, err := os.Open(os.DevNull)
	if err == nil {
		f.Close()
	}
	return errors.Is(err, unix.EMFILE)
}

// Close ends the watching.
func (w *Watcher) Close() error {
	err := w.notify.Close()
	<-w.ended
	return err
}

// Next waits until something has changed since it returned last, or since Open. Its error is ctx's cause, or says why
// the folder is not watched any more.
func (w *Watcher) Next(ctx context.Context) error {
	select {
	case <-w.changed:
		return nil
	case err := <-w.failed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// add watches a folder and those below it. Each is watched before it is read: what comes into it meanwhile is told.
func (w *Watcher) add(top string) error {
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err == nil && !d.IsDir():
			return nil
		case err == nil && path != w.dir && w.skip(d.Name()):
			return fs.SkipDir
		case err == nil:
			err = w.notify.Add(path)
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.ENOSPC):
			err = &LimitError{maxWatches, err}
		case path != w.dir && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
			return fs.SkipDir // it is gone again; a change of its mode is told by the folder above
		}
		return fmt.Errorf("watch %s: %w", path, err)
	})
}

// loop takes what the kernel says until there is no more, and gathers it into changes.
func (w *Watcher) loop(events <-chan fsnotify.Event, errs <-chan error, tell func()) {
	var begun time.Time // of what is not told yet
	var due <-chan time.Time
	for {
		select {
		case _, open := <-events:
			if !open {
				return
			}
		case err, open := <-errs:
			if !open {
				return
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) { // which hides changes
				w.fail(fmt.Errorf("watch %s: %w", w.dir, err))
			}
		case <-due:
			begun, due = time.Time{}, nil
			tell()
			continue
		}
		if begun.IsZero() {
			begun = time.Now()
		}
		due = time.After(min(quiet, time.Until(begun.Add(longest))))
	}
}

// tell tells a change. Before that all folders are watched again: some may have come, and the watch of one that was
// renamed has ended with its name.
func (w *Watcher) tell() {
	err := w.add(w.dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("watch %s: %w", w.dir, ErrGone)
	}
	if err != nil {
		w.fail(err)
		return
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *Watcher) fail(err error) {
	select {
	case w.failed <- err:
	default:
	}
}
