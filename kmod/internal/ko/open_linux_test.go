// SPDX-License-Identifier: MIT

package ko

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOpen: only regular files are opened, and nothing waits, not even if a FIFO takes a file's place.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.WriteFile(dir+"/a.ko", []byte("12345"), 0o600), os.Symlink("a.ko", dir+"/link.ko"),
		syscall.Mkfifo(dir+"/fifo.ko", 0o600), os.Mkdir(dir+"/dir.ko", 0o700), os.Symlink("/dev/null", dir+"/null.ko"),
		os.WriteFile(dir+"/large.ko", nil, 0o600), os.Truncate(dir+"/large.ko", MaxSize+1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"a.ko": "", "link.ko": "", "fifo.ko": "named pipe", "dir.ko": "directory", "null.ko": "device file",
		"large.ko": ErrTooLarge.Error(), "none.ko": fs.ErrNotExist.Error(),
	} {
		f, size, err := Open(filepath.Join(dir, name))
		if kind, is := errors.AsType[*FormatError](err); is {
			err = errors.New(kind.Reason)
		}
		switch {
		case want == "":
			if err != nil || size != 5 {
				t.Errorf("%s: %d bytes, %v", name, size, err)
				continue
			}
			f.Close()
		case err == nil || err.Error() != want && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrTooLarge):
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, name := range []string{"fifo.ko", "large.ko"} { // it comes in between
		_, _, err := open(dir+"/a.ko", func(string) (*os.File, error) { return OpenNow(filepath.Join(dir, name)) })
		if _, is := errors.AsType[*FormatError](err); !is && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s takes a file's place: %v", name, err)
		}
	}
}
