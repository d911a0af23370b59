// SPDX-License-Identifier: MIT

package footprint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab/internal/filelock"
)

const (
	notesName = "here.json"
	lockName  = "here.lock"
)

// BusyError means that another run changes this machine's kernel right now.
type BusyError struct{ PID int } // 0 if unknown

func (e *BusyError) Error() string {
	who := ""
	if e.PID > 0 {
		who = fmt.Sprintf(" (process %d)", e.PID)
	}
	return "another run with --here is using this machine's kernel" + who + ": wait until it has ended"
}

// lookTime is how long a held lock is waited for: a Look holds it for a moment, too.
const lookTime = 150 * time.Millisecond

// lock takes the lock that one run at a time has. The kernel releases it when the holder dies, whatever it died of.
func (m Machine) lock() (*os.File, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	path := filepath.Join(m.Dir, lockName)
	f, err := filelock.Wait(ctx, path, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		text, _ := os.ReadFile(path)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return nil, &BusyError{pid}
	}
	if err != nil {
		return nil, fmt.Errorf("lock this machine's kernel: %w", err)
	}
	return f, nil
}

// makeDir makes the folder of notes, or checks the one that is there. Everybody may read it, so that doctor can; nobody
// else may write there, because root does what a note says.
func (m Machine) makeDir() error {
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of notes: %w: --here needs this to undo a run that was killed", err)
	}
	fi, err := os.Lstat(m.Dir)
	if err != nil {
		return fmt.Errorf("check the folder of notes: %w", err)
	}
	return checkOwn(m.Dir, fi)
}

// checkOwn makes sure that only this user can change a folder or file.
func checkOwn(path string, fi fs.FileInfo) error {
	owner := int(fi.Sys().(*syscall.Stat_t).Uid)
	if owner != os.Geteuid() || fi.Mode().Perm()&0o022 != 0 || fi.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("check %s: others can change it: see what is in it, then remove it", path)
	}
	return nil
}

// read returns the notes of runs that have not undone everything.
func (m Machine) read() ([]note, error) {
	path := filepath.Join(m.Dir, notesName)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what earlier runs left: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxNotes+1))
	if err == nil {
		var list []note
		if list, err = decode(data); err == nil {
			return list, nil
		}
	}
	return nil, fmt.Errorf("read what earlier runs left: %w: undo by hand what %s names, then remove it", err, path)
}

// write replaces the notes, or removes them if there are none. They are on the disk when it returns.
func (m Machine) write(list []note) error {
	path := filepath.Join(m.Dir, notesName)
	next := path + ".next" // one writer at a time has the lock
	if len(list) == 0 {
		os.Remove(next) // of a writer that was killed
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the notes: %w", err)
		}
		return syncDir(m.Dir)
	}
	data, err := encode(list)
	if err != nil {
		return err
	}
	if err := writeSynced(next, data); err != nil {
		return fmt.Errorf("write what this run changes: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("write what this run changes: %w", err)
	}
	return syncDir(m.Dir)
}

// writeSynced writes a file that others may read, and waits until it is on the disk.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes names in a folder last.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
