// SPDX-License-Identifier: MIT

package leaks

import "testing"

// TestCalledFrom: where a task called a function, unless it may have been one of several places.
func TestCalledFrom(t *testing.T) {
	const task = "        modprobe-108     [001] .....    12.345678: "
	const other = "        modprobe-109     [001] .....    12.345678: "
	begin := func(at, place string) string {
		return at + "registerkprobe_begin_2: (register_kprobe+0x0/0x60) ptr=0xffffffffc0262010 site=" + place + "\n"
	}
	end := func(at, place string) string {
		return at + "registerkprobe_end_1: (" + place + " <- register_kprobe) ret=-22\n"
	}
	const one, two = "m_init+0x10/0x40 [m]", "m_init+0x20/0x40 [m]"
	for name, tt := range map[string]struct{ text, want string }{
		"it came back":                  {begin(task, one) + end(task, one), "m_init+0x10 [m]"},
		"it did not":                    {begin(task, one), "m_init+0x10 [m]"},
		"twice":                         {begin(task, one) + end(task, one) + begin(task, one), "m_init+0x10 [m]"},
		"from two places":               {begin(task, one) + end(task, one) + begin(task, two) + end(task, two), ""},
		"it did not come back from one": {begin(task, one) + end(task, one) + begin(task, two), "m_init+0x20 [m]"},
		"another task":                  {begin(other, one), ""},
		"only its return is recorded":   {task + "filpopen_take_1: (m_init+0x10/0x40 [m] <- register_kprobe) ret=0\n", "m_init+0x10 [m]"},
		"memory": {task + "mem_size_2: (register_kprobe+0x0/0x40) size=0x10 site=0xffffffffc0260010\n",
			"m_init+0x99 [m]"},
	} {
		named := func(uint64, uint64) (string, string) { return "m_init+0x99 [m]", "m" }
		got, _ := Read(NewPlan(nil, nil), []byte(tt.text)).CalledFrom(108, "register_kprobe", named)
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
