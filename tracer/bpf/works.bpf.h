/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The works of a kthread_worker: queued, started, ended. The tracepoints were
 * added in 5.11. Before, only the queueing can be seen, because kthread_worker_fn
 * calls the function of a work through a pointer.
 */
#ifndef KMODLAB_WORKS_BPF_H
#define KMODLAB_WORKS_BPF_H

#include "filter.h"

static __always_inline bool wants_work(struct kthread_work *work)
{
	if (!any_life_filter())
		return true;
	if (by_thread)
		return comm_is(current_task(), want_thread);
	return in_module((__u64)BPF_CORE_READ(work, func));
}

static __always_inline bool wants_queueing(struct task_struct *worker, struct kthread_work *work)
{
	if (by_thread)
		return comm_is(worker, want_thread) || comm_is(current_task(), want_thread);
	return wants_work(work);
}

static __always_inline int on_queue_work(void *ctx, struct kthread_worker *worker,
					 struct kthread_work *work)
{
	struct task_struct *t = BPF_CORE_READ(worker, task);
	struct record_stack *r;

	if (!wants_queueing(t, work))
		return 0;
	r = new_stack(WORK_QUEUED, ctx);
	if (!r)
		return 0;
	r->r.ptr = (__u64)work;
	r->r.func = (__u64)BPF_CORE_READ(work, func);
	if (t) /* NULL while the worker has not run yet */
		fill_target(&r->r, t);
	submit(r, WORK_QUEUED);
	return 0;
}

/* A delayed work is queued from an interrupt, when its timer expires. */
HOOK(work_queued);
SEC("tp_btf/sched_kthread_work_queue_work")
int work_queued(__u64 *ctx)
{
	FIRED(work_queued);
	return on_queue_work(ctx, (struct kthread_worker *)ctx[0], (struct kthread_work *)ctx[1]);
}

SEC("fentry/kthread_insert_work")
int work_queued__fentry(__u64 *ctx)
{
	FIRED(work_queued);
	return on_queue_work(ctx, (struct kthread_worker *)ctx[0], (struct kthread_work *)ctx[1]);
}

static __always_inline int on_started(struct kthread_work *work)
{
	struct record *r;

	if (!wants_work(work))
		return 0;
	r = new_bare(WORK_STARTED);
	if (!r)
		return 0;
	r->ptr = (__u64)work;
	r->func = (__u64)BPF_CORE_READ(work, func);
	submit(r, WORK_STARTED);
	return 0;
}

HOOK(work_started);
SEC("tp_btf/sched_kthread_work_execute_start")
int work_started(__u64 *ctx)
{
	FIRED(work_started);
	return on_started((struct kthread_work *)ctx[0]);
}

SEC("tracepoint/sched/sched_kthread_work_execute_start")
int work_started__tracepoint(struct trace_event_raw_sched_kthread_work_execute_start *ctx)
{
	FIRED(work_started);
	return on_started(BPF_CORE_READ(ctx, work));
}

/* The work may have freed itself, so only its address is used; func is an argument. */
static __always_inline int on_ended(__u64 work, __u64 func)
{
	struct record *r;

	if (by_thread && !comm_is(current_task(), want_thread))
		return 0;
	if (by_module && !by_thread && !in_module(func))
		return 0;
	r = new_bare(WORK_ENDED);
	if (!r)
		return 0;
	r->ptr = work;
	r->func = func;
	submit(r, WORK_ENDED);
	return 0;
}

HOOK(work_ended);
SEC("tp_btf/sched_kthread_work_execute_end")
int work_ended(__u64 *ctx)
{
	FIRED(work_ended);
	return on_ended(ctx[0], raw_arg(ctx, 1));
}

SEC("tracepoint/sched/sched_kthread_work_execute_end")
int work_ended__tracepoint(struct trace_event_raw_sched_kthread_work_execute_end *ctx)
{
	FIRED(work_ended);
	return on_ended((__u64)BPF_CORE_READ(ctx, work), (__u64)BPF_CORE_READ(ctx, function));
}

#endif /* KMODLAB_WORKS_BPF_H */
