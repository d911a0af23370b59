// SPDX-License-Identifier: MIT

// Package filelock locks by file: one holder at a time, in all processes of this machine. The kernel releases the lock
// when the holder ends, whatever it died of (flock(2)). The holder may remove the lock's file.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrHeld means that somebody else holds the lock.
var ErrHeld = errors.New("another process holds the lock")

// Try takes a lock, or fails at once. Closing the file releases the lock.
func Try(path string) (*os.File, error) { return try(path, os.O_RDWR|os.O_CREATE) }

// TryOld is Try for a lock that was used before; it does not create the file.
func TryOld(path string) (*os.File, error) { return try(path, os.O_RDWR) }

func try(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := Hold(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Hold is Try for a file that is open for writing already.
func Hold(f *os.File) error {
	switch err := lock(f); {
	case errors.Is(err, ErrHeld), err == nil && !isAt(f, f.Name()): // its holder has removed it meanwhile
		return ErrHeld
	case err != nil:
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// Wait is Try until it succeeds or ctx ends; in the latter case the error wraps ctx's cause. If somebody else holds the
// lock, waiting is called once.
func Wait(ctx context.Context, path string, waiting func()) (*os.File, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		f, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return f, err
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", path, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

func isAt(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(held, there)
}
