/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The files of modules that followed processes use, and the records of the calls
 * on them. A process that calls a million times must neither fill the ring nor be
 * slowed down by much, so only the first calls have records; later ones are
 * counted, and have one whenever their number is a power of two.
 */
#ifndef KMODLAB_CALLS_H
#define KMODLAB_CALLS_H

#include "follow.h"
#include "serving.h"

#define KEPT_EACH 32 /* calls of a process on a file that do the same */
#define KEPT_IN_ALL 4096 /* calls of a process */

/* Where a system call has its file, and what it does; the loader fills it in. */
struct shape {
	__u8 op; /* enum op */
	__u8 file; /* the number of the argument, or enum where */
	__u8 pad[2];
};

#define COMPAT_SHAPES 512 /* where those of 32-bit programs begin */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * COMPAT_SHAPES);
	__type(key, __u32);
	__type(value, struct shape);
} shapes SEC(".maps");

/*
 * A file that a followed process has met, whichever way and however often it
 * opened it. All files without a name share an inode and differ in f_op.
 */
struct met_key {
	__u64 inode;
	__u64 f_op;
	__u64 tgid;
};

#define OPS_ROOM 32 /* a power of two, so that a mask suffices where the verifier wants a bound */

/* Keep in step with tracer/calls.go. */
struct met {
	__u64 ino; /* tells a new inode from an old one in the same memory */
	__u32 calls[OPS_ROOM]; /* by enum op */
	__u32 last[OPS_ROOM]; /* the number of the last of them that has a record */
};

/* What a file is before its first call. The stack has no room for it. */
struct met unused_met;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192); /* the loader makes it smaller if follow_calls is not set */
	__type(key, struct met_key);
	__type(value, struct met);
} files_met SEC(".maps");

static __always_inline struct file *file_of(__u32 fd)
{
	struct task_struct___files *t = (void *)current_task();
	struct fdtable *table = BPF_CORE_READ(t, files, fdt);
	struct file **at, *file = NULL;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	at = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), at + fd);
	return file;
}

#define PATH_NAMES (ARGS_MAX + ENV_MAX)

/* The names of a path, the last one first, as args and env of a record. */
static __always_inline void fill_path(struct record_args *r, struct dentry *dentry,
				      struct vfsmount *mnt)
{
	struct dentry *parent, *root;
	struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	int i;

#pragma unroll
	for (i = 0; i < PATH_NAMES; i++) {
		char *at = i < ARGS_MAX ? r->args[i] : r->env[i - ARGS_MAX];

		root = BPF_CORE_READ(mount, mnt.mnt_root);
		if (dentry == root && BPF_CORE_READ(mount, mnt_parent) != mount) {
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = BPF_CORE_READ(mount, mnt_parent);
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry && i > 0)
			break;
		bpf_probe_read_kernel_str(at, ARG_LEN, BPF_CORE_READ(dentry, d_name.name));
		if (parent == dentry)
			break;
		dentry = parent;
	}
}

static __always_inline __u64 socket_kind(struct socket *sock)
{
	__u64 family = BPF_CORE_READ(sock, sk, __sk_common.skc_family);

	return family << 32 | (__u16)BPF_CORE_READ(sock, type);
}

/* A process meets a file of a module for the first time. */
static __noinline int tell_met(const struct followed *f, const struct subject *s)
{
	struct record_args *r;
	struct inode *inode;
	struct file *file;

	if (!f || !s)
		return 0;
	file = s->file;
	inode = s->inode;
	r = NEW_RECORD(record_args, FILE_MET, PART_TEXT | PART_ARGS | PART_ENV);
	if (!r)
		return 0;
	__builtin_memset(r->text, 0, sizeof(*r) - sizeof(r->r));
	fill_by(&r->r, f);
	r->r.time = f->began;
	r->r.ptr = (__u64)inode;
	r->r.aux = (__u64)BPF_CORE_READ(file, f_op);
	r->r.func = f->owner.module;
	r->r.arg = f->owner.kind;
	if (f->owner.kind == FILE_SOCKET)
		r->r.data = socket_kind((struct socket *)f->owner.ops);
	fill_text(r->text, BPF_CORE_READ(inode, i_sb, s_type, name));
	fill_path(r, s->dentry, s->mnt);
	submit(r, FILE_MET);
	return 0;
}

static __always_inline void subject_of(struct subject *s, struct file *file)
{
	s->file = file;
	s->inode = BPF_CORE_READ(file, f_inode);
	s->dentry = BPF_CORE_READ(file, f_path.dentry);
	s->mnt = BPF_CORE_READ(file, f_path.mnt);
}

/*
 * Returns what is known about a process's use of a file, NULL if the file belongs to
 * no module.
 */
static __always_inline struct met *meet(struct followed *f, const struct subject *s,
					struct met_key *key)
{
	struct met *met;
	struct inode *inode = s->inode;
	struct file *file = s->file;
	__u64 ino;

