// SPDX-License-Identifier: MIT

package submission

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/handin"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// collector keeps files within the bounds.
type collector struct {
	files    map[string][]byte
	left     map[string]bool
	manifest []byte // of kmodlab lab submit
	entries  int    // of all kinds, also of those that are left out
	bytes    int
}

// maxEntries bounds what is looked at: archives may hold far more than is taken.
const maxEntries = 10 * MaxFiles

// maxLeftOut bounds what is told of that was left out.
const maxLeftOut = 10

// take keeps a file, unless it is none of a person's own sources.
func (c *collector) take(name string, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
	if c.entries++; c.entries > maxEntries {
		return &Error{Problem: fmt.Sprintf("it has more than %d entries", maxEntries), Hint: onlySources}
	}
	clean, err := checkName(name)
	if err != nil {
		return err
	}
	switch {
	case mode.IsDir():
		return nil
	case !mode.IsRegular():
		c.leave(fmt.Sprintf("%s is no regular file", plain.Text(name)))
		return nil
	case isManifest(clean) && c.manifest == nil:
		c.manifest, err = c.read(clean, open)
		return err
	case made(clean):
		return nil
	}
	if _, twice := c.files[clean]; twice {
		return &Error{Problem: fmt.Sprintf("it has two files of the name %s", plain.Text(clean)), Hint: packAgain}
	}
	if len(c.files) == MaxFiles {
		return &Error{Problem: fmt.Sprintf("it has more than %d files", MaxFiles), Hint: onlySources}
	}
	data, err := c.read(clean, open)
	if err != nil {
		return err
	}
	c.files[clean] = data
	return nil
}

const (
	onlySources = "hand in the sources only"
	packAgain   = "pack the folder again"
)

func (c *collector) read(name string, open func() (io.ReadCloser, error)) ([]byte, error) {
	in, err := open()
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	switch {
	case len(data) > MaxFile:
		return nil, &Error{Problem: fmt.Sprintf("%s is larger than %d KiB", plain.Text(name), MaxFile>>10), Hint: onlySources}
	case err != nil:
		return nil, unreadable(name, err)
	}
	if c.bytes += len(data); c.bytes > MaxBytes {
		return nil, &Error{Problem: fmt.Sprintf("its files are larger than %d MiB", MaxBytes>>20), Hint: onlySources}
	}
	return data, nil
}

func unreadable(name string, err error) error {
	var told *Error
	if errors.As(err, &told) {
		return told
	}
	return &Error{Problem: plain.Text(name) + " cannot be read", Hint: packAgain, Err: withoutPath(err)}
}

// isManifest reports whether a file is the manifest of kmodlab lab submit, which lies in one folder with all others.
func isManifest(name string) bool {
	const manifest = handin.Folder + "/" + handin.ManifestFile
	above, is := strings.CutSuffix(name, manifest)
	return is && strings.Count(above, "/") <= 1 && (above == "" || strings.HasSuffix(above, "/"))
}

// leave notes what is not taken.
func (c *collector) leave(sentence string) {
	if len(c.left) <= maxLeftOut {
		c.left[sentence] = true
	}
}

func (c *collector) leftOut() []string {
	list := slices.Sorted(maps.Keys(c.left))
	if len(list) > maxLeftOut {
		list = append(list[:maxLeftOut], "and more")
	}
	return list
}

// checkName returns the name in its shortest form. A name that leads out of the submission is no mistake that anybody
// makes, so all of it is refused.
func checkName(name string) (string, error) {
	clean := path.Clean(strings.TrimPrefix(name, "./"))
	switch {
	case len(name) > maxName || strings.Count(clean, "/") > maxDepth:
		begins := plain.Text(name[:min(len(name), 40)])
		return "", &Error{Problem: "a name in it is too long: " + begins + "…", Hint: packAgain}
	case !fs.ValidPath(clean) || strings.ContainsAny(clean, "\\"):
		return "", &Error{Problem: fmt.Sprintf("the name %s leads out of it", plain.Text(name)), Hint: packAgain}
	case !utf8.ValidString(clean) || plain.Text(clean) != clean:
		return "", &Error{Problem: fmt.Sprintf("the name %s has control characters", plain.Text(name)), Hint: packAgain}
	}
	return clean, nil
}

// madeNames are files that kmodlab itself leaves beside sources.
var madeNames = []string{"compile_commands.json"}

// madeEndings are of files that builds and editors leave.
var madeEndings = []string{
	".o", ".ko", ".mod", ".mod.c", ".cmd", ".a", ".order", ".symvers", "~", ".swp", ".orig", ".rej",
}

// made reports whether a file is of no person's hand: of a build, an editor, a version control, a system that packs.
func made(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" || slices.Contains(madeNames, part) {
			return true
		}
	}
	return slices.ContainsFunc(madeEndings, func(e string) bool { return strings.HasSuffix(name, e) })
}
