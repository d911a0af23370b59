// SPDX-License-Identifier: GPL-2.0
/*
 * kmalloc_leak_fixed - frees what it allocates
 *
 * Purpose
 *	Like kmalloc_leak.c, but the exit function frees the buffer.
 *
 *	To see the difference: diff -u kmalloc_leak.c kmalloc_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/kmalloc_leak --load kmalloc_leak_fixed
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

static char *buffer;

static int __init kmalloc_leak_init(void)
{
	buffer = kmalloc(1024, GFP_KERNEL);
	return buffer ? 0 : -ENOMEM;
}

static void __exit kmalloc_leak_exit(void)
{
	kfree(buffer);
}

module_init(kmalloc_leak_init);
module_exit(kmalloc_leak_exit);

MODULE_DESCRIPTION("Frees what it allocates");
MODULE_LICENSE("GPL");
