// SPDX-License-Identifier: MIT

package snapshot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/filelock"
)

// Bounds of a store. An image of 512 MiB of memory takes some 200 MB: pages that the guest
// never wrote are not on the disk.
const (
	MaxImages = 8
	MaxBytes  = 4 << 30
)

func sortByUse(images []Image) {
	slices.SortFunc(images, func(a, b Image) int { return a.LastUse.Compare(b.LastUse) })
}

// diskUse counts blocks, because the memory's file has holes.
func diskUse(dir string) int64 {
	var sum int64
	for _, name := range []string{ramFile, stateFile, factsFile} {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(dir, name), &st) == nil {
			sum += 512 * st.Blocks
		}
	}
	return sum
}

// Prune removes the least recently used images until at most count of them are left, with
// at most size bytes, and what killed processes left. It returns the removed images.
func (s Store) Prune(count int, size int64) ([]Image, error) {
	images, err := s.Images()
	if err != nil {
		return nil, err
	}
	var total int64
	for _, i := range images {
		total += i.Bytes
	}
	var gone []Image
	for len(images) > count || total > size {
		if len(images) == 0 {
			break
		}
		if err := s.Remove(images[0].Key); err != nil {
			return gone, err
		}
		gone = append(gone, images[0])
		total -= images[0].Bytes
		images = images[1:]
	}
	return gone, s.sweep(images)
}

// sweep removes everything that is not part of an image or in use by a living process.
func (s Store) sweep(kept []Image) error {
	locks, err := filepath.Glob(filepath.Join(s.Dir, "*"+locked))
	if err != nil {
		return err
	}
	for _, path := range locks {
		key := strings.TrimSuffix(filepath.Base(path), locked)
		lock, err := filelock.TryOld(path)
		if err != nil {
			continue
		}
		err = os.RemoveAll(s.path(key) + fresh)
		if !slices.ContainsFunc(kept, func(i Image) bool { return i.Key == key }) {
			err = errors.Join(err, os.RemoveAll(s.path(key)+refused), os.Remove(path))
		}
		lock.Close()
		if err != nil {
			return fmt.Errorf("remove snapshot: %w", err)
		}
	}
	return nil
}
