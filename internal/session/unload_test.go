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
