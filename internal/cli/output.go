// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/report/page"
	"github.com/kmodlab/kmodlab/internal/report/perfetto"
	"github.com/kmodlab/kmodlab/internal/report/svg"
	"github.com/kmodlab/kmodlab/result"
)

// format is what a file becomes, chosen by the ending of its name.
type format struct {
	ending string
	what   string
	write  func(io.Writer, *result.Result) error // nil for what is no result: the recording, and the core
}

// formats in the order in which help and errors list them. An ending that contains another one comes before it.
var formats = []format{
	{".html", "an interactive timeline, one file for any browser", page.HTML},
	{".svg", "the timeline as a picture for slides", svg.SVG},
	{".json", "the result, for programs (docs/result.schema.json)", report.JSON},
	{".txt", "the story as text", plainText},
	{".md", "the story as Markdown", report.Markdown},
	{".mmd", "a Mermaid sequence diagram", report.Mermaid},
	{".junit.xml", "JUnit XML, for CI", report.JUnit},
	{".xml", "the same as .junit.xml", report.JUnit},
	{".ktap", "KTAP, like the kernel's own tests", report.KTAP},
	{".pftrace", "a Perfetto trace", perfetto.Trace},
	{recordingEnding, "a recording, which kmodlab report turns into any other format", nil},
	{coreEnding, "the guest's memory at the end, for crash and drgn (run, debug)", nil},
}

const (
	recordingEnding = ".kmlab"
	coreEnding      = ".vmcore"
)

func plainText(w io.Writer, r *result.Result) error {
	return report.Text(w, r, report.TextOptions{})
}

// formatOf returns the format that a file's name asks for, nil for an unknown ending.
func formatOf(name string) *format {
	base := strings.ToLower(filepath.Base(name))
	for i, f := range formats {
		if strings.HasSuffix(base, f.ending) && base != f.ending {
			return &formats[i]
		}
	}
	return nil
}

func formatList() string {
	var b strings.Builder
	for _, f := range formats {
		fmt.Fprintf(&b, "  %-11s %s\n", f.ending, f.what)
	}
	return strings.TrimRight(b.String(), "\n")
}

func endings() string {
	var list []string
	for _, f := range formats {
		list = append(list, f.ending)
	}
	return strings.Join(list, " ")
}

// outputs are the files that a command writes besides what it prints.
type outputs struct {
	files []string
	json  string // of --json; - is standard output
	// ours are the files whose folder is made where it is missing: their names had a {}.
	ours map[string]bool
	// cores says that a core can be written: it is then core.
	cores bool
	core  *kmodlab.Core
}

// named puts a folder's name where the placeholder is.
func (o *outputs) named(file, folder string) string {
	filled := strings.ReplaceAll(file, placeholder, folder)
	if filled != file {
		o.own(filled)
	}
	return filled
}

func (o *outputs) own(file string) {
	if o.ours == nil {
		o.ours = make(map[string]bool)
	}
	o.ours[file] = true
}

func (o *outputs) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&o.files, "output", "o", nil,
		"also write `FILE`, in the format of its ending; can be repeated:\n"+endings())
}

// check finds out now, not after minutes of work, that a file cannot be written.
func (o *outputs) check() error {
	if o.json != "" && o.json != "-" {
		if err := o.checkPlace("--json", o.json); err != nil {
			return err
		}
	}
	seen := make(map[string]bool)
	for _, name := range o.files {
		if formatOf(name) == nil {
			return &kmodlab.UsageError{Text: fmt.Sprintf(
				"-o %s: the ending of the name says the format, and this one is unknown; choose from\n%s", name, formatList())}
		}
		if formatOf(name).ending == coreEnding && !o.cores {
			return usageText("-o %s: the guest's memory is written by run and debug, of one folder", name)
		}
		if seen[filepath.Clean(name)] {
			return &kmodlab.UsageError{Text: fmt.Sprintf("-o %s: named twice", name)}
		}
		seen[filepath.Clean(name)] = true
		if err := o.checkPlace("-o", name); err != nil {
			return err
		}
	}
	return nil
}

