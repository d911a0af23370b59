/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Signals: the send, the kernel's decision, and how the signal is consumed. A
 * kernel thread dequeues or flushes it, to a process it is delivered. Also the
 * signals that a kernel thread allows.
 */
#ifndef KMODLAB_SIGNALS_BPF_H
#define KMODLAB_SIGNALS_BPF_H

#include "filter.h"

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

/*
 * si_pid and si_uid, as they are stored in a siginfo. The union holds them for
 * whatever a user may send (si_code <= 0), except timers. The layout is ABI.
 */
#define SI_TIMER (-2)
#define SIGINFO_PID_UID 16

static __always_inline __u64 sender_of(struct kernel_siginfo *info, int code)
{
	__u64 pid_uid = 0;

	if ((__u64)info <= 1 || code > 0 || code == SI_TIMER)
		return 0;
	bpf_probe_read_kernel(&pid_uid, sizeof(pid_uid), (void *)info + SIGINFO_PID_UID);
	return pid_uid;
}

/* The pointer is not typed, because the verifier allows no arithmetic on typed ones. */
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

static __always_inline __u64 state_of(struct task_struct *t)
{
	struct task_struct___state *new = (void *)t;
	struct task_struct___old *old = (void *)t;

	if (bpf_core_field_exists(new->__state))
		return BPF_CORE_READ(new, __state);
	return BPF_CORE_READ(old, state);
}

static __always_inline __u64 sent_bits(struct task_struct *t, __u32 sig, bool group, bool force,
				       bool typed)
{
	__u64 mask = 1ULL << ((sig - 1) & 63), pending, bits = 0;
	struct signal_struct *signal = GET(typed, t, signal);
	__u32 flags = GET(typed, signal, flags);

	if (group)
		pending = GET(typed, signal, shared_pending.signal.sig[0]);
	else
		pending = GET(typed, t, pending.signal.sig[0]);
	if (GET(typed, t, blocked.sig[0]) & mask)
		bits |= SENT_BLOCKED;
	if (pending & mask)
		bits |= SENT_PENDING;
	if (GET(typed, t, flags) & PF_EXITING)
		bits |= SENT_EXITING;
	if (group)
		bits |= SENT_GROUP;
	if (force)
		bits |= SENT_FORCE;
	if (flags & SIGNAL_GROUP_EXIT)
		bits |= SENT_DYING;
	if (flags & SIGNAL_UNKILLABLE)
		bits |= SENT_UNKILLABLE;
	return bits;
}

#define SIGRTMIN 32

struct sent_args {
	__u32 sig;
	struct kernel_siginfo *info;
	struct task_struct *t;
	bool group, force;
};

/*
 * A send is kept here, per CPU, until the kernel decides. siglock is held with
 * interrupts off until signal_generate, so no other send can come between. One
 * record for both events halves the cost of a flood of signals.
 */
struct sending {
	struct record_stack rec;
	__u64 open;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sending);
} sending SEC(".maps");

static __always_inline void fill_sent(struct record *r, struct sent_args *a, __u64 bits, bool typed)
{
	fill_target_as(r, a->t, typed);
	r->arg = a->sig;
	r->ret = si_code(a->info);
	r->func = handler_of(a->t, a->sig);
	r->data = bits;
	r->aux = state_of(a->t);
	r->ptr = sender_of(a->info, r->ret);
}

/* result is that of signal_generate plus one, or 0 if it is not known. */
static __always_inline void submit_sent(struct record_stack *sent, __u8 result)
{
	struct record_stack *rs;
	struct record *r;

	if (sent->r.parts & PART_STACK) {
		rs = reserve(SIGNAL_SENT, sizeof(*rs));
		if (rs) {
			__builtin_memcpy(rs, sent, sizeof(*rs));
			rs->r.result = result;
			submit(rs, SIGNAL_SENT);
			return;
		}
	} else {
		r = reserve(SIGNAL_SENT, sizeof(*r));
		if (r) {
			__builtin_memcpy(r, sent, sizeof(*r));
			r->result = result;
			submit(r, SIGNAL_SENT);
			return;
		}
	}
	if (result)
		count_lost(SIGNAL_GENERATED);
}

