/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The life of a kernel thread: asked for, picked up by kthreadd, forked, first
 * run, woken, its function called, bound, parked, stopped, ended, freed.
 */
#include "filter.h"

/* What is still to come of a new thread, by pid. LRU: a thread that never gets
 * that far must not fill the map. */
enum newborn {
	AWAITS_WAKE = 1,
	AWAITS_FUNCTION = 2,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} newborn SEC(".maps");

/* Threads that were asked to stop and have not noticed yet, by pid. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} stopping SEC(".maps");

/*
 * fentry on the static __kthread_create_on_node: kthread_create_on_node itself
 * is variadic, which fentry refuses. Cannot see threads that the kernel makes
 * with kernel_thread directly (kthreadd itself, usermode helpers). Passes every
 * filter: the thread has no name yet.
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

/* The requester gets its thread, under the final name. */
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
	__u32 pid = BPF_CORE_READ(t, pid);
	__u32 *state = bpf_map_lookup_elem(&newborn, &pid);
	__u32 next = AWAITS_WAKE | AWAITS_FUNCTION;

	if (state)
		*state = next;
	else
		bpf_map_update_elem(&newborn, &pid, &next, BPF_ANY);
	if (!wants_task(t))
		return 0;
	r = new_bare(THREAD_CREATED);
	if (r) {
		fill_target(r, t);
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
 * kernel_thread(fn, arg, …) called by kthreadd, pid 2 by construction:
 * create_kthread, its only way here, is always inlined. arg is the
 * kthread_create_info in every kernel from 5.10 to 7.3, fn and the flags move.
 */
static __always_inline int on_picked_up(__u64 create)
{
	struct record *r;

	if (!is_kthreadd())
		return 0;
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

/* create may be freed by now: only its address is used. 6.5 added an argument. */
HOOK(thread_forked);
SEC("fexit/kernel_thread")
int thread_forked(__u64 *ctx)
{
	struct record *r;

	FIRED(thread_forked);
	if (!is_kthreadd())
		return 0;
	r = new_bare(THREAD_FORKED);
	if (!r)
		return 0;
	r->ptr = ctx[1];
	r->ret = (__s32)RETURNED(ctx, 3);
	submit(r, THREAD_FORKED);
	return 0;
}

/* kthread(create), the first code of the new thread; create lives until then. */
static __always_inline int on_first_run(__u64 create)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u32 next = AWAITS_FUNCTION;
	struct record *r;

	bpf_map_update_elem(&newborn, &pid, &next, BPF_ANY);
	r = new_bare(THREAD_FIRST_RUN);
	if (!r)
		return 0;
	fill_create(r, (struct kthread_create_info *)create);
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
 * Fires for every wake-up in the system, so the filter comes first. It runs in
 * the waker, before the wake-up takes effect.
 */
HOOK(thread_woken);
SEC("tp_btf/sched_waking")
int thread_woken(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	__u32 pid = t->pid;
	__u32 *state = bpf_map_lookup_elem(&newborn, &pid);
	struct record *r;

	FIRED(thread_woken);
	if (!state || !(*state & AWAITS_WAKE))
		return 0;
	*state &= ~AWAITS_WAKE;
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
 * kthread() calls __kthread_parkme(self) and then the thread's function, which
 * no hook sees by itself. Real parking comes here too: only the first return of
 * a new thread counts.
 */
HOOK(thread_function);
SEC("fexit/__kthread_parkme")
int thread_function(__u64 *ctx)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u32 *state = bpf_map_lookup_elem(&newborn, &pid);
	struct kthread *self = (struct kthread *)ctx[0];
	struct record *r;

	FIRED(thread_function);
	if (!state || !(*state & AWAITS_FUNCTION))
		return 0;
	bpf_map_delete_elem(&newborn, &pid);
	if (!wants_task(current_task()))
		return 0;
	r = new_bare(THREAD_FUNCTION);
	if (!r)
		return 0;
	r->func = (__u64)BPF_CORE_READ(self, threadfn);
	submit(r, THREAD_FUNCTION);
	return 0;
}

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

/* Also reached by kthread_create_on_cpu. Cannot see set_cpus_allowed_ptr. */
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

#define MASK_WORDS 8 /* of 64 CPUs: more than that are not looked at */

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
	return on_bound((struct task_struct *)BPF_CORE_READ(ctx, di), first_cpu(BPF_CORE_READ(ctx, si)));
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

/* Who parks whom; smpboot does it to its per-CPU threads when a CPU goes. */
HOOK(thread_park_asked);
SEC("fentry/kthread_park")
int thread_park_asked(__u64 *ctx)
{
	FIRED(thread_park_asked);
	return with_target_and_stack(ctx, THREAD_PARK_ASKED, (struct task_struct *)ctx[0]);
}

SEC("kprobe/kthread_park")
int thread_park_asked__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_park_asked);
	return with_target_and_stack(ctx, THREAD_PARK_ASKED,
				     (struct task_struct *)BPF_CORE_READ(ctx, di));
}

