// SPDX-License-Identifier: GPL-2.0
/*
 * vmalloc_leak - does not free memory from vmalloc()
 *
 * Purpose
 *	vmalloc() is for memory that is too large for kmalloc(). Free it with
 *	vfree().
 *
 * Usage
 *	kmodlab run modules/faults/vmalloc_leak --load vmalloc_leak
 *
 * What you will see
 *	The verdict is leak: 65536 bytes allocated in vmalloc_leak_init.
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
	table = vmalloc(65536); /* fault */
	return table ? 0 : -ENOMEM;
}

static void __exit vmalloc_leak_exit(void)
{
}

module_init(vmalloc_leak_init);
module_exit(vmalloc_leak_exit);

MODULE_DESCRIPTION("Does not free memory from vmalloc()");
MODULE_LICENSE("GPL");
