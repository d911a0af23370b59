// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// records is a log whose records are read one by one, as from /dev/kmsg: lines, and a clock mark behind them.
func records(t *testing.T, lines int, mark uint64) int {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range pair {
		t.Cleanup(func() { unix.Close(fd) })
	}
	for i := range lines + 1 {
		record := fmt.Sprintf("6,%d,1,-;line %d\n", i, i)
		if i == lines {
			record = fmt.Sprintf("15,%d,1,-;%s%d\n", i, wire.ClockMark, mark)
		}
		if _, err := unix.Write(pair[0], []byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	return pair[1]
}

// TestSprint: of what is left at the end, as much is sent as the pace allows, the last records.
func TestSprint(t *testing.T) {
	for _, c := range []struct{ lines, most, sent int }{{50, 100, 51}, {50, 10, 10}} {
		var host bytes.Buffer
		a := Agent{server: wire.NewServer(&host, nil)}
		done := a.kmsg.want(7)
		sent, ok := a.sprint(records(t, c.lines, 7), c.most)
		if sent != c.sent || !ok {
			t.Errorf("%d records, at most %d: %d sent, %t", c.lines, c.most, sent, ok)
		}
		select {
		case <-done:
		default:
			t.Error("who waits for the mark is not told")
		}
		if a.kmsg.hurry() {
			t.Error("somebody still waits")
		}
		if all := sent > c.lines; all != bytes.Contains(host.Bytes(), []byte("line 0\n")) {
			t.Errorf("the first line was sent: %t", !all)
		}
	}
}

// TestMarkSentBefore: a mark that was sent already is not waited for.
func TestMarkSentBefore(t *testing.T) {
	var s kmsgState
	s.note([]byte("15,1,1,-;" + wire.ClockMark + "9\n"))
	select {
	case <-s.want(9):
	case <-time.After(time.Minute):
		t.Error("it is waited for")
	}
	later := s.want(10)
	s.note([]byte("6,1,1,-;" + wire.ClockMark + "10\n")) // a module's
	select {
	case <-later:
		t.Error("a module's line passes for a mark")
	default:
	}
	s.giveUp()
	if s.hurry() {
		t.Error("somebody still waits")
	}
}
