// SPDX-License-Identifier: MIT

package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
)

type facts struct{ Word string }

// save makes an image whose memory is a hole and a page of c at its end.
func save(t *testing.T, s Store, key string, c byte) {
	t.Helper()
	d, err := s.Draft(key, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.RAM.WriteAt([]byte(strings.Repeat(string(c), 4096)), 1<<20-4096); err != nil {
		t.Fatal(err)
	}
	if _, err := d.State.WriteString("devices of " + key); err != nil {
		t.Fatal(err)
	}
	image := &boot.Image{Secret: []byte{1, 2, 3}, Control: []byte("hello"), Events: []byte{0, 255}}
	if err := d.Publish(image, facts{"of " + key}); err != nil {
		t.Fatal(err)
	}
}

func TestOpen(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "machines")}
	var got facts
	if _, err := s.Open("a", &got); !errors.Is(err, ErrNone) {
		t.Errorf("an empty store: %v", err)
	}
	save(t, s, "a", 'x')
	for range 2 { // any number of guests may be restored from one image
		image, err := s.Open("a", &got)
		if err != nil {
			t.Fatal(err)
		}
		defer image.Close()
		if got.Word != "of a" || string(image.Control) != "hello" || string(image.Events) != "\x00\xff" ||
			len(image.Secret) != 3 {
			t.Errorf("facts %+v of image %+v", got, image)
		}
		state, err := io.ReadAll(image.State)
		if string(state) != "devices of a" || err != nil {
			t.Errorf("state %q, %v", state, err)
		}
		page := make([]byte, 1)
		if _, err := image.RAM.ReadAt(page, 1<<20-1); page[0] != 'x' || err != nil {
			t.Errorf("memory %q, %v", page, err)
		}
	}
	for _, name := range []string{"", "a", "a/ram", "a/state", "a/facts.json", "a.lock"} {
		st, err := os.Stat(filepath.Join(s.Dir, name))
		if err != nil || st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%q: mode %v, %v: others must not read it", name, st.Mode(), err)
		}
	}
}

// TestDamaged changes each file of an image in each way that leaves it in place.
func TestDamaged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage func(path string) error
		file   string
	}{
		{"memory gone", os.Remove, ramFile},
		{"memory cut", func(p string) error { return os.Truncate(p, 4096) }, ramFile},
		{"memory of the same size", writeByte, ramFile},
		{"memory touched and set back", setBack, ramFile},
		{"memory longer", func(p string) error { return os.Truncate(p, 2<<20) }, ramFile},
		{"a page of memory elsewhere", movePage, ramFile},
		{"state gone", os.Remove, stateFile},
		{"state cut", func(p string) error { return os.Truncate(p, 3) }, stateFile},
		{"state of the same size", writeByte, stateFile},
		{"facts cut", func(p string) error { return os.Truncate(p, 30) }, factsFile},
		{"facts empty", func(p string) error { return os.Truncate(p, 0) }, factsFile},
		{"facts of another kind", func(p string) error { return os.WriteFile(p, []byte("[1]"), 0o600) }, factsFile},
		{"facts without facts", func(p string) error { return os.WriteFile(p, []byte("{}"), 0o600) }, factsFile},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := Store{Dir: t.TempDir()}
			save(t, s, "a", 'x')
			if err := tc.damage(filepath.Join(s.Dir, "a", tc.file)); err != nil {
				t.Fatal(err)
			}
			image, err := s.Open("a", new(facts))
			if !errors.Is(err, ErrDamaged) || image != nil {
				t.Fatalf("opened as %+v, %v", image, err)
			}
			if err := s.Remove("a"); err != nil {
				t.Fatal(err)
			}
			save(t, s, "a", 'y') // and it can be made again
		})
	}
}

// writeByte changes one byte, and keeps the size.
func writeByte(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte{'!'}, 5)
	return errors.Join(err, f.Close())
}

// setBack is writeByte with the old modification time restored.
func setBack(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(writeByte(path), os.Chtimes(path, st.ModTime(), st.ModTime()))
}

// movePage leaves the same bytes at another place.
func movePage(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	page, zeros := make([]byte, 4096), make([]byte, 4096)
	_, err = f.ReadAt(page, 1<<20-4096)
	_, err2 := f.WriteAt(page, 1<<19)
	_, err3 := f.WriteAt(zeros, 1<<20-4096)
	return errors.Join(err, err2, err3, f.Close())
}

