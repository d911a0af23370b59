// SPDX-License-Identifier: GPL-2.0
/*
 * kstrdup_leak - leaves a string that kstrdup gave it
 *
 * Purpose
 *	kstrdup() allocates for its caller, who has to free.
 *
 * Usage
 *	kmodlab run modules/faults/kstrdup_leak --load kstrdup_leak
 *
 * What you will see
 *	The verdict is leak: 11 bytes, taken in kstrdup_leak_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *name;

static int __init kstrdup_leak_init(void)
{
	name = kstrdup("ten of it.", GFP_KERNEL); /* fault */
	return name ? 0 : -ENOMEM;
}

static void __exit kstrdup_leak_exit(void)
{
#ifdef FIXED
	kfree(name);
#endif
}

module_init(kstrdup_leak_init);
module_exit(kstrdup_leak_exit);

MODULE_DESCRIPTION("Leaves a string that kstrdup gave it");
MODULE_LICENSE("GPL");
