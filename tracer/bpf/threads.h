/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The life of a kernel thread: asked for, picked up by kthreadd, forked, first
 * run, woken, its function called, stopped, ended, freed.
 */
#include "emit.h"

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
 * with kernel_thread directly (kthreadd itself, usermode helpers).
 */
HOOK(thread_requested);
SEC("fentry/__kthread_create_on_node")
int thread_requested(void *ctx)
{
	struct record_text_stack *r;

	FIRED(thread_requested);
	r = new_text_stack(THREAD_REQUESTED, ctx, (void *)func_arg(ctx, 3));
	if (!r)
		return 0;
	r->r.ptr = (__u64)BPF_CORE_READ(current_task(), stack);
	r->r.func = func_arg(ctx, 0);
	r->r.data = func_arg(ctx, 1);
	r->r.arg = (__u32)func_arg(ctx, 2);
	SUBMIT(r);
	return 0;
}

/* The requester gets its thread, under the final name. */
HOOK(thread_created);
SEC("fexit/__kthread_create_on_node")
int thread_created(void *ctx)
{
	__s64 ret = func_ret(ctx);
	struct record *r;

	FIRED(thread_created);
	if (ret >= -4095 && ret < 0) { /* IS_ERR */
		r = new_bare(THREAD_CREATED);
		if (r) {
			r->ret = ret;
			SUBMIT(r);
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
	r = new_bare(THREAD_CREATED);
	if (r) {
		fill_target(r, t);
		SUBMIT(r);
	}
	return 0;
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
HOOK(thread_picked_up);
SEC("fentry/kernel_thread")
int thread_picked_up(void *ctx)
{
	struct record *r;

	FIRED(thread_picked_up);
	if (!is_kthreadd())
		return 0;
	r = new_bare(THREAD_PICKED_UP);
	if (!r)
		return 0;
	fill_create(r, (struct kthread_create_info *)func_arg(ctx, 1));
	SUBMIT(r);
	return 0;
}

/* create may be freed by now: only its address is used. */
HOOK(thread_forked);
SEC("fexit/kernel_thread")
int thread_forked(void *ctx)
{
	struct record *r;

	FIRED(thread_forked);
	if (!is_kthreadd())
		return 0;
	r = new_bare(THREAD_FORKED);
	if (!r)
		return 0;
	r->ptr = func_arg(ctx, 1);
	r->ret = (__s32)func_ret(ctx);
	SUBMIT(r);
	return 0;
}

/* kthread(create), the first code of the new thread; create lives until then. */
HOOK(thread_first_run);
SEC("fentry/kthread")
int thread_first_run(void *ctx)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u32 next = AWAITS_FUNCTION;
	struct record *r;

	FIRED(thread_first_run);
	bpf_map_update_elem(&newborn, &pid, &next, BPF_ANY);
	r = new_bare(THREAD_FIRST_RUN);
	if (!r)
		return 0;
	fill_create(r, (struct kthread_create_info *)func_arg(ctx, 0));
	SUBMIT(r);
	return 0;
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
	__u32 pid = BPF_CORE_READ(t, pid);
	__u32 *state = bpf_map_lookup_elem(&newborn, &pid);
	struct record *r;

	FIRED(thread_woken);
	if (!state || !(*state & AWAITS_WAKE))
		return 0;
	*state &= ~AWAITS_WAKE;
	r = new_bare(THREAD_WOKEN);
	if (!r)
		return 0;
	fill_target(r, t);
	SUBMIT(r);
	return 0;
}

/*
 * kthread() calls __kthread_parkme(self) and then the thread's function, which
 * no hook sees by itself. Real parking comes here too: only the first return of
 * a new thread counts.
 */
HOOK(thread_function);
SEC("fexit/__kthread_parkme")
int thread_function(void *ctx)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u32 *state = bpf_map_lookup_elem(&newborn, &pid);
	struct record *r;

	FIRED(thread_function);
	if (!state || !(*state & AWAITS_FUNCTION))
		return 0;
	bpf_map_delete_elem(&newborn, &pid);
	r = new_bare(THREAD_FUNCTION);
	if (!r)
		return 0;

	struct kthread *self = (struct kthread *)func_arg(ctx, 0);

	r->func = (__u64)BPF_CORE_READ(self, threadfn);
	SUBMIT(r);
	return 0;
}

/* Tracepoint rather than kthread_stop: 6.12's kthread_stop_put ends here too. */
HOOK(stop_asked);
SEC("tp_btf/sched_kthread_stop")
int stop_asked(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	__u32 pid = BPF_CORE_READ(t, pid), one = 1;
	struct record_stack *r;

	FIRED(stop_asked);
	bpf_map_update_elem(&stopping, &pid, &one, BPF_ANY);
	r = new_stack(THREAD_STOP_ASKED, ctx);
	if (!r)
		return 0;
	fill_target(&r->r, t);
	SUBMIT(r);
	return 0;
}

/* Cannot see a thread that reads the flag by other means or never asks. */
HOOK(stop_seen);
SEC("fexit/kthread_should_stop")
int stop_seen(void *ctx)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	struct record_stack *r;

	FIRED(stop_seen);
	if (!(func_ret(ctx) & 0xff) || !bpf_map_lookup_elem(&stopping, &pid))
		return 0;
	bpf_map_delete_elem(&stopping, &pid);
	r = new_stack(THREAD_STOP_SEEN, ctx);
	if (r)
		SUBMIT(r);
	return 0;
}

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
	SUBMIT(r);
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

	if (kthread && bpf_core_field_exists(t->worker_private)) {
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
	bool kthread = BPF_CORE_READ(t, flags) & PF_KTHREAD;
	__u32 tgid = BPF_CORE_READ(t, tgid);
	struct record *r;

	FIRED(task_exited);
	if (!kthread && !bpf_map_lookup_elem(&helpers, &tgid))
		return 0;
	r = new_bare(TASK_EXITED);
	if (!r)
		return 0;
	r->ret = exit_result(t, kthread);
	r->data = BPF_CORE_READ(t, signal, live.counter) == 0;
	SUBMIT(r);
	return 0;
}

HOOK(task_freed);
SEC("tp_btf/sched_process_free")
int task_freed(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	struct record *r;

	FIRED(task_freed);
	if (!(BPF_CORE_READ(t, flags) & PF_KTHREAD))
		return 0;
	r = new_bare(TASK_FREED);
	if (!r)
		return 0;
	fill_target(r, t);
	SUBMIT(r);
	return 0;
}
