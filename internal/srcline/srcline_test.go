// SPDX-License-Identifier: MIT

package srcline

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// compile makes a relocatable object from testdata/parts.c, as kbuild does from a module's sources.
func compile(t testing.TB, flags ...string) []byte {
	t.Helper()
	return compileSource(t, "testdata/parts.c", flags...)
}

func compileSource(t testing.TB, name string, flags ...string) []byte {
	t.Helper()
	gcc := needs.Program(t, "gcc")
	object := filepath.Join(t.TempDir(), "parts.o")
	source, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-O2", "-fno-pic", "-mcmodel=kernel", "-fno-asynchronous-unwind-tables", "-c", "-o", object},
		flags...)
	if out, err := exec.Command(gcc, append(args, source)...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	b, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// marks are the source lines that bear a name.
func marks(t *testing.T) map[string]int {
	t.Helper()
	source, err := os.ReadFile("testdata/parts.c")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]int)
	for i, l := range strings.Split(string(source), "\n") {
		if _, name, ok := strings.Cut(l, "/* line: "); ok {
			lines[strings.TrimSuffix(name, " */")] = i + 1
		}
	}
	return lines
}

func readELF(t *testing.T, object []byte) (*elf.File, []elf.Symbol) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	return f, symbols
}

// callEnd finds where a call to a function ends, relative to the start of the symbol that makes it: the relocation of
// the n-th call to target names it.
func callEnd(t *testing.T, object []byte, symbol, target string, n int) uint64 {
	t.Helper()
	f, symbols := readELF(t, object)
	for _, s := range symbols {
		if s.Name != symbol {
			continue
		}
		for _, rela := range f.Sections {
			if rela.Type != elf.SHT_RELA || rela.Info != uint32(s.Section) {
				continue
			}
			data, err := rela.Data()
			if err != nil {
				t.Fatal(err)
			}
			for ; len(data) >= 24; data = data[24:] {
				offset, number := f.ByteOrder.Uint64(data), f.ByteOrder.Uint32(data[12:])
				if symbols[number-1].Name != target || offset < s.Value || offset >= s.Value+s.Size {
					continue
				}
				if n--; n == 0 {
					return offset + 4 - s.Value
				}
			}
		}
	}
	t.Fatalf("%s does not call %s that often", symbol, target)
	return 0
}

