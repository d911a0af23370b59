// SPDX-License-Identifier: GPL-2.0
/*
 * stack_overflow - recurses without end
 *
 * Purpose
 *	A kernel stack has 16 KiB, with a guard page below it.
 *
 * Usage
 *	kmodlab run modules/faults/stack_overflow
 *
 * What you will see
 *	The verdict is oops: stack guard page was hit, in deeper; the kernel
 *	may panic afterwards.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

/* On one line, because any instruction may be the one that hits the guard page. */
/* clang-format off */
static noinline int deeper(int n) { volatile int pad[32] = { n }; return n ? deeper(n + 1) + pad[0] : 0; } /* fault */
/* clang-format on */

static int __init stack_overflow_init(void)
{
	return deeper(1) > 0 ? 0 : -EINVAL;
}

static void __exit stack_overflow_exit(void)
{
}

module_init(stack_overflow_init);
module_exit(stack_overflow_exit);

MODULE_DESCRIPTION("Recurses without end");
MODULE_LICENSE("GPL");
