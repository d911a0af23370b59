// SPDX-License-Identifier: MIT

package ko

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

func TestNames(t *testing.T) {
	for name, plain := range map[string]string{
		"a.ko": "a.ko", "a.ko.xz": "a.ko", "a.ko.gz": "a.ko", "k/a.ko.zst": "k/a.ko", "a.xz": "a.xz",
		"a.ko.bz2": "a.ko.bz2", "": "",
	} {
		if got := PlainName(name); got != plain {
			t.Errorf("PlainName(%q) = %q, want %q", name, got, plain)
		}
	}
	for name, want := range map[string]bool{"a.ko": true, "a.ko.zst": true, ".ko": true, "a.ko.debug": false,
		"a.KO": false, "": false} {
		if got := IsModuleName(name); got != want {
			t.Errorf("IsModuleName(%q) = %v", name, got)
		}
	}
}

func TestCheckRelease(t *testing.T) {
	for _, release := range []string{"6.1.0-56-cloud-amd64", "none", "5.10", "a b", "...", "6.1+"} {
		if err := CheckRelease(release); err != nil {
			t.Errorf("%q: %v", release, err)
		}
	}
	for _, release := range []string{"", ".", "..", "/", "a/b", "6.1/", `a\b`, "a\x00"} {
		if err := CheckRelease(release); !errors.Is(err, ErrRelease) {
			t.Errorf("%q: %v, want ErrRelease", release, err)
		}
	}
}

// An Unpacker serves one file after another, of any kind, also after a damaged one.
func TestUnpackerAgain(t *testing.T) {
	var u Unpacker
	plain := kmodtest.Sample().Bytes()
	for _, kind := range []string{XZ, Gzip, XZ, Zstd, XZ} {
		packed, err := kmodtest.Compress(kind, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := Compression(packed); got != kind {
			t.Errorf("%s is taken for %q", kind, got)
		}
		if got, err := u.Unpack(packed); err != nil || string(got) != string(plain) {
			t.Errorf("%s: %d bytes, want %d; %v", kind, len(got), len(plain), err)
		}
		if _, ok := errors.AsType[*FormatError](second(u.Unpack(packed[:len(packed)/2]))); !ok {
			t.Errorf("half of %s is no FormatError", kind)
		}
	}
	if got, err := u.Unpack(plain); err != nil || &got[0] != &plain[0] {
		t.Errorf("plain data: copied, or %v", err)
	}
}

func second(_ []byte, err error) error { return err }

// FuzzFile reads everything of an object that a caller may ask for.
func FuzzFile(f *testing.F) {
	whole := kmodtest.Sample().Bytes()
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(kmodtest.Module{Is32: true, Big: true}.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			if _, ok := errors.AsType[*FormatError](err); !ok || err.Error() == "" {
				t.Fatalf("got %v", err)
			}
			return
		}
		size := 0
		err = file.Symbols(func(s Symbol) {
			file.CRC(s)
			size += len(s.Name) + len(file.StringAt(s))
		})
		for name := range file.Versions() {
			size += len(name)
		}
		for name := range file.KsymtabNames() {
			size += len(name)
		}
		if most := (len(data) + 1) * (len(data) + 1); size > most {
			t.Fatalf("%d bytes of names from %d; %v", size, len(data), err)
		}
	})
}

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
	f, err := OpenNow(dir + "/fifo.ko") // as if it had just come
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || checkFile(fi) == nil {
		t.Errorf("a FIFO passes for a file: %v", err)
	}
}
