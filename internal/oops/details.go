// SPDX-License-Identifier: MIT

package oops

import (
	"cmp"
	"strconv"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

var (
	cpuLine = lazyregexp.New(`^CPU: (\d{1,5})(?: UID: \d+)? PID: (\d{1,10}) Comm: (.{1,64}?) +(?:Not tainted|(?:Kdump: loaded )?Tainted: )`)
	// The letters are in a fixed order, absent ones are blanks.
	taintLine = lazyregexp.New(`\bTainted: ([A-Z](?:[ A-Z]{0,30}[A-Z])?) +\d`)
	// "sleeping function called …", KASAN, lockdep.
	whoLine = lazyregexp.New(`^in_atomic\(\): .*\bpid: (?P<pid>\d{1,10}), name: (?P<comm>.{1,64})$|` +
		` by task (?P<comm>.{1,64})/(?P<pid>\d{1,10})$|` +
		`^(?P<comm>\S.{0,63})/(?P<pid>\d{1,10}) is (?:trying to acquire lock|just changing the state of lock|leaving the kernel with locks still held)`)
	// The address of the fault. The set of registers has another one if the kernel faulted again while trying to show
	// the code.
	faultAddress = lazyregexp.New(`^CR2: ([0-9a-f]{16})$`)
	stalledCPU   = lazyregexp.New(`^(?:rcu: )?\t(\d{1,5})-[.!O]`)
	otherCPU     = lazyregexp.New(`^NMI backtrace for cpu (\d{1,5})`)
	registers    = lazyregexp.New(`\b(R[A-D]X|R[SD]I|R[BS]P|R\d\d|EFLAGS|[FGC]S|[DE]S|knlGS|CR[0234]|DR[0-7]|PKRU): ?(?:([0-9a-f]{4}):)?([0-9a-f]{4,16})\b`)
)

// addDetails extracts who and where from one line. The first mention of each counts: a report prints the registers of
// the fault before those of the program that had called the kernel.
func (r *report) addDetails(text string) {
	if text == r.first {
		r.cpu = cmp.Or(r.cpu, r.group(text, "cpu"))
		r.setTask(r.group(text, "comm"), r.group(text, "pid"))
	}
	if m := cpuLine.FindStringSubmatch(text); m != nil {
		r.cpu = cmp.Or(r.cpu, m[1])
		r.setTask(m[3], m[2])
	}
	if m := taintLine.FindStringSubmatch(text); m != nil {
		r.taint = cmp.Or(r.taint, m[1])
	}
	if m := whoLine.FindStringSubmatch(text); m != nil {
		r.setTask(cmp.Or(m[2], m[3], m[5]), cmp.Or(m[1], m[4], m[6]))
	}
	for _, p := range []*lazyregexp.Regexp{stalledCPU, otherCPU} {
		if m := p.FindStringSubmatch(text); m != nil && r.kind == "rcu-stall" {
			r.cpu = cmp.Or(r.cpu, m[1])
		}
	}
	if m := faultAddress.FindStringSubmatch(text); m != nil {
		r.registers["CR2"] = m[1]
	}
	if !r.ended && !r.seenUser(text) && register.MatchString(text) {
		r.addRegisters(text)
	}
}

// seenUser reports whether the program's own registers have begun.
func (r *report) seenUser(text string) bool {
	if m := ripLine.FindStringSubmatch(text); m != nil && m[1] == userCode {
		r.seen[userCode] = true
	}
	return r.seen[userCode]
}

func (r *report) addRegisters(text string) {
	for _, m := range registers.FindAllStringSubmatch(text, -1) {
		if name := m[1]; r.registers[name] == "" {
			r.registers[name] = m[3]
		}
	}
}

// setTask fills in what is not known yet. A report is about one task.
func (r *report) setTask(comm, pid string) {
	if r.task.Comm == "" {
		r.task.Comm = comm
	}
	if n, err := strconv.Atoi(pid); err == nil && r.task.PID == 0 {
		r.task.PID = n
	}
}

// taints are the letters of the kernel's Tainted: line (add_taint, kernels 5.10 to 7.3). G appears in place of P, and
// is no taint.
var taints = map[rune]string{
	'P': "proprietary module",
	'F': "force-loaded module",
	'S': "CPU out of specification",
	'R': "force-unloaded module",
	'M': "machine check error",
	'B': "bad page",
	'U': "set by user space",
	'D': "earlier oops or BUG",
	'A': "ACPI table overridden",
	'W': "earlier warning",
	'C': "staging driver",
	'I': "firmware workaround",
	'O': "out-of-tree module",
	'E': "unsigned module",
	'L': "earlier soft lockup",
	'K': "live patch",
	'X': "distribution's own flag",
	'T': "structure layout randomized",
	'N': "test code",
	'J': "firmware controlled from user space",
}

// taintLetters are the letters of the taint mask's bits, the lowest first.
const taintLetters = "PFSRMBUDAWCIOELKXTNJ"

// TaintWords names the bits of a taint mask.
func TaintWords(mask uint64) []string {
	var letters []rune
	for i, l := range taintLetters {
		if mask&(1<<i) != 0 {
			letters = append(letters, l)
		}
	}
	return taintWords(string(letters))
}

func taintWords(letters string) []string {
	var words []string
	for _, l := range letters {
		if w, ok := taints[l]; ok {
			words = append(words, w)
		}
	}
	return words
}
