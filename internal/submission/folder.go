// SPDX-License-Identifier: MIT

package submission

import (
	"context"
	"io"
	"io/fs"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

// folder takes what is in a folder, without following links.
func (c *collector) folder(ctx context.Context, dir string) error {
	f, err := beneath.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return fs.WalkDir(f.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return unreadable(name, err)
		case name == ".":
			return nil
		case d.IsDir() && made(name):
			return fs.SkipDir
		}
		return c.take(name, d.Type(), func() (io.ReadCloser, error) { return f.Open(name, MaxFile+1) })
	})
}
