// SPDX-License-Identifier: MIT

// Package snapshot keeps snapshots of guests, so that a run need not boot. A snapshot is a
// folder of three files: the guest's memory, the state of its devices, and what the host
// must know about it. Its name is a hash of everything that it depends on. It is made and
// synced to the disk under another name, and then renamed: a process that is killed
// meanwhile leaves nothing that is ever trusted.
package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/filelock"
)

// Errors of a Store. After any of them the caller boots.
var (
	ErrNone    = errors.New("there is no such snapshot")
	ErrDamaged = errors.New("the snapshot was modified")
	ErrBusy    = errors.New("another process is taking this snapshot")
	ErrRefused = errors.New("taking this snapshot failed a moment ago")
	ErrSpace   = errors.New("the disk has no room for a snapshot")
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
	Log func(string) // gets what a person should know; may be nil
}

// saved is the content of factsFile. Nothing in it is true of one host alone: an image that was copied is as good as
// the one that was taken.
type saved struct {
	RAM   content         `json:"ram"`
	State content         `json:"state"`
	Image boot.Image      `json:"image"`
	Facts json.RawMessage `json:"facts"`
}

// content shows that a file has what was written.
type content struct {
	Size int64  `json:"size"`
	Sum  string `json:"sha256"` // of what sumOfData hashes
}

func (s Store) path(key string) string { return filepath.Join(s.Dir, key) }

// Open opens the image with that key; facts gets what was given to Publish. The error is
// ErrNone, ErrRefused or ErrDamaged if there is no image to restore. The caller closes the
// image; it stays usable if it is removed from the store.
func (s Store) Open(key string, facts any) (*boot.Image, error) {
	data, err := os.ReadFile(filepath.Join(s.path(key), factsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.none(key)
	}
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	var m saved
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("open snapshot: %w: %w", ErrDamaged, err)
	}
	if err := s.check(key, &m); err != nil {
		m.Image.Close()
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	if err := json.Unmarshal(m.Facts, facts); err != nil {
		m.Image.Close()
		return nil, fmt.Errorf("open snapshot: %w: %w", ErrDamaged, err)
	}
	now := time.Now() // the last use, for Prune
	os.Chtimes(s.path(key), now, now)
	return &m.Image, nil
}

// refusedFor is how long no further attempt is made at a snapshot that failed: an attempt
// costs a second boot, and the cause may pass.
const refusedFor = 10 * time.Minute

func (s Store) none(key string) error {
	note := s.path(key) + refused
	st, err := os.Stat(note)
	if err != nil || time.Since(st.ModTime()).Abs() > refusedFor { // the clock may have been set back
		return ErrNone
	}
	why, _ := os.ReadFile(note) // the reason may be empty
	return fmt.Errorf("%w: %s", ErrRefused, why)
}

// check opens the two files, and checks that they are those that were saved. To read 500 MB takes as long as all else
// of a run, so this is done once for each file on each host; afterwards it is known by its identity.
func (s Store) check(key string, m *saved) error {
	sums := s.Sums()
	for _, f := range []struct {
		name string
		file **os.File
		want content
	}{{ramFile, &m.Image.RAM, m.RAM}, {stateFile, &m.Image.State, m.State}} {
		// QEMU also opens the memory for writing, although it writes to a private copy.
		file, err := os.OpenFile(filepath.Join(s.path(key), f.name), os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s is missing", ErrDamaged, f.name)
		}
		if err != nil {
			return err
		}
		*f.file = file
		got, err := sums.content(file, f.want.Size)
		if err != nil {
			return fmt.Errorf("read %s: %w", f.name, err)
		}
		if got != f.want {
			return fmt.Errorf("%w: %s", ErrDamaged, f.name)
		}
	}
	sums.Save() // if it fails, the next run reads them again
	return nil
}

// Remove removes an image. Guests that were restored from it keep running.
func (s Store) Remove(key string) error {
	if err := os.RemoveAll(s.path(key)); err != nil {
		return fmt.Errorf("remove snapshot: %w", err)
	}
	return nil
}

// Suffixes of the files beside an image.
const (
	locked  = ".lock" // held while the image is made
	fresh   = ".new"  // the folder in which it is made
	refused = ".not"  // why it could not be made
)

// Draft is an image that is being made. Publish or Discard ends it.
type Draft struct {
	RAM, State *os.File
	store      Store
	key        string
	lock       *os.File
}

// Draft begins an image of a machine with that much memory, in bytes. The error is ErrBusy
// while another process makes the same image, and ErrSpace if the disk might not hold it:
// the file is the guest's memory, and QEMU dies if it cannot grow.
func (s Store) Draft(key string, memory int64) (*Draft, error) {
	d, err := s.draft(key, memory)
	if err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
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

// begin makes an empty folder: a killed process may have left one.
func (d *Draft) begin() error {
	if _, err := os.Stat(d.store.path(d.key)); err == nil {
		return ErrBusy // another process has just made it
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
		return fmt.Errorf("take snapshot: %w", err)
	}
	return nil
}

func (d *Draft) publish(image *boot.Image, facts any) error {
	m := saved{Image: *image}
	var err error
	if m.Facts, err = json.Marshal(facts); err != nil {
		return err
	}
	sums := d.store.Sums()
	for _, f := range []struct {
		file *os.File
		to   *content
	}{{d.RAM, &m.RAM}, {d.State, &m.State}} {
		// Sync first: after a power cut, memory that was not synced would be zeros.
		if err := f.file.Sync(); err != nil {
			return err
		}
		st, err := f.file.Stat()
		if err != nil {
			return err
		}
		if *f.to, err = sums.content(f.file, st.Size()); err != nil {
			return err
		}
	}
	sums.Save() // if it fails, the first run reads them again
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

// Refuse records that this snapshot could not be taken.
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
	d.lock.Close() // releases the lock
	d.lock = nil
}

// Image is one of Images.
type Image struct {
	Key     string
	About   About
	Bytes   int64 // on the disk
	LastUse time.Time
}

// About is the part of an image's facts that says what the image is of. Facts of any type have it if their JSON has
// these names; what they lack stays empty.
type About struct {
	Machine struct {
		Name      string `json:"name"`   // of the kernel, as requested
		Kernel    string `json:"kernel"` // its release
		CPUs      int    `json:"cpus"`
		MemoryMiB int    `json:"memory_mib"`
	}
	Builds bool // the machine builds modules, and runs none
}

// Images lists the images, the least recently used first.
func (s Store) Images() ([]Image, error) {
	entries, err := os.ReadDir(s.Dir) // sorted by name, which is a hash
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var images []Image
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || !e.IsDir() || strings.HasSuffix(e.Name(), fresh) {
			continue
		}
		images = append(images, Image{Key: e.Name(), About: s.about(e.Name()), Bytes: diskUse(s.path(e.Name())),
			LastUse: st.ModTime()})
	}
	sortByUse(images)
	return images, nil
}

// about reads what an image is of. It is only shown, so an image that does not say it is listed without.
func (s Store) about(key string) About {
	var m saved
	var a About
	if data, err := os.ReadFile(filepath.Join(s.path(key), factsFile)); err == nil && json.Unmarshal(data, &m) == nil {
		json.Unmarshal(m.Facts, &a)
	}
	return a
}
