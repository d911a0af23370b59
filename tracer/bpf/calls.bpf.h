/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The processes that are followed, and their system calls on files that belong to
 * modules. The hooks of system calls fire for every task of the machine, so they
 * are attached only if the loader is asked to follow somebody, and first of all
 * they look whether the task is followed.
 *
 * Not seen: calls through io_uring, files that are read and written through a
 * mapping, and splice, sendfile and copy_file_range.
 */
#ifndef KMODLAB_CALLS_BPF_H
#define KMODLAB_CALLS_BPF_H

#include "calls.h"

static __always_inline int on_newtask(__u32 pid, struct task_struct *t, __u64 flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 by = (__u32)id, tgid = flags & CLONE_THREAD ? id >> 32 : pid;
	struct record *r;

	if (!is_followed() && !bpf_map_lookup_elem(&parents, &by))
		return 0;
	follow(pid, tgid, t);
	if (flags & CLONE_THREAD)
		return 0;
	r = new_bare(PROCESS_FORKED);
	if (!r)
		return 0;
	r->target_pid = pid;
	r->target_tgid = tgid;
	r->target_task = (__u64)t;
	__builtin_memcpy(r->target_comm, r->comm, sizeof(r->comm));
	submit(r, PROCESS_FORKED);
	return 0;
}

/* The new task does not run yet. */
HOOK(process_forked);
SEC("tp_btf/task_newtask")
int process_forked(__u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];

	FIRED(process_forked);
	return on_newtask(t->pid, t, ctx[1]);
}

SEC("tracepoint/task/task_newtask")
int process_forked__tracepoint(struct trace_event_raw_task_newtask *ctx)
{
	FIRED(process_forked);
	return on_newtask(BPF_CORE_READ(ctx, pid), NULL, BPF_CORE_READ(ctx, clone_flags));
}

struct pollfd {
	int fd;
	short events;
	short revents;
};

static __always_inline struct file *file_if_met(__u32 fd)
{
	struct file *file = file_of(fd);

	return file && is_met(file) ? file : NULL;
}

static __noinline int polled_at(const struct pollfd *user, __u32 n, __u32 i)
{
	struct pollfd polled = { .fd = -1 };

	if (i >= n || bpf_probe_read_user(&polled, sizeof(polled), user + i))
		return -1;
	return polled.fd >= 0 && file_if_met(polled.fd) ? polled.fd : -1;
}

/*
 * Several descriptors may be polled at once. The call is recorded as one on the
 * first of them, among the first four, whose file belongs to a module and was used
 * before. There is no loop, because old kernels take a loop whose head follows a
 * call for an endless one.
 */
static __always_inline int find_polled(const struct pollfd *user, __u32 n)
{
	int fd = polled_at(user, n, 0);

	if (fd < 0)
		fd = polled_at(user, n, 1);
	if (fd < 0)
		fd = polled_at(user, n, 2);
	return fd < 0 ? polled_at(user, n, 3) : fd;
}

/* The number of the lowest bit that is set. */
static __always_inline __u32 lowest_bit(__u64 bits)
{
	__u32 n = 0, half;

#pragma unroll
	for (half = 32; half; half /= 2) {
		if (bits & ((1ULL << half) - 1))
			continue;
		bits >>= half;
		n += half;
	}
	return n;
}

/* The lowest descriptor of a set, if its file is met. */
static __noinline int selected_in(__u64 bits)
{
	__u32 fd = lowest_bit(bits);

	return bits && file_if_met(fd) ? fd : -1;
}

/* The same for sets of descriptors, of which those below 64 are looked at. */
static __always_inline int find_selected(__u32 n, const __u64 *in, const __u64 *out,
					 const __u64 *ex)
{
	__u64 bits = 0, more = 0;
	int fd;

	bpf_probe_read_user(&bits, sizeof(bits), in);
	bpf_probe_read_user(&more, sizeof(more), out);
	bits |= more;
	more = 0;
	bpf_probe_read_user(&more, sizeof(more), ex);
	bits |= more;
	if (n < 64)
		bits &= (1ULL << n) - 1;
	fd = selected_in(bits);
	if (fd < 0)
		fd = selected_in(bits &= bits - 1);
	if (fd < 0)
		fd = selected_in(bits &= bits - 1);
	return fd < 0 ? selected_in(bits & (bits - 1)) : fd;
}

