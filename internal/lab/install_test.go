// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// written is a message that a guest got.
type written struct {
	names []string
	blob  []byte
}

// stepLimit is how long a step may take.
const stepLimit = time.Millisecond

// installing is a lab whose guest calls a function for each message with files.
func installing(t *testing.T, got func(written)) *Lab {
	t.Helper()
	control, agent := net.Pipe()
	server := wire.NewServer(agent, map[string]wire.Handler{
		wire.OpWriteAll: func(m *wire.Message, _ func([]byte) error) (any, []byte, error) {
			var args wire.WriteAllArgs
			err := json.Unmarshal(m.Body, &args)
			w := written{blob: bytes.Clone(m.Blob)}
			for _, f := range args.Files {
				w.names = append(w.names, f.Path)
			}
			got(w)
			return nil, nil, err
		},
		wire.OpWrite: func(m *wire.Message, _ func([]byte) error) (any, []byte, error) {
			var args wire.WriteArgs
			err := json.Unmarshal(m.Body, &args)
			got(written{[]string{args.Path}, bytes.Clone(m.Blob)})
			return nil, nil, err
		},
	})
	go server.Serve()
	client := wire.NewClient(control, func(*wire.Message) {})
	t.Cleanup(func() { client.Close(); agent.Close() })
	return &Lab{machine: machine{Client: client, Scale: 1, ended: func() error { return nil }}, Log: testLog(false),
		options: Options{StepTimeout: stepLimit}}
}

// TestInstallSlowly: the limit of a step is not that of the installation.
func TestInstallSlowly(t *testing.T) {
	slow := time.After(50 * stepLimit)
	l := installing(t, func(written) { <-slow })
	if err := l.install(t.Context(), []boot.File{{Name: "/a.ko", Data: []byte("a")}}, "modules"); err != nil {
		t.Error(err)
	}
}

func TestInstallLimit(t *testing.T) {
	for _, c := range []struct {
		step  time.Duration
		bytes int64
		least time.Duration
	}{
		{time.Millisecond, 0, armLimit}, {time.Minute, 0, time.Minute},
		{time.Millisecond, 1 << 30, armLimit + 4*time.Minute}, {time.Minute, 1 << 30, 5 * time.Minute},
	} {
		if got := installLimit(c.step, c.bytes); got < c.least || got > c.least+time.Minute {
			t.Errorf("%v, %d bytes: %v, want at least %v", c.step, c.bytes, got, c.least)
		}
	}
}

// TestInstallOneByOne: a large file is read when those before it have arrived. Small ones share a message.
func TestInstallOneByOne(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, size int) boot.File {
		host := filepath.Join(dir, name)
		if err := os.WriteFile(host, bytes.Repeat([]byte("x"), size), 0o644); err != nil {
			t.Fatal(err)
		}
		return boot.File{Name: "/" + name, Host: host}
	}
	files := []boot.File{
		file("a", 10), {Name: "/index", Data: []byte("i")}, file("b", 400<<10),
		file("c", 400<<10), file("d", 1<<20), file("e", 0),
	}
	var all []written
	l := installing(t, func(w written) {
		if all = append(all, w); len(all) == 1 {
			os.WriteFile(filepath.Join(dir, "d"), bytes.Repeat([]byte("y"), 1<<20), 0o644) // seen below
		}
	})
	if err := l.install(t.Context(), files, "modules"); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range all {
		names = append(names, strings.Join(w.names, ""))
	}
	if want := []string{"/a/index/b", "/c", "/d", "/d", "/e"}; !slices.Equal(names, want) {
		t.Fatalf("%q, want %q", names, want)
	}
	if first := string(all[0].blob[:12]); first != "xxxxxxxxxxix" || all[2].blob[0] != 'y' || all[3].blob[0] != 'y' {
		t.Errorf("the first message begins with %q, the third with %q", first, all[2].blob[0])
	}
}

// TestInstallMissing: a file of this machine that cannot be read is no fault of the guest's.
func TestInstallMissing(t *testing.T) {
	l := installing(t, func(written) { t.Error("something arrived") })
	files := []boot.File{{Name: "/a", Data: []byte("a")}, {Name: "/b", Host: t.TempDir() + "/b"}}
	err := l.install(t.Context(), files, "modules")
	var call *CallError
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &call) {
		t.Error(err)
	}
}
