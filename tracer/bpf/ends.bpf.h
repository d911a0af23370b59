/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How a kernel thread ends: it is asked to stop, it notices, it exits, and its
 * last reference is dropped. Exits of usermode helpers are seen here as well.
 */
#ifndef KMODLAB_ENDS_BPF_H
#define KMODLAB_ENDS_BPF_H

#include "filter.h"
#include "follow.h"

static __always_inline int on_stop_asked(void *ctx, struct task_struct *t)
{
	await_too(BPF_CORE_READ(t, pid), AWAITS_STOP_SEEN);
	return with_target_and_stack(ctx, THREAD_STOP_ASKED, t);
}

/* kthread_stop_put, added in 6.12, gets here too, inlined or not. */
HOOK(stop_asked);
SEC("tp_btf/sched_kthread_stop")
int stop_asked(__u64 *ctx)
{
	FIRED(stop_asked);
	return on_stop_asked(ctx, (struct task_struct *)ctx[0]);
}

SEC("kprobe/kthread_stop")
int stop_asked__kprobe(struct pt_regs *ctx)
{
	FIRED(stop_asked);
	return on_stop_asked(ctx, (struct task_struct *)BPF_CORE_READ(ctx, di));
}

/* A thread that reads the flag in another way, or never asks, is not seen. */
static __always_inline int on_should_stop(__u64 ret)
{
	struct record *r;

	if (!(ret & 0xff) || !comes((__u32)bpf_get_current_pid_tgid(), AWAITS_STOP_SEEN))
		return 0;
	if (!wants_task(current_task()))
		return 0;
	r = new_bare(THREAD_STOP_SEEN);
	if (r)
		submit(r, THREAD_STOP_SEEN);
	return 0;
}

HOOK(stop_seen);
SEC("fexit/kthread_should_stop")
int stop_seen(__u64 *ctx)
{
	FIRED(stop_seen);
	return on_should_stop(ctx[0]);
}

SEC("kretprobe/kthread_should_stop")
int stop_seen__kretprobe(struct pt_regs *ctx)
{
	FIRED(stop_seen);
	return on_should_stop(BPF_CORE_READ(ctx, ax));
}

/* Only the result is known, so the record passes every filter. Stops are few. */
static __always_inline int on_stop_returned(__s32 ret)
{
	struct record *r = new_bare(THREAD_STOP_RETURNED);

	if (!r)
		return 0;
	r->ret = ret;
	submit(r, THREAD_STOP_RETURNED);
	return 0;
}

HOOK(stop_returned);
SEC("tp_btf/sched_kthread_stop_ret")
int stop_returned(__u64 *ctx)
{
	FIRED(stop_returned);
	return on_stop_returned((__s32)ctx[0]);
}

SEC("kretprobe/kthread_stop")
int stop_returned__kretprobe(struct pt_regs *ctx)
{
	FIRED(stop_returned);
	return on_stop_returned((__s32)BPF_CORE_READ(ctx, ax));
}

/*
 * Usermode helpers by tgid, with their subprocess_info. Only the exec and the exit
 * of these processes are recorded.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} helpers SEC(".maps");

static __always_inline __s64 exit_result(struct task_struct *t, bool kthread)
{
	struct kthread *self;

	if (kthread && bpf_core_field_exists(struct kthread, result)) {
		self = BPF_CORE_READ(t, worker_private);
		return BPF_CORE_READ(self, result);
	}
	return BPF_CORE_READ(t, exit_code);
}

static __always_inline int on_exited(struct task_struct *t)
{
	bool kthread = BPF_CORE_READ(t, flags) & PF_KTHREAD;
	__u32 tgid = BPF_CORE_READ(t, tgid);
	struct record *r;

	if (!is_followed() && (kthread ? !wants_task(t) : !bpf_map_lookup_elem(&helpers, &tgid)))
		return 0;
	r = new_bare(TASK_EXITED);
	if (!r)
		return 0;
	r->ret = exit_result(t, kthread);
	r->data = BPF_CORE_READ(t, signal, live.counter) == 0;
	submit(r, TASK_EXITED);
	return 0;
}

/*
 * Runs in the task that exits, after exit_mm. Since 5.17 the result of a kernel
 * thread is in struct kthread; before, it is in exit_code.
 */
HOOK(task_exited);
SEC("tp_btf/sched_process_exit")
int task_exited(__u64 *ctx)
{
	FIRED(task_exited);
	return on_exited((struct task_struct *)ctx[0]);
}

SEC("tracepoint/sched/sched_process_exit")
int task_exited__tracepoint(void *ctx)
{
	FIRED(task_exited);
	return on_exited(current_task());
}

/*
 * The last reference is dropped. sched_process_free would be wrong: it fires one
 * grace period after the exit, even while somebody holds a reference. struct
 * kthread is freed a moment later, so a filter by module can still read it.
 */
static __always_inline int on_freed(struct task_struct *t)
{
	struct record *r;

	if (!(BPF_CORE_READ(t, flags) & PF_KTHREAD)) {
		unfollow(t);
		return 0;
	}
	if (!wants_task(t))
		return 0;
	r = new_bare(TASK_FREED);
	if (!r)
		return 0;
	fill_target(r, t);
	submit(r, TASK_FREED);
	return 0;
}

HOOK(task_freed);
SEC("fentry/__put_task_struct")
int task_freed(__u64 *ctx)
{
	FIRED(task_freed);
	return on_freed((struct task_struct *)ctx[0]);
}

SEC("kprobe/__put_task_struct")
int task_freed__kprobe(struct pt_regs *ctx)
{
	FIRED(task_freed);
	return on_freed((struct task_struct *)BPF_CORE_READ(ctx, di));
}

#endif /* KMODLAB_ENDS_BPF_H */
