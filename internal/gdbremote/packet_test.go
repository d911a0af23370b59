// SPDX-License-Identifier: MIT

package gdbremote

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"answer", "$OK#9a", "OK"},
		{"empty", "$#00", ""},
		{"escape", "$a}\x03b#" + "43", "a#b"},
		{"run", "$0* #7a", "0000"},
		{"noise first", "xx$OK#9a", "OK"},
	} {
		t.Run(test.name, func(t *testing.T) {
			item, err := Read(bufio.NewReader(strings.NewReader(test.in)))
			if err != nil || item.Kind != Packet || string(item.Body) != test.want {
				t.Errorf("read %q: %v, %q, %v; want %q", test.in, item.Kind, item.Body, err, test.want)
			}
		})
	}
}

func TestReadBroken(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     error
	}{
		{"wrong sum", "$OK#9b", ErrGarbled},
		{"no digits", "$OK#zz", ErrGarbled},
		{"cut", "$OK", io.EOF},
		{"cut sum", "$OK#9", io.EOF},
		{"half an escape", "$}#7d", ErrGarbled},
		{"run of nothing", "$* #4a", ErrGarbled},
		{"too long", "$" + strings.Repeat("a", MaxPacket+1), ErrGarbled},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Read(bufio.NewReader(strings.NewReader(test.in))); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
	bomb := strings.Repeat("a*~", MaxPacket/3-1)
	if _, err := Read(bufio.NewReader(bytes.NewReader(Wrap([]byte(bomb))))); !errors.Is(err, ErrGarbled) {
		t.Errorf("a packet that grows without bounds: %v", err)
	}
}

func TestItems(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("+\x03$c#63-"))
	for i, want := range []Kind{Ack, Stop, Packet, Ack} {
		item, err := Read(r)
		if err != nil || item.Kind != want {
			t.Errorf("item %d is %v, %v; want %v", i, item.Kind, err, want)
		}
	}
}

func TestRegisters(t *testing.T) {
	answer := strings.Repeat("00", rdiAt) + "0df0adba00000000" + strings.Repeat("00", ripAt-rdiAt-8) + "609f1381ffffffff"
	r, err := ParseRegisters([]byte(answer))
	if err != nil || r.Argument != 0xbaadf00d || r.Instruction != 0xffffffff81139f60 {
		t.Errorf("%x, %v", r, err)
	}
	for _, bad := range []string{"", "E01", answer[:100], strings.Repeat("x", len(answer))} {
		if _, err := ParseRegisters([]byte(bad)); !errors.Is(err, ErrGarbled) {
			t.Errorf("registers of %.20q: %v", bad, err)
		}
	}
}

func TestMemory(t *testing.T) {
	if data, err := ParseMemory([]byte("6869"), 4); err != nil || string(data) != "hi" {
		t.Errorf("%q, %v", data, err)
	}
	for _, bad := range []string{"E14", "zz", "012345678901"} {
		if data, err := ParseMemory([]byte(bad), 4); err == nil {
			t.Errorf("memory of %q is %q", bad, data)
		}
	}
}

func TestWords(t *testing.T) {
	for packet, want := range map[string][3]bool{
		"c": {true, false, false}, "vCont;s:p1.1;c:p1.-1": {true, false, false}, "vCont?": {},
		"vKill;1": {false, true, false},
		"k":       {false, true, false}, "D;1": {false, false, true}, "": {}, "m0,8": {},
	} {
		got := [3]bool{Resumes([]byte(packet)), Ends([]byte(packet)), Leaves([]byte(packet))}
		if got != want {
			t.Errorf("%q: resumes, ends, leaves: %v, want %v", packet, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"$OK#9a", "$0* #7a", "$a}\x03b#43", "+\x03$c#63"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReader(bytes.NewReader(in))
		for {
			item, err := Read(r)
			if err != nil {
				break
			}
			if len(item.Body) > MaxPacket {
				t.Fatalf("a body of %d bytes", len(item.Body))
			}
			ParseRegisters(item.Body)
			ParseMemory(item.Body, 8)
		}
		again, err := Read(bufio.NewReader(bytes.NewReader(Encode(in[:min(len(in), MaxPacket/2)]))))
		if err != nil || !bytes.Equal(again.Body, in[:min(len(in), MaxPacket/2)]) {
			t.Fatalf("%q comes back as %q, %v", in, again.Body, err)
		}
	})
}
