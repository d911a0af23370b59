// SPDX-License-Identifier: MIT

package boot

import (
	"context"
	"errors"
	"fmt"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// ErrLonger is the error of ReadFile for a file that is longer than its caller bears.
var ErrLonger = errors.New("longer than")

// ReadFile reads a whole file of the guest, at most max bytes: the guest is not trusted with the host's memory. With an
// error it returns what came before.
func ReadFile(ctx context.Context, c *wire.Client, path string, max int) ([]byte, error) {
	return readWith(ctx, c, wire.ReadArgs{Path: path}, max)
}

// ReadGuest is ReadFile for a file of the system that programs run in. It must be a regular one.
func ReadGuest(ctx context.Context, c *wire.Client, path string, max int) ([]byte, error) {
	return readWith(ctx, c, wire.ReadArgs{Path: path, Guest: true}, max)
}

func readWith(ctx context.Context, c *wire.Client, args wire.ReadArgs, max int) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var data []byte
	_, err := c.Stream(ctx, wire.OpRead, args, nil, nil, func(chunk []byte) {
		if len(data)+len(chunk) > max {
			cancel(fmt.Errorf("%w %d bytes", ErrLonger, max))
			return
		}
		data = append(data, chunk...)
	})
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return data, fmt.Errorf("read the guest's %s: %w", args.Path, err)
	}
	return data, nil
}

// WriteFile writes a whole file of the guest, and creates its parent folders.
func WriteFile(ctx context.Context, c *wire.Client, path string, mode uint32, data []byte) error {
	for first := true; first || len(data) > 0; first = false {
		chunk := data[:min(len(data), wire.MaxBlob/2)]
		data = data[len(chunk):]
		args := wire.WriteArgs{Path: path, Mode: mode, Append: !first}
		if _, err := c.Stream(ctx, wire.OpWrite, args, chunk, nil, nil); err != nil {
			return fmt.Errorf("write the guest's %s: %w", path, err)
		}
	}
	return nil
}

// WriteFiles writes whole files of the guest, their Data, in as few messages as possible: each costs milliseconds
// without KVM.
func WriteFiles(ctx context.Context, c *wire.Client, files []File) error {
	var args wire.WriteAllArgs
	var blob []byte
	send := func() error {
		if len(args.Files) == 0 {
			return nil
		}
		_, err := c.Stream(ctx, wire.OpWriteAll, args, blob, nil, nil)
		args, blob = wire.WriteAllArgs{}, nil
		if err != nil {
			return fmt.Errorf("write the guest's files: %w", err)
		}
		return nil
	}
	for _, f := range files {
		data := f.Data
		if len(data) > wire.MaxBlob/2 {
			if err := WriteFile(ctx, c, f.Name, uint32(f.Mode), data); err != nil {
				return err
			}
			continue
		}
		if len(blob)+len(data) > wire.MaxBlob/2 {
			if err := send(); err != nil {
				return err
			}
		}
		args.Files = append(args.Files, wire.FileArgs{Path: f.Name, Mode: uint32(f.Mode), Size: len(data)})
		blob = append(blob, data...)
	}
	return send()
}
