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

// compiled is the object of a module's source.
func compiled(t *testing.T, text string) []byte {
	t.Helper()
	dir := t.TempDir()
	source, object := filepath.Join(dir, "m.c"), filepath.Join(dir, "m.o")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
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
	return data
}

// TestUnjump: where a module left with a jump, it is put back into a crash's trace; into that of a stuck CPU only where
// the kernel calls modules.
func TestUnjump(t *testing.T) {
	data := compiled(t, leaves)
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

// TestUnjumpNotifier: a notifier that init's last call has called runs in the same task, and not in an interrupt.
func TestUnjumpNotifier(t *testing.T) {
	data := compiled(t, `extern int register_netdev(void *); int init_module(void) { return register_netdev(0); }`)
	m := newMaker(&evidence.Evidence{Studied: []string{"m"}, Files: map[string]evidence.File{"m": {Data: data}}})
	c := result.Crash{Class: result.Oops}
	for _, function := range []string{
		"inetdev_event", "notifier_call_chain", "register_netdevice", "register_netdev", "do_one_initcall", "do_init_module",
	} {
		c.Frames = append(c.Frames, result.Frame{Function: function, Reliable: true})
	}
	m.unjump(&c)
	if len(c.Frames) != 7 || c.Frames[4].Function != "init_module" || c.Frames[4].Module != "m" {
		t.Errorf("%+v", c.Frames)
	}
}
