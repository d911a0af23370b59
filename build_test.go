// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"testing"
)

func TestBuildUsage(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		spec BuildSpec
		want string
	}{
		{BuildSpec{}, "Dir: nothing to build: name a folder with a Kbuild or Makefile"},
		{BuildSpec{Dir: dir, BuildTimeout: -1}, "BuildTimeout: a negative time makes no sense"},
		{BuildSpec{Dir: dir, Build: "here"}, `Build: unknown place to build "here": choose auto, vm or sandbox`},
		{BuildSpec{Dir: dir, Accel: "warp"}, `Accel: unknown accelerator "warp": choose kvm or tcg`},
		{BuildSpec{Dir: "nosuch"}, "nosuch: no such file or directory: name a folder with a Kbuild or Makefile, or .ko files"},
	} {
		c, err := BuildModules(t.Context(), tt.spec)
		var usage *UsageError
		if !errors.As(err, &usage) || err.Error() != tt.want || c != nil {
			t.Errorf("%+v: %v, %v; want %s", tt.spec, c, err, tt.want)
		}
	}
}
