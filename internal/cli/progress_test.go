// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab"
)

// clock is a time that tests advance.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// TestProgressPlain: a file gets a line when something begins, at most one every five seconds about its progress, and
// one at the end.
func TestProgressPlain(t *testing.T) {
	var out bytes.Buffer
	c := &clock{time.Unix(1000, 0)}
	p := newProgress(&out)
	p.now = c.now
	p.phase(kmodlab.Progress{Phase: "kernel"})
	for pct := range int64(100) {
		c.at = c.at.Add(10 * time.Millisecond)
		p.phase(kmodlab.Progress{Phase: "kernel", Detail: "package index of bookworm", Done: pct, Total: 100,
			Unit: "percent"})
	}
	fetch := func(done int64) {
		p.phase(kmodlab.Progress{Phase: "kernel", Detail: "40 packages of debian:bookworm", Done: done, Total: 61_200_000,
			Unit: "bytes"})
	}
	fetch(0)
	for i := range int64(120) { // 5 MB/s
		c.at = c.at.Add(100 * time.Millisecond)
		fetch((i + 1) * 500_000)
	}
	c.at = c.at.Add(6 * time.Second) // it stalls
	fetch(60_000_000)
	c.at = c.at.Add(time.Second)
	fetch(61_200_000)
	fetch(61_200_000)
	for i := range int64(41) {
		p.phase(kmodlab.Progress{Phase: "kernel", Detail: "unpacking the packages", Done: i, Total: 40, Unit: "packages"})
		c.at = c.at.Add(20 * time.Millisecond)
	}
	p.phase(kmodlab.Progress{Phase: "boot"})
	p.phase(kmodlab.Progress{Phase: "unnamed"})
	p.close()
	want := `kmodlab: looking for the kernel
kmodlab: package index of bookworm
kmodlab: 40 packages of debian:bookworm
kmodlab: 40 packages of debian:bookworm: 25.0 of 61.2 MB, 5.0 MB/s
kmodlab: 40 packages of debian:bookworm: 50.0 of 61.2 MB, 5.0 MB/s
kmodlab: 40 packages of debian:bookworm: 60.0 of 61.2 MB, 0.0 kB/s
kmodlab: 40 packages of debian:bookworm: 61.2 MB in 19.0 s, 3.2 MB/s
kmodlab: unpacking the packages
kmodlab: unpacking the packages: 40 in 0.8 s
kmodlab: booting the guest
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestProgressLine checks what a terminal shows of a phase.
func TestProgressLine(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	p := newProgress(new(bytes.Buffer))
	p.now = c.now
	for _, step := range []struct {
		after time.Duration
		to    kmodlab.Progress
		want  string
	}{
		{0, kmodlab.Progress{Phase: "boot"}, "booting the guest …"},
		{3 * time.Second, kmodlab.Progress{Phase: "boot"}, "booting the guest … 3 s"},
		{0, kmodlab.Progress{Detail: "bad\x1b[2J name"}, `bad\x1b[2J name …`},
		{0, kmodlab.Progress{Phase: "kernel", Total: 61_200_000, Unit: "bytes"},
			"looking for the kernel … 0.0 of 61.2 MB, 0.0 kB/s"},
		{2 * time.Second, kmodlab.Progress{Phase: "kernel", Done: 10_200_000, Total: 61_200_000, Unit: "bytes"},
			"looking for the kernel … 10.2 of 61.2 MB, 5.1 MB/s"},
		{time.Second, kmodlab.Progress{Phase: "kernel", Done: 10_250_000, Total: 61_200_000, Unit: "bytes"},
			"looking for the kernel … 10.2 of 61.2 MB, 3.4 MB/s"},
		{20 * time.Second, kmodlab.Progress{Phase: "kernel", Done: 10_250_000, Total: 61_200_000, Unit: "bytes"},
			"looking for the kernel … 10.2 of 61.2 MB, 0.0 kB/s"},
		{0, kmodlab.Progress{Phase: "kernel", Done: 7, Total: 40, Unit: "packages"}, "looking for the kernel … 7 of 40"},
		{0, kmodlab.Progress{Phase: "kernel", Done: 45, Total: 100, Unit: "percent"}, "looking for the kernel … 45%"},
	} {
		c.at = c.at.Add(step.after)
		p.phase(step.to)
		if got := p.line(); got != step.want {
			t.Errorf("%+v: %q, want %q", step.to, got, step.want)
		}
	}
}

// TestBlockClear: a single line is erased on its own, unless a narrower terminal has wrapped it.
func TestBlockClear(t *testing.T) {
	const line, all = "\r\x1b[K", "\r\x1b[K\n\x1b[J\x1b[1A"
	bold := "\x1b[1m" + strings.Repeat("…", 30) + "\x1b[0m"
	for _, test := range []struct {
		drawn []string
		width int
		want  string
	}{{nil, 80, line}, {[]string{bold}, 30, line}, {[]string{bold}, 29, all}, {[]string{"a", "b"}, 80, all}} {
		if got := (&block{drawn: test.drawn}).clear(test.width); got != test.want {
			t.Errorf("%q in %d columns: %q, want %q", test.drawn, test.width, got, test.want)
		}
	}
}
