// SPDX-License-Identifier: MIT

package kernel

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// unpackers run side by side; decompression is what takes the time.
const unpackers = 2

// unpackAll unpacks the packages into root, which must be empty, without running any of their scripts. It checks each
// package's hash again first: the package may have been in the cache since an earlier, interrupted fetch.
func unpackAll(ctx context.Context, archives, root string, files []archiveFile, tell func(Progress)) error {
	dpkgDeb, err := lookTool("dpkg-deb")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoApt, err)
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("open kernel tree: %w", err)
	}
	defer r.Close()
	if err := mergedUsr(r); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	next := make(chan archiveFile)
	done := make(chan struct{})
	g.Go(func() error {
		defer close(next)
		// The large ones first, so that both finish at about the same time.
		bySize := slices.SortedFunc(slices.Values(files), func(a, b archiveFile) int { return cmp.Compare(b.size, a.size) })
		for _, f := range bySize {
			select {
			case next <- f:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	for range unpackers {
		g.Go(func() error {
			for f := range next {
				if err := unpackOne(gctx, dpkgDeb, filepath.Join(archives, f.name), f, r); err != nil {
					return err
				}
				done <- struct{}{}
			}
			return nil
		})
	}
	var failed error
	go func() { failed = g.Wait(); close(done) }()
	at := Progress{Phase: "unpack", Total: int64(len(files)), Unit: Packages, Text: "unpacking the packages"}
	tell(at)
	for range done {
		at.Done++
		tell(at)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return failed
}

// usrLinks are the folders that are links into usr. Packages up to bookworm's hold files in them, base-files since
// trixie the links themselves.
var usrLinks = []string{"bin", "sbin", "lib", "lib64"}

// mergedUsr creates the links that Debian's own bootstrap creates before it unpacks the first package.
func mergedUsr(r *os.Root) error {
	for _, dir := range usrLinks {
		err := r.MkdirAll("usr/"+dir, 0o755)
		if err == nil {
			err = r.Symlink("usr/"+dir, dir)
		}
		if err != nil {
			return fmt.Errorf("create kernel tree: %w", err)
		}
	}
	return nil
}

func unpackOne(ctx context.Context, dpkgDeb, deb string, f archiveFile, r *os.Root) error {
	if err := checkSum(deb, f.sha256); err != nil {
		// The next fetch must not trip over it again.
		os.Remove(deb)
		return fmt.Errorf("unpack %s: %w", f.name, err)
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("unpack %s: %w", f.name, err)
	}
	defer pr.Close()
	var stderr bytes.Buffer
	cmd := command(ctx, dpkgDeb, "--fsys-tarfile", deb)
	cmd.Stdout, cmd.Stderr = pw, &stderr
	ran := make(chan error, 1)
	go func() {
		err := runChild(cmd)
		pw.Close()
		ran <- err
	}()
	err = untar(pr, r)
	// Whoever writes to a pipe without a reader ends.
	pr.Close()
	runErr := <-ran
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("unpack %s: %w", f.name, err)
	case runErr != nil:
		return fmt.Errorf("unpack %s: dpkg-deb: %w: %s", f.name, runErr, strings.TrimSpace(stderr.String()))
	}
	return nil
}

func checkSum(file, want string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("the package is damaged: SHA256 is %s, the signed index says %s (run the same command again)", got,
			want)
	}
	return nil
}

// untar extracts a package's files below r, owned by whoever we are.
func untar(in io.Reader, r *os.Root) error {
	buffered := bufio.NewReaderSize(in, 1<<18)
	t := tar.NewReader(buffered)
	x := &extractor{root: r, buf: make([]byte, 1<<18)}
	defer x.close()
	for {
		h, err := t.Next()
		if err == io.EOF {
			// dpkg-deb pads the archive: read everything, or it dies of a closed pipe.
			_, err = io.Copy(io.Discard, buffered)
			return err
		}
		if err != nil {
			return err
		}
		name := treePath(h.Name)
		if name == "." || slices.Contains(usrLinks, name) || unwanted(name) {
			continue
		}
		if err := x.entry(h, t, name); err != nil {
			return err
		}
	}
}

// extractor writes one package. It keeps the folder of the last file open: an os.Root walks a path element by element,
// and packages list the files of a folder in sequence.
type extractor struct {
	root *os.Root
	dir  string
	at   *os.Root // root/dir; nil before the first file
	buf  []byte
}

func (x *extractor) close() {
	if x.at != nil {
		x.at.Close()
	}
}

func (x *extractor) enter(dir string) (*os.Root, error) {
	if x.at != nil && x.dir == dir {
		return x.at, nil
	}
	at, err := x.root.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		// Trimming can leave a parent folder uncreated.
		if err = x.root.MkdirAll(dir, 0o755); err == nil {
			at, err = x.root.OpenRoot(dir)
		}
	}
	if err != nil {
		return nil, err
	}
	x.close()
	x.at, x.dir = at, dir
	return at, nil
}

func (x *extractor) entry(h *tar.Header, in io.Reader, name string) error {
	// No set-id bits: nobody needs them in a tree that an ordinary user owns.
	mode := fs.FileMode(h.Mode & 0o777)
	if h.Typeflag == tar.TypeDir {
		return x.root.MkdirAll(name, mode|0o700)
	}
	at, err := x.enter(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	create := func() error {
		switch h.Typeflag {
		case tar.TypeReg:
			return x.writeFile(at, base, mode|0o600, in, h.ModTime)
		case tar.TypeSymlink:
			return at.Symlink(h.Linkname, base)
		case tar.TypeLink:
			return x.root.Link(treePath(h.Linkname), name)
		}
		return fmt.Errorf("entry %s is of type %q, which packages do not hold", h.Name, h.Typeflag)
	}
	err = create()
	if errors.Is(err, fs.ErrExist) {
		// A package that replaces another's file.
		if err = at.Remove(base); err == nil {
			err = create()
		}
	}
	return err
}

func (x *extractor) writeFile(at *os.Root, base string, mode fs.FileMode, in io.Reader, when time.Time) error {
	f, err := at.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, in, x.buf)
	if err == nil {
		// The tree must not depend on a user's umask.
		err = f.Chmod(mode)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	// make compares times.
	return at.Chtimes(base, when, when)
}

// treePath is where a package's path is in a tree with merged /usr.
func treePath(name string) string {
	name = path.Clean(strings.TrimLeft(strings.TrimPrefix(name, "."), "/"))
	if first, _, ok := strings.Cut(name, "/"); ok && slices.Contains(usrLinks, first) {
		return "usr/" + name
	}
	return name
}

// trimmed are folders that neither a build nor a lab machine reads.
var trimmed = []string{
	"usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/",
	"usr/share/lintian/", "usr/share/bug/", "usr/share/doc-base/", "usr/share/gdb/",
	"usr/share/bash-completion/", "usr/share/zsh/", "usr/share/common-licenses/",
}

func unwanted(name string) bool {
	for _, dir := range trimmed {
		if strings.HasPrefix(name+"/", dir) {
			return true
		}
	}
	return false
}
