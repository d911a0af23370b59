// SPDX-License-Identifier: MIT

package kmod

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeKernel makes /proc and /sys of files, links ("-> TARGET") and folders.
func fakeKernel(t *testing.T, files map[string]string) kernelState {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(strings.ReplaceAll(target, "ROOT", root), path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return kernelState{proc: filepath.Join(root, "proc"), sys: filepath.Join(root, "sys")}
}

// live is a loaded module m, with more files.
func live(refcnt string, more map[string]string) map[string]string {
	files := map[string]string{
		"sys/module/m/initstate": "live\n", "sys/module/m/refcnt": refcnt + "\n",
		"proc/modules": "m 1 " + refcnt + " - Live 0x0\n",
	}
	maps.Copy(files, more)
	return files
}

// with is a module in use, and a process that has /dev/null open.
func with(more map[string]string) map[string]string {
	files := live("1", map[string]string{
		"proc/77/comm": "cat\n", "proc/77/fd/0": "-> /dev/null", "proc/99999999/comm": "gone\n",
	})
	maps.Copy(files, more)
	return files
}

func TestDiagnose(t *testing.T) {
	for _, tc := range []struct {
		name    string
		files   map[string]string
		aliases []string
		kind    error
		cause   string
	}{
		{"not loaded", map[string]string{"sys/module/x/initstate": "live\n"}, nil, ErrNotLoaded, "m is not loaded"},
		{"built in", map[string]string{"sys/module/m/parameters/p": "1\n"}, nil, ErrBuiltin,
			"part of the kernel image"},
		{"coming", map[string]string{"sys/module/m/initstate": "coming\n"}, nil, ErrBusy,
			"init function of m has not returned"},
		{"going", map[string]string{"sys/module/m/initstate": "going\n"}, nil, ErrBusy, "being unloaded"},
		{"held", live("2", map[string]string{"sys/module/m/holders/user": ""}), nil, ErrInUse, "m is used by user"},
		{"free", live("0", nil), nil, nil, "nothing keeps m"},
		{"permanent", live("0", map[string]string{"proc/modules": "m 1 0 [permanent], Live 0x0\n"}), nil, ErrPermanent,
			"no exit function"},
		{"leak", live("1", nil), nil, ErrInUse, "refcount 1, no holders, and no process"},
		{"file system", live("1", map[string]string{
			"proc/self/mounts": "/dev/x /mnt/a mfs rw 0 0\n/dev/y /mnt/b ext4 rw 0 0\n"}),
			[]string{"fs-mfs"}, ErrInUse, "file systems mounted at /mnt/a"},
		{"stack", with(map[string]string{"proc/77/stack": "[<0>] m_read+0x1/0x2 [m]\n[<0>] vfs_read\n"}), nil, ErrInUse,
			"cat[77] (stack)"},
		{"stack of a thread", with(map[string]string{"proc/77/task/78/stack": "[<0>] m_read+0x1/0x2 [m]\n"}), nil,
			ErrInUse, "cat[77] (stack)"},
		{"stack in another", with(map[string]string{"proc/77/stack": "[<0>] mm_read+0x1/0x2 [mm]\n"}), nil, ErrInUse,
			"no process is seen"},
		{"device by alias", with(map[string]string{}), []string{"char-major-1-3"}, ErrInUse, "cat[77] (/dev/null)"},
		{"device by name", with(map[string]string{}), []string{"devname:null"}, ErrInUse, "cat[77] (/dev/null)"},
		{"device by major", with(map[string]string{
			"proc/devices": "Character devices:\n  1 m\n\nBlock devices:\n  1 ramdisk\n"}),
			nil, ErrInUse, "cat[77] (/dev/null)"},
		{"device by major of a block device",
			with(map[string]string{"proc/devices": "Character devices:\n  1 mem\n\nBlock devices:\n  1 m\n"}), nil,
			ErrInUse, "no process is seen"},
		{"device by driver", with(map[string]string{"sys/devices/d/node": "",
			"sys/dev/char/1:3": "-> ROOT/sys/devices/d/node", "sys/module/m/drivers/bus:m/d": "-> ROOT/sys/devices/d"}),
			nil, ErrInUse, "cat[77] (/dev/null)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := fakeKernel(t, tc.files).diagnose("m", tc.aliases)
			if d.Kind != tc.kind || !strings.Contains(d.Cause, tc.cause) {
				t.Errorf("got %v, %q; want %v, %q", d.Kind, d.Cause, tc.kind, tc.cause)
			}
		})
	}
}

func TestWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ko")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	users := running.writers(path)
	if len(users) != 1 || users[0].PID != os.Getpid() {
		t.Errorf("got %v, want this process", users)
	}
	if users := running.writers(os.Args[0]); len(users) != 0 {
		t.Errorf("writers of the running program: %v", users)
	}
}
