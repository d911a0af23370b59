// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// TestOpenInterrupted: a run that is interrupted while its machine is restored does not
// boot another one.
func TestOpenInterrupted(t *testing.T) {
	why := errors.New("Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	host := &prepare.Host{
		Options: prepare.Options{Accel: vm.TCG, CacheDir: t.TempDir(), QEMU: "/nonexistent"},
		Kernel:  &kernel.Kernel{Release: "6.1.0", Root: t.TempDir()},
	}
	a := &Ahead{done: make(chan resumed, 1), cancel: func() {}}
	a.done <- resumed{err: context.Canceled}
	defer a.Close()
	booted := 0
	j := notify.New(notify.Watcher{Phase: func(p notify.Progress) {
		if p.Phase == "boot" {
			booted++
		}
	}})
	l, err := Open(ctx, host.WithoutModules(), a, Options{}, j)
	if l != nil || err != why {
		t.Errorf("%v, %v, want %v", l, err, why)
	}
	if booted != 1 { // once is the restoring
		t.Errorf("phase boot began %d times, want 1", booted)
	}
}
