/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The tasks that are followed: those that a parent forks whom the loader names, and
 * what they fork in turn. Only their system calls are recorded.
 */
#ifndef KMODLAB_FOLLOW_H
#define KMODLAB_FOLLOW_H

#include "owner.h"

/* Threads whose children are followed, by pid; see tracer.FollowForks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} parents SEC(".maps");

/* What a followed task is in that may lead it to a module; bits of followed.within. */
enum within {
	WITHIN_CALL = 1, /* a system call */
	WITHIN_RELEASE = 2, /* the release of a file, which may follow a call */
};

/* A followed task, and the system call that it is in. Keep in step with tracer/calls.go. */
struct followed {
	__u64 task; /* its task_struct; 0 until it is known */
	__u64 began; /* when the call was entered */
	__u64 inode; /* the file of the call, see struct met; 0 if it is not known */
	__u64 f_op;
	__u64 file; /* that is being opened, and where */
	__u64 dentry;
	__u64 mnt;
	__u64 closing; /* the file that the last call closed */
	__u64 args[6];
	__u64 number; /* of the call on its file */
	__u32 nr; /* with CALL_COMPAT */
	__u32 op; /* 0: it is in no call that matters */
	__s32 fd;
	__u32 told; /* the call has a record */
	__u32 kept; /* how many calls of this process have a record; only the leader's counts */
	__u32 pid;
	__u32 tgid;
	__u32 nested; /* how many files are being opened within the opening of file */
	__u32 within; /* enum within */
	__u32 pad;
	struct owner owner; /* of a file that is looked at */
	struct {
		__u64 inode, f_op, ino;
	} stranger; /* the file of no module that was looked at last */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096); /* the loader makes it smaller if follow_calls is not set */
	__type(key, __u32);
	__type(value, struct followed);
} following SEC(".maps");

/* What the current task is followed with, NULL if it is not. A pid may have been another's. */
static __always_inline struct followed *followed_now(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = (__u32)id;
	struct followed *f;

	if (!follow_calls)
		return NULL;
	f = bpf_map_lookup_elem(&following, &pid);
	if (!f)
		return NULL;
	if (!f->task)
		f->task = (__u64)current_task();
	return f->task == (__u64)current_task() ? f : NULL;
}

/* A record about a followed task that is not the one that runs. */
static __always_inline void fill_by(struct record *r, const struct followed *f)
{
	struct task_struct *t = (struct task_struct *)f->task;

	if (t == current_task())
		return;
	r->pid = f->pid;
	r->tgid = f->tgid;
	r->task = f->task;
	bpf_probe_read_kernel(&r->comm, sizeof(r->comm), &t->comm);
}

static __always_inline bool is_followed(void)
{
	return followed_now() != NULL;
}

static __always_inline void follow(__u32 pid, __u32 tgid, struct task_struct *t)
{
	struct followed f = { .task = (__u64)t, .pid = pid, .tgid = tgid, .fd = -1 };

	if (bpf_map_update_elem(&following, &pid, &f, BPF_ANY))
		count_lost(PROCESS_FORKED);
}

/*
 * A thread that executes a program while its process has others takes over the pid
 * of the leader, which has ended by then.
 */
static __always_inline void follow_exec(__u32 old_pid)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = (__u32)id;

	if (!follow_calls || old_pid == pid || !bpf_map_lookup_elem(&following, &old_pid))
		return;
	bpf_map_delete_elem(&following, &old_pid);
	follow(pid, id >> 32, current_task());
}

/* The last reference to a task is dropped: its pid may already be another's. */
static __always_inline void unfollow(struct task_struct *t)
{
	__u32 pid = BPF_CORE_READ(t, pid);
	struct followed *f;

	if (!follow_calls)
		return;
	f = bpf_map_lookup_elem(&following, &pid);
	if (f && f->task == (__u64)t)
		bpf_map_delete_elem(&following, &pid);
}

#endif /* KMODLAB_FOLLOW_H */
