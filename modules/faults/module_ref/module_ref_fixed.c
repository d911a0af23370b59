// SPDX-License-Identifier: GPL-2.0
/*
 * module_ref_fixed - puts the reference that it takes to itself
 *
 * Purpose
 *	Like module_ref.c, but module_put() follows try_module_get().
 *
 *	To see the difference: diff -u module_ref.c module_ref_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/module_ref --load module_ref_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

static int __init module_ref_init(void)
{
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	module_put(THIS_MODULE);
	return 0;
}

static void __exit module_ref_exit(void)
{
}

module_init(module_ref_init);
module_exit(module_ref_exit);

MODULE_DESCRIPTION("Puts the reference that it takes to itself");
MODULE_LICENSE("GPL");
