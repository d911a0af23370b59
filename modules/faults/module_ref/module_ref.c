// SPDX-License-Identifier: GPL-2.0
/*
 * module_ref - takes a reference to itself and keeps it
 *
 * Purpose
 *	try_module_get() without module_put(): the module can no longer be
 *	unloaded.
 *
 * Usage
 *	kmodlab run modules/faults/module_ref --load module_ref
 *
 * What you will see
 *	modprobe -r says "in use" although lsmod shows no user; the verdict is
 *	leak and names module_ref_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

static int __init module_ref_init(void)
{
	if (!try_module_get(THIS_MODULE)) /* fault */
		return -ENODEV;
	return 0;
}

static void __exit module_ref_exit(void)
{
}

module_init(module_ref_init);
module_exit(module_ref_exit);

MODULE_DESCRIPTION("Takes a reference to itself and keeps it");
MODULE_LICENSE("GPL");
