// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Exported is one line of Module.symvers: a symbol that the kernel image or an
// in-tree module exports.
type Exported struct {
	Export
	Module string // as in the file: vmlinux, or a path such as drivers/net/mii
}

// ParseSymvers reads Module.symvers: tab-separated CRC, symbol, module, kind of
// export, namespace (Linux 5.4; before, the namespace was third and is not read).
// Malformed lines are skipped.
func ParseSymvers(data []byte) map[string]Exported {
	symbols := make(map[string]Exported, bytes.Count(data, []byte{'\n'})+1)
	for line := range lines(data) {
		f := strings.Split(string(line), "\t")
		if len(f) < 4 {
			continue
		}
		crc, err := strconv.ParseUint(strings.TrimPrefix(f[0], "0x"), 16, 32)
		if err != nil || f[1] == "" {
			continue
		}
		e := Exported{Module: f[2]}
		e.Name, e.CRC, e.HasCRC, e.GPL = f[1], uint32(crc), crc != 0, strings.HasSuffix(f[3], "_GPL")
		if len(f) > 4 {
			e.Namespace = f[4]
		}
		symbols[e.Name] = e
	}
	return symbols
}

// Symvers reads the Module.symvers of the kernel's headers, which the link build in the
// tree's folder leads to, by symbol. A tree without headers gives nil and no error: then
// only the kernel knows what it exports. It is read once, and the caller must not change
// it.
func (t *Tree) Symvers() (map[string]Exported, error) {
	if err := t.usable(); err != nil {
		return nil, fmt.Errorf("read symbol versions: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if t.symvers == nil {
		t.symvers, err = t.readSymvers()
	}
	return t.symvers, err
}

func (t *Tree) readSymvers() (map[string]Exported, error) {
	path, err := follow(t.root(), filepath.Join("lib/modules", t.Release, "build/Module.symvers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read symbol versions: %w", err)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read symbol versions: %w", err)
	}
	return ParseSymvers(data), nil
}

// follow resolves a path below root as a process with that root would: absolute links
// start at root again, and .. does not lead out of it.
func follow(root, path string) (string, error) {
	rest := strings.Split(path, "/")
	at := "/"
	for links := 0; len(rest) > 0; {
		next := rest[0]
		rest = rest[1:]
		to := filepath.Join(at, next) // .. ends at /
		st, err := os.Lstat(filepath.Join(root, to))
		if err != nil {
			return "", err
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			at = to
			continue
		}
		if links++; links > 40 {
			return "", fmt.Errorf("follow %s: too many links", filepath.Join(root, path))
		}
		target, err := os.Readlink(filepath.Join(root, to))
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return filepath.Join(root, at), nil
}
