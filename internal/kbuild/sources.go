// SPDX-License-Identifier: MIT

package kbuild

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

// Bounds of a source folder. A folder beyond them is a home or a kernel tree given by mistake.
const (
	maxSourceFiles = 20_000
	maxSourceBytes = 512 << 20
	maxSourceDepth = 100 // folders in folders
	maxSourceText  = 1 << 20
)

// sourceFolder is a source folder as it was read, without leftovers of builds. Its content is foreign, and may change
// while it is read.
type sourceFolder struct {
	dir     string // absolute, links resolved
	folder  *beneath.Folder
	entries []entry
	outside []string // links out of the folder, "name -> target"; not copied
	objects []string // built objects, taken for leftovers; not copied
}

type entry struct {
	rel  string
	mode fs.FileMode // type and permission
	size int64
	sum  [sha256.Size]byte // of a file's content
	link string            // a link's target
}

// readSources reads the folder, which the caller closes. Names are in lexical order.
func readSources(ctx context.Context, dir string) (*sourceFolder, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Kind: ErrNoFolder, Cause: err, Message: fmt.Sprintf("no such folder: %s", dir)}
	}
	if err != nil {
		return nil, sourceError(dir, err)
	}
	if fi, err := os.Stat(abs); err != nil {
		return nil, sourceError(dir, err)
	} else if !fi.IsDir() {
		return nil, &Error{Kind: ErrNoFolder, Message: fmt.Sprintf("%s is not a folder", dir),
			Hint: "give the folder that holds its Kbuild or Makefile"}
	}
	folder, err := beneath.Open(abs)
	if err != nil {
		return nil, sourceError(dir, err)
	}
	s := &sourceFolder{dir: abs, folder: folder}
	if err := s.readAll(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *sourceFolder) close() { s.folder.Close() }

func (s *sourceFolder) readAll(ctx context.Context) error {
	var total int64
	left := make(map[string]bool) // folders that have something which is left out
	err := fs.WalkDir(s.folder.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return sourceError(filepath.Join(s.dir, name), err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case name == ".":
			return nil
		case strings.Count(name, "/") > maxSourceDepth:
			return &Error{Kind: ErrTooLarge, Hint: "give only the folder of the module",
				Message: fmt.Sprintf("%s has folders nested more than %d levels deep", s.dir, maxSourceDepth)}
		}
		e, err := s.read(name, d)
		if err != nil {
			return err
		}
		if e != nil {
			s.entries = append(s.entries, *e)
			total += e.size
		} else if left[path.Dir(name)] = true; d.IsDir() {
			return fs.SkipDir
		}
		if len(s.entries) > maxSourceFiles || total > maxSourceBytes {
			return tooLarge(s.dir)
		}
		return nil
	})
	s.dropLeft(left)
	return err
}

// dropLeft drops folders of which everything was left out, such as one into which modules were put.
func (s *sourceFolder) dropLeft(left map[string]bool) {
	used := make(map[string]bool)
	for i := len(s.entries) - 1; i >= 0; i-- { // what is in a folder comes after it
		e := &s.entries[i]
		if up := path.Dir(e.rel); e.mode.IsDir() && left[e.rel] && !used[e.rel] {
			left[up] = true
			e.rel = ""
		} else {
			used[up] = true
		}
	}
	s.entries = slices.DeleteFunc(s.entries, func(e entry) bool { return e.rel == "" })
}

// read returns the entry for a name, or nil for anything that a build does not need.
func (s *sourceFolder) read(rel string, d fs.DirEntry) (e *entry, err error) {
	if leftover(d.Name(), d.IsDir()) {
		if strings.HasSuffix(rel, ".o") {
			s.objects = append(s.objects, rel)
		}
		return nil, nil
	}
	e = &entry{rel: rel, mode: d.Type()}
	switch {
	case d.IsDir():
		return e, nil
	case d.Type()&fs.ModeSymlink != 0:
		if e.link, err = s.folder.Readlink(rel); err != nil {
			return nil, sourceError(filepath.Join(s.dir, rel), err)
		}
		if !inside(rel, e.link) || !s.folder.Stays(rel) {
			s.outside = append(s.outside, rel+" -> "+e.link)
			return nil, nil
		}
		return e, nil
	case !d.Type().IsRegular():
		return nil, nil // sockets, FIFOs, devices
	}
	*e, err = s.copyFile(rel, nil)
	var size *beneath.SizeError
	switch {
	case errors.As(err, &size):
		return nil, tooLarge(s.dir)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, beneath.ErrNotRegular):
		return nil, changed(rel, err)
	case err != nil:
		return nil, sourceError(filepath.Join(s.dir, rel), err)
	}
	return e, nil
}

// inside reports whether a link at rel with this target stays in the folder, judging by its text.
func inside(rel, target string) bool {
	if filepath.IsAbs(target) {
		return false
	}
	return filepath.IsLocal(filepath.Join(filepath.Dir(rel), target))
}

