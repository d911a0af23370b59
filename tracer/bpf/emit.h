/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Maps that all programs share, and the few lines that every record needs.
 *
 * BPF ring buffers count no losses, so each failed reserve is counted here by
 * kind. Each program also counts its calls in fired[], before any filter: a
 * hook that attached but never fires is worth nothing.
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
} ring SEC(".maps");

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

static __always_inline void count(void *map, __u32 index)
{
	__u64 *n = bpf_map_lookup_elem(map, &index);

	if (n)
		*n += 1;
}

/* The loader numbers the programs by name: hook_NAME holds NAME's index. */
#define HOOK(name) const volatile __u32 hook_##name = 0
#define FIRED(name) count(&fired, hook_##name)

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline void fill(struct record *r, enum kind kind, __u8 parts)
{
	__u64 id = bpf_get_current_pid_tgid();

	__builtin_memset(r, 0, sizeof(*r));
	r->time = bpf_ktime_get_ns();
	r->kind = kind;
	r->parts = parts;
	r->cpu = bpf_get_smp_processor_id();
	r->pid = (__u32)id;
	r->tgid = id >> 32;
	r->task = (__u64)current_task();
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	if (BPF_CORE_READ(current_task(), flags) & PF_KTHREAD)
		r->by_flags = TASK_KTHREAD;
}

static __always_inline void fill_target(struct record *r, struct task_struct *t)
{
	r->target_task = (__u64)t;
	r->target_pid = BPF_CORE_READ(t, pid);
	r->target_tgid = BPF_CORE_READ(t, tgid);
	if (BPF_CORE_READ(t, flags) & PF_KTHREAD)
		r->target_flags = TASK_KTHREAD;
	BPF_CORE_READ_STR_INTO(&r->target_comm, t, comm);
}

static __always_inline void *reserve(enum kind kind, __u64 size)
{
	void *r = bpf_ringbuf_reserve(&ring, size, 0);

	if (!r)
		count(&lost, kind);
	return r;
}

/* The helper itself zeroes what it could not fill; a zero ends the stack. */
static __always_inline void fill_stack(void *ctx, __u64 *stack)
{
	bpf_get_stack(ctx, stack, STACK_DEPTH * sizeof(*stack), 0);
}

/* The macros keep each record's size a constant, which the verifier wants. */
#define NEW_RECORD(type, kind_, parts_)                               \
	({                                                            \
		struct type *__rec = reserve(kind_, sizeof(struct type)); \
		if (__rec)                                            \
			fill((struct record *)__rec, kind_, parts_);  \
		__rec;                                                \
	})

#define SUBMIT(rec) bpf_ringbuf_submit(rec, 0)

static __always_inline struct record *new_bare(enum kind kind)
{
	return NEW_RECORD(record, kind, 0);
}

static __always_inline struct record_text *new_text(enum kind kind, const void *text)
{
	struct record_text *r = NEW_RECORD(record_text, kind, PART_TEXT);

	if (r && bpf_probe_read_kernel_str(r->text, sizeof(r->text), text) < 0)
		r->text[0] = 0;
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
	if (bpf_probe_read_kernel_str(r->text, sizeof(r->text), text) < 0)
		r->text[0] = 0;
	fill_stack(ctx, r->stack);
	return r;
}

/*
 * Arguments of a fentry or fexit program by number. Reading them from ctx
 * directly is refused for function pointers ("FUNC_PROTO is not a struct");
 * these helpers need 5.17.
 */
static __always_inline __u64 func_arg(void *ctx, __u32 n)
{
	__u64 value = 0;

	bpf_get_func_arg(ctx, n, &value);
	return value;
}

static __always_inline __s64 func_ret(void *ctx)
{
	__u64 value = 0;

	bpf_get_func_ret(ctx, &value);
	return (__s64)value;
}

#endif /* KMODLAB_EMIT_H */
