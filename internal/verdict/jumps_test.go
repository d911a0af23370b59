// SPDX-License-Identifier: MIT

package verdict

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// leaves is a module of which one function leaves with a jump.
const leaves = `extern void _printk(const char *); void leave(void) { _printk("bye"); }`

// TestUnjump: where a module left with a jump, it is put back into a crash's trace; into that of a stuck CPU only where
// the kernel calls modules.
func TestUnjump(t *testing.T) {
	dir := t.TempDir()
	source, object := filepath.Join(dir, "m.c"), filepath.Join(dir, "m.o")
	if err := os.WriteFile(source, []byte(leaves), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-O2", "-fno-pic", "-mcmodel=kernel", "-fcf-protection=none", "-c", "-o", object, source}
	if out, err := exec.Command(needs.Program(t, "gcc"), args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	data, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		class  result.Class
		caller string
		below  string // of the caller: what an interrupt has interrupted
		want   bool
	}{
		"a crash":             {result.Oops, "vfs_read", "ret_from_fork", true},
		"a stuck CPU":         {result.Lockup, "printk_get_console", "ret_from_fork", false},
		"a stuck task":        {result.Hung, "kthread_stop", "ret_from_fork", false},
		"a stuck work item":   {result.Lockup, "process_one_work", "ret_from_fork", true},
		"a timer's function":  {result.Lockup, "expire_timers.part.0", "ret_from_fork", true},
		"a thread of its own": {result.Hung, "kthread", "ret_from_fork", true},
		"a timer during init": {result.Oops, "call_timer_fn", "do_init_module", true},
		"a timer during exit": {result.Oops, "call_timer_fn", "__do_sys_delete_module", true},
		"not init's own jump": {result.Oops, "vfs_read", "do_init_module", false},
	} {
		m := newMaker(&evidence.Evidence{Studied: []string{"m"}, Files: map[string]evidence.File{"m": {Data: data}}})
		c := result.Crash{Class: tt.class, Frames: []result.Frame{
			{Function: "console_unlock", Reliable: true}, {Function: "_printk.part.0", Reliable: true},
			{Function: "unsure", Module: "m"}, {Function: tt.caller, Reliable: true},
			{Function: tt.below, Reliable: true},
		}}
		m.unjump(&c)
		if got := len(c.Frames) == 6 && c.Frames[2].Function == "leave" && c.Frames[2].Module == "m"; got != tt.want {
			t.Errorf("%s: %v, want %v: %+v", name, got, tt.want, c.Frames)
		}
	}
}