func (o *outputs) checkPlace(flag, name string) error {
	dir := filepath.Dir(name)
	if o.ours[name] {
		dir = existing(dir)
	}
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return &kmodlab.UsageError{Text: fmt.Sprintf("%s %s: %s is a file, not a folder", flag, name, dir)}
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return wrongFile(err, "%s %s: cannot write into folder %s: %v", flag, name, dir, err)
	}
	if _, err := followed(name); err != nil {
		return usageText("%s %s: %v", flag, name, err)
	}
	if st, err := os.Stat(name); err == nil && st.IsDir() {
		return &kmodlab.UsageError{Text: fmt.Sprintf("%s %s: that is a folder: name a file", flag, name)}
	}
	return nil
}

// existing is the innermost folder of a path that exists.
func existing(dir string) string {
	for {
		up := filepath.Dir(dir)
		if _, err := os.Lstat(dir); err == nil || up == dir {
			return dir
		}
		dir = up
	}
}

// recording reports whether a recording is wanted, and so must be kept during the run.
func (o *outputs) recording() bool {
	for _, name := range o.files {
		if formatOf(name).ending == recordingEnding {
			return true
		}
	}
	return false
}

// wantCore reports whether the guest's memory is wanted.
func (o *outputs) wantCore() bool {
	return slices.ContainsFunc(o.files, func(name string) bool { return formatOf(name).ending == coreEnding })
}

// paths are where the files are, absolute and with all links resolved.
func (o *outputs) paths() ([]string, error) {
	var list []string
	for _, name := range append([]string{o.json}, o.files...) {
		if name == "" || name == "-" {
			continue
		}
		path, err := followed(name)
		if err != nil {
			return nil, usageText("%s: %v", name, err)
		}
		list = append(list, path)
	}
	return list, nil
}

// write writes all files. A failure does not stop the others; the error has a line for each. rec may be nil when no
// recording is wanted.
func (o *outputs) write(ctx context.Context, out io.Writer, res *result.Result, rec *kmodlab.Recording) error {
	var failed []error
	live := ctx.Err() == nil
	if o.json == "-" {
		failed = append(failed, report.JSON(out, res))
	} else if o.json != "" {
		failed = append(failed, o.writeFile(ctx, o.json, func(w io.Writer) error { return report.JSON(w, res) }))
	}
	for _, name := range o.files {
		if live && ctx.Err() != nil {
			return context.Cause(ctx) // and begin no other file
		}
		write := func(w io.Writer) error {
			f := formatOf(name)
			var err error
			switch {
			case f.write != nil:
				return f.write(w, res)
			case f.ending == coreEnding:
				_, err = o.core.WriteTo(w)
			default:
				_, err = rec.WriteTo(w)
			}
			return err
		}
		failed = append(failed, o.writeFile(ctx, name, write))
	}
	return errors.Join(failed...)
}

// writeFile writes a file, and its folder before it where that is ours to make.
func (o *outputs) writeFile(ctx context.Context, name string, write func(io.Writer) error) error {
	if o.ours[name] {
		if _, err := followed(name); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return fmt.Errorf("write %s: make folder %s: %w", name, filepath.Dir(name), bare(err))
		}
	}
	return writeFile(ctx, name, write)
}

// writeFile leaves either the whole new file under its name or what was there before: it writes another file in the
// same folder and renames that. Anything that is not a regular file, such as /dev/stdout, is written in place.
func writeFile(ctx context.Context, name string, write func(io.Writer) error) error {
	target, err := followed(name) // a symlink stays a symlink
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if st, err := os.Stat(target); err == nil && !st.Mode().IsRegular() {
		f, err := openPipe(ctx, target)
		if err != nil {
			return fmt.Errorf("write %s: %w", name, bare(err))
		}
		return named(ctx, name, errors.Join(buffered(f, write), f.Close()))
	}
	f, err := atomicfile.Create(target, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, bare(err))
	}
	defer removeAfter(ctx, f.Name())()
	defer f.Drop() // does nothing once it is committed
	if err := buffered(f, write); err != nil {
		return named(ctx, name, err)
	}
	return named(ctx, name, f.Commit())
}

func buffered(f io.Writer, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, 256<<10)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

func named(ctx context.Context, name string, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("write %s: %w: nothing is left of it", name, bare(err))
}

// bare drops the name of the temporary file from an error.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
