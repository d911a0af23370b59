// SPDX-License-Identifier: MIT

package kernel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// layoutVersion goes into every ID: raise it whenever the tree that unpack and furnish make from the same packages
// changes.
const layoutVersion = "1"

// record is kernel.json. Its paths are relative to its folder, so that a cache can be moved.
type record struct {
	Kernel
	Prepared bool // Prepare has run on the tree and its image
	Fetched  time.Time
	Packages []string // file names of the packages in the tree
}

// settled reports whether nothing needs doing about a kernel: it is here as this Store wants it, or so damaged that a
// person must decide.
func (s *Store) settled(k *record, err error) bool {
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return k.Prepared || s.Prepare == nil
}

func (s *Store) kernel(k *record, err error) (*Kernel, error) {
	if err != nil {
		return nil, err
	}
	return &k.Kernel, nil
}

// load reads a complete kernel and makes its paths absolute; fs.ErrNotExist if there is none.
func (s *Store) load(folder string) (*record, error) {
	dir := filepath.Join(s.Dir, folder)
	data, err := os.ReadFile(filepath.Join(dir, "kernel.json"))
	if err != nil {
		return nil, fmt.Errorf("read kernel: %w", err)
	}
	var k record
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, fmt.Errorf("read kernel %s: %w (remove the folder %s and fetch again)", folder, err, dir)
	}
	k.Image = filepath.Join(dir, k.Image)
	k.Root = filepath.Join(dir, k.Root)
	k.RootImage = filepath.Join(dir, k.RootImage)
	for _, p := range []string{k.Image, k.RootImage, k.ModuleDir()} {
		if _, err := os.Stat(p); err != nil {
			return nil, fmt.Errorf("kernel %s is damaged: %v (kmodlab kernel rm %s, then fetch again)", k.Name, err, k.Name)
		}
	}
	return &k, nil
}

// writeRecord describes the kernel in dir, atomically.
func writeRecord(dir string, k *record) error {
	data, err := json.MarshalIndent(k, "", "\t")
	if err != nil {
		return fmt.Errorf("describe kernel: %w", err)
	}
	file := filepath.Join(dir, "kernel.json")
	if err := os.WriteFile(file+".new", append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("describe kernel: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("describe kernel: %w", err)
	}
	return nil
}

// reseal runs Prepare on a kernel that a Store without Prepare fetched, and creates its image again. The caller holds
// the lock. Prepare adds files and may run twice, so an interruption at any point leaves a kernel that the next Get
// repairs.
func (s *Store) reseal(ctx context.Context, n debName, k *record) error {
	if err := s.Prepare(k.Root, k.Release); err != nil {
		return fmt.Errorf("prepare kernel tree: %w", err)
	}
	s.tell(imageProgress)
	work := s.fetchDir(n)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return fmt.Errorf("create kernel folder: %w", err)
	}
	defer os.RemoveAll(work)
	image := filepath.Join(work, "root.ext4")
	if err := makeImage(ctx, k.Root, image, k.ID); err != nil {
		return err
	}
	// Running machines keep the old image open.
	if err := os.Rename(image, k.RootImage); err != nil {
		return fmt.Errorf("put image in place: %w", err)
	}
	dir := filepath.Join(s.Dir, n.folder())
	sealed := *k
	sealed.Prepared = true
	for _, p := range []*string{&sealed.Image, &sealed.Root, &sealed.RootImage} {
		rel, err := filepath.Rel(dir, *p)
		if err != nil {
			return fmt.Errorf("describe kernel: %w", err)
		}
		*p = rel
	}
	return writeRecord(dir, &sealed)
}

// findRelease finds the one kernel in an unpacked tree: its release and its image, relative to root. Up to 6.x Debian's
// image is in boot, since 7.x beside the modules.
func findRelease(root string) (release, image string, err error) {
	dirs, err := filepath.Glob(filepath.Join(root, "usr/lib/modules/*/kernel"))
	if err != nil || len(dirs) != 1 {
		return "", "", fmt.Errorf("find the kernel among the packages: %d module trees, want 1", len(dirs))
	}
	release = filepath.Base(filepath.Dir(dirs[0]))
	for _, image := range []string{"boot/vmlinuz-" + release, "usr/lib/modules/" + release + "/vmlinuz"} {
		if st, err := os.Stat(filepath.Join(root, image)); err == nil && st.Mode().IsRegular() {
			return release, image, nil
		}
	}
	return "", "", fmt.Errorf("find the image of kernel %s among the packages: %w", release, fs.ErrNotExist)
}

// imageVersion is the Debian version of the package that contains the kernel, taken from its file name.
func imageVersion(files []archiveFile, release string) string {
	for _, f := range files {
		rest, ok := strings.CutPrefix(f.name, "linux-image-"+release+"_")
		if !ok {
			continue
		}
		version, _, _ := strings.Cut(rest, "_")
		return strings.ReplaceAll(version, "%3a", ":")
	}
	return ""
}

// planID identifies the content of a tree: the packages and the way we unpack them.
func planID(files []archiveFile) string {
	h := sha256.New()
	fmt.Fprintf(h, "layout %s\n", layoutVersion)
	for _, f := range files {
		fmt.Fprintf(h, "%s %s\n", f.name, f.sha256)
	}
	return hex.EncodeToString(h.Sum(nil))
}
