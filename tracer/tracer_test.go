// SPDX-License-Identifier: MIT

package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/bpf"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/programs"
)

func loadSpec(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := bpf.LoadTrace()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// madeSet is for a kernel that has the types that the object names, and no more.
func madeSet(t *testing.T) *programs.Set {
	t.Helper()
	set, err := programs.Make(loadSpec(t).Types, "Linux")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A refused program costs only its variant, and the reasons are reported.
func TestChoose(t *testing.T) {
	three := []string{"a", "a__old", "a__kprobe"}
	refused := func(name string) error { return fmt.Errorf("no %s\nand a log of the verifier", name) }
	for name, tt := range map[string]struct {
		takes          int // index of the variant that works; 3 is none
		fallback, note string
		tries          int
	}{
		"first":    {takes: 0, tries: 1},
		"second":   {takes: 1, fallback: "no a", tries: 2},
		"third":    {takes: 2, fallback: "no a", tries: 3},
		"none yet": {takes: 3, note: "no a; no a__old; no a__kprobe", tries: 3},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			used, fallback, note := choose(three, func(name string) error {
				tries++
				if tries-1 == tt.takes {
					return nil
				}
				return refused(name)
			})
			if want := three[tt.takes%3]; used != want {
				t.Errorf("chose %v, want %v", used, want)
			}
			if fallback != tt.fallback || note != tt.note || tries != tt.tries {
				t.Errorf("fallback %q, note %q, %d tries; want %q, %q, %d", fallback, note, tries, tt.fallback, tt.note, tt.tries)
			}
		})
	}
}

// The table and the compiled object name the same programs, and every kind of
// record has a hook that writes it.
func TestPlaces(t *testing.T) {
	spec := loadSpec(t)
	unused := maps.Clone(spec.Programs)
	written := make(map[event.Kind]bool)
	for _, p := range places {
		if spec.Variables["hook_"+p.name] == nil {
			t.Errorf("place %s has no number in the object", p.name)
		}
		for _, k := range p.kinds {
			written[k] = true
		}
		for _, v := range p.variants {
			if spec.Programs[v] == nil {
				t.Errorf("place %s wants program %s, which is not in the object", p.name, v)
			}
			delete(unused, v)
		}
	}
	if len(unused) > 0 {
		t.Errorf("no place uses programs %v", slices.Sorted(maps.Keys(unused)))
	}
	for k := range event.Kinds() {
		if !written[k] {
			t.Errorf("no place writes %s", k)
		}
	}
	if room := int(spec.Maps["fired"].MaxEntries); len(places) > room {
		t.Errorf("%d places, the object counts %d", len(places), room)
	}
}

// On a preemptible kernel, every place in which a task can be preempted has a program that runs with preemption off,
// and tries it first.
func TestSteadyFirst(t *testing.T) {
	set := madeSet(t)
	kind := func(name string) string { return set.Find(name).Kind }
	steady := []string{"kprobe", "kretprobe", "tracepoint"}
	for _, p := range places {
		got := p.steadyFirst(kind)
		if len(got) != len(p.variants) {
			t.Errorf("%s has %d variants of %d", p.name, len(got), len(p.variants))
		}
		switch {
		case p.steady:
			if !slices.Equal(got, p.variants) {
				t.Errorf("%s, which needs no other order, became %v", p.name, got)
			}
		case p.name == "request_duplicate": // on no kernel of Debian, and rare
		case !slices.Contains(steady, kind(got[0])):
			t.Errorf("%s begins with a %s, in which a task can be preempted", p.name, kind(got[0]))
		}
	}
}

