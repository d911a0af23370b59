// SPDX-License-Identifier: GPL-2.0
/*
 * vmalloc_leak_fixed - frees its memory from vmalloc()
 *
 * Purpose
 *	Like vmalloc_leak.c, but the exit function frees the table with vfree().
 *
 *	To see the difference: diff -u vmalloc_leak.c vmalloc_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/vmalloc_leak --load vmalloc_leak_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

static void *table;

static int __init vmalloc_leak_init(void)
{
	table = vmalloc(65536);
	return table ? 0 : -ENOMEM;
}

static void __exit vmalloc_leak_exit(void)
{
	vfree(table);
}

module_init(vmalloc_leak_init);
module_exit(vmalloc_leak_exit);

MODULE_DESCRIPTION("Frees its memory from vmalloc()");
MODULE_LICENSE("GPL");
