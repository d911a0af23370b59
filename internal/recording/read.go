// SPDX-License-Identifier: MIT

package recording

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/jsonlimit"
	"github.com/kmodlab/kmodlab/result"
)

// Read reads what Write wrote. For any bytes it returns one of the package's errors or
// evidence of bounded size. A file may come from anybody, so it is trusted as little as
// a guest.
func Read(rd io.Reader) (*evidence.Evidence, evidence.Used, error) {
	f, err := read(rd)
	if err != nil {
		return nil, evidence.Used{}, err
	}
	e, used, err := f.evidence()
	if err != nil {
		return nil, evidence.Used{}, damage(err)
	}
	return e, used, nil
}

func read(rd io.Reader) (*file, error) {
	body, err := readBody(rd)
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	defer dec.Close()
	r, err := unpack(tar.NewReader(&io.LimitedReader{R: dec, N: maxTotal}))
	if err != nil {
		return nil, err
	}
	return r, r.check()
}

// readBody reads the first frame, and checks the rest against it.
func readBody(rd io.Reader) ([]byte, error) {
	head := make([]byte, headerSize)
	n, err := io.ReadFull(rd, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	first := binary.LittleEndian.AppendUint32(nil, skippable)
	if !bytes.HasPrefix(head[:n], first) || n < versionAt || string(head[markAt:versionAt]) != mark {
		return nil, ErrNotRecording
	}
	if n < headerSize {
		return nil, ErrTruncated
	}
	length := binary.LittleEndian.Uint64(head[lengthAt:])
	if length > maxFile {
		return nil, fmt.Errorf("%w, or damaged", ErrTooLarge)
	}
	body, err := io.ReadAll(io.LimitReader(rd, int64(length)+1))
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	switch {
	case uint64(len(body)) < length:
		return nil, ErrTruncated
	case uint64(len(body)) > length, !bytes.Equal(digest(head, body), head[hashAt:]),
		binary.LittleEndian.Uint32(head[4:]) != uint32(headerSize-markAt):
		return nil, ErrDamaged
	}
	if v := binary.LittleEndian.Uint32(head[versionAt:]); v != Version {
		return nil, fmt.Errorf("%w (the file has version %d, this kmodlab reads up to %d)", ErrNewer, v, Version)
	}
	return body, nil
}

// unpack reads the parts that it knows, and skips others: a later kmodlab may add parts
// without a new version.
func unpack(t *tar.Reader) (*file, error) {
	r := &file{modules: make(map[string][]byte)}
	parts := map[string]*[]byte{
		partKallsyms: &r.kallsyms, partConsole: &r.console, partKernelLog: &r.kernelLog, partLedger: &r.ledger,
	}
	found, modules := false, int64(0)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, damage(err)
		}
		module, isModule := strings.CutPrefix(h.Name, partModules)
		isProgram := strings.HasPrefix(h.Name, partPrograms)
		if n >= maxParts || h.Size > most(h.Name) {
			return nil, ErrTooLarge
		}
		switch {
		case h.Name == partRun:
			if err := jsonlimit.Decode(t, maxElements, &r.run); errors.Is(err, jsonlimit.ErrTooMany) {
				return nil, ErrTooLarge
			} else if err != nil {
				return nil, damage(err)
			}
			found = true
		case h.Name == partRecords:
			r.tape = new(evidence.Tape)
			if _, err := io.Copy(r.tape, t); err != nil {
				return nil, damage(err)
			}
		case isModule:
			if modules += h.Size; modules > maxModules {
				return nil, ErrTooLarge
			}
			if r.modules[strings.TrimSuffix(module, moduleEnding)], err = readPart(t, h.Size); err != nil {
				return nil, damage(err)
			}
		case isProgram:
			if modules += h.Size; modules > maxModules {
				return nil, ErrTooLarge
			}
			data, err := readPart(t, h.Size)
			if err != nil {
				return nil, damage(err)
			}
			r.programs = append(r.programs, data)
		case parts[h.Name] != nil:
			if *parts[h.Name], err = readPart(t, h.Size); err != nil {
				return nil, damage(err)
			}
		}
	}
	if !found {
		return nil, damage(errors.New("it has no " + partRun))
	}
	return r, nil
}

// readPart reads a part into memory of its size: one that grows takes more than twice as much.
func readPart(rd io.Reader, size int64) ([]byte, error) {
	data := make([]byte, size)
	_, err := io.ReadFull(rd, data)
	return data, err
}

// damage is for a file whose hash is right and whose contents are wrong.
func damage(err error) error {
	return fmt.Errorf("%w: %v", ErrDamaged, err)
}

// maxLines bounds the lines of all source files together, and with them the cost of showing one.
const maxLines = 4 << 20

// check checks that run is usable.
func (r *file) check() error {
	if r.run.Result == nil {
		r.run.Result = new(result.Result)
	}
	in := &r.run
	for _, n := range []int{
		len(in.Studied), len(in.Result.Modules), len(in.Files), len(in.Remaining), len(in.Others), len(in.Tracer.Hooks),
		len(in.Inputs.Stuck), len(in.Inputs.Unmet), len(in.Samples), len(in.EndedAt), len(in.Programs), len(in.Failing),
	} {
		if n > maxNames {
			return ErrTooLarge
		}
	}
	if len(in.Expect) > evidence.MaxExpect {
		return ErrTooLarge
	}
	if in.Witness != nil && !in.Witness.Bounded() {
		return ErrTooLarge
	}
	left := maxLines
	for name, s := range r.run.Sources {
		if s.Lines < 0 || s.Lines > left {
			return damage(fmt.Errorf("%s has %d lines", name, s.Lines))
		}
		left -= s.Lines
	}
	return nil
}