/*
 * The thread comes to __kthread_parkme once before its function and then
 * whenever it looks; it waits there only while it should park.
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

HOOK(thread_park_returned);
SEC("fexit/kthread_park")
int thread_park_returned(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	struct record *r;

	FIRED(thread_park_returned);
	if (!wants_task(t) && !wants_caller(ctx))
		return 0;
	r = new_bare(THREAD_PARK_RETURNED);
	if (!r)
		return 0;
	fill_target(r, t);
	r->ret = (__s32)ctx[1];
	submit(r, THREAD_PARK_RETURNED);
	return 0;
}

/* Also called for threads that are not parked, by kthread_stop for one. */
HOOK(thread_unparked);
SEC("fentry/kthread_unpark")
int thread_unparked(__u64 *ctx)
{
	FIRED(thread_unparked);
	return with_target_and_stack(ctx, THREAD_UNPARKED, (struct task_struct *)ctx[0]);
}

SEC("kprobe/kthread_unpark")
int thread_unparked__kprobe(struct pt_regs *ctx)
{
	FIRED(thread_unparked);
	return with_target_and_stack(ctx, THREAD_UNPARKED,
				     (struct task_struct *)BPF_CORE_READ(ctx, di));
}

/* Tracepoint rather than kthread_stop: 6.12's kthread_stop_put ends here too. */
HOOK(stop_asked);
SEC("tp_btf/sched_kthread_stop")
int stop_asked(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	__u32 pid = t->pid, one = 1;

	FIRED(stop_asked);
	bpf_map_update_elem(&stopping, &pid, &one, BPF_ANY);
	return with_target_and_stack(ctx, THREAD_STOP_ASKED, t);
}

/* Cannot see a thread that reads the flag by other means or never asks. */
static __always_inline int on_should_stop(void *ctx, __u64 ret)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	struct record_stack *r;

	if (!(ret & 0xff) || !bpf_map_lookup_elem(&stopping, &pid))
		return 0;
	bpf_map_delete_elem(&stopping, &pid);
	if (!wants_task(current_task()))
		return 0;
	r = new_stack(THREAD_STOP_SEEN, ctx);
	if (r)
		submit(r, THREAD_STOP_SEEN);
	return 0;
}

HOOK(stop_seen);
SEC("fexit/kthread_should_stop")
int stop_seen(__u64 *ctx)
{
	FIRED(stop_seen);
	return on_should_stop(ctx, ctx[0]);
}

SEC("kretprobe/kthread_should_stop")
int stop_seen__kretprobe(struct pt_regs *ctx)
{
	FIRED(stop_seen);
	return on_should_stop(ctx, BPF_CORE_READ(ctx, ax));
}

/* Says no more than the result: passes every filter, the stops are few. */
HOOK(stop_returned);
SEC("tp_btf/sched_kthread_stop_ret")
int stop_returned(__u64 *ctx)
{
	struct record *r;

	FIRED(stop_returned);
	r = new_bare(THREAD_STOP_RETURNED);
	if (!r)
		return 0;
	r->ret = (__s32)ctx[0];
	submit(r, THREAD_STOP_RETURNED);
	return 0;
}

/* Usermode helpers, by thread group: their exec and exit matter, others' do not. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
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

/*
 * Runs in the dying task, after exit_mm. A kernel thread's result is in struct
 * kthread since 5.17, in exit_code before.
 */
HOOK(task_exited);
SEC("tp_btf/sched_process_exit")
int task_exited(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	bool kthread = t->flags & PF_KTHREAD;
	__u32 tgid = t->tgid;
	struct record *r;

	FIRED(task_exited);
	if (kthread ? !wants_task(t) : !bpf_map_lookup_elem(&helpers, &tgid))
		return 0;
	r = new_bare(TASK_EXITED);
	if (!r)
		return 0;
	r->ret = exit_result(t, kthread);
	r->data = BPF_CORE_READ(t, signal, live.counter) == 0;
	submit(r, TASK_EXITED);
	return 0;
}

/* Its struct kthread is gone before it: a filter by module cannot ask, and lets it pass. */
HOOK(task_freed);
SEC("tp_btf/sched_process_free")
int task_freed(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	struct record *r;

	FIRED(task_freed);
	if (!(t->flags & PF_KTHREAD) || (by_thread && !comm_is(t, want_thread)))
		return 0;
	r = new_bare(TASK_FREED);
	if (!r)
		return 0;
	fill_target(r, t);
	submit(r, TASK_FREED);
	return 0;
}
