// SPDX-License-Identifier: MIT

package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/kmodlab/kmodlab/internal/hostfault"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// The causes that a caller can act on. Every error of this package that has one of them wraps it, together with the
// output of the tool that failed.
var (
	// ErrUnknownName: no such form of name, suite or version.
	ErrUnknownName = errors.New("unknown kernel name")
	// ErrNoApt: apt-get or dpkg-deb is not available on this host.
	ErrNoApt = errors.New("no apt on this host")
	// ErrNoSource: the host's apt knows no Debian mirror and none was given, or the mirror does not answer.
	ErrNoSource = errors.New("no Debian source")
	// ErrNoSpace: the cache's file system is too full.
	ErrNoSpace = errors.New("no space left for the kernel cache")
	// ErrSignature: the mirror's signature cannot be verified with the host's keyring.
	ErrSignature = errors.New("signature not verified")
	// ErrMissing: a file that a host or path kernel needs is missing.
	ErrMissing = errors.New("kernel incomplete")
)

// aptWords maps apt's messages to the cause that a caller can act on. The order matters: a full disk also makes
// signatures fail.
var aptWords = []struct {
	re    *lazyregexp.Regexp
	cause error
	hint  string
}{
	{lazyregexp.New(`No space left on device|don't have enough free space|\(28: `), ErrNoSpace,
		"free some space, or put the cache elsewhere with XDG_CACHE_HOME"},
	// An answer that is no file is not signed either: a network's page that asks for a login, or a status but 404.
	{lazyregexp.New(`does the network require authentication|Redirection loop|  (?:4(?:0[0-35-9]|[1-9]\d)|5\d\d)  `),
		ErrNoSource, anotherMirror},
	{lazyregexp.New(`NO_PUBKEY|EXPKEYSIG|BADSIG|is not signed|Missing key|signatures? (couldn't|were invalid|could not)|Sub-process /usr/bin/sqv returned`),
		ErrSignature, "upgrade the host's keyring: apt-get install debian-archive-keyring"},
	{lazyregexp.New(`Unable to locate package|no installation candidate|Version '.*' for '.*' was not found`),
		ErrUnknownName, ""},
	{lazyregexp.New(`Could not resolve|Temporary failure resolving|Could not connect|Connection failed|Connection timed out|Network is unreachable|Unable to connect|Connection refused|does not have a Release file`),
		ErrNoSource, anotherMirror},
	{lazyregexp.New(`Failed to fetch|Some index files failed to download`), ErrNoSource, anotherMirror},
}

// aptFailure is an error from apt: its cause, and its own words.
type aptFailure struct {
	what  string
	cause error // one of ours, or the exit status
	said  []string
	all   string // all that it said
	hint  string
}

func (e *aptFailure) Error() string {
	text := e.what + ": " + e.cause.Error()
	if len(e.said) > 0 {
		text += ": apt says: " + e.said[0]
	}
	if len(e.said) > 1 {
		text += fmt.Sprintf("; and %d more", len(e.said)-1)
	}
	if e.hint != "" {
		text += " (" + e.hint + ")"
	}
	return text
}

func (e *aptFailure) Unwrap() error { return e.cause }

// saysAny reports whether one of apt's messages contains any of the texts.
func saysAny(err error, texts ...string) bool {
	var f *aptFailure
	if !errors.As(err, &f) {
		return false
	}
	return slices.ContainsFunc(f.said, func(line string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) })
	})
}

// aptError makes an error from apt's exit and its stderr: the cause, apt's own E: and W: lines, and what to do next.
func aptError(what string, err error, stderr string) error {
	f := &aptFailure{what: what, cause: err, said: aptSaid(stderr), all: stderr}
	for _, w := range aptWords {
		if w.re.MatchString(stderr) {
			f.cause, f.hint = w.cause, w.hint
			break
		}
	}
	return f
}

// aptSaid returns apt's errors, else its warnings, else the last line.
func aptSaid(stderr string) []string {
	var errs, warns, last []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "E: "):
			errs = append(errs, line[3:])
		case strings.HasPrefix(line, "W: "):
			warns = append(warns, line[3:])
		case line != "":
			last = []string{line}
		}
	}
	switch {
	case len(errs) > 0:
		return errs
	case len(warns) > 0:
		return warns
	}
	return last
}

// spaceError turns ENOSPC and EDQUOT into an ErrNoSpace that names the folder; other errors pass unchanged.
func spaceError(dir string, err error) error {
	if err == nil || errors.Is(err, ErrNoSpace) {
		return err
	}
	if hostfault.NoSpace(err) {
		return fmt.Errorf("%w: %s has %s free: %v (free some space, or put the cache elsewhere with XDG_CACHE_HOME)",
			ErrNoSpace, dir, freeText(dir), err)
	}
	return err
}

// needSpace returns ErrNoSpace before the work starts if dir has less than need bytes free.
func needSpace(dir string, need int64) error {
	free, err := freeBytes(dir)
	if err != nil {
		return fmt.Errorf("check free space of %s: %w", dir, err)
	}
	if free >= need {
		return nil
	}
	return fmt.Errorf("%w: %s needs %s and has %s free (free some space, or put the cache elsewhere with XDG_CACHE_HOME)",
		ErrNoSpace, dir, mib(need), mib(free))
}

func freeBytes(dir string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil
}

func freeText(dir string) string {
	free, err := freeBytes(dir)
	if err != nil {
		return "an unknown amount"
	}
	return mib(free)
}

func mib(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
