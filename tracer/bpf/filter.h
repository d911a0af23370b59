/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The filters. They decide before a record takes room in a ring. They depend only
 * on constants that the loader sets, so the verifier removes the code of a filter
 * that is not set.
 *
 * The name of a thread is known late, because its requester passes a format, and a
 * request is served by other tasks. So a record that is rare and cannot be judged
 * yet always passes, and the maps below remember the tasks that a request involves.
 */
#ifndef KMODLAB_FILTER_H
#define KMODLAB_FILTER_H

#include "emit.h"

/* A comm of 16 bytes as two numbers, which can be compared in two instructions. */
struct comm {
	__u64 half[2];
};

const volatile __u32 by_thread = 0;
const volatile __u64 want_thread[2] = {};
const volatile __u32 by_module = 0;
const volatile __u32 by_from = 0; /* BY_PID or BY_COMM */
const volatile __u32 from_pid = 0;
const volatile __u64 want_from[2] = {};
const volatile __u32 by_to = 0;
const volatile __u32 to_pid = 0;
const volatile __u64 want_to[2] = {};

#define BY_PID 1
#define BY_COMM 2

/* Bit n-1 drops signal n before a record is made: SIGURG of the Go runtime, SIGCHLD. */
const volatile __u64 skip_signals = 0;

/* The module under study. The loader writes its name, and its text if it is already loaded. */
struct text_range {
	__u64 begin, end;
};

struct studied_module {
	char name[56];
	__u64 module; /* its struct, 0 while it is not loaded */
	struct text_range text, init;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct studied_module);
} studied SEC(".maps");

/* Tasks, by pid, that are inside a request_module that passed the filter. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} requesting SEC(".maps");

/* Processes, by tgid, that were sent a signal that passed: what follows passes too. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} signalled SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[STACK_DEPTH]);
} scratch_stack SEC(".maps");

static __always_inline bool any_life_filter(void)
{
	return by_thread || by_module;
}

static __always_inline bool skipped(__u32 sig)
{
	return sig - 1 < 64 && (skip_signals >> (sig - 1)) & 1;
}

/* Read as a string: up to 5.16 the rest of a longer name may follow the NUL. */
static __always_inline bool comm_is(struct task_struct *t, const volatile __u64 *want)
{
	struct comm comm = {};

	bpf_probe_read_kernel_str(&comm, sizeof(comm), &t->comm);
	return comm.half[0] == want[0] && comm.half[1] == want[1];
}

static __always_inline bool in_module(__u64 addr)
{
	__u32 zero = 0;
	struct studied_module *m = bpf_map_lookup_elem(&studied, &zero);

	if (!m || !addr)
		return false;
	return (addr >= m->text.begin && addr < m->text.end) ||
	       (addr >= m->init.begin && addr < m->init.end);
}

/* Events of a kernel thread that are still to come, and are recorded only once. */
enum {
	AWAITS_WAKE = 1,
	AWAITS_FUNCTION = 2,
	AWAITS_STOP_SEEN = 4,
};

struct awaited {
	__u32 pid;
	__u32 bits;
};

/*
 * Indexed by the lower bits of the pid: an array is much cheaper than a hash. If
 * two threads share a slot, the later one wins, as in an LRU map that is full.
 */
#define AWAITED 32768

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, AWAITED);
	__type(key, __u32);
	__type(value, struct awaited);
} awaiting SEC(".maps");

static __always_inline struct awaited *awaited_at(__u32 pid)
{
	__u32 place = pid % AWAITED;

	return bpf_map_lookup_elem(&awaiting, &place);
}

static __always_inline void await(__u32 pid, __u32 bits)
{
	struct awaited *a = awaited_at(pid);

	if (!a)
		return;
	a->pid = pid;
	a->bits = bits;
}

static __always_inline void await_too(__u32 pid, __u32 bits)
{
	struct awaited *a = awaited_at(pid);

	if (!a)
		return;
	a->bits = a->pid == pid ? a->bits | bits : bits;
	a->pid = pid;
}

