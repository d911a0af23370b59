// SPDX-License-Identifier: MIT

// Package snapshot keeps snapshots of guests, so that a run need not boot. One is a
// folder of three files: the guest's memory, the state of its devices, and what
// the host must know of it. Its name is a hash of everything that went in. It is
// complete under another name, and on the disk, before it is renamed: whoever is
// killed meanwhile leaves nothing that is ever trusted.
package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/filelock"
)

// Errors of a Store. Whoever gets one boots.
var (
	ErrNone    = errors.New("no such machine is saved")
	ErrDamaged = errors.New("the saved machine was changed since")
	ErrBusy    = errors.New("another process is saving that machine")
	ErrRefused = errors.New("saving that machine failed a moment ago")
	ErrSpace   = errors.New("the disk has no room to save a machine")
)

// The files of an image.
const (
	ramFile   = "ram"
	stateFile = "state"
	factsFile = "facts.json"
)

// Store is a folder of images, private to its user. The zero value is none.
type Store struct {
	Dir string
	Log func(string) // what should be said aloud, may be nil
}

// saved is the content of factsFile.
type saved struct {
	RAM      identity        `json:"ram"`
	State    identity        `json:"state"`
	StateSum string          `json:"state_sha256"`
	Image    boot.Image      `json:"image"`
	Facts    json.RawMessage `json:"facts"`
}

// identity is what tells that a file is the one that was written, and was not
// written to since: the kernel sets the time of its last change, and nobody can
// set it back. To read 500 MB for that would take as long as all else.
type identity struct {
	Device  uint64 `json:"dev"`
	Inode   uint64 `json:"ino"`
	Size    int64  `json:"size"`
	Modify  int64  `json:"mtime_ns"`
	Changed int64  `json:"ctime_ns"`
}

func identify(f *os.File) (identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return identity{}, err
	}
	return identity{uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()}, nil
}

func (s Store) path(key string) string { return filepath.Join(s.Dir, key) }

// Open gives the image with that key; facts gets what Publish was given. The error
// is ErrNone, ErrRefused or ErrDamaged where there is nothing to go on from. The
// caller closes the image; it stays usable when it is removed from the store.
func (s Store) Open(key string, facts any) (*boot.Image, error) {
	data, err := os.ReadFile(filepath.Join(s.path(key), factsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.none(key)
	}
	if err != nil {
		return nil, fmt.Errorf("open saved machine: %w", err)
	}
	var m saved
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("open saved machine: %w: %w", ErrDamaged, err)
	}
	if err := s.check(key, &m); err != nil {
		m.Image.Close()
		return nil, fmt.Errorf("open saved machine: %w", err)
	}
	if err := json.Unmarshal(m.Facts, facts); err != nil {
		m.Image.Close()
		return nil, fmt.Errorf("open saved machine: %w: %w", ErrDamaged, err)
	}
	now := time.Now() // the last use, for Prune
	os.Chtimes(s.path(key), now, now)
	return &m.Image, nil
}

// refusedFor is how long a machine that could not be saved is booted instead
// without trying again: to boot it twice takes twice as long, and why it failed
// may pass.
const refusedFor = 10 * time.Minute

func (s Store) none(key string) error {
	note := s.path(key) + refused
	st, err := os.Stat(note)
	if err != nil || time.Since(st.ModTime()).Abs() > refusedFor { // clocks are set back, too
		return ErrNone
	}
	why, _ := os.ReadFile(note) // an empty reason is one too
	return fmt.Errorf("%w: %s", ErrRefused, why)
}

// check opens the two files and sees that they are those that were saved.
func (s Store) check(key string, m *saved) error {
	for _, f := range []struct {
		name string
		file **os.File
		want identity
	}{{ramFile, &m.Image.RAM, m.RAM}, {stateFile, &m.Image.State, m.State}} {
		// QEMU opens the memory for writing too, though it writes to its own copy.
		file, err := os.OpenFile(filepath.Join(s.path(key), f.name), os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s is gone", ErrDamaged, f.name)
		}
		if err != nil {
			return err
		}
		*f.file = file
		if got, err := identify(file); err != nil || got != f.want {
			return fmt.Errorf("%w: %s", ErrDamaged, f.name)
		}
	}
	sum, err := sumOf(m.Image.State)
	if err == nil && sum != m.StateSum {
		err = ErrDamaged
	}
	return err
}

