// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

func TestMatch(t *testing.T) {
	dir := t.TempDir()
	make := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	make(os.MkdirAll(filepath.Join(dir, "out/deep"), 0o777))
	for _, name := range []string{"a.log", "b.log", "c.txt", "out/1", "out/deep/2", "out/bad\xff"} {
		make(os.WriteFile(filepath.Join(dir, name), nil, 0o666))
	}
	make(os.Symlink("/etc/passwd", filepath.Join(dir, "out/link")))
	make(os.Symlink(dir, filepath.Join(dir, "out/deep/around")))
	make(unix.Mkfifo(filepath.Join(dir, "out/fifo"), 0o666))
	for pattern, want := range map[string]string{
		"*.log":      "a.log b.log",
		"[bc].*":     "b.log c.txt",
		"nothing":    "",
		"nothing/*":  "",
		"out/link":   "out/link is a link to /etc/passwd",
		"out/link/*": "",
		"out": "out/1 out/deep/2 out/bad\ufffd has a name that is no UTF-8 out/deep/around is a link to " + dir +
			" out/fifo is a FIFO out/link is a link to /etc/passwd",
	} {
		var r wire.ListResult
		if err := match(filepath.Join(dir, pattern), &r); err != nil || r.More {
			t.Errorf("%s: %v, more: %t", pattern, err, r.More)
		}
		got := slices.Clone(r.Files)
		for _, o := range r.Others {
			got = append(got, o.Path+" "+o.Why)
		}
		if s := strings.ReplaceAll(strings.Join(got, " "), dir+"/", ""); s != want {
			t.Errorf("%s: %q, want %q", pattern, s, want)
		}
	}
	var r wire.ListResult
	if err := match("/proc/sys/kernel", &r); err != nil || len(r.Files) > 0 || len(r.Others) != 1 {
		t.Errorf("a folder of the kernel's: %+v, %v", r, err)
	}
}

// TestHostileMatch: however many files there are, and whatever their names, the list fits into a message.
func TestHostileMatch(t *testing.T) {
	dir := t.TempDir()
	for i := range 1500 {
		name := fmt.Sprintf("%s%d", strings.Repeat("\x01", 100+i%100), i)
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if i >= 150 {
			continue
		}
		if err := os.Symlink(strings.Repeat("\x01", 4000), filepath.Join(dir, "l"+name)); err != nil {
			t.Fatal(err)
		}
	}
	deep := filepath.Join(dir, strings.Repeat("d/", deepest+5))
	if err := os.MkdirAll(deep, 0o777); err != nil {
		t.Fatal(err)
	}
	var r wire.ListResult
	if err := match(dir, &r); err != nil || !r.More {
		t.Errorf("%v, more: %t", err, r.More)
	}
	body, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Write(io.Discard, &wire.Message{Body: body}); err != nil {
		t.Error(err)
	}
}
