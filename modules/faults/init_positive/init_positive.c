// SPDX-License-Identifier: GPL-2.0
/*
 * init_positive - has an init that returns 1
 *
 * Purpose
 *	init returns 0 or a negative errno; 1 is neither.
 *
 * Usage
 *	kmodlab run modules/faults/init_positive
 *
 * What you will see
 *	The kernel warns and keeps the module; the verdict is load: init
 *	returned 1.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init init_positive_init(void)
{
	return 1; /* fault */
}

static void __exit init_positive_exit(void)
{
}

module_init(init_positive_init);
module_exit(init_positive_exit);

MODULE_DESCRIPTION("Has an init that returns 1");
MODULE_LICENSE("GPL");
