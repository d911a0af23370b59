// SPDX-License-Identifier: GPL-2.0
/*
 * kstrdup_leak - does not free a string from kstrdup()
 *
 * Purpose
 *	kstrdup() allocates memory that its caller has to free.
 *
 * Usage
 *	kmodlab run modules/faults/kstrdup_leak --load kstrdup_leak
 *
 * What you will see
 *	The verdict is leak: 11 bytes allocated in kstrdup_leak_init.
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
}

module_init(kstrdup_leak_init);
module_exit(kstrdup_leak_exit);

MODULE_DESCRIPTION("Does not free a string from kstrdup()");
MODULE_LICENSE("GPL");
