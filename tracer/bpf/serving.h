/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The function that serves a system call on a file. If the operations of a module
 * name one of the kernel's functions, such as seq_read or simple_attr_read, then
 * the function of the module that it will call is looked for in what the file
 * carries along.
 */
#ifndef KMODLAB_SERVING_H
#define KMODLAB_SERVING_H

#include "owner.h"

/* The function of the module behind one of the kernel's; f itself if there is none. */
static __always_inline void *behind(struct file *file, void *f, bool store)
{
	const struct seq_operations *seq;
	void *data, *other;

	if (!f || module_at(f))
		return f;
	data = BPF_CORE_READ(file, private_data);
	if (!store) {
		seq = READ_AS(struct seq_file, data, op);
		other = BPF_CORE_READ(seq, show);
		if (module_at(other))
			return other;
	}
	other = store ? READ_AS(struct simple_attr, data, set) :
			READ_AS(struct simple_attr, data, get);
	return module_at(other) ? other : f;
}

/* The second of two functions that do the same, if there is no first. */
#define EITHER(p, first, second)                      \
	({                                            \
		void *__f = BPF_CORE_READ(p, first);  \
		__f ? __f : BPF_CORE_READ(p, second); \
	})

static __always_inline void *operations_mmap(const struct file_operations *ops)
{
	struct file_operations___new *new = (void *)ops;
	void *f = BPF_CORE_READ(ops, mmap);

	if (!f && bpf_core_field_exists(new->mmap_prepare))
		f = BPF_CORE_READ(new, mmap_prepare);
	return f;
}

/* compat_ptr_ioctl, which is the kernel's, calls unlocked_ioctl. */
static __always_inline void *operations_ioctl(const struct file_operations *ops, bool compat)
{
	void *f = compat ? BPF_CORE_READ(ops, compat_ioctl) : NULL;

	return module_at(f) ? f : BPF_CORE_READ(ops, unlocked_ioctl);
}

/* Whether there is at most one reference to a file, so that closing it releases it. */
static __always_inline bool is_last(struct file *file)
{
	struct file___counted *counted = (void *)file;
	struct file___new *new = (void *)file;

	if (bpf_core_field_exists(counted->f_count))
		return BPF_CORE_READ(counted, f_count.counter) <= 1;
	return BPF_CORE_READ(new, f_ref.refcnt.counter) <= 0;
}

static __always_inline void *
operations_function(struct file *file, const struct file_operations *ops, __u32 op, bool compat)
{
	switch (op) {
	case OP_OPEN:
		return BPF_CORE_READ(ops, open);
	case OP_CLOSE:
		return is_last(file) ? BPF_CORE_READ(ops, release) : BPF_CORE_READ(ops, flush);
	case OP_READ:
		return behind(file, EITHER(ops, read, read_iter), false);
	case OP_READV:
		return behind(file, EITHER(ops, read_iter, read), false);
	case OP_WRITE:
		return behind(file, EITHER(ops, write, write_iter), true);
	case OP_WRITEV:
		return behind(file, EITHER(ops, write_iter, write), true);
	case OP_LSEEK:
		return BPF_CORE_READ(ops, llseek);
	case OP_IOCTL:
		return operations_ioctl(ops, compat);
	case OP_MMAP:
		return operations_mmap(ops);
	case OP_POLL:
		return BPF_CORE_READ(ops, poll);
	case OP_FSYNC:
		return BPF_CORE_READ(ops, fsync);
	case OP_FLOCK:
		return BPF_CORE_READ(ops, flock);
	case OP_FALLOCATE:
		return BPF_CORE_READ(ops, fallocate);
	}
	return NULL;
}

static __always_inline void *short_function(struct file *file, const struct debugfs_short_fops *ops,
					    __u32 op)
{
	if (!bpf_core_type_exists(struct debugfs_short_fops))
		return NULL;
	switch (op) {
	case OP_READ:
	case OP_READV:
		return behind(file, BPF_CORE_READ(ops, read), false);
	case OP_WRITE:
	case OP_WRITEV:
		return behind(file, BPF_CORE_READ(ops, write), true);
	case OP_LSEEK:
		return BPF_CORE_READ(ops, llseek);
	}
	return NULL;
}

/*
 * Without operations in the module the entry has a function, or seq_operations,
 * and the kernel's own operations, of which only the reading and the writing lead
 * to the module. Then proc_ops are these, which do no harm: whatever is not in the
 * module is looked for behind them.
 */
static __always_inline void *proc_function(struct file *file, const struct proc_dir_entry *pde,
					   __u32 op, bool compat)
{
	const struct proc_ops *ops = BPF_CORE_READ(pde, proc_ops);
	void *f;

	switch (op) {
	case OP_OPEN:
		return BPF_CORE_READ(ops, proc_open);
	case OP_CLOSE:
		return is_last(file) ? BPF_CORE_READ(ops, proc_release) : NULL;
	case OP_READ:
		return behind(file, EITHER(ops, proc_read, proc_read_iter), false);
	case OP_READV:
		return behind(file, EITHER(ops, proc_read_iter, proc_read), false);
	case OP_WRITE:
	case OP_WRITEV:
		f = BPF_CORE_READ(ops, proc_write);
		return module_at(f) ? f : BPF_CORE_READ(pde, write);
	case OP_LSEEK:
		return BPF_CORE_READ(ops, proc_lseek);
	case OP_IOCTL:
		if (bpf_core_field_exists(ops->proc_compat_ioctl) && compat)
			return BPF_CORE_READ(ops, proc_compat_ioctl);
		return BPF_CORE_READ(ops, proc_ioctl);
	case OP_MMAP:
		return BPF_CORE_READ(ops, proc_mmap);
	case OP_POLL:
		return BPF_CORE_READ(ops, proc_poll);
	}
	return NULL;
}

