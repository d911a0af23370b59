/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How a kernel thread is created: it is requested, kthreadd picks the request up
 * and forks, the thread runs for the first time, the requester gets it and wakes
 * it, and its function is called.
 */
#ifndef KMODLAB_BIRTHS_BPF_H
#define KMODLAB_BIRTHS_BPF_H

#include "filter.h"

/*
 * fentry on the static __kthread_create_on_node, because kthread_create_on_node
 * is variadic, which fentry refuses. Threads that the kernel creates directly with
 * kernel_thread (kthreadd itself, usermode helpers) are not seen. The record passes
 * every filter, because the thread has no name yet.
 */
static __always_inline int on_requested(void *ctx, __u64 threadfn, __u64 data, __u32 node,
					const char *format)
{
	struct record_text_stack *r = new_text_stack(THREAD_REQUESTED, ctx, format);

	if (!r)
		return 0;
	r->r.ptr = (__u64)BPF_CORE_READ(current_task(), stack);
	r->r.func = threadfn;
	r->r.data = data;
	r->r.arg = node;
	submit(r, THREAD_REQUESTED);
	return 0;
}

HOOK(thread_requested);
SEC("fentry/__kthread_create_on_node")
int thread_requested(__u64 *ctx)
{
	FIRED(thread_requested);
	return on_requested(ctx, raw_arg(ctx, 0), ctx[1], ctx[2], (void *)ctx[3]);
}

SEC("kprobe/__kthread_create_on_node")
int thread_requested__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_requested);
	return on_requested(ctx, BPF_CORE_READ(ctx, di), BPF_CORE_READ(ctx, si),
			    BPF_CORE_READ(ctx, dx), (void *)BPF_CORE_READ(ctx, cx));
}

/* The requester gets its thread, which has its final name now. */
static __always_inline int on_created(__s64 ret)
{
	struct record *r;

	if (ret >= -4095 && ret < 0) { /* IS_ERR */
		r = new_bare(THREAD_CREATED);
		if (r) {
			r->ret = ret;
			submit(r, THREAD_CREATED);
		}
		return 0;
	}

	struct task_struct *t = (struct task_struct *)ret;

	await(BPF_CORE_READ(t, pid), AWAITS_WAKE | AWAITS_FUNCTION);
	if (!wants_task(t))
		return 0;
	r = new_bare(THREAD_CREATED);
	if (r) {
		fill_target(r, t);
		r->data = BPF_CORE_READ(t, flags);
		submit(r, THREAD_CREATED);
	}
	return 0;
}

HOOK(thread_created);
SEC("fexit/__kthread_create_on_node")
int thread_created(__u64 *ctx)
{
	FIRED(thread_created);
	return on_created(raw_arg(ctx, 5));
}

SEC("kretprobe/__kthread_create_on_node")
int thread_created__kretprobe(struct pt_regs *ctx)
{
	FIRED(thread_created);
	return on_created(BPF_CORE_READ(ctx, ax));
}

/* The request that kthreadd is working on. kthreadd is one task, so one variable is enough. */
__u64 picking;

static __always_inline bool is_kthreadd(void)
{
	return (__u32)bpf_get_current_pid_tgid() == 2;
}

static __always_inline void fill_create(struct record *r, struct kthread_create_info *create)
{
	r->ptr = (__u64)create;
	r->func = (__u64)BPF_CORE_READ(create, threadfn);
	r->data = (__u64)BPF_CORE_READ(create, data);
	r->aux = (__u64)BPF_CORE_READ(create, done);
}

/*
 * kernel_thread(fn, arg, …) called by kthreadd, which always has pid 2.
 * kthreadd calls it only from create_kthread, which is always inlined. arg is the
 * kthread_create_info in every kernel from 5.10 to 7.3; fn and the flags move.
 */
static __always_inline int on_picked_up(__u64 create)
{
	struct record *r;

	if (!is_kthreadd())
		return 0;
	picking = create;
	r = new_bare(THREAD_PICKED_UP);
	if (!r)
		return 0;
	fill_create(r, (struct kthread_create_info *)create);
	submit(r, THREAD_PICKED_UP);
	return 0;
}

