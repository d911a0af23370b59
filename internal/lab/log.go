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
	"github.com/kmodlab/kmodlab/internal/printk"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Log is what a machine's kernel prints: the bytes of its console as they come, and the
// records of /dev/kmsg, which has more than a console shows. It is safe for concurrent
// use.
type Log struct {
	oops.Watch // reads the console, or this machine's kernel log

	onHost  bool // it is this machine's, which has no console
	journal *notify.Journal

	mu     sync.Mutex
	plain  []byte // this machine's log without stamps, up to maxKernelLog
	kept   keptLog
	number uint64 // of the last record, plus one; 0 before the first
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
	text = printk.Unescape(text)
	l.mu.Lock()
	l.kept.gap(l.skipped(record))
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		l.kept.add(stamped(record, line))
	}
	l.mu.Unlock()
	if strings.HasPrefix(text, wire.ClockMark) {
		return // ours
	}
	for line := range strings.SplitSeq(text, "\n") {
		l.journal.Kmsg(line)
	}
	if l.onHost {
		l.Watch.Write([]byte(text + "\n"))
		l.mu.Lock()
		if len(l.plain)+len(text) < maxKernelLog {
			l.plain = append(l.plain, text+"\n"...)
		}
		l.mu.Unlock()
	}
}

// skipped returns how many records are missing before this one.
func (l *Log) skipped(record string) int {
	fields := strings.SplitN(record, ",", 3)
	if len(fields) < 3 {
		return 0
	}
	n, err := strconv.ParseUint(fields[1], 10, 62)
	if err != nil {
		return 0
	}
	before := l.number
	l.number = n + 1
	if before == 0 || n <= before {
		return 0
	}
	return int(min(n-before, 1<<30))
}

// size is the length of what kernelLog returns, before anything of it is dropped.
func (l *Log) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.kept.first) + l.kept.size
}

// here returns this machine's kernel log without stamps, nil for a guest's.
func (l *Log) here() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.plain)
}

// kernelLog returns /dev/kmsg as a console would print it, with the levels.
func (l *Log) kernelLog() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.bytes()
}

// keptLog keeps the beginning and the end of a log.
type keptLog struct {
	first   []byte
	last    []string // not in first
	size    int      // of last
	dropped int      // lines between them
}

func (k *keptLog) add(line string) {
	line += "\n"
	if k.size == 0 && len(k.first)+len(line) <= maxKernelLog/2 {
		k.first = append(k.first, line...)
		return
	}
	k.last = append(k.last, line)
	k.size += len(line)
	for k.size > maxKernelLog/2 {
		k.size -= len(k.last[0])
		k.last = k.last[1:]
		k.dropped++
	}
}

// gap notes that lines are missing here.
func (k *keptLog) gap(lines int) {
	if lines > 0 {
		k.add(printk.Missing(lines))
	}
}

func (k *keptLog) bytes() []byte {
	all := bytes.Clone(k.first)
	if k.dropped > 0 {
		all = append(all, printk.Missing(k.dropped)+"\n"...)
	}
	for _, line := range k.last {
		all = append(all, line...)
	}
	return all
}

// stamped prints a line of a record of /dev/kmsg ("prio,seq,usec,flags,caller=T1;text") as
// dmesg --raw would.
func stamped(record, line string) string {
	head, _, _ := strings.Cut(record, ";")
	fields := strings.Split(head, ",")
	if len(fields) < 3 {
		return line
	}
	us, err := strconv.ParseUint(fields[2], 10, 63)
	if err != nil {
		return line
	}
	level := ""
	if prio, err := strconv.ParseUint(fields[0], 10, 8); err == nil {
		level = fmt.Sprintf("<%d>", prio)
	}
	caller := ""
	for _, f := range fields[3:] {
		if c, ok := strings.CutPrefix(f, "caller="); ok {
			caller = "[" + c + "]"
		}
	}
	return fmt.Sprintf("%s[%5d.%06d]%s %s", level, us/1e6, us%1e6, caller, line)
}