static __always_inline void *sysfs_serves(const struct kernfs_node *kn, __u32 op)
{
	void *f;

	switch (op) {
	case OP_READ:
	case OP_READV:
		return sysfs_function(kn, false);
	case OP_WRITE:
	case OP_WRITEV:
		return sysfs_function(kn, true);
	case OP_MMAP:
		f = BPF_CORE_READ(kn, priv);
		f = READ_AS(struct bin_attribute, f, mmap);
		return module_at(f) ? f : NULL;
	}
	return NULL;
}

static __always_inline void *protocol_function(const struct proto *prot, __u32 op)
{
	switch (op) {
	case OP_CLOSE:
		return BPF_CORE_READ(prot, close);
	case OP_BIND:
		return BPF_CORE_READ(prot, bind);
	case OP_CONNECT:
		return BPF_CORE_READ(prot, connect);
	case OP_IOCTL:
		return BPF_CORE_READ(prot, ioctl);
	case OP_SEND:
	case OP_WRITE:
	case OP_WRITEV:
		return BPF_CORE_READ(prot, sendmsg);
	case OP_RECEIVE:
	case OP_READ:
	case OP_READV:
		return BPF_CORE_READ(prot, recvmsg);
	case OP_SETSOCKOPT:
		return BPF_CORE_READ(prot, setsockopt);
	case OP_GETSOCKOPT:
		return BPF_CORE_READ(prot, getsockopt);
	}
	return NULL;
}

static __always_inline void *socket_function(struct file *file, const struct socket *sock, __u32 op,
					     bool compat)
{
	const struct proto_ops *ops = BPF_CORE_READ(sock, ops);

	if (!module_at(ops))
		return protocol_function(BPF_CORE_READ(sock, sk, __sk_common.skc_prot), op);
	switch (op) {
	case OP_CLOSE:
		return is_last(file) ? BPF_CORE_READ(ops, release) : NULL;
	case OP_BIND:
		return BPF_CORE_READ(ops, bind);
	case OP_CONNECT:
		return BPF_CORE_READ(ops, connect);
	case OP_LISTEN:
		return BPF_CORE_READ(ops, listen);
	case OP_ACCEPT:
		return BPF_CORE_READ(ops, accept);
	case OP_GETNAME:
		return BPF_CORE_READ(ops, getname);
	case OP_POLL:
		return BPF_CORE_READ(ops, poll);
	case OP_IOCTL:
		return compat ? BPF_CORE_READ(ops, compat_ioctl) : BPF_CORE_READ(ops, ioctl);
	case OP_SEND:
	case OP_WRITE:
	case OP_WRITEV:
		return BPF_CORE_READ(ops, sendmsg);
	case OP_RECEIVE:
	case OP_READ:
	case OP_READV:
		return BPF_CORE_READ(ops, recvmsg);
	case OP_SETSOCKOPT:
		return BPF_CORE_READ(ops, setsockopt);
	case OP_GETSOCKOPT:
		return BPF_CORE_READ(ops, getsockopt);
	case OP_SHUTDOWN:
		return BPF_CORE_READ(ops, shutdown);
	case OP_MMAP:
		return BPF_CORE_READ(ops, mmap);
	}
	return NULL;
}

/* Reads and writes go through the page cache, so the function may run later, or not at all. */
static __always_inline void *block_function(const struct gendisk *disk, __u32 op, bool compat)
{
	const struct block_device_operations *ops = BPF_CORE_READ(disk, fops);
	void *f;

	switch (op) {
	case OP_OPEN:
		return BPF_CORE_READ(ops, open);
	case OP_CLOSE:
		return BPF_CORE_READ(ops, release);
	case OP_IOCTL:
		return compat ? BPF_CORE_READ(ops, compat_ioctl) : BPF_CORE_READ(ops, ioctl);
	case OP_READ:
	case OP_READV:
	case OP_WRITE:
	case OP_WRITEV:
	case OP_FSYNC:
		f = BPF_CORE_READ(ops, submit_bio);
		return f ? f : BPF_CORE_READ(disk, queue, mq_ops, queue_rq);
	}
	return NULL;
}

/* The function that serves op, 0 if there is none or it is not known. */
static __noinline __u64 serving(struct file *file, const struct owner *o, __u32 op, __u32 compat)
{
	const void *ops;

	if (!o)
		return 0;
	ops = (const void *)o->ops;
	switch (o->kind) {
	case FILE_OPERATIONS:
		return (__u64)operations_function(file, ops, op, compat);
	case FILE_SHORT:
		return (__u64)short_function(file, ops, op);
	case FILE_PROC:
		return (__u64)proc_function(file, ops, op, compat);
	case FILE_SYSFS:
		return (__u64)sysfs_serves(ops, op);
	case FILE_SOCKET:
		return (__u64)socket_function(file, ops, op, compat);
	case FILE_BLOCK:
		return (__u64)block_function(ops, op, compat);
	}
	return 0;
}

#endif /* KMODLAB_SERVING_H */
