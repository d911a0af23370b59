// SPDX-License-Identifier: MIT

package kernel

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// elfWith is an ELF file of one segment of notes.
func elfWith(notes []byte) []byte {
	b := make([]byte, 64+56)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], 2)  // executable
	le.PutUint16(b[18:], 62) // x86-64
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], 64) // program headers
	le.PutUint16(b[52:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 1)
	le.PutUint32(b[64:], 4) // PT_NOTE
	le.PutUint64(b[72:], uint64(len(b)))
	le.PutUint64(b[96:], uint64(len(notes)))
	le.PutUint64(b[104:], uint64(len(notes)))
	return append(b, notes...)
}

func note(name string, kind uint32, content string) []byte {
	var b []byte
	for _, n := range []uint32{uint32(len(name)), uint32(len(content)), kind} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	for _, s := range []string{name, content} {
		b = append(b, s...)
		b = append(b, make([]byte, -len(b)&3)...)
	}
	return b
}

var pvhKernel = elfWith(append(note("Xen\x00", 5, "xen-3.0\x00"), note("Xen\x00", physEntry, "\x00\x00\x00\x01")...))

// packedImage is a bzImage with that payload, followed by its size.
func packedImage(payload []byte, tail int) []byte {
	image := bzImage("6.1.0")
	image = append(image, make([]byte, 5*512-len(image)%512)...)
	sectors := len(image)/512 - 1
	image = image[:(sectors+1)*512]
	image[0x1f1] = byte(sectors)
	binary.LittleEndian.PutUint16(image[0x206:], 0x20f)
	binary.LittleEndian.PutUint32(image[0x248:], 16)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(payload)+tail))
	image = append(image, make([]byte, 16)...)
	return append(append(image, payload...), "\x40\x01\x00\x00more"...)
}

func pack(t testing.TB, data []byte, writer func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := writer(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func withZstd(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }
func withGzip(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }
func withLZ4(w io.Writer) (io.WriteCloser, error) {
	z := lz4.NewWriter(w)
	return z, z.Apply(lz4.LegacyOption(true))
}

func TestDirect(t *testing.T) {
	for name, tt := range map[string]struct {
		image []byte
		ok    bool
	}{
		"zstd":           {packedImage(pack(t, pvhKernel, withZstd), 4), true},
		"lz4":            {packedImage(pack(t, pvhKernel, withLZ4), 4), true},
		"gzip":           {packedImage(pack(t, pvhKernel, withGzip), 0), true},
		"xz":             {packedImage([]byte("\xfd7zXZ\x00 and more"), 4), false},
		"damaged":        {packedImage(pack(t, pvhKernel, withZstd)[:30], 4), false},
		"no PVH":         {packedImage(pack(t, elfWith(note("Xen\x00", 5, "xen")), withZstd), 4), false},
		"not ELF":        {packedImage(pack(t, []byte("no ELF file at all, but long enough"), withZstd), 4), false},
		"behind the end": {packedImage(pack(t, pvhKernel, withZstd), 1<<20), false},
		"not a bzImage":  {pvhKernel, false},
		"empty":          {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			k := &Kernel{ID: "id", Image: filepath.Join(dir, "vmlinuz")}
			if err := os.WriteFile(k.Image, tt.image, 0o600); err != nil {
				t.Fatal(err)
			}
			path, err := k.Direct(filepath.Join(dir, "vmlinux"))
			if !tt.ok {
				if !errors.Is(err, ErrNotDirect) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, pvhKernel) {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(pvhKernel))
			}
			os.Remove(k.Image)
			if again, err := k.Direct(filepath.Join(dir, "vmlinux")); err != nil || again != path {
				t.Errorf("the second time %s, %v", again, err)
			}
		})
	}
}

// TestDirectKept: the file is kept beside a Debian kernel's image and removed with it; few are kept of other kernels.
func TestDirectKept(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "vmlinuz")
	if err := os.WriteFile(image, packedImage(pack(t, pvhKernel, withZstd), 4), 0o600); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	fetched := &Kernel{ID: "fetched", Image: image, RootImage: filepath.Join(home, "root.img")}
	if path, err := fetched.Direct(filepath.Join(dir, "vmlinux")); err != nil || filepath.Dir(path) != home {
		t.Errorf("kept as %s, %v; want it in %s", path, err, home)
	}
	if _, err := (&Kernel{ID: "host", Image: image}).Direct(""); !errors.Is(err, ErrNotDirect) {
		t.Errorf("without a folder: %v", err)
	}
	var last string
	for i := range maxDirect + 3 {
		var err error
		if last, err = (&Kernel{ID: fmt.Sprint("host", i), Image: image}).Direct(dir); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, directPrefix+"*"))
	if err != nil || len(files) != maxDirect || !slices.Contains(files, last) {
		t.Errorf("%d are kept, %v: %q", len(files), err, files)
	}
	if _, err := (&Kernel{ID: "new", Image: image}).Direct(image); err == nil || errors.Is(err, ErrNotDirect) {
		t.Errorf("where no folder can be: %v", err)
	}
}

func FuzzPayload(f *testing.F) {
	f.Add(packedImage(pack(f, pvhKernel, withZstd), 4))
	f.Add(packedImage(pack(f, pvhKernel, withLZ4), 4))
	f.Add(packedImage(pack(f, pvhKernel, withGzip), 0))
	f.Fuzz(func(t *testing.T, image []byte) {
		r, err := payload(image)
		if err == nil {
			data, _ := io.ReadAll(io.LimitReader(r, 1<<20))
			err = checkPVH(bytes.NewReader(data))
		}
		if err != nil && !errors.Is(err, ErrNotDirect) {
			t.Fatal(err)
		}
	})
}
