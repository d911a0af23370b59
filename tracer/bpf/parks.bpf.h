/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Kernel threads that are bound to a CPU, parked and unparked.
 */
#ifndef KMODLAB_PARKS_BPF_H
#define KMODLAB_PARKS_BPF_H

#include "filter.h"

static __always_inline int on_bound(struct task_struct *t, __u32 cpu)
{
	struct record *r;

	if (!wants_task(t))
		return 0;
	r = new_bare(THREAD_BOUND);
	if (!r)
		return 0;
	fill_target(r, t);
	r->arg = cpu;
	submit(r, THREAD_BOUND);
	return 0;
}

/* kthread_create_on_cpu gets here too. set_cpus_allowed_ptr is not seen. */
HOOK(thread_bound);
SEC("fentry/kthread_bind")
int thread_bound(__u64 *ctx)
{
	FIRED(thread_bound);
	return on_bound((struct task_struct *)ctx[0], ctx[1]);
}

SEC("kprobe/kthread_bind")
int thread_bound__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_bound);
	return on_bound((struct task_struct *)BPF_CORE_READ(ctx, di), BPF_CORE_READ(ctx, si));
}

#define MASK_WORDS 8 /* of 64 CPUs each; CPUs beyond that are not looked at */

static __always_inline __u32 first_cpu(__u64 mask)
{
	__u32 word, bit;

	for (word = 0; word < MASK_WORDS; word++) {
		__u64 bits = 0;

		bpf_probe_read_kernel(&bits, sizeof(bits), (void *)(mask + word * sizeof(bits)));
		if (!bits)
			continue;
		for (bit = 0; bit < 63; bit++)
			if (bits >> bit & 1)
				break;
		return word * 64 + bit;
	}
	return 0;
}

HOOK(thread_bound_mask);
SEC("fentry/kthread_bind_mask")
int thread_bound_mask(__u64 *ctx)
{
	FIRED(thread_bound_mask);
	return on_bound((struct task_struct *)ctx[0], first_cpu(raw_arg(ctx, 1)));
}

SEC("kprobe/kthread_bind_mask")
int thread_bound_mask__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_bound_mask);
	return on_bound((struct task_struct *)BPF_CORE_READ(ctx, di),
			first_cpu(BPF_CORE_READ(ctx, si)));
}

/* The thread that a task parks, by the pid of the task, which waits in kthread_park. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} parking SEC(".maps");

static __always_inline int on_park_asked(void *ctx, struct task_struct *t)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u64 task = (__u64)t;

	bpf_map_update_elem(&parking, &pid, &task, BPF_ANY);
	return with_target_and_stack(ctx, THREAD_PARK_ASKED, t);
}

/* Who parks whom. smpboot parks its per-CPU threads when a CPU goes offline. */
HOOK(thread_park_asked);
SEC("fentry/kthread_park")
int thread_park_asked(__u64 *ctx)
{
	FIRED(thread_park_asked);
	return on_park_asked(ctx, (struct task_struct *)ctx[0]);
}

SEC("kprobe/kthread_park")
int thread_park_asked__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_park_asked);
	return on_park_asked(ctx, (struct task_struct *)BPF_CORE_READ(ctx, di));
}

/*
 * A thread calls __kthread_parkme once before its function, and then whenever it
 * looks. It waits there only while it should park.
 */
static __always_inline int on_parkme(struct kthread *self)
{
	struct record *r;

	if (!(BPF_CORE_READ(self, flags) >> KTHREAD_SHOULD_PARK & 1) || !wants_task(current_task()))
		return 0;
	r = new_bare(THREAD_PARKED);
	if (r)
		submit(r, THREAD_PARKED);
	return 0;
}

HOOK(thread_parked);
SEC("fentry/__kthread_parkme")
int thread_parked(__u64 *ctx)
{
	FIRED(thread_parked);
	return on_parkme((struct kthread *)ctx[0]);
}

SEC("kprobe/__kthread_parkme")
int thread_parked__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_parked);
	return on_parkme((struct kthread *)BPF_CORE_READ(ctx, di));
}

static __always_inline int on_park_returned(void *ctx, struct task_struct *t, __s32 ret)
{
	struct record *r;

	if (!wants_task(t) && !wants_caller(ctx))
		return 0;
	r = new_bare(THREAD_PARK_RETURNED);
	if (!r)
		return 0;
	fill_target(r, t);
	r->ret = ret;
	submit(r, THREAD_PARK_RETURNED);
	return 0;
}

HOOK(thread_park_returned);
SEC("fexit/kthread_park")
int thread_park_returned(__u64 *ctx)
{
	FIRED(thread_park_returned);
	return on_park_returned(ctx, (struct task_struct *)ctx[0], (__s32)ctx[1]);
}

SEC("kretprobe/kthread_park")
int thread_park_returned__kretprobe(struct pt_regs *ctx)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u64 *t = bpf_map_lookup_elem(&parking, &pid);

	FIRED(thread_park_returned);
	if (!t)
		return 0;
	return on_park_returned(ctx, (struct task_struct *)*t, (__s32)BPF_CORE_READ(ctx, ax));
}

/*
 * kthread_stop calls this for every thread, also for those that were never parked.
 * Only a thread that should park is of interest.
 */
static __always_inline int on_unpark(void *ctx, struct task_struct *t)
{
	struct kthread *self = to_kthread(t);

	if (!(BPF_CORE_READ(self, flags) >> KTHREAD_SHOULD_PARK & 1))
		return 0;
	return with_target_and_stack(ctx, THREAD_UNPARKED, t);
}

HOOK(thread_unparked);
SEC("fentry/kthread_unpark")
int thread_unparked(__u64 *ctx)
{
	FIRED(thread_unparked);
	return on_unpark(ctx, (struct task_struct *)ctx[0]);
}

SEC("kprobe/kthread_unpark")
int thread_unparked__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_unparked);
	return on_unpark(ctx, (struct task_struct *)BPF_CORE_READ(ctx, di));
}

#endif /* KMODLAB_PARKS_BPF_H */
