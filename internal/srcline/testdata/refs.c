// SPDX-License-Identifier: GPL-2.0
/* Counts users of an object as the kernel's inlined functions do, for atomic_test.go. */
struct task_struct {
	long before[5];
	int usage;
	long behind;
};

void freed(struct task_struct *t);
struct task_struct *found(void);

static inline __attribute__((always_inline)) struct task_struct *get_task_struct(struct task_struct *t)
{
	int one = 1;

	asm volatile("lock; xaddl %0, %1" : "+r"(one), "+m"(t->usage) : : "memory", "cc");
	if (one == 0)
		freed(0);
	return t;
}

static inline __attribute__((always_inline)) void put_task_struct(struct task_struct *t)
{
	int one = -1;

	asm volatile("lock; xaddl %0, %1" : "+r"(one), "+m"(t->usage) : : "memory", "cc");
	if (one == 1)
		freed(t);
}

static struct task_struct *kept;

int take(void)
{
	kept = found();
	get_task_struct(kept);
	return 0;
}

__attribute__((section(".exit.text"))) void drop(void)
{
	struct task_struct *t = kept;

	freed(0);
	put_task_struct(t);
}
