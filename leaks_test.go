// SPDX-License-Identifier: MIT

package kmodlab

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

func TestOddInit(t *testing.T) {
	for _, said := range []string{ // 6.1 and 7.2
		"do_init_module: 'my_mod'->init suspiciously returned 7, it should follow 0/-E convention",
		"my_mod: init suspiciously returned 7, it should follow 0/-E convention",
	} {
		odd := oddInit(said)
		if odd == nil || !strings.HasPrefix(odd.Message, "init of my_mod returned 7,") || odd.Hint == "" {
			t.Errorf("%q: %+v", said, odd)
		}
	}
	if odd := oddInit("m: unknown parameter 'x' ignored"); odd != nil {
		t.Errorf("%+v of another warning", odd)
	}
}

// TestRefSite: the kernel's own references for a load do not hide the module's.
func TestRefSite(t *testing.T) {
	ref := func(site string, put bool) result.Ref { return result.Ref{Put: put, By: result.Task{Site: site}} }
	r := &run{res: &result.Result{Modules: []result.Module{
		{Name: "m", Refs: []result.Ref{ref("a+0x1 [m]", false), ref("a+0x2 [m]", true), ref("b+0x1 [m]", false), ref("do_init_module+0xb6", true)}},
		{Name: "even", Refs: []result.Ref{ref("a+0x1 [even]", false), ref("a+0x2 [even]", true)}},
	}}}
	for module, want := range map[string]string{"m": "b+0x1 [m]", "even": "", "absent": ""} {
		if got := r.refSite(module); got != want {
			t.Errorf("%s: %q, want %q", module, got, want)
		}
	}
}

// TestLeftBehind: what a module has while it stays is no leak, but for the
// reference that keeps it.
func TestLeftBehind(t *testing.T) {
	stays := wire.Module{Name: "m", Refcount: 1, State: string(kmod.StateLive)}
	r := &run{res: &result.Result{}, fresh: []kmod.PlannedModule{{Name: "m"}}}
	r.leaks.has = true
	r.leaks.after.Files = []string{"/proc/m"}
	if left := r.leftBehind(); len(left) != 1 || left[0].What != "/proc/m" {
		t.Errorf("after unload: %+v, want /proc/m", left)
	}
	r.leaks.modules = []wire.Module{stays}
	if left := r.leftBehind(); len(left) != 0 {
		t.Errorf("while it is loaded, and nobody unloaded it: %+v", left)
	}
	r.in.Unload = &result.Failure{}
	if left := r.leftBehind(); len(left) != 1 || left[0].Kind != "reference" {
		t.Errorf("after a refused unload: %+v, want the reference", left)
	}
	r.leaks.modules[0].Holders = []string{"user"}
	if left := r.leftBehind(); len(left) != 0 {
		t.Errorf("with a holder: %+v", left)
	}
}
