// SPDX-License-Identifier: MIT

package recording

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

func sample(t testing.TB) *Recording {
	t.Helper()
	tape := new(Tape)
	noise := rand.NewChaCha8([32]byte{})
	for range 10 {
		part := make([]byte, 777)
		noise.Read(part)
		tape.Write(part)
	}
	return &Recording{
		Run: Run{
			Program: "kmodlab test", Booted: true, AgentPID: 1, MarkNS: 1 << 60,
			Result:  &result.Result{Schema: result.Schema, Machine: result.Machine{Kernel: "6.1"}},
			Inputs:  result.Inputs{Finished: true, Load: &result.Failure{Message: "no"}},
			Tracer:  wire.TraceResult{Hooks: []wire.Hook{{Name: "h", Fired: 5}}, Lost: map[string]uint64{"k": 1 << 63}},
			Sources: map[string]Source{"/build/src/a.c": {Name: "a.c", Lines: 9, Text: map[int]string{4: "int x;"}}},
			Files:   map[string]File{"m": {Name: "m.ko", SHA256: "00"}},
			Studied: []string{"m"},
		},
		Records: tape, Kallsyms: []byte("ffffffff81000000 t f\n"), Modules: map[string][]byte{"m": []byte("\x7fELF…")},
		Console: []byte("\xff console"), KernelLog: []byte("log"), Takings: []byte("taken"),
	}
}

func written(t testing.TB, r *Recording) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func records(t testing.TB, tape *Tape) []byte {
	t.Helper()
	r, err := tape.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRoundTrip(t *testing.T) {
	r := sample(t)
	file := written(t, r)
	again, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if got := records(t, again.Records); len(got) != 7770 || !bytes.Equal(got, records(t, r.Records)) {
		t.Errorf("%d bytes of records", len(got))
	}
	if !bytes.Equal(file, written(t, again)) || !bytes.Equal(file, written(t, r)) {
		t.Error("the same recording gives other bytes")
	}
	r.Records, again.Records = nil, nil
	if diff := cmp.Diff(r, again); diff != "" {
		t.Error(diff)
	}
	empty, err := Read(bytes.NewReader(written(t, &Recording{})))
	if err != nil || empty.Records != nil || empty.Run.Result == nil {
		t.Errorf("an empty recording: %+v, %v", empty, err)
	}
}

// TestOrdinaryTools: zstd and tar look into a recording.
func TestOrdinaryTools(t *testing.T) {
	needs.Program(t, "zstd")
	file := t.TempDir() + "/run.kmlab"
	if err := os.WriteFile(file, written(t, sample(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", "zstd -dc "+file+" | tar xO modules/m.ko").CombinedOutput()
	if err != nil || string(out) != "\x7fELF…" {
		t.Errorf("%v: %q", err, out)
	}
}

// TestEveryByte: a flip of any byte, and a cut at any place, is found and named.
func TestEveryByte(t *testing.T) {
	file := written(t, sample(t))
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 0x40
		_, err := Read(bytes.NewReader(bad))
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotRecording) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		_, err = Read(bytes.NewReader(file[:i]))
		if want := map[bool]error{true: ErrNotRecording, false: ErrTruncated}[i < versionAt]; !errors.Is(err, want) {
			t.Fatalf("cut at %d: %v, want %v", i, err, want)
		}
	}
	if _, err := Read(bytes.NewReader(append(file, 0))); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte behind the end: %v", err)
	}
}

// packed makes a file of any body, with a hash that holds.
func packed(version uint32, body []byte) []byte {
	head := make([]byte, headerSize)
	binary.LittleEndian.PutUint32(head, skippable)
	binary.LittleEndian.PutUint32(head[4:], uint32(headerSize-markAt))
	copy(head[markAt:], mark)
	binary.LittleEndian.PutUint32(head[versionAt:], version)
	binary.LittleEndian.PutUint64(head[lengthAt:], uint64(len(body)))
	copy(head[hashAt:], digest(head, body))
	return append(head, body...)
}

func archive(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(enc)
	for i := 0; i < len(parts); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: parts[i], Size: int64(len(parts[i+1]))}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, parts[i+1])
	}
	w.Close()
	enc.Close()
	return b.Bytes()
}

func TestRefused(t *testing.T) {
	whole := archive(t, partRun, "{}", "later", "of a later program")
	if _, err := Read(bytes.NewReader(packed(Version, whole))); err != nil {
		t.Errorf("a part that is not known: %v", err)
	}
	for name, tt := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":         {nil, ErrNotRecording},
		"text":            {bytes.Repeat([]byte("hello "), 100), ErrNotRecording},
		"zstd":            {whole, ErrNotRecording},
		"newer":           {packed(Version+1, []byte("whatever it may be")), ErrNewer},
		"no zstd":         {packed(Version, []byte("no zstd")), ErrDamaged},
		"no run":          {packed(Version, archive(t, partConsole, "x")), ErrDamaged},
		"no JSON":         {packed(Version, archive(t, partRun, "no JSON")), ErrDamaged},
		"half an archive": {packed(Version, whole[:len(whole)/2]), ErrDamaged},
		"source lines":    {packed(Version, archive(t, partRun, `{"sources":{"a.c":{"lines":99999999999}}}`)), ErrDamaged},
	} {
		if _, err := Read(bytes.NewReader(tt.file)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestBomb: a small file that unpacks to more than a recording may have is given
// up on, and not kept in memory meanwhile.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(enc)
	if err := w.WriteHeader(&tar.Header{Name: "later", Size: maxPart + 1, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	io.CopyN(w, zeros{}, 1<<20)
	enc.Close()
	if _, err := Read(bytes.NewReader(packed(Version, b.Bytes()))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestTapeBound(t *testing.T) {
	tape := new(Tape)
	part := make([]byte, 8<<20)
	for range maxPart/len(part) + 1 {
		if n, err := tape.Write(part); n != len(part) || err != nil {
			t.Fatal("the stream that is recorded must go on")
		}
	}
	if err := Write(io.Discard, &Recording{Records: tape}); err == nil {
		t.Error("a tape that is too long is written as if it were whole")
	}
}

// FuzzRead mends the hash, so that what is behind it is reached.
func FuzzRead(f *testing.F) {
	f.Add(written(f, sample(f)), false)
	f.Add(archive(f, partRun, `{"result":{}}`, partRecords, "x", "modules/m.ko", "y"), true)
	f.Fuzz(func(t *testing.T, b []byte, body bool) {
		if body {
			b = packed(Version, b)
		}
		r, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if err := Write(io.Discard, r); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
