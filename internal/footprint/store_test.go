// SPDX-License-Identifier: MIT

package footprint

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOneAtATime: the second run is refused, and told who the first is. While one works, nothing counts as left.
func TestOneAtATime(t *testing.T) {
	f := newFake(t)
	c := f.begin()
	var busy *BusyError
	_, err := f.Claim()
	if !errors.As(err, &busy) || busy.PID != os.Getpid() || !strings.Contains(err.Error(), "wait until") {
		t.Errorf("%v, want that this process is at work", err)
	}
	if _, err := f.Look(); !errors.As(err, &busy) {
		t.Errorf("%v, want that a run is at work", err)
	}
	c.Release()
	f.claim()
}

// TestUnknown: where something cannot be read, nobody says that nothing is left.
func TestUnknown(t *testing.T) {
	f := newFake(t)
	c := f.begin()
	f.unknown = errors.New("no /proc")
	if words := c.Undo(t.Context()).words(); !strings.Contains(words, "cannot tell which modules are loaded: no /proc") {
		t.Errorf("said %q", words)
	}
	c.Release()
	if left, err := f.Look(); err == nil {
		t.Errorf("left %v, want an error", left)
	}
	path := filepath.Join(f.Dir, notesName)
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Look(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v, want an error that names the notes", err)
	}
	if _, err := f.Claim(); err == nil {
		t.Error("a run began although the notes cannot be read")
	}
}

// TestNothingBefore: a machine that never had a run has nothing, and looking does not change that.
func TestNothingBefore(t *testing.T) {
	f := newFake(t)
	f.noNotes()
	if _, err := os.Stat(f.Dir); err == nil {
		t.Error("looking has made the folder")
	}
}

// TestOthersFolder: root does what the notes say, so nobody else may write them.
func TestOthersFolder(t *testing.T) {
	f := newFake(t)
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Claim(); err == nil || !strings.Contains(err.Error(), "others can change it") {
		t.Errorf("%v, want that others can change the folder", err)
	}
	if err := os.Rename(f.Dir, f.Dir+".aside"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(f.Dir+".aside", f.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Claim(); err == nil {
		t.Error("a link was accepted as the folder of notes")
	}
}

// TestNoNote: without a note nothing is changed.
func TestNoNote(t *testing.T) {
	f := newFake(t)
	c := f.claim()
	if err := os.RemoveAll(f.Dir); err != nil {
		t.Fatal(err)
	}
	if err := c.Make(t.Context(), f.change()); err == nil || !strings.Contains(err.Error(), "undo a run that was killed") {
		t.Errorf("%v, want that the note cannot be written", err)
	}
	if list := f.installed(); len(list) > 0 {
		t.Errorf("installed %q", list)
	}
}

func TestCommand(t *testing.T) {
	if err := command(t.Context(), "true"); err != nil {
		t.Error(err)
	}
	err := command(t.Context(), "sh", "-c", "echo rmmod: m is in use; echo by n >&2; exit 1")
	if err == nil || err.Error() != "rmmod: m is in use; by n" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := command(ctx, "sleep", "60"); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}
