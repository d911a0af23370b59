// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// writeThrough writes a file and returns what its target has then.
func writeThrough(t *testing.T, name, target string) (string, error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	err := writeFile(ctx, name, func(w io.Writer) error {
		_, err := io.WriteString(w, "new")
		return err
	})
	text, _ := os.ReadFile(target)
	return string(text), err
}

// TestOthersLinks: a file is not written through another user's link in /tmp, as with fs.protected_symlinks, nor in
// other folders that several users write to.
func TestOthersLinks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's link")
	}
	const other, third = 54321, 54322
	top := t.TempDir()
	for name, tt := range map[string]struct {
		mode              os.FileMode
		folder, link      int
		inFolder, refused bool
	}{
		"another's link in /tmp":        {os.ModeSticky | 0o777, 0, other, false, true},
		"a folder of another's in /tmp": {os.ModeSticky | 0o777, 0, other, true, true},
		"another's, a third's folder":   {os.ModeSticky | 0o777, third, other, false, true},
		"our link in /tmp":              {os.ModeSticky | 0o777, other, 0, false, false},
		"the folder's owner's":          {os.ModeSticky | 0o777, other, other, false, false},
		"for a group":                   {os.ModeSticky | 0o775, 0, other, false, true},
		"not sticky":                    {0o777, 0, other, false, true},
		"root's link":                   {0o777, other, 0, false, false},
		"only the owner writes there":   {0o755, 0, other, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			own, shared := filepath.Join(top, name, "own"), filepath.Join(top, name, "shared")
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(os.MkdirAll(own, 0o700))
			must(os.MkdirAll(shared, 0o700))
			target := filepath.Join(own, "r.json")
			must(os.WriteFile(target, []byte("old"), 0o600))
			link, file, to := filepath.Join(shared, "l.json"), filepath.Join(shared, "l.json"), "../own/r.json"
			if tt.inFolder {
				link, file, to = filepath.Join(shared, "l"), filepath.Join(shared, "l", "r.json"), own
			}
			must(os.Symlink(to, link))
			must(os.Lchown(link, tt.link, tt.link))
			must(os.Chown(shared, tt.folder, tt.folder))
			must(os.Chmod(shared, tt.mode))
			text, err := writeThrough(t, file, target)
			var refused *linkError
			if errors.As(err, &refused) != tt.refused || text != map[bool]string{true: "old", false: "new"}[tt.refused] {
				t.Errorf("%v, and the target has %q", err, text)
			}
			o := outputs{files: []string{file}}
			if err := o.check(); (err != nil) != tt.refused {
				t.Errorf("before the work: %v", err)
			}
			if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
				t.Errorf("the link is gone: %v, %v", st, err)
			}
		})
	}
	shared := filepath.Join(top, "fifo")
	if err := errors.Join(os.Mkdir(shared, 0o700), os.Chmod(shared, os.ModeSticky|0o777),
		unix.Mkfifo(shared+"/x.json", 0o666), os.Chown(shared+"/x.json", other, other)); err != nil {
		t.Fatal(err)
	}
	var refused *linkError
	if _, err := writeThrough(t, shared+"/x.json", ""); !errors.As(err, &refused) {
		t.Errorf("another's FIFO: %v", err)
	}
}

// TestStillOurs: another user's FIFO that comes after the way to it was followed is not written to.
func TestStillOurs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's FIFO")
	}
	for owner, refused := range map[int]bool{0: false, 54321: true} {
		dir := t.TempDir()
		name := filepath.Join(dir, "x.json")
		if err := errors.Join(os.Chmod(dir, os.ModeSticky|0o777), unix.Mkfifo(name, 0o666),
			os.Chown(name, owner, owner)); err != nil {
			t.Fatal(err)
		}
		reader, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		var other *linkError
		f, err := openPipe(t.Context(), name)
		if errors.As(err, &other) != refused || !refused && err != nil {
			t.Errorf("owner %d: %v", owner, err)
		}
		if err == nil {
			f.Close()
		}
	}
}

func TestFollowed(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(top+"/d", 0o700), os.Symlink("d", top+"/l"), os.Symlink(top+"/l/x", top+"/abs"),
		os.Symlink("../l/none", top+"/d/dangling"), os.Symlink("loop", top+"/loop"),
		os.MkdirAll(top+"/e/f", 0o700), os.Symlink("e/f", top+"/m")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(top)
	for name, want := range map[string]string{
		"x": top + "/x", "l/x": top + "/d/x", "abs": top + "/d/x", "l/../x": top + "/x", "m/../x": top + "/e/x",
		"l/dangling": top + "/d/none",
		"none/y":     top + "/none/y", "/proc/self/fd/1": "", "loop": "",
	} {
		got, err := followed(name)
		switch {
		case name == "loop":
			if err == nil {
				t.Errorf("%s: %s", name, got)
			}
		case want == "":
			if _, statErr := os.Stat(got); err != nil || statErr != nil {
				t.Errorf("%s: %s, %v, %v", name, got, err, statErr)
			}
		case err != nil || got != want:
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
}
