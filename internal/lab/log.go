// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/oops"
)

// Log is what a machine's kernel prints: the bytes of its console as they come, and the
// records of /dev/kmsg, which has more than a console shows. It is safe for concurrent
// use.
type Log struct {
	oops.Watch // reads the console, or this machine's kernel log

	onHost  bool // it is this machine's, which has no console
	journal *notify.Journal

	mu   sync.Mutex
	text []byte // of /dev/kmsg, up to maxKernelLog
}

// maxKernelLog bounds what is kept of /dev/kmsg.
const maxKernelLog = 1 << 20

func newLog(onHost bool, j *notify.Journal) *Log { return &Log{onHost: onHost, journal: j} }

// Write takes bytes of the console.
func (l *Log) Write(p []byte) (int, error) {
	l.Watch.Write(p)
	if w := l.journal.Console(); w != nil {
		return w.Write(p)
	}
	return len(p), nil
}

// kmsg takes a record of /dev/kmsg: "prio,seq,usec,flags;text".
func (l *Log) kmsg(record string) {
	_, text, ok := strings.Cut(record, ";")
	if !ok {
		return
	}
	text, _, _ = strings.Cut(text, "\n") // the device's properties follow
	line := text + "\n"
	if l.onHost {
		l.Watch.Write([]byte(line))
	} else {
		line = stamped(record) + "\n"
	}
	l.mu.Lock()
	if len(l.text)+len(line) <= maxKernelLog {
		l.text = append(l.text, line...)
	}
	l.mu.Unlock()
	l.journal.Kmsg(text)
}

// here returns this machine's kernel log, nil for a guest's.
func (l *Log) here() []byte { return l.copy(l.onHost) }

// kernelLog returns a guest's /dev/kmsg as a console would print it, nil for this machine's.
func (l *Log) kernelLog() []byte { return l.copy(!l.onHost) }

// size is the length of what kernelLog returns.
func (l *Log) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.text)
}

func (l *Log) copy(wanted bool) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !wanted {
		return nil
	}
	return bytes.Clone(l.text)
}

// stamped prints a record of /dev/kmsg ("prio,seq,usec,flags,caller=T1;text") as a
// console would.
func stamped(record string) string {
	head, text, _ := strings.Cut(record, ";")
	text, _, _ = strings.Cut(text, "\n")
	fields := strings.Split(head, ",")
	if len(fields) < 3 {
		return text
	}
	us, err := strconv.ParseUint(fields[2], 10, 63)
	if err != nil {
		return text
	}
	caller := ""
	for _, f := range fields[3:] {
		if c, ok := strings.CutPrefix(f, "caller="); ok {
			caller = "[" + c + "]"
		}
	}
	return fmt.Sprintf("[%5d.%06d]%s %s", us/1e6, us%1e6, caller, text)
}
