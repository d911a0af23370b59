// SPDX-License-Identifier: MIT

package private

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMake(t *testing.T) {
	top := home(t)
	for _, err := range []error{
		os.Mkdir(top+"/old", 0o755), os.Mkdir(top+"/open", 0o777), os.Chmod(top+"/open", 0o777),
		os.Mkdir(top+"/sticky", 0o777), os.Chmod(top+"/sticky", 0o777|os.ModeSticky),
		os.Mkdir(top+"/mine", 0o700), os.Mkdir(top+"/mine/open", 0o777), os.Chmod(top+"/mine/open", 0o777),
		os.WriteFile(top+"/file", nil, 0o600), os.Symlink(top+"/old", top+"/link"),
		os.Symlink("big/disk", top+"/dangling"), os.Symlink("link", top+"/twice"), os.Symlink(top+"/file", top+"/tofile"),
		os.Symlink("link/../open", top+"/toopen"), os.Symlink("loop/x", top+"/loop"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, why := range map[string]string{
		"fresh/.cache/kmodlab": "", "fresh/.cache/kmodlab/x": "", "old": "", "sticky/c": "", "mine/open/c": "", "link/c": "",
		"open/c": "open can be changed by others", "toopen/c": "open can be changed by others",
		"link": "", "twice": "", "dangling": "", "tofile": "file is not a folder", "loop": "too many levels",
		"file": "file is not a folder", "file/c": "file is not a folder", "loop/c": "too many levels of symbolic links",
	} {
		if err := Check(filepath.Join(top, dir)); (err != nil) != (why != "") {
			t.Errorf("%s is checked: %v, want %q", dir, err, why)
		}
		if _, err := os.Stat(top + "/fresh"); dir == "fresh/.cache/kmodlab" && err == nil {
			os.RemoveAll(top + "/fresh") // made for the longer name; a check makes nothing
			if Check(filepath.Join(top, dir)); exists(top + "/fresh") {
				t.Error("a check has made a folder")
			}
		}
		err := Make(filepath.Join(top, dir))
		if why == "" && err != nil || why != "" && (err == nil || !strings.Contains(err.Error(), why)) {
			t.Errorf("%s: %v, want %q", dir, err, why)
		}
		if fi, serr := os.Stat(filepath.Join(top, dir)); why == "" && (serr != nil || fi.Mode().Perm() != 0o700) {
			t.Errorf("%s: %v, %v", dir, fi.Mode(), serr)
		}
	}
}

// home is a folder that others may enter, as most homes are.
func home(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(top), 0o755), os.Chmod(top, 0o755)); err != nil {
		t.Fatal(err)
	}
	return top
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// TestMakeOthers: another user's folder, or link, on the way is refused.
func TestMakeOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's folder")
	}
	const other = 65533
	top := t.TempDir()
	for _, err := range []error{
		os.Chmod(top, 0o755), os.MkdirAll(top+"/home/.cache", 0o755), os.Chown(top+"/home", other, other),
		os.Mkdir(top+"/own", 0o700), os.Symlink(top+"/own", top+"/link"), os.Lchown(top+"/link", other, other),
		os.Mkdir(top+"/theirs", 0o700), os.Chown(top+"/theirs", other, other),
		os.Symlink("theirs", top+"/totheirs"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"home/.cache/kmodlab", "link/kmodlab", "link", "theirs", "totheirs"} {
		var private *Error
		if err := Make(filepath.Join(top, dir)); !errors.As(err, &private) || !strings.Contains(err.Error(), "user 65533") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if list, _ := os.ReadDir(top + "/home/.cache"); len(list) != 0 {
		t.Error("something was made in another user's folder")
	}
}

// TestMakeOwn: a person's link to a folder on another disk is followed, as is root's. The folder is then closed.
func TestMakeOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's link")
	}
	const me = 65533
	top := t.TempDir()
	for _, err := range []error{
		os.Chmod(top, 0o755), os.Mkdir(top+"/disk", 0o755), os.Chown(top+"/disk", me, me),
		os.Symlink("disk", top+"/mine"), os.Lchown(top+"/mine", me, me), os.Symlink("disk", top+"/root"),
		os.Symlink("disk", top+"/other"), os.Lchown(top+"/other", me-1, me-1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, why := range map[string]string{"mine": "", "root": "", "other": "is a link that belongs to user 65532"} {
		m := maker{dir: name, uid: me, unmapped: -1, create: true}
		err := m.follow(filepath.Join(top, name))
		if (err != nil) != (why != "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", name, err, why)
		}
	}
	if fi, err := os.Stat(top + "/disk"); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", fi, err)
	}
}

