// SPDX-License-Identifier: MIT

// Package bpf holds the compiled eBPF programs and the Go code that bpf2go
// generates for them. The object is committed, so that building kmodlab needs no
// clang; `make generate` compiles it again.
//
// trace.bpf.c includes the headers *.bpf.h, which define the programs, one header
// an area. The other headers define types, maps and functions, and no program.
//
// The programs need Linux 5.10 or later with BTF; docs/events.md says which
// programs each kernel accepts.
package bpf

import (
	"fmt"
	"hash/crc32"
)

// Sum identifies this object: what was derived from another one has another Sum.
// Under emulation a stronger hash would take a tenth of a second.
func Sum() string {
	return fmt.Sprintf("%d-%08x", len(_TraceBytes), crc32.ChecksumIEEE(_TraceBytes))
}

//go:generate go tool bpf2go -target amd64 -cflags "-O2 -Wall -Wextra -Wno-unused-parameter -mcpu=v3" -go-package bpf Trace trace.bpf.c
//go:generate go tool bpf2go -target amd64 -cflags "-O2 -Wall -Wextra -Wno-unused-parameter -mcpu=v3" -go-package bpf Holders holders.bpf.c
