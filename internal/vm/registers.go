// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// maxProcessors bounds what is read from QEMU's answer.
const maxProcessors = 255

var (
	ripOf = lazyregexp.New(`\bRIP=([0-9a-f]{16})\b`)
	rspOf = lazyregexp.New(`\bRSP=([0-9a-f]{16})\b`)
	gsOf  = lazyregexp.New(`\bGS =[0-9a-f]{4} ([0-9a-f]{16})\b`)
	cpuOf = lazyregexp.New(`CPU#(\d+)\s`)

	valueOf = lazyregexp.New(`=([0-9a-f]{16})\b`)
)

// Processor is where one of a guest's processors is.
type Processor struct {
	Instruction, StackPointer uint64
	Registers                 string // its general registers, as QEMU prints them
	PerCPU                    uint64 // where the kernel has its variables, while the processor is in the kernel
}

// Values are what its general registers hold.
func (p *Processor) Values() []uint64 {
	var values []uint64
	for _, m := range valueOf.FindAllStringSubmatch(p.Registers, -1) {
		values = append(values, hexOf(m[1]))
	}
	return values
}

// Processors tells where each processor is, in order. It asks QEMU and not the guest, so it works even if the guest's
// kernel is unresponsive.
func (m *Machine) Processors(ctx context.Context) ([]Processor, error) {
	text, err := m.monitor(ctx, 0, "info registers -a")
	if err != nil {
		return nil, fmt.Errorf("read the processors' registers: %w", err)
	}
	return processors(text), nil
}

// Instructions are the addresses at which the processors are.
func (m *Machine) Instructions(ctx context.Context) ([]uint64, error) {
	list, err := m.Processors(ctx)
	var at []uint64
	for _, p := range list {
		at = append(at, p.Instruction)
	}
	return at, err
}

// Memory reads what a processor has at an address, in whole words; it returns less if the page tables end earlier.
func (m *Machine) Memory(ctx context.Context, cpu int, addr uint64, size int) ([]byte, error) {
	text, err := m.monitor(ctx, cpu, fmt.Sprintf("x /%dxg %#x", size/8, addr))
	if err != nil {
		return nil, fmt.Errorf("read the guest's memory: %w", err)
	}
	return words(text), nil
}

// monitor gives QEMU a command that only exists in the form for people.
func (m *Machine) monitor(ctx context.Context, cpu int, command string) (text string, err error) {
	raw, err := m.qmp.execute(ctx, "human-monitor-command", map[string]any{"command-line": command, "cpu-index": cpu})
	if err != nil {
		return "", err
	}
	return text, json.Unmarshal(raw, &text)
}

func processors(text string) []Processor {
	var list []Processor
	stacks := rspOf.FindAllStringSubmatch(text, maxProcessors)
	gs := gsOf.FindAllStringSubmatch(text, maxProcessors)
	starts := cpuOf.FindAllStringSubmatchIndex(text, maxProcessors)
	for i, at := range ripOf.FindAllStringSubmatchIndex(text, maxProcessors) {
		p := Processor{Instruction: hexOf(text[at[2]:at[3]])}
		if i < len(stacks) {
			p.StackPointer = hexOf(stacks[i][1])
		}
		if i < len(gs) {
			p.PerCPU = hexOf(gs[i][1])
		}
		if i < len(starts) && starts[i][1] < at[0] {
			p.Registers = strings.Join(strings.Fields(text[starts[i][1]:at[0]]), " ")
		}
		list = append(list, p)
	}
	return list
}

// hexOf parses digits that a pattern has accepted.
func hexOf(s string) uint64 {
	n, _ := strconv.ParseUint(s, 16, 64)
	return n
}

// words parses lines of "ffffffffc0264000: 0x0000000000000001 0x0000000000000002", up to the first that holds something
// else.
func words(text string) []byte {
	var data []byte
	for line := range strings.Lines(text) {
		_, values, _ := strings.Cut(line, ": ")
		for _, v := range strings.Fields(values) {
			n, err := strconv.ParseUint(v, 0, 64)
			if err != nil {
				return data
			}
			data = binary.LittleEndian.AppendUint64(data, n)
		}
	}
	return data
}
