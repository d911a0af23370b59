// SPDX-License-Identifier: GPL-2.0
/*
 * kstrdup_leak_fixed - frees its string from kstrdup()
 *
 * Purpose
 *	Like kstrdup_leak.c, but the exit function frees the string with
 *	kfree().
 *
 *	To see the difference: diff -u kstrdup_leak.c kstrdup_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/kstrdup_leak --load kstrdup_leak_fixed
 *
 * What you will see
 *	The verdict is pass.
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
	name = kstrdup("ten of it.", GFP_KERNEL);
	return name ? 0 : -ENOMEM;
}

static void __exit kstrdup_leak_exit(void)
{
	kfree(name);
}

module_init(kstrdup_leak_init);
module_exit(kstrdup_leak_exit);

MODULE_DESCRIPTION("Frees its string from kstrdup()");
MODULE_LICENSE("GPL");
