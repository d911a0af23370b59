// SPDX-License-Identifier: MIT

// Package bpf holds the eBPF programs, compiled, and the Go code that bpf2go
// makes for them. The object is committed, so that building kmodlab needs no
// clang; `make generate` makes it anew.
//
// The programs need Linux 5.10 or later with BTF; docs/events.md says which of
// them each kernel takes.
package bpf

import (
	"fmt"
	"hash/crc32"
)

// Sum tells what was made of this object from what was made of another. Under
// emulation a better hash would take a tenth of a second.
func Sum() string {
	return fmt.Sprintf("%d-%08x", len(_TraceBytes), crc32.ChecksumIEEE(_TraceBytes))
}

//go:generate go tool bpf2go -target amd64 -cflags "-O2 -Wall -Wextra -Wno-unused-parameter -mcpu=v3" -go-package bpf Trace trace.bpf.c
