/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which module serves a file, and which of its functions serves a system call on
 * it. Both are found by following the kernel's own pointers, without any probe on
 * the module: its operations, or an object that they reach the module through, are
 * in the module's memory. A pointer that is misunderstood leads nowhere, because
 * only what is in the memory of a module counts.
 */
#ifndef KMODLAB_OWNER_H
#define KMODLAB_OWNER_H

#include "emit.h"
#include "kernelfiles.h"

/* The loader sets it if system calls are to be recorded at all. */
const volatile __u32 follow_calls = 0;

#define PAGE_SHIFT 12
#define BLOCK_SHIFT 5
#define BLOCK_PAGES (1 << BLOCK_SHIFT)
#define BLOCK_KEY (1ULL << 63)
#define MODULE_BLOCKS 16 /* 2 MiB of each part of a module; what is beyond is not known */

/*
 * The memory of the modules that were loaded since the tracer began: the struct
 * module by page number, or by block number with BLOCK_KEY where a whole block of
 * pages belongs to the module.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096); /* the loader makes it smaller if follow_calls is not set */
	__type(key, __u64);
	__type(value, __u64);
} module_pages SEC(".maps");

/* The lowest of these pages: most pointers are below it, which spares a look into the map. */
__u64 lowest_page = ~0ULL;

static __always_inline long note_piece(__u64 key, __u64 module, bool loaded)
{
	if (loaded)
		return bpf_map_update_elem(&module_pages, &key, &module, BPF_ANY);
	bpf_map_delete_elem(&module_pages, &key);
	return 0;
}