// TestMakeUnmapped: in a user namespace, what belongs to this machine's root shows as nobody's. It is passed on the
// way, and refused as the folder itself, or where anybody can have put it.
func TestMakeUnmapped(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's folder")
	}
	const nobody = 65534
	top := home(t)
	var errs []error
	for _, dir := range []string{"home", "home/me", "home/nobodys", "tmp", "tmp/x", "tmp/x/me", "home/open"} {
		errs = append(errs, os.Mkdir(filepath.Join(top, dir), 0o755))
	}
	errs = append(errs, os.Symlink("home", top+"/link"), os.Symlink("../home", top+"/tmp/link"))
	for _, name := range []string{"home", "home/nobodys", "tmp", "tmp/x", "home/open", "link", "tmp/link"} {
		errs = append(errs, os.Lchown(filepath.Join(top, name), nobody, nobody))
	}
	errs = append(errs, os.Chmod(top+"/tmp", 0o777|os.ModeSticky), os.Chmod(top+"/home/open", 0o777))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for dir, why := range map[string]string{
		"home/me/.cache/kmodlab": "", "link/me/.cache/kmodlab": "", "tmp/kmodlab": "",
		"home/nobodys": "namespace does not know (it shows as 65534): run kmodlab outside of it, or name another folder",
		"tmp/x/me":     "x belongs to a user that this user namespace does not know",
		"tmp/link/me":  "link is a link that belongs to a user that this user namespace does not know",
		"home/open/me": "open can be changed by others",
	} {
		m := maker{dir: dir, unmapped: nobody, create: true}
		err := m.follow(filepath.Join(top, dir))
		if (err != nil) != (why != "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", dir, err, why)
		}
		m = maker{dir: dir, unmapped: -1, create: true}
		if err := m.follow(filepath.Join(top, dir)); err == nil && strings.Contains(dir, "home") {
			t.Errorf("%s: in the machine's own namespace another user is trusted", dir)
		}
	}
}

func TestUnmappedBy(t *testing.T) {
	const overflow = "65534\n"
	for users, want := range map[string]int{
		"         0          0 4294967295\n":                                   -1,
		"         0       1000          1\n":                                   65534,
		"         0          1       1000\n      1000          0          1\n": 65534,
		"": 65534, // a namespace that has no users yet
	} {
		if got := unmappedBy(users, overflow); got != want {
			t.Errorf("%q: %d, want %d", users, got, want)
		}
	}
	if got := unmappedBy("0 1000 1", "?"); got != -1 {
		t.Errorf("without a number: %d", got)
	}
}

// TestFilled: what others may have put into a folder is refused, whether it is still open to them or was.
func TestFilled(t *testing.T) {
	for name, c := range map[string]struct {
		fill func(dir string) error
		why  string
	}{
		"empty":         {func(string) error { return nil }, ""},
		"own":           {func(dir string) error { return os.MkdirAll(dir+"/kernels/debian/x", 0o755) }, ""},
		"a file's link": {func(dir string) error { return os.Symlink("/etc/passwd", dir+"/link") }, ""},
		"open": {func(dir string) error {
			return errors.Join(os.Mkdir(dir+"/x", 0o755), os.Chmod(dir, 0o777))
		}, "may have put"},
		"open, empty": {func(dir string) error { return os.Chmod(dir, 0o777) }, ""},
		"sticky": {func(dir string) error {
			return errors.Join(os.Mkdir(dir+"/x", 0o755), os.Chmod(dir, 0o777|os.ModeSticky))
		}, "may have put"},
		"open within":        {func(dir string) error { return filled(dir + "/build") }, "build can be changed by others"},
		"open further":       {func(dir string) error { return filled(dir + "/kernels/debian") }, "debian can be changed by"},
		"open within, empty": {func(dir string) error { return openDir(dir + "/build") }, ""},
		"a link to itself":   {func(dir string) error { return os.Symlink(".", dir+"/x") }, ""},
		"a link to the root": {func(dir string) error { return os.Symlink("/", dir+"/x") }, "is everybody's"},
		"a link to an empty, open one": {func(dir string) error {
			return errors.Join(openDir(dir+"-disk"), os.Symlink(dir+"-disk", dir+"/build"))
		}, ""},
		"a link to an open one": {func(dir string) error {
			return errors.Join(openDir(dir+"-disk/b"), os.Chmod(dir+"-disk", 0o777), os.Symlink(dir+"-disk", dir+"/build"))
		}, "disk can be changed by others"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(home(t), "cache")
			if err := errors.Join(os.Mkdir(dir, 0o755), c.fill(dir)); err != nil {
				t.Fatal(err)
			}
			before := modeOf(t, dir)
			for i, check := range []func(string) error{Check, Make} {
				if err := check(dir); (err != nil) != (c.why != "") || err != nil && !strings.Contains(err.Error(), c.why) {
					t.Errorf("%v, want %q", err, c.why)
				}
				after, want := modeOf(t, dir), before
				if i == 1 && c.why == "" {
					want = 0o700
				}
				if after != want && !(i == 1 && after == 0o700) {
					t.Errorf("mode %v, before %v", after, before)
				}
				for _, inner := range []string{dir + "/build", dir + "-disk"} {
					if fi, err := os.Stat(inner); err == nil && want == 0o700 && fi.Mode().Perm() != 0o700 {
						t.Errorf("%s has mode %v", inner, fi.Mode())
					}
				}
			}
		})
	}
}