/* True once: when the awaited event arrives. */
static __always_inline bool comes(__u32 pid, __u32 bit)
{
	struct awaited *a = awaited_at(pid);

	if (!a || a->pid != pid || !(a->bits & bit))
		return false;
	a->bits &= ~bit;
	return true;
}

/* struct kthread of a kernel thread. threadfn is not set before the first run. */
static __always_inline struct kthread *to_kthread(struct task_struct *t)
{
	if (bpf_core_field_exists(struct kthread, result))
		return BPF_CORE_READ(t, worker_private);
	return (struct kthread *)BPF_CORE_READ(t, set_child_tid);
}

static __always_inline bool is_studied(struct task_struct *t)
{
	if (by_thread && !comm_is(t, want_thread))
		return false;
	if (by_module) {
		if (!(BPF_CORE_READ(t, flags) & PF_KTHREAD))
			return false;
		struct kthread *self = to_kthread(t);

		return in_module((__u64)BPF_CORE_READ(self, threadfn));
	}
	return true;
}

/* For records about a thread that already has its name. */
static __always_inline bool wants_task(struct task_struct *t)
{
	return !any_life_filter() || is_studied(t);
}

static __always_inline bool stack_in_module(void *ctx)
{
	__u32 zero = 0, i;
	__u64 *stack = bpf_map_lookup_elem(&scratch_stack, &zero);

	if (!stack)
		return false;
	bpf_get_stack(ctx, stack, STACK_DEPTH * sizeof(*stack), 0);
	for (i = 0; i < STACK_DEPTH; i++)
		if (in_module(stack[i]))
			return true;
	return false;
}

/* True if the caller is a thread under study or runs code of the module. */
static __always_inline bool wants_caller(void *ctx)
{
	if (!any_life_filter() || is_studied(current_task()))
		return true;
	return by_module && !by_thread && stack_in_module(ctx);
}

static __always_inline void begin_request(void)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid(), one = 1;

	if (any_life_filter())
		bpf_map_update_elem(&requesting, &pid, &one, BPF_ANY);
}

static __always_inline void end_request(void)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();

	if (any_life_filter())
		bpf_map_delete_elem(&requesting, &pid);
}

static __always_inline bool wants_request(void)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();

	return !any_life_filter() || bpf_map_lookup_elem(&requesting, &pid);
}

static __always_inline bool named(struct task_struct *t, __u32 by, __u32 pid,
				  const volatile __u64 *want)
{
	if (by == BY_PID)
		return (__u32)BPF_CORE_READ(t, pid) == pid || (__u32)BPF_CORE_READ(t, tgid) == pid;
	return comm_is(t, want);
}

static __always_inline bool any_send_filter(void)
{
	return by_from || by_to || any_life_filter();
}

static __always_inline bool wants_send(void *ctx, struct task_struct *t)
{
	if (by_from && !named(current_task(), by_from, from_pid, want_from))
		return false;
	if (by_to && !named(t, by_to, to_pid, want_to))
		return false;
	return !any_life_filter() || is_studied(t) || wants_caller(ctx);
}

/* Remembers a send that passed, so that what follows from it passes too. */
static __always_inline void note_send(struct task_struct *t)
{
	__u32 one = 1, tgid;

	if (!any_send_filter())
		return;
	tgid = BPF_CORE_READ(t, tgid);
	bpf_map_update_elem(&signalled, &tgid, &one, BPF_ANY);
}

/* The current task takes a signal. Only the map knows whether its send passed. */
static __always_inline bool wants_taken(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return !any_send_filter() || bpf_map_lookup_elem(&signalled, &tgid) ||
	       (any_life_filter() && is_studied(current_task()));
}

static __always_inline int with_target_and_stack(void *ctx, enum kind kind, struct task_struct *t)
{
	struct record_stack *r;

	if (!wants_task(t) && !wants_caller(ctx))
		return 0;
	r = new_stack(kind, ctx);
	if (!r)
		return 0;
	fill_target(&r->r, t);
	submit(r, kind);
	return 0;
}

#endif /* KMODLAB_FILTER_H */