/*
 * A process that sends a signal that is already pending changes nothing, and it may
 * do so a hundred thousand times. Such a record has no stack, which is the larger
 * half of its cost in time and in room. The stack of a kernel thread is always
 * recorded, because it tells which function of which module sent the signal.
 */
static __always_inline int on_sent(void *ctx, struct sent_args *a, bool typed)
{
	__u32 zero = 0;
	struct sending *s = bpf_map_lookup_elem(&sending, &zero);
	__u64 bits;

	if (!s)
		return 0;
	s->open = 0;
	if (skipped(a->sig) || !wants_send(ctx, a->t))
		return 0;
	note_send(a->t);
	bits = sent_bits(a->t, a->sig, a->group, a->force, typed);
	if (bits & SENT_PENDING && a->sig < SIGRTMIN && !current_is_kthread()) {
		fill(&s->rec.r, SIGNAL_SENT, 0);
	} else {
		fill(&s->rec.r, SIGNAL_SENT, PART_STACK);
		fill_stack(ctx, s->rec.stack);
	}
	fill_sent(&s->rec.r, a, bits, typed);
	if (is_set(SENDS_ALONE))
		submit_sent(&s->rec, 0);
	else
		s->open = 1;
	return 0;
}

/*
 * This runs before prepare_signal decides, and siglock is held, so the handler and
 * the mask of the target are those that the kernel will find. The target is woken
 * before signal_generate, so the time of the send is taken here. The stack names
 * the sending code: for a kernel thread no siginfo is queued, so only the sending
 * side knows the sender. In 5.10 the function is __send_signal, with the same
 * arguments. POSIX timers are not seen: they send with send_sigqueue.
 */
HOOK(signal_sent);
static __always_inline int on_sent_typed(__u64 *ctx)
{
	struct sent_args a = {
		.sig = (__u32)ctx[0],
		.info = (struct kernel_siginfo *)ctx[1],
		.t = (struct task_struct *)ctx[2],
		.group = (__u32)ctx[3] != 0,
		.force = ctx[4] & 0xff,
	};

	FIRED(signal_sent);
	return on_sent(ctx, &a, true);
}

SEC("fentry/__send_signal_locked")
int signal_sent(__u64 *ctx)
{
	return on_sent_typed(ctx);
}

SEC("fentry/__send_signal")
int signal_sent__old(__u64 *ctx)
{
	return on_sent_typed(ctx);
}

SEC("kprobe/__send_signal_locked")
int signal_sent__kprobe(struct pt_regs *ctx)
{
	struct sent_args a = {
		.sig = (__u32)BPF_CORE_READ(ctx, di),
		.info = (struct kernel_siginfo *)BPF_CORE_READ(ctx, si),
		.t = (struct task_struct *)BPF_CORE_READ(ctx, dx),
		.group = (__u32)BPF_CORE_READ(ctx, cx) != 0,
		.force = BPF_CORE_READ(ctx, r8) & 0xff,
	};

	FIRED(signal_sent);
	return on_sent(ctx, &a, false);
}

/*
 * result 0 does not mean "not blocked"; see SENT_BLOCKED. The signal of a timer has
 * no open send, so it gets a record of its own. It passes no filter, because the
 * sender is not known.
 */
HOOK(signal_generated);
SEC("tp_btf/signal_generate")
int signal_generated(__u64 *ctx)
{
	__u32 sig = (__u32)ctx[0], zero = 0;
	struct sending *s = bpf_map_lookup_elem(&sending, &zero);
	struct record *r;

	FIRED(signal_generated);
	if (!s || skipped(sig))
		return 0;
	if (s->open && s->rec.r.target_task == ctx[2] && s->rec.r.arg == sig) {
		s->open = 0;
		submit_sent(&s->rec, (__u8)ctx[4] + 1);
		return 0;
	}
	s->open = 0;
	if (any_send_filter())
		return 0;
	r = new_bare(SIGNAL_GENERATED);
	if (!r)
		return 0;
	fill_target_as(r, (struct task_struct *)ctx[2], true);
	r->arg = sig;
	r->ret = (__s32)ctx[4];
	submit(r, SIGNAL_GENERATED);
	return 0;
}