HOOK(thread_picked_up);
SEC("fentry/kernel_thread")
int thread_picked_up(__u64 *ctx)
{
	FIRED(thread_picked_up);
	return on_picked_up(ctx[1]);
}

SEC("kprobe/kernel_thread")
int thread_picked_up__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_picked_up);
	return on_picked_up(BPF_CORE_READ(ctx, si));
}

/* create may be freed by now, so only its address is used. */
static __always_inline int on_forked_thread(__u64 create, __s32 ret)
{
	struct record *r;

	if (!is_kthreadd())
		return 0;
	r = new_bare(THREAD_FORKED);
	if (!r)
		return 0;
	r->ptr = create;
	r->ret = ret;
	submit(r, THREAD_FORKED);
	return 0;
}

/* 6.5 added an argument. */
HOOK(thread_forked);
SEC("fexit/kernel_thread")
int thread_forked(__u64 *ctx)
{
	FIRED(thread_forked);
	return on_forked_thread(ctx[1], (__s32)RETURNED(ctx, 3));
}

SEC("kretprobe/kernel_thread")
int thread_forked__kretprobe(struct pt_regs *ctx)
{
	FIRED(thread_forked);
	return on_forked_thread(picking, (__s32)BPF_CORE_READ(ctx, ax));
}

/* kthread(create) is the first code that a new thread runs. create is still valid here. */
static __always_inline int on_first_run(__u64 create)
{
	struct kthread_create_info *info = (struct kthread_create_info *)create;
	struct record *r;

	await((__u32)bpf_get_current_pid_tgid(), AWAITS_FUNCTION);
	r = new_bare(THREAD_FIRST_RUN);
	if (!r)
		return 0;
	r->ptr = create;
	r->func = (__u64)BPF_CORE_READ(info, threadfn);
	submit(r, THREAD_FIRST_RUN);
	return 0;
}

HOOK(thread_first_run);
SEC("fentry/kthread")
int thread_first_run(__u64 *ctx)
{
	FIRED(thread_first_run);
	return on_first_run(ctx[0]);
}

SEC("kprobe/kthread")
int thread_first_run__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_first_run);
	return on_first_run(BPF_CORE_READ(ctx, di));
}

/*
 * This fires for every wake-up in the system, so the filter comes first. It runs
 * in the task that wakes, before the wake-up takes effect.
 */
HOOK(thread_woken);
SEC("tp_btf/sched_waking")
int thread_woken(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	struct record *r;

	FIRED(thread_woken);
	if (!comes(t->pid, AWAITS_WAKE))
		return 0;
	if (!wants_task(t))
		return 0;
	r = new_bare(THREAD_WOKEN);
	if (!r)
		return 0;
	fill_target(r, t);
	submit(r, THREAD_WOKEN);
	return 0;
}

/*
 * kthread() calls __kthread_parkme(self) and then the thread's function. No hook
 * can see the call of the function itself. Threads that really park return from
 * here too, so only the first return of a new thread counts.
 */
static __always_inline int on_function(struct kthread *self)
{
	struct record *r;

	if (!comes((__u32)bpf_get_current_pid_tgid(), AWAITS_FUNCTION))
		return 0;
	if (!wants_task(current_task()))
		return 0;
	r = new_bare(THREAD_FUNCTION);
	if (!r)
		return 0;
	r->func = (__u64)BPF_CORE_READ(self, threadfn);
	submit(r, THREAD_FUNCTION);
	return 0;
}

HOOK(thread_function);
SEC("fexit/__kthread_parkme")
int thread_function(__u64 *ctx)
{
	FIRED(thread_function);
	return on_function((struct kthread *)ctx[0]);
}

SEC("kretprobe/__kthread_parkme")
int thread_function__kretprobe(struct pt_regs *ctx)
{
	FIRED(thread_function);
	return on_function(to_kthread(current_task()));
}

#endif /* KMODLAB_BIRTHS_BPF_H */
