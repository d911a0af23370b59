// SPDX-License-Identifier: MIT

// Package printk finds the lines of the kernel's log that modules printed. A module's file holds the format of each of
// its messages, so the file is the best witness; the module's lifetime, its name and the caller are the others. It is
// pure. It does not trust the log or the file: any bytes yield a bounded answer.
package printk

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// Levels of a line that are no level of the kernel (0, emergency, to 7, debug).
const (
	Unknown   = -1 // a console does not show it
	Default   = -2 // of a format: printk without a level
	Continued = -3 // of a format: KERN_CONT
)

// Line is one line of the kernel's log.
type Line struct {
	US     int64  // its stamp, in microseconds of the kernel's clock; -1 if it has none
	Level  int    // 0 to 7, or Unknown
	User   bool   // a program wrote it to /dev/kmsg
	Caller string // T123 or C0, "" if the kernel does not say
	Text   string
}

// Log is what was read of a log.
type Log struct {
	Lines []Line
	Lost  int // lines that nobody could read, or that were not kept
}

// Bounds on what one log can yield.
const (
	maxLines     = 1 << 15
	maxLineBytes = 1 << 10
)

var (
	stamped = lazyregexp.New(`^(?:<(\d{1,3})>)?\[ {0,12}(\d{1,12})\.(\d{6})\](?:\[ {0,8}([TC]\d{1,10})\])? ?`)
	ansi    = lazyregexp.New("\x1b\\[[0-9;?]*[A-Za-z]")
)

// Parse reads the kernel's log as a console prints it. A level may precede each line, as dmesg --raw prints it.
func Parse(text []byte) Log {
	var log Log
	for raw := range bytes.SplitSeq(text, []byte("\n")) {
		raw = bytes.TrimRight(raw, "\r \t")
		if len(raw) == 0 {
			continue
		}
		if n, ok := missing(raw); ok {
			log.Lost += n
			continue
		}
		if len(log.Lines) == maxLines {
			log.Lost++
			continue
		}
		log.Lines = append(log.Lines, parseLine(string(raw[:min(len(raw), maxLineBytes)])))
	}
	return log
}

func parseLine(raw string) Line {
	raw = ansi.ReplaceAllString(raw, "")
	m := stamped.FindStringSubmatch(raw)
	if m == nil {
		return Line{US: -1, Level: Unknown, Text: raw}
	}
	l := Line{Level: Unknown, Caller: m[4], Text: raw[len(m[0]):]}
	l.US, _ = strconv.ParseInt(m[2]+m[3], 10, 64) // 18 digits always fit
	if n, err := strconv.Atoi(m[1]); err == nil {
		l.Level, l.User = n&7, n>>3 != 0
	}
	return l
}

// Missing is the line that stands for n lines of a log.
func Missing(n int) string { return missingMark + strconv.Itoa(n) }

// missingMark has no stamp, so nothing in the guest can print it.
const missingMark = "kmodlab: lines missing here: "

func missing(raw []byte) (int, bool) {
	count, ok := bytes.CutPrefix(raw, []byte(missingMark))
	if !ok || len(count) > 9 {
		return 0, false
	}
	n, err := strconv.Atoi(string(count))
	return max(0, n), err == nil
}

// Unescape undoes what /dev/kmsg does to bytes that are not printable ASCII: "\x0a".
func Unescape(text string) string {
	if !strings.Contains(text, `\x`) {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) && text[i+1] == 'x' {
			if n, err := strconv.ParseUint(text[i+2:i+4], 16, 8); err == nil {
				b, i = append(b, byte(n)), i+3
				continue
			}
		}
		b = append(b, text[i])
	}
	return string(b)
}

// Merge adds to the log what only the console has: when a kernel panics, nobody reads the log any more.
func Merge(log, console []Line) []Line {
	last := int64(-1)
	type key struct {
		us   int64
		text string
	}
	known := make(map[key]bool)
	for _, l := range log {
		last = max(last, l.US)
	}
	for _, l := range log {
		if l.US == last {
			known[key{l.US, l.Text}] = true
		}
	}
	merged := slices.Clone(log)
	for _, l := range console {
		if l.US >= 0 && l.US >= last && !known[key{l.US, l.Text}] {
			merged = append(merged, l)
		}
	}
	slices.SortStableFunc(merged, func(a, b Line) int { return cmp.Compare(a.US, b.US) })
	return merged
}