/* Pages, blocks, pages. */
static __always_inline void note_range(__u64 base, __u64 size, __u64 module, bool loaded)
{
	__u64 page = base >> PAGE_SHIFT;
	__u64 end = (base + size + (1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
	long err = 0;
	__u32 i;

	if (!base)
		return;
	if (page < lowest_page)
		lowest_page = page;
	for (i = 0; i < BLOCK_PAGES && page < end && page % BLOCK_PAGES; i++)
		err |= note_piece(page++, module, loaded);
	for (i = 0; i < MODULE_BLOCKS && page + BLOCK_PAGES <= end; i++, page += BLOCK_PAGES)
		err |= note_piece(BLOCK_KEY | page >> BLOCK_SHIFT, module, loaded);
	for (i = 0; i < BLOCK_PAGES && page < end; i++)
		err |= note_piece(page++, module, loaded);
	if (err)
		count_lost(FILE_MET);
}

static __noinline int note_pages(__u64 base, __u64 size, __u64 module)
{
	note_range(base, size, module, true);
	return 0;
}

static __noinline int forget_pages(__u64 base, __u64 size)
{
	note_range(base, size, 0, false);
	return 0;
}

#define NOTE_PART(part, base, size)                              \
	do {                                                     \
		__u64 __base = (__u64)BPF_CORE_READ(part, base); \
		__u64 __size = BPF_CORE_READ(part, size);        \
		if (loaded)                                      \
			note_pages(__base, __size, (__u64)mod);  \
		else                                             \
			forget_pages(__base, __size);            \
	} while (0)

/* Notes where the memory of a module is that stays, or forgets it if it is to be freed. */
static __always_inline void note_module(struct module *mod, bool loaded)
{
	struct module___old *old = (void *)mod;
	struct module___new *new = (void *)mod;

	if (!follow_calls)
		return;
	if (bpf_core_field_exists(old->core_layout)) {
		NOTE_PART(old, core_layout.base, core_layout.size);
	} else {
		NOTE_PART(new, mem[MOD_TEXT].base, mem[MOD_TEXT].size);
		NOTE_PART(new, mem[MOD_DATA].base, mem[MOD_DATA].size);
		NOTE_PART(new, mem[MOD_RODATA].base, mem[MOD_RODATA].size);
		NOTE_PART(new, mem[MOD_RO_AFTER_INIT].base, mem[MOD_RO_AFTER_INIT].size);
	}
}

/* The module in whose memory an address is; 0 if it is in none. */
static __always_inline __u64 module_at(const void *addr)
{
	__u64 key = (__u64)addr >> PAGE_SHIFT, *module;

	if (key < lowest_page)
		return 0;
	module = bpf_map_lookup_elem(&module_pages, &key);
	if (!module) {
		key = BLOCK_KEY | key >> BLOCK_SHIFT;
		module = bpf_map_lookup_elem(&module_pages, &key);
	}
	return module ? *module : 0;
}

/* What a file is, which decides where its functions are. Keep in step with tracer/event. */
enum file_kind {
	FILE_OTHER,
	FILE_OPERATIONS, /* ops is a struct file_operations */
	FILE_SHORT, /* ops is a struct debugfs_short_fops */
	FILE_PROC, /* ops is a struct proc_dir_entry */
	FILE_SYSFS, /* ops is a struct kernfs_node */
	FILE_SOCKET, /* ops is a struct socket */
	FILE_BLOCK, /* ops is a struct gendisk */
};

/* A file. While it is being opened, and after that failed, only the opener knows where it is. */
struct subject {
	struct file *file;
	struct inode *inode;
	struct dentry *dentry;
	struct vfsmount *mnt;
};

/*
 * It must not be on the stack. Up to 6.3 the verifier follows what a function stores
 * through a pointer into the stack of its caller, but not that a branch depends on
 * it later; it then takes code for dead that is not.
 */
struct owner {
	__u64 module;
	__u64 ops; /* the address of what kind says */
	__u32 kind;
	__u32 pad;
};

static __always_inline __u64 owns(struct owner *o, __u32 kind, const void *ops, __u64 module)
{
	o->kind = kind;
	o->ops = (__u64)ops;
	o->module = module;
	return module;
}

/* A member of a structure that an untyped pointer points to. */
#define READ_AS(type, p, field) BPF_CORE_READ((type *)(p), field)

static __always_inline void *sysfs_function(const struct kernfs_node *kn, bool store)
{
	struct kernfs_node___old *old = (void *)kn;
	struct kernfs_node___new *new = (void *)kn;
	const struct kernel_param *param;
	const struct sysfs_ops *ops;
	struct kernfs_node *parent;
	struct kobject *kobj;
	void *attr, *f;

	if (bpf_core_field_exists(old->parent))
		parent = BPF_CORE_READ(old, parent);
	else
		parent = BPF_CORE_READ(new, __parent);
	kobj = BPF_CORE_READ(parent, priv);
	attr = BPF_CORE_READ(kn, priv);

	ops = BPF_CORE_READ(kobj, ktype, sysfs_ops);
	f = store ? BPF_CORE_READ(ops, store) : BPF_CORE_READ(ops, show);
	if (module_at(f))
		return f;
	f = store ? READ_AS(struct device_attribute, attr, store) :
		    READ_AS(struct device_attribute, attr, show);
	if (module_at(f))
		return f;
	f = store ? READ_AS(struct bin_attribute, attr, write) :
		    READ_AS(struct bin_attribute, attr, read);
	if (module_at(f))
		return f;
	param = READ_AS(struct param_attribute, attr, param);
	if (!module_at(param))
		return NULL;
	return store ? BPF_CORE_READ(param, ops, set) : BPF_CORE_READ(param, ops, get);
}

/* A parameter belongs to its module even if the kernel's own functions serve it. */
static __always_inline __u64 sysfs_owner(const struct kernfs_node *kn)
{
	void *attr = BPF_CORE_READ(kn, priv), *f;
	__u64 module = module_at(attr);

	if (module)
		return module;
	module = module_at(READ_AS(struct param_attribute, attr, param));
	if (module)
		return module;
	f = sysfs_function(kn, false);
	if (!f)
		f = sysfs_function(kn, true);
	return module_at(f);
}

/*
 * The lower bits of d_fsdata say that it points to operations and not to a struct
 * debugfs_fsdata: 1 for file_operations, 2 for debugfs_short_fops.
 */
static __always_inline __u64 debugfs_owner(struct dentry *dentry, struct owner *o)
{
	__u64 data = (__u64)BPF_CORE_READ(dentry, d_fsdata), module;
	struct debugfs_fsdata___new *new = (void *)data;
	const void *ops;

	if (data & 3) {
		ops = (void *)(data & ~3ULL);
		return owns(o, data & 1 ? FILE_OPERATIONS : FILE_SHORT, ops, module_at(ops));
	}
	ops = READ_AS(struct debugfs_fsdata, data, real_fops);
	module = module_at(ops);
	if (module)
		return owns(o, FILE_OPERATIONS, ops, module);
	if (!bpf_core_field_exists(new->short_fops))
		return 0;
	ops = BPF_CORE_READ(new, short_fops);
	return owns(o, FILE_SHORT, ops, module_at(ops));
}

static __always_inline __u64 proc_owner(struct inode *inode, struct owner *o)
{
	void *at = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
	struct proc_dir_entry *pde = READ_AS(struct proc_inode, at, pde);
	__u64 module = module_at(BPF_CORE_READ(pde, proc_ops));

	if (!module)
		module = module_at(BPF_CORE_READ(pde, seq_ops));
	return owns(o, FILE_PROC, pde, module);
}

static __always_inline __u64 socket_owner(struct file *file, struct owner *o)
{
	struct socket *sock = BPF_CORE_READ(file, private_data);
	__u64 module = module_at(BPF_CORE_READ(sock, ops));

	if (!module)
		module = module_at(BPF_CORE_READ(sock, sk, __sk_common.skc_prot));
	return owns(o, FILE_SOCKET, sock, module);
}

/* The inode of an open block device is not the one of its name in /dev. */
static __always_inline __u64 block_owner(struct file *file, struct owner *o)
{
	void *at = BPF_CORE_READ(file, f_mapping, host);
	struct gendisk *disk;

	at -= bpf_core_field_offset(struct bdev_inode, vfs_inode);
	disk = READ_AS(struct bdev_inode, at, bdev.bd_disk);
	return owns(o, FILE_BLOCK, disk, module_at(BPF_CORE_READ(disk, fops)));
}

/* Returns the module that serves a file, 0 if none does that was loaded since the tracer began. */
static __noinline __u64 find_owner(const struct subject *s, struct owner *o)
{
	struct super_block *sb;
	struct inode *inode;
	struct file *file;
	const void *ops;
	__u64 module;

	if (!s || !o)
		return 0;
	file = s->file;
	ops = BPF_CORE_READ(file, f_op);
	module = module_at(ops);
	if (module)
		return owns(o, FILE_OPERATIONS, ops, module);
	inode = s->inode;
	sb = BPF_CORE_READ(inode, i_sb);
	switch (BPF_CORE_READ(sb, s_magic)) {
	case PROC_SUPER_MAGIC:
		return proc_owner(inode, o);
	case SYSFS_MAGIC:
		ops = BPF_CORE_READ(inode, i_private);
		return owns(o, FILE_SYSFS, ops, sysfs_owner(ops));
	case DEBUGFS_MAGIC:
		return debugfs_owner(s->dentry, o);
	case SOCKFS_MAGIC:
		return socket_owner(file, o);
	}
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK)
		return block_owner(file, o);
	/* A file system that leaves the files to the kernel's functions. */
	module = module_at(BPF_CORE_READ(sb, s_op));
	if (!module)
		module = module_at(BPF_CORE_READ(sb, s_type));
	return owns(o, FILE_OPERATIONS, ops, module);
}

#endif /* KMODLAB_OWNER_H */
