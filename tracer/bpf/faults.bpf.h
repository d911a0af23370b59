/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A followed process gets a signal that ends it because of what it did itself: where
 * it was, and which file is mapped there, so that the host can name the function.
 * At that moment the memory of the process is still as it was.
 */
#ifndef KMODLAB_FAULTS_BPF_H
#define KMODLAB_FAULTS_BPF_H

#include "calls.h"

/* SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV and SIGSYS. */
#define FATAL_SIGNALS (1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 11 | 1U << 31)

/* Where the registers of user mode are if the kernel has no helper that says it (before 5.15). */
#define OLD_STACK_SIZE (16 << 10)
#define OLD_REGISTERS_SIZE 168

static __always_inline __u64 user_ip(void)
{
	struct task_struct *t = current_task();
	struct pt_regs *regs;
	void *stack;

	if (bpf_core_enum_value_exists(enum bpf_func_id___regs, BPF_FUNC_task_pt_regs___regs)) {
		regs = (void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf());
	} else {
		stack = BPF_CORE_READ(t, stack);
		regs = stack + OLD_STACK_SIZE - OLD_REGISTERS_SIZE;
	}
	return BPF_CORE_READ(regs, ip);
}

#define TREE_DEPTH 24 /* of 65536 areas, twice the depth of a perfect tree and less */

/* Up to 6.0 the areas of memory are in a red-black tree. */
static __always_inline struct vm_area_struct *find_in_rb(struct mm_struct___old *mm, __u64 addr)
{
	struct rb_node *node = BPF_CORE_READ(mm, mm_rb.rb_node);
	struct vm_area_struct *vma;
	int i;

	for (i = 0; i < TREE_DEPTH; i++) {
		if (!node)
			return NULL;
		vma = (void *)node - bpf_core_field_offset(struct vm_area_struct___old, vm_rb);
		if (addr < BPF_CORE_READ(vma, vm_start))
			node = BPF_CORE_READ(node, rb_left);
		else if (addr >= BPF_CORE_READ(vma, vm_end))
			node = BPF_CORE_READ(node, rb_right);
		else
			return vma;
	}
	return NULL;
}

/* The lower 8 bits of a pointer to a node say what it is (lib/maple_tree.c). */
#define MAPLE_NODE_MASK 255ULL
#define MAPLE_TYPE_SHIFT 3
#define MAPLE_TYPE_MASK 15
#define MAPLE_RANGE_64 2 /* lower types are leaves */
#define MAPLE_ARANGE_64 3
#define MAPLE_DEPTH 6
#define MAPLE_SLOTS 16
#define MAPLE_ARANGE_SLOTS 10

/* The slot of a node for an address: that of the first pivot that is not below it. */
static __noinline __u64 maple_slot(__u64 entry, __u64 addr)
{
	bool arange = (entry >> MAPLE_TYPE_SHIFT & MAPLE_TYPE_MASK) == MAPLE_ARANGE_64;
	__u32 slots = arange ? MAPLE_ARANGE_SLOTS : MAPLE_SLOTS, i;
	__u64 node = entry & ~MAPLE_NODE_MASK, pivot, slot = 0;

	for (i = 0; i < MAPLE_SLOTS - 1; i++) {
		if (i >= slots - 1)
			break;
		pivot = 0;
		if (arange)
			bpf_probe_read_kernel(&pivot, sizeof(pivot),
					      (void *)node +
						      bpf_core_field_offset(struct maple_arange_64,
									    pivot) +
						      i * sizeof(pivot));
		else
			bpf_probe_read_kernel(
				&pivot, sizeof(pivot),
				(void *)node + bpf_core_field_offset(struct maple_range_64, pivot) +
					i * sizeof(pivot));
		if (addr <= pivot || (i > 0 && !pivot))
			break;
	}
	node += i * sizeof(slot);
	if (arange)
		node += bpf_core_field_offset(struct maple_arange_64, slot);
	else
		node += bpf_core_field_offset(struct maple_range_64, slot);
	bpf_probe_read_kernel(&slot, sizeof(slot), (void *)node);
	return slot;
}