// TestCopied: an image that was copied is as good as the one that was taken, whatever a copy has done to its holes and
// times, and without what the first host remembers. A copy with another content is not.
func TestCopied(t *testing.T) {
	first := Store{Dir: filepath.Join(t.TempDir(), "machines")}
	save(t, first, "a", 'x')
	open := func(s Store) error {
		image, err := s.Open("a", new(facts))
		if err == nil {
			defer image.Close()
			page := make([]byte, 1)
			if _, err := image.RAM.ReadAt(page, 1<<20-1); page[0] != 'x' || err != nil {
				t.Errorf("memory %q, %v", page, err)
			}
			if state, err := io.ReadAll(image.State); string(state) != "devices of a" || err != nil {
				t.Errorf("state %q, %v: QEMU reads on where the file is", state, err)
			}
		}
		return err
	}
	for name, change := range map[string]func(copied Store) error{
		"as it is":             func(Store) error { return nil },
		"without the hashes":   func(s Store) error { return os.Remove(filepath.Join(s.Dir, "sums.json")) },
		"with other times":     func(s Store) error { return os.Chtimes(filepath.Join(s.Dir, "a", ramFile), ago, ago) },
		"and copied over":      func(s Store) error { return copyOver(filepath.Join(s.Dir, "a", stateFile)) },
		"and opened by others": func(s Store) error { return open(s) },
	} {
		t.Run(name, func(t *testing.T) {
			second := Store{Dir: filepath.Join(t.TempDir(), "machines")}
			if err := os.CopyFS(second.Dir, os.DirFS(first.Dir)); err != nil { // which fills holes
				t.Fatal(err)
			}
			if err := change(second); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := open(second); err != nil {
					t.Error("the copy:", err)
				}
			}
			if err := open(first); err != nil {
				t.Error("the first, after the second was used:", err)
			}
			if err := setBack(filepath.Join(second.Dir, "a", ramFile)); err != nil {
				t.Fatal(err)
			}
			if err := open(second); !errors.Is(err, ErrDamaged) {
				t.Errorf("the copy, changed: %v", err)
			}
		})
	}
}