/* Only the return value is used: the arguments differ in 5.10, 6.1 and 6.12. */
static __always_inline int on_dequeued(void *ctx, __s32 sig)
{
	struct record_stack *r;

	if (sig <= 0 || skipped(sig) || !wants_taken())
		return 0;
	r = new_stack(SIGNAL_DEQUEUED, ctx);
	if (!r)
		return 0;
	r->r.arg = sig;
	submit(r, SIGNAL_DEQUEUED);
	return 0;
}

HOOK(signal_dequeued);
SEC("fexit/dequeue_signal")
int signal_dequeued(__u64 *ctx)
{
	FIRED(signal_dequeued);
	return on_dequeued(ctx, (__s32)RETURNED(ctx, 3));
}

SEC("kretprobe/dequeue_signal")
int signal_dequeued__kretprobe(struct pt_regs *ctx)
{
	FIRED(signal_dequeued);
	return on_dequeued(ctx, (__s32)BPF_CORE_READ(ctx, ax));
}

/*
 * Recorded even if nothing is pending: then the thread saw signal_pending()
 * because kthread_stop woke it (TIF_NOTIFY_SIGNAL, 6.1), and it got no signal.
 */
static __always_inline int on_flushed(void *ctx, struct task_struct *t)
{
	__u64 pending = BPF_CORE_READ(t, pending.signal.sig[0]) |
			BPF_CORE_READ(t, signal, shared_pending.signal.sig[0]);
	struct record_stack *r;

	if ((pending && !(pending & ~skip_signals)) || !wants_taken())
		return 0;
	r = new_stack(SIGNAL_FLUSHED, ctx);
	if (!r)
		return 0;
	fill_target(&r->r, t);
	r->r.data = pending;
	submit(r, SIGNAL_FLUSHED);
	return 0;
}

HOOK(signal_flushed);
SEC("fentry/flush_signals")
int signal_flushed(__u64 *ctx)
{
	FIRED(signal_flushed);
	return on_flushed(ctx, (struct task_struct *)ctx[0]);
}

SEC("kprobe/flush_signals")
int signal_flushed__kprobe(struct pt_regs *ctx)
{
	FIRED(signal_flushed);
	return on_flushed(ctx, (struct task_struct *)BPF_CORE_READ(ctx, di));
}

/* Only for processes: a kernel thread never returns to user mode. */
HOOK(signal_delivered);
SEC("tp_btf/signal_deliver")
int signal_delivered(__u64 *ctx)
{
	struct k_sigaction *ka = (struct k_sigaction *)ctx[2];
	__u32 sig = (__u32)ctx[0];
	struct record *r;

	FIRED(signal_delivered);
	if (skipped(sig) || !wants_taken())
		return 0;
	r = new_bare(SIGNAL_DELIVERED);
	if (!r)
		return 0;
	r->arg = sig;
	r->func = (__u64)BPF_CORE_READ(ka, sa.sa_handler);
	submit(r, SIGNAL_DELIVERED);
	return 0;
}

/*
 * allow_signal, allow_kernel_signal and disallow_signal are inline functions that
 * call this one. The record passes every filter except that of signals, because a
 * thread may allow a signal before it has its name.
 */
static __always_inline int on_allowed(__u32 sig, __u64 handler)
{
	struct record *r;

	if (skipped(sig))
		return 0;
	r = new_bare(SIGNAL_ALLOWED);
	if (!r)
		return 0;
	r->arg = sig;
	r->func = handler;
	submit(r, SIGNAL_ALLOWED);
	return 0;
}

HOOK(signal_allowed);
SEC("fentry/kernel_sigaction")
int signal_allowed(__u64 *ctx)
{
	FIRED(signal_allowed);
	return on_allowed(ctx[0], raw_arg(ctx, 1));
}

SEC("kprobe/kernel_sigaction")
int signal_allowed__kprobe(struct pt_regs *ctx)
{
	FIRED(signal_allowed);
	return on_allowed(BPF_CORE_READ(ctx, di), BPF_CORE_READ(ctx, si));
}

#endif /* KMODLAB_SIGNALS_BPF_H */
