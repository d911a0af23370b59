// SPDX-License-Identifier: MIT

package kernel

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/pierrec/lz4/v4"
)

// ErrNotDirect means that a kernel cannot be entered without its own decompressor.
var ErrNotDirect = errors.New("the kernel has to unpack itself")

// maxKernel bounds an unpacked kernel; Debian's take 40 to 80 MB.
const maxKernel = 512 << 20

// maxDirect is how many unpacked kernels a folder keeps: the newest ones.
const maxDirect = 4

// Direct returns the kernel unpacked, as an ELF file that QEMU (4.0 and later) enters at its PVH note. Under emulation
// the kernel's own decompressor takes 0.4 s of a boot with lz4 (Debian's 6.1), 1.5 s with zstd (7.3). The file is kept
// beside a Debian kernel's image, and removed with it (Remove); those of other kernels are kept in dir. The error is
// ErrNotDirect for a kernel without CONFIG_PVH, and for one whose compression only its own decompressor can read and no
// library of ours: xz with a filter for x86, lzma, lzo, bzip2.
func (k *Kernel) Direct(dir string) (string, error) {
	if k.RootImage != "" {
		dir = filepath.Dir(k.RootImage)
	}
	if k.ID == "" || dir == "" {
		return "", fmt.Errorf("%w: there is nowhere to keep it", ErrNotDirect)
	}
	path := filepath.Join(dir, directPrefix+k.ID)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := k.writeDirect(path); err != nil {
		return "", fmt.Errorf("unpack kernel %s: %w", k.Image, err)
	}
	pruneDirect(dir)
	return path, nil
}

const directPrefix = "vmlinux-"

// writeDirect checks first that the kernel can be read, and then writes it.
func (k *Kernel) writeDirect(path string) error {
	image, err := os.ReadFile(k.Image)
	if err != nil {
		return err
	}
	r, err := payload(image)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := atomicfile.Create(path, 0o644)
	if err != nil {
		return err
	}
	defer f.Drop() // does nothing once it is committed
	n, err := io.Copy(f, io.LimitReader(r, maxKernel))
	if err != nil {
		return fmt.Errorf("%w: read its payload: %w", ErrNotDirect, err)
	}
	if n == maxKernel {
		return fmt.Errorf("%w: unpacked it has %d bytes or more", ErrNotDirect, n)
	}
	if err := checkPVH(f); err != nil {
		return err
	}
	return f.Commit()
}

// pruneDirect removes the oldest files. It does no harm if one cannot be removed: the next call tries again.
func pruneDirect(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, directPrefix+"*"))
	age := func(path string) int64 {
		st, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return st.ModTime().UnixNano()
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(age(b), age(a)) })
	for _, path := range files[min(len(files), maxDirect):] {
		os.Remove(path)
	}
}

// payload reads the ELF file in a bzImage. The boot protocol (2.08 and later) says where it is; the packed data is
// followed by four more bytes, the unpacked size.
func payload(image []byte) (io.Reader, error) {
	if bzImageRelease(image) == "" {
		return nil, fmt.Errorf("%w: not a bzImage", ErrNotDirect)
	}
	sectors := uint64(image[0x1f1])
	if sectors == 0 {
		sectors = 4
	}
	field := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(image[at:])) }
	if len(image) < 0x250 || binary.LittleEndian.Uint16(image[0x206:]) < 0x208 {
		return nil, fmt.Errorf("%w: its boot protocol does not say where the payload is", ErrNotDirect)
	}
	begin := (sectors+1)*512 + field(0x248)
	end := begin + field(0x24c)
	if end > uint64(len(image)) || end-begin < 8 {
		return nil, fmt.Errorf("%w: its payload lies past its end", ErrNotDirect)
	}
	return unpacker(image[begin:end-4], image[begin:end])
}

// unpacker reads a payload; for gzip, its own end determines the size.
func unpacker(packed, whole []byte) (io.Reader, error) {
	var r io.Reader
	var err error
	switch {
	case bytes.HasPrefix(packed, []byte("\x02\x21\x4c\x18")):
		r = lz4.NewReader(bytes.NewReader(packed))
	case bytes.HasPrefix(packed, []byte("\x28\xb5\x2f\xfd")):
		r, err = zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxKernel))
	case bytes.HasPrefix(packed, []byte("\x1f\x8b")):
		r, err = gzip.NewReader(bytes.NewReader(whole))
	default:
		return nil, fmt.Errorf("%w: its payload begins with %x", ErrNotDirect, packed[:4])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read its payload: %w", ErrNotDirect, err)
	}
	return r, nil
}

// physEntry is XEN_ELFNOTE_PHYS32_ENTRY, the entry address (PVH).
const physEntry = 18

// checkPVH checks that QEMU can enter the kernel.
func checkPVH(file io.ReaderAt) error {
	f, err := elf.NewFile(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotDirect, err)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > 1<<20 {
			continue
		}
		notes := make([]byte, p.Filesz)
		if _, err := p.ReadAt(notes, 0); err != nil {
			return fmt.Errorf("%w: read its notes: %w", ErrNotDirect, err)
		}
		if hasNote(notes, f.ByteOrder, "Xen\x00", physEntry) {
			return nil
		}
	}
	return fmt.Errorf("%w: it has no PVH entry (CONFIG_PVH)", ErrNotDirect)
}

// hasNote looks for a note in a segment of notes: the sizes of name and content, the type, then name and content, each
// padded to four bytes.
func hasNote(notes []byte, order binary.ByteOrder, name string, kind uint32) bool {
	for len(notes) >= 12 {
		nameSize, size := order.Uint32(notes), order.Uint32(notes[4:])
		next := 12 + (uint64(nameSize)+3)&^3 + (uint64(size)+3)&^3
		if next > uint64(len(notes)) {
			return false
		}
		if order.Uint32(notes[8:]) == kind && string(notes[12:12+nameSize]) == name {
			return true
		}
		notes = notes[next:]
	}
	return false
}