func TestPreempts(t *testing.T) {
	for _, tt := range []struct {
		model, version string
		want           bool
	}{
		{"none (voluntary) full lazy \n", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.90-1", false},
		{"(none) voluntary full \n", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1", false},
		{"none voluntary (full) lazy \n", "#1 SMP PREEMPT_DYNAMIC", true},
		{"full (lazy) \n", "#1 SMP PREEMPT_DYNAMIC Debian 7.3.4-1", true},
		{"", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.90-1", true}, // it may
		{"", "#1 SMP PREEMPT_RT", true},
		{"", "#1 SMP Debian 5.10.244-1", false},
	} {
		if got := preempts(tt.model, tt.version); got != tt.want {
			t.Errorf("preempts(%q, %q) = %v, want %v", tt.model, tt.version, got, tt.want)
		}
	}
}

// Every constant of a filter exists in the object, with the right size.
func TestFilterVariables(t *testing.T) {
	full := Filter{Thread: "K1", Module: "signal-handling", From: "K2", To: "93",
		Signals: []syscall.Signal{syscall.SIGUSR1}}
	if err := prepare(madeSet(t), Options{Filter: full, SkipSignals: []syscall.Signal{syscall.SIGURG}}); err != nil {
		t.Fatal(err)
	}
	vars := full.variables(nil)
	if got, want := vars["skip_signals"], ^uint64(1<<(10-1)); got != want {
		t.Errorf("skip_signals = %#x, want all but SIGUSR1: %#x", got, want)
	}
	if vars["by_from"] != uint32(byComm) || vars["by_to"] != uint32(byPID) || vars["to_pid"] != uint32(93) {
		t.Errorf("from K2, to 93 became %v", vars)
	}
	if got := (Filter{}).variables(nil); len(got) != 1 || got["skip_signals"] != uint64(0) {
		t.Errorf("no filter became %v", got)
	}
	if comm("a name of more than 15") != comm("a name of more ") {
		t.Error("a long name is not cut as the kernel cuts it")
	}
	if got := signalMask([]syscall.Signal{0, 1, 64, 65, -3}); got != 1|1<<63 {
		t.Errorf("mask of signals 0, 1, 64, 65 and -3 = %#x", got)
	}
}

func TestLoadedAt(t *testing.T) {
	const modules = `other 16384 1 signal_handling, Live 0xffffffffc0100000
signal_handling 20480 0 - Live 0xffffffffc0259000 (OE)
short 1
`
	for name, want := range map[string][2]uint64{
		"signal_handling": {0xffffffffc0259000, 0xffffffffc025e000},
		"short":           {},
		"absent":          {},
	} {
		if got, err := loadedAt(strings.NewReader(modules), name); err != nil || got != want {
			t.Errorf("%s is at %#x, %v; want %#x", name, got, err, want)
		}
	}
	for _, bad := range []string{"m x 0 - Live 0x1000", "m 1 0 - Live nowhere"} {
		if got, err := loadedAt(strings.NewReader(bad), "m"); err == nil {
			t.Errorf("%q gives %#x, want an error", bad, got)
		}
	}
}

func TestExplain(t *testing.T) {
	refused := fmt.Errorf("create BPF maps: %w", unix.EPERM)
	locked := "none integrity [confidentiality]\n"
	for name, tt := range map[string]struct {
		err               error
		root              bool
		lockdown, release string
		is                error
		advice            string
	}{
		"not root":      {refused, false, "", "6.1.0-56-cloud-amd64", ErrNotPermitted, "run as root"},
		"locked down":   {refused, true, locked, "6.1.0", ErrNotPermitted, "lockdown=integrity"},
		"container":     {refused, true, "[none] integrity confidentiality\n", "6.1.0", ErrNotPermitted, "CAP_BPF"},
		"old":           {errors.New("map type: invalid argument\nlog"), true, "", "5.4.0-1", ErrTooOld, "5.10 or later"},
		"not built in":  {fmt.Errorf("x: %w", ebpf.ErrNotSupported), true, "", "6.1.0", nil, "CONFIG_BPF_SYSCALL"},
		"anything else": {unix.ENOMEM, true, "", "6.1.0", unix.ENOMEM, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := explainFor(tt.err, tt.root, tt.lockdown, tt.release)
			if tt.is != nil && !errors.Is(got, tt.is) {
				t.Errorf("%v does not wrap %v", got, tt.is)
			}
			if !strings.Contains(got.Error(), tt.advice) || strings.Contains(got.Error(), "\n") {
				t.Errorf("got %q, want one line with %q", got, tt.advice)
			}
		})
	}
	for release, want := range map[string]bool{"5.9.16": true, "4.19.0": true, "5.10.0": false, "7.3.4": false,
		"?": false} {
		if tooOld(release) != want {
			t.Errorf("tooOld(%q) = %t", release, !want)
		}
	}
}

// fakeRing returns its records, with a deadline that passes before some of them, and then ends.
type fakeRing struct {
	left [][]byte // nil is a deadline that passes
	end  error
}

func (f *fakeRing) ReadInto(rec *ringbuf.Record) error {
	if len(f.left) == 0 {
		return f.end
	}
	next := f.left[0]
	f.left = f.left[1:]
	if next == nil {
		return os.ErrDeadlineExceeded
	}
	rec.RawSample = next
	return nil
}

func (f *fakeRing) SetDeadline(time.Time) {}

// AvailableBytes is positive even when only a deadline is left: what was read must be written then, not kept.
func (f *fakeRing) AvailableBytes() int { return len(f.left) }

func TestCopyRing(t *testing.T) {
	record := []byte("a record")
	frame := event.AppendFrame(nil, record)
	many := slices.Repeat([][]byte{record}, 3*batch/len(frame))
	for name, tt := range map[string]struct {
		ring    fakeRing
		records int
		fails   bool
	}{
		"flushed":  {fakeRing{[][]byte{record, nil, record, record}, ringbuf.ErrFlushed}, 3, false},
		"closed":   {fakeRing{[][]byte{record, nil, nil}, ringbuf.ErrClosed}, 1, false},
		"empty":    {fakeRing{nil, ringbuf.ErrFlushed}, 0, false},
		"batches":  {fakeRing{many, ringbuf.ErrFlushed}, len(many), false},
		"unmapped": {fakeRing{[][]byte{record}, errors.New("gone")}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := copyRing(&out, &tt.ring)
			if (err != nil) != tt.fails {
				t.Errorf("copyRing: %v", err)
			}
			if want := bytes.Repeat(frame, tt.records); !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%d bytes came out, want %d", out.Len(), len(want))
			}
		})
	}
	if err := copyRing(brokenPipe{}, &fakeRing{[][]byte{record}, ringbuf.ErrFlushed}); !errors.Is(err, unix.EPIPE) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, unix.EPIPE }
