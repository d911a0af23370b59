// SPDX-License-Identifier: MIT

package oops

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWatch holds Watch to Parse on every console of the corpus, in pieces of any
// size: a console has crashed when it has a report after which no kernel carries on.
func TestWatch(t *testing.T) {
	var files []string
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	crashed := 0
	for _, file := range files {
		console, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		console = append(console, '\n')
		want := false
		for _, c := range Parse(console) {
			want = want || !c.GoesOn() && (c.Type != "bug" || Kills(&c))
		}
		if want {
			crashed++
		}
		for _, size := range []int{1, 77, len(console)} {
			w := new(Watch)
			for rest := console; len(rest) > 0; {
				n := min(size, len(rest))
				w.Write(rest[:n])
				rest = rest[n:]
			}
			if w.HasCrashed() != want {
				t.Errorf("%s in pieces of %d: crashed %v, want %v", file, size, w.HasCrashed(), want)
			}
		}
	}
	if crashed < 20 || crashed == len(files) {
		t.Errorf("%d of %d consoles crashed: that proves little", crashed, len(files))
	}
}

func TestWatchLine(t *testing.T) {
	w := new(Watch)
	w.Write([]byte("[    1.000000] Kernel panic - not syncing: out of ideas"))
	select {
	case <-w.Crashed():
		t.Error("a line that has not ended counts")
	default:
	}
	w.Write([]byte("\n"))
	select {
	case <-w.Crashed():
	default:
		t.Error("a panic is not noticed")
	}
	flood := new(Watch)
	flood.Write([]byte(strings.Repeat("x", 1<<20)))
	flood.Write([]byte(strings.Repeat("x", 1<<20)))
	if len(flood.rest) > maxRest {
		t.Errorf("%d bytes of a line without an end are kept", len(flood.rest))
	}
}

// TestWatchConfirm: while a report is checked, another one waits for its turn; one that is not the kernel's own is
// forgotten.
func TestWatchConfirm(t *testing.T) {
	w := new(Watch)
	asked, answer := make(chan uint64), make(chan bool)
	w.Confirm(func(taint uint64, final bool) bool {
		if final {
			taint = 0
		}
		asked <- taint
		return <-answer
	})
	w.Write([]byte("Kernel panic - not syncing: only a joke\n"))
	if got := <-asked; got != 0 {
		t.Errorf("asked for %#x after a panic", got)
	}
	w.Write([]byte("BUG: kernel NULL pointer dereference, address: 0\n#PF: supervisor read access in kernel mode\n"))
	answer <- false
	if got := <-asked; got != TaintDie {
		t.Errorf("asked for %#x after an oops", got)
	}
	answer <- true
	<-w.Crashed()
	if !w.HasCrashed() {
		t.Error("it has not crashed")
	}
}

// TestWatchForget: what was noticed before does not count, nor does the answer to an earlier question.
func TestWatchForget(t *testing.T) {
	const fault = "BUG: kernel NULL pointer dereference, address: 0\n#PF: supervisor read access in kernel mode\n"
	w := new(Watch)
	w.Write([]byte(fault))
	if !w.HasCrashed() {
		t.Fatal("a crash is not noticed")
	}
	w.Forget()
	asked, answer := make(chan bool), make(chan bool)
	w.Confirm(func(uint64, bool) bool { asked <- true; return <-answer })
	if w.HasCrashed() {
		t.Error("a crash is not forgotten")
	}
	w.Write([]byte(fault))
	<-asked
	w.Forget()
	answer <- true
	if w.HasCrashed() {
		t.Error("an answer to an earlier question counts")
	}
	w.Write([]byte(fault))
	<-asked
	answer <- true
	<-w.Crashed()
}