func short(list []Position) string {
	var parts []string
	for _, p := range list {
		part := fmt.Sprintf("%s:%d", p.Function, p.Line)
		if p.Inlined {
			part += " in"
		}
		if filepath.Base(p.File) != "parts.c" {
			part += " of " + p.File
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func TestCalls(t *testing.T) {
	line := marks(t)
	for _, flags := range [][]string{{"-gdwarf-5"}, {"-gdwarf-4"}, {"-gdwarf-5", "-gz"},
		{"-gdwarf-5", "-ffunction-sections"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			object := compile(t, flags...)
			m, err := Open(object)
			if err != nil {
				t.Fatal(err)
			}
			for _, tt := range []struct {
				symbol, target string
				n              int
				want           string
			}{
				{"reader", "next", 2, "reader:reader-call"},
				{"worker.cold", "complain", 1, "worker:cold"},
				{"start", "next", 1, "start:start-call"},
				{"stop", "next", 1, "stop:stop-call"},
			} {
				offset := callEnd(t, object, tt.symbol, tt.target, tt.n)
				got, err := m.Find(tt.symbol, offset, 0, false)
				function, mark, _ := strings.Cut(tt.want, ":")
				if want := fmt.Sprintf("%s:%d", function, line[mark]); err != nil || short(got) != want {
					t.Errorf("%s+%#x: %s, %v, want %s", tt.symbol, offset, short(got), err, want)
				}
			}
		})
	}
}

// TestAgainstAddr2line compares every place of every function with binutils.
func TestAgainstAddr2line(t *testing.T) {
	addr2line := needs.Program(t, "addr2line")
	object := compile(t, "-gdwarf-5")
	path := filepath.Join(t.TempDir(), "parts.o")
	if err := os.WriteFile(path, object, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(object)
	if err != nil {
		t.Fatal(err)
	}
	symbols, _ := f.Symbols()
	checked, inlined := 0, 0
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			continue
		}
		args := []string{"-f", "-i", "-j", f.Sections[s.Section].Name, "-e", path}
		for offset := range s.Size {
			args = append(args, fmt.Sprintf("%#x", s.Value+offset))
		}
		for offset := range s.Size {
			out, err := exec.Command(addr2line, append(args[:6:6], args[6+offset])...).Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Find(s.Name, offset, 0, true)
			if err != nil {
				t.Fatalf("%s+%#x: %v", s.Name, offset, err)
			}
			var ours strings.Builder
			for _, p := range got {
				fmt.Fprintf(&ours, "%s\n%s:%d\n", p.Function, p.File, p.Line)
				if p.Inlined {
					inlined++
				}
			}
			if diff := cmp.Diff(discriminators(string(out)), ours.String()); diff != "" {
				t.Errorf("%s+%#x (-addr2line +ours):\n%s", s.Name, offset, diff)
			}
			checked++
		}
	}
	if checked < 50 || inlined < 5 {
		t.Errorf("%d places, %d inlined: too few to say anything", checked, inlined)
	}
}

// discriminators removes "(discriminator 2)".
func discriminators(out string) string {
	var lines []string
	for l := range strings.Lines(out) {
		l, _, _ = strings.Cut(strings.TrimSuffix(l, "\n"), " (discriminator")
		lines = append(lines, l+"\n")
	}
	return strings.Join(lines, "")
}

func TestErrors(t *testing.T) {
	if _, err := Open(compile(t)); !errors.Is(err, ErrNoDebugInfo) {
		t.Errorf("without -g: %v", err)
	}
	for _, bad := range [][]byte{nil, []byte("no ELF"), bytes.Repeat([]byte{0x7f, 'E', 'L', 'F'}, 40)} {
		if _, err := Open(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	m, err := Open(compile(t, "-g"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"absent", ""} {
		if _, err := m.Find(name, 1, 0, true); !errors.Is(err, ErrUnknownPlace) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := m.Find("reader", 1<<40, 0, true); !errors.Is(err, ErrUnknownPlace) {
		t.Errorf("beyond its end: %v", err)
	}
}

// TestSameName: a size tells functions of the same name apart; without it there is no guess.
func TestSameName(t *testing.T) {
	m := &Module{functions: map[string][]function{"work": {{gap, 0x20}, {4 * gap, 0x90}}}}
	for _, tt := range []struct {
		offset, size, want uint64
	}{{0x10, 0x20, gap}, {0x10, 0x9f, 4 * gap}, {0x80, 0, 4 * gap}, {0x10, 0, 0}, {0x95, 0, 0}} {
		f, err := m.function("work", tt.offset, tt.size)
		if tt.want == 0 && !errors.Is(err, ErrUnknownPlace) || tt.want != 0 && f.addr != tt.want {
			t.Errorf("+%#x/%#x: %#x, %v, want %#x", tt.offset, tt.size, f.addr, err, tt.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(compile(f, "-gdwarf-5"), uint64(8))
	f.Add(compile(f, "-gdwarf-4"), uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, offset uint64) {
		m, err := Open(data)
		if err != nil {
			return
		}
		for name := range m.functions {
			list, err := m.Find(name, offset, 0, false)
			if err == nil && len(list) == 0 {
				t.Fatal("neither position nor error")
			}
		}
	})
}

// TestMutations garbles an object in places, in a fixed sequence.
func TestMutations(t *testing.T) {
	object := compile(t, "-gdwarf-5")
	r := rand.New(rand.NewPCG(1, 1))
	found := 0
	for range 300 {
		data := bytes.Clone(object)
		for range 1 + r.IntN(20) {
			data[r.IntN(len(data))] = byte(r.Uint32())
		}
		m, err := Open(data)
		if err != nil {
			continue
		}
		if list, err := m.Find("reader", 9, 0, false); err == nil && len(list) > 0 {
			found++
		}
	}
	if found == 0 {
		t.Error("nothing was found in any of them")
	}
}