	key->inode = (__u64)inode;
	key->f_op = (__u64)BPF_CORE_READ(file, f_op);
	key->tgid = f->tgid;
	ino = BPF_CORE_READ(inode, i_ino);
	if (f->stranger.ino == ino && f->stranger.inode == key->inode &&
	    f->stranger.f_op == key->f_op)
		return NULL;
	met = bpf_map_lookup_elem(&files_met, key);
	if (met && met->ino == ino)
		return met;
	if (!find_owner(s, &f->owner)) {
		f->stranger.inode = key->inode;
		f->stranger.f_op = key->f_op;
		f->stranger.ino = ino;
		return NULL;
	}
	if (bpf_map_update_elem(&files_met, key, &unused_met, BPF_ANY)) {
		count_lost(FILE_MET);
		return NULL;
	}
	tell_met(f, s);
	met = bpf_map_lookup_elem(&files_met, key);
	if (met)
		met->ino = ino;
	return met;
}

/* Whether a call of this number has a record. */
static __always_inline bool keeps(struct followed *f, __u32 n)
{
	__u32 tgid = f->tgid;
	struct followed *leader;

	if (!(n & (n - 1)))
		return true;
	if (n > KEPT_EACH)
		return false;
	leader = bpf_map_lookup_elem(&following, &tgid);
	if (!leader)
		leader = f;
	return leader->kept < KEPT_IN_ALL;
}

/* The record of a call that began earlier, when it was noted in f. */
static __noinline int tell_call(struct followed *f, const struct subject *s)
{
	struct record_numbers *r;
	struct followed *leader;
	__u32 tgid, i;

	if (!f || !s)
		return 0;
	tgid = f->tgid;
	r = NEW_RECORD(record_numbers, CALL_ENTERED, PART_NUMBERS);
	if (!r)
		return 0;
	fill_by(&r->r, f);
	r->r.time = f->began;
	r->r.arg = f->nr;
	r->r.ptr = f->inode;
	r->r.aux = f->f_op;
	r->r.data = (__s64)f->fd;
	r->r.ret = f->number;
	for (i = 0; i < 6; i++)
		r->numbers[i] = f->args[i];
	r->numbers[6] = f->op;
	r->numbers[7] = 0;
	if (find_owner(s, &f->owner))
		r->r.func = serving(s->file, &f->owner, f->op, f->nr & CALL_COMPAT ? 1 : 0);
	submit(r, CALL_ENTERED);
	f->told = 1;
	leader = bpf_map_lookup_elem(&following, &tgid);
	if (leader)
		leader->kept++;
	return 0;
}

/* The compiler must not find out that this changes nothing. */
#define bound_op(op) asm volatile("%0 &= 31" : "+r"(op))

/* A task is in a call, noted in f, on a file. Counts it, and records it if it is kept. */
static __noinline int count_call(struct followed *f, const struct subject *s)
{
	struct met_key key = {};
	struct met *met;
	__u32 op, n;

	if (!f || !s)
		return 0;
	met = meet(f, s, &key);
	if (!met) {
		f->op = OP_NONE;
		return 0;
	}
	op = f->op;
	bound_op(op);
	n = ++met->calls[op];
	f->file = (__u64)s->file;
	f->inode = key.inode;
	f->f_op = key.f_op;
	f->number = n;
	if (!keeps(f, n))
		return 0;
	bound_op(op);
	met->last[op] = n;
	return tell_call(f, s);
}

/* The current task left the call that is noted in f. */
static __always_inline void tell_returned(struct followed *f, __s64 ret)
{
	struct record *r;

	f->op = OP_NONE;
	if (!f->told)
		return;
	r = new_bare(CALL_RETURNED);
	if (!r)
		return;
	r->arg = f->nr;
	r->ret = ret;
	submit(r, CALL_RETURNED);
}

/* Whether the current process has used a file that is known to belong to a module. */
static __always_inline bool is_met(struct file *file)
{
	struct met_key key = {};

	key.inode = (__u64)BPF_CORE_READ(file, f_inode);
	key.f_op = (__u64)BPF_CORE_READ(file, f_op);
	key.tgid = bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&files_met, &key) != NULL;
}

/* Records the opening of a file that is noted in f; it may have failed, or not be over yet. */
static __always_inline void tell_opening(struct followed *f)
{
	struct dentry *dentry = (struct dentry *)f->dentry;
	struct subject s = {
		.file = (struct file *)f->file,
		.dentry = dentry,
		.mnt = (struct vfsmount *)f->mnt,
	};

	s.inode = BPF_CORE_READ(dentry, d_inode);
	count_call(f, &s);
	if (!f->number)
		f->file = 0;
}

/* A task is in a call, and will not return from it: the record says that the call began. */
static __always_inline void tell_unfinished(struct followed *f)
{
	struct subject s;
	struct file *file;

	if (!f->op || f->told)
		return;
	if (!f->number) {
		if (f->op == OP_OPEN && f->file)
			tell_opening(f);
		return;
	}
	file = (struct file *)f->file;
	subject_of(&s, file);
	tell_call(f, &s);
}

#endif /* KMODLAB_CALLS_H */
