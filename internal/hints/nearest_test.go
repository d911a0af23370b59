// SPDX-License-Identifier: MIT

package hints

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

func TestNearest(t *testing.T) {
	names := []string{"kfree", "kmalloc", "kfree_const", "proc_create", "proc_mkdir", "mutex_lock", "mutex_unlock", "up"}
	for name, want := range map[string]string{
		"kfre": "kfree", "kfreee": "kfree", "proc_craete": "proc_create", "mutx_lock": "mutex_lock", "kfree": "",
		"my_helper": "", "": "", "xy": "", "mutex_lokc": "mutex_lock", "MUTEX_LOCK": "",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestExported(t *testing.T) {
	got := Exported("0x1\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tx\tnet/y\tEXPORT_SYMBOL_GPL\tNS\ngarbage\n")
	if len(got) != 2 || got["kfree"] != "vmlinux" || got["x"] != "net/y" {
		t.Errorf("%v", got)
	}
}

func FuzzNearest(f *testing.F) {
	f.Add("kfree", "kfre")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 100 || len(b) > 100 {
			return
		}
		if d := distance(a, b, 200); d != distance(b, a, 200) || (d == 0) != (a == b) {
			t.Errorf("distance(%q, %q) = %d", a, b, d)
		}
		Nearest(a, []string{b})
	})
}

// TestSubsystems compares the table with the two flavours of a real kernel: the cloud one, of that kernel or the
// newest, lacks the option, the generic one has it, and exports symbols with such names.
func TestSubsystems(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		needs.Missing(t, "%v", err)
	}
	read := func(kernel, pattern string) string {
		found, err := filepath.Glob(filepath.Join(cache, "kmodlab/kernels", kernel, "root", pattern))
		if err != nil || len(found) != 1 {
			needs.Missing(t, "no %s of %s; type: kmodlab kernel fetch debian:bookworm/generic", pattern, kernel)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	cloud, generic := read("debian-bookworm", "boot/config-*"), read("debian-bookworm_generic", "boot/config-*")
	newest := read("debian-trixie-backports", "boot/config-*")
	symbols := Exported(read("debian-bookworm_generic", "usr/src/linux-headers-*-amd64/Module.symvers"))
	for _, s := range Subsystems {
		has := strings.Contains(cloud, "\n"+s.Config+"=") && strings.Contains(newest, "\n"+s.Config+"=")
		if has || !strings.Contains(generic, "\n"+s.Config+"=") {
			t.Errorf("%s: cloud has it, or generic lacks it", s.Config)
		}
		for _, p := range s.Prefixes {
			found := false
			for name := range symbols {
				found = found || strings.HasPrefix(name, p)
			}
			if !found {
				t.Errorf("%s: no symbol of generic begins with %s", s.Config, p)
			}
		}
	}
	if s := SubsystemOf("snd_card_new"); s == nil || s.What != "sound" || SubsystemOf("kfree") != nil {
		t.Errorf("SubsystemOf(snd_card_new) = %v", s)
	}
}
