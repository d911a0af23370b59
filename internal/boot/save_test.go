// SPDX-License-Identifier: MIT

package boot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// testOptions are those of a real guest, with an agent built for it.
func testOptions(t *testing.T) Options {
	t.Helper()
	needs.VM(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	name, err := kernel.DefaultName()
	if err != nil {
		t.Fatal(err)
	}
	k, err := Kernels(filepath.Join(cache, "kmodlab"), os.Getenv("KMODLAB_MIRROR"), nil).Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Kernel: k, Agent: testlab.Agent(t), Accel: vm.TCG}
}

// saveGuest boots a guest, makes it keep a file, and takes a snapshot.
func saveGuest(t *testing.T, opts Options) *Image {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var files [2]*os.File
	for i := range files {
		f, err := os.Create(filepath.Join(t.TempDir(), "file"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		files[i] = f
	}
	opts.RAM = files[0]
	g, err := Start(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, g.Events)
	if err := WriteFile(ctx, g.Client, "/tmp/kept", 0o600, []byte("from before")); err != nil {
		t.Fatal(err)
	}
	image, err := g.Save(ctx, files[1])
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func resume(t *testing.T, opts Options, image *Image) (*Guest, error) {
	t.Helper()
	if _, err := image.State.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return Resume(t.Context(), opts, image)
}

func read(t *testing.T, g *Guest, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	data, err := ReadFile(ctx, g.Client, path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// bootTime is when the guest believes that it booted, which is wrong by as much as its wall clock.
func bootTime(t *testing.T, g *Guest) time.Time {
	t.Helper()
	for line := range strings.Lines(read(t, g, "/proc/stat")) {
		if text, ok := strings.CutPrefix(line, "btime "); ok {
			sec, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return time.Unix(sec, 0)
		}
	}
	t.Fatal("/proc/stat has no btime")
	return time.Time{}
}

// TestResume makes several guests resume from one image, on a host whose clock has jumped: each is as it was, no two
// are the same, and none sees another.
func TestResume(t *testing.T) {
	opts := testOptions(t)
	image := saveGuest(t, opts)
	before, err := os.ReadFile(image.RAM.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { wallClock = time.Now }()
	uuids := make(map[string]bool)
	var first time.Time
	for i, jump := range []time.Duration{0, 5 * time.Hour, -48 * time.Hour} {
		wallClock = func() time.Time { return time.Now().Add(jump) }
		g, err := resume(t, opts, image)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if g.Hello.Release != opts.Kernel.Release || g.Hello.CPUs != 2 {
			t.Errorf("hello of a guest that goes on: %+v", g.Hello)
		}
		if got := read(t, g, "/tmp/kept"); got != "from before" {
			t.Errorf("the file from before holds %q", got)
		}
		if !strings.Contains(string(g.Console()), "agent started") {
			t.Errorf("its console forgot what was before: %q", g.Console())
		}
		booted := bootTime(t, g)
		if i == 0 {
			first = booted
		} else if off := booted.Sub(first) - jump; off.Abs() > time.Minute {
			t.Errorf("the clock jumped by %s, the guest's is off by %s", jump, off)
		}
		uuid := read(t, g, "/proc/sys/kernel/random/uuid")
		if uuids[uuid] {
			t.Errorf("two guests drew %s", uuid)
		}
		uuids[uuid] = true
		if err := WriteFile(t.Context(), g.Client, "/tmp/kept", 0o600, []byte("changed")); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := os.ReadFile(image.RAM.Name()); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the image's memory was written to (%v)", err)
	}
}

// TestResumeRefused: guests that are not the one in the snapshot, or not as it was, are refused.
func TestResumeRefused(t *testing.T) {
	opts := testOptions(t)
	image := saveGuest(t, opts)
	foreign := *image
	foreign.Secret = bytes.Repeat([]byte{7}, 32)
	if g, err := resume(t, opts, &foreign); !errors.Is(err, ErrForeign) {
		t.Errorf("with another's secret: %v, %v", g, err)
	}
	other := opts
	other.CPUs = 1
	if g, err := resume(t, other, image); err == nil {
		g.Close()
		t.Error("a guest of two processors goes on with one")
	}
	if err := image.State.Truncate(100_000); err != nil {
		t.Fatal(err)
	}
	if g, err := resume(t, opts, image); err == nil {
		g.Close()
		t.Error("half a state is enough")
	}
	g, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	var refused *wire.CallError
	if err := g.Call(t.Context(), wire.OpWake, wire.WakeArgs{Nonce: []byte{1}}, nil); !errors.As(err, &refused) {
		t.Errorf("a guest that was never saved wakes: %v", err)
	}
	if _, err := g.Save(t.Context(), image.State); err == nil {
		t.Error("a guest without a file for its memory was saved")
	}
}

func TestIdentity(t *testing.T) {
	opts := testOptions(t)
	identity := func(o Options) string {
		t.Helper()
		id, err := o.Identity(func(path string) (string, error) {
			data, err := os.ReadFile(path)
			return strconv.Itoa(len(data)), err
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	one := identity(opts)
	if identity(opts) != one {
		t.Fatal("the same options have two identities")
	}
	qemu, err := vm.FindQEMU("")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(qemu)
	if err != nil {
		t.Fatal(err)
	}
	upgraded := filepath.Join(t.TempDir(), "qemu")
	if err := os.WriteFile(upgraded, append(program, 0), 0o700); err != nil {
		t.Fatal(err)
	}
	copied := opts
	other := t.TempDir()
	copied.QEMU = filepath.Join(other, "bin", "qemu-system-x86_64")
	err = errors.Join(os.Mkdir(filepath.Dir(copied.QEMU), 0o700),
		os.Symlink(filepath.Join(filepath.Dir(qemu), "../share"), filepath.Join(other, "share"))) // its firmware
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied.QEMU, program, 0o700); err != nil {
		t.Fatal(err)
	}
	if identity(copied) != one {
		t.Error("a copy of QEMU elsewhere, as on another host, has another identity")
	}
	for name, change := range map[string]func(*Options){
		"memory":      func(o *Options) { o.MemoryMiB = 640 },
		"processors":  func(o *Options) { o.CPUs = 3 },
		"QEMU":        func(o *Options) { o.QEMU = upgraded },
		"a file":      func(o *Options) { o.Files = []File{{Name: "/x", Mode: 0o600, Data: []byte("x")}} },
		"disk":        func(o *Options) { o.Disks = []vm.Disk{{Path: qemu, ReadOnly: true, Serial: "x"}} },
		"kernel word": func(o *Options) { o.Append = []string{"quiet"} },
		"agent":       func(o *Options) { o.Agent = qemu },
		"kernel": func(o *Options) {
			k := *o.Kernel
			k.Image = qemu
			o.Kernel = &k
		},
	} {
		changed := opts
		change(&changed)
		if identity(changed) == one {
			t.Errorf("another %s has the same identity", name)
		}
	}
}
