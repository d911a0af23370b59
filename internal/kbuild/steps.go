// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"cmp"
	"strconv"
	"time"
)

// stepWriter takes the output of a shell that runs a job's commands, and divides it into steps. After a command the
// shell writes a line with the mark and the exit status.
type stepWriter struct {
	mark  []byte
	job   *Job
	done  []Step
	log   logBuffer
	held  []byte // may be the beginning of a mark
	began time.Time
}

// maxStatus bounds the digits of an exit status.
const maxStatus = 8

func (w *stepWriter) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	for {
		i := bytes.Index(w.held, w.mark)
		if i < 0 {
			break
		}
		digits, rest, whole := bytes.Cut(w.held[i+len(w.mark):], []byte("\n"))
		exit, err := strconv.Atoi(string(digits))
		switch {
		case !whole && len(digits) <= maxStatus: // the rest is to come
			w.pass(i)
			return len(p), nil
		case err != nil || !whole: // somebody else wrote it
			w.pass(i + len(w.mark))
		default:
			w.pass(i)
			w.held = rest
			w.end(exit)
		}
	}
	keep := len(w.held)
	if i := bytes.LastIndexByte(w.held, w.mark[0]); i >= 0 && bytes.HasPrefix(w.mark, w.held[i:]) {
		keep = i
	}
	w.pass(keep)
	return len(p), nil
}

// pass takes what is held, up to an index, as output.
func (w *stepWriter) pass(n int) {
	w.log.Write(w.held[:n])
	if w.job.Output != nil && n > 0 {
		w.job.Output.Write(w.held[:n])
	}
	w.held = append([]byte(nil), w.held[n:]...)
}

// end ends a step.
func (w *stepWriter) end(exit int) {
	if n := len(w.done); n == len(w.job.Commands) {
		if n > 0 && exit != 0 { // the build wrote marks of its own; the last one is the shell's
			last := &w.done[n-1]
			last.Exit, last.Raw = exit, cmp.Or(w.log.String(), last.Raw)
			w.log = logBuffer{}
		}
		return
	}
	ms := milliseconds(time.Since(w.began))
	w.done = append(w.done, Step{Argv: w.job.Commands[len(w.done)].Shown, Raw: w.log.String(), Exit: exit, MS: ms})
	w.log, w.began = logBuffer{}, time.Now()
}

// flush is called when the shell has ended, and returns what it said after the last command. A shell that was killed
// has ended a step that it did not report.
func (w *stepWriter) flush(exit int) string {
	w.pass(len(w.held))
	raw := w.log.String()
	reported := len(w.done) > 0 && w.done[len(w.done)-1].Exit != 0
	if exit != 0 && exit != notMoved && !reported && len(w.done) < len(w.job.Commands) {
		w.end(exit)
	}
	return raw
}
