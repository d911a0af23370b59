/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Signals: sent, the kernel's decision, taken by a kernel thread (dequeue or
 * flush) or delivered to a process, and which signals a thread allows.
 */
#include "emit.h"

/* Bit n-1 drops signal n before a record is made (the Go runtime's SIGURG, SIGCHLD). */
const volatile __u64 skip_signals = 0;

static __always_inline bool skipped(__u32 sig)
{
	return sig - 1 < 64 && (skip_signals >> (sig - 1)) & 1;
}

/*
 * The siginfo pointer may be one of two small numbers instead: SEND_SIG_NOINFO
 * (0, from a user) and SEND_SIG_PRIV (1, from the kernel).
 */
static __always_inline int si_code(struct kernel_siginfo *info)
{
	if ((__u64)info == 0)
		return 0; /* SI_USER */
	if ((__u64)info == 1)
		return 0x80; /* SI_KERNEL */
	return BPF_CORE_READ(info, si_code);
}

static __always_inline __u64 handler_of(struct task_struct *t, __u32 sig)
{
	struct sighand_struct *hand = BPF_CORE_READ(t, sighand);
	void *addr = (void *)&hand->action[0].sa.sa_handler;
	void *handler = NULL;

	if (!hand || sig - 1 >= 64)
		return 0;
	addr += (sig - 1) * bpf_core_type_size(struct k_sigaction);
	bpf_probe_read_kernel(&handler, sizeof(handler), addr);
	return (__u64)handler;
}

static __always_inline __u64 sent_bits(struct task_struct *t, __u32 sig, bool group, bool force)
{
	__u64 mask = 1ULL << ((sig - 1) & 63), pending, bits = 0;

	if (group)
		pending = BPF_CORE_READ(t, signal, shared_pending.signal.sig[0]);
	else
		pending = BPF_CORE_READ(t, pending.signal.sig[0]);
	if (BPF_CORE_READ(t, blocked.sig[0]) & mask)
		bits |= SENT_BLOCKED;
	if (pending & mask)
		bits |= SENT_PENDING;
	if (BPF_CORE_READ(t, flags) & PF_EXITING)
		bits |= SENT_EXITING;
	if (group)
		bits |= SENT_GROUP;
	if (force)
		bits |= SENT_FORCE;
	if (BPF_CORE_READ(t, signal, flags) & SIGNAL_GROUP_EXIT)
		bits |= SENT_DYING;
	if (BPF_CORE_READ(t, signal, flags) & SIGNAL_UNKILLABLE)
		bits |= SENT_UNKILLABLE;
	return bits;
}

/*
 * Before prepare_signal decides: the target's handler and mask as the kernel
 * will find them (siglock is held). The wake-up comes before signal_generate,
 * so the clock starts here. The stack names the sending code: kernel threads
 * get no queued siginfo, only the send side knows the sender.
 */
HOOK(signal_sent);
SEC("fentry/__send_signal_locked")
int signal_sent(void *ctx)
{
	__u32 sig = (__u32)func_arg(ctx, 0);
	struct task_struct *t = (struct task_struct *)func_arg(ctx, 2);
	struct record_stack *r;

	FIRED(signal_sent);
	if (skipped(sig))
		return 0;
	r = new_stack(SIGNAL_SENT, ctx);
	if (!r)
		return 0;
	fill_target(&r->r, t);
	r->r.arg = sig;
	r->r.ret = si_code((struct kernel_siginfo *)func_arg(ctx, 1));
	r->r.func = handler_of(t, sig);
	r->r.data = sent_bits(t, sig, (__u32)func_arg(ctx, 3) != 0, func_arg(ctx, 4) & 0xff);
	SUBMIT(r);
	return 0;
}

/* result 0 does not mean "not blocked"; see SENT_BLOCKED. */
HOOK(signal_generated);
SEC("tp_btf/signal_generate")
int signal_generated(__u64 *ctx)
{
	__u32 sig = (__u32)ctx[0];
	struct record *r;

	FIRED(signal_generated);
	if (skipped(sig))
		return 0;
	r = new_bare(SIGNAL_GENERATED);
	if (!r)
		return 0;
	fill_target(r, (struct task_struct *)ctx[2]);
	r->arg = sig;
	r->ret = (__s32)ctx[4];
	SUBMIT(r);
	return 0;
}

/* Only the return value: the arguments move between 5.10, 6.1 and 6.12. */
HOOK(signal_dequeued);
SEC("fexit/dequeue_signal")
int signal_dequeued(void *ctx)
{
	__s32 sig = (__s32)func_ret(ctx);
	struct record_stack *r;

	FIRED(signal_dequeued);
	if (sig <= 0 || skipped(sig))
		return 0;
	r = new_stack(SIGNAL_DEQUEUED, ctx);
	if (!r)
		return 0;
	r->r.arg = sig;
	SUBMIT(r);
	return 0;
}

/*
 * Also with nothing pending: a thread that saw signal_pending() and flushes
 * then was woken by kthread_stop (TIF_NOTIFY_SIGNAL, 6.1) and got no signal.
 */
HOOK(signal_flushed);
SEC("fentry/flush_signals")
int signal_flushed(void *ctx)
{
	struct task_struct *t = (struct task_struct *)func_arg(ctx, 0);
	__u64 pending = BPF_CORE_READ(t, pending.signal.sig[0]) |
			BPF_CORE_READ(t, signal, shared_pending.signal.sig[0]);
	struct record_stack *r;

	FIRED(signal_flushed);
	if (pending && !(pending & ~skip_signals))
		return 0;
	r = new_stack(SIGNAL_FLUSHED, ctx);
	if (!r)
		return 0;
	fill_target(&r->r, t);
	r->r.data = pending;
	SUBMIT(r);
	return 0;
}

/* Processes only: kernel threads never return to user mode. */
HOOK(signal_delivered);
SEC("tp_btf/signal_deliver")
int signal_delivered(__u64 *ctx)
{
	struct k_sigaction *ka = (struct k_sigaction *)ctx[2];
	__u32 sig = (__u32)ctx[0];
	struct record *r;

	FIRED(signal_delivered);
	if (skipped(sig))
		return 0;
	r = new_bare(SIGNAL_DELIVERED);
	if (!r)
		return 0;
	r->arg = sig;
	r->func = (__u64)BPF_CORE_READ(ka, sa.sa_handler);
	SUBMIT(r);
	return 0;
}

/* allow_signal, allow_kernel_signal and disallow_signal are inline calls of this. */
HOOK(signal_allowed);
SEC("fentry/kernel_sigaction")
int signal_allowed(void *ctx)
{
	struct record *r;

	FIRED(signal_allowed);
	r = new_bare(SIGNAL_ALLOWED);
	if (!r)
		return 0;
	r->arg = (__u32)func_arg(ctx, 0);
	r->func = func_arg(ctx, 1);
	SUBMIT(r);
	return 0;
}
