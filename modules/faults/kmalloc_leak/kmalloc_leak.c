// SPDX-License-Identifier: GPL-2.0
/*
 * kmalloc_leak - allocates and does not free
 *
 * Purpose
 *	Each load loses 1 KiB until the next boot.
 *
 * Usage
 *	kmodlab run modules/faults/kmalloc_leak --load kmalloc_leak
 *
 * What you will see
 *	The verdict is leak: 1024 bytes allocated in kmalloc_leak_init.
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
	buffer = kmalloc(1024, GFP_KERNEL); /* fault */
	return buffer ? 0 : -ENOMEM;
}

static void __exit kmalloc_leak_exit(void)
{
}

module_init(kmalloc_leak_init);
module_exit(kmalloc_leak_exit);

MODULE_DESCRIPTION("Allocates and does not free");
MODULE_LICENSE("GPL");