// sumOf hashes a file, which stands at its beginning before and after.
func sumOf(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Remove takes an image away. Guests that came from it live on.
func (s Store) Remove(key string) error {
	if err := os.RemoveAll(s.path(key)); err != nil {
		return fmt.Errorf("remove saved machine: %w", err)
	}
	return nil
}

// Endings of what lies beside an image.
const (
	locked  = ".lock" // held while it is made
	fresh   = ".new"  // the folder that it is made in
	refused = ".not"  // why it could not be made
)

// Draft is an image that is being made. Publish or Discard ends it.
type Draft struct {
	RAM, State *os.File
	store      Store
	key        string
	lock       *os.File
}

// Draft begins an image of a machine with that much memory, in bytes. It is
// ErrBusy while another process makes the same, and ErrSpace where the disk might
// not hold it: QEMU, which works in the file, dies when there is no room.
func (s Store) Draft(key string, memory int64) (*Draft, error) {
	d, err := s.draft(key, memory)
	if err != nil {
		return nil, fmt.Errorf("save machine: %w", err)
	}
	return d, nil
}

func (s Store) draft(key string, memory int64) (*Draft, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(s.Dir, &disk); err != nil {
		return nil, err
	}
	if disk.Bavail < uint64(memory)/uint64(disk.Bsize) {
		return nil, ErrSpace
	}
	lock, err := filelock.Try(s.path(key) + locked)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, err
	}
	d := &Draft{store: s, key: key, lock: lock}
	if err := d.begin(); err != nil {
		d.Discard()
		return nil, err
	}
	return d, nil
}

// begin makes the folder anew: a process that was killed may have left one.
func (d *Draft) begin() error {
	if _, err := os.Stat(d.store.path(d.key)); err == nil {
		return ErrBusy // another made it just now
	}
	dir := d.store.path(d.key) + fresh
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		file **os.File
	}{{ramFile, &d.RAM}, {stateFile, &d.State}} {
		file, err := os.OpenFile(filepath.Join(dir, f.name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		*f.file = file
	}
	return nil
}

// Publish makes the draft an image of the store. facts are for Open.
func (d *Draft) Publish(image *boot.Image, facts any) error {
	defer d.Discard()
	if err := d.publish(image, facts); err != nil {
		return fmt.Errorf("save machine: %w", err)
	}
	return nil
}

func (d *Draft) publish(image *boot.Image, facts any) error {
	m := saved{Image: *image}
	var err error
	if m.Facts, err = json.Marshal(facts); err != nil {
		return err
	}
	for _, f := range []struct {
		file *os.File
		to   *identity
	}{{d.RAM, &m.RAM}, {d.State, &m.State}} {
		// The disk first: memory that a power cut took back would be zeros.
		if err := f.file.Sync(); err != nil {
			return err
		}
		if *f.to, err = identify(f.file); err != nil {
			return err
		}
	}
	if _, err := d.State.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if m.StateSum, err = sumOf(d.State); err != nil {
		return err
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	dir := d.store.path(d.key) + fresh
	if err := writeSynced(filepath.Join(dir, factsFile), data); err != nil {
		return err
	}
	return os.Rename(dir, d.store.path(d.key))
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Refuse notes that this machine could not be saved.
func (d *Draft) Refuse(why error) {
	os.WriteFile(d.store.path(d.key)+refused, []byte(why.Error()), 0o600)
	d.Discard()
}

// Discard ends a draft. It does nothing after Publish.
func (d *Draft) Discard() {
	if d.lock == nil {
		return
	}
	for _, f := range []*os.File{d.RAM, d.State} {
		if f != nil {
			f.Close()
		}
	}
	os.RemoveAll(d.store.path(d.key) + fresh)
	d.lock.Close() // and with it goes the lock
	d.lock = nil
}

// Image is one of Images.
type Image struct {
	Key     string
	Bytes   int64 // on the disk
	LastUse time.Time
}

// Images lists what is saved, the least recently used first.
func (s Store) Images() ([]Image, error) {
	entries, err := os.ReadDir(s.Dir) // by name: a run's key is as good as random
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list saved machines: %w", err)
	}
	var images []Image
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || !e.IsDir() || strings.HasSuffix(e.Name(), fresh) {
			continue
		}
		images = append(images, Image{Key: e.Name(), Bytes: diskUse(s.path(e.Name())), LastUse: st.ModTime()})
	}
	sortByUse(images)
	return images, nil
}
