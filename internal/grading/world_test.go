// SPDX-License-Identifier: MIT

package grading

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/course"
)

func TestWorldOf(t *testing.T) {
	for name, test := range map[string]struct {
		world course.World
		want  kmodlab.World
	}{
		"healthy":  {course.World{Modprobe: course.ModprobePresent}, kmodlab.World{}},
		"modprobe": {course.World{Modprobe: course.ModprobeMissing}, kmodlab.World{Modprobe: kmodlab.ModprobeMissing}},
		"fail": {
			course.World{Fail: &course.Fault{Call: "kmalloc", Nth: 2, Module: "k2"}, Absent: []string{"a"}},
			kmodlab.World{Fail: &kmodlab.Fail{Call: "kmalloc", Nth: 2, Module: "k2"}, Absent: []string{"a"}},
		},
		"exits": {
			course.World{TargetExits: "sleep#2@k2"},
			kmodlab.World{TargetExits: &kmodlab.Target{Name: "sleep", Nth: 2, Module: "k2"}},
		},
	} {
		got, err := worldOf(&test.world)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := worldOf(&course.World{TargetExits: "a b"}); err == nil {
		t.Error("a name with a space is taken")
	}
}