static __always_inline int descriptor(const struct followed *f, __u32 where)
{
	switch (where) {
	case 0:
		return f->args[0];
	case 2:
		return f->args[2];
	case 4:
		return f->args[4];
	case FILE_POLLED:
		return find_polled((void *)f->args[0], f->args[1]);
	case FILE_SELECTED:
		return find_selected(f->args[0], (void *)f->args[1], (void *)f->args[2],
				     (void *)f->args[3]);
	}
	return -1;
}

static __always_inline bool is_compat(void)
{
	struct task_struct___files *t = (void *)current_task();

	return BPF_CORE_READ(t, thread_info.status) & TS_COMPAT;
}

/* The current task enters a system call; its arguments are in f. */
static __always_inline int on_entered(struct followed *f, __u32 nr, bool compat)
{
	__u32 at = nr % COMPAT_SHAPES + (compat ? COMPAT_SHAPES : 0);
	struct shape *shape = bpf_map_lookup_elem(&shapes, &at);
	struct subject s;
	struct file *file;

	f->op = OP_NONE;
	f->closing = 0;
	if (!shape || !shape->op || nr >= COMPAT_SHAPES)
		return 0;
	f->began = bpf_ktime_get_ns();
	f->nr = nr | (compat ? CALL_COMPAT : 0);
	f->told = 0;
	f->number = 0;
	f->inode = 0;
	f->file = 0;
	f->nested = 0;
	f->fd = -1;
	f->op = shape->op;
	if (shape->file == FILE_RETURNED)
		return 0;
	f->fd = descriptor(f, shape->file);
	/* Reads fd anew, so that the verifier forgets which way it was found. */
	asm volatile("" ::: "memory");
	file = f->fd < 0 ? NULL : file_of(f->fd);
	if (!file) {
		f->op = OP_NONE;
		return 0;
	}
	subject_of(&s, file);
	count_call(f, &s);
	if (f->op == OP_CLOSE)
		f->closing = (__u64)file;
	return 0;
}

/*
 * The tracer stops, and a followed task is still opening a file. Only now is it
 * known whether the file belongs to a module. The tracer cannot find that out by
 * itself, so it names the task and makes any system call.
 */
static __always_inline int sweep(void)
{
	struct followed *f;
	__u32 pid;

	if (bpf_get_current_pid_tgid() >> 32 != tracer_tgid)
		return 0;
	pid = get_control(SWEEP);
	f = pid ? bpf_map_lookup_elem(&following, &pid) : NULL;
	if (f)
		tell_unfinished(f);
	return 0;
}

HOOK(call_entered);
SEC("tp_btf/sys_enter")
int call_entered(__u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	struct followed *f;
	bool compat;

	FIRED(call_entered);
	f = followed_now();
	if (!f)
		return sweep();
	f->within = WITHIN_CALL;
	compat = is_compat();
	if (compat) {
		f->args[0] = BPF_CORE_READ(regs, bx);
		f->args[1] = BPF_CORE_READ(regs, cx);
		f->args[2] = BPF_CORE_READ(regs, dx);
		f->args[3] = BPF_CORE_READ(regs, si);
		f->args[4] = BPF_CORE_READ(regs, di);
		f->args[5] = BPF_CORE_READ(regs, bp);
	} else {
		f->args[0] = BPF_CORE_READ(regs, di);
		f->args[1] = BPF_CORE_READ(regs, si);
		f->args[2] = BPF_CORE_READ(regs, dx);
		f->args[3] = BPF_CORE_READ(regs, r10);
		f->args[4] = BPF_CORE_READ(regs, r8);
		f->args[5] = BPF_CORE_READ(regs, r9);
	}
	return on_entered(f, ctx[1], compat);
}

SEC("tracepoint/raw_syscalls/sys_enter")
int call_entered__tracepoint(struct trace_event_raw_sys_enter *ctx)
{
	struct followed *f;
	__u32 i;

	FIRED(call_entered);
	f = followed_now();
	if (!f)
		return sweep();
	f->within = WITHIN_CALL;
#pragma unroll
	for (i = 0; i < 6; i++)
		f->args[i] = BPF_CORE_READ(ctx, args[i]);
	return on_entered(f, BPF_CORE_READ(ctx, id), is_compat());
}

/* A call that returns a descriptor has its file only now, unless file_opened came before. */
static __always_inline int on_call_returned(__s64 ret)
{
	struct followed *f = followed_now();
	struct subject s;
	struct file *file;

	if (!f)
		return 0;
	f->within = 0;
	if (!f->op)
		return 0;
	if (!f->number && ret >= 0) {
		file = file_of(ret);
		if (!file) {
			f->op = OP_NONE;
			return 0;
		}
		f->fd = ret;
		subject_of(&s, file);
		count_call(f, &s);
	}
	if (f->op && f->number)
		tell_returned(f, ret);
	f->op = OP_NONE;
	return 0;
}

