// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// TestKept: a module that stays because a program or a mount uses it is not to blame, unless that does not explain all.
func TestKept(t *testing.T) {
	open := func(file uint64, fd int) evidence.Keeper {
		return evidence.Keeper{Module: "m", PID: 7, Comm: "d", How: evidence.KeptOpen, Path: "/dev/m", FD: fd, File: file}
	}
	tests := []evidence.Test{{Name: "one", PID: 5}}
	for name, test := range map[string]struct {
		refs    int
		keepers []evidence.Keeper
		tests   []evidence.Test
		class   result.Class
		says    string
	}{
		"a file": {1, []evidence.Keeper{open(1, 3)}, tests, result.TestFailed,
			"m cannot be unloaded: d[7], of the test one, has /dev/m open as descriptor 3, opened at 0.002 s by one[5]"},
		"one file twice": {1, []evidence.Keeper{open(1, 3), open(1, 4)}, tests, result.TestFailed, "descriptor 4"},
		"a reference more": {2, []evidence.Keeper{open(1, 3), open(1, 4)}, tests, result.Load,
			"; that does not explain all of its 2 references"},
		"two files": {2, []evidence.Keeper{open(1, 3), open(2, 4)}, tests, result.TestFailed, "descriptor 4"},
		"a mount": {5, []evidence.Keeper{{Module: "m", How: evidence.KeptMounted, Path: "/mnt", FD: -1}}, tests,
			result.TestFailed, "a file system of its type, or on its device, is mounted at /mnt"},
		"no test":          {1, []evidence.Keeper{open(1, 3)}, nil, result.Load, "d[7] has /dev/m open as descriptor 3"},
		"another module's": {1, []evidence.Keeper{{Module: "other", FD: 3, File: 1}}, tests, result.Load, "other cannot"},
		"nobody": {1, nil, tests, result.Load, "m cannot be unloaded: it has 1 reference, although no program has a file " +
			"of it open or mapped and no mount that programs see is of it; one[5], of the test one, opened /dev/m at 0.002 s"},
	} {
		ret := int64(3)
		e := &evidence.Evidence{Studied: []string{"m"}, Tests: test.tests, Left: evidence.Left{
			Keepers: test.keepers, Sought: true, Modules: []evidence.Loaded{{Name: "m", Refcount: test.refs, State: live}},
		}}
		m := &maker{e: e, res: &result.Result{}}
		if len(test.tests) > 0 {
			m.res.Processes = []result.Process{{Task: result.Task{PID: 5}}, {Task: result.Task{PID: 7}, Parent: 5}}
			m.res.Calls = []result.Call{{By: result.Task{Comm: "one", PID: 5}, Name: "openat", File: "/dev/m", FD: 3,
				Module: "m", Ret: &ret, AtNS: 2e6}}
		}
		m.res.Keepers = m.keepers()
		v, is := judgeKept(e, m.res)
		if !is || v.Class != test.class || !strings.Contains(v.Message, test.says) {
			t.Errorf("%s: %t, %s: %s\nwant %s: %s", name, is, v.Class, v.Message, test.class, test.says)
		}
	}
}
