// SPDX-License-Identifier: MIT

package boot

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Image is a snapshot of a guest: two files, and what the guest had said until then. Whoever resumes from it reads that
// first, so that a resumed guest and a freshly booted one look the same, even if a message had arrived only in part.
type Image struct {
	RAM, State *os.File         `json:"-"`
	Secret     []byte           `json:"secret"` // by which the guest proves its identity
	Slept      wire.SleepResult `json:"slept"`
	Console    []byte           `json:"console"`
	Control    []byte           `json:"control"`
	Events     []byte           `json:"events"`
}

// Close closes the image's files. Guests that were resumed from it live on.
func (i *Image) Close() {
	for _, f := range []*os.File{i.RAM, i.State} {
		if f != nil {
			f.Close()
		}
	}
}

// maxSaid bounds each of the three. A guest says some 100 kB until its snapshot.
const maxSaid = 16 << 20

// ErrForeign means that the guest that resumed is not the one in the snapshot.
var ErrForeign = errors.New("the machine that resumed is not the one in the snapshot")

// recorder keeps what a guest says.
type recorder struct {
	net.Conn
	mu    sync.Mutex
	said  []byte
	ended chan struct{}
	once  sync.Once
}

func record(c net.Conn) *recorder { return &recorder{Conn: c, ended: make(chan struct{})} }

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.mu.Lock()
	r.said = append(r.said, b[:min(n, maxSaid+1-len(r.said))]...)
	r.mu.Unlock()
	if err != nil {
		r.once.Do(func() { close(r.ended) })
	}
	return n, err
}

// all is everything that was said; the reader must have reached the end.
func (r *recorder) all(ctx context.Context) ([]byte, error) {
	select {
	case <-r.ended:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.said) > maxSaid {
		return nil, fmt.Errorf("the guest said more than %d bytes", maxSaid)
	}
	return r.said, nil
}

// Save takes a snapshot of a guest that was started with Options.RAM; the state of its devices is written to state.
// Somebody must be reading Events. The guest is closed, whatever happens.
func (g *Guest) Save(ctx context.Context, state *os.File) (*Image, error) {
	defer g.Close()
	if g.control == nil {
		return nil, errors.New("take snapshot: the guest's memory is not in a file")
	}
	image := &Image{RAM: g.ram, State: state, Secret: make([]byte, 32)}
	rand.Read(image.Secret)
	if err := g.Call(ctx, wire.OpSleep, wire.SleepArgs{Secret: image.Secret}, &image.Slept); err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	if err := g.Machine.Save(ctx, state); err != nil {
		return nil, err
	}
	// QEMU's end closes the ports, after their last bytes.
	if err := g.Machine.Quit(ctx); err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	var err error
	if image.Control, err = g.control.all(ctx); err != nil {
		return nil, fmt.Errorf("take snapshot: read its messages: %w", err)
	}
	if image.Events, err = g.events.all(ctx); err != nil {
		return nil, fmt.Errorf("take snapshot: read its records: %w", err)
	}
	image.Console = g.Machine.Console()
	return image, nil
}

// replayed is a port whose guest has said something before the snapshot.
type replayed struct {
	net.Conn
	r io.Reader
}

func (c replayed) Read(b []byte) (int, error) { return c.r.Read(b) }

func replay(said []byte, c net.Conn) net.Conn {
	return replayed{c, io.MultiReader(bytes.NewReader(said), c)}
}

// Identity is a hash of everything that determines the guest of these options after its boot: kernel, initramfs with
// the agent, disks, QEMU, machine, processor. sum hashes the contents of a host file. Hosts that are alike come to the
// same hash, wherever their files lie.
func (o Options) Identity(sum func(path string) (string, error)) (string, error) {
	config := o.machine(nil)
	machine, err := config.Identity(sum)
	if err != nil {
		return "", err
	}
	list, err := entries(o)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", machine)
	list = append(list,
		entry{File: File{Name: "kernel", Host: config.Kernel}},
		entry{File: File{Name: "packed kernel", Host: o.Kernel.Image}})
	for _, d := range o.Disks { // what the guest has read of them is in its memory
		list = append(list, entry{File: File{Name: "disk " + d.Serial, Host: d.Path}})
	}
	for _, e := range list {
		content := fmt.Sprintf("%x", sha256.Sum256(e.Data))
		if e.Host != "" {
			if content, err = sum(e.Host); err != nil {
				return "", fmt.Errorf("identify guest: %w", err)
			}
		}
		fmt.Fprintf(h, "%q %o %s\n", e.Name, e.Mode, content)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

var wallClock = time.Now // a test makes days pass

// wakeDeadline is how long a guest on KVM may take to answer first after it resumes; vm.DeadlineScale stretches it.
const wakeDeadline = 3 * time.Second

// Resume starts a guest from an image. opts are those of the guest in the snapshot. Any number of guests may resume
// from one image.
func Resume(ctx context.Context, opts Options, image *Image) (*Guest, error) {
	config := opts.machine(nil)
	config.RAM, config.State = image.RAM, image.State
	m, err := vm.Start(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("resume machine: %w", err)
	}
	g := &Guest{Machine: m, Events: replay(image.Events, m.Port(wire.PortEvents)), console: image.Console}
	hello := make(chan wire.Hello, 1)
	g.Client = wire.NewResumedClient(replay(image.Control, m.Port(wire.PortControl)), NoteHandler(hello, opts.Kmsg))
	if err := g.wake(ctx, image.Secret, hello); err != nil {
		g.Close()
		return nil, &Error{Console: g.Console(), Err: fmt.Errorf("resume guest: %w", err)}
	}
	return g, nil
}

func (g *Guest) wake(ctx context.Context, secret []byte, hello <-chan wire.Hello) error {
	accel, _ := g.Machine.Accel()
	ctx, cancel := context.WithTimeoutCause(ctx, wakeDeadline*time.Duration(vm.DeadlineScale(accel)), ErrSilent)
	defer cancel()
	args := wire.WakeArgs{Nonce: make([]byte, 32), Seed: make([]byte, 64), WallNS: wallClock().UnixNano()}
	rand.Read(args.Nonce)
	rand.Read(args.Seed)
	var answer wire.WakeResult
	g.Woke.From = time.Now()
	if err := g.Call(ctx, wire.OpWake, args, &answer); err != nil {
		if errors.Is(context.Cause(ctx), ErrSilent) {
			err = g.silent(err)
		}
		return errors.Join(err, context.Cause(ctx))
	}
	g.Woke.GuestNS, g.Woke.To = answer.BootNS, time.Now()
	if subtle.ConstantTimeCompare(answer.Proof, wire.Proof(secret, args.Nonce)) != 1 || answer.Wakes != 1 {
		return ErrForeign
	}
	return g.awaitHello(ctx, hello)
}
