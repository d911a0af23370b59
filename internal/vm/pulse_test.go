// SPDX-License-Identifier: MIT

package vm

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// TestStopped: a QEMU that is stopped is told from one whose guest is silent.
func TestStopped(t *testing.T) {
	m := start(t, fakeConfig(t, "silent"))
	if err := m.Stalled(); err != nil {
		t.Errorf("a guest that is silent: %v", err)
	}
	if err := unix.Kill(m.PID(), unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	testlab.Eventually(t, "it is stopped", func() bool {
		u, err := readUsage(m.pulse.proc)
		return err == nil && u.stopped
	})
	var stalled *StallError
	if err := m.Stalled(); !errors.As(err, &stalled) || !strings.Contains(stalled.Text, "stopped from outside") ||
		!strings.Contains(stalled.Hint, "SIGSTOP") {
		t.Errorf("a QEMU that is stopped: %v", err)
	}
	if err := unix.Kill(m.PID(), unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	m.Stop(0)
	if err := m.Stalled(); err != nil {
		t.Errorf("a QEMU that has ended: %v", err)
	}
}

// TestStoppedAtStart: KVM is not blamed for a QEMU that was stopped before its guest could say anything.
func TestStoppedAtStart(t *testing.T) {
	for _, mode := range []string{"stops-early", "stops"} { // before its monitor has answered all, and after
		t.Run(mode, func(t *testing.T) {
			cfg := fakeConfig(t, mode)
			cfg.Accel, cfg.StateDir = Auto, t.TempDir()
			if mode == "stops-early" {
				cfg.startDeadline = 3 * time.Second
			}
			m, err := Start(background, cfg)
			var stalled *StallError
			if !errors.As(err, &stalled) {
				t.Errorf("%v, %v", m, err)
			}
			if m != nil {
				m.Stop(0)
			}
			if found := KVMState(cfg.StateDir); found.State == Unusable {
				t.Errorf("KVM is blamed: %+v", found)
			}
		})
	}
}

func TestUntil(t *testing.T) {
	began := time.Now()
	with := func(ran, waited time.Duration) map[string]threadUsage {
		return map[string]threadUsage{"1": {time.Hour, time.Hour}, "2": {time.Minute + ran, time.Minute + waited}}
	}
	for name, c := range map[string]struct {
		now  usage
		want stall
	}{
		"works":             {usage{threads: with(900*time.Millisecond, 0)}, ran},
		"works a little":    {usage{threads: with(time.Millisecond, 0)}, ran},
		"has half":          {usage{threads: with(500*time.Millisecond, 500*time.Millisecond)}, ran},
		"waits":             {usage{threads: with(50*time.Millisecond, 950*time.Millisecond)}, starved},
		"has nothing to do": {usage{threads: with(0, 0)}, idle},
		"is stopped":        {usage{stopped: true, threads: with(0, 0)}, stopped},
		"no times":          {usage{}, ran},
		"nobody looked":     {usage{at: began.Add(time.Minute), threads: with(time.Minute, 0)}, missed},
	} {
		before := usage{at: began, threads: with(0, 0)}
		if c.now.at.IsZero() {
			c.now.at = began.Add(time.Second)
		}
		if got := before.until(c.now); got != c.want {
			t.Errorf("one that %s: %d, want %d", name, got, c.want)
		}
	}
}

func TestJudgeBeats(t *testing.T) {
	for _, c := range []struct {
		beats string // R ran, I idle, S stopped, M missed, W starved; the newest last
		want  stall
	}{
		{"", ran}, {"RRRRRRRRRR", ran}, {"IIIIIIIIII", idle}, {"IIIIRIIIII", ran},
		{"RRRRRRRRRS", stopped}, {"SSSSSSRRRR", stopped}, {"SSRRRRRRRR", ran},
		{"RRRRWWWWWW", starved}, {"RRRRRRWWWW", ran}, {"MMMMMMMMMR", missed}, {"IIIIIIIWWW", ran},
	} {
		var beats []beat
		at := time.Now()
		for _, b := range c.beats {
			next := at.Add(time.Second)
			beats = append(beats, beat{at, next, stall(strings.IndexRune("RISMW", b))})
			at = next
		}
		got, _ := judgeBeats(beats)
		if got != c.want {
			t.Errorf("%s: %d, want %d", c.beats, got, c.want)
		}
		if err := stallError(got, 1, time.Second); (err != nil) != (got > idle) {
			t.Errorf("%s: %v", c.beats, err)
		}
	}
}

// TestMoment: a process that did not get a processor for a moment was not kept from running; one that is stopped is.
func TestMoment(t *testing.T) {
	began := time.Now()
	for seen, want := range map[stall]stall{starved: ran, missed: ran, idle: ran, stopped: stopped} {
		if got, _ := judgeBeats([]beat{{began, began.Add(400 * time.Millisecond), seen}}); got != want {
			t.Errorf("%d: %d, want %d", seen, got, want)
		}
	}
}

// TestPulseIsBounded: only the last seconds are kept.
func TestPulseIsBounded(t *testing.T) {
	p := newPulse(unix.Getpid())
	for range 100 {
		p.last.at = p.last.at.Add(-time.Second)
		for i := range p.beats {
			p.beats[i].from, p.beats[i].to = p.beats[i].from.Add(-time.Second), p.beats[i].to.Add(-time.Second)
		}
		p.look()
	}
	if n := len(p.beats); n < 9 || n > 12 {
		t.Errorf("%d intervals are kept", n)
	}
	if why, _ := p.why(); why != ran {
		t.Errorf("this process: %d", why)
	}
}
