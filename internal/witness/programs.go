// SPDX-License-Identifier: MIT

package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// program is an eBPF program. Tag is what the kernel made of its instructions, Sum of the machine code.
type program struct {
	At  uint64 `json:"at"`
	Tag string `json:"tag"`
	Sum string `json:"sum"`
}

// maxProgram bounds the machine code of a program, in bytes.
const maxProgram = 1 << 20

func (r *reader) programs() ([]program, error) {
	idr := r.symbols("prog_idr")
	if idr == 0 || !r.layout.has("bpf_prog.bpf_func", "bpf_prog.jited_len", "bpf_prog.tag", "idr.idr_rt",
		"xarray.xa_head", "xa_node.slots") {
		return nil, r.lacks("the eBPF programs")
	}
	var list []program
	err := r.idr(idr, func(at uint64) error {
		if len(list) == maxTasks {
			return fmt.Errorf("there are more than %d", maxTasks)
		}
		p, err := r.program(at)
		list = append(list, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the eBPF programs: %w", err)
	}
	return list, nil
}

func (r *reader) program(at uint64) (program, error) {
	p := program{At: at}
	tag, err := r.read(at+uint64(r.layout["bpf_prog.tag"]), 8)
	if err != nil {
		return p, err
	}
	p.Tag = hex.EncodeToString(tag)
	found, err := r.words(at, r.layout["bpf_prog.bpf_func"], r.layout["bpf_prog.jited_len"])
	if err != nil {
		return p, err
	}
	size := int(uint32(found[1]))
	if size > maxProgram {
		return p, fmt.Errorf("one has %d bytes", size)
	}
	code, err := r.read(found[0], size)
	if err != nil {
		return p, err
	}
	sum := sha256.Sum256(code)
	p.Sum = hex.EncodeToString(sum[:8])
	return p, nil
}
