// SPDX-License-Identifier: MIT

package tracer

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// preemptModel is where a kernel with CONFIG_PREEMPT_DYNAMIC names its preemption model (since 5.12; it takes debugfs).
const preemptModel = "/sys/kernel/debug/sched/preempt"

// preemptible reports whether the running kernel may preempt a task in kernel code. It says yes if it cannot find out.
func preemptible() bool {
	model, _ := os.ReadFile(preemptModel) // absent without debugfs
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return true
	}
	return preempts(string(model), unix.ByteSliceToString(uts.Version[:]))
}

// preempts reads the model, as in "none (voluntary) full lazy", or if there is none the kernel's version: "#1 SMP
// PREEMPT_DYNAMIC Debian 6.12.90-1".
func preempts(model, version string) bool {
	if _, chosen, ok := strings.Cut(model, "("); ok {
		chosen, _, _ = strings.Cut(chosen, ")")
		return chosen != "none" && chosen != "voluntary"
	}
	return strings.Contains(version, "PREEMPT")
}
