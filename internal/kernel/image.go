// SPDX-License-Identifier: MIT

package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// ext4Features are spelled out so that the host's e2fsprogs and its mke2fs.conf decide nothing: every kernel since 5.10
// mounts the image, read-only or not. There is no journal, since a read-only disk does not need one.
const ext4Features = "none,filetype,extent,sparse_super,large_file,huge_file,dir_nlink,extra_isize,dir_index"

const ext4Block = 4096

// makeImage writes root to file as an ext4 image, all owned by root:root. The ID gives the file system its UUID, so
// that equal trees make equal images as far as mke2fs allows.
func makeImage(ctx context.Context, root, file, id string) error {
	mke2fs, err := lookTool("mke2fs")
	if err != nil {
		return fmt.Errorf("create the build machine's disk: %w (apt-get install e2fsprogs)", err)
	}
	blocks, inodes, err := treeSize(root)
	if err != nil {
		return fmt.Errorf("create the build machine's disk: %w", err)
	}
	uuid := id[0:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:32]
	args := []string{
		"-q", "-F", "-t", "ext4", "-b", fmt.Sprint(ext4Block), "-I", "256", "-m", "0",
		"-O", ext4Features, "-E", "root_owner=0:0,nodiscard,hash_seed=" + uuid,
		"-N", fmt.Sprint(inodes + 64), "-U", uuid, "-L", "kmodlab", "-d", root,
		file, fmt.Sprint(imageBlocks(blocks, inodes)),
	}
	return runMke2fs(ctx, mke2fs, filepath.Dir(file), args)
}

// imageBlocks is how large the file system must be for a number of data blocks: plus inode tables, bitmaps, extent
// blocks and some reserve.
func imageBlocks(blocks, inodes int64) int64 {
	return blocks + blocks/32 + (inodes+64)*256/ext4Block + 4096
}

func runMke2fs(ctx context.Context, mke2fs, dir string, args []string) error {
	run := func(asRoot bool) (string, error) {
		var stderr bytes.Buffer
		cmd := command(ctx, mke2fs, args...)
		cmd.Stderr = &stderr
		// The host's mke2fs.conf must not matter; the time stamp is honoured since e2fsprogs 1.47.1.
		cmd.Env = append(cmd.Env, "MKE2FS_CONFIG=/dev/null", "SOURCE_DATE_EPOCH=0")
		if asRoot {
			// In a user namespace of its own, our files appear to be root's.
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		err := runChild(cmd)
		return stderr.String(), err
	}
	said, err := run(os.Getuid() != 0)
	var exit *exec.ExitError
	if os.Getuid() != 0 && err != nil && !errors.As(err, &exit) && ctx.Err() == nil {
		// No user namespaces for us here: the image's files keep our user id, which does not bother a machine's root.
		said, err = run(false)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(said, "No space left on device"):
		return fmt.Errorf("create the build machine's disk: %w: %s has %s free: mke2fs says: %s",
			ErrNoSpace, dir, freeText(dir), strings.TrimSpace(said))
	}
	return fmt.Errorf("create the build machine's disk: %w: mke2fs says: %s", err, strings.TrimSpace(said))
}

// treeSize counts the blocks and inodes that root's files take in an ext4 image.
func treeSize(root string) (blocks, inodes int64, err error) {
	seen := map[uint64]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 && !d.IsDir() {
			if seen[st.Ino] {
				return nil
			}
			seen[st.Ino] = true
		}
		inodes++
		switch {
		case d.IsDir():
			blocks += 1 + info.Size()/ext4Block
		case info.Mode().IsRegular():
			blocks += (info.Size() + ext4Block - 1) / ext4Block
		case info.Size() >= 60: // a longer link does not fit into its inode
			blocks++
		}
		return nil
	})
	return blocks, inodes, err
}
