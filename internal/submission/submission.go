// SPDX-License-Identifier: MIT

// Package submission opens what students hand in: a folder, an archive, a bare git repository or a recording. Nobody
// trusts it. Everything has a bound, no name leads out of it, and nothing in it is run.
package submission

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/handin"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// Kind says what a submission is.
type Kind string

// The kinds.
const (
	Folder     Kind = "folder"
	Archive    Kind = "archive"
	Repository Kind = "repository" // a bare one; a folder with .git is taken as it stands
	Recording  Kind = "recording"  // a .kmlab file: it is graded without a run
)

// Bounds of a submission. A lab's sources are some files of some kilobytes.
const (
	MaxFiles = 1000
	MaxFile  = 1 << 20  // bytes of one file
	MaxBytes = 16 << 20 // bytes of all files
	maxInput = 64 << 20 // bytes of an archive
	maxName  = 512      // bytes of a path
	maxDepth = 32       // folders of a path
)

// Submission is what one student handed in.
type Submission struct {
	Path    string // as it was named
	Student string // as the path's last part says
	Kind    Kind
	// Files are the sources by their slash-separated path; nil for a recording. A folder that holds all files is left
	// out of their paths.
	Files map[string][]byte
	// Hash is over the files' names and contents, "" for a recording. The same files have the same hash, however they
	// were packed.
	Hash string
	// LeftOut says what was not taken, a sentence without a stop each.
	LeftOut []string
	// Manifest is that of kmodlab lab submit, nil if there is none. It is what the student says: see Said.
	Manifest *handin.Manifest
}

// Said is what the manifest tells a lecturer, a sentence without a stop each.
func (s *Submission) Said() []string {
	m := s.Manifest
	if m == nil {
		return nil
	}
	var said []string
	if m.Student != s.Student && handin.FileName(m.Student) != s.Student {
		said = append(said, "its manifest names the student "+plain.Line(m.Student, maxName))
	}
	if names := m.Differ(s.Files); len(names) > 0 {
		said = append(said, "not as its manifest says: "+plain.Line(strings.Join(names, ", "), maxName))
	}
	if help := m.Help(); help != "" {
		said = append(said, "asked for help with "+plain.Line(help, maxName))
	}
	return said
}

// Error is a submission that cannot be graded as it is.
type Error struct {
	Path    string
	Problem string // what is wrong
	Hint    string // what to hand in instead
	Err     error  // the cause, may be nil
}

func (e *Error) Error() string {
	s := fmt.Sprintf("open submission %s: %s", plain.Text(e.Path), plain.Text(e.Problem))
	if e.Err != nil {
		s += ": " + plain.Text(e.Err.Error())
	}
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Open opens a submission. The error is an *Error, or the context's cause.
func Open(ctx context.Context, path string) (*Submission, error) {
	s := &Submission{Path: path, Student: Student(path)}
	c := &collector{files: make(map[string][]byte), left: make(map[string]bool)}
	if err := s.open(ctx, c); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var told *Error
		if errors.As(err, &told) {
			told.Path = path
			return nil, told
		}
		return nil, &Error{Path: path, Problem: "it cannot be read", Err: withoutPath(err)}
	}
	s.LeftOut = c.leftOut()
	if s.Kind == Recording {
		return s, nil
	}
	s.Files = withoutFolder(c.files)
	if c.manifest != nil {
		var err error
		if s.Manifest, err = handin.ReadManifest(c.manifest); err != nil {
			s.Manifest = nil
			s.LeftOut = append(s.LeftOut, "its manifest cannot be read: "+plain.Text(err.Error()))
		}
	}
	if len(s.Files) == 0 {
		return nil, &Error{Path: path, Problem: "there are no sources in it", Hint: "hand in the folder with the .c files"}
	}
	s.Hash = hash(s.Files)
	return s, nil
}

func (s *Submission) open(ctx context.Context, c *collector) error {
	info, err := os.Stat(s.Path)
	switch {
	case err != nil:
		return err
	case info.IsDir() && isBare(s.Path):
		s.Kind = Repository
		return c.repository(ctx, s.Path)
	case info.IsDir():
		s.Kind = Folder
		return c.folder(ctx, s.Path)
	case strings.HasSuffix(s.Path, ".kmlab"):
		s.Kind = Recording
		return nil
	}
	s.Kind = Archive
	return c.archive(ctx, s.Path)
}

// withoutPath leaves out the path, which the Error names already.
func withoutPath(err error) error {
	if cause, is := errors.AsType[*fs.PathError](err); is {
		return cause.Err
	}
	return err
}

// hash is over names and contents, each with its length, so that no two sets of files have the same input.
func hash(files map[string][]byte) string {
	sum := sha256.New()
	write := func(data []byte) {
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(data))))
		sum.Write(data)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write([]byte(name))
		write(files[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// withoutFolder leaves out the folders that hold all files.
func withoutFolder(files map[string][]byte) map[string][]byte {
	for len(files) > 0 {
		var folder string
		for name := range files {
			first, _, below := strings.Cut(name, "/")
			if !below || folder != "" && first != folder {
				return files
			}
			folder = first
		}
		inner := make(map[string][]byte, len(files))
		for name, data := range files {
			inner[name[len(folder)+1:]] = data
		}
		files = inner
	}
	return files
}

// endings of archives, the longer ones first.
var endings = []string{
	".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tgz", ".tbz2", ".txz", ".tar", ".zip", ".git", ".kmlab",
}

// Student is what a path calls the student: its last part, without an archive's ending, and of Moodle's names
// ("Ann Lee_4711_assignsubmission_file_") what is before the number.
func Student(path string) string {
	name := filepath.Base(filepath.Clean(path))
	if abs, err := filepath.Abs(path); err == nil {
		name = filepath.Base(abs)
	}
	for _, e := range endings {
		if len(name) > len(e) && strings.EqualFold(name[len(name)-len(e):], e) {
			name = name[:len(name)-len(e)]
			break
		}
	}
	if before, _, is := strings.Cut(name, "_assignsubmission_"); is {
		name = before
		if i := strings.LastIndexByte(name, '_'); i > 0 && strings.Trim(name[i+1:], "0123456789") == "" {
			name = name[:i]
		}
	}
	return plain.Text(name)
}
