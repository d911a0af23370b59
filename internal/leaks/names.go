// SPDX-License-Identifier: MIT

package leaks

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// Names tells which files and devices there are after and were not before.
func Names(before, after *wire.SnapshotResult) []result.Leftover {
	var left []result.Leftover
	files := added(before.Files, after.Files)
	slices.Sort(files)
	isNew := make(map[string]bool, len(files))
	for _, f := range files {
		isNew[f] = true
		if parent := strings.LastIndex(f, "/"); parent > 0 && isNew[f[:parent]] {
			continue // what is inside came with its folder
		}
		left = append(left, result.Leftover{Kind: "file", What: f})
	}
	for _, d := range added(before.Devices, after.Devices) {
		left = append(left, result.Leftover{Kind: "device", What: d})
	}
	return left[:min(len(left), maxLeaks)]
}

// Threads are the kernel threads that there are after and were not before.
func Threads(before, after *wire.SnapshotResult) []string {
	return added(before.Threads, after.Threads)
}

func added(before, after []string) []string {
	had := make(map[string]bool, len(before))
	for _, s := range before {
		had[s] = true
	}
	return slices.DeleteFunc(slices.Clone(after), func(s string) bool { return had[s] })
}
