// SPDX-License-Identifier: MIT

// Package bpf holds the eBPF programs, compiled, and the Go code that bpf2go
// makes for them. The object is committed, so that building kmodlab needs no
// clang; `make generate` makes it anew.
//
// The programs need Linux 5.17 or later (bpf_get_func_arg); they were seen to
// run on Debian's 6.1.
package bpf

//go:generate go tool bpf2go -target amd64 -cflags "-O2 -Wall -Wextra -Wno-unused-parameter -mcpu=v3" -go-package bpf Trace trace.bpf.c
