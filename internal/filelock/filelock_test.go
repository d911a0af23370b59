// SPDX-License-Identifier: MIT

package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	if _, err := TryOld(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("TryOld of no file: %v", err)
	}
	held, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func(string) (*os.File, error){"Try": Try, "TryOld": TryOld} {
		if f, err := try(path); !errors.Is(err, ErrHeld) {
			t.Errorf("%s of a held lock: %v, %v", name, f, err)
		}
	}
	held.Close()
	again, err := TryOld(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := Try(filepath.Join(path, "below a file")); err == nil || errors.Is(err, ErrHeld) {
		t.Errorf("a lock below a file: %v", err)
	}
}

func TestWaitEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	held, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	told := 0
	_, err = Wait(ctx, path, func() { told++; cancel(why) })
	if !errors.Is(err, why) || told != 1 {
		t.Errorf("%v, told %d times", err, told)
	}
}

// TestOneAtATime also covers holders that remove the file before they release the lock, as those do that clean up after
// themselves.
func TestOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var holders, turns atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				f, err := Wait(ctx, path, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d hold it", n)
				}
				turns.Add(1)
				time.Sleep(100 * time.Microsecond)
				holders.Add(-1)
				os.Remove(path)
				f.Close()
			}
		})
	}
	all.Wait()
	if turns.Load() != 160 {
		t.Errorf("%d turns", turns.Load())
	}
}
