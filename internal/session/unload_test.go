// SPDX-License-Identifier: MIT

package session

import (
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/kmod"
)

// TestStay: a refused unload is told of a module that is still there, and not of one that went with its user.
func TestStay(t *testing.T) {
	p := &prepare.Prepared{Fresh: []kmod.PlannedModule{{Name: "base"}, {Name: "user"}}}
	u := unloading{
		session: &session{Lab: &lab.Lab{Prepared: p}},
		refused: map[string]evidence.Failure{"base": {Kind: evidence.Unload, Message: "base is in use"}},
	}
	crc := evidence.Loaded{Name: "libcrc32c", Refcount: 1}
	if got := u.stay([]evidence.Loaded{crc}); len(got) > 0 {
		t.Errorf("a module that went is refused: %+v", got)
	}
	if got := u.stay([]evidence.Loaded{crc, {Name: "base"}}); len(got) != 1 || got[0].Message != "base is in use" {
		t.Errorf("%+v", got)
	}
}

// TestSameStates: a module that is live by now may hold what was refused before.
func TestSameStates(t *testing.T) {
	base, user := evidence.Loaded{Name: "base", State: live}, evidence.Loaded{Name: "user", State: live}
	loading := user
	loading.State = "loading"
	for _, c := range []struct {
		a, b []evidence.Loaded
		want bool
	}{
		{[]evidence.Loaded{base}, []evidence.Loaded{base}, true},
		{[]evidence.Loaded{base}, []evidence.Loaded{user, base}, false},
		{[]evidence.Loaded{loading, base}, []evidence.Loaded{user, base}, false},
	} {
		if got := sameStates(c.a, c.b); got != c.want {
			t.Errorf("%v, %v: %t", c.a, c.b, got)
		}
	}
}