HOOK(call_returned);
SEC("tp_btf/sys_exit")
int call_returned(__u64 *ctx)
{
	FIRED(call_returned);
	return on_call_returned(ctx[1]);
}

SEC("tracepoint/raw_syscalls/sys_exit")
int call_returned__tracepoint(struct trace_event_raw_sys_exit *ctx)
{
	FIRED(call_returned);
	return on_call_returned(BPF_CORE_READ(ctx, ret));
}

/*
 * do_dentry_open(file, …) sets the file's operations and calls the module's open.
 * If that refuses, the file is forgotten, but not what was noted here: the caller
 * still holds the path.
 */
static __always_inline int on_opening(struct file *file)
{
	struct followed *f = followed_now();

	if (!f || f->op != OP_OPEN)
		return 0;
	if (f->file) {
		f->nested++;
		return 0;
	}
	f->file = (__u64)file;
	f->dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	f->mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
	return 0;
}

HOOK(file_opening);
SEC("fentry/do_dentry_open")
int file_opening(__u64 *ctx)
{
	FIRED(file_opening);
	return on_opening((struct file *)ctx[0]);
}

SEC("kprobe/do_dentry_open")
int file_opening__kprobe(struct pt_regs *ctx)
{
	FIRED(file_opening);
	return on_opening((struct file *)BPF_CORE_READ(ctx, di));
}

/* A file system such as overlayfs opens another file meanwhile. */
static __always_inline int on_opened(void)
{
	struct followed *f = followed_now();

	if (!f || f->op != OP_OPEN || !f->file || f->number)
		return 0;
	if (f->nested)
		f->nested--;
	else
		tell_opening(f);
	return 0;
}

HOOK(file_opened);
SEC("fexit/do_dentry_open")
int file_opened(__u64 *ctx)
{
	FIRED(file_opened);
	return on_opened();
}

SEC("kretprobe/do_dentry_open")
int file_opened__kretprobe(struct pt_regs *ctx)
{
	FIRED(file_opened);
	return on_opened();
}

/*
 * The last reference to a file is dropped otherwise than by close(): when the
 * process ends, executes a program or unmaps memory. This is recorded as if it
 * were a call.
 */
static __always_inline int on_release(struct file *file)
{
	struct followed *f = followed_now();
	struct subject s;

	if (!f)
		return 0;
	f->within |= WITHIN_RELEASE;
	if (f->closing == (__u64)file) {
		f->closing = 0;
		return 0;
	}
	if (f->op || !is_met(file))
		return 0;
	f->op = OP_CLOSE;
	f->nr = CALL_RELEASE;
	f->began = bpf_ktime_get_ns();
	f->told = 0;
	f->fd = -1;
	subject_of(&s, file);
	return count_call(f, &s);
}

HOOK(file_release);
SEC("fentry/__fput")
int file_release(__u64 *ctx)
{
	FIRED(file_release);
	return on_release((struct file *)ctx[0]);
}

SEC("kprobe/__fput")
int file_release__kprobe(struct pt_regs *ctx)
{
	FIRED(file_release);
	return on_release((struct file *)BPF_CORE_READ(ctx, di));
}

static __always_inline int on_released(void)
{
	struct followed *f = followed_now();

	if (!f)
		return 0;
	f->within &= ~WITHIN_RELEASE;
	if (f->op == OP_CLOSE && f->nr == CALL_RELEASE)
		tell_returned(f, 0);
	return 0;
}

HOOK(file_released);
SEC("fexit/__fput")
int file_released(__u64 *ctx)
{
	FIRED(file_released);
	return on_released();
}

SEC("kretprobe/__fput")
int file_released__kretprobe(struct pt_regs *ctx)
{
	FIRED(file_released);
	return on_released();
}

/*
 * A task that ends within a call does so because the kernel found a fault in its own
 * code: a signal would have ended the call first.
 */
static __always_inline int on_unfinished(void)
{
	struct followed *f = followed_now();

	if (f)
		tell_unfinished(f);
	return 0;
}

HOOK(call_unfinished);
SEC("tp_btf/sched_process_exit")
int call_unfinished(__u64 *ctx)
{
	FIRED(call_unfinished);
	return on_unfinished();
}

SEC("tracepoint/sched/sched_process_exit")
int call_unfinished__tracepoint(void *ctx)
{
	FIRED(call_unfinished);
	return on_unfinished();
}

#endif /* KMODLAB_CALLS_BPF_H */