var ago = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// TestReadOnce: a file that is known by its identity is not read again.
func TestReadOnce(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	file, err := os.Create(filepath.Join(s.Dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	read := 0
	sum := func(f *os.File) (string, error) { read++; return sumOfData(f) }
	for range 3 {
		sums := s.Sums()
		if _, err := sums.of(file, "", sum); err != nil {
			t.Fatal(err)
		}
		if err := sums.Save(); err != nil {
			t.Fatal(err)
		}
	}
	if read != 1 {
		t.Errorf("read %d times", read)
	}
	written := s.Sums()
	if _, err := written.of(file, "written ", func(f *os.File) (string, error) {
		_, err := f.WriteString("more")
		return "sum", err
	}); err != nil || written.changed {
		t.Errorf("a file that was written to meanwhile is remembered: %v", err)
	}
}

// TestSumOfData: holes and zeros are the same, and places matter.
func TestSumOfData(t *testing.T) {
	dir := t.TempDir()
	sum := func(size int64, parts map[int64]string) string {
		t.Helper()
		f, err := os.Create(filepath.Join(dir, "file"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		err = f.Truncate(size)
		for at, text := range parts {
			_, err2 := f.WriteAt([]byte(text), at)
			err = errors.Join(err, err2)
		}
		sum, err2 := sumOfData(f)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	hole := sum(1<<20, map[int64]string{0: "a", 900_000: "b"})
	filled := sum(1<<20, map[int64]string{0: "a", 900_000: "b", 300_000: strings.Repeat("\x00", 200_000)})
	if hole != filled {
		t.Error("zeros are not a hole")
	}
	for name, other := range map[string]string{
		"elsewhere":     sum(1<<20, map[int64]string{0: "a", 700_000: "b"}),
		"in the block":  sum(1<<20, map[int64]string{0: "a", 900_001: "b"}),
		"swapped":       sum(1<<20, map[int64]string{0: "b", 900_000: "a"}),
		"cut":           sum(900_001, map[int64]string{0: "a", 900_000: "b"}),
		"without":       sum(1<<20, map[int64]string{0: "a"}),
		"nothing":       sum(0, nil),
		"a byte at end": sum(1<<20, map[int64]string{0: "a", 900_000: "b", 1<<20 - 1: "c"}),
	} {
		if other == hole {
			t.Errorf("%s: the same hash", name)
		}
	}
}

// copyOver does what restoring a backup does.
func copyOver(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path+"~", data, 0o600), os.Rename(path+"~", path))
}

func TestOneDraft(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	d, err := s.Draft("a", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Draft("a", 1); !errors.Is(err, ErrBusy) {
		t.Errorf("a second draft: %v", err)
	}
	other, err := s.Draft("b", 1)
	if err != nil {
		t.Fatal("another key:", err)
	}
	other.Discard()
	if _, err := s.Open("a", new(facts)); !errors.Is(err, ErrNone) {
		t.Errorf("a draft is open to others: %v", err)
	}
	d.Discard()
	d.Discard()
	save(t, s, "a", 'x')
	if _, err := s.Draft("a", 1); !errors.Is(err, ErrBusy) {
		t.Errorf("a draft of what there is: %v", err)
	}
	if _, err := s.Draft("c", 1<<60); !errors.Is(err, ErrSpace) {
		t.Errorf("a machine larger than any disk: %v", err)
	}
}

func TestRefused(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	d, err := s.Draft("a", 1)
	if err != nil {
		t.Fatal(err)
	}
	d.Refuse(errors.New("no such capability"))
	_, err = s.Open("a", new(facts))
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no such capability") {
		t.Errorf("after a failed save: %v", err)
	}
	for _, at := range []time.Time{time.Now().Add(-refusedFor - time.Minute), time.Now().Add(24 * time.Hour)} {
		if err := os.Chtimes(filepath.Join(s.Dir, "a"+refused), at, at); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open("a", new(facts)); !errors.Is(err, ErrNone) {
			t.Errorf("noted at %s: %v", at, err)
		}
	}
	save(t, s, "a", 'x')
	if _, err := s.Open("a", new(facts)); err != nil {
		t.Error("saved after a failure:", err)
	}
}

// TestKilled kills a process while it makes an image.
func TestKilled(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if dir := os.Getenv("KMODLAB_TEST_DRAFT"); dir != "" {
		d, err := (Store{Dir: dir}).Draft("a", 1)
		fmt.Println("made", err)
		d.RAM.WriteString("half")
		time.Sleep(time.Hour)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
	cmd.Env = append(os.Environ(), "KMODLAB_TEST_DRAFT="+s.Dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("made <nil>"))
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "made <nil>" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := s.Draft("a", 1); !errors.Is(err, ErrBusy) {
		t.Errorf("while the other lives: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := s.Open("a", new(facts)); !errors.Is(err, ErrNone) {
		t.Errorf("what it left was opened: %v", err)
	}
	if _, err := s.Prune(9, 1<<40); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, "*")); len(left) != 0 {
		t.Errorf("Prune left %q", left)
	}
	save(t, s, "a", 'x')
}

func TestPrune(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	for i, key := range []string{"c", "a", "d", "b"} {
		save(t, s, key, 'x')
		at := time.Now().Add(time.Duration(i-9) * time.Hour)
		if err := os.Chtimes(filepath.Join(s.Dir, key), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if image, err := s.Open("c", new(facts)); err != nil { // used just now
		t.Fatal(err)
	} else {
		image.Close()
	}
	images, err := s.Images()
	if err != nil || fmt.Sprint(keys(images)) != "[a d b c]" {
		t.Errorf("least recently used first: %v, %v", keys(images), err)
	}
	for _, i := range images {
		if i.Bytes < 4096 || i.Bytes > 200<<10 {
			t.Errorf("%s takes %d bytes of the disk: its memory is a page and a hole", i.Key, i.Bytes)
		}
	}
	gone, err := s.Prune(3, 1<<30)
	if err != nil || fmt.Sprint(keys(gone)) != "[a]" {
		t.Errorf("by number: %v, %v", keys(gone), err)
	}
	gone, err = s.Prune(3, images[3].Bytes)
	if err != nil || fmt.Sprint(keys(gone)) != "[d b]" {
		t.Errorf("by size: %v, %v", keys(gone), err)
	}
	if gone, err = s.Prune(0, 0); err != nil || len(gone) != 1 {
		t.Errorf("all: %v, %v", keys(gone), err)
	}
}

func keys(images []Image) []string {
	var list []string
	for _, i := range images {
		list = append(list, i.Key)
	}
	return list
}

// TestTogether has many use one key at once: each gets an image, or an error that says why not.
func TestTogether(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 20 {
				image, err := s.Open("a", new(facts))
				if err == nil {
					image.Close()
					continue
				}
				if !errors.Is(err, ErrNone) && !errors.Is(err, ErrDamaged) {
					t.Error("open:", err)
				}
				d, err := s.Draft("a", 1)
				if errors.Is(err, ErrBusy) {
					continue
				}
				if err != nil {
					t.Error("draft:", err)
					return
				}
				d.RAM.WriteString("memory")
				if err := d.Publish(new(boot.Image), facts{}); err != nil {
					t.Error("publish:", err)
				}
			}
		})
	}
	all.Wait()
	if image, err := s.Open("a", new(facts)); err != nil {
		t.Error("in the end:", err)
	} else {
		image.Close()
	}
}

func TestSums(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "machines")}
	file := filepath.Join(t.TempDir(), "file")
	sum := func(content string) string {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		sums := s.Sums()
		sum, err := sums.Of(file)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Sums().Of(file)
		if again != sum || err != nil {
			t.Errorf("again: %s, %v", again, err)
		}
		if err := sums.Save(); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	one, two := sum("one"), sum("two")
	if one == two || one != sum("one") {
		t.Errorf("one %s, two %s", one, two)
	}
	if _, err := s.Sums().Of(file + "-"); err == nil {
		t.Error("a file that is not there has a hash")
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "sums.json"), []byte("{garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if one != sum("one") {
		t.Error("garbage was believed")
	}
}
