// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/filelock"
	"github.com/kmodlab/kmodlab/internal/scratch"
)

// cache is a folder with an entry per build: ID/build.json, ID/lib/modules/…, ID/Module.symvers, ID/commands. While a
// build runs, there are also ID.lock, ID.work and ID.new, all owned by the lock's holder; the next build sweeps away
// those of a killed holder.
type cache struct {
	dir     string
	release string
}

// meta is build.json. It is written last; an entry whose files do not have the sums named in it counts as missing.
type meta struct {
	Schema  string   `json:"schema"`
	ID      string   `json:"id"`
	Release string   `json:"release"`
	Where   Where    `json:"where"`
	SeenAs  string   `json:"seen_as"`
	Sources string   `json:"sources"` // where they were; for people, not part of the ID
	Files   []file   `json:"files"`
	Tests   []string `json:"tests,omitempty"` // with ByMakefile: the programs to run, below programDir
	Steps   []Step   `json:"steps"`
}

const metaSchema = "kmodlab.build/1"

// load returns a complete entry or nil.
func (c cache) load(id string) *Build {
	dir := filepath.Join(c.dir, id)
	text, err := os.ReadFile(filepath.Join(dir, "build.json"))
	if err != nil {
		return nil
	}
	var m meta
	if json.Unmarshal(text, &m) != nil || m.Schema != metaSchema || m.ID != id || m.Release != c.release {
		return nil
	}
	for _, f := range m.Files {
		if !filepath.IsLocal(f.Path) || !matches(filepath.Join(dir, f.Path), f) {
			return nil
		}
	}
	b := m.build(dir)
	b.Cached = true
	return b
}

func matches(path string, want file) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, want.Size+1))
	return err == nil && n == want.Size && hex.EncodeToString(h.Sum(nil)) == want.Sum
}

// build describes the entry in dir.
func (m *meta) build(dir string) *Build {
	b := &Build{Dir: dir, Where: m.Where, ID: m.ID, Steps: m.Steps, src: m.SeenAs + "/src"}
	for i := range b.Steps {
		b.Steps[i].Output = clean(b.Steps[i].Raw, m.SeenAs)
	}
	if m.Tests != nil {
		b.Tree = &Tree{Dir: filepath.Join(dir, programDir), Tests: m.Tests}
	}
	prefix := "lib/modules/" + m.Release + "/extra/"
	for _, f := range m.Files {
		if f.Path == knownFile {
			b.Known = filepath.Join(dir, f.Path)
		}
		if path.Dir(f.Path) == programDir && m.Tests == nil {
			b.Program = filepath.Join(dir, f.Path)
		}
		if rel, ok := strings.CutPrefix(f.Path, prefix); ok {
			b.Modules = append(b.Modules, Built{Name: moduleName(rel), Path: filepath.Join(dir, f.Path), Rel: rel, Size: f.Size})
		}
	}
	return b
}

// store makes an entry from a finished work folder, under the lock of id.
func (c cache) store(id string, job Job, snap *sourceFolder, steps []Step, r *Request) (*Build, error) {
	tmp, dir := filepath.Join(c.dir, id+".new"), filepath.Join(c.dir, id)
	beneath.RemoveAll(tmp)
	defer beneath.RemoveAll(tmp)
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return nil, hostError("store the build", err)
	}
	files, tests, err := collected(job.Work, tmp, c.release, r.Program)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Steps = steps
		}
		return nil, err
	}
	commands, err := takeAside(job.Work, commandsFile, tmp, commandsFile, maxCommands)
	if err != nil {
		return nil, err
	}
	files = append(files, commands...)
	if r.Learn {
		notes, err := takeAside(job.Work, notesFile, tmp, knownFile, maxKnown)
		if err != nil {
			return nil, err
		}
		files = append(files, notes...)
	}
	m := meta{Schema: metaSchema, ID: id, Release: c.release, Where: r.Runner.Name(), SeenAs: job.SeenAs,
		Sources: snap.dir, Files: files, Tests: tests, Steps: steps}
	b := m.build(dir)
	if len(b.Modules) == 0 && r.Program == "" {
		return nil, newAdviser(r.Kernel, snap, "").noModules(steps)
	}
	text, err := json.MarshalIndent(m, "", "\t")
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, "build.json"), append(text, '\n'), 0o444)
	}
	if err == nil {
		err = replace(tmp, dir)
	}
	if err != nil {
		return nil, hostError("store the build", err)
	}
	return b, nil
}

// collected copies what a build made to dst: modules, or programs. tests are those that a Makefile names.
func collected(work, dst, release, program string) (files []file, tests []string, err error) {
	switch program {
	case "":
		files, err = collect(work, dst, release)
	case ByMakefile:
		files, tests, err = collectTree(work, dst)
	default:
		files, err = collectProgram(work, dst, program)
	}
	return files, tests, err
}

// replace puts a folder in another's place, atomically if both exist. Afterwards the old one is at tmp, or gone.
func replace(tmp, dir string) error {
	err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) { // a file system without exchange
		beneath.RemoveAll(dir)
	}
	return os.Rename(tmp, dir)
}

// workDir creates the folder that a build works in, under the lock of id. Runner Here sees its real path, and make
// cannot handle a path with spaces. remove removes the folder.
func (c cache) workDir(id string, where Where) (path string, remove func() error, err error) {
	dir := filepath.Join(c.dir, id+".work")
	beneath.RemoveAll(dir)
	if where == Here && strings.ContainsAny(dir, " \t\n:;#$%'\"\\()*?[]~&|<>`!") {
		d, err := scratch.MakeOutside("build")
		if err != nil {
			return "", nil, hostError("create the work folder", err)
		}
		return d.Path, d.Close, nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, hostError("create the work folder", err)
	}
	return dir, func() error { return beneath.RemoveAll(dir) }, nil
}

// lock waits until only this process may build id. If it has to wait, it says so on out.
func (c cache) lock(ctx context.Context, id string, out io.Writer) (unlock func(), err error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, hostError("create the build cache", err)
	}
	path := filepath.Join(c.dir, id+".lock")
	f, err := filelock.Wait(ctx, path, func() {
		if out != nil {
			io.WriteString(out, "waiting for another process that builds the same sources\n")
		}
	})
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("wait for another build of the same sources: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, hostError("lock the build", err)
	}
	// The file is removed before its lock is released: whoever waits for it finds it gone and opens a new one.
	return func() { os.Remove(path); f.Close() }, nil
}

// sweep removes what killed processes left: the folders of IDs whose lock nobody holds. The caller holds the lock of
// its own ID.
func (c cache) sweep() {
	left := make(map[string]bool)
	entries, _ := os.ReadDir(c.dir) // what can be read of it
	for _, e := range entries {
		for _, kind := range []string{".lock", ".work", ".new"} {
			if id, ok := strings.CutSuffix(e.Name(), kind); ok {
				left[filepath.Join(c.dir, id)] = true
			}
		}
	}
	for id := range left {
		f, err := filelock.Try(id + ".lock")
		if err != nil {
			continue
		}
		beneath.RemoveAll(id + ".work")
		beneath.RemoveAll(id + ".new")
		os.Remove(id + ".lock")
		f.Close()
	}
}
