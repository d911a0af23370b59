// SPDX-License-Identifier: MIT

package gdbremote

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Registers are those of an x86-64 that are looked at.
type Registers struct {
	Argument    uint64 // the first of a function: rdi
	Instruction uint64 // rip
}

// Where the answer to g has a register, in bytes: rax, rbx, rcx, rdx, rsi, rdi, …, r15, rip.
const (
	rdiAt = 5 * 8
	ripAt = 16 * 8
)

// ParseRegisters reads the answer to g. A register that is not available is xx….
func ParseRegisters(answer []byte) (Registers, error) {
	var r Registers
	for _, want := range []struct {
		at int
		to *uint64
	}{{rdiAt, &r.Argument}, {ripAt, &r.Instruction}} {
		data := make([]byte, 8)
		if len(answer) < 2*(want.at+8) {
			return Registers{}, fmt.Errorf("read registers: %w: %d digits are too few", ErrGarbled, len(answer))
		}
		if _, err := hex.Decode(data, answer[2*want.at:2*(want.at+8)]); err != nil {
			return Registers{}, fmt.Errorf("read registers: %w: %w", ErrGarbled, err)
		}
		*want.to = binary.LittleEndian.Uint64(data)
	}
	return r, nil
}

// ReadMemory is the packet that asks for memory.
func ReadMemory(at uint64, size int) string { return fmt.Sprintf("m%x,%x", at, size) }

// ParseMemory reads the answer to it. It may have fewer bytes than were asked for.
func ParseMemory(answer []byte, size int) ([]byte, error) {
	if IsError(answer) {
		return nil, fmt.Errorf("read memory: the machine answers %s", answer)
	}
	if len(answer) > 2*size {
		return nil, fmt.Errorf("read memory: %w: asked for %d bytes, got %d hex digits", ErrGarbled, size, len(answer))
	}
	data := make([]byte, len(answer)/2)
	if _, err := hex.Decode(data, answer); err != nil {
		return nil, fmt.Errorf("read memory: %w: %w", ErrGarbled, err)
	}
	return data, nil
}

// IsError reports whether an answer is Enn.
func IsError(answer []byte) bool { return len(answer) == 3 && answer[0] == 'E' }

// Stopped reports whether an answer says that the machine stands; ended that it is gone.
func Stopped(answer []byte) (stopped, ended bool) {
	if len(answer) == 0 {
		return false, false
	}
	switch answer[0] {
	case 'T', 'S':
		return true, false
	case 'W', 'X':
		return true, true
	}
	return false, false
}

// Resumes reports whether gdb's packet lets the machine run.
func Resumes(packet []byte) bool {
	if len(packet) == 0 {
		return false
	}
	switch packet[0] {
	case 'c', 'C', 's', 'S':
		return true
	}
	return bytes.HasPrefix(packet, []byte("vCont;"))
}

// Ends reports whether gdb's packet ends the machine.
func Ends(packet []byte) bool {
	return bytes.Equal(packet, []byte("k")) || bytes.HasPrefix(packet, []byte("vKill"))
}

// Leaves reports whether gdb's packet lets go of the machine.
func Leaves(packet []byte) bool {
	return bytes.Equal(packet, []byte("D")) || bytes.HasPrefix(packet, []byte("D;"))
}

// WithoutNoAck takes the mode without acknowledgements out of an answer to qSupported.
func WithoutNoAck(answer []byte) []byte {
	return bytes.ReplaceAll(answer, []byte("QStartNoAckMode+"), []byte("QStartNoAckMode-"))
}

// AsksSupport reports whether gdb's packet is qSupported.
func AsksSupport(packet []byte) bool { return bytes.HasPrefix(packet, []byte("qSupported")) }

// Exited is the answer that tells gdb that the machine is gone.
const Exited = "W00"
