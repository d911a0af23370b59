// SPDX-License-Identifier: MIT

package tracer

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// preemptModel is where a kernel with CONFIG_PREEMPT_DYNAMIC says what it does
// (from 5.12 on; it takes debugfs).
const preemptModel = "/sys/kernel/debug/sched/preempt"

// preemptible reports whether the running kernel may take the CPU from a task in
// kernel code. Where it cannot be told, it may.
func preemptible() bool {
	model, _ := os.ReadFile(preemptModel) // absent without debugfs
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return true
	}
	return preempts(string(model), unix.ByteSliceToString(uts.Version[:]))
}

// preempts reads the model, as in "none (voluntary) full lazy", and where there is
// none the kernel's version: "#1 SMP PREEMPT_DYNAMIC Debian 6.12.90-1".
func preempts(model, version string) bool {
	if _, chosen, ok := strings.Cut(model, "("); ok {
		chosen, _, _ = strings.Cut(chosen, ")")
		return chosen != "none" && chosen != "voluntary"
	}
	return strings.Contains(version, "PREEMPT")
}