func filled(dir string) error { return errors.Join(openDir(dir), os.WriteFile(dir+"/x", nil, 0o600)) }

func openDir(dir string) error { return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o777)) }

func modeOf(t *testing.T, dir string) os.FileMode {
	t.Helper()
	fi, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Mode() &^ os.ModeDir
}

// TestFilledByOthers: what belongs to another user is in nobody's own cache.
func TestFilledByOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's file")
	}
	for _, name := range []string{"build", "symbols/x", "link"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink("/", path),
			os.Lchown(path, 65533, 65533)); err != nil {
			t.Fatal(err)
		}
		if err := Make(dir); err == nil || !strings.Contains(err.Error(), name+" belongs to user 65533: remove it, or, ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckLeaves: a folder that is only looked at stays as it is.
func TestCheckLeaves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "old")
	if err := errors.Join(os.Mkdir(dir, 0o755), Check(dir)); err != nil || modeOf(t, dir) != 0o755 {
		t.Errorf("%v, mode %v", err, modeOf(t, dir))
	}
}

// TestFollow: ".." behind a link is the parent of where it leads to, as for the kernel.
func TestFollow(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(top+"/a/b/c", 0o755), os.Mkdir(top+"/x", 0o755), os.Mkdir(top+"/a/x", 0o755),
		os.Symlink("a/b", top+"/m"), os.Symlink("m/../x", top+"/n"), os.Symlink("/proc/self/cwd", top+"/p")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(top + "/a")
	pass := Way{
		Link:  func(string, string, os.FileInfo) error { return nil },
		Level: func(string, string, os.FileInfo, bool) error { return nil },
	}
	for name, want := range map[string]string{
		top + "/m/../x": top + "/a/x", top + "/n": top + "/a/x", "../m/../x": top + "/a/x", "b/./c": top + "/a/b/c",
		top + "/m/c/../../..": top, "/": "/", "x": top + "/a/x", "": top + "/a",
	} {
		if got, unseen, err := pass.Follow(name); got != want || unseen != nil || err != nil {
			t.Errorf("%q: %q, %v, %v, want %q", name, got, unseen, err, want)
		}
	}
	for name, want := range map[string]string{
		top + "/none/../x": top + "/none/../x", top + "/m/none": top + "/a/b/none",
		"/proc/self/cwd/b": "/proc/self/cwd/b",
	} {
		if got, unseen, err := pass.Follow(name); got != want || unseen == nil || err != nil {
			t.Errorf("%q: %q, %v, %v, want %q", name, got, unseen, err, want)
		}
	}
}

// TestRootsInside: what root has put into a user's cache, as mkfs does with lost+found, is fine.
func TestRootsInside(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make root's file")
	}
	const me = 65533
	dir := home(t)
	if err := errors.Join(os.Mkdir(dir+"/lost+found", 0o700), os.Lchown(dir, me, me)); err != nil {
		t.Fatal(err)
	}
	m := maker{dir: dir, uid: me, unmapped: -1, create: true}
	if err := m.follow(dir); err != nil {
		t.Error(err)
	}
	for gid, refused := range map[int]bool{0: false, me: true} { // the group root, and another
		dir := filepath.Join(home(t), "above")
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Lchown(dir, 0, gid), os.Chmod(dir, 0o775)); err != nil {
			t.Fatal(err)
		}
		if err := Make(dir + "/cache"); (err != nil) != refused {
			t.Errorf("in a folder that group %d can change: %v", gid, err)
		}
	}
}

// TestUnseen: a folder that cannot be looked at is not one's own, and the reason is said.
func TestUnseen(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 300))
	for _, check := range []func(string) error{Check, Make} {
		if err := check(long); !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("%v, want why it cannot be seen", err)
		}
	}
}
