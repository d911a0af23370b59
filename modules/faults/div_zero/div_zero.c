// SPDX-License-Identifier: GPL-2.0
/*
 * div_zero - divides by zero
 *
 * Purpose
 *	The processor traps; the kernel reports it as a divide error.
 *
 * Usage
 *	kmodlab run modules/faults/div_zero
 *
 * What you will see
 *	The verdict is oops: divide error in div_zero_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

static int parts;

static int __init div_zero_init(void)
{
	pr_info("%d each\n", 100 / READ_ONCE(parts)); /* fault */
	return 0;
}

static void __exit div_zero_exit(void)
{
}

module_init(div_zero_init);
module_exit(div_zero_exit);

MODULE_DESCRIPTION("Divides by zero");
MODULE_LICENSE("GPL");
