// SPDX-License-Identifier: MIT

package kernel

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// anotherMirror is what to do about a mirror that does not work.
const anotherMirror = "check the network, or name another mirror: --mirror URL or KMODLAB_MIRROR=URL"

// silence is how long a mirror may send nothing. By itself apt tries each file several times, and follows redirects
// forever as long as they lead to new addresses.
const silence = 30 * time.Second

// errSilent is why we ended apt.
var errSilent = errors.New("the mirror sent nothing")

// activity is a writer that remembers what was written, and when it was written to last.
type activity struct {
	text    bytes.Buffer
	at      atomic.Int64 // of time.Time.UnixNano
	reading atomic.Bool  // apt has fetched all files and is reading them
}

func (a *activity) Write(p []byte) (int, error) {
	a.note()
	if bytes.Contains(p, []byte("Reading package lists")) {
		a.reading.Store(true)
	}
	return a.text.Write(p)
}

func (a *activity) String() string { return a.text.String() }

func (a *activity) note() { a.at.Store(time.Now().UnixNano()) }

// unlessSilent returns a context that ends when apt has printed nothing, and no file in its root has grown, for too
// long.
func (a *aptRoot) unlessSilent(ctx context.Context, said *activity) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	said.note()
	patience, indexing := a.patience(), a.indexing
	go func() {
		tick := time.NewTicker(patience / 30)
		defer tick.Stop()
		size := a.size()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if now := a.size(); now != size || said.reading.Load() && indexing {
				size = now
				said.note()
			}
			if time.Since(time.Unix(0, said.at.Load())) > patience {
				cancel(errSilent)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (a *aptRoot) patience() time.Duration { return cmp.Or(a.silence, silence) }

// size is how much has been fetched: the sum of the files below the root.
func (a *aptRoot) size() int64 {
	var sum int64
	filepath.WalkDir(a.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			sum += fi.Size()
		}
		return nil
	})
	return sum
}

// silentError is about a mirror that accepted and then sent nothing.
func (a *aptRoot) silentError(what string) error {
	return fmt.Errorf("%s: %w: the mirror %s sent nothing for %s (%s)", what, ErrNoSource, a.mirror, a.patience(),
		anotherMirror)
}

// noSuite explains why a suite that a kernel needs is missing: either there is no such suite, or the mirror is not one.
func (a *aptRoot) noSuite(ctx context.Context, n debName, src source, err error) error {
	why := reason(err, src)
	if strings.HasPrefix(why, "404") && !slices.Contains(suites, src.suite) && a.isMirror(ctx, src.uri) {
		return unknownName(n.String(), fmt.Sprintf("%s serves no suite %s", src.uri, src.suite))
	}
	if why == "" {
		why = "it has no Release file"
	}
	return fmt.Errorf("fetch the package index of %s: %w: %s is not a Debian mirror, or not a complete one: %s (%s)",
		src.suite, ErrNoSource, src.uri, why, anotherMirror)
}

// reason is the line in which apt explains why it could not fetch a suite's index, empty if there is none.
func reason(err error, src source) string {
	var f *aptFailure
	if !errors.As(err, &f) {
		return ""
	}
	found := false
	for line := range strings.Lines(f.all) {
		if found {
			return strings.TrimSpace(line)
		}
		found = strings.HasPrefix(line, "Err:") && strings.Contains(line, " "+src.uri+" "+src.suite+" ")
	}
	return ""
}

// aptHelper fetches a single file in apt's way, with the proxies and passwords of its configuration.
const aptHelper = "/usr/lib/apt/apt-helper"

// isMirror reports whether an address has a suite that every mirror has. Without apt's helper we cannot know, and
// assume that it has.
func (a *aptRoot) isMirror(ctx context.Context, uri string) bool {
	if _, err := os.Stat(aptHelper); err != nil {
		return true
	}
	file := filepath.Join(a.dir, "probe")
	defer os.Remove(file)
	for _, suite := range append([]string{"stable"}, suites...) {
		_, err := a.run(ctx, "look for "+suite, func(string) {}, aptHelper, "download-file", uri+"/dists/"+suite+"/Release",
			file)
		text, rerr := os.ReadFile(file)
		if err == nil && rerr == nil && bytes.Contains(text, []byte("\nSuite: ")) {
			return true
		}
		if !saysAny(err, " 404 ") { // it did not answer, or said something else
			return false
		}
	}
	return false
}
