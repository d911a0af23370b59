// SPDX-License-Identifier: MIT

package cachedir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOwn(t *testing.T) {
	disks := func(local ...string) func(string) (bool, error) {
		return func(path string) (bool, error) {
			for _, l := range local {
				if path == l || strings.HasPrefix(path, l+"/") {
					return true, nil
				}
			}
			return false, nil
		}
	}
	stale := func(string) (bool, error) { return false, errors.New("stale") }
	const cache = "/home/ada/.cache/kmodlab"
	for name, c := range map[string]struct {
		local      func(string) (bool, error)
		host, want string
		fails      bool
	}{
		"a disk":           {local: disks("/home"), host: "n1", want: cache},
		"a shared home":    {local: disks("/var/tmp", "/tmp"), host: "n1", want: "/var/tmp/kmodlab-7/cache-f1a84c7f03d2"},
		"a job's own /tmp": {local: disks("/tmp"), host: "n1", want: "/tmp/kmodlab-7/cache-f1a84c7f03d2"},
		"no disk":          {local: disks(), host: "n1", want: cache + "/hosts/n1"},
		"no disk, no name": {local: disks(), fails: true},
		"a strange name":   {local: disks(), host: "../n1", fails: true},
		"cannot tell": {
			local: stale, host: "n1", fails: true,
		},
	} {
		p := place{c.local, c.host, 7, []string{"/var/tmp", "/tmp"}}
		got, err := p.own(cache)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.want)
		}
	}
	p := place{disks("/tmp"), "n1", 7, []string{"/tmp"}}
	one, _ := p.own("/home/ada/.cache/kmodlab")
	if two, _ := p.own("/home/ada/other/kmodlab"); one == two {
		t.Error("two caches work in the same folder")
	}
}

func TestVariable(t *testing.T) {
	for value, want := range map[string]string{"/scratch/ada/": "/scratch/ada", "scratch": ""} {
		t.Setenv(Variable, value)
		if got, err := Own(t.TempDir()); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v", value, got, err)
		}
	}
	t.Setenv(Variable, "")
	cache := t.TempDir()
	if got, err := Own(cache); err != nil || got != cache && !strings.Contains(got, "cache-") {
		t.Errorf("without: %s, %v", got, err)
	}
}

func TestLocal(t *testing.T) {
	dir := t.TempDir()
	there, err := Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	if later, err := Local(filepath.Join(dir, "not", "there")); later != there || err != nil {
		t.Errorf("a folder that is not there yet: %v, %v, and its parent: %v", later, err, there)
	}
	if proc, err := Local("/proc/self"); proc || err != nil {
		t.Errorf("/proc is a disk: %v, %v", proc, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Local(filepath.Join(file, "below")); err == nil {
		t.Error("below a file there is a disk")
	}
}

// TestAlone names what clusters have.
func TestAlone(t *testing.T) {
	for name, c := range map[string]struct {
		kind int64
		want bool
	}{
		"ext4": {0xef53, true}, "xfs": {0x58465342, true}, "btrfs": {0x9123683e, true}, "tmpfs": {0x01021994, true},
		"overlay": {0x794c7630, true}, "btrfs where the sign is extended": {0x9123683e - 1<<32, true},
		"nfs": {0x6969, false}, "lustre": {0x0bd00bd0, false}, "gpfs": {0x47504653, false}, "ceph": {0x00c36400, false},
		"beegfs": {0x19830326, false}, "smb": {0xfe534d42, false}, "fuse": {0x65735546, false}, "9p": {0x01021997, false},
		"afs": {0x5346414f, false}, "gfs2": {0x01161970, false}, "ocfs2": {0x7461636f, false},
	} {
		if isAlone(c.kind) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}
