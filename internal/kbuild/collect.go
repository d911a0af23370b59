// SPDX-License-Identifier: MIT

package kbuild

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

// Bounds of what is taken from a finished build.
const (
	maxModules     = 1000
	maxModuleBytes = 256 << 20
	maxTotalBytes  = 1 << 30
)

// symversFile is what modpost leaves: the symbols that the modules export, for builds that use them.
const symversFile = "Module.symvers"

// file is one file of a cache entry.
type file struct {
	Path string `json:"path"` // below the entry
	Size int64  `json:"size"`
	Sum  string `json:"sha256"`
}

// collect copies modules and Module.symvers from a finished work folder to dst. The folder's content is foreign.
func collect(work, dst, release string) ([]file, error) {
	out, err := beneath.Open(filepath.Join(work, "out"))
	if err != nil {
		return nil, hostError("open the install tree", err)
	}
	defer out.Close()
	base := "lib/modules/" + release
	found, err := findModules(out, base)
	if err != nil {
		return nil, err
	}
	var files []file
	var total int64
	for _, rel := range found {
		f, err := take(out, path.Join(base, rel), filepath.Join(dst, base), path.Join("extra", underExtra(rel)))
		if err != nil {
			return nil, err
		}
		f.Path = path.Join(base, f.Path)
		if total += f.Size; total > maxTotalBytes {
			return nil, hostile("together the modules are larger than %d MiB", maxTotalBytes>>20)
		}
		files = append(files, f)
	}
	src, err := beneath.Open(filepath.Join(work, "src"))
	if err != nil {
		return nil, hostError("open the built sources", err)
	}
	defer src.Close()
	f, err := take(src, symversFile, dst, symversFile)
	if err == nil {
		files = append(files, f)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return files, nil
}

// findModules lists the .ko files below base, in lexical order.
func findModules(folder *beneath.Folder, base string) ([]string, error) {
	var found []string
	names := map[string]string{}
	err := fs.WalkDir(folder.FS(), base, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == base && errors.Is(err, fs.ErrNotExist) {
				return nil // nothing was installed
			}
			return hostile("read the install tree: %w", err)
		}
		if !d.Type().IsRegular() || !strings.HasSuffix(p, ".ko") {
			return nil
		}
		rel := strings.TrimPrefix(p, base+"/")
		name := moduleName(rel)
		if other, ok := names[name]; ok {
			return sameName(name, underExtra(other), underExtra(rel))
		}
		names[name] = rel
		if found = append(found, rel); len(found) > maxModules {
			return hostile("more than %d modules", maxModules)
		}
		return nil
	})
	return found, err
}

func sameName(name, one, other string) *Error {
	return &Error{Kind: ErrSameName,
		Message: fmt.Sprintf("two modules are named %s, %s and %s, and the kernel loads only one of a name", name, one, other),
		Hint:    "rename one of them, or give only the folder of one"}
}

// underExtra drops the folder that the kernel chose to install into.
func underExtra(rel string) string {
	for _, dir := range []string{"extra/", "updates/"} {
		if r, ok := strings.CutPrefix(rel, dir); ok {
			return r
		}
	}
	return rel
}

// moduleName is the name that the kernel gives the module in a file.
func moduleName(p string) string {
	return strings.ReplaceAll(strings.TrimSuffix(path.Base(p), ".ko"), "-", "_")
}

// take copies one file to dst/rel, read-only.
func take(folder *beneath.Folder, name, dst, rel string) (f file, err error) {
	in, err := folder.Open(name, maxModuleBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err != nil {
		return f, hostile("read %s: %w", name, err)
	}
	defer in.Close()
	to := filepath.Join(dst, rel)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return f, hostError("store the build", err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return f, hostError("store the build", err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(in, maxModuleBytes))
	if err = errors.Join(err, out.Close()); err != nil {
		return f, hostError("store the build", err)
	}
	return file{Path: rel, Size: n, Sum: hex.EncodeToString(h.Sum(nil))}, nil
}

// takeAside takes a file that commands of ours left beside the sources. It is fine if there is none: a kernel's
// makefiles need not ask the compiler anything.
func takeAside(work, name, dst, rel string, most int64) ([]file, error) {
	folder, err := beneath.Open(work)
	if err != nil {
		return nil, hostError("open the work folder", err)
	}
	defer folder.Close()
	f, err := take(folder, name, dst, rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && f.Size > most {
		err = hostile("%s is too large: %d bytes", name, f.Size)
	}
	return []file{f}, err
}

// hostile is about what a build left. What %w wraps is its cause.
func hostile(format string, args ...any) *Error {
	err := fmt.Errorf("take the built modules: "+format, args...)
	return &Error{Kind: ErrHostile, Message: err.Error(), Cause: errors.Unwrap(err)}
}
