// SPDX-License-Identifier: MIT

package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/filelock"
)

// Store keeps kernels under Dir and fetches what is missing. Several processes, and several Stores in one process, may
// share a Dir.
//
// Each Debian kernel is a folder Dir/debian-SUITE[_FLAVOUR][_ABI] with root/, root.ext4 and kernel.json; it appears by
// one rename once it is complete, and never changes after that. Dir/.fetch holds what a later fetch can reuse of an
// interrupted one, Dir/.lock one lock file per name.
type Store struct {
	Dir    string // absolute; created if missing
	Mirror string // URL of a Debian mirror; empty: the host's own apt configuration
	// Progress is told what is being done; may be nil. It is never called concurrently.
	Progress func(Progress)
	// Prepare is called once on the unpacked tree before it is sealed into the image, for indexes that other packages
	// make (modules.dep); may be nil.
	Prepare func(root, release string) error

	silence time.Duration // how long a mirror may send nothing; 0: the usual time
}

// Progress is one step of a fetch.
type Progress struct {
	Phase       string // wait, index, download, unpack, image
	Done, Total int64  // Total 0: unknown
	Unit        Unit   // what those count
	Text        string // for people; it stays the same during a step
}

// Unit is what progress counts.
type Unit string

// The units. For the index apt gives no sizes.
const (
	Bytes    Unit = "bytes"
	Packages Unit = "packages"
	Percent  Unit = "percent"
)

// Get returns the kernel of that name. If it is in the cache, Get returns at once, without network. A missing Debian
// kernel is fetched, while other processes that ask for the same name wait. When ctx ends, the work stops, its child
// processes are killed, and nothing half-made is left; a later Get reuses the packages that had arrived.
func (s *Store) Get(ctx context.Context, name string) (*Kernel, error) {
	parsed, err := parseName(name)
	if err != nil {
		return nil, err
	}
	switch parsed.kind {
	case "host":
		return hostKernel()
	case "path":
		return pathKernel(parsed.path)
	}
	n := parsed.debian
	// apt's configuration cannot express such a path.
	if !filepath.IsAbs(s.Dir) || strings.ContainsAny(s.Dir, "\"\\\n") {
		return nil, fmt.Errorf("use kernel cache %q: it must be an absolute path without quotes, backslashes and newlines",
			s.Dir)
	}
	k, err := s.load(n.folder())
	if s.settled(k, err) {
		return s.kernel(k, err)
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, ".lock"), 0o755); err != nil {
		return nil, spaceError(s.Dir, fmt.Errorf("create kernel cache: %w", err))
	}
	unlock, err := s.lock(ctx, n.folder(), n.String())
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Whoever held the lock has very likely done the work.
	if k, err = s.load(n.folder()); s.settled(k, err) {
		return s.kernel(k, err)
	}
	if err == nil {
		err = s.reseal(ctx, n, k)
	} else {
		err = s.fetch(ctx, n)
	}
	if ctx.Err() != nil && err != nil {
		return nil, fmt.Errorf("fetch %s: %w (run the same command again to continue)", n, ctx.Err())
	}
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", n, spaceError(s.Dir, err))
	}
	return s.kernel(s.load(n.folder()))
}

// List returns the kernels in the cache, by name. Folders that are not complete kernels are skipped.
func (s *Store) List() ([]Kernel, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list kernel cache: %w", err)
	}
	var list []Kernel
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		k, err := s.load(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return list, err
		}
		list = append(list, k.Kernel)
	}
	slices.SortFunc(list, func(a, b Kernel) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Size is how much of the disk a kernel in the cache takes, in bytes.
func (s *Store) Size(k *Kernel) (int64, error) {
	var sum int64
	seen := make(map[uint64]bool) // a file with several names takes its room once
	err := filepath.WalkDir(filepath.Dir(k.Root), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return &fs.PathError{Op: "lstat", Path: path, Err: err}
		}
		if !seen[st.Ino] {
			sum += 512 * st.Blocks
		}
		seen[st.Ino] = true
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure kernel %s: %w", k.Name, err)
	}
	return sum, nil
}

// Remove deletes a Debian kernel from the cache, and what an interrupted fetch of it left. A name that is not in the
// cache yields an error that wraps fs.ErrNotExist. Runs that are using the kernel fail: nothing protects them.
func (s *Store) Remove(name string) error {
	parsed, err := parseName(name)
	if err != nil {
		return err
	}
	if parsed.kind != "debian" {
		return fmt.Errorf("remove kernel %s: only debian: kernels are kept in the cache", name)
	}
	n := parsed.debian
	_, err = os.Stat(filepath.Join(s.Dir, n.folder()))
	_, ferr := os.Stat(s.fetchDir(n))
	if err != nil && ferr != nil {
		return fmt.Errorf("remove kernel %s: %w (see kmodlab kernel list)", n, err)
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, ".lock"), 0o755); err != nil {
		return fmt.Errorf("remove kernel %s: %w", n, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	unlock, err := s.lock(ctx, n.folder(), n.String())
	if err != nil {
		return fmt.Errorf("remove kernel %s: another kmodlab is fetching it", n)
	}
	defer unlock()
	// Move it away first, so that nobody finds half a kernel.
	gone := filepath.Join(s.fetchDir(n), "removed")
	err = os.MkdirAll(s.fetchDir(n), 0o755)
	if err == nil {
		err = os.Rename(filepath.Join(s.Dir, n.folder()), gone)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove kernel %s: %w", n, err)
	}
	if err := os.RemoveAll(s.fetchDir(n)); err != nil {
		return fmt.Errorf("remove kernel %s: %w", n, err)
	}
	return nil
}

// fetchDir is where a fetch of n works, and what a later one reuses.
func (s *Store) fetchDir(n debName) string { return filepath.Join(s.Dir, ".fetch", n.folder()) }

// lock takes the lock of one kernel, for this process and, since it is a flock on a file opened for this purpose,
// against other Stores in the same process.
func (s *Store) lock(ctx context.Context, folder, name string) (unlock func(), err error) {
	path := filepath.Join(s.Dir, ".lock", folder)
	f, err := filelock.Wait(ctx, path, func() {
		s.tell(Progress{Phase: "wait", Text: "waiting for another kmodlab that fetches " + name})
	})
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("wait for another kmodlab that fetches %s: %w", name, ctx.Err())
	}
	if err != nil {
		return nil, spaceError(s.Dir, fmt.Errorf("lock kernel %s: %w", name, err))
	}
	return func() { f.Close() }, nil
}

func (s *Store) tell(p Progress) {
	if s.Progress != nil {
		s.Progress(p)
	}
}
