// SPDX-License-Identifier: MIT

package event

import "fmt"

// JSON is one event for other programs: one object per line of `kmodlab trace --json`. Fields that the kind does not
// fill are omitted; the comment at the kind's constant says which it fills. Addresses are strings, since JSON's numbers
// do not hold 64 bits.
type JSON struct {
	TimeNS uint64    `json:"time_ns"` // CLOCK_MONOTONIC of the traced machine
	Kind   string    `json:"kind"`
	CPU    uint32    `json:"cpu"`
	By     JSONTask  `json:"by"`
	Target *JSONTask `json:"target,omitempty"`
	Arg    uint32    `json:"arg"`
	Ret    int64     `json:"ret"`
	Ptr    string    `json:"ptr,omitempty"`
	Func   string    `json:"func,omitempty"`
	// Function names Func if that is an address in the kernel.
	Function string   `json:"function,omitempty"`
	Data     string   `json:"data,omitempty"`
	Aux      string   `json:"aux,omitempty"`
	Text     string   `json:"text,omitempty"`
	Args     []string `json:"args,omitempty"`
	Env      []string `json:"env,omitempty"`
	Stack    []string `json:"stack,omitempty"` // innermost first
	Numbers  []string `json:"numbers,omitempty"`
	// Words is the event in words; the caller fills it in.
	Words string `json:"words,omitempty"`
}

// JSONTask is a Task as JSON.
type JSONTask struct {
	PID     uint32 `json:"pid"`
	TGID    uint32 `json:"tgid"`
	Comm    string `json:"comm"`
	Kthread bool   `json:"kthread"`
	Task    string `json:"task,omitempty"` // address of its task_struct
}

// JSON returns e in the form for encoding/json. site names the code at a return address at a moment; if nil, addresses
// stay unnamed.
func (e *Event) JSON(site func(addr, at uint64) Site) JSON {
	if site == nil {
		site = func(addr, _ uint64) Site { return Site{Addr: addr} }
	}
	j := JSON{
		TimeNS: e.Time, Kind: e.Kind.String(), CPU: e.CPU, By: e.By.json(), Arg: e.Arg, Ret: e.Ret,
		Ptr: hex(e.Ptr), Func: hex(e.Func), Data: hex(e.Data), Aux: hex(e.Aux),
		Text: e.Text, Args: e.Args, Env: e.Env,
	}
	if e.Target != (Task{}) {
		target := e.Target.json()
		j.Target = &target
	}
	if e.FuncIsCode() {
		s := site(e.Func+1, e.Time)
		s.Addr = e.Func
		j.Function = s.Function()
	}
	for _, n := range e.Numbers {
		j.Numbers = append(j.Numbers, fmt.Sprintf("0x%x", n))
	}
	for _, addr := range e.Stack {
		j.Stack = append(j.Stack, site(addr, e.Time).String())
	}
	return j
}

// FuncIsCode reports whether Func is an address of kernel code, for the kinds for which it can be something else: a
// handler or a place in user space, one of Handler*, or a struct module.
func (e *Event) FuncIsCode() bool {
	switch e.Kind {
	case SignalSent, SignalDelivered, SignalAllowed, ProcessFaulted, FileMet:
		return false
	}
	return e.Func != 0
}

func (t Task) json() JSONTask {
	return JSONTask{PID: t.PID, TGID: t.TGID, Comm: t.Comm, Kthread: t.Kthread, Task: hex(t.Addr)}
}

func hex(v uint64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("0x%x", v)
}
