// SPDX-License-Identifier: MIT

package leaks

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Objects are the named things that a module can leave behind.
type Objects struct {
	Files   []string `json:"files"`   // below /proc and /sys, without those of processes
	Devices []string `json:"devices"` // lines of /proc/devices
	Threads []string `json:"threads"` // kernel threads, "name[pid]", without workers
}

// Added lists the files and devices that exist after and did not exist before.
func Added(before, after *Objects) []result.Leftover {
	var left []result.Leftover
	files := added(before.Files, after.Files)
	slices.Sort(files)
	isNew := make(map[string]bool, len(files))
	for _, f := range files {
		isNew[f] = true
		if parent := strings.LastIndex(f, "/"); parent > 0 && isNew[f[:parent]] {
			continue // its folder is new, and stands for it
		}
		left = append(left, result.Leftover{Kind: "file", What: f})
	}
	for _, d := range added(before.Devices, after.Devices) {
		left = append(left, result.Leftover{Kind: "device", What: d})
	}
	return left[:min(len(left), maxLeaks)]
}

// AddedThreads lists the kernel threads that exist after and did not exist before.
func AddedThreads(before, after *Objects) []string {
	return added(before.Threads, after.Threads)
}

func added(before, after []string) []string {
	had := make(map[string]bool, len(before))
	for _, s := range before {
		had[s] = true
	}
	return slices.DeleteFunc(slices.Clone(after), func(s string) bool { return had[s] })
}
