/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel threads of modules that followed processes wake. A program and a
 * thread may wake each other a hundred thousand times, so only the first wake-ups
 * have records; later ones are counted, and have one whenever their number is a
 * power of two.
 *
 * A thread belongs to a module if its function is in the module's memory. Not seen:
 * a wake-up by an interrupt, whichever task it interrupts, and the thread of a
 * kthread_worker, whose function is the kernel's.
 */
#ifndef KMODLAB_WAKES_BPF_H
#define KMODLAB_WAKES_BPF_H

#include "filter.h"
#include "follow.h"

#define KEPT_WAKES 16 /* of a thread by a process */
#define THREAD_SIZE (16 << 10)

/* Keep in step with tracer/wakes.go. */
struct woken_key {
	__u64 task; /* the thread's task_struct */
	__u32 tgid; /* who wakes */
	__u32 pid; /* of the thread: a task_struct's memory may be another's later */
};

struct woken {
	__u64 wakes;
	__u64 last; /* the number of the last of them that has a record */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096); /* the loader makes it smaller if follow_calls is not set */
	__type(key, struct woken_key);
	__type(value, struct woken);
} threads_woken SEC(".maps");

/*
 * Whether the current task itself does what is seen, and no interrupt does. An
 * interrupt that comes in kernel code has a stack of its own, as have softirqs.
 * One that comes in user space uses the task's, but then the task is in no call.
 * The arguments of a tracepoint are on the stack that is in use. The verifier
 * refuses to compute with their address, so it is read as if it were any number.
 */
static __always_inline bool acts_itself(void *ctx, const struct followed *f)
{
	__u64 stack = (__u64)BPF_CORE_READ(current_task(), stack), at = 0;

	if (!f->within)
		return false;
	bpf_probe_read_kernel(&at, sizeof(at), &ctx);
	return at - stack < THREAD_SIZE;
}

/* Whether a thread of a module runs its function; before that, thread_woken records who wakes it. */
static __always_inline bool runs_for_module(struct task_struct *t)
{
	struct awaited *a;
	struct kthread *self;

	if (!(t->flags & PF_KTHREAD))
		return false;
	a = awaited_at(t->pid);
	if (a && a->pid == (__u32)t->pid && a->bits & AWAITS_FUNCTION)
		return false;
	self = to_kthread(t);
	return self && module_at(BPF_CORE_READ(self, threadfn));
}

/* Counts a wake-up. Returns its number if it is to have a record, else 0. */
static __always_inline __u64 count_wake(const struct followed *f, struct task_struct *t)
{
	struct woken_key key = { .task = (__u64)t, .tgid = f->tgid, .pid = t->pid };
	struct woken *w, first = {};
	__u64 n;

	w = bpf_map_lookup_elem(&threads_woken, &key);
	if (!w) {
		bpf_map_update_elem(&threads_woken, &key, &first, BPF_ANY);
		w = bpf_map_lookup_elem(&threads_woken, &key);
		if (!w) {
			count_lost(PROCESS_WOKE);
			return 0;
		}
	}
	/* Two threads of a process never wake a thread at once: the caller holds its pi_lock. */
	n = ++w->wakes;
	if (n > KEPT_WAKES && n & (n - 1))
		return 0;
	w->last = n;
	return n;
}

/*
 * This fires for every wake-up in the system, in the task that wakes, so the waker
 * is looked at first. The classic tracepoint tells no more of the thread than its
 * pid, so this is the only variant.
 */
HOOK(process_woke);
SEC("tp_btf/sched_waking")
int process_woke(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	struct record_stack *r;
	struct followed *f;
	__u64 n;

	FIRED(process_woke);
	f = followed_now();
	if (!f || !acts_itself(ctx, f) || !runs_for_module(t))
		return 0;
	n = count_wake(f, t);
	if (!n)
		return 0;
	r = new_stack(PROCESS_WOKE, ctx);
	if (!r)
		return 0;
	fill_target(&r->r, t);
	r->r.ret = n;
	submit(r, PROCESS_WOKE);
	return 0;
}

#endif /* KMODLAB_WAKES_BPF_H */
