/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Maps that all programs share, and the few lines that every record needs.
 *
 * Two rings: lives (threads, requests, modules) are few and precious, and must
 * find room while signals and works come by the hundred thousand.
 *
 * BPF ring buffers count no losses, so each failed reserve is counted here by
 * kind. Each hook also counts its calls in fired[], before any filter: a hook
 * that attached but never fires is worth nothing.
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
	__uint(max_entries, 1 << 20); /* the loader may choose another size */
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

/* What the loader sets while the programs are attached; see tracer.Tracer. */
enum control {
	/* The tracer stops: the programs stay attached (detaching waits for RCU),
	 * and a flood must not keep the reader from coming to an end. */
	STOPPED,
	/* signal_generate is not attached: a send waits for no decision. */
	SENDS_ALONE,
	NUM_CONTROLS,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NUM_CONTROLS);
	__type(key, __u32);
	__type(value, __u32);
} control SEC(".maps");

static __always_inline bool is_set(enum control which)
{
	__u32 key = which, *value = bpf_map_lookup_elem(&control, &key);

	return value && *value;
}

static __always_inline void count(void *map, __u32 index)
{
	__u64 *n = bpf_map_lookup_elem(map, &index);

	if (n)
		*n += 1;
}

/* Exact also where an interrupt's program comes between. */
static __always_inline void count_lost(__u32 kind)
{
	__u64 *n = bpf_map_lookup_elem(&lost, &kind);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/*
 * The loader numbers the hooks: hook_NAME holds NAME's index. A hook may have
 * several programs, NAME and NAME__other, of which the loader picks one.
 */
#define HOOK(name) const volatile __u32 hook_##name = 0

#define FIRED(name) count(&fired, hook_##name)

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/*
 * A field, read by a load where the verifier knows the pointer's type (typed:
 * it came from ctx of a fentry, fexit or tp_btf program), else by a helper,
 * which costs several times as much.
 */
#define GET(typed, p, field) ((typed) ? (p)->field : BPF_CORE_READ(p, field))

/* bpf_get_current_task_btf came in 5.11. */
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

/* The task that runs: a typed pointer saves a helper for each field. */
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

/* A constant for a constant kind, so the compiler leaves one ring. */
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
 * Waking the reader is the dear part of a record, and on a preemptible kernel
 * the reader then runs at once, inside the program: the kernel skips a program
 * that is under way on its CPU, so other tasks' events would be missed (on 7.3,
 * 13 of 268 exits). So the readers look by themselves some times a second, and
 * are woken only when much has come: once, while the ring's filling passes a
 * window that no single record can jump over.
 */
#define WAKE_AT (256 << 10)
#define WAKE_WINDOW (8 << 10)

static __always_inline void submit(void *r, enum kind kind)
{
	__u64 filled = is_bulk(kind) ? bpf_ringbuf_query(&bulk, BPF_RB_AVAIL_DATA) :
				       bpf_ringbuf_query(&life, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(r, filled - WAKE_AT < WAKE_WINDOW ? BPF_RB_FORCE_WAKEUP :
							       BPF_RB_NO_WAKEUP);
}

/* The helper itself zeroes what it could not fill; a zero ends the stack. */
static __always_inline void fill_stack(void *ctx, __u64 *stack)
{
	bpf_get_stack(ctx, stack, STACK_DEPTH * sizeof(*stack), 0);
}

static __always_inline void fill_text(char *text, const void *from)
{
	if (bpf_probe_read_kernel_str(text, TEXT_LEN, from) < 0)
		text[0] = 0;
}

/* The text of a classic tracepoint's field: see trace_event_raw_* in kernel.h. */
#define DATA_LOC(ctx, field) ((const char *)(ctx) + (BPF_CORE_READ(ctx, __data_loc_##field) & 0xffff))

/* The macros keep each record's size a constant, which the verifier wants. */
#define NEW_RECORD(type, kind_, parts_)                               \
	({                                                            \
		struct type *__rec = reserve(kind_, sizeof(struct type)); \
		if (__rec)                                            \
			fill((struct record *)__rec, kind_, parts_);  \
		__rec;                                                \
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

static __always_inline struct record_text_stack *
new_text_stack(enum kind kind, void *ctx, const void *text)
{
	struct record_text_stack *r =
		NEW_RECORD(record_text_stack, kind, PART_TEXT | PART_STACK);

	if (!r)
		return NULL;
	fill_text(r->text, text);
	fill_stack(ctx, r->stack);
	return r;
}

/*
 * Arguments of a fentry or fexit program are ctx[n], which the verifier refuses
 * for pointers to functions ("FUNC_PROTO is not a struct") and, on 5.10, to
 * integers. To read the same slot as memory is allowed on every kernel, where
 * bpf_get_func_arg needs 5.17.
 */
static __always_inline __u64 raw_arg(__u64 *ctx, __u32 n)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), ctx + n);
	return value;
}

/*
 * What the function of a fexit program returned. It lies behind the arguments,
 * whose number differs between kernels for some functions; nargs is the number
 * before 5.17, which brought a helper that knows.
 */
#define RETURNED(ctx, nargs)                                                       \
	({                                                                         \
		__u64 __value = 0;                                                 \
		if (bpf_core_enum_value_exists(enum bpf_func_id___kernel,          \
					       BPF_FUNC_get_func_ret___kernel))    \
			bpf_get_func_ret(ctx, &__value);                           \
		else                                                               \
			__value = raw_arg(ctx, nargs);                             \
		__value;                                                           \
	})

#endif /* KMODLAB_EMIT_H */
