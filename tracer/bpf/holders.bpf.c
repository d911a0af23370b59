//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Lists the open files and the mappings of all processes that hold a reference to a
 * module: iterators over what the kernel has, which are read when an unload was
 * refused, and cost nothing otherwise. The kernel takes such a reference when a file
 * is opened, for the operations' owner, and keeps it until the file is released.
 * Files of /proc and of sysfs have none.
 */
#include "kernelfiles.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define NAME_SIZE 56 /* MODULE_NAME_LEN */

/* The loader sets it. */
const volatile char wanted[NAME_SIZE] = {};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct module___named {
	char name[NAME_SIZE];
};

/* Every structure of operations has an owner. */
struct file_operations___owned {
	struct module___named *owner;
};

struct proto_ops___owned {
	struct module___named *owner;
};

struct proto___owned {
	struct module___named *owner;
};

struct block_device_operations___owned {
	struct module___named *owner;
};

struct file_system_type___owned {
	struct module___named *owner;
};

struct super_block___dev {
	struct block_device *s_bdev;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

#pragma clang attribute pop

/* Keep in step with tracer/holders. */
struct holder {
	__u64 file; /* tells open files apart */
	__u64 start; /* of a mapping */
	__u32 tgid;
	__u32 fd;
	__u32 kind;
	__u32 pad;
};

enum { OPEN = 1, MAPPED = 2, MOUNTED = 4 };

static __always_inline bool is_wanted(struct module___named *owner)
{
	char name[NAME_SIZE] = {};
	int i;

	if (!owner || bpf_probe_read_kernel_str(name, sizeof(name), owner->name) < 0)
		return false;
	for (i = 0; i < NAME_SIZE; i++) {
		if (name[i] != wanted[i])
			return false;
		if (!name[i])
			return i > 0;
	}
	return true;
}

#define OWNER_WANTED(type)                                       \
	static __always_inline bool type##_wanted(const void *p) \
	{                                                        \
		const struct type##___owned *t = p;              \
                                                                 \
		return p && is_wanted(BPF_CORE_READ(t, owner));  \
	}

OWNER_WANTED(file_operations)
OWNER_WANTED(proto_ops)
OWNER_WANTED(proto)
OWNER_WANTED(block_device_operations)
OWNER_WANTED(file_system_type)

static __always_inline bool disk_wanted(struct block_device *bdev)
{
	return block_device_operations_wanted(BPF_CORE_READ(bdev, bd_disk, fops));
}

static __always_inline bool socket_wanted(struct file *file)
{
	struct socket *sock = BPF_CORE_READ(file, private_data);

	return proto_ops_wanted(BPF_CORE_READ(sock, ops)) ||
	       proto_wanted(BPF_CORE_READ(sock, sk, __sk_common.skc_prot));
}

static __always_inline bool debugfs_wanted(struct file *file)
{
	__u64 data = (__u64)BPF_CORE_READ(file, f_path.dentry, d_fsdata);

	if (data & 3)
		return false; /* nobody has opened it */
	return file_operations_wanted(BPF_CORE_READ((struct debugfs_fsdata *)data, real_fops));
}

static __always_inline bool block_wanted(struct file *file)
{
	void *at = BPF_CORE_READ(file, f_mapping, host);

	at -= bpf_core_field_offset(struct bdev_inode, vfs_inode);
	return disk_wanted(&((struct bdev_inode *)at)->bdev);
}

/* What of a file is the module's: 0 for nothing. */
static __always_inline __u32 holds(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);

	if (file_operations_wanted(BPF_CORE_READ(file, f_op)))
		return OPEN;
	switch (BPF_CORE_READ(sb, s_magic)) {
	case DEBUGFS_MAGIC:
		return debugfs_wanted(file) ? OPEN : 0;
	case SOCKFS_MAGIC:
		return socket_wanted(file) ? OPEN : 0;
	}
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK && block_wanted(file))
		return OPEN;
	if (file_system_type_wanted(BPF_CORE_READ(sb, s_type)))
		return MOUNTED;
	if (disk_wanted(BPF_CORE_READ((struct super_block___dev *)sb, s_bdev)))
		return MOUNTED;
	return 0;
}

SEC("iter/task_file")
int kmodlab_open_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct holder h = {};

	if (!task || !file)
		return 0;
	h.kind = holds(file);
	if (!h.kind)
		return 0;
	h.file = (__u64)file;
	h.tgid = BPF_CORE_READ(task, tgid);
	h.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &h, sizeof(h));
	return 0;
}

SEC("iter/task_vma")
int kmodlab_mapped_files(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct holder h = {};
	struct file *file;

	if (!task || !vma)
		return 0;
	file = BPF_CORE_READ(vma, vm_file);
	if (!file || !holds(file))
		return 0;
	h.kind = MAPPED;
	h.file = (__u64)file;
	h.start = BPF_CORE_READ(vma, vm_start);
	h.tgid = BPF_CORE_READ(task, tgid);
	bpf_seq_write(ctx->meta->seq, &h, sizeof(h));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
