// SPDX-License-Identifier: MIT

package recording

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"github.com/kmodlab/kmodlab/internal/evidence"
)

// The first frame: zstd's magic number of a skippable frame, its length, then our own
// magic number, the version, the length of what follows, and the SHA-256 of version,
// length and what follows.
const (
	skippable  = 0x184d2a5b // zstd leaves the last four bits to the user
	mark       = "kmlab\r\n\x1a"
	markAt     = 8
	versionAt  = markAt + len(mark)
	lengthAt   = versionAt + 4
	hashAt     = lengthAt + 8
	headerSize = hashAt + sha256.Size
)

// The names of the parts in the archive.
const (
	partRun       = "run.json"
	partRecords   = "records"
	partKallsyms  = "kallsyms"
	partConsole   = "console"
	partKernelLog = "kernel.log"
	partLedger    = "takings"
	partModules   = "modules/"
	partPrograms  = "programs/" // and a number
	moduleEnding  = ".ko"
)

// Write writes evidence as a recording, reduced to what was used of it. The same evidence
// gives the same bytes.
func Write(w io.Writer, e *evidence.Evidence, used evidence.Used) error {
	f, err := fromEvidence(e, used)
	if err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	var body bytes.Buffer
	if err := pack(&body, f); err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	head := make([]byte, headerSize)
	binary.LittleEndian.PutUint32(head, skippable)
	binary.LittleEndian.PutUint32(head[4:], uint32(headerSize-markAt))
	copy(head[markAt:], mark)
	binary.LittleEndian.PutUint32(head[versionAt:], Version)
	binary.LittleEndian.PutUint64(head[lengthAt:], uint64(body.Len()))
	copy(head[hashAt:], digest(head, body.Bytes()))
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	if _, err := w.Write(body.Bytes()); err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	return nil
}

// digest returns the hash of version, length and body.
func digest(head, body []byte) []byte {
	h := sha256.New()
	h.Write(head[versionAt:hashAt])
	h.Write(body)
	return h.Sum(nil)
}

func pack(w io.Writer, r *file) error {
	enc, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	t := tar.NewWriter(enc)
	run, err := json.MarshalIndent(&r.run, "", "  ")
	if err != nil {
		return err
	}
	parts := []struct {
		name string
		data []byte
	}{
		{partRun, run}, {partKallsyms, r.kallsyms}, {partConsole, r.console}, {
			partKernelLog, r.kernelLog,
		}, {partLedger, r.ledger},
	}
	for _, p := range parts {
		if err := addPart(t, p.name, int64(len(p.data)), bytes.NewReader(p.data)); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.modules)) {
		data := r.modules[name]
		if err := addPart(t, partModules+name+moduleEnding, int64(len(data)), bytes.NewReader(data)); err != nil {
			return err
		}
	}
	for i, data := range r.programs {
		if err := addPart(t, partPrograms+strconv.Itoa(i), int64(len(data)), bytes.NewReader(data)); err != nil {
			return err
		}
	}
	if r.tape != nil {
		records, size, err := r.tape.Open()
		if err != nil {
			return err
		}
		defer records.Close()
		if err := addPart(t, partRecords, size, records); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return enc.Close()
}

func addPart(t *tar.Writer, name string, size int64, data io.Reader) error {
	if size == 0 && name != partRecords { // an empty stream is not the same as none
		return nil
	}
	if size > most(name) {
		return fmt.Errorf("%s has %d MiB, more than the %d MiB that a recording may have", name, size>>20, most(name)>>20)
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.Copy(t, data)
	return err
}
