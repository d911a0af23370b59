// SPDX-License-Identifier: GPL-2.0
/*
 * stack_overflow - calls itself without end
 *
 * Purpose
 *	A kernel stack has 16 KiB. Below it lies a guard page.
 *
 * Usage
 *	kmodlab run modules/faults/stack_overflow
 *
 * What you will see
 *	The verdict is oops: stack guard page was hit, in deeper; the kernel
 *	may panic behind it.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/limits.h>
#include <linux/module.h>

/* On one line: any of its instructions may be the one that meets the guard page. */
static noinline int deeper(int n) { volatile int pad[32] = { n }; return n == INT_MAX ? 0 : deeper(n + 1) + pad[0]; } /* fault */

static int __init stack_overflow_init(void)
{
	return deeper(0) > 0 ? 0 : -EINVAL;
}

static void __exit stack_overflow_exit(void)
{
}

module_init(stack_overflow_init);
module_exit(stack_overflow_exit);

MODULE_DESCRIPTION("Calls itself without end");
MODULE_LICENSE("GPL");
