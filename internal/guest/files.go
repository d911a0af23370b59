// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

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
	f, err := os.Open(args.Path)
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
		if err := writeFile(f.Path, f.Mode, false, rest[:f.Size]); err != nil {
			return nil, nil, err
		}
		rest = rest[f.Size:]
	}
	return nil, nil, nil
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
	err := filepath.WalkDir(args.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() {
			result.Files = append(result.Files, strings.TrimPrefix(path, strings.TrimSuffix(args.Dir, "/")+"/"))
		}
		return nil
	})
	return &result, nil, err
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

// followKmsg sends the kernel's log, record by record as /dev/kmsg gives it. A record that was overwritten before it
// was read shows as a gap in the numbers. Only part of a flood is sent: all of it would leave the agent no time for
// anything else.
func (a *Agent) followKmsg() {
	f, err := openKmsg()
	if err != nil {
		a.server.Note(wire.NoteKmsg, nil, []byte("3,0,0,-;kmodlab: "+err.Error()))
		return
	}
	buf := make([]byte, 8<<10) // CONSOLE_EXT_LOG_MAX: no record is longer
	flood := pace{left: kmsgBurst}
	for {
		time.Sleep(flood.pause(time.Now()))
		n, err := unix.Read(f.fd, buf)
		if err == unix.EPIPE || err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		if a.server.Note(wire.NoteKmsg, nil, buf[:n]) != nil {
			return
		}
	}
}

// As many records as a boot or a dozen reports produce are sent at once; after that, about as many a second as a person
// could read.
const (
	kmsgBurst = 4000
	kmsgPause = 5 * time.Millisecond
)

// pace allows kmsgBurst records at once, and then one per kmsgPause.
type pace struct {
	left int // records
	last time.Time
}

// pause is how long the next record has to wait.
func (p *pace) pause(now time.Time) time.Duration {
	if !p.last.IsZero() {
		earned := now.Sub(p.last) / kmsgPause
		p.left = int(min(kmsgBurst, time.Duration(p.left)+earned))
		p.last = p.last.Add(earned * kmsgPause)
	} else {
		p.last = now
	}
	if p.left > 0 {
		p.left--
		return 0
	}
	return kmsgPause
}

// openKmsg starts at the end of the log on a real machine, whose past is not ours, and at its beginning in a VM.
func openKmsg() (*rawFile, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/kmsg: %w", err)
	}
	if os.Getpid() != 1 {
		if _, err := unix.Seek(fd, 0, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("seek in /dev/kmsg: %w", err)
		}
	}
	return &rawFile{fd}, nil
}
