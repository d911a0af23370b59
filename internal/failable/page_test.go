// SPDX-License-Identifier: MIT

package failable

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// page is docs/failing-calls.md, and how to write it.
const (
	pageFile  = "../../docs/failing-calls.md"
	pageWrite = "KMODLAB_UPDATE=1 go test ./internal/failable -run TestPage"
)

const intro = `# Calls that can be made to fail

Code that handles errors hardly ever runs, because hardly anything fails. ` + "`--fail CALL#N@MODULE`" +
	` makes the N-th such
call of a module return an error. Nothing else happens in the call: it is skipped. The number may be left out (the first
call), and so may the module if the run loads only one of its own. In Go it is ` + "`World.Fail`" + `.

    kmodlab run DIR --fail kmalloc#2
    kmodlab run DIR --fail kthread_create_on_node@life

The story says which call it was, and where:

    0.2 ms  modprobe[106]  call 2 of kmalloc  was made to return NULL in leaks_init+0x42 [fail_leaks] (fail_leaks.c:16)

What follows is judged as always: an oops, a leak, a test that fails. Only an init function that returns an error after
a call was made to fail before its end is no fault any more: that run passes if nothing was left behind. If the module
makes fewer calls, the run says so. Run the module without ` + "`--fail`" + ` as well: an init function that always
returns an error passes here.

It works on the kernels of distributions. A small module of kmodlab's own (modules/failcall) sets a kprobe on the
function and fails only calls that come from the module. Calls are counted from the first load to the last unload, in
all rounds together and in all of the functions that the call becomes.

This page is written from the table in internal/failable:

    ` + pageWrite + `

`

const targets = `## A task that ends

Whoever finds a task and then uses it must survive that the task ends in between.
` + "`--target-exits NAME#N@MODULE`" + ` has the task of that name end just before the module's N-th use of it: the
task gets SIGKILL, and the module's call waits until it is gone. The number and the module may be left out, as above. In
Go it is ` + "`World.TargetExits`" + `.

    kmodlab run DIR --test find.sh --target-exits sleep     before the first use, such as get_pid_task()
    kmodlab run DIR --test find.sh --target-exits sleep#2   before the second, such as send_sig()

Uses are the module's calls with a task that it has found, or its pid, of
%s.
Most often the task is a program that a test starts, and whose number the test gives to the module:

    (sleep 1000 & echo $! >/tmp/target)       # a program that is not the test's own child
    target=$(cat /tmp/target)
    until [ "$(cat /proc/$target/comm)" = sleep ]; do :; done
    echo $target >/sys/module/finds/parameters/pid

If a child of the test's own ends while the test waits for the module, nobody waits for the child: it stays as a zombie,
which can still be found. A kernel thread ends only if it allows SIGKILL (allow_signal) and returns then. A task that
does not end within five seconds stays, and the story says so. Where the module may not sleep, the call spins meanwhile:
that needs a second CPU, which guests have if nothing else is said.

A task's memory that nobody has a reference to is freed a moment after it is gone. Then the module's use is a use after
free, which the kernel mostly does not notice; the verdict is ` + "`oops`" + ` and names the call. That is told only
where it is certain: the module may sleep there, so it is not within RCU, nobody else has a reference, and the kernel
counts preemption (6.1 and later do, 5.10 does not).

The JSON has ` + "`exits`" + `. With ` + "`--fail`" + ` in one run it does not go.

`

const limits = `## What it cannot do

- A function that is compiled into the module, and an allocation within a function of the kernel, make no call that
  counts. ` + "`kmodlab run`" + ` says which calls the module has.
- A call through a pointer counts, but not one that is the last of its function: that is a jump, and is found in the
  module's code only if it names its function and ftrace can trace the function that it is in. Up to 64 such functions
  of a module are watched. Of several jumps in one function, the story names the first.
- Two CPUs that call at the same moment are counted in either order.
- An allocation with __GFP_NOFAIL, which never fails in the kernel, fails here.
- A wait that a signal ends is not ended in a thread of the kernel that allows no signal. A process has no signal
  pending afterwards, so a call that returned -ERESTARTSYS begins anew, as after a signal with SA_RESTART.
- After a panic nobody can say any more whether the call came.
- An allocation of the module that is made in an interrupt or on behalf of another task counts like any other. A use of
  a task in an interrupt, or with interrupts off, does not count.
- With --here no call is made to fail, and no task ends.

## Kernels

`

// TestPage compares the page with the table, and with KMODLAB_UPDATE writes it.
func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(intro)
	group := Group("")
	for _, c := range Calls() {
		if c.Group != group {
			fmt.Fprintf(&b, "## %s\n\n| call | functions in a module | returns | |\n|---|---|---|---|\n", c.Group)
			group = c.Group
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(c.Names), code(c.Symbols), c.Returns(), c.Note)
		if next := next(&c); next != c.Group {
			b.WriteString("\n")
		}
	}
	list := "`" + strings.Join(uses[:len(uses)/2], "`, `") + "`,\n`" + strings.Join(uses[len(uses)/2:], "`, `") + "`"
	b.WriteString(strings.Replace(targets, "%s", list, 1))
	b.WriteString(limits + kernels)
	got := b.String()
	if os.Getenv("KMODLAB_UPDATE") != "" {
		if err := os.WriteFile(pageFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(pageFile)
	if err != nil || string(want) != got {
		t.Errorf("the page is not what the table says (%v); type: %s", err, pageWrite)
	}
}

// next is the group of the call after one.
func next(c *Call) Group {
	for i := range table[:len(table)-1] {
		if table[i].Names[0] == c.Names[0] {
			return table[i+1].Group
		}
	}
	return ""
}

func code(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

const kernels = "The tests (`go test ./test/vm -run TestFail`) make ten calls fail on 5.10, 6.1, 6.12, 7.2 and 7.3: memory, a thread, a\n" +
	"registration that is its init's last call, a wait, a request for a module, and a copy from a user. Each function of the\n" +
	"table that one of these kernels has was given to its kprobe_events. It took all but those that ftrace cannot trace (in\n" +
	"lib/: copy_from_user, copy_to_user, kstrtoint and its kin, kasprintf, idr_alloc, ida_alloc,\n" +
	"kobject_create_and_add, strncpy_from_user; and kmemdup): the module of ours sets a kprobe of another kind there, which\n" +
	"was tried with copy_from_user.\n" +
	"\n" +
	"A kprobe within a function that is the last of its page, and does not end with a return, can crash the kernel (6.12). So\n" +
	"in the module itself kprobes are set only where functions begin, and only if ftrace can trace them: these are ftrace's,\n" +
	"and the kernel decodes nothing for them.\n"
