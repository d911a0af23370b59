// SPDX-License-Identifier: MIT

package recording

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/witness"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

func sample(t testing.TB) (*evidence.Evidence, evidence.Used) {
	t.Helper()
	tape := new(evidence.Tape)
	noise := rand.NewChaCha8([32]byte{})
	for range 10 {
		part := make([]byte, 777)
		noise.Read(part)
		tape.Write(part)
	}
	kallsyms := []byte("ffffffff81000000 t f\n")
	kernel, err := symbols.ReadRunning(bytes.NewReader(kallsyms))
	if err != nil {
		t.Fatal(err)
	}
	ten, four := int64(10), 4
	e := &evidence.Evidence{
		Program: "kmodlab test", KernelID: "linux-image 6.1",
		Title: "m", Folder: "labs/m", Date: "2026-11-29T16:30:05Z",
		Machine: result.Machine{Kernel: "6.1", Name: "debian:bookworm"}, Phases: []result.Phase{{Name: "boot", MS: 1.5}},
		Commands: []result.Command{{Argv: []string{"lsmod"}, Output: "out"}},
		Modules:  []result.Module{{Name: "m", LoadedNS: &ten}}, Studied: []string{"m"},
		Finished: true, Unloaded: true, Cut: true, Passed: "traced", PassHint: "hint", Unmet: []string{"no stop"},
		Expect: []string{"threads.size() == 1", "clean()"},
		Stuck:  []result.Stuck{{Comm: "K1", PID: 7}},
		Trace: evidence.Trace{
			AgentPID: 1, MarkNS: 1 << 60, Kernel: kernel, Tape: tape, Lost: map[string]uint64{"k": 1 << 63},
			Hooks: []evidence.Hook{
				{Hook: result.Hook{Name: "h", Attached: true, Proved: true, Fired: 5}},
				{Hook: result.Hook{Name: "i", Attached: true, Proved: true}, FiredBefore: 2},
			},
		},
		Failing: []evidence.Failing{{
			Call: "kmalloc", Module: "m", Symbols: []string{"__kmalloc"}, Nth: 2, Calls: 3, Loads: 1, At: 1 << 63, Value: -12,
			TimeNS: 9, PID: 8, Comm: "modprobe", Load: 1, InInit: true,
		}},
		Taint: evidence.Taint{Before: 1, After: 1<<63 | 1, AtEnd: true}, Earlier: evidence.Earlier{Console: 1, KernelLog: 2},
		Console: "\xff console", KernelLog: []byte("log"),
		Witness: &evidence.Witness{
			Guest: witness.Account{Taint: 1, Modules: []string{"m"}}, First: &witness.View{Taint: 1},
			Last: &witness.View{
				Modules: []witness.Module{{Name: "m", At: 1 << 63, Listed: true}}, Hooked: []string{"do_exit"},
			},
			Differences: []string{"a difference"},
		},
		Samples: []evidence.Sample{{CPU: 1, At: 1 << 63, Called: []uint64{5}}},
		Code:    map[uint64][]byte{1 << 63: {0xe8}}, EndedAt: []uint64{9},
		Left: evidence.Left{
			Before: leaks.Objects{Files: []string{"/proc/a"}}, After: leaks.Objects{Files: []string{"/proc/b"}}, Compared: true,
			Unpaired: []result.Unpaired{
				{Module: "m", What: "a kprobe", Function: "register_kprobe", Undo: "unregister_kprobe"},
			},
			Unchecked: []result.Unchecked{
				{Module: "m", What: "credentials", Function: "prepare_creds", Why: "they are dropped by inlined code"},
			},
			Ledger:  leaks.Read(leaks.NewPlan(nil, nil), []byte("taken")),
			Modules: []evidence.Loaded{{Name: "m", Refcount: 1, State: "live"}},
			Others:  []string{"crc8"},
		},
		Programs: map[string][]byte{"/lab/b": []byte("\x7fELF b"), "/lab/a": []byte("\x7fELF a")},
		Files:    map[string]evidence.File{"m": {Name: "m.ko", Data: []byte("\x7fELF…")}, "n": {Name: "n.ko", Err: "gone"}},
		Sources:  map[string]evidence.Source{"/build/src/a.c": {Name: "a.c", Lines: []string{"1", "2", "3", "int x;", "5"}}},
	}
	for _, kind := range kinds {
		e.Failures = append(e.Failures, evidence.Failure{
			Kind: kind, Message: string(kind), Hint: "hint", Signal: "SIGKILL", PID: 7,
		})
	}
	return e, evidence.Used{Kallsyms: kallsyms, Sources: map[string]map[int]string{"/build/src/a.c": {four: "int x;"}}}
}

