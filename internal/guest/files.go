// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
)

const readChunk = 256 << 10

func (a *Agent) read(call *wire.Message, progress func([]byte) error) (any, []byte, error) {
	var args wire.ReadArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	f, err := a.open(args)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	buf := make([]byte, readChunk)
	for {
		n, err := io.ReadFull(f, buf)
		if n > 0 {
			if err := progress(buf[:n]); err != nil {
				return nil, nil, err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// open opens a file that the host wants to read. What programs made in their own system may be a FIFO, a device or a
// link to one.
func (a *Agent) open(args wire.ReadArgs) (f *os.File, err error) {
	if !args.Guest {
		return os.Open(args.Path)
	}
	made := a.userland.do(func() { f, err = os.OpenFile(args.Path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0) })
	if !made {
		return nil, errNoUserland
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("read %s: it is not a regular file", args.Path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (a *Agent) write(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.WriteArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	return nil, nil, writeFile(args.Path, args.Mode, args.Append, call.Blob)
}

func (a *Agent) writeAll(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.WriteAllArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	rest := call.Blob
	for _, f := range args.Files {
		if f.Size < 0 || f.Size > len(rest) {
			return nil, nil, fmt.Errorf("write %s: its %d bytes did not arrive", f.Path, f.Size)
		}
		if err := makeFile(f, rest[:f.Size]); err != nil {
			return nil, nil, err
		}
		rest = rest[f.Size:]
	}
	return nil, nil, nil
}

// makeFile makes a file, a link or a folder.
func makeFile(f wire.FileArgs, data []byte) error {
	switch mode := fs.FileMode(f.Mode); {
	case mode&fs.ModeSymlink != 0:
		return makeLink(f.Path, string(data))
	case mode&fs.ModeDir != 0:
		return os.MkdirAll(f.Path, mode.Perm())
	}
	return writeFile(f.Path, f.Mode, false, data)
}

func (a *Agent) set(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.SetArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	for i, s := range args.Settings {
		if err := writeFile(s.Path, 0o644, s.Append, []byte(s.Value)); err != nil && !s.May {
			return &wire.SetResult{Done: i, Refused: err.Error()}, nil, nil
		}
	}
	return &wire.SetResult{Done: len(args.Settings)}, nil, nil
}

// makeLink makes a link; what is in its place goes.
func makeLink(path, target string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, path)
}

func writeFile(path string, mode uint32, more bool, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if more {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(path, flags, fs.FileMode(mode).Perm())
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (a *Agent) list(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.ListArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	var result wire.ListResult
	var err error
	walk := func() { err = listFiles(args.Dir, &result) }
	if args.Match {
		walk = func() { err = match(args.Dir, &result) }
	}
	if !args.Guest && !args.Match {
		walk()
	} else if !a.userland.do(walk) {
		return nil, nil, errNoUserland
	}
	return &result, nil, err
}

func listFiles(dir string, result *wire.ListResult) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() {
			result.Files = append(result.Files, strings.TrimPrefix(path, strings.TrimSuffix(dir, "/")+"/"))
		}
		return nil
	})
}

func (a *Agent) modules(*wire.Message, func([]byte) error) (any, []byte, error) {
	loaded, err := kmod.List()
	if err != nil {
		return nil, nil, err
	}
	result := &wire.ModulesResult{Taint: taint()}
	for _, m := range loaded {
		result.Modules = append(result.Modules, wire.Module{
			Name: m.Name, Refcount: m.Refcnt, Holders: m.Holders, State: string(m.State),
		})
	}
	return result, nil, nil
}

// taint reads the kernel's taint mask.
func taint() uint64 {
	text, err := os.ReadFile("/proc/sys/kernel/tainted")
	if err != nil {
		return 0 // no kernel of ours lacks it
	}
	mask, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return mask
}
