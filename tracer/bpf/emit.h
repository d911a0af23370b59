/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The maps that all programs share, and the code that every record needs.
 *
 * There are two rings. Records about threads, requests and modules are few and
 * important; they need room even while signals and works arrive by the hundred
 * thousand.
 *
 * A BPF ring buffer does not count what it loses, so each failed reserve is
 * counted here, by kind. Each hook also counts its calls in fired[], before any
 * filter: a hook that is attached but never fires proves nothing.
 */
#ifndef KMODLAB_EMIT_H
#define KMODLAB_EMIT_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "record.h"

#define MAX_HOOKS 64

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* the loader may set another size */
} life SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* the same */
} bulk SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NUM_KINDS);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_HOOKS);
	__type(key, __u32);
	__type(value, __u64);
} fired SEC(".maps");

/* Switches that the loader sets while the programs are attached; see tracer.Tracer. */
enum control {
	/*
	 * The tracer is stopping. The programs stay attached, because detaching
	 * waits for RCU, but a flood of records must not keep the reader busy.
	 */
	STOPPED,
	/* signal_generate is not attached, so no decision will follow a send. */
	SENDS_ALONE,
	/* The pid of a followed task; see sweep in calls.bpf.h. */
	SWEEP,
	NUM_CONTROLS,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NUM_CONTROLS);
	__type(key, __u32);
	__type(value, __u32);
} control SEC(".maps");

static __always_inline __u32 get_control(enum control which)
{
	__u32 key = which, *value = bpf_map_lookup_elem(&control, &key);

	return value ? *value : 0;
}

static __always_inline bool is_set(enum control which)
{
	return get_control(which) != 0;
}

/* The process that reads the rings. */
const volatile __u32 tracer_tgid = 0;

static __always_inline void count(void *map, __u32 index)
{
	__u64 *n = bpf_map_lookup_elem(map, &index);

	if (n)
		*n += 1;
}

/* Atomic, because a program may run in an interrupt on the same CPU. */
static __always_inline void count_lost(__u32 kind)
{
	__u64 *n = bpf_map_lookup_elem(&lost, &kind);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/*
 * The loader numbers the hooks: hook_NAME holds the index of NAME. A hook may have
 * several programs, NAME and NAME__other; the loader picks one of them.
 */
#define HOOK(name) const volatile __u32 hook_##name = 0

#define FIRED(name) count(&fired, hook_##name)

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/*
 * Reads a field. If typed is true, the verifier knows the type of the pointer (it
 * came from the ctx of a fentry, fexit or tp_btf program), and a plain load does.
 * Otherwise a helper is called, which costs several times as much.
 */
#define GET(typed, p, field) ((typed) ? (p)->field : BPF_CORE_READ(p, field))

/* bpf_get_current_task_btf was added in 5.11. */
static __always_inline bool has_typed_current(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id___kernel,
					  BPF_FUNC_get_current_task_btf___kernel);
}

static __always_inline bool current_is_kthread(void)
{
	if (has_typed_current())
		return bpf_get_current_task_btf()->flags & PF_KTHREAD;
	return BPF_CORE_READ(current_task(), flags) & PF_KTHREAD;
}

/* Describes the current task. A typed pointer saves one helper call per field. */
static __always_inline void fill_current(struct record *r)
{
	struct task_struct *t;
	__u64 id;

	if (has_typed_current()) {
		t = bpf_get_current_task_btf();
		r->pid = t->pid;
		r->tgid = t->tgid;
		r->task = (__u64)t;
		r->by_flags = t->flags & PF_KTHREAD ? TASK_KTHREAD : 0;
	} else {
		id = bpf_get_current_pid_tgid();
		r->pid = (__u32)id;
		r->tgid = id >> 32;
		r->task = (__u64)current_task();
		r->by_flags = current_is_kthread() ? TASK_KTHREAD : 0;
	}
	bpf_get_current_comm(r->comm, sizeof(r->comm));
}

static __always_inline void fill(struct record *r, enum kind kind, __u8 parts)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->time = bpf_ktime_get_ns();
	r->kind = kind;
	r->parts = parts;
	r->cpu = bpf_get_smp_processor_id();
	fill_current(r);
}

static __always_inline void fill_target_as(struct record *r, struct task_struct *t, bool typed)
{
	r->target_task = (__u64)t;
	r->target_pid = GET(typed, t, pid);
	r->target_tgid = GET(typed, t, tgid);
	if (GET(typed, t, flags) & PF_KTHREAD)
		r->target_flags = TASK_KTHREAD;
	bpf_probe_read_kernel(&r->target_comm, sizeof(r->target_comm), &t->comm);
}

static __always_inline void fill_target(struct record *r, struct task_struct *t)
{
	fill_target_as(r, t, false);
}