func written(t testing.TB, e *evidence.Evidence, used evidence.Used) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, e, used); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writtenSample(t testing.TB) []byte {
	t.Helper()
	e, used := sample(t)
	return written(t, e, used)
}

func records(t testing.TB, tape *evidence.Tape) []byte {
	t.Helper()
	r, _, err := tape.Open()
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

// TestRoundTrip: a file keeps all evidence except the source lines that were not shown,
// and the same evidence gives the same bytes.
func TestRoundTrip(t *testing.T) {
	e, used := sample(t)
	file := written(t, e, used)
	again, usedAgain, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if got := records(t, again.Trace.Tape); len(got) != 7770 || !bytes.Equal(got, records(t, e.Trace.Tape)) {
		t.Errorf("%d bytes of records", len(got))
	}
	if !bytes.Equal(file, written(t, again, usedAgain)) || !bytes.Equal(file, written(t, e, used)) {
		t.Error("the same recording gives other bytes")
	}
	if again.Trace.Broken == "" {
		t.Error("noise was read as a stream of records")
	}
	planOf := func(l *leaks.Ledger) *leaks.Plan { p, _ := l.Source(); return p }
	before, after := planOf(e.Left.Ledger), planOf(again.Left.Ledger)
	if diff := cmp.Diff(before, after, cmpopts.IgnoreUnexported(leaks.Plan{})); diff != "" {
		t.Errorf("the ledger's plan (-want +got):\n%s", diff)
	}
	e.Sources["/build/src/a.c"] = evidence.Source{Name: "a.c", Lines: []string{"", "", "", "int x;", ""}}
	same := cmp.Options{
		cmpopts.IgnoreFields(evidence.Trace{}, "Tape", "Kernel", "Broken", "Events"),
		cmpopts.IgnoreFields(evidence.Left{}, "Ledger"), cmpopts.IgnoreUnexported(witness.View{}),
	}
	if diff := cmp.Diff(e, again, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(used, usedAgain); diff != "" {
		t.Errorf("what was used (-want +got):\n%s", diff)
	}
	none, _, err := Read(bytes.NewReader(written(t, new(evidence.Evidence), evidence.Used{})))
	if err != nil || none.Trace.Tape != nil || none.Finished {
		t.Errorf("no evidence: %+v, %v", none, err)
	}
}

// TestOrdinaryTools: zstd and tar unpack a recording.
func TestOrdinaryTools(t *testing.T) {
	needs.Program(t, "zstd")
	file := t.TempDir() + "/run.kmlab"
	if err := os.WriteFile(file, writtenSample(t), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", "zstd -dc "+file+" | tar xO modules/m.ko").CombinedOutput()
	if err != nil || string(out) != "\x7fELF…" {
		t.Errorf("%v: %q", err, out)
	}
}

// TestEveryByte: a flip of any byte, and a cut at any place, is detected.
func TestEveryByte(t *testing.T) {
	file := writtenSample(t)
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 0x40
		_, _, err := Read(bytes.NewReader(bad))
		is := func(want error) bool { return errors.Is(err, want) }
		if !slices.ContainsFunc([]error{ErrDamaged, ErrNotRecording, ErrTruncated, ErrTooLarge}, is) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		_, _, err = Read(bytes.NewReader(file[:i]))
		if want := map[bool]error{true: ErrNotRecording, false: ErrTruncated}[i < versionAt]; !errors.Is(err, want) {
			t.Fatalf("cut at %d: %v, want %v", i, err, want)
		}
	}
	if _, _, err := Read(bytes.NewReader(append(file, 0))); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte after the end: %v", err)
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
	if _, _, err := Read(bytes.NewReader(packed(Version, whole))); err != nil {
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
		"many sources":    {packed(Version, archive(t, partRun, manySources())), ErrDamaged},
		"a console of nothing but lines": {
			packed(Version, archive(t, partRun, `{}`, partConsole, strings.Repeat("\n", 3<<20))), ErrTooLarge,
		},
		"a log of nothing but reports": {
			packed(Version, archive(t, partRun, `{}`, partKernelLog, strings.Repeat("BUG: x\n", 1<<19))), ErrTooLarge,
		},
	} {
		if _, _, err := Read(bytes.NewReader(tt.file)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestHugeWitness: lists that no look gives are refused, each of them, before anything is made of them.
func TestHugeWitness(t *testing.T) {
	list := func(n int, element string) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf(`"name_of_number_%d":{"calls":[]}`, i)
	}
	tracepoints := "{" + strings.Join(many, ",") + "}"
	module, task, program := `{"name":"a_module"}`, `{"pid":1,"comm":"task"}`, `{"at":1,"tag":"0123456789"}`
	for name, tt := range map[string]struct {
		witness string
		want    error
	}{
		"modules":     {`{"last":{"modules":` + list(5000, module) + `}}`, ErrTooLarge},
		"at first":    {`{"first":{"modules":` + list(5000, module) + `}}`, ErrTooLarge},
		"tasks":       {`{"last":{"tasks":` + list(70_000, task) + `}}`, ErrTooLarge},
		"programs":    {`{"last":{"programs":` + list(70_000, program) + `}}`, ErrTooLarge},
		"hooked":      {`{"last":{"hooked":` + list(5000, `"do_exit_of_a_task"`) + `}}`, ErrTooLarge},
		"changed":     {`{"last":{"changed":` + list(5000, `"do_exit_of_a_task"`) + `}}`, ErrTooLarge},
		"calls":       {`{"last":{"tracepoints":{"x":{"calls":` + list(100, `[1,2]`) + `}}}}`, ErrTooLarge},
		"tracepoints": {`{"last":{"tracepoints":` + tracepoints + `}}`, ErrTooLarge},
		"account":     {`{"guest":{"modules":` + list(5000, `"a_module_of_it"`) + `}}`, ErrTooLarge},
		"differences": {`{"differences":` + list(5000, `"a sentence of it"`) + `}`, ErrTooLarge},
		"as many as a look gives": {`{"differences":` + list(1000, `"a sentence"`) + `,"last":{"modules":` +
			list(4096, module) + `,"tasks":` + list(1<<16, task) + `}}`, nil},
	} {
		file := packed(Version, archive(t, partRun, `{"witness":`+tt.witness+`}`))
		if _, _, err := Read(bytes.NewReader(file)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// manySources are sources that have as many lines as one may have, each of them.
func manySources() string {
	var list []string
	for i := range 1000 {
		list = append(list, fmt.Sprintf(`"%d.c":{"lines":%d}`, i, maxLines))
	}
	return `{"sources":{` + strings.Join(list, ",") + `}}`
}

// TestBomb: a small file that unpacks to more than a recording may have is refused
// without being kept in memory.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(enc)
	if err := w.WriteHeader(&tar.Header{Name: "later", Size: most("later") + 1, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	io.CopyN(w, zeros{}, 1<<20)
	enc.Close()
	if _, _, err := Read(bytes.NewReader(packed(Version, b.Bytes()))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzRead corrects the hash, so that the code after its check is reached.
func FuzzRead(f *testing.F) {
	f.Add(writtenSample(f), false)
	f.Add(archive(f, partRun, `{"result":{}}`, partRecords, "x", "modules/m.ko", "y"), true)
	f.Fuzz(func(t *testing.T, b []byte, body bool) {
		if body {
			b = packed(Version, b)
		}
		e, used, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if err := Write(io.Discard, e, used); err != nil {
			t.Errorf("evidence that was read cannot be written: %v", err)
		}
	})
}
