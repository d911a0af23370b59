// SPDX-License-Identifier: MIT

// Package gdbremote speaks gdb's remote protocol as far as a host needs it that stands between gdb and QEMU: packets,
// breakpoints, registers, memory, interruption.
//
// A packet is $BODY#SUM, answered with + or -. In the body } makes the next byte another one, and c*N repeats c. The
// protocol is in gdb's manual, "Remote Protocol".
package gdbremote

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
)

// MaxPacket bounds a packet's body, before and after runs are expanded. QEMU's have at most 8 KiB.
const MaxPacket = 64 << 10

// Interrupt is the byte that stops a machine that runs. It comes without a packet.
const Interrupt = 0x03

// ErrGarbled means that the other side does not speak the protocol.
var ErrGarbled = errors.New("not gdb's remote protocol")

// Encode makes a packet of a body.
func Encode(body []byte) []byte {
	packet := make([]byte, 1, len(body)+4)
	packet[0] = '$'
	for _, c := range body {
		if c == '$' || c == '#' || c == '}' || c == '*' {
			packet = append(packet, '}', c^0x20)
			continue
		}
		packet = append(packet, c)
	}
	return fmt.Appendf(packet, "#%02x", sum(packet[1:]))
}

func sum(text []byte) (s byte) {
	for _, c := range text {
		s += c
	}
	return s
}

// Decode turns what is between $ and # into a body: it resolves escapes and runs.
func Decode(text []byte) ([]byte, error) {
	body := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '}' && i+1 < len(text):
			i++
			body = append(body, text[i]^0x20)
		case c == '*' && i+1 < len(text) && len(body) > 0 && text[i+1] >= ' ' && text[i+1] <= '~':
			i++
			last, n := body[len(body)-1], int(text[i])-29
			for range n {
				body = append(body, last)
			}
		case c == '}' || c == '*':
			return nil, fmt.Errorf("%w: a packet ends within an escape", ErrGarbled)
		default:
			body = append(body, c)
		}
		if len(body) > MaxPacket {
			return nil, fmt.Errorf("%w: a packet has more than %d bytes", ErrGarbled, MaxPacket)
		}
	}
	return body, nil
}

// Kind is what was read.
type Kind int

// The kinds. An Ack needs no answer, a Packet an Ack.
const (
	Packet Kind = iota
	Ack
	Stop // an Interrupt
)

// Item is one thing that the other side has sent.
type Item struct {
	Kind Kind
	Body []byte
	// Text is the body of a Packet as it came, to be passed on.
	Text []byte
}

// Read reads the next item. Bytes between packets that mean nothing are skipped.
func Read(r *bufio.Reader) (Item, error) {
	for {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return Item{}, err
		case c == '+' || c == '-':
			return Item{Kind: Ack}, nil
		case c == Interrupt:
			return Item{Kind: Stop}, nil
		case c == '$':
			return readPacket(r)
		}
	}
}

func readPacket(r *bufio.Reader) (Item, error) {
	var text []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return Item{}, err
		}
		if c == '#' {
			break
		}
		if text = append(text, c); len(text) > MaxPacket {
			return Item{}, fmt.Errorf("%w: a packet has more than %d bytes", ErrGarbled, MaxPacket)
		}
	}
	var digits [2]byte
	for i := range digits {
		c, err := r.ReadByte()
		if err != nil {
			return Item{}, err
		}
		digits[i] = c
	}
	want, err := strconv.ParseUint(string(digits[:]), 16, 8)
	if err != nil || byte(want) != sum(text) {
		return Item{}, fmt.Errorf("%w: the sum of a packet is wrong", ErrGarbled)
	}
	body, err := Decode(text)
	return Item{Kind: Packet, Body: body, Text: text}, err
}

// Wrap makes the packet of an Item's Text again.
func Wrap(text []byte) []byte {
	return fmt.Appendf(append([]byte{'$'}, text...), "#%02x", sum(text))
}
