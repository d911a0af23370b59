// SPDX-License-Identifier: MIT

// Package filelock locks by a file: one holder at a time, in all processes of this
// machine. The kernel lets go when the holder ends, whatever it died of (flock(2)).
// A lock's file may be removed by who holds it.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld means that another holds the lock.
var ErrHeld = errors.New("another process holds the lock")

// Try takes a lock, or fails at once. To close the file lets go.
func Try(path string) (*os.File, error) { return try(path, os.O_RDWR|os.O_CREATE) }

// TryOld is Try for a lock that was used before; its file is not made.
func TryOld(path string) (*os.File, error) { return try(path, os.O_RDWR) }

func try(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil && isAt(f, path) {
		return f, nil
	}
	f.Close()
	if err == nil || errors.Is(err, unix.EWOULDBLOCK) { // without error: its holder removed it meanwhile
		return nil, ErrHeld
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// Wait is Try until it succeeds or ctx ends; then the error wraps ctx's cause.
// waiting is called once, when another holds the lock.
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
