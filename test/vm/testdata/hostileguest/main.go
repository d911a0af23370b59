// SPDX-License-Identifier: MIT

// Command hostileguest is PID 1 of a guest that went bad: it takes the place of
// kmodlab's agent and says to the host what mode, set by the linker, wants. A
// foreign module can make a guest do any of this.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/guest"
	"github.com/kmodlab/kmodlab/internal/wire"
)

var mode = "silent"

func main() {
	fmt.Println("hostile guest:", mode)
	if err := live(); err != nil {
		fmt.Println("hostile guest:", err)
	}
	time.Sleep(24 * time.Hour) // PID 1 must not end
}

func live() error {
	for _, m := range [][2]string{{"/dev", "devtmpfs"}, {"/proc", "proc"}, {"/sys", "sysfs"}} {
		if err := os.MkdirAll(m[0], 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m[1], m[0], m[1], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[0], err)
		}
	}
	list, err := os.ReadFile(guest.BootModules)
	if err != nil {
		return err
	}
	for path := range strings.Lines(string(list)) {
		f, err := os.Open(strings.TrimSpace(path))
		if err != nil {
			return err
		}
		if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && err != unix.EEXIST {
			return fmt.Errorf("load %s: %w", path, err)
		}
		f.Close()
	}
	control, err := open(wire.PortControl)
	if err != nil {
		return err
	}
	events, err := open(wire.PortEvents)
	if err != nil {
		return err
	}
	return behave(control, events)
}

// port is a virtio port, read and written with plain system calls.
type port int

func open(name string) (port, error) {
	for range 5000 {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, path := range names {
			if b, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(b)) == name {
				fd, err := unix.Open(filepath.Join("/dev", filepath.Base(filepath.Dir(path))), unix.O_RDWR|unix.O_CLOEXEC, 0)
				return port(fd), err
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return -1, fmt.Errorf("no port %s", name)
}

func (p port) Read(b []byte) (int, error) {
	n, err := unix.Read(int(p), b)
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return max(n, 0), err
}

func (p port) Write(b []byte) (int, error) {
	for done := 0; done < len(b); {
		n, err := unix.Write(int(p), b[done:])
		if err != nil {
			return done, err
		}
		done += n
	}
	return len(b), nil
}

func behave(control, events port) error {
	noise := make([]byte, 256<<10)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	switch mode {
	case "silent":
		return nil
	case "garbage":
		go events.Write(noise)
		_, err := control.Write(noise)
		return err
	case "huge": // lengths of 4 GB
		go events.Write(bytes.Repeat([]byte{0xff}, len(noise)))
		_, err := control.Write(bytes.Repeat([]byte{0xff}, len(noise)))
		return err
	}
	if err := hello(control); err != nil {
		return err
	}
	switch mode {
	case "hello, garbage":
		_, err := control.Write(noise)
		return err
	}
	go flood(events)
	return answer(control)
}

func hello(control port) error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return err
	}
	body, err := json.Marshal(wire.Hello{Version: wire.Version, Release: unix.ByteSliceToString(uts.Release[:]), PID: 1, CPUs: 2})
	if err != nil {
		return err
	}
	return wire.Write(control, &wire.Message{Op: wire.NoteHello, Body: body})
}

// flood sends records of the greatest size, of kinds that exist, for ever.
func flood(events port) {
	record := make([]byte, 4096)
	frame := append(binary.LittleEndian.AppendUint16(nil, uint16(len(record))), record...)
	for i := uint16(1); ; i = i%40 + 1 {
		binary.LittleEndian.PutUint64(frame[2:], uint64(i)<<60) // times of all ages
		binary.LittleEndian.PutUint16(frame[10:], i)
		if _, err := events.Write(frame); err != nil {
			return
		}
	}
}

// answer replies to every call: with what no such reply is, or politely until it
// is to run a command; then it sends notes, or the data of a reply, without end.
func answer(control port) error {
	lie := []byte(`{"hooks": "none", "exit": [], "entries": -1, "modules": {}}`)
	for {
		call, err := wire.Read(control)
		if err != nil {
			return err
		}
		reply := &wire.Message{ID: call.ID, Done: true, Body: []byte(`{}`)}
		switch {
		case mode == "lies":
			reply.Body = lie
		case call.Op == wire.OpExec || call.Op == wire.OpRead:
			return endless(control, call.ID)
		}
		if err := wire.Write(control, reply); err != nil {
			return err
		}
	}
}

func endless(control port, call uint64) error {
	message := &wire.Message{ID: call, Blob: make([]byte, 1<<20)}
	if mode == "notes" {
		message = &wire.Message{Op: wire.NoteKmsg, Blob: bytes.Repeat([]byte("all is well\n"), 5000)}
	}
	for {
		if err := wire.Write(control, message); err != nil {
			return err
		}
	}
}
