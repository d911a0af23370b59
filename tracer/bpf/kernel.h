/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The few kernel types that the programs read, with only the fields that they
 * read. preserve_access_index makes every access a CO-RE relocation, so the order
 * and the offsets here do not matter, only names and types do. What follows three
 * underscores is ignored: it tells apart the shapes that a type has in different
 * kernels.
 *
 * Written for this project from the kernel's public structure names, so that the
 * repository needs no vmlinux.h of several megabytes.
 */
#ifndef KMODLAB_KERNEL_H
#define KMODLAB_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* The UAPI values that the programs use (include/uapi/linux/bpf.h). */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum { BPF_ANY = 0 };

/* Flags of bpf_ringbuf_submit, and what bpf_ringbuf_query can be asked for. */
enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
};

/* The running kernel is asked for these helpers, added in 5.11 and 5.17. */
enum bpf_func_id___kernel {
	BPF_FUNC_get_current_task_btf___kernel = 158,
	BPF_FUNC_get_func_ret___kernel = 184,
};

#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

/* Bit numbers of kthread.flags, an enum without a name (kernel/kthread.c). */
#define KTHREAD_SHOULD_PARK 2

/* signal_struct.flags (include/linux/sched/signal.h) */
#define SIGNAL_GROUP_EXIT 0x00000004
#define SIGNAL_UNKILLABLE 0x00000040

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

struct signal_struct {
	atomic_t live;
	unsigned int flags;
	struct sigpending shared_pending;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct kernel_siginfo { /* the union has no name in some kernels; see sender_of */
	int si_signo;
	int si_errno;
	int si_code;
};

struct task_struct {
	void *stack;
	unsigned int flags;
	int pid;
	int tgid;
	int exit_code;
	void *worker_private; /* struct kthread of a kernel thread, 5.17 and later */
	int *set_child_tid; /* the same before 5.17 */
	char comm[16];
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	sigset_t blocked;
	struct sigpending pending;
};

struct task_struct___state { /* 5.14 and later */
	unsigned int __state;
};

struct task_struct___old {
	long state;
};

struct kthread {
	unsigned long flags;
	int result; /* 5.17 and later; before, it is in exit_code of the task */
	int (*threadfn)(void *data);
};

struct kthread_create_info {
	int (*threadfn)(void *data);
	void *data;
	void *done; /* struct completion on the requester's stack */
};

struct kthread_worker {
	struct task_struct *task;
};

struct kthread_work {
	void (*func)(struct kthread_work *work);
};

struct cpumask {
	unsigned long bits[1];
};

struct subprocess_info {
	const char *path;
	char **argv;
	char **envp;
	int retval;
};

struct linux_binprm {
	const char *filename;
};

struct module_layout { /* up to 6.3 */
	void *base;
	unsigned int size;
	unsigned int text_size;
};

struct module_memory { /* 6.4 and later */
	void *base;
	unsigned int size;
};

enum mod_mem_type {
	MOD_TEXT = 0,
	MOD_DATA = 1,
	MOD_RODATA = 2,
	MOD_RO_AFTER_INIT = 3,
	MOD_INIT_TEXT = 4,
};

struct module {
	char name[56];
	atomic_t refcnt; /* one more than its users (MODULE_REF_BASE) */
};

struct module___old {
	struct module_layout core_layout;
	struct module_layout init_layout;
};

struct module___new {
	struct module_memory mem[7];
};

struct pt_regs {
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long cx;
	unsigned long bx;
	unsigned long bp;
	unsigned long r8;
	unsigned long r9;
	unsigned long r10;
	unsigned long ax;
	unsigned long ip;
};

/*
 * The records of classic tracepoints. A __data_loc field holds the length of a
 * text and, in its lower half, the offset of the text from the beginning.
 */
struct trace_event_raw_module_request {
	unsigned long ip;
	bool wait;
	__u32 __data_loc_name;
};

struct trace_event_raw_module_refcnt {
	unsigned long ip;
	int refcnt;
	__u32 __data_loc_name;
};

struct trace_event_raw_sched_process_exec {
	__u32 __data_loc_filename;
	int old_pid;
};

struct trace_event_raw_sched_kthread_work_execute_start {
	void *work;
	void *function;
};

struct trace_event_raw_sched_kthread_work_execute_end {
	void *work;
	void *function;
};

#pragma clang attribute pop

#endif /* KMODLAB_KERNEL_H */
