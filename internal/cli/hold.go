// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// hold is a command with --here, which undoes what it changed on this machine before it ends.
type hold struct {
	site footprint.Machine
	say  func(line string)
	exit func(status int)
}

// holding is the command that holds on; nil for none.
var holding atomic.Pointer[hold]

// holdOn keeps a command with --here alive until it has undone what it changed on this machine. A closed pipe becomes
// an error of writing: Ctrl-C ends a tee before us. A further SIGTERM or SIGHUP does nothing, because a lost terminal,
// a shell, sudo and a supervisor may each send their own; only a second Ctrl-C is a person who wants an end at once.
// Undoing may take as long as somebody uses a module, so a person is told soon what is waited for.
func holdOn(ctx context.Context, here bool, say func(line string)) (stop func()) {
	if !here {
		return func() {}
	}
	return (&hold{footprint.Here(), say, os.Exit}).on(ctx)
}

func (h *hold) on(ctx context.Context) (stop func()) {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGPIPE)
	holding.Store(h)
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			line := h.waits()
			select {
			case <-done: // meanwhile
			default:
				h.say(line)
			}
		case <-done:
		}
	})
	return func() {
		holding.Store(nil)
		cancel()
		close(done)
		signal.Stop(ignored)
	}
}

// further is what a signal does after the one that cancelled the command's context.
func further(s os.Signal) {
	switch h := holding.Load(); {
	case h == nil: // everything is undone
		signal.Reset(s)
		syscall.Kill(os.Getpid(), s.(syscall.Signal))
	case s == syscall.SIGINT:
		h.say(h.leaves())
		h.exit(exitInterrupted)
	}
}

// waits says what the command waits for.
func (h *hold) waits() string {
	what := "waiting for steps that are still running"
	if left, err := h.left(); err == nil && left != "" {
		what = "still to be undone on this machine: " + left
	}
	return "interrupted; " + what + "; Ctrl-C again ends this at once"
}

// leaves says what a command leaves that ends at once.
func (h *hold) leaves() string {
	const undoes = "; " + footprint.Mend + " undoes it"
	switch left, err := h.left(); {
	case err != nil:
		return fmt.Sprintf("ended at once; cannot tell what is left on this machine: %v%s", err, undoes)
	case left == "":
		return "ended at once; found nothing that is left on this machine; " + footprint.Mend + " looks again"
	default:
		return "ended at once; left on this machine: " + left + undoes
	}
}

// left is what the command has changed and not undone yet, in words. A file system that does not answer is not waited
// for.
func (h *hold) left() (string, error) {
	type found struct {
		left []footprint.Left
		err  error
	}
	answer := make(chan found, 1)
	go func() {
		left, err := h.site.Peek()
		answer <- found{left, err}
	}()
	select {
	case f := <-answer:
		var what []string
		for _, l := range f.left {
			what = append(what, l.What)
		}
		return plain.Text(strings.Join(what, ", ")), f.err
	case <-time.After(grace / 2):
		return "", errors.New("the file system does not answer")
	}
}