static __always_inline struct vm_area_struct *find_in_maple(struct mm_struct___new *mm, __u64 addr)
{
	__u64 entry = (__u64)BPF_CORE_READ(mm, mm_mt.ma_root);
	__u32 type;
	int i;

	/* xa_is_node: only the root has this mark, nodes below it have none. */
	if ((entry & 3) != 2)
		return NULL;
	for (i = 0; i < MAPLE_DEPTH; i++) {
		if (entry < 4096) /* an empty slot, or a reserved one */
			return NULL;
		type = entry >> MAPLE_TYPE_SHIFT & MAPLE_TYPE_MASK;
		entry = maple_slot(entry, addr);
		if (type < MAPLE_RANGE_64)
			return entry < 4096 ? NULL : (struct vm_area_struct *)entry;
	}
	return NULL;
}

static __always_inline struct vm_area_struct *find_area(__u64 addr)
{
	struct task_struct___files *t = (void *)current_task();
	struct mm_struct___old *old = (void *)BPF_CORE_READ(t, mm);
	struct mm_struct___new *new = (void *)old;

	if (bpf_core_field_exists(old->mm_rb))
		return find_in_rb(old, addr);
	return find_in_maple(new, addr);
}

/* As programs name the file. */
static __always_inline void fill_file(struct record_args *r, struct file *file)
{
	struct backing_file *backing = (void *)file;
	struct file___mode *f = (void *)file;

	if (bpf_core_field_exists(backing->user_path) && BPF_CORE_READ(f, f_mode) & FMODE_BACKING)
		fill_path(r, BPF_CORE_READ(backing, user_path.dentry),
			  BPF_CORE_READ(backing, user_path.mnt));
	else
		fill_path(r, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
}

/* The siginfo of a fault holds its address where that of a send holds the sender. */
#define SIGINFO_ADDR 16

static __always_inline int on_fault(__u32 sig, struct kernel_siginfo *info)
{
	struct vm_area_struct *vma;
	struct record_args *r;
	struct file *file;

	r = NEW_RECORD(record_args, PROCESS_FAULTED, PART_TEXT | PART_ARGS | PART_ENV);
	if (!r)
		return 0;
	__builtin_memset(r->text, 0, sizeof(*r) - sizeof(r->r));
	r->r.arg = sig;
	r->r.func = user_ip();
	if ((__u64)info > 1) {
		r->r.ret = BPF_CORE_READ(info, si_code);
		bpf_probe_read_kernel(&r->r.ptr, sizeof(r->r.ptr), (void *)info + SIGINFO_ADDR);
	}
	vma = find_area(r->r.func);
	if (vma) {
		r->r.data = BPF_CORE_READ(vma, vm_start);
		r->r.aux = BPF_CORE_READ(vma, vm_pgoff) << PAGE_SHIFT;
		file = BPF_CORE_READ(vma, vm_file);
		if (file)
			fill_file(r, file);
	}
	submit(r, PROCESS_FAULTED);
	return 0;
}

/* Only if the process has no handler of its own. */
HOOK(process_faulted);
SEC("tp_btf/signal_deliver")
int process_faulted(__u64 *ctx)
{
	struct k_sigaction *ka = (struct k_sigaction *)ctx[2];
	__u32 sig = (__u32)ctx[0];

	FIRED(process_faulted);
	if (sig >= 32 || !((FATAL_SIGNALS >> sig) & 1) || !is_followed())
		return 0;
	if (BPF_CORE_READ(ka, sa.sa_handler))
		return 0;
	return on_fault(sig, (struct kernel_siginfo *)raw_arg(ctx, 1));
}

#endif /* KMODLAB_FAULTS_BPF_H */
