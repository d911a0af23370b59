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

// Bounds of a store. An image of 512 MiB of memory takes some 200 MB: what the
// guest has never written to is not on the disk.
const (
	MaxImages = 8
	MaxBytes  = 4 << 30
)

func sortByUse(images []Image) {
	slices.SortFunc(images, func(a, b Image) int { return a.LastUse.Compare(b.LastUse) })
}

// diskUse counts blocks, not sizes: the memory's file has holes.
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

// Prune removes the images that were not used for the longest time until no more
// than count of them are left, with no more than size bytes, and what processes
// left that were killed. It returns what it removed.
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

// sweep removes what lies beside images, but for what a living process holds.
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
			return fmt.Errorf("remove saved machine: %w", err)
		}
	}
	return nil
}
