// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/received"
)

// testFile is what a test program writes for its runner: a file, or a folder.
type testFile struct {
	path   string // absolute, the same here and in the guest
	folder bool
	only   func(name string, data []byte) bool // of a folder, which files come back
}

// testOutputs are those flags of a Go test program that name a file which it writes.
var testOutputs = []string{
	"coverprofile", "cpuprofile", "memprofile", "blockprofile", "mutexprofile", "trace", "testlogfile",
}

// testFlag is the value of a flag of a Go test program, "" if it is not given.
func testFlag(args []string, name string) string {
	value := ""
	for i, arg := range args {
		if arg == "--" || arg == "-args" || arg == "--args" {
			break
		}
		flag, v, has := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if !strings.HasPrefix(arg, "-") || flag != "test."+name {
			continue
		}
		if !has && i+1 < len(args) {
			v = args[i+1]
		}
		value = v
	}
	return value
}

// coverageData matches the files that a program built with -cover writes into GOCOVERDIR.
var coverageData = lazyregexp.New(`^cov(meta|counters)\.[0-9a-f.]+$`)

// testFiles are the files that come back from the guest. A folder that has files already may hold sources, which a
// program in the guest must not be able to replace or add: only an empty one comes back as a whole.
func testFiles(args []string, dir, coverage string) []testFile {
	var list []testFile
	base := dir
	if out := testFlag(args, "outputdir"); out != "" {
		base = absolute(dir, out)
		list = append(list, testFile{path: base, folder: true, only: ifEmpty(base)})
	}
	if testFlag(args, "artifacts") == "true" { // Go takes nothing below a name with _ for a package
		list = append(list, testFile{path: filepath.Join(base, "_artifacts"), folder: true, only: anyFile})
	}
	if testFlag(args, "fuzz") != "" {
		corpus := filepath.Join(dir, "testdata", "fuzz")
		list = append(list, testFile{path: corpus, folder: true, only: newInput(corpus)})
	}
	for _, name := range testOutputs {
		if value := testFlag(args, name); value != "" {
			list = append(list, testFile{path: absolute(base, value)})
		}
	}
	for _, value := range []string{testFlag(args, "gocoverdir"), coverage} {
		if value != "" {
			list = append(list, testFile{path: absolute(dir, value), folder: true, only: func(name string, _ []byte) bool {
				return coverageData.MatchString(name)
			}})
		}
	}
	return list
}

func anyFile(string, []byte) bool { return true }

// ifEmpty accepts any name if the folder is empty now or not there, else none.
func ifEmpty(dir string) func(string, []byte) bool {
	entries, err := os.ReadDir(dir)
	empty := len(entries) == 0 && (err == nil || errors.Is(err, os.ErrNotExist))
	return func(string, []byte) bool { return empty }
}

// fuzzInput matches the name of an input that made a fuzz test fail: FuzzX/HASH.
var fuzzInput = lazyregexp.New(`^[\pL_][\pL\pN_]*/[0-9a-f]{16}$`)

// newInput accepts what Go's fuzzing writes into a corpus, if it is not there yet: its name is a hash of what is in it.
func newInput(corpus string) func(string, []byte) bool {
	return func(name string, data []byte) bool {
		sum := sha256.Sum256(data)
		if !fuzzInput.MatchString(name) || filepath.Base(name) != hex.EncodeToString(sum[:8]) ||
			!bytes.HasPrefix(data, []byte("go test fuzz v1\n")) {
			return false
		}
		_, err := os.Lstat(filepath.Join(corpus, name))
		return errors.Is(err, os.ErrNotExist)
	}
}

// killReserve is how long before go test kills a test program its time is over here, so that there is a verdict.
const killReserve = 20 * time.Second

// testLimit is how long a Go test program may run: it ends itself after -test.timeout, if it can, and go test kills it
// a minute later. Fuzzing has no limit: -test.timeout is not about it, and it ends itself after -test.fuzztime.
func testLimit(args []string) time.Duration {
	if testFlag(args, "fuzz") != "" {
		return 0
	}
	d, err := time.ParseDuration(testFlag(args, "timeout"))
	if err != nil || d <= 0 {
		return 0
	}
	return d + killReserve
}

// passedOn are the variables of test runners that a test program gets; names that end with * are beginnings.
var passedOn = []string{
	"GOCOVERDIR", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GORACE", "GOTRACEBACK", "GOOS", "GOARCH", "GOROOT",
	"RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "RUST_LOG", "RUST_TEST_*", "CARGO_MANIFEST_DIR", "CARGO_PKG_*",
}

// testEnv chooses from this machine's environment. What else is in it may be secret, and is wrong in the guest.
func testEnv(env []string) []string {
	var list []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if slices.ContainsFunc(passedOn, func(p string) bool {
			start, begins := strings.CutSuffix(p, "*")
			return name == p || begins && strings.HasPrefix(name, start)
		}) {
			list = append(list, v)
		}
	}
	return list
}

// returned writes what comes back from the guest.
type returned struct {
	ctx    context.Context
	failed error
}

// expect has a file brought back.
func (r *returned) expect(cmd *kmodlab.Command, f testFile) {
	in := f.path
	if !f.folder {
		in = filepath.Dir(in)
	}
	if !slices.Contains(cmd.Folders, in) {
		cmd.Folders = append(cmd.Folders, in)
	}
	cmd.Fetch = append(cmd.Fetch, kmodlab.Fetch{Guest: f.path, Folder: f.folder, Take: func(name string, data []byte) {
		if err := r.take(f, name, data); err != nil {
			r.failed = errors.Join(r.failed, err)
		}
	}})
}

// take writes one file. Its name comes from the guest, and may be anything.
func (r *returned) take(f testFile, name string, data []byte) error {
	if !f.folder {
		return writeFile(r.ctx, f.path, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
	if !filepath.IsLocal(name) {
		return fmt.Errorf("write %q: the guest sent a name that leads out of the folder for its files", name)
	}
	if !f.only(name, data) {
		return nil
	}
	if err := received.Replace(f.path, name, data); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(f.path, name), bare(err))
	}
	return nil
}
