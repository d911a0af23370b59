// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"testing"
)

func TestBuildUsage(t *testing.T) {
	dir := t.TempDir()
	for want, spec := range map[string]BuildSpec{
		"Dir: nothing to build: name a folder with a Kbuild or Makefile":                                {},
		"BuildTimeout: a negative time makes no sense":                                                  {Dir: dir, BuildTimeout: -1},
		`Build: unknown place to build "here": choose auto, vm or sandbox`:                              {Dir: dir, Build: "here"},
		`Accel: unknown accelerator "warp": choose kvm or tcg`:                                          {Dir: dir, Accel: "warp"},
		dir + "/a.ko: no such file or directory: name a folder with a Kbuild or Makefile, or .ko files": {Dir: dir + "/a.ko"},
	} {
		c, err := BuildModules(t.Context(), spec)
		var usage *UsageError
		if !errors.As(err, &usage) || err.Error() != want || c != nil {
			t.Errorf("%+v: %v, %v; want %s", spec, c, err, want)
		}
	}
}
