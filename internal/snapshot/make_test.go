// SPDX-License-Identifier: MIT

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/internal/boot"
)

// TestMake: after a failure the key is refused, unless the failure says nothing about it.
func TestMake(t *testing.T) {
	broken := errors.New("no such capability")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		boot  error
		after error // of the next Find
	}{
		"made":      {t.Context(), nil, nil},
		"broken":    {t.Context(), broken, ErrRefused},
		"unready":   {t.Context(), fmt.Errorf("%w: %w", ErrUnready, broken), ErrNone},
		"cancelled": {ended, broken, ErrNone},
	} {
		t.Run(name, func(t *testing.T) {
			s := Store{Dir: filepath.Join(t.TempDir(), "machines"), Log: func(line string) { t.Error(line) }}
			got := facts{"before"}
			image, err := s.Make(c.ctx, "a", 1<<20, &got, func(d *Draft) (*boot.Image, error) {
				got.Word = "known by now"
				return &boot.Image{RAM: d.RAM, State: d.State}, c.boot
			})
			if !errors.Is(err, c.boot) || (image == nil) != (c.boot != nil) {
				t.Fatalf("%v, %v, want %v", image, err, c.boot)
			}
			if image != nil {
				image.Close()
			}
			if _, err := os.Stat(filepath.Join(s.Dir, "a"+fresh)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the folder that it was made in: %v", err)
			}
			var found facts
			again, err := s.Find("a", &found)
			if !errors.Is(err, c.after) {
				t.Errorf("afterwards %v, want %v", err, c.after)
			}
			if err == nil {
				defer again.Close()
				if found.Word != "known by now" {
					t.Errorf("facts %+v", found)
				}
			}
		})
	}
}

// TestFindDamaged: a damaged image is removed, so that a new one can be made.
func TestFindDamaged(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "machines")}
	save(t, s, "a", 'x')
	if err := os.WriteFile(filepath.Join(s.Dir, "a", stateFile), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find("a", new(facts)); !errors.Is(err, ErrNone) {
		t.Errorf("found: %v", err)
	}
	if list, err := s.Images(); err != nil || len(list) != 0 {
		t.Errorf("images %v, %v", list, err)
	}
}
