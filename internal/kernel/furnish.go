// SPDX-License-Identifier: MIT

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// mountPoints are empty folders for what a sandbox or a machine mounts.
var mountPoints = []string{
	"proc", "sys", "dev", "run", "tmp", "work", "root", "mnt", "home", "etc",
	"var/tmp", "var/log", "boot",
}

// links are what the packages' scripts would have created, if the target exists.
var links = []struct{ name, target string }{
	{"usr/bin/sh", "dash"},
	{"usr/bin/awk", "mawk"},
	{"usr/bin/cc", "gcc"},
	{"usr/bin/which", "which.debianutils"},
	{"etc/mtab", "../proc/self/mounts"},
}

// accounts are the files that base-passwd's script would have created, as far as tools look at them.
var accounts = map[string]string{
	"etc/passwd":   "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	"etc/group":    "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
	"etc/hosts":    "127.0.0.1\tlocalhost\n",
	"etc/hostname": "kmodlab\n",
}

// furnish adds to an unpacked tree what its packages' scripts would have created.
func furnish(root string) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("furnish kernel tree: %w", err)
	}
	defer r.Close()
	for _, dir := range mountPoints {
		if err := r.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("furnish kernel tree: %w", err)
		}
	}
	for _, dir := range []string{"tmp", "var/tmp"} {
		if err := r.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
			return fmt.Errorf("furnish kernel tree: %w", err)
		}
	}
	for name, text := range accounts {
		if _, err := r.Lstat(name); err == nil {
			continue
		}
		if err := r.WriteFile(name, []byte(text), 0o644); err != nil {
			return fmt.Errorf("furnish kernel tree: %w", err)
		}
	}
	for _, l := range links {
		if err := linkIfThere(r, l.name, l.target); err != nil {
			return fmt.Errorf("furnish kernel tree: %w", err)
		}
	}
	return linkImages(r, root)
}

func linkIfThere(r *os.Root, name, target string) error {
	if _, err := r.Lstat(name); err == nil {
		return nil
	}
	at := path.Join(path.Dir(name), target)
	if _, err := r.Lstat(at); err != nil && name != "etc/mtab" {
		return nil
	}
	if err := r.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// linkImages puts the files of a 7.x kernel where kernels up to 6.x have them, since a lab machine's scripts look in
// boot.
func linkImages(r *os.Root, root string) error {
	dirs, _ := filepath.Glob(filepath.Join(root, "usr/lib/modules/*"))
	for _, dir := range dirs {
		release := filepath.Base(dir)
		for _, file := range []string{"vmlinuz", "config", "System.map"} {
			in := path.Join("usr/lib/modules", release, file)
			if _, err := r.Lstat(in); err != nil {
				continue
			}
			at := "boot/" + file + "-" + release
			if _, err := r.Lstat(at); err == nil {
				continue
			}
			if err := r.Symlink("../"+in, at); err != nil {
				return fmt.Errorf("furnish kernel tree: %w", err)
			}
		}
	}
	return nil
}