// Fingerprint is what a build takes of a folder of sources: a hash of everything that it depends on, for each name.
func Fingerprint(ctx context.Context, dir string) (map[string]string, error) {
	s, err := readSources(ctx, dir)
	if err != nil {
		return nil, blame(err)
	}
	defer s.close()
	sums := make(map[string]string, len(s.entries))
	for _, e := range s.entries {
		h := sha256.New()
		e.put(h)
		sums[e.rel] = string(h.Sum(nil))
	}
	return sums, nil
}

// Skipped reports whether a build takes nothing of a folder with this name.
func Skipped(folder string) bool { return leftover(folder, true) }

// leftover matches what an earlier build, a version control system or an editor left.
func leftover(name string, isDir bool) bool {
	if isDir {
		switch name {
		case ".git", ".hg", ".svn", ".bzr", "CVS", ".tmp_versions", ".cache", ".ccls-cache", ".idea", ".vscode":
			return true // clangd keeps its index in .cache
		}
		return false
	}
	switch name {
	case symversFile, "Module.markers", "modules.order", "modules.nsdeps", ".cache.mk", ".git", "compile_commands.json":
		return true
	}
	for _, suffix := range []string{".o", ".ko", ".ko.xz", ".ko.zst", ".ko.gz", ".mod", ".mod.c", ".o.d", ".dwo", "~"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	if strings.HasPrefix(name, ".") { // .x.o.cmd, .x.swp, .#x
		for _, suffix := range []string{".cmd", ".d", ".swp", ".swo", ".swx", ".swpx"} {
			if strings.HasSuffix(name, suffix) {
				return true
			}
		}
		return strings.HasPrefix(name, ".#")
	}
	return name == "built-in.a" || len(name) > 1 && strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#")
}

// copyTo writes the snapshot below dst, which it creates. A file that changed since it was read is an error: the build
// would not be what its ID says.
func (s *sourceFolder) copyTo(dst string) error {
	if err := os.Mkdir(dst, 0o755); err != nil {
		return hostError("copy the sources", err)
	}
	for _, e := range s.entries {
		to := filepath.Join(dst, e.rel)
		switch {
		case e.mode.IsDir():
			if err := os.Mkdir(to, 0o755); err != nil {
				return hostError("copy the sources", err)
			}
		case e.mode&fs.ModeSymlink != 0:
			if err := os.Symlink(e.link, to); err != nil {
				return hostError("copy the sources", err)
			}
		default:
			if err := s.copyEntry(e, to); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sourceFolder) copyEntry(e entry, to string) error {
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|e.mode.Perm())
	if err != nil {
		return hostError("copy the sources", err)
	}
	now, err := s.copyFile(e.rel, w)
	written := w.Close()
	var at *fs.PathError
	switch {
	case written != nil || errors.As(err, &at) && at.Op == "write":
		return hostError("copy the sources", cmp.Or(written, err))
	case err != nil || now.sum != e.sum:
		return changed(e.rel, err)
	}
	return nil
}

// copyFile hashes a regular file and writes it to w, if w is not nil.
func (s *sourceFolder) copyFile(rel string, w io.Writer) (e entry, err error) {
	f, err := s.folder.Open(rel, maxSourceBytes)
	if err != nil {
		return e, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return e, err
	}
	e.rel, e.mode = rel, fi.Mode()&(fs.ModeType|0o111)
	h := sha256.New()
	if w == nil {
		w = io.Discard
	}
	if e.size, err = io.Copy(io.MultiWriter(h, w), io.LimitReader(f, maxSourceBytes+1)); err != nil {
		return e, err
	}
	h.Sum(e.sum[:0])
	return e, nil
}

// buildID hashes everything that goes into a build.
func buildID(s *sourceFolder, kernelID string, flags []string) string {
	h := sha256.New()
	put(h, recipe, kernelID, fmt.Sprint(len(flags)))
	put(h, flags...)
	for _, e := range s.entries {
		e.put(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (e entry) put(h hash.Hash) { put(h, e.rel, e.mode.String(), e.link, string(e.sum[:])) }

// put writes strings so that different lists never look alike.
func put(h hash.Hash, list ...string) {
	for _, s := range list {
		fmt.Fprintf(h, "%d:", len(s))
		io.WriteString(h, s)
	}
}

func tooLarge(dir string) *Error {
	return &Error{Kind: ErrTooLarge,
		Message: fmt.Sprintf("%s holds more than %d files or %d MiB", dir, maxSourceFiles, maxSourceBytes>>20),
		Hint:    "give only the folder of the module"}
}

func changed(rel string, err error) *Error {
	return &Error{Kind: ErrSources, Message: rel + " changed while it was being read", Cause: err,
		Hint: "run the command again"}
}

func sourceError(path string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Kind: ErrSources, Message: fmt.Sprintf("read sources: %v", err), Cause: err,
		Hint: "make them readable: chmod -R u+rX " + path}
}
