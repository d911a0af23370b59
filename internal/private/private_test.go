// SPDX-License-Identifier: MIT

package private

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMake(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{filepath.Dir(top), top} { // as a home is
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.Mkdir(top+"/old", 0o755), os.Mkdir(top+"/open", 0o777), os.Chmod(top+"/open", 0o777),
		os.Mkdir(top+"/sticky", 0o777), os.Chmod(top+"/sticky", 0o777|os.ModeSticky),
		os.Mkdir(top+"/mine", 0o700), os.Mkdir(top+"/mine/open", 0o777), os.Chmod(top+"/mine/open", 0o777),
		os.WriteFile(top+"/file", nil, 0o600), os.Symlink(top+"/old", top+"/link"),
		os.Symlink("link/../open", top+"/toopen"), os.Symlink("loop/x", top+"/loop"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, why := range map[string]string{
		"fresh/.cache/kmodlab": "", "fresh/.cache/kmodlab/x": "", "old": "", "sticky/c": "", "mine/open/c": "", "link/c": "",
		"open/c": "open can be changed by others", "toopen/c": "open can be changed by others", "link": "link is a link",
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

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// TestMakeOthers: another user's folder, or link, on the way is refused.
func TestMakeOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can make another user's folder")
	}
	const other = 65533
	top := t.TempDir()
	for _, err := range []error{
		os.Chmod(top, 0o755), os.MkdirAll(top+"/home/.cache", 0o755), os.Chown(top+"/home", other, other),
		os.Mkdir(top+"/own", 0o700), os.Symlink(top+"/own", top+"/link"), os.Lchown(top+"/link", other, other),
		os.Mkdir(top+"/theirs", 0o700), os.Chown(top+"/theirs", other, other),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"home/.cache/kmodlab", "link/kmodlab", "theirs"} {
		var private *Error
		if err := Make(filepath.Join(top, dir)); !errors.As(err, &private) || !strings.Contains(err.Error(), "user 65533") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if list, _ := os.ReadDir(top + "/home/.cache"); len(list) != 0 {
		t.Error("something was made in another user's folder")
	}
}
