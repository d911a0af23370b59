// SPDX-License-Identifier: MIT

package verdict

import (
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// TestOpenRef: the kernel's own references for a load do not hide the module's.
func TestOpenRef(t *testing.T) {
	ref := func(site string, put bool) result.Ref { return result.Ref{Put: put, By: result.Task{Site: site}} }
	modules := []result.Module{
		{
			Name: "m",
			Refs: []result.Ref{
				ref("a+0x1 [m]", false), ref("a+0x2 [m]", true), ref("b+0x1 [m]", false), ref("do_init_module+0xb6", true),
			},
		},
		{Name: "even", Refs: []result.Ref{ref("a+0x1 [even]", false), ref("a+0x2 [even]", true)}},
	}
	for module, want := range map[string]string{"m": "b+0x1 [m]", "even": "", "absent": ""} {
		if got := openRef(modules, module); got != want {
			t.Errorf("%s: %q, want %q", module, got, want)
		}
	}
}

// TestKeptBy: what the kernel took for itself is told with the refused unload, and is no leak.
func TestKeptBy(t *testing.T) {
	ref := func(site string, put bool) result.Ref { return result.Ref{Put: put, By: result.Task{Site: site}} }
	e := &evidence.Evidence{Studied: []string{"m"}}
	e.Left.Modules = []evidence.Loaded{
		{Name: "m", Refcount: 2, State: live}, {Name: "other", Refcount: 1, State: live},
	}
	e.Failures = []evidence.Failure{{Kind: evidence.Unload, Message: "m is in use"}}
	res := &result.Result{Modules: []result.Module{
		{Name: "other", Refs: []result.Ref{ref("crypto_mod_get+0x8", false)}},
		{Name: "m", Refs: []result.Ref{
			ref("sk_prot_alloc+0x8a", false), ref("__sock_create+0x11b", false), ref("do_init_module+0xb6", true),
		}},
	}}
	all := candidates(e, res)
	if want := "m is in use; the kernel took references to m in __sock_create, sk_prot_alloc"; len(all) != 1 ||
		all[0].Class != result.Load || all[0].Message != want {
		t.Errorf("%+v, want %s", all, want)
	}
	// Which of several is left is not known once one was dropped.
	res.Modules[1].Refs = append(res.Modules[1].Refs, ref("cdev_get+0x1", false), ref("cdev_put+0x1", true))
	if all := candidates(e, res); len(all) != 1 || all[0].Message != "m is in use" {
		t.Errorf("%+v, want no function", all)
	}
}

// TestLeftBehind: what a module that is still loaded owns is no leak, except for the
// reference that keeps it.
func TestLeftBehind(t *testing.T) {
	stays := evidence.Loaded{Name: "m", Refcount: 1, State: string(kmod.StateLive)}
	e := &evidence.Evidence{Studied: []string{"m"}}
	e.Left.Compared = true
	e.Left.After.Files = []string{"/proc/m"}
	if left := newMaker(e).left(); len(left) != 1 || left[0].What != "/proc/m" {
		t.Errorf("after unload: %+v, want /proc/m", left)
	}
	e.Left.Modules = []evidence.Loaded{stays}
	if left := newMaker(e).left(); len(left) != 0 {
		t.Errorf("while it is loaded, and no unload was tried: %+v", left)
	}
	e.Failures = []evidence.Failure{{Kind: evidence.Unload}}
	if left := newMaker(e).left(); len(left) != 0 {
		t.Errorf("after a refused unload, and nobody is seen to keep it: %+v", left)
	}
	own := newMaker(e)
	own.res.Modules = []result.Module{{Name: "m", Refs: []result.Ref{{By: result.Task{Site: "init+0x1 [m]"}}}}}
	if left := own.left(); len(left) != 1 || left[0].Kind != "reference" {
		t.Errorf("after a refused unload, and it keeps itself: %+v, want the reference", left)
	}
	e.Left.Modules[0].Holders = []string{"user"}
	if left := newMaker(e).left(); len(left) != 0 {
		t.Errorf("with a holder: %+v", left)
	}
}
