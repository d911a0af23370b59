/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The binary layout of one record. tracer/event decodes it and repeats the
 * numbers; TestLayout there reads the BTF of this file and fails if they differ.
 *
 * A record is a header, followed by the parts that the bits in its field parts
 * name, in the order text, stack, args, env. All numbers are little endian.
 */
#ifndef KMODLAB_RECORD_H
#define KMODLAB_RECORD_H

#define TASK_COMM_LEN 16
#define TEXT_LEN 64 /* longer names are cut; MODULE_NAME_LEN is 56 */
#define STACK_DEPTH 12 /* innermost frames; 0 ends a shorter stack */
#define ARGS_MAX 6 /* the kernel's modprobe call has 4 */
#define ENV_MAX 4 /* the same call sets 3 variables */
#define ARG_LEN 64
#define NUMBERS_MAX 8

enum part {
	PART_TEXT = 1,
	PART_STACK = 2,
	PART_ARGS = 4,
	PART_ENV = 8,
	PART_NUMBERS = 16,
};

enum task_flag {
	TASK_KTHREAD = 1,
};

/* Keep in step with Kind in tracer/event. */
enum kind {
	INVALID,
	THREAD_REQUESTED,
	THREAD_PICKED_UP,
	THREAD_FORKED,
	THREAD_FIRST_RUN,
	THREAD_CREATED,
	THREAD_WOKEN,
	THREAD_FUNCTION,
	THREAD_STOP_ASKED,
	THREAD_STOP_SEEN,
	THREAD_STOP_RETURNED,
	TASK_EXITED,
	TASK_FREED,
	REQUEST_ASKED,
	REQUEST_NAMED,
	REQUEST_ADMITTED,
	REQUEST_RETURNED,
	HELPER_QUEUED,
	HELPER_FORKED,
	HELPER_WAITED,
	HELPER_RETURNED,
	TASK_EXECED,
	MODULE_LOADED,
	MODULE_INIT_BEGIN,
	MODULE_INIT_END,
	MODULE_FREED,
	SIGNAL_SENT,
	SIGNAL_GENERATED,
	SIGNAL_DEQUEUED,
	SIGNAL_FLUSHED,
	SIGNAL_DELIVERED,
	SIGNAL_ALLOWED,
	THREAD_BOUND,
	THREAD_PARK_ASKED,
	THREAD_PARKED,
	THREAD_PARK_RETURNED,
	THREAD_UNPARKED,
	WORK_QUEUED,
	WORK_STARTED,
	WORK_ENDED,
	REQUEST_DUPLICATE,
	MODULE_GOT,
	MODULE_PUT,
	TAINTED,
	PROCESS_FORKED,
	PROCESS_FAULTED,
	FILE_MET,
	CALL_ENTERED,
	CALL_RETURNED,
	CALL_COUNTED,
	PROCESS_WOKE,
	WAKES_COUNTED,
	NUM_KINDS,
};

/*
 * What a system call does to a file: which function of the file's operations
 * serves it depends on that. Keep in step with Op in tracer/event.
 */
enum op {
	OP_NONE,
	OP_OPEN,
	OP_CLOSE,
	OP_READ,
	OP_READV,
	OP_WRITE,
	OP_WRITEV,
	OP_LSEEK,
	OP_IOCTL,
	OP_MMAP,
	OP_POLL,
	OP_FSYNC,
	OP_FLOCK,
	OP_FALLOCATE,
	OP_SOCKET,
	OP_BIND,
	OP_CONNECT,
	OP_LISTEN,
	OP_ACCEPT,
	OP_GETNAME,
	OP_SEND,
	OP_RECEIVE,
	OP_SETSOCKOPT,
	OP_GETSOCKOPT,
	OP_SHUTDOWN,
	NUM_OPS,
};

/* Where a system call has its file, if that is not the number of an argument. */
enum where {
	FILE_RETURNED = 16, /* as the result */
	FILE_POLLED = 17, /* in an array of struct pollfd */
	FILE_SELECTED = 18, /* in sets of descriptors */
};

/* In arg of CALL_ENTERED and CALL_RETURNED, beside the number of the system call. */
#define CALL_COMPAT 0x80000000 /* of a 32-bit program: the number is one of theirs */
#define CALL_RELEASE 0x0000ffff /* no system call: the last reference to a file is dropped */

/* Bits of data in SIGNAL_SENT. */
enum sent {
	SENT_BLOCKED = 1,
	SENT_PENDING = 2,
	SENT_EXITING = 4,
	SENT_GROUP = 8,
	SENT_FORCE = 16,
	SENT_DYING = 32,
	SENT_UNKILLABLE = 64,
};

struct record {
	__u64 time; /* bpf_ktime_get_ns: CLOCK_MONOTONIC */
	__u16 kind;
	__u8 parts;
	__u8 by_flags;
	__u8 target_flags;
	__u8 result; /* of SIGNAL_SENT: signal_generate's result plus 1; else 0 */
	__u8 pad[2];
	__u32 cpu;
	__u32 arg;
	__u32 pid;
	__u32 tgid;
	__u32 target_pid;
	__u32 target_tgid;
	char comm[TASK_COMM_LEN];
	char target_comm[TASK_COMM_LEN];
	__u64 ptr;
	__u64 func;
	__u64 data;
	__u64 aux;
	__s64 ret;
	__u64 task; /* task_struct of the task that runs */
	__u64 target_task;
};

struct record_text {
	struct record r;
	char text[TEXT_LEN];
};

struct record_stack {
	struct record r;
	__u64 stack[STACK_DEPTH];
};

struct record_text_stack {
	struct record r;
	char text[TEXT_LEN];
	__u64 stack[STACK_DEPTH];
};

struct record_args {
	struct record r;
	char text[TEXT_LEN];
	char args[ARGS_MAX][ARG_LEN];
	char env[ENV_MAX][ARG_LEN];
};

struct record_numbers {
	struct record r;
	__u64 numbers[NUMBERS_MAX];
};

#endif /* KMODLAB_RECORD_H */