/* For a constant kind the result is a constant, so the compiler drops the other ring. */
static __always_inline bool is_bulk(enum kind kind)
{
	switch (kind) {
	case SIGNAL_SENT:
	case SIGNAL_GENERATED:
	case SIGNAL_DEQUEUED:
	case SIGNAL_FLUSHED:
	case SIGNAL_DELIVERED:
	case WORK_QUEUED:
	case WORK_STARTED:
	case WORK_ENDED:
	case MODULE_GOT:
	case MODULE_PUT:
	case FILE_MET: /* before the first call on it, which has the same time */
	case CALL_ENTERED:
	case CALL_RETURNED:
	case PROCESS_WOKE:
		return true;
	default:
		return false;
	}
}

static __always_inline void *reserve(enum kind kind, __u64 size)
{
	void *r;

	if (is_set(STOPPED))
		return NULL;
	if (is_bulk(kind))
		r = bpf_ringbuf_reserve(&bulk, size, 0);
	else
		r = bpf_ringbuf_reserve(&life, size, 0);
	if (!r)
		count_lost(kind);
	return r;
}

/*
 * Waking the reader is the expensive part of a record. On a preemptible kernel
 * the reader also preempts the program at once, and the kernel skips a program
 * that is already running on the CPU, so events of other tasks would be missed
 * (on 7.3, 13 of 268 exits). Therefore the readers poll a few times a second and
 * are woken only when a ring fills up: while its fill level is inside a window
 * that is larger than any record, so that none can jump over it.
 */
#define WAKE_AT (256 << 10)
#define WAKE_WINDOW (8 << 10)

static __always_inline void submit(void *r, enum kind kind)
{
	__u64 filled = is_bulk(kind) ? bpf_ringbuf_query(&bulk, BPF_RB_AVAIL_DATA) :
				       bpf_ringbuf_query(&life, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(r,
			   filled - WAKE_AT < WAKE_WINDOW ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* The helper zeroes what it does not fill, and a zero ends the stack. */
static __always_inline void fill_stack(void *ctx, __u64 *stack)
{
	bpf_get_stack(ctx, stack, STACK_DEPTH * sizeof(*stack), 0);
}

static __always_inline void fill_text(char *text, const void *from)
{
	if (bpf_probe_read_kernel_str(text, TEXT_LEN, from) < 0)
		text[0] = 0;
}

/* The text of a classic tracepoint's field; see trace_event_raw_* in kernel.h. */
#define DATA_LOC(ctx, field) \
	((const char *)(ctx) + (BPF_CORE_READ(ctx, __data_loc_##field) & 0xffff))

/* A macro, because the verifier wants the size of a record to be a constant. */
#define NEW_RECORD(type, kind_, parts_)                                   \
	({                                                                \
		struct type *__rec = reserve(kind_, sizeof(struct type)); \
		if (__rec)                                                \
			fill((struct record *)__rec, kind_, parts_);      \
		__rec;                                                    \
	})

static __always_inline struct record *new_bare(enum kind kind)
{
	return NEW_RECORD(record, kind, 0);
}

static __always_inline struct record_text *new_text(enum kind kind, const void *text)
{
	struct record_text *r = NEW_RECORD(record_text, kind, PART_TEXT);

	if (r)
		fill_text(r->text, text);
	return r;
}

static __always_inline struct record_stack *new_stack(enum kind kind, void *ctx)
{
	struct record_stack *r = NEW_RECORD(record_stack, kind, PART_STACK);

	if (r)
		fill_stack(ctx, r->stack);
	return r;
}

static __always_inline struct record_text_stack *new_text_stack(enum kind kind, void *ctx,
								const void *text)
{
	struct record_text_stack *r = NEW_RECORD(record_text_stack, kind, PART_TEXT | PART_STACK);

	if (!r)
		return NULL;
	fill_text(r->text, text);
	fill_stack(ctx, r->stack);
	return r;
}

/*
 * The arguments of a fentry or fexit program are ctx[n]. The verifier refuses to
 * load a pointer to a function ("FUNC_PROTO is not a struct") and, on 5.10, a
 * pointer to an integer. Every kernel allows to read the same slot as memory;
 * bpf_get_func_arg would need 5.17.
 */
static __always_inline __u64 raw_arg(__u64 *ctx, __u32 n)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), ctx + n);
	return value;
}

/*
 * The value that the function of a fexit program returned. It follows the
 * arguments in ctx, and some functions have more of them in some kernels. 5.17
 * added a helper that finds it; nargs is the number of arguments before 5.17.
 */
#define RETURNED(ctx, nargs)                                                    \
	({                                                                      \
		__u64 __value = 0;                                              \
		if (bpf_core_enum_value_exists(enum bpf_func_id___kernel,       \
					       BPF_FUNC_get_func_ret___kernel)) \
			bpf_get_func_ret(ctx, &__value);                        \
		else                                                            \
			__value = raw_arg(ctx, nargs);                          \
		__value;                                                        \
	})

#endif /* KMODLAB_EMIT_H */
