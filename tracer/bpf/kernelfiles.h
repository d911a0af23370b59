/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel types from which a file leads to the module that serves it, and an
 * address of a process to the file that is mapped there. As in kernel.h, only the
 * names and the types matter, and what follows three underscores is ignored.
 */
#ifndef KMODLAB_KERNELFILES_H
#define KMODLAB_KERNELFILES_H

#include "kernel.h"

/* Where the file system is told by a number (include/uapi/linux/magic.h). */
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define DEBUGFS_MAGIC 0x64626720
#define SOCKFS_MAGIC 0x534F434B

#define S_IFMT 0170000
#define S_IFBLK 0060000

#define CLONE_THREAD 0x00010000
#define TS_COMPAT 0x0002 /* the task is in a system call of a 32-bit program */
#define FOREIGN_CALL 0x40000000 /* __X32_SYSCALL_BIT */

/* The running kernel is asked for this helper, added in 5.15. */
enum bpf_func_id___regs {
	BPF_FUNC_task_pt_regs___regs = 175,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	void *d_fsdata;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file_system_type {
	const char *name;
};

struct super_block {
	unsigned long s_magic;
	struct file_system_type *s_type;
	const void *s_op;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
	void *i_private;
};

struct address_space {
	struct inode *host;
};

typedef struct {
	long long counter;
} atomic64_t;

typedef atomic64_t atomic_long_t;

struct file {
	struct path f_path;
	struct inode *f_inode;
	const void *f_op;
	void *private_data;
	struct address_space *f_mapping;
};

struct file___counted { /* up to 6.12 */
	atomic_long_t f_count;
};

/* The file that a layered file system maps has the path in its layer; the one for programs is here. */
#define FMODE_BACKING (1 << 24) /* since 6.12; before, it is another bit */

struct file___mode {
	unsigned int f_mode;
};

struct backing_file {
	struct path user_path;
};

struct file_ref___new {
	atomic_long_t refcnt; /* one less than the references */
};

struct file___new {
	struct file_ref___new f_ref;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct thread_info {
	unsigned int status;
};

struct mm_struct;

struct task_struct___files {
	struct thread_info thread_info;
	struct files_struct *files;
	struct mm_struct *mm;
};

/* All members that follow are functions; what they take does not matter. */
struct file_operations {
	void *llseek;
	void *read;
	void *write;
	void *read_iter;
	void *write_iter;
	void *poll;
	void *unlocked_ioctl;
	void *compat_ioctl;
	void *mmap;
	void *open;
	void *flush;
	void *release;
	void *fsync;
	void *flock;
	void *fallocate;
};

struct file_operations___new { /* 6.16 and later */
	void *mmap_prepare;
};

struct proc_ops {
	void *proc_open;
	void *proc_read;
	void *proc_read_iter;
	void *proc_write;
	void *proc_lseek;
	void *proc_release;
	void *proc_poll;
	void *proc_ioctl;
	void *proc_compat_ioctl;
	void *proc_mmap;
};

struct proc_dir_entry {
	const struct proc_ops *proc_ops;
	void *seq_ops; /* single_show is in the same place */
	void *write;
};

struct proc_inode {
	struct proc_dir_entry *pde;
	struct inode vfs_inode;
};

struct seq_operations {
	void *show;
};

struct seq_file {
	const struct seq_operations *op;
};

struct simple_attr {
	void *get;
	void *set;
};

struct debugfs_fsdata {
	const void *real_fops;
};

struct debugfs_fsdata___new { /* 6.13 and later */
	const void *short_fops;
};

struct debugfs_short_fops {
	void *read;
	void *write;
	void *llseek;
};

struct sysfs_ops {
	void *show;
	void *store;
};

struct kobj_type {
	const struct sysfs_ops *sysfs_ops;
};

struct kobject {
	const struct kobj_type *ktype;
};

struct kernfs_node {
	void *priv;
};

struct kernfs_node___old {
	struct kernfs_node *parent;
};

struct kernfs_node___new { /* 6.15 and later */
	struct kernfs_node *__parent;
};

/* kobj_attribute, driver_attribute and the others have the same beginning. */
struct device_attribute {
	void *show;
	void *store;
};

struct bin_attribute {
	void *read;
	void *write;
	void *mmap;
};

struct kernel_param_ops {
	void *set;
	void *get;
};

struct kernel_param {
	const struct kernel_param_ops *ops;
};

struct param_attribute {
	const struct kernel_param *param;
};

struct proto_ops {
	void *release;
	void *bind;
	void *connect;
	void *accept;
	void *getname;
	void *poll;
	void *ioctl;
	void *compat_ioctl;
	void *listen;
	void *shutdown;
	void *setsockopt;
	void *getsockopt;
	void *sendmsg;
	void *recvmsg;
	void *mmap;
};

struct proto {
	void *close;
	void *connect;
	void *ioctl;
	void *setsockopt;
	void *getsockopt;
	void *sendmsg;
	void *recvmsg;
	void *bind;
};

struct sock_common {
	unsigned short skc_family;
	struct proto *skc_prot;
};

struct sock {
	struct sock_common __sk_common;
};

struct socket {
	short type;
	struct sock *sk;
	const struct proto_ops *ops;
};

struct block_device_operations {
	void *submit_bio;
	void *open;
	void *release;
	void *ioctl;
	void *compat_ioctl;
};

struct blk_mq_ops {
	void *queue_rq;
};

struct request_queue {
	const struct blk_mq_ops *mq_ops;
};

struct gendisk {
	const struct block_device_operations *fops;
	struct request_queue *queue;
};

struct block_device {
	struct gendisk *bd_disk;
};

struct bdev_inode {
	struct block_device bdev;
	struct inode vfs_inode;
};

struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

struct vm_area_struct___old { /* up to 6.0 */
	struct rb_node vm_rb;
};

struct mm_struct___old {
	struct rb_root mm_rb;
};

struct maple_tree {
	void *ma_root;
};

struct mm_struct___new {
	struct maple_tree mm_mt;
};

/* A leaf, too. */
struct maple_range_64 {
	unsigned long pivot[15];
	void *slot[16];
};

struct maple_arange_64 {
	unsigned long pivot[9];
	void *slot[10];
};

struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	long id;
	long ret;
};

struct trace_event_raw_task_newtask {
	int pid;
	__u64 clone_flags; /* unsigned long up to 6.17 */
};

#pragma clang attribute pop

#endif /* KMODLAB_KERNELFILES_H */
