// SPDX-License-Identifier: GPL-2.0
/*
 * vmalloc_leak - leaves what vmalloc gave it
 *
 * Purpose
 *	vmalloc() is for what is too large for kmalloc(), and is given back
 *	with vfree().
 *
 * Usage
 *	kmodlab run modules/faults/vmalloc_leak --load vmalloc_leak
 *
 * What you will see
 *	The verdict is leak: 65536 bytes, taken in vmalloc_leak_init.
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
#ifdef FIXED
	vfree(table);
#endif
}

module_init(vmalloc_leak_init);
module_exit(vmalloc_leak_exit);

MODULE_DESCRIPTION("Leaves what vmalloc gave it");
MODULE_LICENSE("GPL");
