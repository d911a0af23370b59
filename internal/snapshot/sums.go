// SPDX-License-Identifier: MIT

package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
)

// identity shows that a file is one that this host has seen, and was not modified since: the kernel sets the time of
// the last change, and nobody can set it back.
type identity struct {
	Device, Inode uint64
	Size          int64
	ModifyNS      int64
	ChangedNS     int64
}

func identify(f *os.File) (identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return identity{}, err
	}
	return identity{uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()}, nil
}

// Sums remembers the hashes of files, so that a run need not read them. A file is known by its identity: one that was
// modified, copied, or is seen by another host is read again.
type Sums struct {
	path    string
	known   map[string]string
	changed bool
}

// maxSums bounds the hashes that are remembered; beyond it, all are forgotten.
const maxSums = 256

// Sums reads the remembered hashes; there are none if they cannot be read.
func (s Store) Sums() *Sums {
	sums := &Sums{path: filepath.Join(s.Dir, "sums.json")}
	data, err := os.ReadFile(sums.path)
	if err != nil || json.Unmarshal(data, &sums.known) != nil || sums.known == nil || len(sums.known) > maxSums {
		sums.known = map[string]string{}
	}
	return sums
}

// Of returns the SHA-256 of a file's contents, in hexadecimal.
func (s *Sums) Of(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return s.of(f, "", sumOf)
}

// content is what a file has, which must have size bytes: that of another size is not read.
func (s *Sums) content(f *os.File, size int64) (content, error) {
	st, err := f.Stat()
	if err != nil || st.Size() != size {
		return content{Size: -1}, err
	}
	sum, err := s.of(f, "data ", sumOfData)
	return content{size, sum}, err
}

// of is the hash of a file by one way to hash, which kind names.
func (s *Sums) of(f *os.File, kind string, read func(*os.File) (string, error)) (string, error) {
	id, err := identify(f)
	if err != nil {
		return "", err
	}
	key := kind + fmt.Sprint(id)
	if sum := s.known[key]; sum != "" {
		return sum, nil
	}
	sum, err := read(f)
	if err != nil {
		return "", err
	}
	after, err := identify(f)
	if err == nil && after == id { // else it is being written
		s.known[key], s.changed = sum, true
	}
	return sum, err
}

func sumOf(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sumBlock is how much sumOfData takes at once.
const sumBlock = 64 << 10

// sumOfData hashes a file's blocks that are not all zeros, each after its place: the same for a copy without the holes.
// At the end the file's offset is 0.
func sumOfData(f *os.File) (string, error) {
	h := sha256.New()
	block, zeros := make([]byte, sumBlock), make([]byte, sumBlock)
	for at := int64(0); ; at += sumBlock {
		at = dataFrom(f, at)
		n, err := f.ReadAt(block, at)
		if n > 0 && !bytes.Equal(block[:n], zeros[:n]) {
			addBlock(h, at, block[:n])
		}
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

func addBlock(h hash.Hash, at int64, block []byte) {
	binary.Write(h, binary.LittleEndian, [2]int64{at, int64(len(block))}) // a hash takes everything
	h.Write(block)
}

// dataFrom is the first block from at on that may have data. Where nothing follows, and on a file system that does not
// know holes, it is that at at.
func dataFrom(f *os.File, at int64) int64 {
	offset, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	defer f.Seek(0, io.SeekStart)
	if errors.Is(err, unix.ENXIO) {
		if st, err := f.Stat(); err == nil { // a hole up to the end
			return max(at, st.Size())
		}
	}
	if err != nil {
		return at
	}
	return offset - offset%sumBlock
}

// Save writes the new hashes. The caller may ignore its error.
func (s *Sums) Save() error {
	if !s.changed {
		return nil
	}
	data, err := json.Marshal(s.known)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(s.path, data, 0o600)
}
